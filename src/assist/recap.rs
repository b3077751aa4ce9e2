//! What a model said of a conversation in a few sentences, as the journal has it.

use contract::{EntryId, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::words::Tongue;
use crate::store::{
    FullEntry,
    entry::{Event, Summarised, What},
};

/// A conversation in a few sentences, which a model wrote for an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Recap {
    /// The sentences.
    pub text: String,
    /// What the agent is called who asked for it.
    pub by: String,
    /// Since when it is there.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// Whether nothing has happened since it was read.
    pub current: bool,
}

/// The last thing in a journal, oldest first, that a summary is made of.
#[must_use]
pub fn last_entry(entries: &[FullEntry]) -> Option<EntryId> {
    entries.iter().rev().find(|full| summarised(full).is_none()).map(|full| full.entry.id)
}

/// The last that there is in a language.
#[must_use]
pub fn recap(entries: &[FullEntry], tongue: Tongue) -> Option<Recap> {
    let last = last_entry(entries)?.to_string();
    entries.iter().rev().find_map(|full| {
        let Summarised { by, language, text, account } = summarised(full)?;
        (language == tongue.tag() && !text.is_empty()).then(|| Recap {
            text: text.clone(),
            by: by.clone(),
            at: full.entry.at,
            current: account.of == last,
        })
    })
}

fn summarised(full: &FullEntry) -> Option<&Summarised> {
    match &full.entry.what {
        What::Event { event: Event::Summarised(summarised) } => Some(summarised),
        _ => None,
    }
}
