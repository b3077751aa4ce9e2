//! What an admin decides about queues, and how a requirement relaxes with time.

use std::{collections::BTreeMap, time::Duration};

use contract::Timestamp;
use jiff::SignedDuration;

/// The highest level of a skill; the lowest is 1.
pub const HIGHEST_LEVEL: u8 = 5;

/// Everything about the desk that an admin decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeskRules {
    /// What a conversation costs of an agent's capacity.
    pub weights: Weights,
    /// The queues by name. A conversation in a queue that is not among them waits under [`QueueRules::default`]
    /// and is served by agents who are members of that name.
    pub queues: BTreeMap<String, QueueRules>,
    /// For how long a conversation is not offered again to an agent who declined it or let it expire.
    pub cooldown: Duration,
    /// After how many expired offers in a row an agent becomes away; 0 for never.
    pub expiries_before_away: u32,
}

impl Default for DeskRules {
    fn default() -> Self {
        Self {
            weights: Weights::default(),
            queues: BTreeMap::new(),
            cooldown: Duration::from_secs(300),
            expiries_before_away: 2,
        }
    }
}

/// What one conversation of each kind of channel costs, in units of capacity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weights {
    /// By kind of channel: `webchat` 25 and `email` 10 by default.
    pub by_kind: BTreeMap<String, u32>,
    /// Any other kind: messaging, 20 by default.
    pub other: u32,
}

impl Default for Weights {
    fn default() -> Self {
        Self { by_kind: BTreeMap::from([("webchat".into(), 25), ("email".into(), 10)]), other: 20 }
    }
}

impl Weights {
    /// The cost of one conversation on this kind of channel.
    #[must_use]
    pub fn of(&self, kind: &str) -> u32 {
        self.by_kind.get(kind).copied().unwrap_or(self.other)
    }

    /// The cost of the cheapest kind: who has not even that much room is busy.
    #[must_use]
    pub fn lightest(&self) -> u32 {
        self.by_kind.values().copied().fold(self.other, u32::min)
    }
}

/// What an admin decides about one queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueRules {
    /// Which of several fitting agents is asked.
    pub strategy: Strategy,
    /// For how long after its first enqueue a conversation ranks the agent who had it before above all others.
    pub sticky: Option<Duration>,
    /// How long an agent has to answer an offer; less than a second counts as one.
    pub offer_timeout: Duration,
    /// Whether an offer is accepted without asking.
    pub auto_accept: bool,
    /// What each priority is worth.
    pub credits: Credits,
}

impl Default for QueueRules {
    fn default() -> Self {
        Self {
            strategy: Strategy::default(),
            sticky: None,
            offer_timeout: Duration::from_secs(30),
            auto_accept: false,
            credits: Credits::default(),
        }
    }
}

/// Which of several fitting agents is asked. Ties go to the longest idle, then to the lowest id.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strategy {
    /// Who has been without a change of their work for longest: since coming online, the last offer or the last end.
    #[default]
    LongestIdle,
    /// Who has the smallest part of their capacity in use.
    LeastLoaded,
    /// Who has the highest sum of levels over the required skills.
    MostSkilled,
}

/// How urgent a conversation is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Can wait.
    Low,
    /// As most.
    #[default]
    Normal,
    /// Before most.
    High,
    /// Before all but the oldest.
    Urgent,
}

/// What a priority is worth, in seconds of waiting: it bounds how far one conversation can be overtaken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credits {
    /// −600 by default.
    pub low: i64,
    /// 0 by default.
    pub normal: i64,
    /// 900 by default.
    pub high: i64,
    /// 3,600 by default.
    pub urgent: i64,
}

impl Default for Credits {
    fn default() -> Self {
        Self { low: -600, normal: 0, high: 900, urgent: 3_600 }
    }
}

impl Credits {
    /// The seconds that a priority is worth.
    #[must_use]
    pub const fn of(&self, priority: Priority) -> i64 {
        match priority {
            Priority::Low => self.low,
            Priority::Normal => self.normal,
            Priority::High => self.high,
            Priority::Urgent => self.urgent,
        }
    }
}

/// A skill that an agent must have, and how that softens while nobody is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The skill's name.
    pub skill: String,
    /// The lowest level that will do, 1 to [`HIGHEST_LEVEL`]; 0 asks for nothing, more can be met by nobody.
    pub min: u8,
    /// Never relaxes, whatever the steps say.
    pub hard: bool,
    /// The steps, in any order; of those that are due the latest holds.
    pub relax: Vec<Relax>,
}

/// One step by which a requirement softens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relax {
    /// Counted from the first enqueue.
    pub after: Duration,
    /// The level that will do from then on; `None` drops the requirement.
    pub min: Option<u8>,
}

impl Requirement {
    /// The level that is asked for after this long in the queue, 0 where none is. A pure function of the wait.
    #[must_use]
    pub fn level_at(&self, wait: SignedDuration) -> u8 {
        self.steps()
            .filter(|step| SignedDuration::try_from(step.after).is_ok_and(|after| after <= wait))
            .max_by_key(|step| step.after)
            .map_or(self.min, |step| step.min.unwrap_or(0))
    }

    /// The moments at which the level changes, for a conversation first enqueued at `since`.
    pub(super) fn changes(&self, since: Timestamp) -> impl Iterator<Item = Timestamp> {
        self.steps().map(move |step| later(since, step.after))
    }

    fn steps(&self) -> impl Iterator<Item = &Relax> {
        self.relax.iter().filter(|_| !self.hard)
    }
}

/// That much after `at`, or the end of time.
pub(super) fn later(at: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| at.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requirement(hard: bool) -> Requirement {
        let step = |after, min| Relax { after: Duration::from_secs(after), min };
        Requirement { skill: "billing".into(), min: 4, hard, relax: vec![step(180, None), step(60, Some(2))] }
    }

    #[test]
    fn a_requirement_relaxes_by_its_steps_and_a_hard_one_never() {
        for (wait, soft) in [(-5, 4), (0, 4), (59, 4), (60, 2), (179, 2), (180, 0), (1_000_000, 0)] {
            let wait = SignedDuration::from_secs(wait);
            assert_eq!((requirement(false).level_at(wait), requirement(true).level_at(wait)), (soft, 4), "{wait}");
        }
        assert_eq!(requirement(true).changes(Timestamp::UNIX_EPOCH).count(), 0);
    }

    #[test]
    fn the_end_of_time_is_not_passed() {
        assert_eq!(later(Timestamp::UNIX_EPOCH, Duration::MAX), Timestamp::MAX);
    }

    #[test]
    fn weights_and_credits_have_the_documented_defaults() {
        let weights = Weights::default();
        assert_eq!(["webchat", "telegram", "email"].map(|kind| weights.of(kind)), [25, 20, 10]);
        assert_eq!(weights.lightest(), 10);
        let credits = [Priority::Low, Priority::Normal, Priority::High, Priority::Urgent];
        assert_eq!(credits.map(|priority| Credits::default().of(priority)), [-600, 0, 900, 3_600]);
    }
}
