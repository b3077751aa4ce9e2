//! The same expression on the same facts by the `cel` crate's own interpreter: what the evaluator is held against.

use std::{collections::BTreeMap, sync::Arc};

use cel::{Context, Env, Program, Value as Cel, extractors::This, objects::Key};
use proptest::prelude::*;

use super::{FIELDS, Needles, QUEUE_FIELDS, Scope, TextIndex, Val, Vocabulary, World, compile, words};
use crate::{
    routing::{
        calendar::{Calendar, Span},
        facts::{
            ConversationFacts, CustomerFacts, Facts, IntentFacts, MessageFacts, MoodFacts, Now, Owner, Priority,
            QueueFacts, SentimentFacts, SlaFacts,
        },
        rule::{SlaClock, Trigger},
    },
    understand::{Entity, SentimentLabel},
};

fn literal(source: &str) -> Cel {
    Program::compile(source).unwrap().execute(&Context::default()).unwrap()
}

fn cel(value: &Val<'_>) -> Cel {
    match value {
        Val::Bool(value) => Cel::Bool(*value),
        Val::Int(value) => Cel::Int(*value),
        Val::Double(value) => Cel::Float(*value),
        Val::Text(text) => text.as_ref().into(),
        Val::Duration(duration) => literal(&format!("duration('{}s')", duration.as_secs())),
        Val::Time(time) => literal(&format!("timestamp('{time}')")),
        Val::Texts(list) => Cel::List(Arc::new(list.iter().map(|text| Cel::from(text.as_str())).collect())),
        Val::Entities(list) => Cel::List(Arc::new(list.iter().map(|entity| cel(&Val::Entity(entity))).collect())),
        Val::Entity(entity) => {
            let fields = [("kind", entity.kind.as_str()), ("text", entity.text.as_str())];
            cel_map(fields.into_iter().map(|(key, text)| (key.to_owned(), Cel::from(text))).collect())
        }
        Val::Map(map) => cel_map(map.iter().map(|(key, text)| (key.clone(), Cel::from(text.as_str()))).collect()),
    }
}

fn cel_map(entries: BTreeMap<String, Cel>) -> Cel {
    let map: std::collections::HashMap<Key, Cel> =
        entries.into_iter().map(|(key, value)| (key.into(), value)).collect();
    Cel::Map(map.into())
}

/// The facts as nested CEL maps; what is unknown is absent.
#[derive(Default)]
struct Tree {
    value: Option<Cel>,
    parts: BTreeMap<String, Tree>,
}

impl Tree {
    fn at(&mut self, path: &str) -> &mut Self {
        path.split('.').fold(self, |tree, part| tree.parts.entry(part.to_owned()).or_default())
    }

    fn cel(self) -> Option<Cel> {
        let Self { value, parts } = self;
        value.or_else(|| Some(cel_map(parts.into_iter().filter_map(|(key, part)| Some((key, part.cel()?))).collect())))
    }
}

fn tree(scope: &Scope<'_>) -> Tree {
    let mut tree = Tree::default();
    for field in FIELDS {
        let (group, name) = field.path.rsplit_once('.').unwrap();
        let group = tree.at(group);
        if let Some(value) = (field.get)(scope) {
            group.at(name).value = Some(cel(&value));
        }
    }
    for (name, queue) in &*scope.facts.queues {
        let group = tree.at("queues").at(name);
        for field in QUEUE_FIELDS {
            if let Some(value) = (field.get)(queue) {
                group.at(field.name).value = Some(cel(&value));
            }
        }
    }
    tree.at("queues");
    tree
}

/// What the interpreter says: `None` is an error, such as a field that is absent.
fn interpret(source: &str, scope: &Scope<'_>, open: bool) -> Option<bool> {
    let mut env = Env::stdlib();
    env.add_extension(cel::extensions::strings).unwrap();
    let env = Arc::new(env);
    let program = env.compile(source).unwrap();
    let mut context = Context::with_env(env);
    context.add_function("open", move |_: Arc<String>| open).unwrap();
    context
        .add_function("any_word", |This(text): This<Arc<String>>, list: Arc<Vec<Cel>>| {
            let list: Vec<String> = list
                .iter()
                .filter_map(|one| match one {
                    Cel::String(word) => Some(word.to_string()),
                    _ => None,
                })
                .collect();
            words::any_word(&text, list.iter().map(String::as_str))
        })
        .unwrap();
    for (name, part) in tree(scope).parts {
        context.add_variable_from_value(name, part.cel().unwrap());
    }
    match program.execute(&context) {
        Ok(Cel::Bool(truth)) => Some(truth),
        Ok(other) => panic!("{source} is {other:?}"),
        Err(_) => None,
    }
}

