//! What the configuration says of the model.

use std::{collections::BTreeSet, time::Duration};

use reqwest::Url;
use secrecy::SecretString;

use super::budget::{Limits, Price};

/// The section `[model]`, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where requests are posted.
    pub url: Url,
    /// Sent as a bearer token.
    pub key: Option<SecretString>,
    /// Which model is asked for.
    pub name: String,
    /// How freely it speaks; `None`: as its server likes.
    pub temperature: Option<f32>,
    /// How many tokens one answer may have.
    pub most_tokens: u32,
    /// How many requests one message may lead to.
    pub steps: u32,
    /// How many requests are under way at once.
    pub at_once: usize,
    /// How long connecting may take.
    pub connect: Duration,
    /// How long the first word of an answer may take.
    pub first_word: Duration,
    /// How long it may pause between two.
    pub pause: Duration,
    /// How long all of it may take, for one message.
    pub time: Duration,
    /// How many entries of the conversation it is shown.
    pub history: usize,
    /// Whether agents can have it summarise a conversation.
    pub summaries: bool,
    /// What is hidden from it, by kind.
    pub mask: BTreeSet<String>,
    /// What it costs.
    pub price: Price,
    /// What one conversation may use.
    pub per_conversation: Limits,
    /// What all of them may use in one day, UTC.
    pub per_day: Limits,
}
