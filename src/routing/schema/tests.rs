//! The schemas are held against the loader: they take what it takes, and know the same keys and words.

use std::{collections::BTreeSet, fs, path::Path, sync::LazyLock};

use jsonschema::Validator;

use super::*;
use crate::routing::{
    SourceFile,
    expr::{FIELDS, QUEUE_FIELDS},
    load,
    yaml::{self, Node, Value},
};

/// Near to no name, so that the loader lists those that there are.
const UNKNOWN: &str = "qqqqqqqqqqqqqqqqqqqqqqqq";

fn json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Int(value) => json!(value),
        Value::Float(value) => json!(value),
        Value::Text(text) => json!(text),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(entries) => entries.iter().map(|(key, node)| (key.name.clone(), json(node))).collect(),
    }
}

/// What the schema for a file of this name finds wrong with it.
pub(in crate::routing) fn complaints(file: &SourceFile) -> Vec<String> {
    static VALIDATORS: LazyLock<Vec<Validator>> = LazyLock::new(|| {
        FileKind::ALL.iter().map(|kind| jsonschema::draft202012::new(&kind.schema()).unwrap()).collect()
    });
    let named = FileKind::ALL.iter().skip(1).position(|kind| file.name.split(['.', '/']).next() == Some(kind.as_str()));
    let tree = json(&yaml::parse(&file.text).unwrap());
    let errors = VALIDATORS[named.map_or(0, |at| at + 1)].iter_errors(&tree);
    errors.map(|error| format!("{} {}: {error}", file.name, error.instance_path())).collect()
}

fn file(kind: FileKind, text: &str) -> SourceFile {
    let folder = match kind {
        FileKind::Actions => "actions/",
        FileKind::Models => "models/",
        _ => "",
    };
    SourceFile { name: format!("{folder}{}.yaml", kind.as_str()), text: text.to_owned() }
}

#[test]
fn the_shipped_files_fit_their_schemas() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/routing-rules"));
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    for path in paths.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let file = SourceFile { name, text: fs::read_to_string(&path).unwrap() };
        assert_eq!(complaints(&file), Vec::<String>::new());
    }
}

#[test]
fn the_files_of_actions_and_models_of_the_shop_and_of_the_documents_fit_their_schemas() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let in_folder = |folder: &str, extension: &str| -> Vec<String> {
        let paths = fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        let wanted = paths.filter(|path| path.extension().is_some_and(|own| own == extension));
        wanted.map(|path| fs::read_to_string(path).unwrap()).collect()
    };
    let documents = in_folder("docs", "md");
    let blocks = documents.iter().flat_map(|text| text.split("```yaml\n").skip(1));
    let blocks: Vec<&str> = blocks.filter_map(|rest| rest.split("\n```").next()).collect();
    let begins = |block: &str, key: &str| block.lines().any(|line| line.starts_with(key));
    for (kind, keys) in [(FileKind::Actions, &["systems:", "actions:"][..]), (FileKind::Models, &["personas:"])] {
        let of_documents = blocks.iter().copied().filter(|block| keys.iter().any(|key| begins(block, key)));
        let of_documents: Vec<String> = of_documents.map(str::to_owned).collect();
        let of_shop = in_folder(&format!("examples/shop/rules/{}", kind.as_str()), "yaml");
        assert!(!of_documents.is_empty() && !of_shop.is_empty());
        for text in of_documents.iter().chain(&of_shop) {
            assert_eq!(complaints(&file(kind, text)), Vec::<String>::new(), "{text}");
        }
    }
}