/// Facts from a few dice, small enough for random conditions to meet them.
fn facts(dice: [u8; 32]) -> Facts {
    let mut dice = dice.into_iter().cycle();
    let mut roll = |sides: u8| usize::from(dice.next().unwrap() % sides);
    let words = ["refund", "退款", "VIP", "hello", "zebra"];
    let mut list = |sides: u8| -> Vec<String> { (0..roll(sides)).map(|_| words[roll(5)].to_owned()).collect() };
    let (topics, tags, channels, attachments) = (list(3), list(4), list(2), list(2));
    let texts = ["I want a refund!", "我要退款 VIP", "Hello hello", "", "zebras bill REFUND"];
    let number = |roll: usize| (roll > 0).then(|| [0.0, 0.25, 0.5, 0.9, -0.5][roll - 1]);
    let word = |roll: usize| (roll > 0).then(|| words[roll - 1].to_owned());
    let labels = [SentimentLabel::VeryNegative, SentimentLabel::Negative, SentimentLabel::Neutral];
    let seconds = |roll: usize| (roll > 0).then(|| jiff::SignedDuration::from_secs([60, 300, 3600][roll - 1]));
    let time = |roll: usize| {
        let moments = ["2026-11-23T09:00:00Z", "2026-11-22T23:30:00Z", "2026-01-01T00:00:00Z"];
        (roll > 0).then(|| moments[roll - 1].parse().unwrap())
    };
    let attributes = |roll: usize| -> BTreeMap<String, String> {
        [("plan", "gold"), ("vip", "refund")][..roll].iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    };
    Facts {
        on: Trigger::Message,
        after: 0,
        message: MessageFacts {
            text: texts[roll(5)].to_owned(),
            subject: word(roll(6)),
            channel: ["shop", "mail"][roll(2)].to_owned(),
            kind: ["webchat", "email"][roll(2)].to_owned(),
            language: [None, Some("en"), Some("zh-Hans")][roll(3)].map(str::to_owned),
            sentiment: SentimentFacts {
                label: [None, Some(labels[0]), Some(labels[1]), Some(labels[2])][roll(4)],
                score: number(roll(6)),
                confidence: number(roll(5)),
            },
            urgency: number(roll(6)),
            intent: IntentFacts { name: word(roll(6)), confidence: None },
            topics,
            complaint: number(roll(5)),
            churn_risk: None,
            wants_human: number(roll(5)),
            thanks: None,
            spam: number(roll(5)),
            automatic: roll(2) == 1,
            attachments,
            entities: (0..roll(3))
                .map(|n| Entity { kind: ["order", "email"][n].into(), text: words[n].into() })
                .collect(),
            event: ["message", "postback"][roll(2)].to_owned(),
        },
        conversation: ConversationFacts {
            id: "cnv_1".into(),
            owner: [Owner::Bot, Owner::Queue][roll(2)],
            queue: [None, Some("care".to_owned())][roll(2)].clone(),
            action: word(roll(6)),
            priority: [Priority::Normal, Priority::High][roll(2)],
            tags,
            attributes: attributes(roll(3)),
            messages: i64::try_from(roll(4)).unwrap(),
            bot_turns: i64::try_from(roll(3)).unwrap(),
            bot_misses: i64::try_from(roll(3)).unwrap(),
            mood: MoodFacts { average: number(roll(6)), slope: None, negatives_in_a_row: 1 },
            opened_at: time(roll(4)),
            idle: seconds(roll(4)),
            waiting: seconds(roll(4)),
            previous_agent: word(roll(6)),
            reopened: roll(2) == 1,
            language: [None, Some("zh-Hans")][roll(2)].map(str::to_owned),
            sla: SlaFacts { clock: [None, Some(SlaClock::NextReply)][roll(2)], left: seconds(roll(4)) },
        },
        customer: CustomerFacts {
            id: "cus_1".into(),
            name: word(roll(6)),
            tier: [None, Some("gold".to_owned())][roll(2)].clone(),
            attributes: attributes(roll(3)),
            verified: roll(2) == 1,
            channels,
            contacts_24h: i64::try_from(roll(5)).unwrap(),
            first_seen: time(roll(4)),
            ..CustomerFacts::default()
        },
        queues: match roll(2) {
            0 => Arc::default(),
            _ => {
                let care = QueueFacts { waiting: 2, longest_wait: seconds(roll(4)), ..Default::default() };
                Arc::new([("care".to_owned(), care)].into())
            }
        },
        now: Now { time: time(1 + roll(3)).unwrap() },
    }
}

