//! What the desk is told, and what it answers.

use std::collections::{BTreeMap, BTreeSet};

use contract::{AgentId, ConversationId, OfferId, Timestamp};
use serde::{Deserialize, Serialize};

use super::rules::{DeskRules, Priority, SkillNeed};

/// Whether an agent can be asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Takes offers.
    Online,
    /// At a console, taking none.
    Away,
    /// At no console.
    #[default]
    Offline,
}

/// What an agent can do, as the record has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentProfile {
    /// Who.
    pub id: AgentId,
    /// Levels by skill, 1 to 5; a level outside counts as the nearest one, 0 as none.
    pub skills: BTreeMap<String, u8>,
    /// Which queues they serve.
    pub queues: Membership,
    /// Units of work that they can hold at once. Lowering it takes nothing away; it only stops new offers.
    pub capacity: u32,
    /// The most conversations at once by kind of channel; a kind that is not named has no cap.
    pub caps: BTreeMap<String, u32>,
    /// An inactive agent gets nothing, whatever their presence.
    pub active: bool,
}

impl AgentProfile {
    /// An active agent of the usual capacity, without skills, who serves every queue.
    #[must_use]
    pub fn new(id: AgentId) -> Self {
        Self {
            id,
            skills: BTreeMap::new(),
            queues: Membership::Every,
            capacity: 100,
            caps: BTreeMap::new(),
            active: true,
        }
    }

    /// An agent of whom only the id is known.
    pub(super) fn unknown(id: AgentId) -> Self {
        Self { active: false, capacity: 0, queues: Membership::Only(BTreeSet::new()), ..Self::new(id) }
    }
}

/// Which queues an agent serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Membership {
    /// All, also ones to come.
    Every,
    /// Those of these names.
    Only(BTreeSet<String>),
}

impl Membership {
    /// Whether the agent serves this queue.
    #[must_use]
    pub fn includes(&self, queue: &str) -> bool {
        match self {
            Self::Every => true,
            Self::Only(names) => names.contains(queue),
        }
    }
}

/// A conversation that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Which.
    pub conversation: ConversationId,
    /// Its epoch under the queue's ownership; the agent who takes it has the next one.
    pub epoch: u32,
    /// The queue's name.
    pub queue: String,
    /// How urgent.
    pub priority: Priority,
    /// What the agent must be able to do; of several for one skill all hold.
    pub requirements: Vec<SkillNeed>,
    /// When it entered a queue for the first time: returns never reset it.
    pub enqueued_at: Timestamp,
    /// The kind of channel, which decides its weight.
    pub kind: String,
    /// The agent who had it last.
    pub previous_agent: Option<AgentId>,
    /// For whom it is kept, whatever their skills and queues, until they do not want it.
    pub reserved: Option<Reserved>,
    /// What promises in danger are worth from when on, by rising moments; the last one that has come counts.
    pub boosts: Vec<Boost>,
}

/// A conversation is kept for one agent for a while; everybody else is asked afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reserved {
    /// For whom.
    pub agent: AgentId,
    /// Until when.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub until: Timestamp,
}

/// Seconds of waiting that a conversation is worth more from a moment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boost {
    /// From when.
    pub at: Timestamp,
    /// How much.
    pub seconds: u32,
}

impl Waiting {
    /// A conversation that waits at its first epoch in a queue, of usual priority, asking for nothing.
    #[must_use]
    pub fn new(conversation: ConversationId, queue: &str, kind: &str, enqueued_at: Timestamp) -> Self {
        Self {
            conversation,
            epoch: 1,
            queue: queue.to_owned(),
            priority: Priority::Normal,
            requirements: Vec::new(),
            enqueued_at,
            kind: kind.to_owned(),
            previous_agent: None,
            reserved: None,
            boosts: Vec::new(),
        }
    }

    /// What promises in danger are worth at a moment, in seconds.
    pub(super) fn boost(&self, now: Timestamp) -> i64 {
        self.boosts.iter().rev().find(|boost| boost.at <= now).map_or(0, |boost| i64::from(boost.seconds))
    }
}

/// A conversation held for one agent until they answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Its id.
    pub id: OfferId,
    /// Which conversation.
    pub conversation: ConversationId,
    /// The conversation's epoch, which the answer must carry.
    pub epoch: u32,
    /// The queue that it waits in.
    pub queue: String,
    /// Who is asked.
    pub agent: AgentId,
    /// What put this agent first.
    pub chosen: Chosen,
    /// When it was made.
    pub made_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// What put an agent first among those who fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chosen {
    /// It is kept for them.
    Reserved,
    /// They had the conversation before, and the queue is sticky.
    PreviousAgent,
    /// Idle for longest.
    LongestIdle {
        /// Since when.
        since: Timestamp,
    },
    /// Least loaded.
    LeastLoaded {
        /// How much of their capacity was in use, in millionths.
        share: u32,
    },
    /// Most skilled.
    MostSkilled {
        /// Their levels in the required skills, summed.
        levels: u32,
    },
}

