//! A record that notes turns and dead letters, and can be away.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use contract::{Inbound, MessageId, Unread};
use switchboard::{
    inbox::{Delivery, rabbitmq::Letters},
    store::{
        StoreError,
        dedup_key::{DedupKey, dedup_key},
    },
};
use tokio::sync::Notify;

use crate::harness::within;

#[derive(Default)]
pub struct Record {
    away: AtomicBool,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
pub struct State {
    /// Turns in the order of their commits.
    pub turns: Vec<(MessageId, Arc<Inbound>)>,
    /// Turns that had been committed before.
    pub again: usize,
    /// By message, or by its platform's id: what the commit of a turn recognises.
    keys: HashMap<DedupKey, MessageId>,
    pub dead: Vec<(MessageId, Inbound, String)>,
    pub unread: Vec<Unread>,
    redriven: Vec<(MessageId, Arc<Inbound>)>,
    pub published: Vec<MessageId>,
}

impl Record {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Nothing can be read or written.
    pub fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    /// Commits the turn of a message, once.
    pub fn turn(&self, delivery: &Delivery) {
        let mut state = self.lock();
        let key = dedup_key(&delivery.inbound);
        let known = state.turns.iter().any(|(id, _)| *id == delivery.id)
            || key.is_some_and(|key| state.keys.contains_key(&key));
        if known {
            state.again += 1;
        } else {
            state.keys.extend(key.map(|key| (key, delivery.id)));
            state.turns.push((delivery.id, Arc::clone(&delivery.inbound)));
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// A person redrives the newest dead letter under a new id.
    pub fn redrive(&self, id: MessageId) {
        let mut state = self.lock();
        let (_, inbound, _) = state.dead.pop().expect("there is a dead letter");
        state.redriven.push((id, Arc::new(inbound)));
    }

    /// Waits until the record is in some state.
    pub async fn until(&self, what: &str, is_it: impl Fn(&State) -> bool) {
        within(what, async {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            loop {
                changed.as_mut().enable();
                if is_it(&self.lock()) {
                    return;
                }
                changed.as_mut().await;
                changed.set(self.changed.notified());
            }
        })
        .await;
    }

    fn there(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("the test says so".into()));
        }
        Ok(self.lock())
    }
}

#[async_trait]
impl Letters for Record {
    async fn known(&self, keys: &[DedupKey]) -> Result<Vec<Option<MessageId>>, StoreError> {
        let state = self.there()?;
        Ok(keys.iter().map(|key| state.keys.get(key).copied()).collect())
    }

    async fn bury(&self, id: MessageId, inbound: &Inbound, reason: &str) -> Result<(), StoreError> {
        self.there()?.dead.push((id, inbound.clone(), reason.to_owned()));
        self.changed.notify_waiters();
        Ok(())
    }

    async fn set_aside(&self, unread: Unread) -> Result<(), StoreError> {
        let mut state = self.there()?;
        if !state.unread.iter().any(|known| known.external_id == unread.external_id) {
            state.unread.push(unread);
        }
        drop(state);
        self.changed.notify_waiters();
        Ok(())
    }

    async fn to_publish(&self, limit: usize) -> Result<Vec<(MessageId, Arc<Inbound>)>, StoreError> {
        Ok(self.there()?.redriven.iter().take(limit).cloned().collect())
    }

    async fn published(&self, ids: &[MessageId]) -> Result<(), StoreError> {
        let mut state = self.there()?;
        state.redriven.retain(|(id, _)| !ids.contains(id));
        state.published.extend(ids);
        drop(state);
        self.changed.notify_waiters();
        Ok(())
    }
}
