//! What this node accepted lately, and what it is accepting: the same platform message at once, or soon after, is one
//! message without a question to the record.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use contract::MessageId;
use tokio::sync::watch;

use crate::store::dedup_key::DedupKey;

/// How many are remembered.
const KEPT: usize = 1 << 16;

/// Keys of messages.
#[derive(Default)]
pub(super) struct Recent(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    slots: HashMap<DedupKey, Slot>,
    /// Accepted ones, oldest first.
    order: VecDeque<DedupKey>,
}

enum Slot {
    Accepted(MessageId),
    /// Somebody is at it.
    Under(watch::Receiver<Option<MessageId>>),
}

/// What to do with a message.
pub(super) enum Entry<'a> {
    /// It was accepted.
    Accepted(MessageId),
    /// Somebody else is at it: wait, and look again.
    Under(watch::Receiver<Option<MessageId>>),
    /// Accept it.
    Mine(Claim<'a>),
}

/// The right to accept a message; dropped, the next one may try.
pub(super) struct Claim<'a> {
    recent: &'a Recent,
    key: DedupKey,
    told: watch::Sender<Option<MessageId>>,
}

impl Recent {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn enter(&self, key: DedupKey) -> Entry<'_> {
        let mut inner = self.lock();
        match inner.slots.get(&key) {
            Some(Slot::Accepted(id)) => Entry::Accepted(*id),
            Some(Slot::Under(told)) => Entry::Under(told.clone()),
            None => {
                let (told, asked) = watch::channel(None);
                inner.slots.insert(key, Slot::Under(asked));
                Entry::Mine(Claim { recent: self, key, told })
            }
        }
    }
}

impl Claim<'_> {
    /// The message is durable under this id.
    pub fn accepted(self, id: MessageId) {
        let mut inner = self.recent.lock();
        inner.slots.insert(self.key, Slot::Accepted(id));
        inner.order.push_back(self.key);
        if inner.order.len() > KEPT
            && let Some(oldest) = inner.order.pop_front()
        {
            inner.slots.remove(&oldest);
        }
        self.told.send_replace(Some(id));
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut inner = self.recent.lock();
        if matches!(inner.slots.get(&self.key), Some(Slot::Under(_))) {
            inner.slots.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_accepts_and_the_others_learn_of_it() {
        let recent = Recent::default();
        let Entry::Mine(claim) = recent.enter([1; 16]) else { panic!("nobody was first") };
        let Entry::Under(mut told) = recent.enter([1; 16]) else { panic!("two are first") };
        claim.accepted(7.into());
        told.changed().await.unwrap();
        assert_eq!(*told.borrow(), Some(7.into()));
        assert!(matches!(recent.enter([1; 16]), Entry::Accepted(id) if id == 7.into()));
    }

    #[tokio::test]
    async fn after_a_failure_the_next_one_tries() {
        let recent = Recent::default();
        let Entry::Mine(claim) = recent.enter([1; 16]) else { panic!("nobody was first") };
        let Entry::Under(mut told) = recent.enter([1; 16]) else { panic!("two are first") };
        drop(claim);
        assert!(told.changed().await.is_err(), "the wait ends");
        assert!(matches!(recent.enter([1; 16]), Entry::Mine(_)));
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let recent = Recent::default();
        for at in 0..=KEPT as u64 {
            let mut key = [0; 16];
            key[..8].copy_from_slice(&at.to_be_bytes());
            let Entry::Mine(claim) = recent.enter(key) else { panic!("it is new") };
            claim.accepted(at.into());
        }
        assert!(matches!(recent.enter([0; 16]), Entry::Mine(_)));
        assert_eq!(recent.lock().order.len(), KEPT);
    }
}
