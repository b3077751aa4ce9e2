//! JSON Schema, as OpenAPI 3.0 and 3.1 and MCP have it, read for what has to be asked and what is answered. References within the
//! document are followed, as far as that ends.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

use super::{
    Refused,
    draft::{Input, Kind, Output, Shape},
    names::{identifier, plain, spoken},
};
use crate::actions::spec::pattern;

/// How deep schemas are read, and references followed.
const DEEPEST: usize = 6;
/// How many schemas are read for one file: what refers to itself in many ways would never end.
const MOST_READ: u32 = 20_000;
/// The most inputs of an action.
const MOST_INPUTS: usize = 50;
/// The most choices of an input.
const MOST_CHOICES: usize = 50;
/// The most outputs that are written.
const MOST_OUTPUTS: usize = 20;

type Schema = Map<String, Json>;

/// Reads schemas of one document.
pub(super) struct Reader<'d> {
    document: &'d Json,
    optional: bool,
    read: u32,
    taken: BTreeSet<String>,
    pub inputs: Vec<Input>,
    pub notes: Vec<String>,
}

impl<'d> Reader<'d> {
    pub(super) fn new(document: &'d Json, optional: bool) -> Self {
        Self { document, optional, read: 0, taken: BTreeSet::new(), inputs: Vec::new(), notes: Vec::new() }
    }

    /// Whether what may be left out is asked for too.
    pub(super) fn wants_optional(&self) -> bool {
        self.optional
    }

    pub(super) fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// That it was not too much.
    pub(super) fn is_bounded(&self) -> Result<(), Refused> {
        if self.read >= MOST_READ {
            return Err(Refused::new("its schemas refer to each other without end", "write the action file by hand"));
        }
        if self.inputs.len() > MOST_INPUTS {
            let what = format!("it needs {} values; {MOST_INPUTS} are the most of an action", self.inputs.len());
            return Err(Refused::new(what, "nobody answers so many questions: look for a smaller operation"));
        }
        Ok(())
    }

    /// What a value is, or what it refers to.
    pub(super) fn resolved(&mut self, value: &'d Json) -> &'d Json {
        let mut value = value;
        for _ in 0..16 {
            let Some(reference) = value.get("$ref").and_then(Json::as_str) else { return value };
            match self.target(reference) {
                Some(target) => value = target,
                None => break,
            }
        }
        &Json::Null
    }

    fn target(&mut self, reference: &str) -> Option<&'d Json> {
        let found = reference.strip_prefix('#').and_then(|pointer| {
            let pointer = url::form_urlencoded::parse(format!("p={}", pointer.replace('+', "%2B")).as_bytes())
                .next()
                .map(|(_, pointer)| pointer.into_owned())?;
            self.document.pointer(&pointer)
        });
        if found.is_none() {
            self.note(format!("{} is not in the document", plain(reference)));
        }
        found
    }

    /// A schema with its references followed and its `allOf` joined; of `oneOf` and `anyOf` the first.
    pub(super) fn flat(&mut self, schema: &Json, depth: usize) -> Schema {
        self.read += 1;
        let Json::Object(own) = schema else { return Schema::new() };
        if self.read >= MOST_READ || depth > 2 * DEEPEST {
            return Schema::new();
        }
        let mut flat = Schema::new();
        if let Some(target) = own.get("$ref").and_then(Json::as_str).and_then(|reference| self.target(reference)) {
            flat = self.flat(target, depth + 1);
        }
        for part in own.get("allOf").and_then(Json::as_array).into_iter().flatten() {
            let part = self.flat(part, depth + 1);
            merge(&mut flat, part);
        }
        for key in ["oneOf", "anyOf"] {
            let several = own.get(key).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
            let mut real = several.iter().filter(|one| one.get("type").is_none_or(|kind| kind != "null"));
            if let Some(first) = real.next() {
                if real.next().is_some() {
                    self.note("of several forms that it can have, the first was taken");
                }
                let first = self.flat(first, depth + 1);
                merge(&mut flat, first);
            }
        }
        let skipped = ["$ref", "allOf", "oneOf", "anyOf"];
        merge(
            &mut flat,
            own.iter()
                .filter(|(key, _)| !skipped.contains(&key.as_str()))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        );
        flat
    }

    /// Notes an input for a value that is no object and no list: its name, and how JSON is made of it.
    pub(super) fn input(&mut self, name: &str, schema: &Schema, example: Option<&Json>) -> (String, String) {
        let (kind, made) = self.kind(name, schema);
        let example = example.or_else(|| schema.get("example")).or_else(|| schema.get("examples")?.get(0));
        let example = example
            .and_then(word)
            .map(|word| plain(&word))
            .filter(|word| !word.is_empty() && word.chars().count() <= 40);
        let own = identifier(name, "value", &mut self.taken);
        let example = example.filter(|_| !matches!(kind, Kind::Choice(_)));
        self.inputs.push(Input { name: own.clone(), title: titled(name, &own), kind, example });
        (own.clone(), format!("inputs.{own}{made}"))
    }

