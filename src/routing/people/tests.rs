//! What rules ask of people, said where it stands.

use super::*;
use crate::routing::{SourceFile, load};

const SKILLS: &str = "languages: [en, zh, pt]\nskills: {lang-en: , lang-zh: , lang-zh-Hant: , lang-pt: , billing: }";
const QUEUES: &str = "queues:\n  care: {escalate: [{after: 5m, queue: night}]}\n  night: {members: assigned}\n  money: {members: {skills: {billing: 4}}}";

/// An agent, inactive where the login begins with `-`.
struct Somebody {
    login: String,
    languages: Vec<String>,
    skills: BTreeMap<String, u8>,
    queues: Vec<String>,
}

fn agent(login: &str, languages: &str, skills: &[(&str, u8)], queues: &str) -> Somebody {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
    Somebody {
        login: login.to_owned(),
        languages: words(languages),
        skills: skills.iter().map(|(name, level)| ((*name).to_owned(), *level)).collect(),
        queues: words(queues),
    }
}

/// Knows everything a little.
fn ann() -> Somebody {
    agent("ann", "en pt zh zh-Hant", &[("billing", 2)], "night")
}

/// What is said of people, beside one rule with this handoff: `file:line message [underlined]`.
fn said(queues: &str, handoff: &str, agents: &[Somebody]) -> Vec<String> {
    let rules = format!(
        "rules:\n  - name: ask\n    when: message.wants_human > 0.5\n    then: [{{handoff: {{{handoff}}}}}]\n  - {{name: end, then: [ignore]}}\n"
    );
    let files = [("10.yaml", rules.as_str()), ("skills.yaml", SKILLS), ("queues.yaml", queues)];
    let files = files.map(|(name, text)| SourceFile { name: name.to_owned(), text: text.to_owned() });
    let loaded = load(&files);
    let set = loaded.rules.unwrap_or_else(|| panic!("{:#?}", loaded.findings));
    let person = |agent: &'_ Somebody| agent.login.strip_prefix('-').unwrap_or(&agent.login).to_owned();
    let logins: Vec<String> = agents.iter().map(person).collect();
    let people: Vec<Person<'_>> = agents
        .iter()
        .zip(&logins)
        .map(|(Somebody { login: said, languages, skills, queues }, login)| Person {
            login,
            active: !said.starts_with('-'),
            languages,
            skills,
            queues,
        })
        .collect();
    let findings = lint_people(&set, &people);
    assert!(findings.iter().all(|finding| !finding.is_error() && finding.help.is_some()));
    let shown = |finding: &Finding| {
        let file = files.iter().find(|file| file.name == finding.file).unwrap();
        format!("{}:{} {} [{}]", finding.file, finding.line, finding.message, &file.text[finding.span.clone()])
    };
    findings.iter().map(shown).collect()
}

#[test]
fn a_requirement_that_nobody_meets_is_found_and_whether_time_helps() {
    for (handoff, expected) in [
        ("queue: care, skills: [{skill: billing, min: 2}]", None),
        ("queue: care, skills: [{skill: \"lang-${message.language}\", min: 5, hard: true}]", None),
        (
            "queue: care, skills: [{skill: billing, min: 4}]",
            Some(
                "nobody in “care” has billing at level 4 or above (the best is ann, with 2): it is never offered to anybody [billing]",
            ),
        ),
        (
            "queue: care, skills: [{skill: billing, min: 4, hard: true}]",
            Some(
                "nobody in “care” has billing at level 4 or above (the best is ann, with 2): it is never offered to anybody [billing]",
            ),
        ),
        (
            "queue: care, skills: [{skill: billing, min: 5, relax: [{after: 1m, min: 3}, {after: 90s, min: 2}]}]",
            Some(
                "nobody in “care” has billing at level 5 or above (the best is ann, with 2): it is offered to nobody for the first 1m 30s [billing]",
            ),
        ),
        (
            "queue: care, skills: [{skill: billing, min: 3, relax: [{after: 3m, drop: true}]}]",
            Some(
                "nobody in “care” has billing at level 3 or above (the best is ann, with 2): it is offered to nobody for the first 3m [billing]",
            ),
        ),
    ] {
        let found = said(QUEUES, handoff, &[ann(), agent("-old", "", &[("billing", 5)], "")]);
        let found: Vec<&str> = found.iter().filter_map(|text| text.strip_prefix("10.yaml:4 ")).collect();
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{handoff}");
    }
}

