//! The desk at a glance: what lists, rules and widgets show of it. A snapshot, a fraction of a second old.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use contract::{AgentId, ConversationId, Timestamp};
use jiff::SignedDuration;

use super::{Desk, Presence, QueueStatus};
use crate::routing::QueueFacts;

/// The desk at one moment.
#[derive(Debug, Clone, Default)]
pub struct Board {
    /// The queues, as rules see them.
    pub queues: Arc<BTreeMap<String, QueueFacts>>,
    /// Where each waiting conversation stands, 1 being next.
    pub positions: HashMap<ConversationId, u32>,
    /// What each agent is now, and units of work that they hold.
    pub agents: HashMap<AgentId, (Presence, u32)>,
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
        board.agents = desk.agents().map(|agent| (agent.profile.id, (agent.presence, agent.load))).collect();
        board
    }

    /// What an agent is now, and what they hold.
    #[must_use]
    pub fn agent(&self, id: AgentId) -> (Presence, u32) {
        self.agents.get(&id).copied().unwrap_or_default()
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
