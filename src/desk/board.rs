//! The desk at a glance: what lists, rules and widgets show of it. A snapshot, a fraction of a second old.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use contract::{AgentId, ConversationId, Timestamp};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{AgentState, Desk, Presence, QueueStatus};
use crate::routing::QueueFacts;

/// The desk at one moment.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Board {
    /// The queues, as rules see them.
    pub queues: Arc<BTreeMap<String, QueueFacts>>,
    /// Where each waiting conversation stands, 1 being next.
    pub positions: HashMap<ConversationId, u32>,
    /// The agents.
    pub agents: HashMap<AgentId, AtDesk>,
}

/// An agent at the desk, in brief.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtDesk {
    /// What they are now.
    pub presence: Presence,
    /// Units of capacity in use.
    pub load: u32,
    /// How many conversations take of it: held, offered, or being finished up.
    pub conversations: u32,
    /// How many closed conversations they still finish up.
    pub finishing_up: u32,
}

impl Board {
    /// The desk as it is at `now`.
    #[must_use]
    pub fn of(desk: &Desk, now: Timestamp) -> Self {
        let mut board = Self::default();
        let mut queues = BTreeMap::new();
        for queue in desk.queues() {
            queues.insert(queue.to_owned(), desk.queue_status(queue, now).into());
            let waiting = desk.waiting(queue, now).map(|waits| waits.waiting.conversation);
            board.positions.extend(waiting.zip(1_u32..));
        }
        board.queues = queues.into();
        board.agents = desk.agents().map(|agent| (agent.profile.id, AtDesk::of(agent))).collect();
        for agent in desk.finishing_up() {
            board.agents.entry(agent).or_default().finishing_up += 1;
        }
        board
    }

    /// One agent at the desk.
    #[must_use]
    pub fn of_one(desk: &Desk, id: AgentId) -> AtDesk {
        let finishing_up = desk.finishing_up().filter(|agent| *agent == id).count();
        let finishing_up = u32::try_from(finishing_up).unwrap_or(u32::MAX);
        AtDesk { finishing_up, ..desk.agent(id).map(AtDesk::of).unwrap_or_default() }
    }

    /// What waits, the next of each queue first.
    #[must_use]
    pub fn in_order(&self) -> Vec<ConversationId> {
        let mut waiting: Vec<_> = self.positions.iter().map(|(id, position)| (*position, *id)).collect();
        waiting.sort_unstable();
        waiting.into_iter().map(|(_, id)| id).collect()
    }

    /// What an agent is now, and what they hold.
    #[must_use]
    pub fn agent(&self, id: AgentId) -> AtDesk {
        self.agents.get(&id).copied().unwrap_or_default()
    }
}

impl AtDesk {
    fn of(agent: &AgentState) -> Self {
        let conversations = u32::try_from(agent.conversations().count()).unwrap_or(u32::MAX);
        Self { presence: agent.presence, load: agent.load, conversations, finishing_up: 0 }
    }
}

/// A queue as rules see it.
impl From<QueueStatus> for QueueFacts {
    fn from(status: QueueStatus) -> Self {
        Self {
            waiting: status.waiting.into(),
            longest_wait: (status.waiting > 0).then(|| signed(status.longest_wait)),
            agents_online: status.agents_online.into(),
            agents_free: status.agents_free.into(),
            estimated_wait: status.estimated_wait.map(signed),
        }
    }
}

fn signed(duration: std::time::Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}