#[test]
fn escalation_to_somebody_who_can_counts() {
    let people = [agent("ann", "en pt zh zh-Hant", &[], ""), agent("owl", "", &[("billing", 4)], "night")];
    let queues = "queues: {care: {members: {skills: {lang-en: 1}}, escalate: [{after: 5m, queue: night}]}, night: {members: assigned}}";
    let hard = "queue: care, skills: [{skill: billing, min: 4, hard: true}]";
    assert_eq!(
        said(queues, hard, &people),
        [
            "10.yaml:4 nobody in “care” has billing at level 4 or above: it is offered to nobody for the first 5m [billing]"
        ]
    );
    let own = format!("{hard}, escalate: [{{after: 1h, priority: high}}]");
    assert!(said(queues, &own, &people)[0].ends_with("it is never offered to anybody [billing]"));
}

#[test]
fn requirements_that_nobody_meets_at_once_are_found() {
    let people = [ann(), agent("bob", "", &[("billing", 5)], "night")];
    let needs = "queue: care, skills: [{skill: \"lang-${message.language}\", min: 3}, {skill: billing, min: 4, relax: [{after: 2m, min: 2}]}]";
    assert_eq!(
        said(QUEUES, needs, &people),
        [
            "10.yaml:4 nobody in “care” has all of billing 4, lang-zh-Hant 3: it is offered to nobody for the first 2m [\"lang-${message.language}\"]"
        ]
    );
}

#[test]
fn a_language_that_nobody_speaks_is_found_where_it_stands() {
    let ann = [agent("ann", "en zh", &[], "night")];
    let soft = "queue: care, skills: [{skill: \"lang-${message.language}\", relax: [{after: 1m, drop: true}]}]";
    let hard = "queue: care, skills: [{skill: \"lang-${message.language}\", hard: true}]";
    assert_eq!(
        said(QUEUES, soft, &ann),
        [
            "10.yaml:4 nobody in “care” has lang-zh-Hant at level 1 or above: it is offered to nobody for the first 1m [\"lang-${message.language}\"]",
            "skills.yaml:1 no agent speaks pt [pt]",
        ]
    );
    assert_eq!(
        said(QUEUES, hard, &ann)[0],
        "10.yaml:4 nobody in “care” has lang-pt or lang-zh-Hant at level 1 or above: it is never offered to anybody [\"lang-${message.language}\"]"
    );
}

#[test]
fn a_queue_that_nobody_serves_is_found_and_whether_escalation_helps() {
    for (handoff, people, expected) in [
        ("queue: night", vec![ann()], &[][..]),
        (
            "queue: money",
            vec![ann()],
            &["queues.yaml:4 nobody serves “money”: what comes to it is never offered to anybody [money]"],
        ),
        (
            "queue: care",
            vec![agent("bob", "en pt zh", &[], "")],
            &["queues.yaml:3 nobody serves “night”: what comes to it is never offered to anybody [night]"],
        ),
        (
            "queue: care",
            vec![],
            &[
                "queues.yaml:2 nobody serves “care”: what comes to it is never offered to anybody [care]",
                "queues.yaml:3 nobody serves “night”: what comes to it is never offered to anybody [night]",
            ],
        ),
    ] {
        assert_eq!(said(QUEUES, handoff, &people), expected, "{handoff}");
    }
    let queues =
        QUEUES.replace("{skills: {billing: 4}}", "{skills: {billing: 4}}, escalate: [{after: 2m, queue: night}]");
    assert_eq!(
        said(&queues, "queue: money, skills: [{skill: billing, min: 2}]", &[ann()]),
        [
            "queues.yaml:4 nobody serves “money”: it is offered to nobody for the first 2m, until it escalates to “night” [money]"
        ]
    );
}
