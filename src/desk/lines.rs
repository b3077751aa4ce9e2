//! Who is next: conversations in the order of their scores.
//!
//! All scores grow by one a second, so the order of two conversations changes with time only where a promise comes into
//! danger. It is kept by a key that time does not enter: the moment of the first enqueue, set back by the priority's
//! credit and by what promises in danger are worth.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::Arc,
};

use contract::{ConversationId, Timestamp};

use super::index::Need;

/// Microseconds in a second.
const SECOND: i64 = 1_000_000;

/// A conversation's place in every order: lower is served first. Highest score, then first enqueued, then lowest id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// Microseconds since 1970 at which the score is 0.
    zero: i64,
    enqueued_at: Timestamp,
    pub conversation: ConversationId,
}

impl Key {
    pub fn new(conversation: ConversationId, enqueued_at: Timestamp, credit_seconds: i64) -> Self {
        let zero = enqueued_at.as_microsecond().saturating_sub(credit_seconds.saturating_mul(SECOND));
        Self { zero, enqueued_at, conversation }
    }

    /// The score at `now`, in seconds.
    #[expect(clippy::cast_precision_loss, reason = "for people to read; the order is kept by the key")]
    pub fn score(&self, now: Timestamp) -> f64 {
        now.as_microsecond().saturating_sub(self.zero) as f64 / SECOND as f64
    }
}

/// All that one queue owns, offered or not.
#[derive(Debug, Default)]
pub(super) struct Order {
    by_score: BTreeSet<Key>,
    by_age: BTreeSet<(Timestamp, ConversationId)>,
}

impl Order {
    pub fn add(&mut self, key: Key) {
        self.by_score.insert(key);
        self.by_age.insert((key.enqueued_at, key.conversation));
    }

    pub fn remove(&mut self, key: &Key) {
        self.by_score.remove(key);
        self.by_age.remove(&(key.enqueued_at, key.conversation));
    }

    pub fn len(&self) -> usize {
        self.by_score.len()
    }

    /// How many come before `key`.
    pub fn before(&self, key: Key) -> usize {
        self.by_score.range(..key).count()
    }

    /// When the one that has waited for longest entered a queue.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.by_age.first().map(|&(enqueued_at, _)| enqueued_at)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Key> {
        self.by_score.iter()
    }
}

/// The conversations that can be offered, one line for each need.
#[derive(Debug, Default)]
pub(super) struct Lines(BTreeMap<Arc<Need>, BTreeSet<Key>>);

impl Lines {
    /// Files a conversation; the need that it is filed under is shared with its line.
    pub fn add(&mut self, need: Arc<Need>, key: Key) -> Arc<Need> {
        let need = self.0.get_key_value(&need).map_or(need, |(need, _)| Arc::clone(need));
        self.0.entry(Arc::clone(&need)).or_default().insert(key);
        need
    }

    /// Takes a conversation out. An empty line is dropped.
    pub fn remove(&mut self, need: &Need, key: &Key) {
        if let Some(line) = self.0.get_mut(need) {
            line.remove(key);
            if line.is_empty() {
                self.0.remove(need);
            }
        }
    }

    /// The next one in a line behind `key`.
    pub fn behind(&self, need: &Need, key: Key) -> Option<Key> {
        self.0.get(need)?.range((Bound::Excluded(key), Bound::Unbounded)).next().copied()
    }

    /// The first of each line.
    pub fn heads(&self) -> impl Iterator<Item = (&Arc<Need>, Key)> {
        self.0.iter().filter_map(|(need, line)| Some((need, *line.first()?)))
    }
}
