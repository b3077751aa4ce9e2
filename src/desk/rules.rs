//! What an admin decides about queues, and how a requirement relaxes with time.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use contract::Timestamp;
use jiff::SignedDuration;

use crate::routing::Calendar;
pub use crate::routing::{HIGHEST_LEVEL, Priority, PriorityCredits, Relax, SkillNeed, Strategy};

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
    pub credits: PriorityCredits,
    /// Outside of these hours nothing is offered. `None`: always open.
    pub hours: Option<Arc<Calendar>>,
    /// For how long after the end of a conversation its agent keeps its weight, to finish up.
    pub wrap_up: Duration,
}

impl QueueRules {
    /// Whether conversations are offered at a moment.
    pub(super) fn is_open(&self, now: Timestamp) -> bool {
        self.hours.as_ref().is_none_or(|hours| hours.open_at(now))
    }
}

impl Default for QueueRules {
    fn default() -> Self {
        Self {
            strategy: Strategy::default(),
            sticky: None,
            offer_timeout: Duration::from_secs(30),
            auto_accept: false,
            credits: PriorityCredits::default(),
            hours: None,
            wrap_up: Duration::ZERO,
        }
    }
}

impl SkillNeed {
    /// The level that is asked for after this long in the queue, 0 where none is. A pure function of the wait.
    #[must_use]
    pub fn level_at(&self, wait: SignedDuration) -> u8 {
        self.steps()
            .filter(|step| i64::try_from(step.after).is_ok_and(|after| after <= wait.as_secs()))
            .max_by_key(|step| step.after)
            .map_or(self.min, |step| step.min.unwrap_or(0))
    }

    /// The moments at which the level changes, for a conversation first enqueued at `since`.
    pub(super) fn changes(&self, since: Timestamp) -> impl Iterator<Item = Timestamp> {
        self.steps().map(move |step| later(since, Duration::from_secs(step.after)))
    }

    fn steps(&self) -> impl Iterator<Item = &Relax> {
        self.relax.iter().filter(|_| !self.hard)
    }
}

/// That much after `at`, or the end of time.
pub(crate) fn later(at: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| at.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requirement(hard: bool) -> SkillNeed {
        let step = |after, min| Relax { after, min };
        SkillNeed { skill: "billing".into(), min: 4, hard, relax: vec![step(180, None), step(60, Some(2))] }
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
        assert_eq!(credits.map(|priority| PriorityCredits::default().of(priority)), [-600, 0, 900, 3_600]);
    }
}
