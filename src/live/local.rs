//! All of it within one process.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use contract::AgentId;
use futures::{StreamExt, stream::BoxStream};
use tokio::sync::mpsc;

use super::{Event, Granted, Here, Live, Rates, Shared, Topic, rates::LocalRates};
use crate::pace::Pace;

/// How many events one watcher may lag behind.
const LAG: usize = 64;

/// All of it within one process. Cheap to clone.
#[derive(Clone, Default)]
pub struct LocalLive {
    topics: Arc<Mutex<Watchers>>,
    numbers: Arc<AtomicU64>,
    here: Arc<Mutex<BTreeSet<AgentId>>>,
    board: Arc<Mutex<Option<(u64, Bytes)>>>,
    rates: Arc<LocalRates>,
}

type Watchers = HashMap<Topic, Vec<Watcher>>;

struct Watcher {
    number: u64,
    events: mpsc::Sender<Event>,
    missed: Arc<AtomicBool>,
}

impl Watcher {
    fn tell(&self, event: Event) {
        if self.events.try_send(event).is_err() {
            self.missed.store(true, Ordering::Relaxed);
        }
    }
}

/// Takes a watcher off its topics when its stream is dropped.
struct Watching {
    number: u64,
    topics: Vec<Topic>,
    all: Weak<Mutex<Watchers>>,
}

impl Drop for Watching {
    fn drop(&mut self) {
        let Some(all) = self.all.upgrade() else { return };
        let mut all = lock(&all);
        for topic in &self.topics {
            if let Some(watchers) = all.get_mut(topic) {
                watchers.retain(|watcher| watcher.number != self.number);
                if watchers.is_empty() {
                    all.remove(topic);
                }
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LocalLive {
    /// Whoever watches one of these topics missed something.
    pub(super) fn miss(&self, topics: &[Topic]) {
        let all = lock(&self.topics);
        let watchers = topics.iter().filter_map(|topic| all.get(topic)).flatten();
        Self::tell_missed(watchers, |_| true);
    }

    /// Of all watchers those whose number is chosen missed something.
    pub(super) fn miss_some(&self, is_chosen: impl Fn(u64) -> bool) {
        Self::tell_missed(lock(&self.topics).values().flatten(), is_chosen);
    }

    fn tell_missed<'a>(watchers: impl Iterator<Item = &'a Watcher>, is_chosen: impl Fn(u64) -> bool) {
        let mut told = HashSet::new();
        for watcher in watchers {
            if is_chosen(watcher.number) && told.insert(watcher.number) {
                watcher.tell(Event::Missed);
            }
        }
    }
}

impl Live for LocalLive {
    fn publish(&self, topic: &Topic, event: Event) {
        for watcher in lock(&self.topics).get(topic).into_iter().flatten() {
            watcher.tell(event.clone());
        }
    }

    fn is_watched(&self, topic: &Topic) -> bool {
        lock(&self.topics).contains_key(topic)
    }

    fn watch(&self, topics: Vec<Topic>) -> BoxStream<'static, Event> {
        let (events, watched) = mpsc::channel(LAG);
        let missed = Arc::new(AtomicBool::new(false));
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let mut all = lock(&self.topics);
        for topic in &topics {
            let watcher = Watcher { number, events: events.clone(), missed: Arc::clone(&missed) };
            all.entry(topic.clone()).or_default().push(watcher);
        }
        drop(all);
        let watching = Watching { number, topics, all: Arc::downgrade(&self.topics) };
        futures::stream::unfold((watched, missed, watching), |(mut watched, missed, watching)| async move {
            // What was missed is told once the events that fitted have been.
            let event = if watched.is_empty() && missed.swap(false, Ordering::Relaxed) {
                Event::Missed
            } else {
                watched.recv().await?
            };
            Some((event, (watched, missed, watching)))
        })
        .boxed()
    }
}

#[async_trait]
impl Shared for LocalLive {
    fn say_here(&self, agents: BTreeSet<AgentId>) {
        let before = std::mem::replace(&mut *lock(&self.here), agents.clone());
        if before != agents {
            self.publish(&Topic::Presence, Event::Changed);
        }
    }

    async fn here(&self) -> Option<Here> {
        Some(Here { agents: lock(&self.here).clone(), complete: true })
    }

    fn put_board(&self, epoch: u64, board: Bytes) {
        let mut kept = lock(&self.board);
        if kept.as_ref().is_none_or(|(newest, _)| *newest <= epoch) {
            *kept = Some((epoch, board));
            drop(kept);
            self.publish(&Topic::Board, Event::Changed);
        }
    }

    async fn board(&self) -> Option<Bytes> {
        lock(&self.board).as_ref().map(|(_, board)| board.clone())
    }
}

#[async_trait]
impl Rates for LocalLive {
    async fn take(&self, key: &str, per_second: Option<u32>, wanted: usize) -> Granted {
        self.rates.take(key, per_second.map(Pace::each), wanted)
    }

    async fn give_back(&self, key: &str, per_second: Option<u32>, count: usize) {
        self.rates.give_back(key, per_second.map(Pace::each), count);
    }

    async fn pause(&self, key: &str, pause: Duration) {
        self.rates.pause(key, pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_dropped_watcher_leaves_nothing_behind() {
        let live = LocalLive::default();
        let watch = live.watch(vec![Topic::Consoles, Topic::Agent(1.into())]);
        drop(watch);
        assert!(lock(&live.topics).is_empty());
    }

    #[tokio::test]
    async fn a_watcher_of_several_topics_is_told_once_that_it_missed_something() {
        let live = LocalLive::default();
        let mut watch = live.watch(vec![Topic::Consoles, Topic::Agent(1.into())]);
        live.miss(&[Topic::Consoles, Topic::Agent(1.into())]);
        live.miss_some(|_| true);
        live.publish(&Topic::Consoles, Event::Changed);
        let heard: Vec<Event> = watch.by_ref().take(3).collect().await;
        assert!(matches!(heard[..], [Event::Missed, Event::Missed, Event::Changed]), "{heard:?}");
    }
}
