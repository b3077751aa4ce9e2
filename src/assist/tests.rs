use std::{collections::BTreeMap, sync::Arc};

use contract::{
    Address, AgentId, Body, Content, EntryId, Inbound, MessageId, Outbound, OutboundId, Sender, Thread, Timestamp,
};
use jiff::tz::TimeZone;
use serde_json::{Value as Json, json};

use super::*;
use crate::{
    actions::{Dialogue, Heard, Identity, Means, Problem, Scene, Who},
    bot::{Citation, Knowledge, Settings},
    calls::{Failure, Returned},
    models::Account,
    routing::{RuleSet, SourceFile, TemplateContext, load},
    store::{
        FullEntry,
        conversation::{Conversation, Priority},
        entry::{Acted, DecisionRecord, Entry, EntryAuthor, Event, Summarised, TurnRecord, What},
    },
    understand::{Entity, Mood, Sentiment, SentimentLabel, Signal, Signals},
};

const SHOP: &str = r#"
systems:
  shop: {url: https://shop.example/api}
actions:
  order-status:
    title: {en: Order status, zh: 订单状态}
    inputs:
      order: {title: {en: order number, zh: 订单号}, entity: order, pattern: "[A-Z][0-9]{5}", ask: {en: Which order?, zh: 哪个订单？}}
    call: {system: shop, get: "/orders/{{ inputs.order }}"}
    outputs: {status: body.status}
    outcomes: [{when: status == 404, say: {en: "No order {{ inputs.order }}.", zh: "没有订单。"}, ask: order}, {say: {en: "It is {{ outputs.status }}.", zh: "状态：{{ outputs.status }}。"}}]
  book:
    title: {en: Book an appointment, zh: 预约}
    identity: known
    inputs:
      service: {title: {en: service, zh: 服务}, choices: {repair: {en: A repair, zh: 维修}, fitting: {en: A fitting, zh: 试衣}}, ask: {en: What for?, zh: 什么服务？}}
      day: {title: {en: day, zh: 日期}, type: date, ask: {en: Which day?, zh: 哪一天？}}
      start:
        title: {en: time, zh: 时间}
        choices: {call: {system: shop, get: /slots, query: {day: "{{ inputs.day }}"}}, each: body.slots, value: item.start, title: {en: "{{ item.start | when('en') }}", zh: "{{ item.start | when('zh') }}"}, none: {en: Nothing is free., zh: 约满了。}}
        ask: {en: When?, zh: 几点？}
      name: {title: {en: name, zh: 姓名}, from: customer.name, ask: {en: What name?, zh: 怎么称呼？}}
    confirm: {en: "Book {{ inputs.start | when('en') }} for {{ inputs.name }}?", zh: "为{{ inputs.name }}预约{{ inputs.start | when('zh') }}？"}
    call: {system: shop, post: /appointments, body: {start: "{{ inputs.start }}"}}
    outcomes: [{say: {en: Booked., zh: 已预约。}}]
"#;

const INTENTS: &str = r#"
intents:
  return: {topics: [returns], examples: [How do I return an item?, I want to send this back, 怎么退货]}
  order-status: {examples: [Where is my order?, has my parcel been sent, 我的订单到哪了]}
"#;

const TEMPLATES: &str = r#"
templates:
  agent-hello: {en: "Hello{% if customer.name %} {{ customer.name }}{% endif %}!", zh: 您好！}
  agent-return: {en: Send it back within 30 days., zh: 30 天内可以退货。}
  agent-order-status: {en: Let me look it up., zh: 我来查一下。}
  handing-over: {en: A colleague takes over., zh: 正在转接。}
"#;

fn rules() -> Arc<RuleSet> {
    let file = |name: &str, text: &str| SourceFile { name: name.to_owned(), text: text.to_owned() };
    let loaded = load(&[
        file("10-all.yaml", "rules:\n  - name: all\n    then: [{ignore: true}]\n"),
        file("intents.yaml", INTENTS),
        file("queues.yaml", "queues: {care: {title: {en: Customer care, zh: 客户服务}}}"),
        file("skills.yaml", "languages: [en, zh]"),
        file("templates.yaml", TEMPLATES),
        file("actions/shop.yaml", SHOP),
    ]);
    loaded.rules.unwrap_or_else(|| panic!("{:?}", loaded.findings))
}

fn conversation() -> Conversation {
    let thread = Thread { channel: "shop".into(), key: "v1".into() };
    let address = Address { space: "webchat:shop".into(), handle: "v1".into() };
    Conversation::open(1.into(), &thread, "webchat", address, 1.into(), Timestamp::UNIX_EPOCH)
}

/// A journal that is written one after the other.
#[derive(Default)]
struct Journal(Vec<FullEntry>);

impl Journal {
    fn push(mut self, author: EntryAuthor, what: What, inbound: Option<Arc<Inbound>>) -> Self {
        let id = EntryId::from(u64::try_from(self.0.len()).unwrap() + 1);
        let entry = Entry { id, at: Timestamp::UNIX_EPOCH, author, what };
        self.0.push(FullEntry { conversation: 1.into(), entry, inbound, delivery: None });
        self
    }

    fn says(self, text: &str, tone: SentimentLabel, intent: Option<&str>, destination: &str) -> Self {
        let known = |value: &str| Signal { value: value.to_owned(), confidence: 0.9, known: true, terms: Vec::new() };
        let label = Signal { value: tone, confidence: 0.9, known: true, terms: Vec::new() };
        let signals =
            Signals { sentiment: Sentiment { label, score: 0.0 }, intent: intent.map(known), ..Signals::default() };
        let decision = DecisionRecord {
            rule_set: String::new(),
            rule: "r".into(),
            destination: destination.into(),
            tags: Vec::new(),
            heard: String::new(),
            facts: serde_json::value::to_raw_value(&()).unwrap(),
        };
        let record = TurnRecord { signals: Arc::new(signals), decision: Some(decision) };
        let from = Sender {
            address: conversation().address,
            name: None,
            email: None,
            phone: None,
            email_verified: false,
            phone_verified: false,
            attributes: BTreeMap::default(),
        };
        let inbound = Inbound {
            channel: "shop".into(),
            kind: "webchat".into(),
            external_id: text.into(),
            thread: "v1".into(),
            from,
            content: Content::Message(Body::text(text)),
            sent_at: None,
            automatic: false,
            related: None,
        };
        self.push(EntryAuthor::Customer, What::Message(Box::new(record)), Some(Arc::new(inbound)))
    }

    fn answers(self, question: &str, file: &str) -> Self {
        let c = conversation();
        let outbound = Outbound {
            id: OutboundId::from(1),
            conversation: c.id,
            channel: c.channel,
            to: c.address,
            thread: c.thread,
            queue: None,
            author: contract::Author::Bot,
            body: Body::text("…"),
            in_reply_to: None,
        };
        let citation = Some(Citation { file: file.into(), question: question.into(), score: 0.8 });
        self.push(EntryAuthor::Bot, What::Reply { outbound: Box::new(outbound), citation, also: Vec::new() }, None)
    }

    fn event(self, event: Event) -> Self {
        self.push(EntryAuthor::System, What::Event { event }, None)
    }
}

fn inputs(of: &[(&str, Json)]) -> BTreeMap<String, Json> {
    of.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

/// Each line as `kind: text (title: value; …)`.
fn told(journal: &Journal, conversation: &Conversation, others: &[&Conversation], language: &str) -> Vec<String> {
    let rules = rules();
    let lines = summary(&Seen {
        conversation,
        entries: &journal.0,
        others,
        identity: Identity::Known,
        actions: rules.actions(),
        queue: &|name| rules.queues().get(name).map(|queue| queue.title.clone()),
        agent: &|_| "Ann".to_owned(),
        zone: rules.zone(),
        tongue: Tongue::of(language),
    });
    let told = lines.into_iter().map(|line| {
        let details: Vec<String> =
            line.details.iter().map(|Detail { title, value }| format!("{title}: {value}")).collect();
        let kind = serde_json::to_value(line.kind).unwrap();
        let details = if details.is_empty() { String::new() } else { format!(" ({})", details.join("; ")) };
        format!("{}: {}{details}", kind.as_str().unwrap(), line.text)
    });
    told.collect()
}

fn begun(action: &str) -> Event {
    Event::ActionBegun { action: action.into() }
}

fn called(action: &str, outcome: &str) -> Event {
    Event::ActionCalled { action: action.into(), outcome: outcome.into(), millis: None }
}

fn ended(action: &str, how: &str, of: &[(&str, Json)]) -> Event {
    Event::ActionEnded { action: action.into(), how: how.into(), inputs: inputs(of) }
}

#[test]
fn what_happened_is_told_in_the_agents_language() {
    use SentimentLabel::{Negative, Neutral, VeryNegative};
    let queued = Event::Queued {
        queue: "care".into(),
        reason: "The customer is angry.".into(),
        priority: Priority::High,
        rule: Some("angry".into()),
    };
    let acts = Event::AgentActs {
        action: "book".into(),
        by: "Ann".into(),
        inputs: inputs(&[("service", json!("repair")), ("start", json!("2026-12-03T15:00:00+08:00"))]),
        checked: true,
    };
    let acted = Event::AgentActed(Box::new(Acted {
        action: "book".into(),
        by: "Ann".into(),
        outcome: "201".into(),
        how: "done".into(),
        outputs: serde_json::Map::new(),
        told: String::new(),
    }));
    let whole = Journal::default()
        .event(Event::Opened)
        .says("How do I return an item?", Neutral, None, "answer")
        .answers("How do I return an item?", "returns.en.md")
        .says("Where is A10023?", Neutral, Some("order-status"), "do order-status")
        .event(begun("order-status"))
        .event(called("order-status", "404"))
        .event(called("order-status", "slow"))
        .event(ended("order-status", "slow", &[("order", json!("A10023"))]))
        .says("do you sell hats", Negative, None, "answer, no answer, ignore")
        .says("This is a disgrace", VeryNegative, None, "handoff care")
        .event(queued)
        .event(acts)
        .event(acted);
    let mut angry = conversation();
    angry.language = "zh-Hans".into();
    angry.mood = Mood { average: -0.6, slope: -0.2, negatives_in_a_row: 2 };
    let mut other = conversation();
    other.previous_agent = Some(AgentId::from(1));
    let begins = Journal::default().says("where is it", Neutral, None, "do order-status").event(begun("order-status"));
    let short = Journal::default().says("hi", Neutral, None, "answer, no answer, ignore");
    type Row<'a> = (&'a Journal, &'a Conversation, &'a [&'a Conversation], &'a str, &'a [&'a str]);
    let rows: [Row<'_>; 4] = [
        (
            &whole,
            &angry,
            &[&other],
            "en-GB",
            &[
                "wants: The customer wants: Order status. (First words: How do I return an item?; Last words: This is a disgrace)",
                "answer: Answered from “How do I return an item?” (returns.en.md).",
                "action: Order status: not done, the system took too long. (order number: A10023; shop: knows nothing of it (404), took too long)",
                "answer: Had no answer to one of the questions.",
                "handed_over: Handed over to Customer care by the rule “angry”. (Reason: The customer is angry.)",
                "agent_action: Book an appointment, by Ann, who checked who the customer is: done. (service: A repair; time: Thu 3 Dec, 15:00; shop: answered (201))",
                "mood: Tone: neutral at first, very negative now, 2 negative messages in a row.",
                "customer: The customer writes Chinese; an address of theirs is known, but not who they are.",
                "earlier: One other conversation, on 1970-01-01, with Ann.",
            ],
        ),
        (
            &whole,
            &angry,
            &[&other],
            "zh",
            &[
                "wants: 客户诉求：订单状态。 (首条消息: How do I return an item?; 最后消息: This is a disgrace)",
                "answer: 已按“How do I return an item?”作答（returns.en.md）。",
                "action: 订单状态：未办成，系统响应超时。 (订单号: A10023; shop: 没有找到（404），响应超时)",
                "answer: 有一个问题没有找到答案。",
                "handed_over: 按规则“angry”转到客户服务。 (原因: The customer is angry.)",
                "agent_action: 预约（由Ann操作，已自行核实客户身份）：已完成。 (服务: 维修; 时间: 12月3日 周四 15:00; shop: 已答复 (201))",
                "mood: 语气：起初平和，现在非常负面，已连续 2 条负面消息。",
                "customer: 客户使用中文；已留联系方式，身份未验证。",
                "earlier: 另有 1 次对话，最近一次在 1970-01-01，由Ann接待。",
            ],
        ),
        (
            &begins,
            &conversation(),
            &[],
            "en",
            &[
                "wants: The customer wants: Order status. (First words: where is it)",
                "action: Order status: not finished.",
                "mood: Tone: neutral.",
                "customer: Customer: an address of theirs is known, but not who they are.",
            ],
        ),
        (
            &short,
            &conversation(),
            &[],
            "zh-TW",
            &[
                "wants: 客户原话如下。 (首条消息: hi)",
                "answer: 有一个问题没有找到答案。",
                "mood: 语气：平和。",
                "customer: 客户：已留联系方式，身份未验证。",
            ],
        ),
    ];
    for (journal, conversation, others, language, expected) in rows {
        assert_eq!(told(journal, conversation, others, language), expected, "{language}");
    }
    let first = MessageId::from(2).to_string();
    let rules = rules();
    let lines = summary(&Seen {
        conversation: &angry,
        entries: &whole.0,
        others: &[],
        identity: Identity::None,
        actions: rules.actions(),
        queue: &|_| None,
        agent: &|_| String::new(),
        zone: &TimeZone::UTC,
        tongue: Tongue::English,
    });
    assert_eq!(lines[0].entry.as_deref(), Some(first.as_str()), "a line leads to where it was read");
}

#[test]
fn every_word_of_a_failure_is_said_in_both_languages() {
    for failure in Failure::ALL {
        for tongue in [Tongue::English, Tongue::Chinese] {
            let said = tongue.ended(failure.as_str());
            assert!(said != failure.as_str() && !said.is_empty(), "{failure:?}: {said}");
        }
    }
}

#[test]
fn passages_are_of_the_customers_language_and_each_stands_once() {
    let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let files = [
        file(
            "a.en.md",
            "---\nlanguage: en\n---\n## How do I return an item?\nWithin 30 days.\n\n## When does my parcel arrive?\nIn two days.\n",
        ),
        file("a.zh.md", "---\nlanguage: zh\n---\n## 怎么退货？\n30 天内可以退货。\n"),
    ];
    let knowledge = Knowledge::from_files(files, &Settings::default()).unwrap();
    let titles = |asked: &[&str], language: &str| -> Vec<String> {
        passages(&knowledge, asked, language).into_iter().map(|passage| passage.title).collect()
    };
    assert_eq!(titles(&["I want to return an item", "how do I return items?"], "en")[0], "How do I return an item?");
    assert_eq!(titles(&["我想退货"], "zh-Hans"), ["怎么退货？"]);
    assert!(titles(&["我想退货"], "fi").is_empty(), "nothing is known in their language");
    assert!(titles(&["blue elephants dance"], "en").is_empty());
}

#[test]
fn templates_for_agents_are_suggested_where_they_fit() {
    let rules = rules();
    let context = TemplateContext { customer_name: Some("Emma"), ..TemplateContext::default() };
    let suggested = |wanted: &[&str], language| -> Vec<String> {
        replies(&rules, wanted, language, &context).into_iter().map(|reply| reply.text).collect()
    };
    assert_eq!(suggested(&["return"], Some("en")), ["Send it back within 30 days.", "Hello Emma!"]);
    assert_eq!(suggested(&[], Some("zh-Hans")), ["您好！"]);
}

struct Stage {
    rules: Arc<RuleSet>,
    who: Who,
    zone: TimeZone,
}

impl Stage {
    fn scene<'s>(&'s self, action: &'s str) -> Scene<'s> {
        Scene {
            action,
            who: &self.who,
            language: "en",
            default_language: "en",
            conversation: "cnv_1",
            message: "msg_1",
            text: "",
            ticket: None,
            next_ticket: None,
            now: "2026-12-01T10:00:00+08:00".parse().unwrap(),
            zone: &self.zone,
            means: Means::NONE,
        }
    }
}

fn stage() -> Stage {
    let who = Who { name: Some("Emma".into()), ..Who::default() };
    Stage { rules: rules(), who, zone: TimeZone::get("Asia/Shanghai").unwrap() }
}

#[test]
fn a_form_knows_what_the_customer_said() {
    let stage = stage();
    let scene = stage.scene("order-status");
    let spec = &stage.rules.actions().actions["order-status"];
    let order = |text: &str| vec![Entity { kind: "order".into(), text: text.into() }];
    let (new, old) = (order("A10024"), order("A10023"));
    let said = [
        Heard { text: "no, A10024", pressed: None, entities: &new },
        Heard { text: "where is A10023", pressed: None, entities: &old },
    ];
    let known = |said: &[Heard<'_>], gathered: &[(&str, Json)]| {
        stage.rules.actions().known_for(&scene, spec, said, &inputs(gathered))
    };
    assert_eq!(known(&said, &[("order", json!("A10023"))]), inputs(&[("order", json!("A10024"))]));
    assert_eq!(known(&[], &[("order", json!("A10023"))]), inputs(&[("order", json!("A10023"))]));
    assert!(known(&[], &[]).is_empty());
}

#[test]
fn a_form_takes_what_fits_looks_up_what_is_offered_and_confirms() {
    let stage = stage();
    let actions = stage.rules.actions();
    let scene = stage.scene("book");
    let slots = json!({"slots": [{"start": "2026-12-03T10:00:00+08:00"}, {"start": "2026-12-03T15:00:00+08:00"}]});
    let answer = |body: &Json| Returned::Answer { status: 200, body: body.clone() };
    let filled = |given: &[(&str, Json)], returned: &Returned| {
        let mut form = actions.form(&scene, &inputs(given)).unwrap();
        while let Some(look_up) = actions.next_look_up(&scene, &form) {
            actions.looked_up(&scene, &mut form, &look_up, returned);
        }
        form
    };
    let day = ("day", json!("2026-12-03"));
    let service = ("service", json!("repair"));
    let name = ("name", json!("Emma"));

    let form = filled(std::slice::from_ref(&service), &answer(&slots));
    assert!(form.fields[2].choices.is_none(), "no day, no times");
    let form = filled(&[service.clone(), ("day", json!("the day after tomorrow"))], &answer(&slots));
    assert_eq!(form.values()["day"], "2026-12-03", "as people write it");
    assert_eq!(form.fields[2].choices.as_ref().unwrap()[1].title, "Thu 3 Dec, 15:00");
    assert!(!form.is_complete());

    let chosen = ("start", json!("2026-12-03T15:00:00+08:00"));
    let form = filled(&[service.clone(), day.clone(), chosen, name.clone()], &answer(&slots));
    assert!(form.is_complete());
    assert_eq!(actions.confirmation(&scene, &form), "Book Thu 3 Dec, 15:00 for Emma?");

    let stranger = ("start", json!("2026-12-03T23:00:00+08:00"));
    let form = filled(&[service.clone(), day.clone(), stranger, name.clone()], &answer(&slots));
    assert_eq!((form.fields[2].problem.clone(), form.is_complete()), (Some(Problem::NotOffered), false));
    let form = filled(&[service.clone(), day.clone(), name.clone()], &answer(&json!({"slots": []})));
    assert_eq!(form.fields[2].problem, Some(Problem::NoneOffered("Nothing is free.".into())));
    let form = filled(&[service.clone(), day, name.clone()], &Returned::Failed(Failure::Slow));
    assert!(matches!(form.fields[2].problem, Some(Problem::Failed(_))));
    for (input, wrong) in [("service", json!("surgery")), ("day", json!("someday")), ("service", json!({"a": 1}))] {
        let form = filled(&[(input, wrong.clone())], &answer(&slots));
        let field = form.fields.iter().find(|field| field.input.name == input).unwrap();
        assert_eq!(field.problem, Some(Problem::NotFitting), "{input}: {wrong}");
    }
    assert!(actions.form(&stage.scene("no-such"), &inputs(&[])).is_none());
}

#[test]
fn an_act_reads_as_it_was_written() {
    let stage = stage();
    let scene = stage.scene("book");
    let dialogue = Dialogue::at_call(&scene, inputs(&[("name", json!("Emma"))]), "ent_1-do".into());
    let (agent, name) = (AgentId::from(7), "Ann".to_owned());
    let act = AgentAct { agent, name, language: "zh".into(), checked: true, dialogue };
    let conversation = Conversation { agent_act: Some(Box::new(act)), ..conversation() };
    let written = serde_json::to_string(&conversation).unwrap();
    assert_eq!(serde_json::from_str::<Conversation>(&written).unwrap(), conversation);
}

fn summarised(language: &str, of: u64, text: &str) -> Event {
    let account = Account { of: EntryId::from(of).to_string(), how: "summarised".into(), ..Account::default() };
    let (by, language, text) = ("Ann".to_owned(), language.to_owned(), text.to_owned());
    Event::Summarised(Box::new(Summarised { by, language, text, account }))
}

#[test]
fn a_summary_is_current_until_something_else_happens() {
    let seen = |journal: &Journal, tongue| recap(&journal.0, tongue).map(|recap| (recap.text, recap.current));
    let journal = Journal::default().says("where is it", SentimentLabel::Neutral, None, "queue");
    assert_eq!(seen(&journal, Tongue::English), None);
    let journal = journal.event(summarised("en", 1, "It is asked for.")).event(summarised("en", 1, ""));
    assert_eq!(
        seen(&journal, Tongue::English),
        Some(("It is asked for.".into(), true)),
        "one that failed says nothing"
    );
    assert_eq!(seen(&journal, Tongue::Chinese), None);
    let journal = journal.event(summarised("zh", 1, "在问订单。"));
    assert_eq!(seen(&journal, Tongue::Chinese), Some(("在问订单。".into(), true)));
    assert_eq!(seen(&journal, Tongue::English), Some(("It is asked for.".into(), true)), "summaries change nothing");
    let journal = journal.says("hello?", SentimentLabel::Neutral, None, "queue");
    assert_eq!(seen(&journal, Tongue::English), Some(("It is asked for.".into(), false)));
    let kept = serde_json::to_value(&journal.0[3].entry.what).unwrap();
    assert!(matches!(serde_json::from_value(kept), Ok(What::Event { event: Event::Summarised(_) })));
}
