//! Publishes the events of this node to the others, many at once. What cannot be published is not kept: once it works
//! again, everybody is told that something was missed.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use contract::Stop;
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};

use super::{
    super::{Event, Topic},
    Timing,
    elsewhere::Elsewhere,
    link::Link,
    topics::Topics,
    wire::{self, Origin},
};

/// How many events go at once.
const AT_ONCE: usize = 256;

pub(super) struct Publisher {
    pub(super) link: Arc<Link>,
    pub(super) origin: Origin,
    pub(super) prefix: String,
    pub(super) timing: Timing,
    pub(super) topics: Arc<Topics>,
    pub(super) consoles: Arc<Elsewhere>,
    pub(super) waiting: mpsc::Receiver<(Topic, Event)>,
    pub(super) overflowed: Arc<AtomicBool>,
}

impl Publisher {
    /// Runs until `stop`, or until nobody can publish any more; then publishes what still waits.
    pub(super) async fn run(mut self, stop: Stop) {
        let mut is_up = self.link.is_up();
        let mut events = Vec::with_capacity(AT_ONCE);
        let mut lost = false;
        let mut remind = interval(self.timing.remind);
        remind.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_reminded = tokio::select! {
                biased;
                () = self.consoles.appeared.notified() => true,
                _ = remind.tick() => true,
                count = self.waiting.recv_many(&mut events, AT_ONCE) => if count == 0 { return } else { false },
                changed = is_up.changed(), if lost => if changed.is_err() { return } else { false },
                () = stop.cancelled() => return,
            };
            if is_reminded {
                if !self.consoles.take_left_out() {
                    continue;
                }
                events.push((Topic::Consoles, Event::Missed));
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
        let mut changed = Vec::new();
        let mut is_whole = true;
        if lost {
            self.write(wire::channel_of_all(&self.prefix), &Event::Missed, &mut messages);
        }
        for (topic, event) in events.drain(..) {
            if matches!(event, Event::Changed) {
                // Who looks once sees all that changed until now.
                if changed.contains(&topic) {
                    continue;
                }
                changed.push(topic.clone());
            }
            is_whole &= self.write(wire::channel(&self.prefix, &topic), &event, &mut messages);
        }
        match connection.publish(&messages).await {
            Ok(heard) => {
                self.note_consoles(&messages, &heard);
                is_whole
            }
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

    /// Notes whether consoles of others heard the last of what was for them, where that is known.
    fn note_consoles(&self, messages: &[(String, Vec<u8>)], heard: &[u64]) {
        let consoles = wire::channel(&self.prefix, &Topic::Consoles);
        let last = messages.iter().zip(heard).rfind(|((channel, _), _)| *channel == consoles);
        if let Some((_, heard)) = last {
            self.consoles.heard(heard.saturating_sub(u64::from(self.topics.topic(&consoles).is_some())));
        }
    }

    fn count_lost(&self, count: usize) {
        metrics::counter!("switchboard_live_lost_total").increment(u64::try_from(count).unwrap_or(u64::MAX));
    }
}
