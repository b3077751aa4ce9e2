//! What a rule set means to the desk: the daemon and the simulation make theirs of the same words.

use std::{collections::BTreeMap, time::Duration};

use contract::AgentId;

use super::{AgentProfile, DeskRules, Membership, QueueRules};
use crate::routing::{QueueSpec, RuleSet, WhenClosed};

/// A person as the company knows them: what an agent's profile is made of.
#[derive(Debug, Clone, Copy)]
pub struct Person<'a> {
    /// Who.
    pub id: AgentId,
    /// Levels by skill, 1 to 5.
    pub skills: &'a BTreeMap<String, u8>,
    /// Languages that they speak, BCP-47; each counts as the skill `lang-…` at level 5.
    pub languages: &'a [String],
    /// The queues that their account names.
    pub queues: &'a [String],
    /// How much they can hold, in units.
    pub capacity: u32,
    /// The most conversations at once, by kind of channel.
    pub caps: &'a BTreeMap<String, u32>,
    /// Whether they may be offered work.
    pub active: bool,
}

/// What a person is to the desk under these rules: with their languages as skills, and in the queues whose members
/// they are.
#[must_use]
pub fn profile(person: &Person<'_>, rules: &RuleSet) -> AgentProfile {
    let skills = rules.levels(person.skills, person.languages);
    let queues = rules.queues().values().filter(|queue| queue.is_served_by(&skills, person.queues));
    AgentProfile {
        queues: Membership::Only(queues.map(|queue| queue.name.clone()).collect()),
        capacity: person.capacity,
        caps: person.caps.clone(),
        active: person.active,
        skills,
        ..AgentProfile::new(person.id)
    }
}

/// What the desk goes by under these rules.
#[must_use]
pub fn desk_rules(rules: &RuleSet) -> DeskRules {
    let queue_rules = |queue: &QueueSpec| QueueRules {
        strategy: queue.strategy,
        sticky: queue.sticky.map(Duration::from_secs),
        offer_timeout: Duration::from_secs(queue.offer_timeout),
        auto_accept: queue.auto_accept,
        credits: queue.priority_credits,
        hours: queue
            .hours
            .as_ref()
            .filter(|hours| matches!(hours.closed, WhenClosed::Hold | WhenClosed::Ticket))
            .and_then(|hours| rules.calendar(&hours.calendar).cloned()),
        wrap_up: Duration::from_secs(queue.wrap_up),
    };
    DeskRules {
        queues: rules.queues().iter().map(|(name, queue)| (name.clone(), queue_rules(queue))).collect(),
        ..DeskRules::default()
    }
}
