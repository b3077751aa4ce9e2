//! What action files say, once they are checked: business systems, and what the bot may ask of them.

use std::{collections::BTreeMap, sync::Arc};

use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::texts::{Expression, Say, Template, Texts};
use crate::{
    calls::Reach,
    routing::{Priority, Titles},
};

/// All action files of one rule set.
#[derive(Debug, Default)]
pub struct Actions {
    /// Business systems by name.
    pub systems: BTreeMap<String, Arc<System>>,
    /// Actions by name.
    pub actions: BTreeMap<String, Action>,
    /// What every action says, where the files say it otherwise.
    pub phrases: BTreeMap<super::Phrase, Titles>,
    pub(crate) texts: Texts,
    pub(crate) cases: Vec<super::cases::Case>,
}

/// A business system: calls go there, and nowhere else.
#[derive(Debug, Clone, PartialEq)]
pub struct System {
    /// Its name.
    pub name: String,
    /// What the paths of calls are appended to.
    pub url: Url,
    /// Whether it may be an address of the company's own network.
    pub reach: Reach,
    /// Headers of every call; the only texts that can name secrets.
    pub headers: Vec<(String, Template)>,
    /// How long one call may take, in milliseconds, all tries together.
    pub timeout: u64,
    /// How many calls may be under way at once; more wait.
    pub at_once: u32,
    /// How many calls a second it is sent at most; `None`: any number.
    pub per_second: Option<u32>,
    /// How it is spoken to.
    pub speaks: Speaks,
}

/// How a business system is spoken to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Speaks {
    /// HTTP with JSON.
    #[default]
    Http,
    /// MCP over streamable HTTP, at the system's URL.
    Mcp,
    /// MCP, over the standard input and output of a program that the configuration declares under this name.
    Program(String),
}

/// Something that the bot does for a customer.
#[derive(Debug)]
pub struct Action {
    /// Its name.
    pub name: String,
    /// What people call it.
    pub title: Titles,
    /// What it does, in words for those who choose it.
    pub about: Titles,
    /// How sure it must be who the customer is.
    pub identity: Identity,
    /// What has to be known, in the order in which it is asked for.
    pub inputs: Vec<Input>,
    /// What the customer has to say yes to.
    pub confirm: Option<Say>,
    /// What is asked of a business system; nothing for an action that only says something.
    pub call: Option<Call>,
    /// What is taken out of the answer, in this order; a later one can use an earlier one.
    pub outputs: Vec<(String, Output)>,
    /// What follows: the first that fits.
    pub outcomes: Vec<Outcome>,
    /// After how many seconds without a word it is forgotten.
    pub expires: u64,
}

/// How sure it is who the customer is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    /// It does not matter.
    #[default]
    None,
    /// An email address or a phone number of theirs is known.
    Known,
    /// It is proven who they are: a channel vouches for it, or they had the code that went to an address of theirs.
    Verified,
}

/// Something that has to be known.
#[derive(Debug)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// What people call it.
    pub title: Titles,
    /// What it is.
    pub kind: Kind,
    /// What a text has to look like, as a whole.
    pub pattern: Option<Regex>,
    /// A kind of entity that fills it wherever the message names one: `order`, `email`, …
    pub entity: Option<String>,
    /// What it is without being asked for; where that is empty it is asked for.
    pub from: Option<Expression>,
    /// The question.
    pub ask: Say,
    /// What is said before the question is repeated.
    pub retry: Option<Say>,
}

/// What an input is.
#[derive(Debug)]
pub enum Kind {
    /// A text of at most 500 characters.
    Text,
    /// A number.
    Number,
    /// An email address.
    Email,
    /// A phone number.
    Phone,
    /// A day.
    Date,
    /// A day and a time of day; it is given as an instant, RFC 3339.
    Moment,
    /// One of these.
    Choice(Choices),
}

/// What can be chosen.
#[derive(Debug)]
pub enum Choices {
    /// What the file lists: a value, and what people call it.
    Listed(Vec<(String, Titles)>),
    /// What a business system answers.
    Asked(Box<AskedChoices>),
}

/// Choices that a business system answers.
#[derive(Debug)]
pub struct AskedChoices {
    /// What it is asked.
    pub call: Call,
    /// The list in its answer.
    pub each: Expression,
    /// The value of an `item` of it.
    pub value: Expression,
    /// What people call an `item`.
    pub title: Say,
    /// How many are shown at most.
    pub most: usize,
    /// Whether one that is alone is taken without asking.
    pub take_single: bool,
    /// What is said where there is none.
    pub none: Say,
    /// What is asked anew then; without it the action ends.
    pub ask: Option<String>,
}

/// A request.
#[derive(Debug, Clone)]
pub struct Call {
    /// Where to.
    pub system: Arc<System>,
    /// `GET`, `POST`, …
    pub method: String,
    /// The segments of the path, each filled and then percent-encoded.
    pub path: Vec<Template>,
    /// The query; what is empty is left out.
    pub query: Vec<(String, Template)>,
    /// Headers beside those of the system.
    pub headers: Vec<(String, Template)>,
    /// The body, as JSON; the arguments of a tool.
    pub body: Option<Shape>,
    /// The tool that is called, of a system that speaks MCP.
    pub tool: Option<String>,
    /// Whether it changes something.
    pub effect: bool,
    /// Whether the system does it once however often it hears it under one `Idempotency-Key`.
    pub idempotent: bool,
    /// For how many seconds an answer may be used again; 0: not at all.
    pub cache: u64,
}

