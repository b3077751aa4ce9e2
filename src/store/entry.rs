//! The journal of a conversation: what was said and what happened, append-only.

use std::{collections::BTreeMap, sync::Arc};

use contract::{AgentId, Author, Body, EntryId, MessageId, Outbound, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, value::RawValue};

use super::{conversation::Priority, ticket::TicketNumber};
use crate::{
    bot::Citation,
    models::Account,
    routing::{self, Trigger},
    understand::Signals,
};

/// Who said or did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EntryAuthor {
    /// The customer.
    Customer,
    /// The bot.
    Bot,
    /// A person of the company.
    Agent {
        /// Which one.
        id: AgentId,
        /// The name that customers see.
        name: String,
    },
    /// Switchboard itself.
    System,
}

impl From<&EntryAuthor> for Author {
    fn from(author: &EntryAuthor) -> Self {
        match author {
            EntryAuthor::Agent { name, .. } => Self::Agent { name: name.clone() },
            EntryAuthor::Bot => Self::Bot,
            EntryAuthor::Customer | EntryAuthor::System => Self::System,
        }
    }
}

/// One thing in a conversation.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its id: that of the message for a customer's message, that of the outbound for a reply.
    pub id: EntryId,
    /// When it was committed.
    pub at: Timestamp,
    /// Who said or did it.
    pub author: EntryAuthor,
    /// What.
    pub what: What,
}

/// What was said or happened.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The customer did something; its content is the inbound message of the same id.
    Message(Box<TurnRecord>),
    /// A message of before means something else than was understood at its turn, by a second opinion that came later.
    Refined {
        /// Which message.
        of: MessageId,
        /// What it means now, and what was decided on that.
        record: Box<TurnRecord>,
    },
    /// Rules ran because of the time alone.
    Fired {
        /// Which rules.
        on: Trigger,
        /// For how long it had lasted, in seconds.
        after: u64,
        /// The customer's last message, which the rules saw.
        of: MessageId,
        /// What that message means, and what was decided.
        record: Box<TurnRecord>,
    },
    /// Something on its way to the customer; how far it has come is in the outbox under the same id.
    Reply {
        /// The message, complete.
        outbound: Box<Outbound>,
        /// Where a bot's answer was taken from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        citation: Option<Citation>,
        /// Where else, where a model took it from several places.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        also: Vec<Citation>,
    },
    /// For the company only.
    Note {
        /// What it says.
        body: Body,
    },
    /// Something happened.
    Event {
        /// What.
        event: Event,
    },
}

/// What was understood of a message and decided on it: enough to explain it later, and to replay it under other rules.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TurnRecord {
    /// What the classifier said.
    #[serde(with = "super::kept_signals")]
    pub signals: Arc<Signals>,
    /// The decision; `None` where an agent owned the conversation and no rule looked at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionRecord>,
}

/// A decision as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DecisionRecord {
    /// The hash of the rule set.
    pub rule_set: String,
    /// The rule that decided, or else the last that acted; empty where none did.
    pub rule: String,
    /// Where to, in a word or two: `answer`, `handoff care`, `close`, `ignore`, `agent`.
    pub destination: String,
    /// Tags that it added.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The action that was under way and heard the message, so that the destination was not carried out; empty where none did.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub heard: String,
    /// The facts that the rules saw, without those of the message: they follow from it and from its signals.
    pub facts: Box<RawValue>,
}

impl DecisionRecord {
    /// Whether the bot was to answer and could not.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        self.heard.is_empty() && routing::is_unanswered(&self.destination)
    }
}

/// Something that happened to a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it: who did it, and which one")]
pub enum Event {
    Opened,
    Related {
        conversation: contract::ConversationId,
    },
    Reopened,
    Closed {
        by: String,
    },
    ReturnedToBot {
        by: String,
    },
    Queued {
        queue: String,
        reason: String,
        priority: Priority,
        rule: Option<String>,
    },
    Accepted {
        agent: String,
    },
    Declined {
        agent: String,
    },
    Expired {
        agent: String,
    },
    TakenBack {
        agent: String,
    },
    QueueClosed {
        queue: String,
    },
    Escalated {
        after: u64,
        queue: Option<String>,
        priority: Option<Priority>,
    },
    Transferred {
        by: String,
        queue: String,
        agent: Option<String>,
    },
    TakenOver {
        by: String,
        agent: String,
    },
    Tagged {
        add: Vec<String>,
        remove: Vec<String>,
        by: String,
    },
    ActionBegun {
        action: String,
    },
    /// `millis`: how long it took, with all its tries; not known of calls before that was kept.
    ActionCalled {
        action: String,
        outcome: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        millis: Option<u32>,
    },
    ActionEnded {
        action: String,
        how: String,
        /// What was known by then.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        inputs: BTreeMap<String, Json>,
    },
    /// An agent has an action carried out.
    AgentActs {
        action: String,
        by: String,
        inputs: BTreeMap<String, Json>,
        /// Whether they say that they checked by themselves who the customer is.
        checked: bool,
    },
    /// What came of that.
    AgentActed(Box<Acted>),
    VerificationAsked {
        by: String,
        to: String,
    },
    VerificationPassed {
        by: String,
        to: String,
    },
    VerificationFailed {
        how: String,
        to: String,
    },
    TicketGiven {
        number: TicketNumber,
    },
    ModelThought(Account),
    /// An agent had a model summarise the conversation.
    Summarised(Box<Summarised>),
    Merged {
        from: contract::CustomerId,
        into: contract::CustomerId,
        by: String,
    },
    Unmerged {
        from: contract::CustomerId,
        into: contract::CustomerId,
        by: String,
    },
    SatisfactionAsked {
        template: String,
    },
    /// `rating` is 1 to 5; `instead` is the one that it replaces; `comment` may be empty.
    Rated {
        rating: u8,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        instead: Option<u8>,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        comment: String,
    },
    /// The message before it is what the customer has to say about the rating.
    Commented,
}

/// What a model summarised for an agent, or why it did not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summarised {
    /// What the agent is called.
    pub by: String,
    /// The language that they read.
    pub language: String,
    /// A few sentences; empty where nothing came of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// What asking came to: `of` is the last entry that was there, `how` is `summarised`, or why not.
    #[serde(flatten)]
    pub account: Account,
}

/// What came of an action that an agent had carried out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Acted {
    /// The action.
    pub action: String,
    /// What the agent is called.
    pub by: String,
    /// HTTP's status, or a word for why there is none.
    pub outcome: String,
    /// As in [`Event::ActionEnded`]; `asked_again` where something else has to be given.
    pub how: String,
    /// What is declared to be taken out of the answer, in the agent's language.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub outputs: serde_json::Map<String, Json>,
    /// What the bot would have told the customer, in their language.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub told: String,
}