fn text() -> BoxedStrategy<String> {
    let fields = prop::sample::select(vec![
        "message.text",
        "message.subject",
        "message.channel",
        "message.kind",
        "message.language",
        "message.intent.name",
        "conversation.previous_agent",
        "customer.name",
        "customer.tier",
        "customer.attributes.plan",
        "customer.attributes[\"vip\"]",
        "conversation.attributes.plan",
    ]);
    prop_oneof![
        4 => fields.clone().prop_map(str::to_owned),
        1 => fields.prop_map(|field| format!("{field}.lowerAscii()")),
        1 => literal_text(),
    ]
    .boxed()
}

const TEXTS: [&str; 12] =
    ["refund", "退款", "VIP", "gold", "shop", "webchat", "en", "zh-Hans", "hello", "e", "plan", ""];

fn literal_text() -> BoxedStrategy<String> {
    prop::sample::select(TEXTS.to_vec()).prop_map(|text| format!("\"{text}\"")).boxed()
}

fn int(depth: u32) -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        prop::sample::select(vec![
            "conversation.messages",
            "conversation.bot_turns",
            "conversation.bot_misses",
            "customer.contacts_24h",
            "queues.care.waiting",
            "now.hour",
            "message.topics.size()",
            "size(conversation.tags)",
            "message.text.size()",
            "message.entities.size()",
            "conversation.attributes.size()",
            "conversation.tags.filter(t, t == \"VIP\").size()",
            "message.entities.filter(e, e.kind == \"order\").size()",
        ])
        .prop_map(str::to_owned),
        (-2_i64..4).prop_map(|n| n.to_string()),
        Just("9223372036854775807".to_owned()),
    ];
    leaf.prop_recursive(depth, 8, 2, |inner| {
        (inner.clone(), prop::sample::select(vec!["+", "-", "*", "/", "%"]), inner)
            .prop_map(|(a, op, b)| format!("({a} {op} {b})"))
    })
    .boxed()
}

fn double(depth: u32) -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        prop::sample::select(vec![
            "message.urgency",
            "message.complaint",
            "message.churn_risk",
            "message.wants_human",
            "message.thanks",
            "message.spam",
            "message.sentiment.score",
            "message.sentiment.confidence",
            "conversation.mood.average",
        ])
        .prop_map(str::to_owned),
        prop::sample::select(vec!["0.0", "0.5", "-0.5", "1.0"]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(depth, 8, 2, |inner| {
        (inner.clone(), prop::sample::select(vec!["+", "-", "*", "/"]), inner)
            .prop_map(|(a, op, b)| format!("({a} {op} {b})"))
    })
    .boxed()
}

fn duration() -> BoxedStrategy<String> {
    prop::sample::select(vec![
        "conversation.idle",
        "conversation.waiting",
        "conversation.sla.left",
        "queues.care.longest_wait",
        "duration(\"5m\")",
        "duration(\"1h30m\")",
        "(now.time - conversation.opened_at)",
        "(conversation.idle + duration(\"60s\"))",
    ])
    .prop_map(str::to_owned)
    .boxed()
}

fn time() -> BoxedStrategy<String> {
    prop::sample::select(vec![
        "now.time",
        "conversation.opened_at",
        "customer.first_seen",
        "(now.time - duration(\"24h\"))",
        "timestamp(\"2026-11-22T23:30:00Z\")",
    ])
    .prop_map(str::to_owned)
    .boxed()
}

