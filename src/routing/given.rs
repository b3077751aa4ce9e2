//! Facts that a person writes down: `given:` of a test, `--set` on the command line. Checked against the fact schema.

use serde_json::{Map, Value as Json, json};

use super::{
    expr::{FIELDS, QUEUE_FIELDS, Ty, fact_field},
    facts::{Facts, MessageFacts},
    finding::suggest,
    load::parse_seconds,
    yaml::{self, Node, Value},
};
use crate::understand::Signals;

/// Something that cannot be a fact.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}: {help}")]
pub struct NotAFact {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl NotAFact {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}

/// What a path of the facts stands for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    Group,
    Leaf(Ty),
}

/// What a path stands for, or why it stands for nothing.
pub(super) fn place(path: &str) -> Result<Place, NotAFact> {
    if path == "now.hour" || path == "now.weekday" {
        return Err(NotAFact::new(format!("`{path}` follows from now.time"), "set now.time"));
    }
    if let Some(field) = fact_field(path) {
        return Ok(Place::Leaf(field.ty));
    }
    let parts: Vec<&str> = path.split('.').collect();
    match parts[..] {
        ["conversation" | "customer", "attributes", _] => return Ok(Place::Leaf(Ty::Text)),
        ["queues"] | ["queues", _] => return Ok(Place::Group),
        ["queues", _, name] => {
            return QUEUE_FIELDS.iter().find(|field| field.name == name).map(|field| Place::Leaf(field.ty)).ok_or_else(
                || {
                    let help = suggest(name, QUEUE_FIELDS.iter().map(|field| field.name));
                    NotAFact::new(format!("a queue has no fact `{name}`"), help)
                },
            );
        }
        _ => {}
    }
    let group = format!("{path}.");
    if FIELDS.iter().any(|field| field.path.starts_with(&group)) {
        return Ok(Place::Group);
    }
    let groups = ["message", "conversation", "customer", "queues", "now"];
    let known = FIELDS.iter().map(|field| field.path).chain(groups);
    Err(NotAFact::new(format!("there is no fact `{path}`"), suggest(path, known)))
}

/// Writes what a node says under `path` into `facts`, and tells `wrong` what cannot be a fact and where.
pub(crate) fn collect(
    path: &str,
    node: &Node,
    facts: &mut Map<String, Json>,
    wrong: &mut impl FnMut(&std::ops::Range<usize>, NotAFact),
) {
    match (place(path), &node.value) {
        (Err(problem), _) => wrong(&node.span, problem),
        (Ok(Place::Group), Value::Map(entries)) => {
            for (key, node) in entries {
                let path = format!("{path}.{}", key.name);
                match place(&path) {
                    Err(problem) => wrong(&key.span, problem),
                    Ok(_) => collect(&path, node, facts, wrong),
                }
            }
        }
        (Ok(Place::Group), Value::Null) => {}
        (Ok(Place::Group), other) => {
            wrong(
                &node.span,
                NotAFact::new(
                    format!("`{path}` is a group of facts, and this is {}", other.kind()),
                    "write `key: value` lines",
                ),
            );
        }
        (Ok(Place::Leaf(ty)), _) => match json_of(ty, &node.value) {
            Ok(value) => assign(facts, path, value),
            Err(help) => wrong(&node.span, NotAFact::new(format!("`{path}` is {}, and this is not", ty.name()), help)),
        },
    }
}

/// The facts that signals and assignments come to. An assignment is `path=value` as the command line has it, with the
/// value in YAML: `conversation.bot_misses=1`, `conversation.tags=[vip]`. It wins over a signal; `null` makes a fact
/// unknown.
///
/// # Errors
/// The first assignment that is not one, names no fact, or has a value of the wrong type.
pub fn facts_from(signals: &Signals, assignments: &[String]) -> Result<Facts, NotAFact> {
    let mut given = Map::new();
    for assignment in assignments {
        set(&mut given, assignment)?;
    }
    facts(&given, Some(signals)).map_err(|error| NotAFact::new(error.to_string(), "check the values"))
}

fn set(facts: &mut Map<String, Json>, assignment: &str) -> Result<(), NotAFact> {
    let Some((path, value)) = assignment.split_once('=') else {
        return Err(NotAFact::new(
            format!("“{assignment}” is not path=value"),
            "for example conversation.bot_misses=1",
        ));
    };
    let node = yaml::parse(value).map_err(|malformed| NotAFact::new(malformed.message, "quote the value"))?;
    let mut problem = None;
    collect(path.trim(), &node, facts, &mut |_, wrong| problem = Some(wrong));
    problem.map_or(Ok(()), Err)
}

