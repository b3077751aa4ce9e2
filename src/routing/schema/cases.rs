//! Tests of rules.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value as Json, json};

use super::words::{Duration, Line, Name, Text};
use crate::routing::{
    expr::Ty,
    facts::{Facts, Priority},
    given::{Place, place},
    rule::Trigger,
};

/// Given these facts, expect this decision.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Case {
    /// What `switchboard rules test` calls it.
    name: Line,
    /// The facts. What the classifier says of `message.text` is a fact too; what is written here wins over it, and
    /// `null` makes a fact unknown. It is Monday, 5 January 2026, noon without `now: {time: …}`.
    #[schemars(schema_with = "given")]
    given: Facts,
    /// What the decision must be. What is left out can be anything.
    expect: Expect,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Expect {
    /// The rule that ends the pass.
    rule: Option<Line>,
    #[schemars(flatten)]
    outcome: Outcome,
    /// What happens when the bot has no answer.
    otherwise: Option<Outcome>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Outcome {
    /// The queue that the conversation is handed to.
    handoff: Option<Text>,
    /// The priority of the handoff, or else of the conversation afterwards.
    priority: Option<Priority>,
    /// Exactly these skills are required, in this order.
    skills: Option<Several<Text>>,
    /// Whether the bot answers.
    answer: Option<bool>,
    /// The action that begins.
    r#do: Option<Text>,
    /// Whether the conversation ends.
    close: Option<bool>,
    /// Whether the conversation stays with whom it is.
    ignore: Option<bool>,
    /// The conversation has at least these tags afterwards.
    tags: Option<Several<Name>>,
    /// Exactly these templates are sent, in this order.
    replies: Option<Several<Text>>,
    /// The conversation has at least these attributes afterwards.
    attributes: Option<BTreeMap<String, Line>>,
}

/// A list, or one alone.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Several<Of> {
    List(Vec<Of>),
    One(Of),
}

/// The facts that can be written down: described by their own types, and of the types that conditions know them by.
fn given(generator: &mut SchemaGenerator) -> Schema {
    let facts = Facts::json_schema(generator).to_value();
    let mut given = group(&facts, "");
    given["properties"]["on"] = generator.subschema_for::<Option<Trigger>>().to_value();
    given["properties"]["on"]["description"] = json!("What runs the rules; `message` without this.");
    given["properties"]["after"] = generator.subschema_for::<Option<Duration>>().to_value();
    given["properties"]["after"]["description"] = json!("For how long what runs the rules has lasted, as they say it.");
    given["type"] = json!("object");
    given.try_into().unwrap_or_default()
}

/// The facts whose path begins with `path`.
fn group(described: &Json, path: &str) -> Json {
    let within = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let mut schema = json!({"type": ["object", "null"], "additionalProperties": false});
    let mut properties = Map::new();
    for (name, of) in described["properties"].as_object().into_iter().flatten() {
        let mut property = match place(&within(name)) {
            Ok(Place::Group) => group(of, &within(name)),
            Ok(Place::Leaf(ty)) => fact(ty),
            Err(_) => continue,
        };
        property["description"] = first_paragraph(&of["description"]);
        properties.insert(name.clone(), property);
    }
    match described.get("additionalProperties") {
        Some(of @ Json::Object(_)) => schema["additionalProperties"] = group(of, &within("*")),
        _ => schema["properties"] = properties.into(),
    }
    schema
}

fn first_paragraph(description: &Json) -> Json {
    description.as_str().and_then(|text| text.split("\n\n").next()).into()
}

/// A fact of this type, or `null` for an unknown one.
fn fact(ty: Ty) -> Json {
    let text = json!({"type": "string"});
    let entity = json!({
        "type": "object",
        "properties": {"kind": text, "text": text},
        "required": ["kind", "text"],
        "additionalProperties": false,
    });
    match ty {
        Ty::Bool => json!({"type": ["boolean", "null"]}),
        Ty::Int => json!({"type": ["integer", "null"]}),
        Ty::Double => json!({"type": ["number", "null"]}),
        Ty::Text => json!({"type": ["string", "null"]}),
        Ty::Word(words) => {
            let words: Vec<Option<&str>> = words.iter().copied().map(Some).chain([None]).collect();
            json!({"type": ["string", "null"], "enum": words})
        }
        Ty::Duration => json!({
            "type": ["string", "null"],
            "pattern": "^([0-9]+[smhd])+$",
            "patternErrorMessage": "Write it as 90s, 5m or 1h30m.",
        }),
        Ty::Time => json!({
            "type": ["string", "null"],
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)",
            "patternErrorMessage": "Write it as 2026-11-23T09:00:00+08:00.",
        }),
        Ty::Texts => json!({"type": ["array", "null"], "items": text}),
        Ty::Entities => json!({"type": ["array", "null"], "items": entity}),
        Ty::Entity => entity,
        Ty::Map => json!({"type": ["object", "null"], "additionalProperties": {"type": ["string", "null"]}}),
    }
}
