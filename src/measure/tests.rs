use std::{collections::BTreeMap, sync::Arc};

use contract::{Address, AgentId, Author, Body, Content, ConversationId, Inbound, Outbound, Sender, Thread, Timestamp};
use jiff::{SignedDuration, civil::date};
use serde_json::value::RawValue;

use super::{rebuild::counted, *};
use crate::{
    bot::Citation,
    models::Account,
    store::{
        FullEntry,
        conversation::{Conversation, Handoff, Priority},
        entry::{DecisionRecord, Entry, EntryAuthor, Event, Summarised, TurnRecord, What},
    },
    understand::{Entity, Signals},
};

/// The beginning of hour 400,000: 2015-08-19T16:00:00Z.
const START: i64 = 400_000;

/// A conversation, and what was committed to it.
struct Told {
    conversation: Option<Conversation>,
    journal: Vec<FullEntry>,
    tally: Tally,
    misses: Vec<Miss>,
    now: Timestamp,
    next: u64,
}

impl Told {
    fn new() -> Self {
        let now = Timestamp::from_second(START * 3600).unwrap();
        Self { conversation: None, journal: Vec::new(), tally: Tally::default(), misses: Vec::new(), now, next: 1 }
    }

    fn after(mut self, minutes: i64) -> Self {
        self.now += SignedDuration::from_mins(minutes);
        self
    }

    /// One commit: `change` makes it of the conversation as it was.
    fn commit(mut self, entries: Vec<(EntryAuthor, What)>, change: impl FnOnce(&mut Conversation, Timestamp)) -> Self {
        let inbound = Arc::new(Inbound {
            channel: "shop".into(),
            kind: "webchat".into(),
            external_id: String::new(),
            thread: "v1".into(),
            from: Sender {
                address: Address { space: "webchat:shop".into(), handle: "v1".into() },
                name: None,
                email: None,
                phone: None,
                email_verified: false,
                phone_verified: false,
                attributes: Default::default(),
            },
            content: Content::Message(Body::text("Do you ship to Norway? I am ann@example.com, 5551234567")),
            sent_at: None,
            automatic: false,
            related: None,
        });
        let mut after = self.conversation.clone().unwrap_or_else(|| {
            let thread = Thread { channel: "shop".into(), key: "v1".into() };
            let address = inbound.from.address.clone();
            Conversation::open(7.into(), &thread, "webchat", address, 1.into(), self.now)
        });
        change(&mut after, self.now);
        let entries: Vec<Entry> = entries
            .into_iter()
            .map(|(author, what)| {
                self.next += 1;
                Entry { id: self.next.into(), at: self.now, author, what }
            })
            .collect();
        let noted = note(self.conversation.as_ref(), &mut after, &entries, Some(&inbound));
        after.version += 1;
        self.tally.add(noted.counts);
        self.misses.extend(noted.misses);
        self.journal.extend(entries.into_iter().map(|entry| FullEntry {
            conversation: after.id,
            entry,
            inbound: Some(Arc::clone(&inbound)),
            delivery: None,
        }));
        self.conversation = Some(after);
        self
    }

    fn event(self, event: Event, change: impl FnOnce(&mut Conversation, Timestamp)) -> Self {
        self.commit(vec![(EntryAuthor::System, What::Event { event })], change)
    }

    fn asks(self, destination: &str) -> Self {
        let message = message(destination);
        self.commit(vec![(EntryAuthor::Customer, message)], |c, now| {
            c.language = "en".into();
            c.said(now, EntryAuthor::Customer, "Do you ship?");
        })
    }

    /// Answers a question of an action, where the rules would have led to `destination`.
    fn heard_instead(self, destination: &str) -> Self {
        let mut message = message(destination);
        if let What::Message(record) = &mut message
            && let Some(decision) = &mut record.decision
        {
            decision.heard = "order-status".into();
        }
        self.commit(vec![(EntryAuthor::Customer, message)], |c, now| c.said(now, EntryAuthor::Customer, "A10023"))
    }

