//! Looking at the desk: what the console shows, what rules see of queues, and why an agent was not asked.

use std::time::Duration;

use contract::{AgentId, ConversationId, Timestamp};

use super::{
    event::{Offer, Presence, Reserved, Waiting},
    lines::{Key, Order},
    matcher::{Desk, Held, Place, queue_rules},
    rules::{Priority, PriorityCredits, SkillNeed},
    state::AgentState,
};

/// A queue at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueStatus {
    /// Conversations that it owns, those out on an offer included.
    pub waiting: u32,
    /// How long the oldest has waited since its first enqueue.
    pub longest_wait: Duration,
    /// Members who are online.
    pub agents_online: u32,
    /// Those of them who have room for at least the lightest kind of conversation.
    pub agents_free: u32,
    /// How long one who came now would wait, at the pace of the last assignments; `None` while fewer than two are
    /// known.
    pub estimated_wait: Option<Duration>,
}

/// A conversation in a queue.
#[derive(Debug, Clone, Copy)]
pub struct InQueue<'a> {
    /// What waits.
    pub waiting: &'a Waiting,
    /// Seconds of waiting, and its priority's credit.
    pub score: f64,
    /// The offer that it is out on.
    pub offer: Option<&'a Offer>,
}

/// Why an agent has not been asked: everything that stands in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhyNot {
    /// The conversation is in no queue.
    NotWaiting {
        /// The agent who holds it, if one does.
        held_by: Option<AgentId>,
    },
    /// It is out on an offer to this very agent.
    Offered(Offer),
    /// The agent could be asked, and somebody was ranked higher.
    OfferedTo(Offer),
    /// The agent cannot be asked.
    Hindered(Vec<Hindrance>),
}

/// One thing that keeps an agent from being asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hindrance {
    /// The desk does not know the agent.
    Unknown,
    /// The agent's account is not active.
    Inactive,
    /// Away or offline.
    NotOnline(Presence),
    /// Does not serve this queue.
    NotMember {
        /// The queue.
        queue: String,
    },
    /// A skill is missing or too low.
    Skill {
        /// The skill.
        skill: String,
        /// The level asked for now.
        needs: u8,
        /// The agent's level, 0 for none.
        has: u8,
    },
    /// No capacity for its weight.
    Capacity {
        /// Units in use.
        load: u32,
        /// Units in all.
        capacity: u32,
        /// Units that it costs.
        weight: u32,
    },
    /// Enough conversations of that kind.
    Cap {
        /// The kind of channel.
        kind: String,
        /// The most at once.
        cap: u32,
    },
    /// It is kept for somebody else.
    Reserved {
        /// For whom.
        agent: AgentId,
        /// Until when.
        until: Timestamp,
    },
    /// Its queue is closed.
    Closed {
        /// Until when, if it opens within a year.
        until: Option<Timestamp>,
    },
    /// Declined it or let it expire a short while ago.
    CoolingDown {
        /// Until when.
        until: Timestamp,
    },
}

impl Desk {
    /// How many are to be served up to this one, 1 being next; `None` for one that is in no queue. One that is out on
    /// an offer keeps its position until it is accepted.
    #[must_use]
    pub fn position(&self, conversation: ConversationId) -> Option<u32> {
        let place = self.places.get(&conversation)?;
        let before = self.orders.get(&place.queue)?.before(place.key);
        u32::try_from(before + 1).ok()
    }

    /// Where one that joins a queue at `now` would stand, 1 being next.
    #[must_use]
    pub fn position_of_next(&self, queue: &str, priority: Priority, now: Timestamp) -> u32 {
        let now = self.now.max(now);
        let credit =
            self.rules.queues.get(queue).map_or_else(PriorityCredits::default, |queue| queue.credits).of(priority);
        let last = Key::new(ConversationId::from(u64::MAX), now, credit);
        let order = self.index.queues.get(queue).and_then(|queue| self.orders.get(&queue));
        order.and_then(|order| u32::try_from(order.before(last)).ok()).map_or(1, |before| before + 1)
    }

    /// A queue at `now`. A name that nobody has used is an empty queue.
    #[must_use]
    pub fn queue_status(&self, name: &str, now: Timestamp) -> QueueStatus {
        let now = self.now.max(now);
        let Some(queue) = self.index.queues.get(name) else { return QueueStatus::default() };
        let order = self.orders.get(&queue);
        let waiting = order.map_or(0, |order| u32::try_from(order.len()).unwrap_or(u32::MAX));
        let (agents_online, agents_free) = self.index.members_online(queue);
        QueueStatus {
            waiting,
            longest_wait: order.and_then(Order::oldest).map_or(Duration::ZERO, |oldest| since(oldest, now)),
            agents_online,
            agents_free,
            estimated_wait: self.estimated_wait(queue, waiting, agents_free, now),
        }
    }

    /// The names of the queues that rules or conversations have named, in order.
    pub fn queues(&self) -> impl Iterator<Item = &str> {
        let mut names: Vec<&str> = self.rules.queues.keys().map(String::as_str).collect();
        names.extend(self.places.values().map(|place| place.waiting.queue.as_str()));
        names.sort_unstable();
        names.dedup();
        names.into_iter()
    }