fn compared(of: BoxedStrategy<String>, operators: &[&'static str]) -> BoxedStrategy<String> {
    (of.clone(), prop::sample::select(operators.to_vec()), of).prop_map(|(a, op, b)| format!("{a} {op} {b}")).boxed()
}

fn condition() -> BoxedStrategy<String> {
    let order = ["==", "!=", "<", "<=", ">", ">="];
    let leaf = prop_oneof![
        3 => compared(text(), &["==", "!="]),
        2 => compared(int(2), &order),
        2 => compared(double(1), &order),
        1 => (int(0), double(0)).prop_map(|(a, b)| format!("{a} < {b}")),
        1 => compared(duration(), &order),
        1 => compared(time(), &order),
        2 => (text(), prop::collection::vec(literal_text(), 1..3)).prop_map(|(a, l)| format!("{a} in [{}]", l.join(", "))),
        2 => (text(), prop::sample::select(vec!["contains", "startsWith", "endsWith"]), text())
            .prop_map(|(a, f, b)| format!("{a}.{f}({b})")),
        1 => text().prop_map(|a| format!("{a}.matches(\"(?i)re(fund|x)\")")),
        2 => text().prop_map(|a| format!("{a}.any_word([\"refund\", \"退\", \"vip\"])")),
        4 => prop::sample::select(vec![
            "message.automatic", "conversation.reopened", "customer.verified", "true", "false",
            "message.sentiment.label == \"negative\"", "message.sentiment.label != \"negative\"",
            "message.sentiment.label in [\"negative\", \"very_negative\"]", "conversation.owner == \"queue\"",
            "conversation.priority == \"high\"", "has(message.sentiment.label)", "has(message.urgency)",
            "has(customer.attributes.vip)", "has(queues.care.longest_wait)", "has(message.text)",
            "\"VIP\" in conversation.tags", "\"plan\" in customer.attributes", "message.language in message.topics",
            "open(\"shop\")", "now.weekday == \"monday\"", "customer.channels.all(c, c == \"VIP\")",
            "conversation.tags.exists(t, t.startsWith(\"re\"))", "conversation.tags.all(t, t != message.subject)",
            "message.entities.exists(e, e.kind == \"email\" && e.text.contains(\"退\"))",
            "conversation.tags.exists(t, message.topics.exists(u, t == u))",
            "message.topics.exists(t, t == message.intent.name)", "conversation.attributes.exists(k, k == \"vip\")",
        ]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            3 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            3 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
            2 => inner.clone().prop_map(|a| format!("!({a})")),
            1 => (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
        ]
    })
    .boxed()
}

fn vocabulary() -> Vocabulary {
    Vocabulary {
        calendars: vec!["shop".into()],
        queues: ["care".to_owned()].into(),
        intents: TEXTS.map(str::to_owned).into(),
    }
}

fn on_large_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(16 << 20).spawn_scoped(scope, work).unwrap();
        thread.join().unwrap()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    /// True, false and unknown agree with true, false and error of the interpreter.
    #[test]
    fn conditions_mean_what_cel_says(source in condition(), dice in any::<[u8; 32]>()) {
        prop_assume!(source.len() <= 2048);
        let facts = facts(dice);
        let (ours, cel) = on_large_stack(|| {
            let mut needles = Needles::default();
            let expr = compile(&source, &vocabulary(), &mut needles).unwrap_or_else(|problems| panic!("{source}: {problems:?}"));
            let always = vec![Span { from: 9 * 60, until: 10 * 60 }];
            let week = std::array::from_fn(|_| always.clone());
            let shop = Calendar { name: "shop".into(), zone: jiff::tz::TimeZone::UTC, week, dates: BTreeMap::new() };
            let open = shop.open_at(facts.now.time);
            let world = World { texts: TextIndex::new(needles).unwrap(), calendars: vec![shop.into()], ..World::default() };
            let scope = Scope::new(&world, &facts);
            let ours = expr.evaluate(&scope).map(|value| value == Val::Bool(true));
            (ours, interpret(&source, &scope, open))
        });
        prop_assert_eq!(ours, cel, "{}", source);
    }
}

/// The getters read the field of their own name.
#[test]
fn every_field_reads_what_its_path_says() {
    let facts = facts([3; 32]);
    let world = World::default();
    let scope = Scope::new(&world, &facts);
    let json = serde_json::to_value(&facts).unwrap();
    for field in FIELDS.iter().filter(|field| !["now.hour", "now.weekday"].contains(&field.path)) {
        let stored = field.path.split('.').try_fold(&json, |at, part| at.get(part));
        let read = (field.get)(&scope);
        match (stored, &read) {
            (Some(stored), Some(value)) => {
                let text = stored.as_str().map_or_else(|| stored.to_string(), str::to_owned);
                let same = match value {
                    Val::Text(_) | Val::Int(_) | Val::Double(_) | Val::Bool(_) => text == value.to_string(),
                    Val::Duration(duration) => text == duration.as_secs().to_string(),
                    Val::Time(time) => text == time.to_string(),
                    Val::Texts(list) => stored.as_array().map(Vec::len) == Some(list.len()),
                    Val::Entities(list) => stored.as_array().map(Vec::len) == Some(list.len()),
                    Val::Map(map) => stored.as_object().map(serde_json::Map::len) == Some(map.len()),
                    Val::Entity(_) => false,
                };
                assert!(same, "{}: {stored} and {value:?}", field.path);
            }
            // A default is not stored.
            (None, Some(value)) => assert!(
                ["", "0", "false", "[]", "{}", "bot", "normal", "message"].contains(&value.to_string().as_str()),
                "{}: {value:?}",
                field.path
            ),
            (None, None) => {}
            (Some(stored), None) => panic!("{} is stored as {stored} and read as unknown", field.path),
        }
    }
}
