//! What a model can call: what the persona may do, and nothing else. A tool is only a wish; what comes of it is decided where
//! every wish of a customer is.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::persona::Persona;
use crate::{
    actions::{Action, Actions, Choices, Input, Kind},
    routing::{QueueSpec, title},
};

pub(super) const SEARCH: &str = "search_knowledge";
pub(super) const FACTS: &str = "customer_facts";
pub(super) const HAND_OFF: &str = "hand_off";

/// A tool of a persona.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tool {
    Search,
    Facts,
    HandOff,
    Action(String),
}

/// The tools of a persona, by the names that a model calls them by.
pub(super) struct Tools<'a> {
    persona: &'a Persona,
    actions: Vec<(String, &'a Action)>,
    queues: Vec<(&'a str, Option<&'a QueueSpec>)>,
}

impl<'a> Tools<'a> {
    pub fn new(persona: &'a Persona, actions: &'a Actions, queues: &'a BTreeMap<String, QueueSpec>) -> Self {
        let allowed = persona.actions.iter().filter_map(|name| actions.actions.get(name));
        Self {
            persona,
            actions: allowed.enumerate().map(|(at, action)| (called(at, &action.name), action)).collect(),
            queues: persona.queues.iter().map(|name| (name.as_str(), queues.get(name))).collect(),
        }
    }

    pub fn find(&self, name: &str) -> Option<Tool> {
        match name {
            SEARCH => Some(Tool::Search),
            FACTS if !self.persona.facts.is_empty() => Some(Tool::Facts),
            HAND_OFF => Some(Tool::HandOff),
            name => {
                let (_, action) = self.actions.iter().find(|(called, _)| called == name)?;
                Some(Tool::Action(action.name.clone()))
            }
        }
    }

    /// What they are called, for a model that calls another one.
    pub fn names(&self) -> Vec<&str> {
        let facts = (!self.persona.facts.is_empty()).then_some(FACTS);
        let actions = self.actions.iter().map(|(name, _)| name.as_str());
        [SEARCH, HAND_OFF].into_iter().chain(facts).chain(actions).collect()
    }

    /// The queue of that name, where the persona may hand over to it.
    pub fn queue(&self, name: &str) -> Option<&'a str> {
        self.queues.iter().map(|(queue, _)| *queue).find(|queue| *queue == name)
    }

    /// As chat endpoints are told of them.
    pub fn described(&self, language: &str) -> Vec<Json> {
        let chinese = language.starts_with("zh");
        let pick = |english: &'static str, zh: &'static str| if chinese { zh } else { english };
        let mut tools = vec![function(
            SEARCH,
            pick("Looks for passages of the company's knowledge.", "在公司的知识库中查找段落。"),
            object([("query", json!({"type": "string"}))], &["query"]),
        )];
        if !self.persona.facts.is_empty() {
            let about = pick("What is known of this customer.", "关于这位客户的已知信息。");
            tools.push(function(FACTS, about, object([], &[])));
        }
        let reason = pick("Why, in a few words for the colleague.", "原因，用几个字写给同事。");
        let mut handing = vec![("reason", json!({"type": "string", "description": reason}))];
        if !self.queues.is_empty() {
            let names: Vec<&str> = self.queues.iter().map(|(name, _)| *name).collect();
            let titles = self.queues.iter().map(|(name, queue)| {
                let title = queue.and_then(|queue| title(&queue.title, language)).unwrap_or(name);
                format!("{name}: {title}")
            });
            let titles: Vec<String> = titles.collect();
            handing.push(("queue", json!({"type": "string", "enum": names, "description": titles.join("; ")})));
        }
        let about = pick("Hands the customer over to a person.", "把客户转接给人工。");
        tools.push(function(HAND_OFF, about, object(handing, &["reason"])));
        tools.extend(self.actions.iter().map(|(name, action)| described(name, action, language)));
        tools
    }
}

/// The name of an action where endpoints take it, else one by its place.
fn called(at: usize, name: &str) -> String {
    let fits = (1..=64).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    let free = ![SEARCH, FACTS, HAND_OFF].contains(&name);
    if fits && free { name.to_owned() } else { format!("action_{at}") }
}

fn described(name: &str, action: &Action, language: &str) -> Json {
    let name_of_it = title(&action.title, language).unwrap_or(&action.name);
    let about = match title(&action.about, language) {
        Some(about) => format!("{name_of_it}. {about}"),
        None => name_of_it.to_owned(),
    };
    let inputs = action.inputs.iter().filter_map(|input| Some((input.name.as_str(), kind(input, language)?)));
    function(name, &about, object(inputs, &[]))
}

/// The type of an input; `None` for what only a business system knows, which the customer chooses from later. Patterns are
/// left out: servers that hold a model to a grammar read few of them, and what is given is checked anyway.
fn kind(input: &Input, language: &str) -> Option<Json> {
    let name = title(&input.title, language).unwrap_or(&input.name);
    let text = |about: &str| json!({"type": "string", "description": format!("{name}{about}")});
    Some(match &input.kind {
        Kind::Text => text(""),
        Kind::Number => json!({"type": "number", "description": name}),
        Kind::Email | Kind::Phone => text(", as the customer gave it"),
        Kind::Date => text(", YYYY-MM-DD"),
        Kind::Moment => text(", YYYY-MM-DD HH:MM"),
        Kind::Choice(Choices::Listed(choices)) => {
            let values: Vec<&str> = choices.iter().map(|(value, _)| value.as_str()).collect();
            let titles =
                choices.iter().map(|(value, titles)| format!("{value}: {}", title(titles, language).unwrap_or(value)));
            let titles: Vec<String> = titles.collect();
            json!({"type": "string", "enum": values, "description": format!("{name} ({})", titles.join("; "))})
        }
        Kind::Choice(Choices::Asked(_)) => return None,
    })
}

fn function(name: &str, about: &str, parameters: Json) -> Json {
    json!({"type": "function", "function": {"name": name, "description": about, "parameters": parameters}})
}

fn object<'n>(fields: impl IntoIterator<Item = (&'n str, Json)>, required: &[&str]) -> Json {
    let fields: Map<String, Json> = fields.into_iter().map(|(name, kind)| (name.to_owned(), kind)).collect();
    json!({"type": "object", "properties": fields, "required": required, "additionalProperties": false})
}