#[test]
fn what_the_loader_refuses_for_its_form_the_schema_refuses() {
    use FileKind::{Actions, Calendars, Intents, Models, Queues, Rules, Skills, Templates};
    let rule = |rule: &str| format!("rules: [{{name: a, {rule}}}]");
    let then = |action: &str| format!("rules: [{{name: a, then: [{action}]}}]");
    let test = |test: &str| format!("tests: [{{name: t, {test}}}]");
    let action = |keys: &str| {
        let systems = "systems: {s: {url: \"https://shop.example\"}}";
        format!("{systems}\nactions: {{a: {{title: {{en: A}}, outcomes: [{{say: {{en: x}}}}], {keys}}}}}")
    };
    let turn = |turn: &str| format!("{}\ntests: [{{name: t, action: a, turns: [{turn}]}}]", action("expires: 5m"));
    let persona = |keys: &str| format!("personas: {{care: {{persona: {{en: You are Wen.}}, {keys}}}}}");
    for (kind, text) in [
        (Rules, "ruls: []".to_owned()),
        (Rules, "rules: 7".to_owned()),
        (Rules, "rules: [{then: [ignore]}]".to_owned()),
        (Rules, "rules: [{name: a}]".to_owned()),
        (Rules, rule("on: waitin, then: [ignore]")),
        (Rules, rule("whn: message.automatic, then: [ignore]")),
        (Rules, rule("when: , then: [ignore]")),
        (Rules, rule("when: true, then: [ignore]")),
        (Rules, format!("rules: [{{name: {}, then: [ignore]}}]", "x".repeat(121))),
        (Rules, then("tagg: x")),
        (Rules, then("tag: a b")),
        (Rules, then("{tag: x, untag: y}")),
        (Rules, then("tag: ")),
        (Rules, then("stop")),
        (Rules, then("close: false")),
        (Rules, then("priority: hihg")),
        (Rules, then("priority: 3")),
        (Rules, then("reply: hello")),
        (Rules, then("reply: {templte: hello}")),
        (Rules, then("answer: {}")),
        (Rules, then("answer: {min_confidence: 2, otherwise: [ignore]}")),
        (Rules, then("answer: {otherwise: [{answer: {otherwise: [ignore]}}]}")),
        (Rules, then("answer: {otherwise: [{stop: true}]}")),
        (Rules, then("handoff: {}")),
        (Rules, then("handoff: {queue: care, skills: [{min: 2}]}")),
        (Rules, then("handoff: {queue: care, skills: [{skill: x, min: 6}]}")),
        (Rules, then("handoff: {queue: care, skills: [{skill: x, hard: 1}]}")),
        (Rules, then("handoff: {queue: care, skills: [{skill: x, min: 3, relax: [{after: 5 min, min: 2}]}]}")),
        (Rules, then("handoff: {queue: care, skills: [{skill: x, min: 3, relax: [{after: 5, min: 2}]}]}")),
        (Rules, then("handoff: {queue: care, skills: [{skill: x, min: 3, relax: [{after: 5m}]}]}")),
        (Rules, then("handoff: {queue: care, skills: [{skill: x, min: 3, relax: [{after: 5m, min: 1, drop: true}]}]}")),
        (Rules, "tests: [{name: t, given: {}}]".to_owned()),
        (Rules, test("given: {mesage: {}}, expect: {}")),
        (Rules, test("given: {message: {txt: x}}, expect: {}")),
        (Rules, test("given: {message: {urgency: high}}, expect: {}")),
        (Rules, test("given: {message: {sentiment: {label: angry}}}, expect: {}")),
        (Rules, test("given: {conversation: {idle: 300}}, expect: {}")),
        (Rules, test("given: {conversation: {attributes: {plan: 7}}}, expect: {}")),
        (Rules, test("given: {queues: {care: {wating: 3}}}, expect: {}")),
        (Rules, test("given: {now: {hour: 3}}, expect: {}")),
        (Rules, test("given: {now: {time: noon}}, expect: {}")),
        (Rules, test("given: {on: waitin}, expect: {}")),
        (Rules, test("given: {}, expect: {hand: care}")),
        (Rules, test("given: {}, expect: {answer: yes}")),
        (Rules, test("given: {}, expect: {otherwise: {rule: x}}")),
        (Queues, "queues: [care]".to_owned()),
        (Queues, "queues: {a b: }".to_owned()),
        (Queues, "queues: {care: {stategy: longest_idle}}".to_owned()),
        (Queues, "queues: {care: {strategy: longest}}".to_owned()),
        (Queues, "queues: {care: {sticky: 1 day}}".to_owned()),
        (Queues, "queues: {care: {offer_timeout: 30}}".to_owned()),
        (Queues, "queues: {care: {auto_accept: 1}}".to_owned()),
        (Queues, "queues: {care: {members: some}}".to_owned()),
        (Queues, "queues: {care: {members: {skills: {billing: 6}}}}".to_owned()),
        (Queues, "queues: {care: {priority_credits: {low: -10}}}".to_owned()),
        (Queues, "queues: {care: {title: {English: Care}}}".to_owned()),
        (Skills, "languages: [English]".to_owned()),
        (Skills, "skills: {billing: {titel: {en: Billing}}}".to_owned()),
        (Calendars, "time_zone: 1".to_owned()),
        (Calendars, "calendars: {a: {week: {mon: []}}}".to_owned()),
        (Calendars, "calendars: {a: {week: {monday: [\"9-18\"]}}}".to_owned()),
        (Calendars, "calendars: {a: {week: {monday: [\"9:00-24:01\"]}}}".to_owned()),
        (Calendars, "calendars: {a: {holidays: [2026-13-01]}}".to_owned()),
        (Calendars, "calendars: {a: {exceptions: [{open: []}]}}".to_owned()),
        (Templates, "templates: {hello: Hi}".to_owned()),
        (Templates, "templates: {hello: {english: Hi}}".to_owned()),
        (Templates, "templates: {hello: {en: 7}}".to_owned()),
        (Intents, "intents: {return: {examples: [a, b]}}".to_owned()),
        (Intents, "intents: {return: {exampels: [a, b, c]}}".to_owned()),
        (Actions, "system: {}".to_owned()),
        (Actions, "systems: {a b: {url: \"https://shop.example\"}}".to_owned()),
        (Actions, "systems: {s: {}}".to_owned()),
        (Actions, "systems: {s: {url: \"https://shop.example\", timeout: 5}}".to_owned()),
        (Actions, "systems: {s: {url: \"https://shop.example\", at_once: 0}}".to_owned()),
        (Actions, "systems: {s: {url: \"https://shop.example\", private: yes}}".to_owned()),
        (Actions, "systems: {s: {mcp: {}}}".to_owned()),
        (Actions, "systems: {s: {mcp: {url: \"https://a.example\", program: a}}}".to_owned()),
        (Actions, "systems: {s: {url: \"https://a.example\", mcp: {program: a}}}".to_owned()),
        (Actions, "systems: {s: {mcp: {program: a}}}\nactions: {a: {title: {en: A}, outcomes: [{say: {en: x}}], call: {system: s, tool: t, arguments: [1]}}}".to_owned()),
        (Actions, action("intents: order-status, otherwise: [ignore]")),
        (Actions, "phrases: {yess: {en: Yes}}".to_owned()),
        (Actions, "actions: {a: {outcomes: [{say: {en: x}}]}}".to_owned()),
        (Actions, "actions: {a: {title: {en: A}}}".to_owned()),
        (Actions, action("identity: sure")),
        (Actions, action("confirm: Really?")),
        (Actions, action("inputs: {x: {type: text}}")),
        (Actions, action("inputs: {x: {ask: {en: X?}, type: texts}}")),
        (Actions, action("inputs: {x: {ask: {en: X?}, choices: {}}}")),
        (Actions, action("inputs: {x: {ask: {en: X?}, choices: {call: {system: s, get: /}, each: body}}}")),
        (Actions, action("call: {get: /}")),
        (Actions, action("call: {system: s}")),
        (Actions, action("call: {system: s, get: orders}")),
        (Actions, action("call: {system: s, get: \"/orders?a=1\"}")),
        (Actions, action("call: {system: s, get: /a, post: /b, effect: false}")),
        (Actions, action("call: {system: s, get: /a, cache: 30}")),
        (Actions, action("outputs: {x: {type: text}}")),
        (Actions, action("outputs: {x: {from: body, type: texts}}")),
        (Actions, "actions: {a: {title: {en: A}, outcomes: [{says: {en: x}}, {}]}}".to_owned()),
        (Actions, "tests: [{name: t, action: a}]".to_owned()),
        (Actions, turn("{says: x}")),
        (Actions, turn("{customer: x, presses: y}")),
        (Actions, turn("{customer: x, ends: well}")),
        (Actions, turn("{answer: {status: 99}}")),
        (Actions, turn("{answer: {failure: tired}}")),
        (Models, "persona: {}".to_owned()),
        (Models, "personas: [care]".to_owned()),
        (Models, "personas: {a b: {persona: {en: You are Wen.}}}".to_owned()),
        (Models, "personas: {care: {tone: {en: Be warm.}}}".to_owned()),
        (Models, "personas: {care: {persona: }}".to_owned()),
        (Models, "personas: {care: {persona: You are Wen.}}".to_owned()),
        (Models, "personas: {care: {persona: {}}}".to_owned()),
        (Models, persona("tones: {en: Be warm.}")),
        (Models, persona("tone: {}")),
        (Models, persona("rules: {English: Be warm.}")),
        (Models, persona("rules: {en: 7}")),
        (Models, persona("actions: order-status")),
        (Models, persona("queues: {care: }")),
        (Models, persona("facts: [nam]")),
        (Models, persona("facts: [\"attributes.\"]")),
        (Models, persona("must_cite: 1")),
        (Models, persona("passages: 21")),
        (Models, persona("passages: few")),
        (Models, persona("failed: {en: }")),
    ] {
        let file = file(kind, &text);
        assert_ne!(complaints(&file), Vec::<String>::new(), "the schema takes {text}");
        let loaded = load(std::slice::from_ref(&file));
        let form = |message: &str| !message.starts_with("there are no rules") && !message.contains("last rule must");
        assert!(loaded.findings.iter().any(|finding| form(&finding.message)), "the loader takes {text}");
    }
}

