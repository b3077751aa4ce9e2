//! Files of personas.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::words::{Language, Line, Name, Text};

/// An order to a model, by language, in Jinja: `{en: "Answer in {{ language }}."}`. It can name `language`, `mood.average`,
/// `mood.slope`, `mood.negatives_in_a_row`, `now`, `channel` and `identity`.
#[derive(JsonSchema)]
#[schemars(extend("minProperties" = 1))]
struct Order(BTreeMap<Language, Text>);

/// How a model speaks for the company, if there is one.
#[derive(JsonSchema)]
#[schemars(title = "Switchboard personas", deny_unknown_fields, extend("type" = ["object", "null"]))]
pub(super) struct File {
    /// The personas by name, at most 100: `answer: {model: care}` in a rule names one.
    #[schemars(extend("maxProperties" = 100))]
    personas: Option<BTreeMap<Name, Persona>>,
}

/// Who a model is, what it may do and what it may know.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Persona {
    /// Who it is, by language: `{en: "You are Wen, the assistant of Northloom."}`. Jinja, as in `tone`.
    persona: Order,
    /// In which tone it speaks, by language: `{en: "{% if mood.average < -0.3 %}Be calm and brief.{% endif %}"}`. It can name
    /// `language`, `mood.average`, `mood.slope`, `mood.negatives_in_a_row`, `now`, `channel` and `identity`.
    tone: Option<Order>,
    /// The rules of the house, by language: `{en: "Never promise a refund."}`. Jinja, as in `tone`.
    rules: Option<Order>,
    /// The actions that it may begin, by their names in `actions/`; none without this.
    actions: Option<Vec<Text>>,
    /// Where it may hand over to, by their names in `queues.yaml`; where `otherwise` leads without this.
    queues: Option<Vec<Text>>,
    /// What it is told of the customer: `[name, identity, attributes.plan]`; nothing without this.
    facts: Option<Vec<Fact>>,
    /// Whether what it states has to rest on something that it was told; `true` without this.
    must_cite: Option<bool>,
    /// How many passages of the knowledge it is given at a time; 4 without this.
    #[schemars(range(min = 0, max = 20))]
    passages: Option<u8>,
    /// What customers hear where it fails, by language.
    failed: Option<BTreeMap<Language, Line>>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
enum Fact {
    Known(KnownFact),
    Attribute(Attribute),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum KnownFact {
    /// What they are called.
    Name,
    /// An email address of theirs.
    Email,
    /// A phone number of theirs.
    Phone,
    /// How sure it is who they are: `none`, `known`, `verified`.
    Identity,
    /// The language that they are answered in.
    Language,
    /// All facts of the business's own.
    Attributes,
}

/// One fact of the business's own: `attributes.plan`.
#[derive(JsonSchema)]
#[schemars(extend(
    "pattern" = r"^attributes\.[\s\S]",
    "patternErrorMessage" = "Write name, email, phone, identity, language, attributes, or attributes.NAME.",
))]
struct Attribute(String);
