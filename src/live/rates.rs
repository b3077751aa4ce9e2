//! How fast platforms are written to, by all nodes together. The in-process one is [`Pace`], by key.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;

use crate::pace::Pace;

/// What may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    /// So many may go now, and are taken as gone.
    pub now: usize,
    /// After how long one more may go.
    pub wait: Duration,
}

/// Rates that nodes share: so many a second and no more, evenly; none at all during a pause that a platform asked for.
#[async_trait]
pub trait Rates: Send + Sync {
    /// Takes at most `wanted` of `key`. `per_second` of `None` is as fast as it goes. Never fails: while nodes cannot
    /// ask each other, each takes its part.
    async fn take(&self, key: &str, per_second: Option<u32>, wanted: usize) -> Granted;

    /// Gives back what was granted and did not go.
    async fn give_back(&self, key: &str, per_second: Option<u32>, count: usize);

    /// Nothing of `key` goes for so long.
    async fn pause(&self, key: &str, pause: Duration);
}

/// Rates of one process.
#[derive(Default)]
pub(super) struct LocalRates {
    paces: Mutex<HashMap<String, Pace>>,
}

impl LocalRates {
    /// Takes at most `wanted`, each of which takes up the time `each`.
    pub(super) fn take(&self, key: &str, each: Option<Duration>, wanted: usize) -> Granted {
        self.with(key, each, |pace, now| {
            let granted = pace.allows(wanted, now);
            pace.take(granted, now);
            Granted { now: granted, wait: pace.wait(now) }
        })
    }

    pub(super) fn give_back(&self, key: &str, each: Option<Duration>, count: usize) {
        self.with(key, each, |pace, _| pace.give_back(count));
    }

    pub(super) fn pause(&self, key: &str, pause: Duration) {
        let now = Instant::now();
        let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        paces.entry(key.to_owned()).or_insert_with(|| Pace::new(None, now)).pause(now + pause);
    }

    /// How long a pause still lasts, where there is one.
    pub(super) fn paused(&self, key: &str) -> Option<Duration> {
        let paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        paces.get(key).and_then(|pace| pace.paused(Instant::now()))
    }

    fn with<T>(&self, key: &str, each: Option<Duration>, act: impl FnOnce(&mut Pace, Instant) -> T) -> T {
        let now = Instant::now();
        let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pace) = paces.get_mut(key) {
            pace.set_each(each, now);
            return act(pace, now);
        }
        act(paces.entry(key.to_owned()).or_insert_with(|| Pace::every(each, now)), now)
    }
}