    /// What is in a queue, next first.
    pub fn waiting(&self, queue: &str, now: Timestamp) -> impl Iterator<Item = InQueue<'_>> {
        let now = self.now.max(now);
        let order = self.index.queues.get(queue).and_then(|queue| self.orders.get(&queue));
        order.into_iter().flat_map(Order::iter).filter_map(move |key| {
            let place = self.places.get(&key.conversation)?;
            let offer = place.offer.and_then(|offer| self.offers.get(&offer));
            Some(InQueue { waiting: &place.waiting, score: key.score(now), offer })
        })
    }

    /// An agent, if the desk knows them.
    #[must_use]
    pub fn agent(&self, agent: AgentId) -> Option<&AgentState> {
        self.agents.get(&agent).map(Box::as_ref)
    }

    /// All agents, by id.
    pub fn agents(&self) -> impl Iterator<Item = &AgentState> {
        self.agents.values().map(Box::as_ref)
    }

    /// An agent's pending offers, oldest first.
    pub fn offers_of(&self, agent: AgentId) -> impl Iterator<Item = &Offer> {
        self.agents.get(&agent).into_iter().flat_map(|state| &state.offers).filter_map(|offer| self.offers.get(offer))
    }

    /// Who finishes up closed conversations: an agent once for each.
    pub fn finishing_up(&self) -> impl Iterator<Item = AgentId> {
        self.wrapping.values().map(|(agent, _)| *agent)
    }

    /// The offer that a conversation is out on.
    #[must_use]
    pub fn offer_of(&self, conversation: ConversationId) -> Option<&Offer> {
        self.places.get(&conversation)?.offer.and_then(|offer| self.offers.get(&offer))
    }

    /// Why this agent has not been asked about this conversation, as of `now`.
    #[must_use]
    pub fn why_not(&self, agent: AgentId, conversation: ConversationId, now: Timestamp) -> WhyNot {
        let Some(place) = self.places.get(&conversation) else {
            return WhyNot::NotWaiting { held_by: self.held.get(&conversation).map(|&Held { agent, .. }| agent) };
        };
        let offer = place.offer.and_then(|offer| self.offers.get(&offer));
        if let Some(offer) = offer.filter(|offer| offer.agent == agent) {
            return WhyNot::Offered(offer.clone());
        }
        let hindrances = self.hindrances(agent, place, self.now.max(now));
        match offer {
            Some(offer) if hindrances.is_empty() => WhyNot::OfferedTo(offer.clone()),
            _ => WhyNot::Hindered(hindrances),
        }
    }

    pub(super) fn hindrances(&self, agent: AgentId, place: &Place, now: Timestamp) -> Vec<Hindrance> {
        let Some(state) = self.agents.get(&agent) else { return vec![Hindrance::Unknown] };
        let Waiting { queue, kind, enqueued_at, requirements, .. } = &place.waiting;
        let mut found = Vec::new();
        if !state.profile.active {
            found.push(Hindrance::Inactive);
        }
        if state.presence != Presence::Online {
            found.push(Hindrance::NotOnline(state.presence));
        }
        let kept_for = place.kept_for(now);
        if let (Some(kept_for), Some(Reserved { until, .. })) = (kept_for, place.waiting.reserved)
            && kept_for != agent
        {
            found.push(Hindrance::Reserved { agent: kept_for, until });
        }
        let rules = queue_rules(&self.rules, queue);
        if kept_for.is_none() && !rules.is_open(now) {
            let until = rules.hours.as_ref().and_then(|hours| hours.opens_from(now));
            found.push(Hindrance::Closed { until });
        }
        if kept_for.is_none() && !state.profile.queues.includes(queue) {
            found.push(Hindrance::NotMember { queue: queue.clone() });
        }
        let wait = now.duration_since(*enqueued_at);
        for SkillNeed { skill, .. } in requirements.iter().filter(|_| kept_for.is_none()) {
            // Several requirements for one skill all hold: the highest is what is missing.
            let same = requirements.iter().filter(|other| other.skill == *skill);
            let needs = same.map(|other| other.level_at(wait)).max().unwrap_or(0);
            let has = state.profile.skills.get(skill).copied().unwrap_or(0).min(super::HIGHEST_LEVEL);
            let hindrance = Hindrance::Skill { skill: skill.clone(), needs, has };
            if has < needs && !found.contains(&hindrance) {
                found.push(hindrance);
            }
        }
        let (weight, capacity) = (self.rules.weights.of(kind), state.profile.capacity);
        if state.load.saturating_add(weight) > capacity {
            found.push(Hindrance::Capacity { load: state.load, capacity, weight });
        }
        if let Some(&cap) = state.profile.caps.get(kind).filter(|&&cap| state.of_kind(place.kind) >= cap) {
            found.push(Hindrance::Cap { kind: kind.clone(), cap });
        }
        if let Some(&until) = place.cooling.get(&agent).filter(|&&until| now < until) {
            found.push(Hindrance::CoolingDown { until });
        }
        found
    }

    fn estimated_wait(&self, queue: u32, waiting: u32, free: u32, now: Timestamp) -> Option<Duration> {
        if waiting == 0 && free > 0 {
            return Some(Duration::ZERO);
        }
        let pace = self.paces.get(&queue).filter(|pace| pace.len() > 1)?;
        let each = since(*pace.front()?, now) / u32::try_from(pace.len()).ok()?;
        each.checked_mul(waiting.checked_add(1)?)
    }
}

fn since(then: Timestamp, now: Timestamp) -> Duration {
    now.duration_since(then).try_into().unwrap_or(Duration::ZERO)
}
