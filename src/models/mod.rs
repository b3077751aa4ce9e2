//! The model tier: a model answers from the company's knowledge where the deterministic bot has no sure answer, if the rules
//! say so and an endpoint is configured. Off otherwise. Agents can have it summarise a conversation.
//!
//! [`Thinking`] is pure: what follows what a model said. [`Client`] asks; [`crate::worker`] does the waiting and commits what
//! came of it. Whatever fails, the deterministic bot goes on.

mod answer;
mod budget;
mod client;
#[cfg(test)]
mod client_tests;
mod mask;
mod persona;
mod said;
mod settings;
mod stream;
mod summing;
#[cfg(test)]
mod tests;
mod thinking;
mod tools;

use std::fmt;

pub use answer::is_small_talk;
pub use budget::{Limits, Price, Spent, money, tokens_of};
pub use client::{Client, Failure};
use contract::Timestamp;
pub use mask::Mask;
pub(crate) use persona::{FACTS, VARIABLES};
pub use persona::{Moment, Persona, Personas, apology, own_of};
pub use said::{Said, Usage};
use serde::{Deserialize, Serialize};
pub use settings::Settings;
pub use summing::Summing;
pub use thinking::{End, Matter, Next, Thinking, Why, Wish};
use understand::entities::Patterns;

use crate::routing::{Answer, is_default};

/// The model tier of a daemon.
pub struct Models {
    /// What the configuration says.
    pub settings: Settings,
    /// What asks.
    pub client: Client,
    /// What finds personal data.
    pub patterns: Patterns,
}

/// A model that has been asked and has not answered: a state of its conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// What says that two questions are one: the message that it is about.
    pub key: String,
    /// The persona.
    pub persona: String,
    /// What the rules want, and what follows where nothing comes of it.
    pub wanted: Answer,
    /// Since when.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub since: Timestamp,
    /// How long it may take, in milliseconds; then somebody else asks, once.
    pub within: u64,
}

/// What came of asking.
#[derive(Debug, Clone, PartialEq)]
pub struct Thought {
    /// What follows.
    pub end: End,
    /// What the journal says of it.
    pub account: Account,
    /// What was used.
    pub spent: Spent,
    /// What actions that were called on the way note of the conversation.
    pub sets: Vec<(String, String)>,
}

/// What the journal says of a model's turn.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// The message that it was asked about.
    pub of: String,
    /// The persona.
    pub persona: String,
    /// The model.
    pub model: String,
    /// How it ended: `answered`, `acts`, `hands_off`, or why nothing came of it.
    pub how: String,
    /// How often it was asked.
    pub steps: u64,
    /// Tokens that it read and wrote.
    pub tokens: u64,
    /// How long it took, in milliseconds.
    pub millis: u64,
    /// What it cost, in millionths of the currency.
    #[serde(default, skip_serializing_if = "is_default")]
    pub micros: u64,
    /// The currency: `USD`; empty where no price is known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub currency: String,
    /// The passages of knowledge that it was given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passages: Vec<String>,
    /// The tools that it called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
}

impl Thought {
    /// Nothing came of it, and nothing was used.
    #[must_use]
    pub fn failed(asked: &Asked, why: Why) -> Self {
        let (of, persona, how) = (asked.key.clone(), asked.persona.clone(), why.as_str().to_owned());
        let account = Account { of, persona, how, ..Account::default() };
        Self { end: End::Failed(why), account, spent: Spent::default(), sets: Vec::new() }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "asked as {}: {}, after {} requests and {} ms", self.persona, self.how, self.steps, self.millis)?;
        write!(out, ", {} tokens", self.tokens)?;
        for (what, items) in [("tools", &self.tools), ("given", &self.passages)] {
            if !items.is_empty() {
                write!(out, "; {what} {}", items.join(", "))?;
            }
        }
        if self.currency.is_empty() { Ok(()) } else { write!(out, "; {}", money(self.micros, &self.currency)) }
    }
}

impl End {
    /// The word for it, in journals and metrics.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Answer { .. } => "answered",
            Self::Act { .. } => "acts",
            Self::HandOff { .. } => "hands_off",
            Self::Failed(why) => why.as_str(),
        }
    }
}
