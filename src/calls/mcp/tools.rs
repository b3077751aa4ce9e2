//! What a server offers, and whether a call fits it.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::routing::suggest;

/// A tool as its server describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// What it does.
    pub description: String,
    /// The JSON Schema of its arguments.
    pub arguments: Map<String, Json>,
    /// The JSON Schema of its answer, where it has one.
    pub answer: Option<Map<String, Json>>,
    /// Whether it says of itself that it only reads; a hint, no promise.
    pub reads: bool,
    /// Whether it says of itself that it does once what it hears twice; a hint, no promise.
    pub idempotent: bool,
}

impl From<rmcp::model::Tool> for Tool {
    fn from(tool: rmcp::model::Tool) -> Self {
        let hints = tool.annotations.unwrap_or_default();
        Self {
            name: tool.name.into_owned(),
            title: tool.title.or(hints.title).unwrap_or_default(),
            description: tool.description.unwrap_or_default().into_owned(),
            arguments: (*tool.input_schema).clone(),
            answer: tool.output_schema.map(|schema| (*schema).clone()),
            reads: hints.read_only_hint == Some(true),
            idempotent: hints.idempotent_hint == Some(true),
        }
    }
}

/// What is wrong with a call of a tool, where the server offers these: in words. `None` stands for a value that is not known
/// before the call.
#[must_use]
pub fn unfit(offered: &[Tool], name: &str, given: &BTreeMap<String, Option<Json>>) -> Option<String> {
    let Some(tool) = offered.iter().find(|tool| tool.name == name) else {
        let help = suggest(name, offered.iter().map(|tool| tool.name.as_str()));
        return Some(format!("there is no tool “{name}”: {help}"));
    };
    let wrong = mismatches(&tool.arguments, given);
    (!wrong.is_empty()).then(|| wrong.join("; "))
}

/// What is wrong with arguments, by the schema of a tool: one sentence each. `None` stands for a value that is not known before
/// the call. The names and the types of arguments are looked at; what is within them is for the server.
fn mismatches(schema: &Map<String, Json>, given: &BTreeMap<String, Option<Json>>) -> Vec<String> {
    let nothing = Map::new();
    let properties = schema.get("properties").and_then(Json::as_object).unwrap_or(&nothing);
    // A server that lists what it takes would pass over what it does not, and nobody would hear of the mistake.
    let closed = match schema.get("additionalProperties") {
        Some(more) => *more == Json::Bool(false),
        None => !properties.is_empty(),
    };
    let required = schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
    let mut wrong: Vec<String> =
        required.filter(|name| !given.contains_key(*name)).map(|name| format!("`{name}` has to be given")).collect();
    for (name, value) in given {
        match (properties.get(name), value) {
            (None, _) if closed => {
                let help = suggest(name, properties.keys().map(String::as_str));
                wrong.push(format!("it takes no `{name}`: {help}"));
            }
            (Some(of), Some(value)) => wrong.extend(mismatch(name, of, value)),
            _ => {}
        }
    }
    wrong
}

fn mismatch(name: &str, schema: &Json, value: &Json) -> Option<String> {
    let kinds: Vec<&str> = match schema.get("type")? {
        Json::String(kind) => vec![kind],
        Json::Array(kinds) => kinds.iter().filter_map(Json::as_str).collect(),
        _ => return None,
    };
    let is = |kind: &&str| match *kind {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => true,
    };
    if !kinds.iter().any(is) {
        return Some(format!("`{name}` is {}, and it wants {}", kind_of(value), wanted(&kinds)));
    }
    let words = schema.get("enum")?.as_array()?;
    let known: Vec<String> = words.iter().map(ToString::to_string).collect();
    (!words.contains(value)).then(|| format!("`{name}` is {value}, and it wants one of {}", known.join(", ")))
}

fn kind_of(value: &Json) -> &'static str {
    match value {
        Json::Null => "nothing",
        Json::Bool(_) => "true or false",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

fn wanted(kinds: &[&str]) -> String {
    let word = |kind: &&str| match *kind {
        "string" => "a text",
        "number" => "a number",
        "integer" => "a whole number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "an object",
        _ => "nothing",
    };
    kinds.iter().map(word).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_does_not_fit_is_said_in_words() {
        let schema = json!({"type": "object", "required": ["a", "unit"], "properties": {
            "a": {"type": "integer"}, "unit": {"type": "string", "enum": ["C", "F"]}, "note": {"type": ["string", "null"]}}});
        for (given, expected) in [
            (json!({"a": 1, "unit": "C"}), vec![]),
            (json!({"a": 1.0, "unit": "C", "note": null}), vec![]),
            (json!({"a": 1}), vec!["`unit` has to be given"]),
            (json!({"a": "1", "unit": "C"}), vec!["`a` is a text, and it wants a whole number"]),
            (json!({"a": 1.5, "unit": "C"}), vec!["`a` is a number, and it wants a whole number"]),
            (json!({"a": 1, "unit": "K"}), vec!["`unit` is \"K\", and it wants one of \"C\", \"F\""]),
            (json!({"a": 1, "unit": "C", "notes": "x"}), vec!["it takes no `notes`: did you mean “note”?"]),
        ] {
            let given = given.as_object().unwrap().iter().map(|(name, value)| (name.clone(), Some(value.clone())));
            assert_eq!(mismatches(schema.as_object().unwrap(), &given.collect()), expected);
        }
        let open = json!({"properties": {"a": {}}, "additionalProperties": {"type": "string"}});
        let given = BTreeMap::from([("b".to_owned(), None)]);
        assert_eq!(mismatches(open.as_object().unwrap(), &given), Vec::<String>::new());
    }
}
