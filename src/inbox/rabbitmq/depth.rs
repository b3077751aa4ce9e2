//! How many messages wait: what the broker said last, and what this node did since.

use std::sync::atomic::{AtomicI64, Ordering};

/// Counts of messages. They are an estimate between two measurements, and exact where one node is alone.
#[derive(Debug, Default)]
pub(super) struct Depth {
    /// In the broker's queues and with no node.
    ready: AtomicI64,
    /// With this node and not settled.
    here: AtomicI64,
}

impl Depth {
    pub fn measured(&self, ready: u64) {
        self.ready.store(i64::try_from(ready).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    pub fn published(&self) {
        self.ready.fetch_add(1, Ordering::Relaxed);
    }

    pub fn delivered(&self) {
        self.ready.fetch_sub(1, Ordering::Relaxed);
        self.here.fetch_add(1, Ordering::Relaxed);
    }

    pub fn settled(&self) {
        self.here.fetch_sub(1, Ordering::Relaxed);
    }

    /// These go back to the broker.
    pub fn given_back(&self, messages: usize) {
        let messages = i64::try_from(messages).unwrap_or(i64::MAX);
        self.here.fetch_sub(messages, Ordering::Relaxed);
        self.ready.fetch_add(messages, Ordering::Relaxed);
    }

    pub fn waiting(&self) -> u64 {
        let (ready, here) = (self.ready.load(Ordering::Relaxed).max(0), self.here.load(Ordering::Relaxed).max(0));
        ready.saturating_add(here).unsigned_abs()
    }
}
