//! What a queue promised a conversation, and when that is due: pure, from the conversation and the rules in force.

use std::time::Duration;

use contract::Timestamp;

use crate::{
    desk::later,
    routing::{RuleSet, Sla, SlaBoost, SlaClock, SlaFacts},
    store::conversation::{Conversation, Owner},
};

/// A promise that is not kept yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promise {
    /// What is promised.
    pub clock: SlaClock,
    /// From when its time counts.
    pub since: Timestamp,
    /// When the share of its time is gone that counts as a risk.
    pub at_risk: Timestamp,
    /// When it is broken.
    pub due: Timestamp,
    /// What it is worth then.
    pub boost: SlaBoost,
}

/// The promises to a conversation that waits or is with an agent, in no order. One whose calendar does not open for a
/// year is none.
pub fn promises<'a>(conversation: &'a Conversation, rules: &'a RuleSet) -> impl Iterator<Item = Promise> + 'a {
    let is_held = matches!(conversation.owner, Owner::Queue | Owner::Agent);
    let handoff = conversation.handoff.as_ref().filter(|_| is_held);
    let promised = handoff.and_then(|handoff| Some((handoff, &rules.queues().get(&handoff.queue)?.sla)));
    promised.into_iter().flat_map(move |(handoff, sla)| {
        sla.clocks().filter_map(move |(clock, seconds)| {
            let since = match clock {
                SlaClock::FirstReply => (!handoff.replied).then_some(handoff.at)?,
                SlaClock::NextReply => handoff.unanswered.filter(|_| handoff.replied)?,
                SlaClock::Resolution => handoff.at,
            };
            let at_risk = after(rules, sla, since, seconds * u64::from(sla.risk) / 100)?;
            let due = after(rules, sla, since, seconds)?;
            Some(Promise { clock, since, at_risk, due, boost: sla.boost })
        })
    })
}

fn after(rules: &RuleSet, sla: &Sla, since: Timestamp, seconds: u64) -> Option<Timestamp> {
    match &sla.calendar {
        Some(name) => rules.calendar(name)?.after(since, seconds),
        None => Some(later(since, Duration::from_secs(seconds))),
    }
}

/// What rules see of the promise that is due next.
#[must_use]
pub fn facts(conversation: &Conversation, rules: &RuleSet, now: Timestamp) -> SlaFacts {
    promises(conversation, rules).min_by_key(|promise| promise.due).map_or_else(SlaFacts::default, |next| SlaFacts {
        clock: Some(next.clock),
        left: Some(next.due.duration_since(now)),
    })
}
