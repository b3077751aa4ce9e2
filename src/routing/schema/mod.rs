//! JSON Schemas of the rule files, so that editors complete, explain and check them while they are written.
//!
//! The types in here mirror what [`load`](super::load) reads, and nothing else is done with them: a key is a field, what
//! an editor shows on it is the field's doc comment, and a key that may be left out is an `Option`. What needs more than
//! one file to see (a queue that does not exist, a rule that never acts) is left to the loader.

#[expect(dead_code, reason = "only their schemas are used")]
mod actions;
#[expect(dead_code, reason = "only their schemas are used")]
mod cases;
#[expect(dead_code, reason = "only their schemas are used")]
mod desk;
#[expect(dead_code, reason = "only their schemas are used")]
mod models;
#[expect(dead_code, reason = "only their schemas are used")]
mod rules;
#[cfg(test)]
pub(super) mod tests;
#[expect(dead_code, reason = "only their schemas are used")]
mod words;

use schemars::{Schema, generate::SchemaSettings, transform::transform_subschemas};
use serde_json::{Map, Value as Json, json};

/// The kinds of files of a rule set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum FileKind {
    /// Rules and their tests: every file that is not one of the others.
    Rules,
    /// `queues.yaml`.
    Queues,
    /// `skills.yaml`.
    Skills,
    /// `calendars.yaml`.
    Calendars,
    /// `templates.yaml`.
    Templates,
    /// `intents.yaml`.
    Intents,
    /// What the bot does in business systems: every file of `actions/`.
    Actions,
    /// How a model speaks for the company: every file of `models/`.
    Models,
}

impl FileKind {
    /// Every one.
    pub const ALL: [Self; 8] = [
        Self::Rules,
        Self::Queues,
        Self::Skills,
        Self::Calendars,
        Self::Templates,
        Self::Intents,
        Self::Actions,
        Self::Models,
    ];

    /// The word for it; actions and models stand in a folder of this name, and all others but rules in a file of it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::Queues => "queues",
            Self::Skills => "skills",
            Self::Calendars => "calendars",
            Self::Templates => "templates",
            Self::Intents => "intents",
            Self::Actions => "actions",
            Self::Models => "models",
        }
    }

    /// The JSON Schema of such a file, draft 2020-12.
    #[must_use]
    pub fn schema(self) -> Json {
        let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
        let generator = settings.with_transform(plain).into_generator();
        let schema = match self {
            Self::Rules => generator.into_root_schema_for::<rules::File>(),
            Self::Queues => generator.into_root_schema_for::<desk::Queues>(),
            Self::Skills => generator.into_root_schema_for::<desk::Skills>(),
            Self::Calendars => generator.into_root_schema_for::<desk::Calendars>(),
            Self::Templates => generator.into_root_schema_for::<desk::Templates>(),
            Self::Intents => generator.into_root_schema_for::<desk::Intents>(),
            Self::Actions => generator.into_root_schema_for::<actions::File>(),
            Self::Models => generator.into_root_schema_for::<models::File>(),
        };
        schema.to_value()
    }
}

/// Writes a schema as editors show it best: words as one `enum` with `enumDescriptions`, “or nothing” in the type
/// rather than in an `anyOf`, each paragraph of a description on one line, and no `format` that only Rust knows.
fn plain(schema: &mut Schema) {
    transform_subschemas(&mut plain, schema);
    let Some(object) = schema.as_object_mut() else { return };
    object.remove("format");
    if let Some(Json::String(description)) = object.get_mut("description") {
        let paragraphs = description.split("\n\n").map(|paragraph| paragraph.replace('\n', " "));
        *description = paragraphs.collect::<Vec<_>>().join("\n\n");
    }
    if let Some(words) = object.get("oneOf").and_then(words_of) {
        object.remove("oneOf");
        object.extend(words);
    }
    if let Some(only) = object.get("anyOf").and_then(only_one) {
        object.remove("anyOf");
        for (key, value) in only {
            object.entry(key).or_insert(value);
        }
    }
}

/// One `enum` for several `const`s.
fn words_of(one_of: &Json) -> Option<Map<String, Json>> {
    let words = one_of.as_array()?;
    let each = |key: &str| words.iter().map(|word| word.get(key).cloned()).collect::<Option<Vec<_>>>();
    let mut object = Map::new();
    object.insert("type".to_owned(), json!("string"));
    object.insert("enum".to_owned(), each("const")?.into());
    object.insert("enumDescriptions".to_owned(), each("description")?.into());
    Some(object)
}

/// The schema that stands alone, or beside `null`, which it allows too then. Words do not: editors would offer `null`.
fn only_one(any_of: &Json) -> Option<Map<String, Json>> {
    let (schema, nothing) = match any_of.as_array()?.as_slice() {
        [Json::Object(schema)] => return Some(schema.clone()),
        [Json::Object(schema), nothing] if is_nothing(nothing) => (schema, nothing),
        _ => return None,
    };
    let mut schema = schema.clone();
    let words = schema.contains_key("enum");
    match schema.get_mut("type") {
        Some(_) if words => {}
        Some(Json::Array(several)) => several.push(json!("null")),
        Some(one) => *one = json!([one.take(), "null"]),
        None => schema.get_mut("anyOf")?.as_array_mut()?.push(nothing.clone()),
    }
    Some(schema)
}

fn is_nothing(one: &Json) -> bool {
    one.is_null() || *one == "null" || *one == json!({"type": "null"})
}

/// Takes `null` from what a key can be: for keys that must say something once they are written.
fn written(schema: &mut Schema) {
    for (key, alone) in [("type", "type"), ("enum", "const"), ("anyOf", "anyOf")] {
        let Some(Json::Array(several)) = schema.get_mut(key) else { continue };
        several.retain(|one| !is_nothing(one));
        if several.len() == 1 && key != "anyOf" {
            let one = several.remove(0);
            schema.remove(key);
            schema.insert(alone.to_owned(), one);
        }
    }
}

/// [`written`] for every key of a mapping.
fn all_written(schema: &mut Schema) {
    let keys = schema.get_mut("properties").and_then(Json::as_object_mut).into_iter().flat_map(Map::values_mut);
    keys.filter_map(|key| key.try_into().ok()).for_each(written);
}