/// The names that the loader has for [`UNKNOWN`].
fn known(kind: FileKind, text: &str) -> BTreeSet<String> {
    let loaded = load(&[file(kind, &text.replace('Q', UNKNOWN))]);
    let finding = loaded.findings.iter().find(|finding| finding.message.contains(UNKNOWN));
    let help = finding.and_then(|finding| finding.help.as_deref()).unwrap_or_else(|| panic!("{text}: {loaded:#?}"));
    help.strip_prefix("there are: ").unwrap().split(", ").map(str::to_owned).collect()
}

/// Calls `visit` with every schema in a schema, but for those of facts.
fn walk(schema: &Json, visit: &mut impl FnMut(&Map<String, Json>)) {
    let Json::Object(object) = schema else { return };
    visit(object);
    for (key, value) in object {
        match (key.as_str(), value) {
            ("properties" | "patternProperties", Json::Object(properties)) => {
                for (name, property) in properties {
                    match property {
                        Json::Object(given) if name == "given" && property["properties"]["message"].is_object() => {
                            visit(given);
                        }
                        _ => walk(property, visit),
                    }
                }
            }
            ("anyOf" | "oneOf", Json::Array(several)) => several.iter().for_each(|one| walk(one, visit)),
            ("items" | "additionalProperties", one) => walk(one, visit),
            _ => {}
        }
    }
}

