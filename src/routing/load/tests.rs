mod bound;
mod lint;

use std::path::Path;

use super::*;
use crate::routing::{Action, Destination, Facts, Owner, decide, explain, run_tests, schema::tests::complaints};

const DESK: &[(&str, &str)] = &[
    ("queues.yaml", "queues: {care: {title: {en: Care}}}"),
    ("skills.yaml", "languages: [en, zh]\nskills: {lang-en: , lang-zh: , billing: {title: {en: Billing}}}"),
    ("calendars.yaml", "time_zone: Asia/Shanghai\ncalendars: {shop: {week: {monday: [\"9:00-18:00\"]}}}"),
    ("templates.yaml", "templates: {hello: {en: \"Hi {{ customer.name }}\", zh: 您好}}"),
];
pub(super) const END: &str = "  - {name: end, then: [{handoff: {queue: care}}]}\n";

pub(super) fn files(own: &[(&str, &str)]) -> Vec<SourceFile> {
    let beside = DESK.iter().filter(|(name, _)| !own.iter().any(|(other, _)| other == name));
    let file = |(name, text): &(&str, &str)| SourceFile { name: (*name).to_owned(), text: (*text).to_owned() };
    beside.chain(own).map(file).collect()
}

/// Loads files; what loads fits the schemas too.
fn load(files: &[SourceFile]) -> Loaded {
    let loaded = super::load(files);
    if loaded.rules.is_some() {
        assert_eq!(files.iter().flat_map(complaints).collect::<Vec<_>>(), Vec::<String>::new());
    }
    loaded
}

fn set(rules: &str) -> Arc<RuleSet> {
    let loaded = load(&files(&[("10.yaml", &format!("rules:\n{rules}{END}"))]));
    loaded.rules.unwrap_or_else(|| panic!("{:#?}", loaded.findings))
}

/// `line:column message`, the underlined text in brackets.
pub(super) fn said(loaded: &Loaded) -> Vec<String> {
    let said = |finding: &Finding| {
        let file = loaded.files.iter().find(|file| file.name == finding.file);
        let marked = file.map_or("", |file| &file.text[finding.span.clone()]);
        format!("{}:{} {} [{marked}]", finding.line, finding.column, finding.message)
    };
    loaded.findings.iter().map(said).collect()
}

