//! Publishes the events of this node to the others, many at once. What cannot be published is not kept: once it works
//! again, everybody is told that something was missed.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use contract::Stop;
use tokio::sync::mpsc;

use super::{
    super::{Event, Topic},
    link::Link,
    wire::{self, Origin},
};

/// How many events go at once.
const AT_ONCE: usize = 256;

pub(super) struct Publisher {
    pub(super) link: Arc<Link>,
    pub(super) origin: Origin,
    pub(super) prefix: String,
    pub(super) waiting: mpsc::Receiver<(Topic, Event)>,
    pub(super) overflowed: Arc<AtomicBool>,
}

impl Publisher {
    /// Runs until `stop`, or until nobody can publish any more; then publishes what still waits.
    pub(super) async fn run(mut self, stop: Stop) {
        let mut is_up = self.link.is_up();
        let mut events = Vec::with_capacity(AT_ONCE);
        let mut lost = false;
        loop {
            tokio::select! {
                biased;
                count = self.waiting.recv_many(&mut events, AT_ONCE) => if count == 0 { return },
                changed = is_up.changed(), if lost => if changed.is_err() { return },
                () = stop.cancelled() => return,
            }
            lost |= self.overflowed.swap(false, Ordering::Relaxed);
            lost = !self.publish(&mut events, lost).await;
        }
    }

    /// Publishes all of `events`, after what was `lost` before. Answers whether everybody knows everything now, or that
    /// they do not.
    async fn publish(&self, events: &mut Vec<(Topic, Event)>, lost: bool) -> bool {
        let Some(mut connection) = self.link.get() else {
            self.count_lost(events.len());
            events.clear();
            return false;
        };
        let mut messages = Vec::with_capacity(events.len() + 1);
        let mut is_whole = true;
        if lost {
            self.write(wire::channel_of_all(&self.prefix), &Event::Missed, &mut messages);
        }
        for (topic, event) in events.drain(..) {
            is_whole &= self.write(wire::channel(&self.prefix, &topic), &event, &mut messages);
        }
        match connection.publish(&messages).await {
            Ok(()) => is_whole,
            Err(error) => {
                self.count_lost(messages.len());
                self.link.failed(&error);
                false
            }
        }
    }

    fn write(&self, channel: String, event: &Event, messages: &mut Vec<(String, Vec<u8>)>) -> bool {
        match wire::write(self.origin, event) {
            Ok(bytes) => messages.push((channel, bytes)),
            Err(error) => {
                tracing::error!(%error, channel, "An event has no form in JSON; its watchers read the record.");
                return false;
            }
        }
        true
    }

    fn count_lost(&self, count: usize) {
        metrics::counter!("switchboard_live_lost_total").increment(u64::try_from(count).unwrap_or(u64::MAX));
    }
}