pub(in crate::routing) fn in_schemas(kinds: &[FileKind], mut visit: impl FnMut(&Map<String, Json>)) {
    kinds.iter().for_each(|kind| walk(&kind.schema(), &mut visit));
}

#[test]
fn the_schemas_know_the_keys_that_the_loader_knows() {
    use FileKind::{Actions, Calendars, Intents, Models, Queues, Rules, Skills, Templates};
    let action = |keys: &str| format!("actions: {{a: {{title: {{en: A}}, {keys}}}}}");
    let test =
        |keys: &str| format!("{}\ntests: [{{name: t, action: a, {keys}}}]", action("outcomes: [{say: {en: x}}]"));
    let rows = [
        (Rules, "Q: 1"),
        (Rules, "rules: [{Q: 1}]"),
        (Rules, "rules: [{name: a, then: [{Q: 1}]}]"),
        (Rules, "rules: [{name: a, then: [{reply: {Q: 1}}]}]"),
        (Rules, "rules: [{name: a, on: closed, then: [{satisfaction: {Q: 1}}]}]"),
        (Rules, "rules: [{name: a, then: [{answer: {Q: 1}}]}]"),
        (Rules, "rules: [{name: a, then: [{do: {Q: 1}}]}]"),
        (Rules, "rules: [{name: a, then: [{handoff: {Q: 1}}]}]"),
        (Rules, "rules: [{name: a, then: [{handoff: {queue: x, skills: [{Q: 1}]}}]}]"),
        (Rules, "rules: [{name: a, then: [{handoff: {queue: x, skills: [{skill: y, relax: [{Q: 1}]}]}}]}]"),
        (Rules, "tests: [{Q: 1}]"),
        (Rules, "tests: [{name: t, given: {Q: 1}, expect: {}}]"),
        (Rules, "tests: [{name: t, given: {}, expect: {Q: 1}}]"),
        (Rules, "tests: [{name: t, given: {}, expect: {otherwise: {Q: 1}}}]"),
        (Queues, "Q: 1"),
        (Queues, "queues: {care: {Q: 1}}"),
        (Queues, "queues: {care: {members: {Q: 1}}}"),
        (Queues, "queues: {care: {priority_credits: {Q: 1}}}"),
        (Queues, "queues: {care: {sla: {Q: 1}}}"),
        (Queues, "queues: {care: {sla: {boost: {Q: 1}}}}"),
        (Queues, "queues: {care: {hours: {Q: 1}}}"),
        (Queues, "queues: {care: {escalate: [{Q: 1}]}}"),
        (Skills, "Q: 1"),
        (Skills, "skills: {billing: {Q: 1}}"),
        (Calendars, "Q: 1"),
        (Calendars, "calendars: {shop: {Q: 1}}"),
        (Calendars, "calendars: {shop: {week: {Q: 1}}}"),
        (Calendars, "calendars: {shop: {exceptions: [{Q: 1}]}}"),
        (Templates, "Q: 1"),
        (Intents, "Q: 1"),
        (Intents, "intents: {return: {Q: 1}}"),
        (Actions, "Q: 1"),
        (Actions, "systems: {s: {Q: 1}}"),
        (Actions, "systems: {s: {mcp: {Q: 1}}}"),
        (Actions, "phrases: {Q: {en: x}}"),
        (Actions, "actions: {a: {Q: 1}}"),
        (Actions, &action("inputs: {x: {Q: 1}}")),
        (Actions, &action("inputs: {x: {choices: {call: , Q: 1}}}")),
        (Actions, &action("call: {Q: 1}")),
        (Actions, &action("outputs: {x: {Q: 1}}")),
        (Actions, &action("outcomes: [{Q: 1}]")),
        (Actions, &action("outcomes: [{later: {Q: 1}}]")),
        (Actions, &action("outcomes: [{ticket: {Q: 1}}]")),
        (Actions, &action("outcomes: [{cards: {Q: 1}}]")),
        (Actions, &action("outcomes: [{cards: {title: x, buttons: [{Q: 1}]}}]")),
        (Actions, "tests: [{Q: 1}]"),
        (Actions, &test("turns: [{Q: 1}]")),
        (Actions, &test("turns: [{answer: {Q: 1}}]")),
        (Actions, &test("turns: [], given: {Q: 1}")),
        (Actions, &test("turns: [], given: {customer: {Q: 1}}")),
        (Models, "Q: 1"),
        (Models, "personas: {care: {Q: 1}}"),
    ];
    let mut loader: BTreeSet<BTreeSet<String>> = rows.into_iter().map(|(kind, text)| known(kind, text)).collect();
    let actions = known(Rules, "rules: [{name: a, then: [{Q: 1}]}]");
    loader.insert(
        actions
            .into_iter()
            .filter(|action| !["answer", "do", "satisfaction", "stop"].contains(&action.as_str()))
            .collect(),
    );
    let mut schema = BTreeSet::new();
    in_schemas(&FileKind::ALL, |object| {
        if let (Some(Json::Object(keys)), true) = (object.get("properties"), object.contains_key("type")) {
            assert_eq!(object["additionalProperties"], false, "{keys:?}");
            schema.insert(keys.keys().cloned().collect::<BTreeSet<String>>());
        }
    });
    assert_eq!(schema, loader);
}

