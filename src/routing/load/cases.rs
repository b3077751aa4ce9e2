//! `tests:` of a rule file.

use serde_json::{Map, Value as Json};

use super::{Desk, Lines, read, rules::first_line};
use crate::routing::{
    cases::{Case, Expect, ExpectedOutcome},
    finding::{Notes, SourceFile, suggest},
    given,
    yaml::{self, Node, Value},
};

const OUTCOME: [&str; 10] =
    ["handoff", "priority", "skills", "answer", "do", "close", "ignore", "tags", "replies", "attributes"];

pub(super) fn case(node: &Node, file: usize, lines: &Lines, desk: &Desk, notes: &mut Notes<'_>) -> Option<Case> {
    let fields = read::fields(node, "a test", &["name", "given", "expect"], notes)?;
    let (Some(name_node), Some(given), Some(expect)) = (fields.get("name"), fields.get("given"), fields.get("expect"))
    else {
        notes.error(&first_line(node), "a test needs a name, `given` and `expect`", "docs/rules.md shows one");
        return None;
    };
    let name = read::line(name_node, "a test's name", notes)?.to_owned();
    let given = facts(given, notes)?;
    let known: Vec<&str> = ["rule", "otherwise"].into_iter().chain(OUTCOME).collect();
    let expected = read::fields(expect, "expect", &known, notes)?;
    let expect = Expect {
        rule: expected.get("rule").and_then(|node| {
            let name = read::line(node, "a rule", notes)?;
            Some((name.to_owned(), node.span.clone()))
        }),
        outcome: outcome(expected, desk, notes),
        otherwise: expected.get("otherwise").and_then(|node| {
            let fields = read::fields(node, "otherwise", &OUTCOME, notes)?;
            Some(outcome(fields, desk, notes))
        }),
    };
    let line = lines.line(name_node.span.start);
    Some(Case { name, file, line, span: name_node.span.clone(), given, expect })
}

/// What `given:` of a test says, written as JSON.
///
/// # Errors
/// The first thing that is wrong with it, and what to do.
pub fn given_from(written: &Json) -> Result<Map<String, Json>, String> {
    let file = SourceFile { name: "given".to_owned(), text: written.to_string() };
    let node = yaml::parse(&file.text).map_err(|malformed| malformed.message)?;
    let mut notes = Notes::new(&file);
    let facts = facts(&node, &mut notes);
    match notes.findings.into_iter().next() {
        Some(finding) => {
            Err(finding.help.map_or(finding.message.clone(), |help| format!("{}: {help}", finding.message)))
        }
        None => Ok(facts.unwrap_or_default()),
    }
}

fn facts(node: &Node, notes: &mut Notes<'_>) -> Option<Map<String, Json>> {
    let mut facts = Map::new();
    let groups = ["message", "conversation", "customer", "queues", "now"];
    let known: Vec<&str> = ["on", "after"].into_iter().chain(groups).collect();
    let fields = read::fields(node, "given", &known, notes)?;
    if let Some(on) = fields.get("on").and_then(|node| read::trigger(node, notes)) {
        facts.insert("on".to_owned(), Json::from(on.as_str()));
    }
    if let Some(after) = fields.get("after").and_then(|node| read::seconds(node, "`after`", notes)) {
        facts.insert("after".to_owned(), Json::from(after));
    }
    if let Value::Map(entries) = &node.value {
        for (key, node) in entries.iter().filter(|(key, _)| groups.contains(&key.name.as_str())) {
            given::collect(&key.name, node, &mut facts, &mut |span, wrong| {
                notes.error(span, wrong.message, wrong.help)
            });
        }
    }
    Some(facts)
}

fn outcome(fields: read::Fields<'_>, desk: &Desk, notes: &mut Notes<'_>) -> ExpectedOutcome {
    let mut truth = |name: &str| fields.get(name).and_then(|node| read::boolean(node, name, notes));
    let (answer, close, ignore) = (truth("answer"), truth("close"), truth("ignore"));
    let queues: Vec<&str> = desk.queues.keys().map(String::as_str).collect();
    let skills: Vec<&str> = desk.skills.titles.keys().map(String::as_str).collect();
    let templates: Vec<&str> = desk.templates.names().collect();
    let actions: Vec<&str> = desk.actions.actions.keys().map(String::as_str).collect();
    let mut attributes = std::collections::BTreeMap::new();
    for (key, node) in fields.get("attributes").and_then(|n| read::entries(n, "attributes", notes)).unwrap_or_default()
    {
        if let Some(value) = read::line(node, "an attribute's value", notes) {
            attributes.insert(key.name.clone(), value.to_owned());
        }
    }
    ExpectedOutcome {
        handoff: fields.get("handoff").and_then(|node| known(node, "queue", &queues, notes)),
        priority: fields.get("priority").and_then(|node| read::priority(node, notes)),
        skills: fields.get("skills").map(|node| each(node, |node| known(node, "skill", &skills, notes))),
        answer,
        action: fields.get("do").and_then(|node| known(node, "action", &actions, notes)),
        close,
        ignore,
        tags: fields.get("tags").map(|node| each(node, |node| read::name(node, "a tag", notes).map(str::to_owned))),
        replies: fields.get("replies").map(|node| each(node, |node| known(node, "template", &templates, notes))),
        attributes,
    }
}

/// The items of a list; something that is not a list is a list of one.
fn each<T>(node: &Node, read: impl FnMut(&Node) -> Option<T>) -> Vec<T> {
    match &node.value {
        Value::List(items) => items.iter().filter_map(read).collect(),
        _ => std::iter::once(node).filter_map(read).collect(),
    }
}

fn known(node: &Node, what: &str, names: &[&str], notes: &mut Notes<'_>) -> Option<String> {
    let name = read::text(node, what, notes)?;
    if !names.contains(&name) {
        notes.error(&node.span, format!("there is no {what} “{name}”"), suggest(name, names.iter().copied()));
    }
    Some(name.to_owned())
}
