//! How rows keep what is written, whichever the backend: JSON of who and what, and reading only what was decided.

use contract::{EntryId, MessageId};
use serde::{Deserialize, Serialize};

use super::entry::{Entry, EntryAuthor, TurnRecord, What};
use crate::routing::Trigger;

#[derive(Serialize)]
struct Written<'a> {
    author: &'a EntryAuthor,
    what: &'a What,
}

/// What an entry's row says in JSON; the rest is in columns.
#[derive(Deserialize)]
pub(super) struct Said {
    pub author: EntryAuthor,
    pub what: What,
}

/// An entry's author and what it says.
pub(super) fn said(entry: &Entry) -> String {
    to_json(&Written { author: &entry.author, what: &entry.what })
}

#[expect(clippy::expect_used, reason = "rows are plain structs with string keys")]
pub(super) fn to_json<T: Serialize>(value: &T) -> String {
    // Most of them fit, and need not be moved as they grow.
    let mut json = Vec::with_capacity(1024);
    serde_json::to_writer(&mut json, value).expect("plain structs with string keys always serialise");
    String::from_utf8(json).expect("JSON is UTF-8")
}

/// What was decided in an entry: every other kind of entry is passed over without being taken apart.
#[derive(Deserialize)]
pub(super) struct Decided {
    what: DecidedOn,
}

#[derive(Deserialize)]
struct DecidedOn {
    message: Option<TurnRecord>,
    refined: Option<Refined>,
    fired: Option<Fired>,
}

#[derive(Deserialize)]
struct Refined {
    of: MessageId,
    record: TurnRecord,
}

#[derive(Deserialize)]
struct Fired {
    on: Trigger,
    after: u64,
    #[serde(flatten)]
    seen: Refined,
}

impl Decided {
    /// On which message, what, what brought it about, and for how long that had lasted.
    pub fn on(self, entry: EntryId) -> Option<(MessageId, TurnRecord, Trigger, u64)> {
        match self.what {
            DecidedOn { message: Some(record), .. } => Some((entry.get().into(), record, Trigger::Message, 0)),
            DecidedOn { refined: Some(Refined { of, record }), .. } => Some((of, record, Trigger::Signals, 0)),
            DecidedOn { fired: Some(Fired { on, after, seen: Refined { of, record } }), .. } => {
                Some((of, record, on, after))
            }
            DecidedOn { .. } => None,
        }
    }
}
