//! Whether the desk keeps what it promises, found by looking at every agent and conversation instead of at its indices.

use contract::Timestamp;

use super::{
    event::Offer,
    matcher::{Desk, Place},
    state::AgentState,
};

/// How many needs are looked at.
const NEEDS_MOST: usize = 50;

/// What holds at a moment. Each of the first four is 0 unless the desk has a defect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Audit {
    /// Conversations, the first of each need, that wait although somebody could be asked.
    pub unmatched: usize,
    /// Conversations that a queue and an agent have at once.
    pub two_owners: usize,
    /// Agents whose load is not what their conversations weigh.
    pub wrong_loads: usize,
    /// Offers that their conversation or their agent does not know.
    pub stray_offers: usize,
    /// Offers that are out.
    pub offers: usize,
    /// Agents above their capacity: it was lowered, or they were given something by order.
    pub above_capacity: usize,
}

impl Desk {
    /// Looks at everything, as of `now`.
    #[must_use]
    pub fn audit(&self, now: Timestamp) -> Audit {
        let now = self.now.max(now);
        let heads = self
            .lines
            .heads()
            .take(NEEDS_MOST)
            .filter_map(|(_, key)| self.places.get(&key.conversation).map(Box::as_ref));
        let could_ask = |place: &&Place| self.agents.keys().any(|&agent| self.hindrances(agent, place, now).is_empty());
        let is_stray = |offer: &&Offer| {
            let by_agent = self.agents.get(&offer.agent).is_some_and(|agent| agent.offers.contains(&offer.id));
            let by_place = self.places.get(&offer.conversation).is_some_and(|place| place.offer == Some(offer.id));
            !(by_agent && by_place)
        };
        let agents =
            |is_so: fn(&AgentState) -> bool| self.agents.values().map(Box::as_ref).filter(|agent| is_so(agent)).count();
        Audit {
            unmatched: heads.filter(could_ask).count(),
            two_owners: self.held.keys().filter(|id| self.places.contains_key(id)).count(),
            wrong_loads: agents(|agent| agent.load != agent.weight_of_all()),
            stray_offers: self.offers.values().filter(is_stray).count(),
            offers: self.offers.len(),
            above_capacity: agents(|agent| agent.load > agent.profile.capacity),
        }
    }
}
