//! An action that an agent has carried out.

use std::collections::BTreeMap;

use contract::{AgentId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{
    actions::{Dialogue, Step},
    store::{
        FullEntry,
        conversation::Conversation,
        entry::{EntryAuthor, Event, What},
    },
};

/// An action that an agent has carried out for a customer, while its call is under way. It is a part of its conversation, so
/// that somebody makes the call again where whoever made it is gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentAct {
    /// Whose doing it is.
    pub agent: AgentId,
    /// What they are called.
    pub name: String,
    /// The language that they read.
    pub language: String,
    /// Whether they say that they checked by themselves who the customer is.
    pub checked: bool,
    /// The action, at its call.
    pub dialogue: Dialogue,
}

impl AgentAct {
    /// What says that two calls are one.
    #[must_use]
    pub fn key(&self) -> &str {
        match &self.dialogue.step {
            Step::Calls { key, .. } => key,
            _ => "",
        }
    }

    /// Since when it is under way.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        match &self.dialogue.step {
            Step::Calls { since, .. } => *since,
            _ => self.dialogue.until,
        }
    }

    /// Whose doing it is, for the journal.
    #[must_use]
    pub fn author(&self) -> EntryAuthor {
        EntryAuthor::Agent { id: self.agent, name: self.name.clone() }
    }
}

/// What was found out for an action in a conversation, by the bot or in an agent's form, latest.
#[must_use]
pub fn gathered(conversation: &Conversation, entries: &[FullEntry], action: &str) -> BTreeMap<String, Json> {
    let under_way = conversation.dialogue.as_ref().filter(|dialogue| dialogue.action == action);
    let ended = || {
        entries.iter().rev().find_map(|full| match &full.entry.what {
            What::Event {
                event: Event::ActionEnded { action: of, inputs, .. } | Event::AgentActs { action: of, inputs, .. },
            } if of == action && !inputs.is_empty() => Some(inputs),
            _ => None,
        })
    };
    under_way.map(|dialogue| &dialogue.inputs).or_else(ended).cloned().unwrap_or_default()
}
