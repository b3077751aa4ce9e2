//! Fan-out within one process.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use futures::{StreamExt, stream::BoxStream};
use tokio::sync::mpsc;

use super::{Event, Live, Topic};

/// How many events one watcher may lag behind.
const LAG: usize = 64;

/// Fan-out within one process. Cheap to clone.
#[derive(Clone, Default)]
pub struct LocalLive {
    topics: Arc<Mutex<HashMap<Topic, Vec<Watcher>>>>,
    numbers: Arc<AtomicU64>,
}

struct Watcher {
    number: u64,
    events: mpsc::Sender<Event>,
    missed: Arc<AtomicBool>,
}

/// Takes a watcher off its topics when its stream is dropped.
struct Watching {
    number: u64,
    topics: Vec<Topic>,
    all: Weak<Mutex<HashMap<Topic, Vec<Watcher>>>>,
}

impl Drop for Watching {
    fn drop(&mut self) {
        let Some(all) = self.all.upgrade() else { return };
        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
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

impl LocalLive {
    fn lock(&self) -> MutexGuard<'_, HashMap<Topic, Vec<Watcher>>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live for LocalLive {
    fn publish(&self, topic: &Topic, event: Event) {
        let topics = self.lock();
        for watcher in topics.get(topic).into_iter().flatten() {
            if watcher.events.try_send(event.clone()).is_err() {
                watcher.missed.store(true, Ordering::Relaxed);
            }
        }
    }

    fn is_watched(&self, topic: &Topic) -> bool {
        self.lock().contains_key(topic)
    }

    fn watch(&self, topics: Vec<Topic>) -> BoxStream<'static, Event> {
        let (events, watched) = mpsc::channel(LAG);
        let missed = Arc::new(AtomicBool::new(false));
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let mut all = self.lock();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::{Audience, Frame};

    fn frame(text: &str) -> Event {
        Event::Frame(Arc::new(Frame { json: text.to_owned(), audience: Audience::Everyone }))
    }

    fn text(event: Option<Event>) -> String {
        match event {
            Some(Event::Frame(frame)) => frame.json.clone(),
            Some(Event::Missed) => "missed".into(),
            other => format!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_watcher_gets_its_topics_and_no_others() {
        let live = LocalLive::default();
        let mut watch = live.watch(vec![Topic::Consoles, Topic::Agent(1.into())]);
        live.publish(&Topic::Agent(2.into()), frame("other"));
        live.publish(&Topic::Agent(1.into()), frame("mine"));
        live.publish(&Topic::Consoles, frame("all"));
        assert_eq!(text(watch.next().await), "mine");
        assert_eq!(text(watch.next().await), "all");
        drop(watch);
        assert!(live.lock().is_empty(), "a dropped watcher leaves nothing behind");
    }

    #[tokio::test]
    async fn a_slow_watcher_is_told_that_it_missed_something() {
        let live = LocalLive::default();
        let mut watch = live.watch(vec![Topic::Consoles]);
        for number in 0..=LAG {
            live.publish(&Topic::Consoles, frame(&number.to_string()));
        }
        for number in 0..LAG {
            assert_eq!(text(watch.next().await), number.to_string());
        }
        assert_eq!(text(watch.next().await), "missed");
        live.publish(&Topic::Consoles, frame("after"));
        assert_eq!(text(watch.next().await), "after");
    }
}