/// JSON with expressions in it.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// As it is.
    Plain(serde_json::Value),
    /// The value of an expression: a text that is nothing but `{{ … }}`.
    Value(Expression),
    /// A text with values in it.
    Text(Template),
    /// A list.
    List(Vec<Shape>),
    /// An object.
    Object(Vec<(String, Shape)>),
}

/// Something taken out of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// Where it stands.
    pub from: Expression,
    /// What it has to be.
    pub kind: OutputKind,
    /// Whether it may be missing.
    pub optional: bool,
}

/// What an output has to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutputKind {
    /// A text.
    #[default]
    Text,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A list.
    List,
    /// An object.
    Object,
}

/// What follows an answer.
#[derive(Debug)]
pub struct Outcome {
    /// When; `None`: after every answer that reports success.
    pub when: Option<Expression>,
    /// What the customer is told.
    pub say: Option<Say>,
    /// What the customer is shown with it.
    pub cards: Option<Cards>,
    /// What is noted of the conversation.
    pub set: Vec<(String, Template)>,
    /// What is asked for anew.
    pub ask: Option<String>,
    /// The ticket that is opened.
    pub ticket: Option<TicketSpec>,
    /// Whether the rule's `otherwise` follows.
    pub otherwise: bool,
    /// What the bot begins later by itself.
    pub later: Option<super::Later>,
}

impl Actions {
    /// Whether some outcome plans anything.
    #[must_use]
    pub fn has_plans(&self) -> bool {
        self.plans().next().is_some()
    }

    /// What agents can have carried out: what calls a system, but for what the bot begins by itself.
    pub fn for_agents(&self) -> impl Iterator<Item = &Action> {
        let by_itself = |action: &Action| self.plans().any(|later| later.action == action.name);
        self.actions.values().filter(move |action| action.call.is_some() && !by_itself(action))
    }

    fn plans(&self) -> impl Iterator<Item = &super::Later> {
        self.actions.values().flat_map(|action| &action.outcomes).filter_map(|outcome| outcome.later.as_ref())
    }
}

/// Cards of an answer.
#[derive(Debug)]
pub struct Cards {
    /// The list of which each `item` is one card; `None`: there is one card, of everything.
    pub each: Option<Expression>,
    /// How many are shown at most.
    pub most: usize,
    /// What each is called; one without a title is left out.
    pub title: Say,
    /// What is said of it.
    pub text: Option<Say>,
    /// What it costs.
    pub price: Option<Say>,
    /// The address of its picture.
    pub image: Option<Template>,
    /// The address of its page.
    pub link: Option<Template>,
    /// What can be done with it.
    pub buttons: Vec<CardButton>,
}

/// A button of a card.
#[derive(Debug)]
pub struct CardButton {
    /// What it is called; one without a title is left out.
    pub title: Say,
    /// What pressing it does.
    pub press: Press,
}

/// What pressing a button of a card does.
#[derive(Debug)]
pub enum Press {
    /// Opens a page.
    Link(Template),
    /// Says something, as if the customer had written it.
    Says(Say),
}

/// The largest compiled pattern, in bytes.
const PATTERN: usize = 1 << 18;

/// What the pattern of an input is compiled to: letters of both cases are the same.
///
/// # Errors
/// It is none, or too large.
pub(crate) fn pattern(source: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(source).case_insensitive(true).size_limit(PATTERN).build()
}

impl Call {
    /// The names that its body has, with the values that are known before it is made.
    #[must_use]
    pub fn given(&self) -> BTreeMap<String, Option<serde_json::Value>> {
        let Some(Shape::Object(fields)) = &self.body else { return BTreeMap::new() };
        let value = |shape: &Shape| if let Shape::Plain(value) = shape { Some(value.clone()) } else { None };
        fields.iter().map(|(name, shape)| (name.clone(), value(shape))).collect()
    }
}

/// A ticket that an action opens: a person goes on with what the bot has found out.
#[derive(Debug)]
pub struct TicketSpec {
    /// Whose members see to it.
    pub queue: String,
    /// How urgent it is; `None`: as the conversation is.
    pub priority: Option<Priority>,
    /// What it is about, in a few words.
    pub subject: Option<Say>,
}

impl Action {
    /// An input by name.
    #[must_use]
    pub fn input(&self, name: &str) -> Option<&Input> {
        self.inputs.iter().find(|input| input.name == name)
    }

    /// What is asked of business systems for it: for the choices of its inputs, and for the action itself.
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        let asked = self.inputs.iter().filter_map(|input| match &input.kind {
            Kind::Choice(Choices::Asked(asked)) => Some(&asked.call),
            _ => None,
        });
        asked.chain(&self.call)
    }

    /// Whether it changes something.
    #[must_use]
    pub fn has_effect(&self) -> bool {
        self.call.as_ref().is_some_and(|call| call.effect)
    }

    /// Whether it asks a business system and does nothing else: whatever the answer, it changes, plans and opens nothing.
    #[must_use]
    pub fn only_reads(&self) -> bool {
        let does_more = |outcome: &Outcome| outcome.later.is_some() || outcome.ticket.is_some();
        self.call.is_some() && !self.has_effect() && !self.outcomes.iter().any(does_more)
    }
}
