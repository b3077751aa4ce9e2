//! A commit, ready to be written: everything serialised, and what it must not share a batch over.

use std::sync::Arc;

use contract::{ConversationId, CustomerId, EntryId, Inbound, MessageId, OutboundId};

use super::rows::raw;
use crate::measure::Noted;
use crate::store::{
    Commit, Fence,
    conversation::Conversation,
    customer::CustomerChange,
    dedup_key::{DedupKey, dedup_key},
    entry::What,
    outbox::DeliveryState,
    written::{said, to_json},
};

/// A [`Commit`] as rows.
pub(super) struct Prepared {
    pub after: Arc<Conversation>,
    pub state: String,
    pub structural: bool,
    pub turn: Option<Turn>,
    pub entries: Vec<EntryRow>,
    /// Replies: the id, the state that they start in, how urgent they are, and the channel where it is another than the
    /// conversation's.
    pub outbox: Vec<(i64, i16, i16, Option<String>)>,
    pub customers: Vec<CustomerChange>,
    /// The key of what is done once, and the entry that it becomes.
    pub once: Option<(String, i64)>,
    pub fence: Option<Fence>,
    /// The number that the conversation is given.
    pub ticket: Option<i64>,
    pub noted: Arc<Noted>,
}

/// A message with its turn.
pub(super) struct Turn {
    pub id: MessageId,
    pub key: Option<DedupKey>,
    pub channel: String,
    pub body: String,
}

impl Turn {
    pub fn of(id: MessageId, inbound: &Inbound) -> Self {
        Self { id, key: dedup_key(inbound), channel: inbound.channel.clone(), body: to_json(inbound) }
    }
}

/// An entry as its row has it.
pub(super) struct EntryRow {
    pub id: EntryId,
    pub prev: Option<EntryId>,
    pub at: i64,
    pub kind: i16,
    pub entry: String,
}

/// The number of a kind of entry, as rows keep it.
pub(super) const fn kind(what: &What) -> i16 {
    match what {
        What::Message(_) => 0,
        What::Refined { .. } => 1,
        What::Fired { .. } => 2,
        What::Reply { .. } => 3,
        What::Note { .. } => 4,
        What::Event { .. } => 5,
    }
}

/// How the table names what is done once.
pub(super) fn once_key(writer: contract::AgentId, client_id: &str) -> String {
    super::rows::plain(&format!("{writer}/{client_id}")).into_owned()
}

impl Prepared {
    pub fn new(commit: Commit) -> Self {
        let reply = |(id, state): &(OutboundId, DeliveryState)| {
            let elsewhere = commit.elsewhere(*id).map(str::to_owned);
            (raw(id.get()), *state as i16, commit.precedence(*id) as i16, elsewhere)
        };
        let outbox = commit.outbox.iter().map(reply).collect();
        let ticket = commit.ticket().map(|number| raw(number.get()));
        let mut after = commit.conversation;
        after.version += 1;
        let mut prev = after.last_entry;
        let entries = commit
            .entries
            .iter()
            .map(|entry| EntryRow {
                id: entry.id,
                prev: prev.replace(entry.id),
                at: entry.at.as_microsecond(),
                kind: kind(&entry.what),
                entry: said(entry),
            })
            .collect();
        after.last_entry = prev;
        Self {
            state: to_json(&after),
            structural: commit.structural || after.version == 1,
            turn: commit.turn.map(|taken| Turn::of(taken.id, &taken.inbound)),
            entries,
            outbox,
            customers: commit.customers,
            once: commit.once.map(|once| (once_key(once.writer, &once.client_id), raw(once.entry.get()))),
            fence: commit.fence,
            ticket,
            noted: commit.noted,
            after: Arc::new(after),
        }
    }

    pub fn id(&self) -> ConversationId {
        self.after.id
    }

    pub fn is_new(&self) -> bool {
        self.after.version == 1
    }

    /// An entry that no other commit can have made.
    pub fn own_entry(&self) -> Option<EntryId> {
        let turn = self.turn.as_ref().map(|turn| EntryId::from(turn.id));
        self.entries.iter().map(|entry| entry.id).find(|id| Some(*id) != turn)
    }

    /// The customers whose rows it reads or writes.
    pub fn people(&self) -> impl Iterator<Item = CustomerId> + '_ {
        self.customers
            .iter()
            .flat_map(|change| match change {
                CustomerChange::Put { now, .. } => [Some(now.id), None],
                CustomerChange::Link(_, id) | CustomerChange::Identify(_, id) => [Some(*id), None],
                CustomerChange::Merge(merge) => [Some(merge.from), Some(merge.into)],
            })
            .flatten()
    }
}