/// Says every row that differs, not only the first one.
fn all_equal(rows: Vec<(&str, Vec<String>, Vec<String>)>) {
    let wrong: Vec<String> = rows
        .into_iter()
        .filter(|(_, found, expected)| found != expected)
        .map(|(row, found, expected)| format!("{row}\n  found    {found:?}\n  expected {expected:?}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_condition_that_is_wrong_is_found_where_it_is_wrong() {
    let mut compare = Vec::new();
    for (when, expected) in [
        (r#"message.sentiment.score == "bad""#, r#"3:38 this is a text, and it is compared with a number ["bad"]"#),
        (
            r#"message.sentimnt.label == "negative""#,
            "3:11 there is no field `message.sentimnt.label` [message.sentimnt.label]",
        ),
        (r#"message.sentiment.label == "angry""#, r#"3:38 this is never “angry” ["angry"]"#),
        (r#"message.sentiment.label == "unknown""#, r#"3:38 this is never “unknown” ["unknown"]"#),
        (
            r#"message.sentiment == "negative""#,
            "3:11 `message.sentiment` is a group of fields, not a value [message.sentiment]",
        ),
        (r#"message.intent.name == "retrun""#, r#"3:34 there is no intent “retrun” in intents.yaml ["retrun"]"#),
        (r#"message.language == "zh""#, r#"3:31 Chinese is “zh-Hans” or “zh-Hant”, never “zh” alone ["zh"]"#),
        (r#"open("shp")"#, r#"3:16 there is no calendar “shp” ["shp"]"#),
        ("queues.car.waiting > 3", "3:11 there is no queue `car` [queues.car.waiting]"),
        ("queues.care.wating > 3", "3:11 a queue has no fact `wating` [queues.care.wating]"),
        (r#"conversation.queue == "car""#, r#"3:33 there is no queue “car” ["car"]"#),
        (r#"message.text.matches("(退货")"#, r#"3:32 the regular expression cannot be used: unclosed group ["(退货"]"#),
        (r#"message.text == "退货" && message.txt == "x""#, "3:35 there is no field `message.txt` [message.txt]"),
        ("message.urgency", "3:11 a condition is true or false, and this is a number [message.urgency]"),
        ("message.urgency + 1 > 2.0", "3:11 a whole number and a fraction cannot be combined [message.urgency + 1]"),
        ("true && !(message.urgency)", "3:21 true or false is needed here, and this is a number [message.urgency]"),
        ("conversation.idle > 300", "3:31 this is a whole number, and it is compared with a duration [300]"),
        (r#"conversation.idle > duration("5 min")"#, r#"3:31 this is not a duration [duration("5 min")]"#),
        (r#"conversation.tags == "vip""#, "3:11 a list of texts cannot be compared [conversation.tags]"),
        (
            r#"conversation.tags.map(t, t).size() > 1"#,
            "3:11 this macro is CEL, but not supported in rules [conversation.tags.map(t, t)]",
        ),
        (
            r#"message.text.containz("x")"#,
            r#"3:11 there is no function `containz` in rules [message.text.containz("x")]"#,
        ),
        (
            r#"message.text.contains("a", "b")"#,
            r#"3:11 contains is not called like this [message.text.contains("a", "b")]"#,
        ),
        (
            "message.automatic = true",
            "3:29 the condition cannot be read: Syntax error: token recognition error at: '= ' [=]",
        ),
        (r#"conversation.priority > "low""#, r#"3:11 a text has no order [conversation.priority > "low"]"#),
        ("has(message.sentiment)", "3:15 `message.sentiment` is a group of fields, not a value [message.sentiment]"),
        ("mesage.automatic", "3:11 there is no `mesage` [mesage.automatic]"),
        (r#"message.entities.exists(e, e.knd == "x")"#, "3:38 an entity has no `knd` [e.knd]"),
        ("", "3:9 `when` is empty []"),
        (
            "!message.automatic",
            "3:11 this is not YAML that can be read: unsupported tag `!message.automatic` [!message.automatic]",
        ),
        ("message.text.any_word([])", "3:33 any_word needs a list of words [[]]"),
    ] {
        let rules = format!("rules:\n  - name: one\n    when: {when}\n    then: [{{tag: x}}]\n{END}");
        let loaded = load(&files(&[("10.yaml", &rules)]));
        compare.push((when, said(&loaded), vec![expected.to_owned()]));
    }
    all_equal(compare);
}

#[test]
fn a_rule_that_is_wrong_is_found_where_it_is_wrong() {
    let mut compare = Vec::new();
    for (rule, expected) in [
        ("{nam: one, then: [{tag: x}]}", &["2:6 a rule has no key `nam` [nam]", "2:6 a rule needs a name [nam]"][..]),
        ("{name: one, on: wating, then: [{tag: x}]}", &["2:21 `on` is never “wating” [wating]"]),
        ("{name: one, on: waiting, then: [{tag: x}]}", &["2:12 `on: waiting` needs `after` [one]"]),
        ("{name: one, on: idle, after: 0, then: [{tag: x}]}", &["2:34 `after` is at least a second [0]"]),
        ("{name: one, after: 5m, then: [{tag: x}]}", &["2:24 `on: message` waits for nothing [5m]"]),
        ("{name: one, on: sla_risk, after: 5m, then: [{tag: x}]}", &["2:38 `on: sla_risk` waits for nothing [5m]"]),
        (
            "{name: one, on: closed, then: [{handoff: {queue: care}}]}",
            &["2:37 a conversation that is closed is not routed [handoff]"],
        ),
        (
            "{name: one, on: idle, after: 5m, then: [{answer: {otherwise: [close]}}]}",
            &["2:46 there is no new message to answer [answer]"],
        ),
        (
            "{name: one, when: message.automatic, then: [{handoff: {queue: care, escalate: [{after: 2m}, {after: 1m, queue: cara}]}}]}",
            &[
                "2:85 a step says after how long, and which queue or priority [after]",
                "2:116 there is no queue “cara” [cara]",
            ],
        ),
        ("{name: one}", &["2:12 the rule does nothing [one]"]),
        ("{name: end, when: message.automatic, then: [{tag: x}]}", &["3:12 two rules have this name [end]"]),
        ("{name: one, then: [{tagg: x}]}", &["2:25 there is no action `tagg` [tagg]"]),
        ("{name: one, then: [{tag: x, untag: y}]}", &["2:33 one action an item [untag]"]),
        (
            "{name: one, then: [{tag: a b}]}",
            &["2:30 a tag is made of letters, digits, “-”, “_” and “.”, 64 at most [a b]"],
        ),
        ("{name: one, then: [{priority: hihg}]}", &["2:35 a priority is never “hihg” [hihg]"]),
        ("{name: one, then: [{reply: {template: helo}}]}", &["2:43 there is no template “helo” [helo]"]),
        (
            "{name: one, when: message.automatic, then: [{handoff: {queue: car}}]}",
            &["2:67 there is no queue “car” [car]"],
        ),
        (
            "{name: one, when: message.automatic, then: [{handoff: {queue: care, skills: [{skill: biling}]}}]}",
            &["2:90 there is no skill “biling” in skills.yaml [biling]"],
        ),
        (
            "{name: one, when: message.automatic, then: [{handoff: {queue: care, skills: [{skill: \"tongue-${message.language}\"}]}}]}",
            &[
                "2:90 there is no skill “tongue-en” in skills.yaml [\"tongue-${message.language}\"]",
                "2:90 there is no skill “tongue-zh” in skills.yaml [\"tongue-${message.language}\"]",
            ],
        ),
        (
            "{name: one, when: message.automatic, then: [{handoff: {queue: care, skills: [{skill: billing, min: 6}]}}]}",
            &["2:104 a level is a whole number from 1 to 5 [6]"],
        ),
        (
            "{name: one, when: message.automatic, then: [{handoff: {queue: care, skills: [{skill: billing, min: 2, relax: [{after: 1m, min: 3}]}]}}]}",
            &["2:116 each step comes later and asks for less than the one before [after]"],
        ),
        (
            "{name: one, then: [{notify: \"x ${message.txt}\"}]}",
            &["2:38 there is no field `message.txt` [message.txt]"],
        ),
        (
            "{name: one, when: message.automatic, then: [{answer: {}}]}",
            &["2:50 `answer` does not say what happens when the bot has no answer [answer]"],
        ),
        (
            "{name: one, when: message.automatic, then: [{answer: {otherwise: [{tag: x}]}}]}",
            &["2:72 `otherwise` must end in a destination [tag]"],
        ),
        (
            "{name: one, when: message.automatic, then: [close, {tag: x}]}",
            &["2:56 nothing happens after a destination or `stop` [{]"],
        ),
        (
            "{name: one, when: message.automatic, then: [{satisfaction: {template: hello}}]}",
            &["2:12 `satisfaction` goes with `on: closed` [one]"],
        ),
        (
            "{name: one, on: closed, then: [{satisfaction: {thanks: hello}}]}",
            &["2:51 `satisfaction` needs a template [{]"],
        ),
        (
            "{name: one, on: agent_message, then: [{handoff: {queue: care}}]}",
            &["2:44 a conversation that an agent owns is not routed [handoff]"],
        ),
        (
            "{name: one, then: [ignore]}",
            &["3:12 this rule never acts: “one” matches whenever it would, and ends the pass [end]"],
        ),
    ] {
        let loaded = load(&files(&[("10.yaml", &format!("rules:\n  - {rule}\n{END}"))]));
        compare.push((rule, said(&loaded), expected.iter().map(|text| (*text).to_owned()).collect()));
        assert!(loaded.rules.is_none());
    }
    all_equal(compare);
}

#[test]
fn a_rule_that_an_earlier_one_always_overtakes_is_found() {
    for (earlier, later, shadowed) in [
        (r#"message.kind == "email""#, r#"message.urgency > 0.5 && message.kind == "email""#, true),
        (
            r#"message.kind == "email" && message.automatic"#,
            r#"message.automatic && message.urgency > 0.5 && message.kind == "email""#,
            true,
        ),
        (r#"message.kind == "email" && message.automatic"#, r#"message.kind == "email""#, false),
        (r#""vip" in conversation.tags"#, r#""vip" in conversation.tags && message.automatic"#, false), // tags change
    ] {
        let rules = format!(
            "rules:\n  - name: a\n    when: '{earlier}'\n    then: [ignore]\n  - name: b\n    when: '{later}'\n    then: [close]\n{END}"
        );
        let found = said(&load(&files(&[("10.yaml", &rules)])));
        assert_eq!(found.iter().any(|f| f.starts_with("5:11 this rule never acts")), shadowed, "{later}: {found:?}");
    }
}

#[test]
fn a_set_without_a_default_does_not_load() {
    for rules in ["rules: [{name: a, when: message.automatic, then: [ignore]}]", "rules: [{name: a, then: [{tag: x}]}]"]
    {
        let loaded = load(&files(&[("10.yaml", rules), ("queues.yaml", "")]));
        assert!(said(&loaded)[0].starts_with("1:16 the last rule must have no `when`"), "{:?}", said(&loaded));
    }
    assert_eq!(said(&load(&[])), ["0:0 there are no rules []"]);
}

#[test]
fn files_beside_the_rules_are_checked_too() {
    let mut compare = Vec::new();
    for (file, text, expected) in [
        ("queues.yaml", "queues: {care: {stategy: longest_idle}}", "1:17 a queue has no key `stategy` [stategy]"),
        ("queues.yaml", "queues: {care: , sales: }", "1:18 no rule hands a conversation to “sales” [sales]"),
        ("queues.yaml", "queues: {care: {members: {skills: {flying: 2}}}}", "1:36 there is no skill “flying” [flying]"),
        ("queues.yaml", "queues: {care: {sticky: 1 day}}", "1:25 sticky is a duration [1 day]"),
        ("queues.yaml", "queues: {care: {sla: {calendar: shop}}}", "1:23 this promises nothing [calendar]"),
        (
            "queues.yaml",
            "queues: {care: {sla: {first_reply: 5m, risk: 0}}}",
            "1:46 risk, in percent, is a whole number from 1 to 100 [0]",
        ),
        (
            "queues.yaml",
            "queues: {care: {sla: {first_reply: 5m, calendar: shp}}}",
            "1:50 there is no calendar “shp” [shp]",
        ),
        (
            "queues.yaml",
            "queues: {care: {hours: {calendar: shop, closed: reply}}}",
            "1:25 `closed: reply` says nothing [calendar]",
        ),
        (
            "queues.yaml",
            "queues: {care: {hours: {calendar: shop, template: helo}}}",
            "1:51 there is no template “helo” [helo]",
        ),
        ("queues.yaml", "queues: {care: {escalate: [{after: 2m, queue: cre}]}}", "1:47 there is no queue “cre” [cre]"),
        (
            "queues.yaml",
            "queues: {care: {escalate: [{after: 2m, priority: high}, {after: 2m, priority: urgent}]}}",
            "1:58 each step comes later than the one before [after]",
        ),
        ("skills.yaml", "languages: [English]", "1:13 “English” is not a language [English]"),
        ("calendars.yaml", "time_zone: Mars/Olympus", "1:12 there is no time zone “Mars/Olympus” [Mars/Olympus]"),
        ("calendars.yaml", "calendars: {a: {week: {mon: []}}}", "1:24 a week has no key `mon` [mon]"),
        (
            "calendars.yaml",
            "calendars: {a: {week: {monday: [\"9-18\"]}}}",
            "1:33 this is not a span of hours [\"9-18\"]",
        ),
        ("calendars.yaml", "calendars: {a: {holidays: [2026-13-01]}}", "1:28 this is not a date [2026-13-01]"),
        (
            "templates.yaml",
            "templates: {hello: {en: \"{{ custmer.name }}\", zh: 好}}",
            "1:29 templates have no variable `custmer.name` [custmer.name]",
        ),
        ("templates.yaml", "templates: {hello: {en: Hi}}", "1:13 the template “hello” has no text for zh [hello]"),
        ("10.yaml", "ruls: []", "1:1 a rule file has no key `ruls` [ruls]"),
        ("10.yaml", "rules: 7", "1:8 rules is a list, and this is a number [7]"),
    ] {
        let loaded = load(&files(&[("90.yaml", &format!("rules:\n{END}")), (file, text)]));
        compare.push((text, said(&loaded), vec![expected.to_owned()]));
    }
    all_equal(compare);
    let broken =
        load(&files(&[("templates.yaml", "templates:\n  hello:\n    en: |\n      Hi\n      {% if %}\n    zh: 好")]));
    assert_eq!(said(&broken), ["5:13 the template cannot be read: unexpected end of block [%]"]);
}

#[test]
fn tests_in_files_are_checked_and_run() {
    let rules = |test: &str| {
        format!("rules:\n  - {{name: bye, when: 'message.text == \"bye\"', then: [close]}}\n{END}tests:\n  - {test}\n")
    };
    let run = |test: &str| {
        let loaded = load(&files(&[("10.yaml", &rules(test))]));
        let findings = said(&loaded);
        let report = loaded.rules.map(|set| run_tests(&set, &|_| Signals::default()));
        (findings, report.map(|report| report.outcomes[0].differences.clone()))
    };
    assert_eq!(
        run("{name: t, given: {message: {text: bye}}, expect: {rule: bye, close: true}}"),
        (vec![], Some(vec![]))
    );
    let (_, differences) = run("{name: t, given: {message: {text: hi}}, expect: {close: true, tags: [x]}}");
    assert_eq!(differences.unwrap(), ["expected close, got handoff care", "expected tags [x], got []"]);
    let timed = format!(
        "rules:\n  - {{name: slow, on: waiting, after: 2m, then: [{{tag: slow}}]}}\n  - {{name: slower, on: waiting, after: 5m, then: [{{tag: slower}}]}}\n{END}tests:\n  - {{name: t, given: {{on: waiting, after: 2m}}, expect: {{tags: [slow]}}}}\n  - {{name: u, given: {{on: waiting, after: 5m}}, expect: {{tags: [slow]}}}}\n"
    );
    let timed = load(&files(&[("10.yaml", &timed)])).rules.unwrap();
    let report = run_tests(&timed, &|_| Signals::default());
    let differences: Vec<_> = report.outcomes.iter().map(|outcome| outcome.differences.clone()).collect();
    assert_eq!(differences, [vec![], vec!["expected tags [slow], got [slower]".to_owned()]], "each at its own moment");
    let mut compare = Vec::new();
    for (test, expected) in [
        ("{name: t, given: {mesage: {}}, expect: {}}", "5:23 given has no key `mesage` [mesage]"),
        (
            "{name: t, given: {message: {urgency: high}}, expect: {}}",
            "5:42 `message.urgency` is a number, and this is not [high]",
        ),
        ("{name: t, given: {message: {txt: x}}, expect: {}}", "5:33 there is no fact `message.txt` [txt]"),
        ("{name: t, given: {now: {hour: 3}}, expect: {}}", "5:29 `now.hour` follows from now.time [hour]"),
        ("{name: t, given: {}, expect: {handoff: car}}", "5:44 there is no queue “car” [car]"),
        ("{name: t, given: {}, expect: {rule: by}}", "5:41 there is no rule “by” [by]"),
    ] {
        compare.push((test, run(test).0, vec![expected.to_owned()]));
    }
    all_equal(compare);
    let failing = load(&files(&[("10.yaml", &rules("{name: t, given: {}, expect: {close: true}}"))]));
    let refused = failing.tested(&|_| Signals::default());
    assert!(refused.rules.is_none());
    assert_eq!(said(&refused), ["5:12 the test fails: expected close, got handoff care [t]"]);
}

#[test]
fn hostile_files_are_refused_in_bounded_time() {
    let deep = format!("rules:\n  - {{name: a, when: '{}true{}', then: [ignore]}}", "(".repeat(300), ")".repeat(300));
    let long = format!("rules:\n  - {{name: a, when: 'message.text == \"{}\"', then: [ignore]}}", "x".repeat(1 << 20));
    let many = format!("rules:\n{}", "  - {name: a, then: [{tag: x}]}\n".repeat(100_000));
    let chains: Vec<String> = [
        format!("1{} > 0", "+1".repeat(900)),
        format!("message{} == 1", ".a".repeat(900)),
        format!("{}true", "!".repeat(1900)),
        format!("true{}", " ? true : true".repeat(20)),
        format!("true{}", " || true".repeat(200)),
        format!("1 in {}1{}", "[".repeat(24), "]".repeat(24)),
        format!("{}1 > 0", "-".repeat(2001)),
        "\"".repeat(1001),
        "message.text.matches(\"(a{1000}){1000}\")".to_owned(),
        "x".repeat(2000),
        "退".repeat(500),
    ]
    .into_iter()
    .map(|when| format!("rules:\n  - {{name: a, when: '{when}', then: [{{tag: x}}]}}\n"))
    .collect();
    let large = "#".repeat(MAX_FILE_BYTES + 1);
    for text in [deep, long, many, large, "rules: [".repeat(40), "\0\u{1}rules".to_owned()].into_iter().chain(chains) {
        let head: String = text.chars().take(60).collect();
        let loaded = load(&files(&[("10.yaml", &text)]));
        assert!(!loaded.findings.is_empty() || text.contains(" || true") || text.contains("!!!"), "{head}");
        assert!(loaded.findings.len() <= MAX_FINDINGS);
        for finding in &loaded.findings {
            assert!(finding.message.len() < 500, "{head}: {}", finding.message);
            assert!(!finding.render(&loaded.files, false).is_empty());
        }
    }
}

#[test]
fn later_rules_see_what_earlier_ones_did() {
    let set = set(r#"
  - {name: mark, when: 'message.text.any_word(["refund"])', then: [{tag: money}, {set: {topic: "${message.text}"}}, {priority: high}]}
  - {name: undo, when: '"money" in conversation.tags && conversation.attributes.topic == "refund"', then: [{untag: money}]}
  - {name: high, when: 'conversation.priority == "high" && !("money" in conversation.tags)', then: [{notify: "seen ${message.urgency}"}]}
"#);
    let mut facts = Facts::default();
    facts.message.text = "refund".into();
    let decision = decide(&set, &facts);
    assert_eq!(decision.matched.iter().map(|name| &**name).collect::<Vec<_>>(), ["mark", "undo", "high", "end"]);
    assert_eq!(decision.actions.last(), Some(&Action::Notify("seen unknown".into())));
    let Some(Destination::Handoff(handoff)) = &decision.destination else { panic!("{decision:?}") };
    assert_eq!((handoff.queue.as_str(), handoff.priority.as_str(), &*handoff.rule), ("care", "high", "end"));
    let stored = serde_json::to_string(&decision).unwrap();
    assert_eq!(serde_json::from_str::<crate::routing::Decision>(&stored).unwrap(), decision);
}

#[test]
fn an_agents_conversation_is_not_routed() {
    let set = set("  - {name: note, on: agent_message, when: message.automatic, then: [{tag: noise}]}\n");
    let mut facts = Facts::default();
    facts.conversation.owner = Owner::Agent;
    facts.message.automatic = true;
    let decision = decide(&set, &facts);
    assert_eq!((decision.actions, decision.destination), (vec![Action::Tag("noise".into())], None));
}

#[test]
fn rules_on_signals_run_on_signals_alone_and_take_nothing_from_an_agent() {
    let set = set(
        "  - {name: late, on: signals, when: message.urgency > 0.5, then: [{tag: late}, {reply: {template: hello}}, {handoff: {queue: care}}]}\n  - {name: note, on: signals, when: message.urgency > 0.4, then: [{tag: noted}]}\n",
    );
    let mut facts = Facts { on: Trigger::Signals, ..Facts::default() };
    assert_eq!(decide(&set, &facts).rule, None, "there need not be a default");
    facts.message.urgency = Some(0.9);
    assert_eq!(decide(&set, &facts).rule.as_deref(), Some("late"));
    assert!(explain(&set, &facts).outcome.contains("queue care"));
    facts.conversation.owner = Owner::Agent;
    let decision = decide(&set, &facts);
    assert_eq!((decision.actions, decision.destination), (vec![Action::Tag("noted".into())], None));
    let trace = explain(&set, &facts);
    assert_eq!(trace.rules.iter().map(|rule| rule.matched).collect::<Vec<_>>(), [false, true]);
    facts.on = Trigger::Message;
    assert!(decide(&set, &facts).matched.is_empty(), "a message to an agent");
}

#[test]
fn a_language_without_a_skill_asks_for_none() {
    let set = set(
        "  - {name: go, when: 'has(message.text)', then: [{handoff: {queue: care, skills: [{skill: \"lang-${message.language}\", hard: true}]}}]}\n",
    );
    for (language, expected) in
        [(Some("zh-Hant"), Some("lang-zh")), (Some("en"), Some("lang-en")), (Some("fi"), None), (None, None)]
    {
        let mut facts = Facts::default();
        facts.message.language = language.map(str::to_owned);
        let Some(Destination::Handoff(handoff)) = decide(&set, &facts).destination else { panic!("no handoff") };
        assert_eq!(handoff.skills.first().map(|need| need.skill.as_str()), expected);
    }
}

#[test]
fn an_explanation_shows_every_value_and_the_same_decision() {
    let set = set(
        "  - {name: angry, when: 'message.sentiment.label in [\"negative\"] && !(message.urgency > 0.5)', then: [close]}\n",
    );
    let mut facts = Facts::default();
    facts.message.urgency = Some(0.25);
    let trace = explain(&set, &facts);
    let values: Vec<(&str, &str)> =
        trace.rules[0].values.iter().map(|value| (value.expression.as_str(), value.value.as_str())).collect();
    assert_eq!(
        values,
        [
            ("message.sentiment.label in [\"negative\"]", "unknown"),
            ("message.sentiment.label", "unknown"),
            ("message.urgency > 0.5", "false"),
            ("message.urgency", "0.25"),
        ]
    );
    assert_eq!((trace.rules[0].file.as_str(), trace.rules[0].line, trace.not_reached), ("10.yaml", 2, 0));
    assert_eq!(trace.outcome, "Handed to queue care because rule “end” matched.");
}

#[test]
fn the_shipped_rules_load_pass_their_tests_and_test_every_rule() {
    let loaded = load_dir(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/routing-rules")));
    assert_eq!(said(&loaded), Vec::<String>::new());
    let set = loaded.rules.unwrap();
    let report = run_tests(&set, &|_| Signals::default());
    for outcome in &report.outcomes {
        assert_eq!(outcome.differences, Vec::<String>::new(), "{}", outcome.name);
    }
    let untested: Vec<_> = report.coverage.iter().filter(|rule| rule.tests == 0).collect();
    assert!(untested.is_empty(), "{untested:?}");
}

#[test]
fn templates_speak_the_customers_language() {
    let loaded = load_dir(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/routing-rules")));
    let set = loaded.rules.unwrap();
    let context = crate::routing::TemplateContext { position: Some(2), estimated_wait: Some(61), ..Default::default() };
    for (language, part) in [
        (Some("en"), "You are number 2 in line, that is about 2 min."),
        (Some("zh-Hant"), "您当前排在第 2 位，预计等待约 2 分钟。"),
        (Some("zh-Hans"), "您当前排在第 2 位"),
        (Some("fi"), "You are number 2"),
        (None, "You are number 2"),
    ] {
        let text = set.render("handing-over", language, &context);
        assert!(text.contains(part), "{language:?}: {text}");
    }
    assert!(!set.render("handing-over", Some("en"), &Default::default()).contains("number"));
}

#[test]
fn a_long_message_in_a_template_is_cut_at_a_character() {
    let quote = "templates: {hello: {en: \"{{ message.text }}\", zh: 好}}";
    let loaded = load(&files(&[("10.yaml", &format!("rules:\n{END}")), ("templates.yaml", quote)]));
    let text = "退<b>".repeat(20_000);
    let context = crate::routing::TemplateContext { message_text: Some(&text), ..Default::default() };
    let said = loaded.rules.unwrap().render("hello", Some("en"), &context);
    assert!(text.starts_with(&said) && said.len() > 16_000 && said.len() <= 16 * 1024, "{}", said.len());
}

#[test]
fn the_hash_follows_names_and_contents() {
    let hash = |own: &[(&str, &str)]| load(&files(own)).rules.unwrap().hash().clone();
    let rules = format!("rules:\n{END}");
    let first = hash(&[("10.yaml", &rules)]);
    assert_eq!(first.len(), 64);
    assert_eq!(first, hash(&[("10.yaml", &rules)]));
    assert_ne!(first, hash(&[("11.yaml", &rules)]));
    assert_ne!(first, hash(&[("10.yaml", &format!("{rules}\n"))]));
}

/// A condition of the shape that is indexed, or not, by dice.
fn random_condition(dice: &mut impl Iterator<Item = usize>) -> String {
    let mut roll = |sides: usize| dice.next().unwrap_or(0) % sides;
    let mut parts = Vec::new();
    for _ in 0..=roll(3) {
        let language = ["en", "zh-Hans", "es"][roll(3)];
        parts.push(match roll(12) {
            0 => format!("message.language == \"{language}\""),
            1 => format!("message.language in [\"{language}\", \"en\"]"),
            2 => "message.automatic".to_owned(),
            3 => "!message.automatic".to_owned(),
            4 => format!("\"t{}\" in conversation.tags", roll(4)),
            5 => format!("message.text.any_word([\"w{}\"])", roll(3)),
            6 => format!("(message.kind == \"email\" || message.text.contains(\"w{}\"))", roll(3)),
            7 => "message.kind != \"email\"".to_owned(),
            8 => format!("conversation.messages {} {}", ["<", "<=", ">", ">=", "=="][roll(5)], roll(60)),
            9 => format!("0.{} {} message.urgency", roll(100), ["<", ">="][roll(2)]),
            10 => format!("conversation.idle > duration(\"{}m\")", roll(9)),
            _ => "conversation.owner == \"queue\"".to_owned(),
        });
    }
    parts.join(" && ")
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 60, ..Default::default() })]

    /// The index leaves out no rule that matches, and none out of order: a plain scan reaches the same rules.
    #[test]
    fn the_index_decides_as_a_scan_does(dice in proptest::collection::vec(0_usize..1_000, 400..900)) {
        let mut dice = dice.into_iter();
        let mut rules = String::new();
        for place in 0..=dice.next().unwrap_or(0) % 150 {
            let then = ["tag: t0", "untag: t0", "tag: t1", "priority: high", "ignore: true"][dice.next().unwrap_or(0) % 5];
            rules += &format!("  - {{name: r{place}, when: '{}', then: [{{{then}}}]}}\n", random_condition(&mut dice));
        }
        // Rules that an earlier one overtakes do not load; what is left is what counts.
        let loaded = loop {
            let loaded = load(&files(&[("10.yaml", &format!("rules:\n{rules}{END}"))]));
            let lines: Vec<usize> = loaded.findings.iter().map(|finding| finding.line).collect();
            if loaded.rules.is_some() {
                break loaded;
            }
            rules = rules.lines().enumerate().filter(|(at, _)| !lines.contains(&(at + 2))).map(|(_, rule)| format!("{rule}\n")).collect();
        };
        let set = loaded.rules.unwrap();
        for roll in 0..40_usize {
            let mut facts = Facts::default();
            facts.message.language = [None, Some("en"), Some("zh-Hans"), Some("fi")][roll % 4].map(str::to_owned);
            facts.message.kind = ["email", "webchat"][roll / 4 % 2].to_owned();
            facts.message.automatic = roll / 8 % 2 == 1;
            facts.message.text = format!("w{} xw1", roll % 3);
            facts.message.urgency = [None, Some(0.3), Some(0.55)][roll % 3];
            facts.conversation.messages = [0, 7, 30, 59][roll % 4];
            facts.conversation.idle = [None, Some(jiff::SignedDuration::from_mins(4))][roll / 2 % 2];
            facts.conversation.owner = [Owner::Bot, Owner::Queue][roll / 16 % 2];
            let decision = decide(&set, &facts);
            let trace = explain(&set, &facts);
            let scanned: Vec<&str> =
                trace.rules.iter().filter(|rule| rule.matched).map(|rule| rule.name.as_str()).collect();
            let indexed: Vec<&str> = decision.matched.iter().map(|name| &**name).collect();
            proptest::prop_assert_eq!(indexed, scanned);
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 150, ..Default::default() })]

    /// Whatever stands in a file, loading ends with findings, never with a failure of the loader.
    #[test]
    fn soup_never_breaks_the_loader(
        tokens in proptest::collection::vec(proptest::sample::select(vec![
            "message", ".text", ".language", "customer.attributes", "[\"a\"]", "(", ")", "[", "]", "{", "}", "\"退\"", "'", "\\", "\"",
            " && ", " || ", "!", " == ", " in ", "1", "-", "0.5", ".exists(t, ", ".all(x, ", ".filter(y, ", "t", "x", ".size()",
            ".matches(", ".any_word([", "has(", "open(", "duration(\"5m\")", "?", ":", ",", "null", "b\"x\"", "1u", "`a`", "\u{0}", "💥", "\n",
        ]), 0..40),
        text in ".{0,200}",
    ) {
        let when = serde_json::to_string(&tokens.concat()).unwrap();
        let rules = format!("rules:\n  - {{name: a, when: {when}, then: [{{tag: x}}]}}\n{END}");
        for (name, text) in [("10.yaml", rules.as_str()), ("10.yaml", &text), ("templates.yaml", &text), ("queues.yaml", &text)] {
            for finding in load(&files(&[(name, text)])).findings {
                proptest::prop_assert!(!finding.message.contains("the loader failed"), "{}", text);
            }
        }
    }
}

#[test]
fn intents_are_read_and_what_is_wrong_with_them_is_said() {
    let rules = ("10.yaml", "rules:\n  - {name: end, then: [{handoff: {queue: care}}]}\n");
    let good =
        "intents:\n  return:\n    topics: [returns]\n    examples: [How do I return it, 怎么退货, send it back]\n";
    let set = load(&files(&[rules, ("intents.yaml", good)])).rules.unwrap();
    assert_eq!((set.intents()[0].name.as_str(), set.intents()[0].examples.len()), ("return", 3));
    let rows = [
        (
            "intents:\n  return: {examples: [a, b]}\n",
            "2:3 the intent `return` has 2 examples; 3 are the fewest [return]",
        ),
        (
            "intents:\n  a b: {examples: [a, b, c]}\n",
            "2:3 an intent is made of letters, digits, “-”, “_” and “.”, 64 at most [a b]",
        ),
        (
            "intents:\n  x: {exampels: [a, b, c], examples: [a, b, c]}\n",
            "2:7 an intent has no key `exampels` [exampels]",
        ),
        ("intent: {}\n", "1:1 intents.yaml has no key `intent` [intent]"),
    ];
    let found = |text: &str| said(&load(&files(&[rules, ("intents.yaml", text)])));
    all_equal(rows.iter().map(|(text, expected)| (*text, found(text), vec![(*expected).to_owned()])).collect());
}