#[test]
fn the_schemas_know_the_words_that_the_loader_knows() {
    let test = |turn: &str| {
        let action = "actions: {a: {title: {en: A}, outcomes: [{say: {en: x}}]}}";
        format!("{action}\ntests: [{{name: t, action: a, turns: [{turn}]}}]")
    };
    let mut loader: BTreeSet<BTreeSet<String>> = [
        (FileKind::Rules, "rules: [{name: a, on: Q, then: [ignore]}]"),
        (FileKind::Rules, "rules: [{name: a, then: [{priority: Q}]}]"),
        (FileKind::Queues, "queues: {care: {strategy: Q}}"),
        (FileKind::Queues, "queues: {care: {members: Q}}"),
        (FileKind::Queues, "queues: {care: {hours: {calendar: shop, closed: Q}}}"),
        (FileKind::Actions, "actions: {a: {identity: Q}}"),
        (FileKind::Actions, "actions: {a: {inputs: {x: {type: Q}}}}"),
        (FileKind::Actions, "actions: {a: {outputs: {x: {from: body, type: Q}}}}"),
        (FileKind::Actions, &test("{answer: {failure: Q}}")),
        (FileKind::Actions, &test("{answer: {}, ends: Q}")),
        (FileKind::Actions, &test("{verifies: Q}")),
        (FileKind::Actions, &test("{answer: {}, wants: Q}")),
        (FileKind::Models, "personas: {care: {persona: {en: x}, facts: [Q]}}"),
    ]
    .into_iter()
    .map(|(kind, text)| known(kind, text))
    .collect();
    loader.insert(["close", "ignore"].map(str::to_owned).into());
    let mut schema = BTreeSet::new();
    in_schemas(&FileKind::ALL, |object| {
        if let Some(Json::Array(words)) = object.get("enum") {
            schema.insert(words.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect::<BTreeSet<_>>());
            let explained = object["enumDescriptions"].as_array().unwrap();
            assert!(explained.len() == words.iter().filter(|word| !word.is_null()).count(), "{words:?}");
        }
    });
    assert_eq!(schema, loader);
}