    fn answered(self) -> Self {
        let entries = vec![(EntryAuthor::Customer, message("answer")), reply(EntryAuthor::Bot, true)];
        self.commit(entries, |c, now| {
            c.language = "en".into();
            c.said(now, EntryAuthor::Bot, "Yes.");
        })
    }

    fn handed_off(self) -> Self {
        let queued = Event::Queued {
            queue: "care".into(),
            reason: "asks for a person".into(),
            priority: Priority::Normal,
            rule: Some("who asks for a person gets one".into()),
        };
        self.event(queued, |c, now| c.hand_off(Handoff::new("care", "asks for a person", now)))
    }

    fn taken_and_answered(self) -> Self {
        let agent = EntryAuthor::Agent { id: AgentId::from(3), name: "Bo".into() };
        self.commit(vec![reply(agent, false)], |c, now| c.assign(AgentId::from(3), now))
    }

    fn closed(self) -> Self {
        self.event(Event::Closed { by: "agt".into() }, |c, now| c.close(now))
    }

    fn reopened(self) -> Self {
        self.event(Event::Reopened, |c, _| c.reopen())
    }

    fn asked_how_it_was(self) -> Self {
        self.event(Event::SatisfactionAsked { template: "how".into() }, |_, _| {})
    }

    fn rated(self, rating: u8, instead: Option<u8>) -> Self {
        self.event(Event::Rated { rating, instead, comment: String::new() }, |_, _| {})
    }

    /// A model was to answer, in so many requests, for so many millionths of a currency.
    fn thought(self, how: &str, steps: u64, (micros, currency): (u64, &str)) -> Self {
        let (how, currency) = (how.to_owned(), currency.to_owned());
        let account = Account { how, steps, tokens: steps.saturating_mul(500), micros, currency, ..Account::default() };
        self.event(Event::ModelThought(account), |c, _| c.language = "en".into())
    }

    fn summarised(self, how: &str, micros: u64) -> Self {
        let account =
            Account { how: how.into(), steps: 1, tokens: 80, micros, currency: "USD".into(), ..Account::default() };
        let summarised = Summarised { by: "Bo".into(), language: "zh".into(), text: "要退货。".into(), account };
        self.event(Event::Summarised(Box::new(summarised)), |_, _| {})
    }

    fn report_at(self, hours: i64) -> Report {
        let counts: Vec<Count> = self.tally.into_counts().collect();
        // As a record reads them: by the day.
        let by_day = counts.into_iter().map(|c| Count { hour: START + (c.hour - START).div_euclid(24) * 24, ..c });
        let days =
            [Day { date: date(2015, 8, 19), begins: START }, Day { date: date(2015, 8, 20), begins: START + 24 }];
        Report::of(&by_day.collect::<Vec<_>>(), &days, &Filter::default(), START + hours)
    }
}

fn message(destination: &str) -> What {
    let language = crate::understand::Signal { value: "en".into(), confidence: 1.0, known: true, terms: vec![] };
    let signals = Signals { language, ..Signals::default() };
    let decision = DecisionRecord {
        rule_set: String::new(),
        rule: "the bot answers".into(),
        destination: destination.into(),
        tags: vec![],
        heard: String::new(),
        facts: RawValue::from_string("{}".into()).unwrap(),
    };
    What::Message(Box::new(TurnRecord { signals: Arc::new(signals), decision: Some(decision) }))
}

fn reply(author: EntryAuthor, cited: bool) -> (EntryAuthor, What) {
    let outbound = Outbound {
        id: 9.into(),
        conversation: ConversationId::from(7),
        channel: "shop".into(),
        to: Address { space: "webchat:shop".into(), handle: "v1".into() },
        thread: "v1".into(),
        queue: None,
        author: Author::Bot,
        body: Body::text("Yes."),
        in_reply_to: None,
    };
    let citation = cited.then(|| Citation { file: "a.en.md".into(), question: "Do you?".into(), score: 0.9 });
    (author, What::Reply { outbound: Box::new(outbound), citation, also: Vec::new() })
}

