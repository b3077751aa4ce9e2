//! How a conversation was handed to a queue: data, so that the agent, the desk and `why` all read the same.

use contract::{EntryId, Timestamp};
use serde::{Deserialize, Serialize};

pub use crate::desk::Reserved;
use crate::routing::{Escalation, Priority, SkillNeed, is_default};

/// How a conversation was handed to a queue, and what became of it since.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Handoff {
    /// The queue.
    pub queue: String,
    /// Why, in the words of the rule.
    pub reason: String,
    /// What the agent should know before reading on.
    pub summary: String,
    /// The rule that decided it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The entry that it was decided in: of the message, of a second opinion on it, or of an alarm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_in: Option<EntryId>,
    /// How urgent.
    pub priority: Priority,
    /// What an agent must be able to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skills: Vec<SkillNeed>,
    /// When it first entered a queue: declines, returns and transfers never reset it.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub at: Timestamp,
    /// What happens when it waits long.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escalate: Vec<Escalation>,
    /// How many steps of that have been taken.
    #[serde(default, skip_serializing_if = "is_default")]
    pub escalated: usize,
    /// Whether an agent has replied since.
    #[serde(default, skip_serializing_if = "is_default")]
    pub replied: bool,
    /// Since when its agent owes the customer the first word.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::timestamp::microsecond::optional"
    )]
    pub taken_at: Option<Timestamp>,
    /// Since when a message of the customer waits for an agent's reply.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::timestamp::microsecond::optional"
    )]
    pub unanswered: Option<Timestamp>,
    /// Whether the agent who had it last gave it away or lost it: they are not asked first then.
    #[serde(default, skip_serializing_if = "is_default")]
    pub released: bool,
    /// For whom it is kept, after a transfer to one agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved: Option<Reserved>,
}

impl Handoff {
    /// A handoff at a moment, of usual priority, without skills, summary or escalation.
    #[must_use]
    pub fn new(queue: &str, reason: &str, at: Timestamp) -> Self {
        Self {
            queue: queue.to_owned(),
            reason: reason.to_owned(),
            summary: String::new(),
            rule: None,
            decided_in: None,
            priority: Priority::Normal,
            skills: Vec::new(),
            at,
            escalate: Vec::new(),
            escalated: 0,
            replied: false,
            taken_at: None,
            unanswered: None,
            released: false,
            reserved: None,
        }
    }
}
