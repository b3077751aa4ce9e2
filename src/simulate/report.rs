//! What a simulated day came to.

use std::collections::BTreeMap;

use contract::Timestamp;
use jiff::SignedDuration;
use serde::{Serialize, Serializer};

use crate::routing::{Priority, SlaClock};

/// What became of a day of work under one rule set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The hash of the rule set.
    pub rules: String,
    /// Conversations that began: each is answered by the bot, ended by a rule, unanswered, or queued.
    pub arrived: u64,
    /// The bot had the answer.
    pub answered_by_bot: u64,
    /// A rule closed or ignored them.
    pub ended_by_rule: u64,
    /// The bot had no answer and nobody was asked, up to the end.
    pub unanswered: u64,
    /// What was handed to people.
    #[serde(flatten)]
    pub all: Service,
    /// By the queue that it was handed to.
    pub queues: BTreeMap<String, QueueReport>,
    /// By the priority that it was handed over with.
    pub priorities: BTreeMap<Priority, Service>,
    /// What agents were asked.
    pub offers: Offers,
    /// The longest queue of all.
    pub longest_queue: Option<Longest>,
    /// Everybody who worked, in the order of the scenario.
    pub agents: Vec<AgentReport>,
}

/// How conversations that were handed to people fared: `queued` is the sum of `accepted`, `given_up` and `waiting`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Service {
    /// Handed to a queue.
    pub queued: u64,
    /// Taken by an agent.
    pub accepted: u64,
    /// The customer left before, or a rule closed it.
    pub given_up: u64,
    /// Still waiting at the end.
    pub waiting: u64,
    /// How long they waited, each until it was taken or left, or until the end.
    pub wait: Option<Waits>,
    /// Taken within the target.
    pub within_target: u64,
    /// Waited longer than the target, whatever became of them.
    pub breaches: u64,
    /// What `sla` of their queues promised.
    pub promises: BTreeMap<SlaClock, Promises>,
}

/// Promises of one kind that are decided: a first reply by whoever took the conversation, an end by the end of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Promises {
    /// Done in time.
    pub kept: u64,
    /// Done late, or not by the time it was due.
    pub broken: u64,
}

/// Waits by rank: the least one that so many hundredths do not exceed. JSON: seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Waits {
    /// Of 50 in a hundred.
    #[serde(serialize_with = "seconds")]
    pub p50: SignedDuration,
    /// Of 80 in a hundred.
    #[serde(serialize_with = "seconds")]
    pub p80: SignedDuration,
    /// Of 95 in a hundred.
    #[serde(serialize_with = "seconds")]
    pub p95: SignedDuration,
    /// The longest.
    #[serde(serialize_with = "seconds")]
    pub max: SignedDuration,
}

/// One queue's day.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct QueueReport {
    /// How its conversations fared.
    #[serde(flatten)]
    pub service: Service,
    /// When it was longest.
    pub longest: Option<Longest>,
    /// What its conversations took of the capacity of its members while these worked, 0 to 1; `None`: nobody worked.
    #[serde(serialize_with = "share")]
    pub utilisation: Option<f64>,
}

/// A queue at its longest.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Longest {
    /// Which.
    pub queue: String,
    /// How many waited, those out on an offer included.
    pub waiting: u32,
    /// Since when.
    pub at: Timestamp,
}

/// What agents were asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Offers {
    /// Offers in all.
    pub made: u64,
    /// Taken.
    pub accepted: u64,
    /// Not wanted.
    pub declined: u64,
    /// Not answered.
    pub expired: u64,
    /// Taken back: the customer or the agent had left.
    pub withdrawn: u64,
}

/// One agent's day.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgentReport {
    /// Who: their group, and a number where it has several.
    pub name: String,
    /// The group of the scenario.
    pub group: String,
    /// How long they were online, away, or finishing after their shift. JSON: seconds.
    #[serde(serialize_with = "seconds")]
    pub at_work: SignedDuration,
    /// For what share of that they held or were offered something, 0 to 1; `None`: they never worked.
    #[serde(serialize_with = "share")]
    pub busy: Option<f64>,
    /// How much of their capacity was in use on average, 0 to 1.
    #[serde(serialize_with = "share")]
    pub load: Option<f64>,
    /// Conversations that they took.
    pub accepted: u64,
    /// How often the desk set them away, because they did not answer.
    pub set_away: u64,
}

impl Service {
    /// How `waits` fared, each with whether it was accepted (`Some(true)`), given up, or still lasts (`None`).
    pub(super) fn of(waits: impl Iterator<Item = (SignedDuration, Option<bool>)>, target: SignedDuration) -> Self {
        let mut service = Self::default();
        let mut all = Vec::new();
        for (wait, accepted) in waits {
            all.push(wait);
            service.queued += 1;
            match accepted {
                Some(true) => service.accepted += 1,
                Some(false) => service.given_up += 1,
                None => service.waiting += 1,
            }
            service.breaches += u64::from(wait > target);
            service.within_target += u64::from(accepted == Some(true) && wait <= target);
        }
        service.wait = Waits::of(all);
        service
    }

    /// The service level: what share was taken within the target. Who gave up before it, and who at the end has not
    /// waited that long, is not counted. 0 to 1; `None` where nobody is.
    #[must_use]
    pub fn level(&self) -> Option<f64> {
        ratio(self.within_target, self.within_target + self.breaches)
    }
}

impl Waits {
    fn of(mut waits: Vec<SignedDuration>) -> Option<Self> {
        waits.sort_unstable();
        let rank = |hundredths: usize| waits.get((waits.len() * hundredths).div_ceil(100).saturating_sub(1)).copied();
        Some(Self { p50: rank(50)?, p80: rank(80)?, p95: rank(95)?, max: rank(100)? })
    }
}

/// One part of a whole; `None` of nothing.
#[expect(clippy::cast_precision_loss, reason = "for people to read")]
pub(super) fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn seconds<S: Serializer>(duration: &SignedDuration, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_f64((duration.as_secs_f64() * 10.0).round() / 10.0)
}

fn share<S: Serializer>(share: &Option<f64>, out: S) -> Result<S::Ok, S::Error> {
    share.map(|share| (share * 1e4).round() / 1e4).serialize(out)
}