fn stands(told: Told, hours: i64) -> (u64, u64, u64, u64) {
    let Conversations { opened, contained, handed, under_way } = told.report_at(hours).total.conversations;
    (opened, contained, handed, under_way)
}

#[test]
fn a_conversation_is_contained_that_ended_without_a_person() {
    assert_eq!(stands(Told::new().answered(), 1), (1, 0, 0, 1), "the customer may still write");
    assert_eq!(stands(Told::new().answered(), 24), (1, 1, 0, 0), "a day has passed");
    assert_eq!(stands(Told::new().answered().closed(), 0), (1, 1, 0, 0));
    assert_eq!(stands(Told::new().handed_off(), 0), (1, 0, 1, 0));
    let closed_later = Told::new().handed_off().taken_and_answered().closed();
    assert_eq!(stands(closed_later, 48), (1, 0, 1, 0), "a person was needed, whoever closed it");
    assert_eq!(stands(Told::new().answered().closed().reopened().handed_off(), 1), (1, 0, 1, 0), "it was not over");
    assert_eq!(stands(Told::new().answered().closed().reopened(), 1), (1, 0, 0, 1));
    let returned = Told::new().handed_off().event(Event::ReturnedToBot { by: "agt".into() }, |c, _| c.give_to_bot());
    assert_eq!(stands(returned.closed(), 1), (1, 0, 1, 0), "the bot ended what a person had seen");
}

#[test]
fn each_way_to_a_person_is_counted_under_its_rule() {
    let report = Told::new().handed_off().taken_and_answered().closed().reopened().handed_off().report_at(1);
    let handoffs = Handoffs { rule: "who asks for a person gets one".into(), queue: "care".into(), count: 2 };
    assert_eq!(report.handoffs, [handoffs]);
    assert_eq!(report.queues.len(), 1);
    assert_eq!((report.queues[0].name.as_str(), report.queues[0].conversations.handed), ("care", 1));
    assert_eq!(report.total.containment, Some(0.0));
}

#[test]
fn how_long_the_first_word_took_is_known_to_five_percent() {
    let report = Told::new().asks("answer, no answer, handoff care").handed_off().after(10).taken_and_answered();
    let report = report.after(5).taken_and_answered().report_at(1);
    let ten_minutes = 600_000_f64;
    for times in [report.first_reply, report.person_reply] {
        assert_eq!(times.count, 1);
        let p50 = times.p50.unwrap() as f64;
        assert!((p50 / ten_minutes - 1.0).abs() < 0.05, "{p50}");
    }
}

#[test]
fn questions_without_an_answer_are_kept_without_who_asked() {
    let told = Told::new().answered().asks("answer, no answer, handoff care");
    let told = told.heard_instead("answer, no answer, handoff care");
    assert_eq!(told.misses.len(), 1, "what an action heard was no question to the bot");
    assert_eq!(told.misses[0].text, "Do you ship to Norway? I am ‹email› ‹number›");
    let report = told.report_at(0);
    assert_eq!((report.total.answers, report.total.misses), (1, 1));
}

#[test]
fn actions_are_counted_by_how_they_end_and_how_long_their_calls_took() {
    let action = || "order-status".to_owned();
    let mut told = Told::new();
    for (how, millis) in [("done", 100), ("done", 200), ("cancelled", 400), ("failed", 5000)] {
        let called = Event::ActionCalled { action: action(), outcome: "200".into(), millis: Some(millis) };
        told = told.event(Event::ActionBegun { action: action() }, |_, _| {}).event(called, |_, _| {});
        told = told.event(Event::ActionEnded { action: action(), how: how.into(), inputs: BTreeMap::new() }, |_, _| {});
    }
    let report = told.event(Event::ActionBegun { action: action() }, |_, _| {}).report_at(0);
    let [figures] = &report.actions[..] else { panic!("{:?}", report.actions) };
    assert_eq!((figures.begun, figures.done, figures.cancelled, figures.success), (5, 2, 1, Some(0.5)));
    assert_eq!(figures.otherwise, [("failed".to_owned(), 1)].into());
    assert_eq!(figures.calls.count, 4);
    for (percentile, exact) in [(figures.calls.p50, 200.0), (figures.calls.p90, 5000.0), (figures.calls.p99, 5000.0)] {
        let percentile = percentile.unwrap() as f64;
        assert!((percentile / exact - 1.0_f64).abs() < 0.05, "{percentile} is {exact}");
    }
}

