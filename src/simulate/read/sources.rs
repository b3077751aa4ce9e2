//! `arrivals:` of a scenario: who writes, how often, and what.

use serde_json::{Map, Value as Json, json};

use super::Reading;
use crate::{
    routing::{
        Node, Owner, Value, collect_facts, given_facts,
        read::{self, Fields},
    },
    simulate::{
        arrivals::webchat,
        scenario::{HoursOfDay, Message, Rate, Source},
    },
};

/// Customers of one source in an hour, at most.
const MOST_PER_HOUR: f64 = 100_000.0;
/// The facts that a source may give. The desk and the clock give the others.
const GROUPS: [&str; 3] = ["message", "conversation", "customer"];

impl Reading<'_, '_> {
    pub(super) fn arrivals(&mut self, node: &Node) -> Vec<Source> {
        let items = read::list(node, "arrivals", self.notes).unwrap_or_default();
        items.iter().filter_map(|item| self.source(item)).collect()
    }

    fn source(&mut self, node: &Node) -> Option<Source> {
        let known = ["per_hour", "channel", "kind", "texts", "languages", "facts"];
        let fields = read::fields(node, "an entry of `arrivals`", &known, self.notes)?;
        let rate = self.needed(node, fields, "per_hour", "per_hour: 40").and_then(|node| self.rate(node))?;
        let kind = fields.get("kind").and_then(|node| read::name(node, "a kind", self.notes));
        let kind = kind.map_or_else(webchat, str::to_owned);
        let channel = fields.get("channel").and_then(|node| read::name(node, "a channel", self.notes));
        let channel = channel.map_or_else(|| kind.clone(), str::to_owned);
        let facts = fields.get("facts").map(|node| self.facts(node)).unwrap_or_default();
        let mut texts: Vec<(f64, String)> = self.list(fields, "texts").iter().filter_map(|t| self.text(t)).collect();
        let languages = self.languages(fields);
        if texts.is_empty() {
            if fields.get("languages").is_none() && !facts.contains_key("message") {
                let help =
                    "write texts: [\"Where is my order?\"], or what rules would know of it under facts: {message: …}";
                self.notes.error(&node.span, "it is not said what these customers write", help);
            }
            texts.push((1.0, String::new()));
        }
        let message = |text: &str, language: Option<&str>| {
            let mut facts = facts.clone();
            if let Some(language) = language
                && let Json::Object(group) = facts.entry("message").or_insert_with(|| json!({}))
            {
                group.insert("language".to_owned(), json!(language));
            }
            Message { text: text.to_owned(), channel: channel.clone(), kind: kind.clone(), facts }
        };
        let mut messages = Vec::with_capacity(texts.len() * languages.len());
        for (weight, text) in &texts {
            for (share, language) in &languages {
                messages.push((weight * share, message(text, language.as_deref())));
            }
        }
        if messages.iter().all(|(weight, _)| *weight <= 0.0) {
            self.notes.error(&node.span, "all weights are 0", "give one of them a weight above 0");
        }
        Some(Source { rate, messages })
    }

    /// `40`, or `{"9:00-12:00": 60, "12:00-18:00": 30}`.
    fn rate(&mut self, node: &Node) -> Option<Rate> {
        let Value::Map(entries) = &node.value else {
            return self.number(node, "per_hour", MOST_PER_HOUR).map(Rate::Even);
        };
        let mut hours: Vec<(HoursOfDay, f64)> = Vec::new();
        for (key, node) in entries {
            let (span, per_hour) = (self.hours(&key.name, &key.span), self.number(node, "per_hour", MOST_PER_HOUR));
            let (Some(span), Some(per_hour)) = (span, per_hour) else { continue };
            if hours.iter().any(|(other, _)| span.0.from < other.0.until && other.0.from < span.0.until) {
                self.notes.error(&key.span, "these hours have a rate already", "write hours that do not overlap");
            }
            hours.push((span, per_hour));
        }
        Some(Rate::Hours(hours))
    }

    /// `"…"`, or `{text: "…", weight: 3}`.
    fn text(&mut self, node: &Node) -> Option<(f64, String)> {
        if !matches!(node.value, Value::Map(_)) {
            return Some((1.0, read::text(node, "a text", self.notes)?.to_owned()));
        }
        let fields = read::fields(node, "an entry of `texts`", &["text", "weight"], self.notes)?;
        let text = self.needed(node, fields, "text", "text: \"Where is my order?\"")?;
        let text = read::text(text, "a text", self.notes)?.to_owned();
        let weight = fields.get("weight").and_then(|node| self.number(node, "a weight", 1e6));
        Some((weight.unwrap_or(1.0), text))
    }

    /// The languages by their weights; `None` leaves it to the classifier.
    fn languages(&mut self, fields: Fields<'_>) -> Vec<(f64, Option<String>)> {
        let Some(node) = fields.get("languages") else { return vec![(1.0, None)] };
        let mut languages = Vec::new();
        for (key, node) in read::entries(node, "languages", self.notes).unwrap_or_default() {
            if read::is_language(&key.name, &key.span, self.notes)
                && let Some(weight) = self.number(node, "a weight", 1e6)
            {
                languages.push((weight, Some(key.name.clone())));
            }
        }
        languages
    }

    fn facts(&mut self, node: &Node) -> Map<String, Json> {
        let mut facts = Map::new();
        if read::fields(node, "facts", &GROUPS, self.notes).is_none() {
            return facts;
        }
        if let Value::Map(entries) = &node.value {
            for (key, node) in entries.iter().filter(|(key, _)| GROUPS.contains(&key.name.as_str())) {
                collect_facts(&key.name, node, &mut facts, &mut |span, wrong| {
                    self.notes.error(span, wrong.message, wrong.help)
                });
            }
        }
        let message = facts.get("message").and_then(Json::as_object);
        for name in ["text", "channel", "kind"] {
            if message.is_some_and(|message| message.contains_key(name)) {
                let own = if name == "text" { "texts" } else { name };
                self.notes.error(
                    &node.span,
                    format!("message.{name} is not a fact here"),
                    format!("write it under `{own}`"),
                );
            }
        }
        match given_facts(&facts, None) {
            Ok(read) if read.conversation.owner != Owner::Bot => {
                let help = "take conversation.owner out";
                self.notes.error(&node.span, "who comes has a new conversation, which belongs to the bot", help);
            }
            Ok(_) => {}
            Err(error) => self.notes.error(&node.span, format!("these facts cannot be read: {error}"), ""),
        }
        facts
    }
}
