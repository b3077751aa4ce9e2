//! How many messages wait: what the broker said last, and what this node did since.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use contract::Stop;

use super::{link::Link, topology};

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

    /// Those with this node.
    pub fn here(&self) -> u64 {
        self.here.load(Ordering::Relaxed).max(0).unsigned_abs()
    }

    pub fn waiting(&self) -> u64 {
        self.ready.load(Ordering::Relaxed).max(0).unsigned_abs() + self.here()
    }
}

/// Asks the broker again and again how many messages wait; a queue that is missing is declared again.
pub(super) async fn keep(depth: Arc<Depth>, link: Arc<Link>, partitions: u16, every: Duration, stop: Stop) {
    let mut ticks = tokio::time::interval_at((Instant::now() + every).into(), every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        match measure(&link, partitions).await {
            Some(waiting) => depth.measured(waiting),
            None => {
                if let Ok(connection) = link.now()
                    && let Err(error) = topology::declare(&connection, partitions).await
                {
                    tracing::warn!(%error, "The broker's queues are not what they should be.");
                }
            }
        }
    }
}

/// How many messages are with no node; `None` where the broker does not say.
pub(super) async fn measure(link: &Link, partitions: u16) -> Option<u64> {
    topology::waiting(&*link.now().ok()?, partitions).await.ok()
}