#[test]
fn a_rating_that_is_changed_counts_once_on_the_day_of_the_question() {
    let told = Told::new().answered().closed().asked_how_it_was().after(30 * 60).rated(2, None).rated(4, Some(2));
    let report = told.report_at(31);
    let satisfaction = &report.total.satisfaction;
    assert_eq!((satisfaction.asked, satisfaction.rated, satisfaction.average), (1, 1, Some(4.0)));
    assert_eq!(satisfaction.ratings, [0, 0, 0, 1, 0]);
    assert_eq!((report.days[0].satisfaction.rated, report.days[1].satisfaction.rated), (1, 0));
    assert_eq!(report.days[0].name, "2015-08-19");
}

#[test]
fn what_a_model_costs_is_known_for_each_answer_in_each_currency() {
    let told = Told::new().answered();
    assert_eq!(told.report_at(0).total.model, None, "none was asked");
    let told = Told::new().thought("answered", 2, (4_200, "USD")).thought("answered", 1, (1_800, "USD"));
    let told = told.thought("down", 0, (0, "USD")).thought("steps", 6, (3_001, "USD")).thought("acts", 1, (0, ""));
    let told = told
        .summarised("summarised", 600)
        .summarised("slow", 40)
        .after(24 * 60)
        .thought("answered", 1, (7, "CNY"))
        .thought("uncited", u64::MAX, (u64::MAX, "EUR"));
    let report = told.report_at(24);
    let model = report.total.model.unwrap();
    assert_eq!((model.turns, model.ended["answered"], model.ended["down"], model.answered), (7, 3, 1, Some(3.0 / 7.0)));
    assert_eq!(model.summaries, 1);
    let cost = |micros, answers, micros_per_answer| Cost { micros, summary_micros: 0, answers, micros_per_answer };
    let usd = Cost { summary_micros: 640, ..cost(9_641, 2, Some(4_500)) };
    let costs = [("CNY", cost(7, 1, Some(7))), ("EUR", cost(1_000_000_000_000, 0, None)), ("USD", usd)];
    assert_eq!(model.costs, costs.map(|(currency, cost)| (currency.to_owned(), cost)).into());
    let first = report.days[0].model.as_ref().unwrap();
    assert_eq!((first.turns, first.requests, first.tokens, first.costs.len()), (5, 12, 5_160, 1));
    assert_eq!(report.languages[0].model.as_ref().map(|model| model.turns), Some(7), "each part has its own");
}

#[test]
fn a_filter_takes_a_language_with_all_its_scripts() {
    let count = |language: &str, queue: &str| Count {
        hour: START,
        figure: Figure::Answer,
        channel: "shop".into(),
        language: language.into(),
        queue: queue.into(),
        label: String::new(),
        detail: String::new(),
        count: 1,
    };
    let counts = [count("zh-Hans", ""), count("zh-Hant", "care"), count("en", "care")];
    let answers = |filter: Filter| Report::of(&counts, &[], &filter, START).total.answers;
    assert_eq!(answers(Filter::default()), 3);
    assert_eq!(answers(Filter { language: Some("zh".into()), ..Filter::default() }), 2);
    assert_eq!(answers(Filter { language: Some("zh-Hant".into()), ..Filter::default() }), 1);
    assert_eq!(answers(Filter { queue: Some("care".into()), ..Filter::default() }), 2);
    assert_eq!(answers(Filter { channel: Some("mail".into()), ..Filter::default() }), 0);
}

