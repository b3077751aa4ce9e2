//! `intents:` of actions: what begins them where no rule decides otherwise. Each such action is a rule of its own, so that
//! decisions, explanations, tests and statistics know it as they know every other.

use std::collections::BTreeMap;

use crate::routing::{
    finding::suggest,
    load::{
        read,
        rules::{RuleReader, first_line},
    },
    rule::Rule,
    yaml::{Key, Node, Value},
};

/// The rules of one file. `taken` are the intents that are bound so far, with the actions that they begin.
pub(in crate::routing::load) fn bound(
    root: &Node,
    reader: &mut RuleReader<'_, '_>,
    taken: &mut BTreeMap<String, String>,
) -> Vec<Rule> {
    let Some(Node { value: Value::Map(actions), .. }) = root.get("actions") else { return Vec::new() };
    actions.iter().filter_map(|(key, action)| rule(key, action, reader, taken)).collect()
}

fn rule(
    key: &Key,
    action: &Node,
    reader: &mut RuleReader<'_, '_>,
    taken: &mut BTreeMap<String, String>,
) -> Option<Rule> {
    let name = &key.name;
    let (intents, otherwise) = (action.get("intents"), action.get("otherwise"));
    let (intents, otherwise) = match (intents, otherwise) {
        (Some(intents), Some(otherwise)) => (intents, otherwise),
        (None, None) => return None,
        (Some(intents), None) => {
            let message =
                format!("the action “{name}” begins by an intent and does not say what happens when it cannot be done");
            reader.notes.error(
                &first_line(intents),
                message,
                "add `otherwise:` with a list that ends in handoff, close or ignore",
            );
            return None;
        }
        (None, Some(otherwise)) => {
            let help = "name the `intents` that begin it; rules say `otherwise` themselves";
            reader.notes.error(&first_line(otherwise), "`otherwise` of an action goes with `intents`", help);
            return None;
        }
    };
    let mut conditions = Vec::new();
    for node in read::list(intents, "intents", reader.notes)? {
        let intent = read::text(node, "an intent", reader.notes)?;
        let known = &reader.desk.vocabulary.intents;
        if !known.contains(intent) {
            let help = suggest(intent, known.iter().map(String::as_str));
            reader.notes.error(&node.span, format!("there is no intent “{intent}”"), help);
            return None;
        }
        if let Some(other) = taken.insert(intent.to_owned(), name.clone()) {
            let message = format!("the intent “{intent}” begins two actions");
            reader.notes.error(&node.span, message, format!("the other one is “{other}”"));
            return None;
        }
        conditions.push(format!("message.intent.name == \"{intent}\""));
    }
    if conditions.is_empty() {
        return None;
    }
    let text = |text: String| Node { value: Value::Text(text), span: key.span.clone() };
    let entry = |name: &str, node: Node| (Key { name: name.to_owned(), span: key.span.clone() }, node);
    let map = |entries| Node { value: Value::Map(entries), span: key.span.clone() };
    let wanted = map(vec![entry("action", text(name.clone())), entry("otherwise", otherwise.clone())]);
    let then = Node { value: Value::List(vec![map(vec![entry("do", wanted)])]), span: key.span.clone() };
    let when = Node { span: intents.span.clone(), ..text(conditions.join(" || ")) };
    let title = text(format!("{name} (by intent)"));
    reader.rule(&map(vec![entry("name", title), entry("when", when), entry("then", then)]))
}