    /// What an input is, and what follows its name where JSON wants it otherwise than as a text.
    fn kind(&mut self, name: &str, schema: &Schema) -> (Kind, &'static str) {
        let kind = type_of(schema);
        if let Some(values) = schema.get("enum").and_then(Json::as_array) {
            let words: BTreeSet<String> =
                values.iter().filter_map(word).filter(|word| !plain(word).is_empty()).collect();
            let made = match () {
                () if !words.is_empty() && values.iter().all(|value| value.is_i64() || value.is_null()) => " | int",
                () if !words.is_empty() && values.iter().all(|value| value.is_number() || value.is_null()) => {
                    " | float"
                }
                () => "",
            };
            // In the order of the document.
            let mut listed: Vec<String> = Vec::new();
            for value in values.iter().filter_map(word).filter(|word| words.contains(word)) {
                if !listed.contains(&value) {
                    listed.push(value);
                }
            }
            if (1..=MOST_CHOICES).contains(&listed.len()) {
                let choice = |word: String| (word.clone(), [plain(&word), plain(&word)]);
                return (Kind::Choice(listed.into_iter().map(choice).collect()), made);
            }
            self.note(format!(
                "“{}” is one of {} words; only {MOST_CHOICES} can be chosen from",
                plain(name),
                listed.len()
            ));
        }
        match kind {
            "boolean" => {
                let choice = |word: &str, en: &str, zh: &str| (word.to_owned(), [en.to_owned(), zh.to_owned()]);
                (Kind::Choice(vec![choice("true", "Yes", "是"), choice("false", "No", "否")]), " == \"true\"")
            }
            "integer" | "number" => (Kind::Number, ""),
            _ => (self.text(name, schema), ""),
        }
    }

    fn text(&mut self, name: &str, schema: &Schema) -> Kind {
        let named = |ends: &[&str]| ends.iter().any(|end| name.to_ascii_lowercase().ends_with(end));
        match schema.get("format").and_then(Json::as_str) {
            Some("date") => return Kind::Date,
            Some("date-time") => return Kind::Moment,
            Some("email") => return Kind::Email,
            _ => {}
        }
        let Some(written) = schema.get("pattern").and_then(Json::as_str) else {
            return match () {
                () if named(&["email", "e-mail"]) => Kind::Email,
                () if named(&["phone", "mobile"]) => Kind::Phone,
                () => Kind::Text { pattern: None },
            };
        };
        let inner = written.strip_prefix('^').unwrap_or(written);
        let inner = inner.strip_suffix('$').filter(|inner| !inner.ends_with('\\')).unwrap_or(inner);
        let whole = if inner.contains('|') { format!("(?:{inner})") } else { inner.to_owned() };
        match pattern(&whole) {
            Ok(compiled) if !whole.trim().is_empty() && !compiled.is_match("") => Kind::Text { pattern: Some(whole) },
            _ => {
                self.note(format!("the pattern of “{}” cannot be used: {}", plain(name), plain(written)));
                Kind::Text { pattern: None }
            }
        }
    }

    /// The body that fits a schema, with an input for each value that has to be there. `None` where nothing has to.
    pub(super) fn shape(&mut self, name: &str, schema: &Json, depth: usize) -> Option<Shape> {
        if depth > DEEPEST {
            self.note(format!("“{}” lies too deep, and was left out", plain(name)));
            return None;
        }
        let flat = self.flat(schema, 0);
        if let Some(constant) = constant(&flat) {
            return Some(Shape::Plain(constant));
        }
        match type_of(&flat) {
            "object" => self.object(name, &flat, depth),
            "array" => {
                let items = flat.get("items").cloned().unwrap_or_else(|| Json::Object(Schema::new()));
                self.note(format!("“{}” is a list; one item is asked for", plain(name)));
                Some(Shape::List(self.shape(name, &items, depth + 1).into_iter().collect()))
            }
            _ => Some(Shape::Value(self.input(name, &flat, None).1)),
        }
    }

    fn object(&mut self, name: &str, schema: &Schema, depth: usize) -> Option<Shape> {
        let nothing = Schema::new();
        let properties = schema.get("properties").and_then(Json::as_object).unwrap_or(&nothing);
        let required = names_in(schema.get("required"));
        // Where a document says of nothing that it has to be there, it does not mean that nothing has.
        let all = depth == 0 && (self.optional || required.is_empty());
        let mut left: Vec<String> = Vec::new();
        let mut fields = Vec::new();
        // In the order in which the document requires them; objects have none.
        let needed = required.iter().map(|field| (field.clone(), properties.get(field).cloned().unwrap_or(Json::Null)));
        let others = properties.iter().filter(|(field, _)| !required.contains(field));
        let others = others.map(|(field, of)| (field.clone(), of.clone()));
        for (field, of) in needed.chain(others) {
            if self.flat(&of, 0).get("readOnly") == Some(&Json::Bool(true)) {
                continue;
            }
            if !all && !required.contains(&field) {
                left.push(plain(&field));
                continue;
            }
            let asked = if depth == 0 { field.clone() } else { format!("{name} {field}") };
            let shape = self.shape(&asked, &of, depth + 1);
            let says_nothing = |shape: &Shape| matches!(shape, Shape::Object(fields) if fields.is_empty());
            if let Some(shape) = shape.filter(|shape| required.contains(&field) || !says_nothing(shape)) {
                fields.push((field, shape));
            }
        }
        if !left.is_empty() {
            self.note(format!("left out, because it may be: {} (`--optional` asks for it too)", left.join(", ")));
        }
        if fields.is_empty() && depth > 0 {
            self.note(format!("“{}” can be any object: write what it is", plain(name)));
        }
        (!fields.is_empty() || depth > 0).then_some(Shape::Object(fields))
    }