#[test]
fn what_is_counted_anew_from_the_journal_is_what_was_counted_as_it_grew() {
    let told = Told::new()
        .answered()
        .after(90)
        .asks("answer, no answer, handoff care")
        .event(Event::ActionBegun { action: "order-status".into() }, |_, _| {})
        .event(
            Event::ActionCalled { action: "order-status".into(), outcome: "404".into(), millis: Some(31) },
            |_, _| {},
        )
        .event(
            Event::ActionEnded { action: "order-status".into(), how: "handed_over".into(), inputs: BTreeMap::new() },
            |_, _| {},
        )
        .thought("answered", 2, (4_200, "USD"))
        .after(20)
        .thought("down", 1, (0, "USD"))
        .summarised("summarised", 600)
        .handed_off()
        .after(7)
        .taken_and_answered()
        .closed()
        .asked_how_it_was()
        .after(60)
        .rated(1, None)
        .rated(5, Some(1))
        .reopened()
        .handed_off();
    let (conversation, noted) = counted(told.conversation.clone().unwrap(), &told.journal);
    let mut anew = Tally::default();
    anew.add(noted.counts);
    assert_eq!(anew.into_counts().collect::<Vec<_>>(), told.tally.into_counts().collect::<Vec<_>>());
    assert_eq!(noted.misses, told.misses);
    assert_eq!(conversation.measured, told.conversation.unwrap().measured);
}

#[test]
fn conversations_of_before_the_figures_are_not_counted_by_halves() {
    let thread = Thread { channel: "shop".into(), key: "v1".into() };
    let address = Address { space: "webchat:shop".into(), handle: "v1".into() };
    let now = Timestamp::from_second(START * 3600).unwrap();
    let before = Conversation::open(7.into(), &thread, "webchat", address, 1.into(), now);
    let mut after = before.clone();
    after.close(now);
    let noted = note(Some(&before), &mut after, &[], None);
    assert_eq!(noted, Noted::default());
}

#[test]
fn texts_lose_what_names_a_person() {
    let entity = |kind: &str, text: &str| Entity { kind: kind.into(), text: text.into() };
    for (text, entities, name, masked_text) in [
        ("Where is A10023?", vec![entity("order", "A10023")], None, "Where is ‹order›?"),
        ("打13800138000给王小明", vec![], Some("王小明"), "打‹number›给‹name›"),
        (
            "it cost 20 EUR on 3 May",
            vec![entity("money", "20 EUR"), entity("date", "3 May")],
            None,
            "it cost 20 EUR on 3 May",
        ),
        ("ask bob@x.example", vec![], None, "ask ‹email›"),
        ("two\n\nlines", vec![], None, "two lines"),
        ("", vec![entity("order", " ")], Some(""), ""),
    ] {
        assert_eq!(masked(text, &entities, name), masked_text);
    }
    assert_eq!(masked(&"long ".repeat(1000), &[], None).chars().count(), 300);
}

fn missed(texts: &[(&str, &str)]) -> Vec<Group> {
    let miss = |(id, (language, text)): (u64, &(&str, &str))| Miss {
        id: id.into(),
        conversation: 1.into(),
        channel: "shop".into(),
        language: (*language).to_owned(),
        text: (*text).to_owned(),
    };
    let mut misses: Vec<Miss> = (1..).zip(texts).map(miss).collect();
    misses.reverse();
    grouped(&misses)
}

#[test]
fn questions_that_ask_the_same_are_put_together_in_both_languages() {
    let groups = missed(&[
        ("en", "Do you ship to Norway?"),
        ("zh-Hans", "可以寄到挪威吗"),
        ("en", "can you ship to norway"),
        ("en", "Is the shop wheelchair accessible?"),
        ("zh-Hant", "可以寄到挪威嗎？"),
        ("en", "Shipping to Norway"),
    ]);
    let brief: Vec<(&str, usize)> = groups.iter().map(|group| (group.language.as_str(), group.misses.len())).collect();
    assert_eq!(brief, [("en", 3), ("zh", 2), ("en", 1)], "{groups:#?}");
    assert!(groups[0].question.to_lowercase().contains("norway"));
    assert_eq!(groups[0].wordings.len(), 2);
    assert_eq!(groups[0].misses[0].get(), 6, "newest first");
}