/// How an offer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The agent took it.
    Accepted,
    /// The agent did not want it.
    Declined,
    /// The agent did not answer.
    Expired,
    /// The desk took it back.
    Withdrawn(Withdrawal),
}

/// Why the desk took an offer back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Withdrawal {
    /// The conversation no longer waits: closed, back to the bot, or taken by somebody.
    LeftQueue,
    /// The conversation waits for something else now: another queue, epoch, kind, or skills that the agent lacks.
    Changed,
    /// The agent is not online any more.
    AgentNotOnline,
    /// The agent's skills or queues do not fit any more.
    AgentUnfit,
}

/// Something that happened, told to the desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// An agent is new or changed. Their presence and what they hold stay.
    AgentChanged(AgentProfile),
    /// An agent is gone. Their offers are withdrawn; what they hold stays theirs until it leaves them.
    AgentRemoved(AgentId),
    /// An agent came, went, or paused. Who is not online loses their pending offers, without a cool-down.
    Presence {
        /// Who.
        agent: AgentId,
        /// What they are now.
        presence: Presence,
    },
    /// A conversation waits, or waits for something else than before. From an agent it returns by this too. The
    /// earliest known `enqueued_at` holds. A pending offer stands if its agent still fits and queue, epoch and kind
    /// are the same.
    Enqueue(Waiting),
    /// A conversation neither waits nor is held by an agent any more: closed, or back to the bot. Its agent finishes up
    /// for as long as its queue says.
    Leave(ConversationId),
    /// An agent has finished up.
    Ready(AgentId),
    /// A conversation belongs to an agent, by the record (at start) or by somebody's order. A fact: never refused,
    /// even above their capacity.
    Hold {
        /// Which.
        conversation: ConversationId,
        /// Who has it.
        agent: AgentId,
        /// The queue that it came from.
        queue: Option<String>,
        /// The kind of channel.
        kind: String,
        /// Its epoch under this agent.
        epoch: u32,
    },
    /// An agent takes what they were offered. Repeating it gives the same [`Effect::Assigned`].
    Accept {
        /// The offer.
        offer: OfferId,
        /// Who answers.
        agent: AgentId,
        /// The offer's epoch.
        epoch: u32,
    },
    /// An agent does not want what they were offered.
    Decline {
        /// The offer.
        offer: OfferId,
        /// Who answers.
        agent: AgentId,
        /// The offer's epoch.
        epoch: u32,
    },
    /// Other rules hold. Offers that are out keep their deadline; what agents hold keeps its weight.
    Rules(DeskRules),
    /// Time has passed: [`Desk::next_deadline`](super::Desk::next_deadline) is due.
    Tick,
}

/// Something that the desk decided, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// An agent is asked.
    Offered(Offer),
    /// An offer is over.
    OfferEnded {
        /// The offer as it was made.
        offer: Offer,
        /// How it ended.
        outcome: Outcome,
    },
    /// A conversation is an agent's.
    Assigned(Assignment),
    /// An agent let too many offers expire and is away now.
    WentAway(AgentId),
    /// The input changed nothing, and why.
    Refused(Refusal),
}

/// A conversation is an agent's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Which.
    pub conversation: ConversationId,
    /// Whose.
    pub agent: AgentId,
    /// The offer that they accepted; `None` in a queue that accepts by itself.
    pub offer: Option<OfferId>,
    /// The epoch under this agent: one above the offer's.
    pub epoch: u32,
    /// Whether this only answers a repeated accept.
    pub again: bool,
}

/// Why an input changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The offer has ended or never was.
    #[error("offer {offer} is over; the conversation may have been offered to somebody else")]
    OfferGone {
        /// The offer named.
        offer: OfferId,
        /// Who answered.
        agent: AgentId,
    },
    /// The offer was made to somebody else.
    #[error("offer {offer} was not made to {agent}")]
    NotYours {
        /// The offer named.
        offer: OfferId,
        /// Who answered.
        agent: AgentId,
    },
    /// The answer names another epoch than the offer.
    #[error("offer {offer} is of epoch {epoch}; read it again and answer with that")]
    WrongEpoch {
        /// The offer named.
        offer: OfferId,
        /// Who answered.
        agent: AgentId,
        /// The offer's epoch.
        epoch: u32,
    },
    /// The conversation has moved on since.
    #[error("conversation {conversation} is at epoch {epoch} already")]
    Stale {
        /// The conversation named.
        conversation: ConversationId,
        /// The epoch that the desk knows.
        epoch: u32,
    },
}
