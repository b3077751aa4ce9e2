//! The topics that this node is subscribed to, or wants to be.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::{
    super::{Live, LocalLive, Topic},
    wire,
};

/// Every node is subscribed to these, always: somebody is about to watch them, or does.
const ALWAYS: [Topic; 5] = [Topic::Board, Topic::Desk, Topic::Outbox, Topic::People, Topic::Presence];

/// The topics that this node is subscribed to, or wants to be.
pub(super) struct Topics {
    prefix: String,
    by_channel: Mutex<HashMap<String, Subscription>>,
    /// Rung when one is wanted that is not subscribed to.
    pub(super) wanted: Notify,
}

struct Subscription {
    topic: Topic,
    is_active: bool,
    /// Whether nobody watched it when that was looked at last.
    was_idle: bool,
}

impl Topics {
    pub(super) fn new(prefix: &str) -> Self {
        let topics = Self { prefix: prefix.to_owned(), by_channel: Mutex::default(), wanted: Notify::new() };
        topics.want(&ALWAYS);
        topics
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Subscription>> {
        self.by_channel.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody watches them, as [`LocalLive`] knows already.
    pub(super) fn want(&self, topics: &[Topic]) {
        let mut by_channel = self.lock();
        let mut is_missing = false;
        for topic in topics {
            let subscription = by_channel.entry(wire::channel(&self.prefix, topic)).or_insert_with(|| Subscription {
                topic: topic.clone(),
                is_active: false,
                was_idle: false,
            });
            subscription.was_idle = false;
            is_missing |= !subscription.is_active;
        }
        drop(by_channel);
        if is_missing {
            self.wanted.notify_one();
        }
    }

    /// The channels that are wanted and not subscribed to.
    pub(super) fn missing(&self) -> Vec<String> {
        let by_channel = self.lock();
        by_channel.iter().filter(|(_, found)| !found.is_active).map(|(channel, _)| channel.clone()).collect()
    }

    /// These are subscribed to now. Their topics are returned: who watches them may have missed something until now.
    pub(super) fn activate(&self, channels: &[String]) -> Vec<Topic> {
        let mut by_channel = self.lock();
        let mut topics = Vec::with_capacity(channels.len());
        for channel in channels {
            if let Some(found) = by_channel.get_mut(channel) {
                found.is_active = true;
                topics.push(found.topic.clone());
            }
        }
        topics
    }

    /// The connection is gone, and every subscription with it.
    pub(super) fn deactivate(&self) {
        for found in self.lock().values_mut() {
            found.is_active = false;
        }
    }

    /// Takes out what nobody has watched since before the last sweep, and returns the channels.
    pub(super) fn sweep(&self, local: &LocalLive) -> Vec<String> {
        let mut idle = Vec::new();
        self.lock().retain(|channel, found| {
            if ALWAYS.contains(&found.topic) || local.is_watched(&found.topic) {
                found.was_idle = false;
                return true;
            }
            if found.was_idle {
                idle.push(channel.clone());
            }
            !std::mem::replace(&mut found.was_idle, true)
        });
        idle
    }

    /// The topic of a channel that is subscribed to.
    pub(super) fn topic(&self, channel: &str) -> Option<Topic> {
        self.lock().get(channel).filter(|found| found.is_active).map(|found| found.topic.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_lingers_for_one_sweep_and_comes_back_when_it_is_wanted() {
        let (topics, local) = (Topics::new("s"), LocalLive::default());
        let agent = Topic::Agent(1.into());
        let watch = local.watch(vec![agent.clone()]);
        topics.want(std::slice::from_ref(&agent));
        let missing = topics.missing();
        assert_eq!((missing.len(), topics.activate(&missing).len()), (ALWAYS.len() + 1, ALWAYS.len() + 1));
        assert!(topics.sweep(&local).is_empty() && topics.sweep(&local).is_empty(), "it is watched");
        drop(watch);
        assert!(topics.sweep(&local).is_empty(), "somebody may come back");
        topics.want(std::slice::from_ref(&agent));
        assert!(topics.missing().is_empty(), "it was still there");
        assert!(topics.sweep(&local).is_empty());
        assert_eq!(topics.sweep(&local), ["s:agent:agt_0000000000001".to_owned()]);
        topics.want(&[agent]);
        assert_eq!(topics.missing().len(), 1);
        topics.deactivate();
        assert_eq!(topics.missing().len(), ALWAYS.len() + 1);
    }
}