#[test]
fn tests_can_give_every_fact_but_those_that_follow_from_others() {
    fn facts(schema: &Json, path: &str, found: &mut BTreeSet<String>) {
        if let Some(of_all) = schema.get("additionalProperties").filter(|of_all| of_all.get("properties").is_some()) {
            return facts(of_all, &format!("{path}.*"), found);
        }
        match &schema["properties"] {
            Json::Object(properties) => {
                for (name, property) in properties {
                    facts(property, format!("{path}.{name}").trim_start_matches('.'), found);
                }
            }
            _ => _ = found.insert(path.to_owned()),
        }
    }
    let mut found = BTreeSet::new();
    facts(&FileKind::Rules.schema()["properties"]["tests"]["items"]["properties"]["given"], "", &mut found);
    let fields = FIELDS.iter().map(|field| field.path.to_owned());
    let of_queues = QUEUE_FIELDS.iter().map(|field| format!("queues.*.{}", field.name));
    let mut expected: BTreeSet<String> = fields.chain(of_queues).chain(["on", "after"].map(str::to_owned)).collect();
    ["now.hour", "now.weekday"].into_iter().for_each(|follows| assert!(expected.remove(follows)));
    assert_eq!(found, expected);
}

#[test]
fn an_editor_can_explain_every_key() {
    fn unexplained(schema: &Json, path: &str, found: &mut Vec<String>) {
        for (key, value) in schema.as_object().into_iter().flatten() {
            let path = format!("{path}/{key}");
            if key == "properties" && !path.contains("/oneOf/") {
                for (name, property) in value.as_object().into_iter().flatten() {
                    let description = property["description"].as_str().unwrap_or_default();
                    if description.is_empty() || description.contains('\n') {
                        found.push(format!("{path}/{name}"));
                    }
                }
            }
            match value {
                Json::Array(several) => several.iter().for_each(|one| unexplained(one, &path, found)),
                one => unexplained(one, &path, found),
            }
        }
    }
    let mut found = Vec::new();
    FileKind::ALL.iter().for_each(|kind| unexplained(&kind.schema(), kind.as_str(), &mut found));
    found.retain(|path| !path.ends_with("/items/properties/kind") && !path.ends_with("/items/properties/text"));
    assert_eq!(found, Vec::<String>::new());
}
