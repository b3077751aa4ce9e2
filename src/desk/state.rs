//! What the desk knows of each agent.

use std::collections::{BTreeMap, BTreeSet};

use contract::{ConversationId, OfferId, Timestamp};

use super::{
    event::{AgentProfile, Presence},
    index::{Idle, Slot},
};

/// An agent at the desk.
#[derive(Debug, Clone)]
pub struct AgentState {
    /// What they can do.
    pub profile: AgentProfile,
    /// Whether they can be asked.
    pub presence: Presence,
    /// Units of capacity in use: by what they hold, and by what they are offered.
    pub load: u32,
    /// Their pending offers.
    pub offers: BTreeSet<OfferId>,
    /// Offers in a row that they let expire.
    pub expired_in_a_row: u32,
    pub(super) debits: BTreeMap<ConversationId, Debit>,
    pub(super) idle: Idle,
    pub(super) slot: Slot,
}

/// What one conversation takes of an agent's capacity, as it was when it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Debit {
    pub kind: u32,
    pub weight: u32,
}

impl AgentState {
    pub(super) fn new(profile: AgentProfile, slot: Slot) -> Self {
        Self {
            profile,
            presence: Presence::Offline,
            load: 0,
            offers: BTreeSet::new(),
            expired_in_a_row: 0,
            debits: BTreeMap::new(),
            idle: Idle::default(),
            slot,
        }
    }

    /// Since when their work has not changed: since coming online, the last offer or the last end, whichever is later.
    #[must_use]
    pub fn idle_since(&self) -> Timestamp {
        self.idle.since
    }

    /// The conversations that take of their capacity: held, or offered to them.
    pub fn conversations(&self) -> impl Iterator<Item = ConversationId> {
        self.debits.keys().copied()
    }

    /// Whether they take offers at all.
    pub(super) fn is_reachable(&self) -> bool {
        self.profile.active && self.presence == Presence::Online
    }

    /// What all of their conversations weigh together.
    pub(super) fn weight_of_all(&self) -> u32 {
        self.debits.values().map(|debit| debit.weight).sum()
    }

    /// How many of their conversations are of a kind.
    pub(super) fn of_kind(&self, kind: u32) -> u32 {
        u32::try_from(self.debits.values().filter(|debit| debit.kind == kind).count()).unwrap_or(u32::MAX)
    }

    /// Whether they can be asked for one more of a kind.
    pub(super) fn has_room(&self, name: &str, kind: u32, weight: u32) -> bool {
        self.is_reachable()
            && self.load.saturating_add(weight) <= self.profile.capacity
            && self.profile.caps.get(name).is_none_or(|&cap| self.of_kind(kind) < cap)
    }

    /// Load by capacity, in millionths.
    pub(super) fn share(&self) -> u32 {
        let share = u64::from(self.load) * 1_000_000 / u64::from(self.profile.capacity.max(1));
        u32::try_from(share).unwrap_or(u32::MAX)
    }

    /// Takes a conversation's weight of the capacity; a second time changes nothing.
    pub(super) fn debit(&mut self, conversation: ConversationId, debit: Debit) {
        if let std::collections::btree_map::Entry::Vacant(free) = self.debits.entry(conversation) {
            free.insert(debit);
            self.load = self.load.saturating_add(debit.weight);
        }
    }

    /// Gives back what a conversation took.
    pub(super) fn credit(&mut self, conversation: ConversationId) {
        if let Some(debit) = self.debits.remove(&conversation) {
            self.load = self.load.saturating_sub(debit.weight);
        }
    }

    /// Whether nothing is lost by forgetting them.
    pub(super) fn is_blank(&self) -> bool {
        self.debits.is_empty()
            && self.presence == Presence::Offline
            && self.profile == AgentProfile::unknown(self.profile.id)
    }
}