    /// What is taken out of an answer of this schema.
    pub(super) fn outputs(&mut self, schema: &Json) -> Vec<Output> {
        let mut outputs = Vec::new();
        let mut taken = BTreeSet::new();
        let flat = self.flat(schema, 0);
        self.output(("", "body"), &flat, (false, 0), &mut taken, &mut outputs);
        if outputs.len() > MOST_OUTPUTS {
            self.note(format!("the answer has more in it; the first {MOST_OUTPUTS} values were taken"));
            outputs.truncate(MOST_OUTPUTS);
        }
        outputs
    }

    fn output(
        &mut self,
        (name, from): (&str, &str),
        schema: &Schema,
        (optional, depth): (bool, usize),
        taken: &mut BTreeSet<String>,
        outputs: &mut Vec<Output>,
    ) {
        if outputs.len() > MOST_OUTPUTS {
            return;
        }
        let properties = schema.get("properties").and_then(Json::as_object);
        let kind = match (type_of(schema), properties) {
            ("object", Some(properties)) if depth < 2 && !properties.is_empty() => {
                let required = names_in(schema.get("required"));
                for (field, of) in properties {
                    let flat = self.flat(of, 0);
                    let nullable = flat.get("nullable") == Some(&Json::Bool(true))
                        || flat
                            .get("type")
                            .and_then(Json::as_array)
                            .is_some_and(|kinds| kinds.iter().any(|kind| kind == "null"));
                    let optional = optional || nullable || !required.contains(field);
                    let named = if name.is_empty() { field.clone() } else { format!("{name} {field}") };
                    self.output((&named, &member(from, field)), &flat, (optional, depth + 1), taken, outputs);
                }
                return;
            }
            ("object", _) => "object",
            ("array", _) => "list",
            ("integer" | "number", _) => "number",
            ("boolean", _) => "boolean",
            ("string", _) => "text",
            _ => return,
        };
        let name = if name.is_empty() { if kind == "list" { "items" } else { "value" } } else { name };
        let name = identifier(name, "value", taken);
        outputs.push(Output { name, from: from.to_owned(), kind, optional });
    }
}

/// What people may call an input.
fn titled(name: &str, identifier: &str) -> String {
    let title = spoken(name);
    if title.is_empty() { identifier.to_owned() } else { title }
}

/// A part of a value, as an expression.
fn member(of: &str, name: &str) -> String {
    let mut all = name.chars();
    let simple =
        all.next().is_some_and(|c| c.is_ascii_alphabetic()) && all.all(|c| c.is_ascii_alphanumeric() || c == '_');
    if simple { format!("{of}.{name}") } else { format!("{of}[{}]", Json::from(name)) }
}

/// The type that a schema says, or has by its other keys; of several the first that is not `null`.
fn type_of(schema: &Schema) -> &str {
    let said = match schema.get("type") {
        Some(Json::String(kind)) => Some(kind.as_str()),
        Some(Json::Array(kinds)) => kinds.iter().filter_map(Json::as_str).find(|kind| *kind != "null"),
        _ => None,
    };
    said.unwrap_or(match () {
        () if schema.contains_key("properties") || schema.contains_key("additionalProperties") => "object",
        () if schema.contains_key("items") => "array",
        () if ["enum", "pattern", "format", "minLength", "maxLength"].iter().any(|key| schema.contains_key(*key)) => {
            "string"
        }
        () => "",
    })
}

/// What a value has to be, where it can be nothing else, and no text would read it otherwise.
fn constant(schema: &Schema) -> Option<Json> {
    let only = |values: &Vec<Json>| if let [only] = values.as_slice() { Some(only.clone()) } else { None };
    let value = schema.get("const").cloned().or_else(|| only(schema.get("enum")?.as_array()?))?;
    (!value.is_null() && !value.to_string().contains(['{', '}'])).then_some(value)
}

/// A value as a text, where it is a text, a number, or true or false.
pub(super) fn word(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(_) | Json::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

/// The names of a list, each once.
fn names_in(list: Option<&Json>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in list.and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str) {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// Adds what another schema says: properties and what is required are joined, else the later one wins.
fn merge(into: &mut Schema, other: Schema) {
    for (key, value) in other {
        match (into.get_mut(&key), value) {
            (Some(Json::Object(known)), Json::Object(more)) if key == "properties" => known.extend(more),
            (Some(Json::Array(known)), Json::Array(more)) if key == "required" => known.extend(more),
            (_, value) => _ = into.insert(key, value),
        }
    }
}