#[test]
fn many_questions_are_put_together_in_bounded_time() {
    let texts: Vec<String> =
        (0..1000).map(|n| format!("how do I wash my w{} with soap and water w{}", n % 97, n)).collect();
    let texts: Vec<(&str, &str)> = texts.iter().map(|text| ("en", text.as_str())).collect();
    let groups = missed(&texts);
    assert_eq!(groups.iter().map(|group| group.misses.len()).sum::<usize>(), 1000);
    assert_eq!(groups, missed(&texts), "the same questions give the same groups");
    assert!(missed(&[]).is_empty());
    assert_eq!(missed(&[("", "?!"), ("en", "")]).len(), 2, "what has no words is like nothing");
}

fn section(file: &str, question: &str) -> Section {
    Section {
        file: file.into(),
        language: "en".into(),
        question: question.into(),
        also: vec!["Shipping\nto Norway".into(), " ".into()],
        answer: "Yes, for **10 EUR**.\n".into(),
    }
}

#[test]
fn a_section_becomes_a_file_that_the_bot_answers_from() {
    let folder = tempfile::tempdir().unwrap();
    let settings = crate::bot::Settings::default();
    let new = section("norway.en.md", "Do you ship to Norway?");
    let knowledge = save(folder.path(), &new, &settings).unwrap();
    let written = std::fs::read_to_string(folder.path().join("norway.en.md")).unwrap();
    let text =
        "---\nlanguage: en\n---\n\n## Do you ship to Norway?\n\n- also: Shipping to Norway\n\nYes, for **10 EUR**.\n";
    assert_eq!(written, text);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    let question = crate::bot::Question { text: "do you ship to norway", language: "en" };
    assert!(matches!(knowledge.answer(&question), crate::bot::Reply::Answer(_)));
    let again = save(folder.path(), &section("norway.en.md", "Anything else"), &settings);
    assert!(matches!(again, Err(SectionError::Exists(_))), "{again:?}");
    let double = save(folder.path(), &section("other.en.md", "Do you ship to Norway?"), &settings);
    assert!(matches!(double, Err(SectionError::Findings(_))), "{double:?}");
    assert_eq!(std::fs::read_to_string(folder.path().join("norway.en.md")).unwrap(), text);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_section_is_written_in_the_folder_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let knowledge = folder.path().join("knowledge");
    for name in
        ["../x.md", "a/b.md", "/etc/x.md", ".hidden.md", "x.txt", "x..md.md", "", ".md", "X.md", "x\0.md", "日.md"]
    {
        let refused = save(&knowledge, &section(name, "Do you ship?"), &crate::bot::Settings::default());
        assert!(matches!(refused, Err(SectionError::Wrong(_))), "{name:?}: {refused:?}");
    }
    let mut large = section("large.md", "Do you ship?");
    large.answer = "x".repeat(300 * 1024);
    assert!(matches!(save(&knowledge, &large, &Default::default()), Err(SectionError::Wrong(_))));
    let forged = Section { language: "en\ntags: [x]".into(), ..section("x.md", "Do you ship?") };
    assert!(matches!(save(&knowledge, &forged, &Default::default()), Err(SectionError::Findings(_))));
    assert!(!knowledge.exists(), "nothing was written");
}

#[cfg(unix)]
#[test]
fn a_section_does_not_follow_a_link_out_of_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let outside = folder.path().join("outside.md");
    let knowledge = folder.path().join("knowledge");
    std::fs::create_dir(&knowledge).unwrap();
    std::os::unix::fs::symlink(&outside, knowledge.join("link.md")).unwrap();
    let refused = save(&knowledge, &section("link.md", "Do you ship?"), &Default::default());
    assert!(matches!(refused, Err(SectionError::Exists(_))), "{refused:?}");
    assert!(!outside.exists());
}
