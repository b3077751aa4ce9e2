//! How many messages wait: what the broker said last, and what this node did since.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use contract::Stop;

use super::{link::Link, topology};

/// Parts of one message, of which the broker's are counted.
const WHOLE: u32 = 256;
/// How many deliveries the usual size of one is taken from.
const USUAL: u32 = 16;

/// Counts of messages. They are an estimate between two measurements, and while the broker's own messages hold several; exact
/// where one node is alone and they hold one.
#[derive(Debug)]
pub(super) struct Depth {
    /// In the broker's queues and with no node.
    ready: AtomicI64,
    /// With this node and not settled.
    here: AtomicI64,
    /// How many a message of the broker's holds, as of late, in parts of [`WHOLE`].
    usual: AtomicU32,
}

impl Default for Depth {
    fn default() -> Self {
        Self { ready: AtomicI64::default(), here: AtomicI64::default(), usual: AtomicU32::new(WHOLE) }
    }
}

impl Depth {
    /// The broker has so many of its own messages.
    pub fn measured(&self, ready: u64) {
        let messages = ready.saturating_mul(self.usual.load(Ordering::Relaxed).into()) / u64::from(WHOLE);
        self.ready.store(i64::try_from(messages).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    pub fn published(&self) {
        self.ready.fetch_add(1, Ordering::Relaxed);
    }

    /// One message of the broker's came, with so many.
    pub fn delivered(&self, messages: u32) {
        let usual = self.usual.load(Ordering::Relaxed);
        let usual = (usual * (USUAL - 1) + messages * WHOLE).div_ceil(USUAL);
        self.usual.store(usual.max(WHOLE), Ordering::Relaxed);
        self.ready.fetch_sub(messages.into(), Ordering::Relaxed);
        self.here.fetch_add(messages.into(), Ordering::Relaxed);
    }

    pub fn settled(&self) {
        self.here.fetch_sub(1, Ordering::Relaxed);
    }

    /// So many go back to the broker, and with them some that were settled: what came as one goes as one.
    pub fn given_back(&self, unsettled: usize, all: usize) {
        let count = |messages| i64::try_from(messages).unwrap_or(i64::MAX);
        self.here.fetch_sub(count(unsettled), Ordering::Relaxed);
        self.ready.fetch_add(count(all), Ordering::Relaxed);
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