fn assign(facts: &mut Map<String, Json>, path: &str, value: Json) {
    match path.split_once('.') {
        None => _ = facts.insert(path.to_owned(), value),
        Some((head, rest)) => {
            let inner = facts.entry(head).or_insert_with(|| json!({}));
            if let Json::Object(inner) = inner {
                assign(inner, rest, value);
            }
        }
    }
}

fn json_of(ty: Ty, value: &Value) -> Result<Json, String> {
    let nothing = || Err(String::new());
    match (ty, value) {
        (_, Value::Null) => Ok(Json::Null),
        (Ty::Bool, Value::Bool(value)) => Ok(json!(value)),
        (Ty::Int, Value::Int(value)) => Ok(json!(value)),
        (Ty::Double, Value::Int(value)) => Ok(json!(value)),
        (Ty::Double, Value::Float(value)) if value.is_finite() => Ok(json!(value)),
        (Ty::Text, Value::Text(text)) => Ok(json!(text)),
        (Ty::Text, Value::Int(_) | Value::Float(_) | Value::Bool(_)) => Err("put it in quotes".to_owned()),
        (Ty::Word(words), Value::Text(text)) if words.contains(&text.as_str()) => Ok(json!(text)),
        (Ty::Word(words), Value::Text(text)) => Err(suggest(text, words.iter().copied())),
        (Ty::Duration, Value::Text(text)) => {
            parse_seconds(text).map(|seconds| json!(seconds)).ok_or_else(|| "write it as 90s, 5m or 1h30m".to_owned())
        }
        (Ty::Duration, _) => Err("write it as 90s, 5m or 1h30m".to_owned()),
        (Ty::Time, Value::Text(text)) if text.parse::<jiff::Timestamp>().is_ok() => Ok(json!(text)),
        (Ty::Time, _) => Err("write it as 2026-11-23T09:00:00+08:00".to_owned()),
        (Ty::Texts, Value::List(items)) => {
            items.iter().map(|item| json_of(Ty::Text, &item.value)).collect::<Result<Vec<_>, _>>().map(Json::Array)
        }
        (Ty::Entities, Value::List(items)) => {
            items.iter().map(|item| json_of(Ty::Entity, &item.value)).collect::<Result<Vec<_>, _>>().map(Json::Array)
        }
        (Ty::Entity, Value::Map(entries)) if entries.len() == 2 => {
            let part = |name: &str| entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| &node.value);
            match (part("kind"), part("text")) {
                (Some(Value::Text(kind)), Some(Value::Text(text))) => Ok(json!({"kind": kind, "text": text})),
                _ => Err("write it as {kind: order, text: \"A-1001\"}".to_owned()),
            }
        }
        (Ty::Entities | Ty::Entity, _) => Err("write a list of {kind: order, text: \"A-1001\"}".to_owned()),
        (Ty::Map, Value::Map(entries)) => entries
            .iter()
            .map(|(key, node)| Ok((key.name.clone(), json_of(Ty::Text, &node.value)?)))
            .collect::<Result<Map<_, _>, String>>()
            .map(Json::Object),
        _ => nothing(),
    }
}

/// The facts that these writings and signals come to. What is written wins; `null` makes a fact unknown.
pub(crate) fn facts(given: &Map<String, Json>, signals: Option<&Signals>) -> Result<Facts, serde_json::Error> {
    let message = signals.map(MessageFacts::from_signals).unwrap_or_default();
    facts_over(&Facts { message, ..Facts::default() }, given)
}

/// These facts with what is written; that wins, and `null` makes a fact unknown.
///
/// # Errors
/// A value that does not fit, which [`collect`] would have found.
pub fn facts_over(base: &Facts, given: &Map<String, Json>) -> Result<Facts, serde_json::Error> {
    let mut json = serde_json::to_value(base)?;
    merge(&mut json, &Json::Object(given.clone()));
    serde_json::from_value(json)
}

fn merge(under: &mut Json, over: &Json) {
    match (under, over) {
        (Json::Object(under), Json::Object(over)) => {
            for (key, value) in over {
                if value.is_null() {
                    under.remove(key);
                } else {
                    merge(under.entry(key.as_str()).or_insert(Json::Null), value);
                }
            }
        }
        (under, over) => *under = over.clone(),
    }
}
