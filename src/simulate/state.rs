//! What a run knows of each conversation and each agent, by their numbers from 0.

use contract::{AgentId, ConversationId, OfferId, Timestamp};

use crate::{
    alarms::Due,
    desk::Offer,
    routing::{Facts, Priority, SlaClock},
    store::conversation::Conversation as Record,
    understand::Mood,
};

/// Something that people do. Agents and conversations are named by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    ShiftBegins(usize),
    ShiftEnds(usize),
    /// An agent whom the desk set away is back.
    Returns(usize),
    /// A customer writes to the bot again.
    AsksAgain(usize),
    GivesUp(usize),
    /// Something may be due in a conversation that waits.
    Rings(usize),
    Answers {
        conversation: usize,
        offer: OfferId,
        accepts: bool,
    },
    /// An agent is done with a conversation.
    Ends(usize),
}

/// One conversation.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    pub dealt_with: DealtWith,
    /// What rules see of it while it is with the bot.
    pub bot: Option<Box<(Facts, Mood)>>,
    /// Messages to the bot so far.
    pub asked: u64,
    pub queued: Option<Queued>,
    /// What it is out on.
    pub offer: Option<Offer>,
    /// Offers so far.
    pub offered: u64,
}

/// Who dealt with a conversation so far.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum DealtWith {
    #[default]
    Nobody,
    Bot,
    Rule,
    People,
}

/// A conversation that was handed to people.
#[derive(Debug)]
pub(super) struct Queued {
    /// As the daemon would have it.
    pub record: Record,
    /// What rules see of it, where any wait.
    pub facts: Option<Box<Facts>>,
    /// What was due last and led to nothing.
    pub checked: Option<Due>,
    /// What was promised and is decided, and whether it was kept.
    pub promises: Vec<(SlaClock, bool)>,
    /// Where it was handed to first.
    pub queue: String,
    /// How urgent it was then.
    pub priority: Priority,
    pub at: Timestamp,
    /// When it was taken and by whom, or given up.
    pub left: Option<(Timestamp, Option<usize>)>,
    /// When its agent was done with it.
    pub ended: Option<Timestamp>,
}

/// One agent.
#[derive(Debug)]
pub(super) struct AgentAtWork {
    /// The number of their group.
    pub group: usize,
    pub name: String,
    pub on_shift: bool,
    /// Conversations that they have now.
    pub holds: u64,
    pub accepted: u64,
    pub set_away: u64,
    /// Milliseconds.
    pub at_work: u64,
    /// Milliseconds.
    pub busy: u64,
    /// Units times milliseconds.
    pub loaded: u64,
}

impl AgentAtWork {
    pub fn new(group: usize, name: String) -> Self {
        Self { group, name, on_shift: false, holds: 0, accepted: 0, set_away: 0, at_work: 0, busy: 0, loaded: 0 }
    }
}

/// Ids are numbers from 1, so that whoever came first has the lower one.
pub(super) fn conversation_id(number: usize) -> ConversationId {
    (number as u64 + 1).into()
}

pub(super) fn conversation_number(id: ConversationId) -> usize {
    usize::try_from(id.get() - 1).unwrap_or(usize::MAX)
}

pub(super) fn agent_id(number: usize) -> AgentId {
    (number as u64 + 1).into()
}

pub(super) fn agent_number(id: AgentId) -> usize {
    usize::try_from(id.get() - 1).unwrap_or(usize::MAX)
}
