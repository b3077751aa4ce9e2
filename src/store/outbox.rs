//! Outbound messages on their way, and what cannot be processed or delivered.
//!
//! ```text
//!   pending ──lease──► sending ──receipt──► sent ──► delivered ──► read
//!      ▲                 │ │ └── refused ──► failed
//!      └──── retry ──────┘ └── no answer, crash ──► unknown ──resend──► pending
//!   held: the channel cannot send, or the customer wrote too long ago; becomes pending when it can be sent.
//! ```
//!
//! What is held for its channel is tried again one by one, and goes as a whole once one of them went; a start tries it at
//! once. What is held for its customer becomes pending in the very transaction that commits the customer's next turn.
//!
//! A crash leaves `sending` rows. At the next start they become `pending` again where the receiver drops doubles by
//! id, and `unknown` elsewhere: the platform may or may not have taken the message, and a person decides.

use std::fmt;

use contract::{Author, ConversationId, Fate, MessageId, Outbound, OutboundId, Timestamp};
use serde::{Deserialize, Serialize};

/// How far an outbound message has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Committed, not yet handed over.
    Pending = 0,
    /// Being handed over.
    Sending = 1,
    /// The platform took it.
    Sent = 2,
    /// It is on the customer's device.
    Delivered = 3,
    /// The customer saw it.
    Read = 4,
    /// It will never be delivered; a dead letter.
    Failed = 5,
    /// The platform may or may not have taken it.
    Unknown = 6,
    /// Waits for what [`HeldFor`] says.
    Held = 7,
}

impl DeliveryState {
    /// Every state, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Sending,
        Self::Sent,
        Self::Delivered,
        Self::Read,
        Self::Failed,
        Self::Unknown,
        Self::Held,
    ];

    /// The state of this number, as rows keep it.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        usize::try_from(number).ok().and_then(|n| Self::ALL.get(n).copied())
    }

    /// Whether the platform took it.
    #[must_use]
    pub const fn is_taken(self) -> bool {
        matches!(self, Self::Sent | Self::Delivered | Self::Read)
    }

    /// Whether a person may have it sent again.
    #[must_use]
    pub const fn can_be_resent(self) -> bool {
        matches!(self, Self::Failed | Self::Unknown | Self::Held)
    }
}

/// What a held message waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HeldFor {
    /// That its channel works again, or is configured at all.
    Channel = 0,
    /// That the customer writes: the platform only takes what comes soon after that.
    Customer = 1,
}

impl HeldFor {
    /// What this number means, as rows keep it.
    #[must_use]
    pub const fn from_number(number: i64) -> Self {
        if number == Self::Customer as i64 { Self::Customer } else { Self::Channel }
    }
}

/// The delivery of one outbound message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Delivery {
    /// How far it has come.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// What the last failure was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What it waits for, where it is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_for: Option<HeldFor>,
}

impl Delivery {
    /// One that was not tried yet.
    #[must_use]
    pub const fn first(state: DeliveryState) -> Self {
        let held_for = if matches!(state, DeliveryState::Held) { Some(HeldFor::Channel) } else { None };
        Self { state, attempts: 0, error: None, held_for }
    }

    /// One that waits, and why in words.
    #[must_use]
    pub const fn held(held_for: HeldFor, attempts: u32, why: String) -> Self {
        Self { state: DeliveryState::Held, attempts, error: Some(why), held_for: Some(held_for) }
    }
}

/// What goes first where a channel has more to send than it may: who waits for an answer before who is only told
/// something. Within a conversation the order stays, so what stands before a more urgent message becomes as urgent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Precedence {
    /// A person of the company wrote it.
    Agent = 0,
    /// It answers what the customer wrote.
    Reply = 1,
    /// No message of the customer brought it about. Never starves: see [`BulkShare`](crate::share::BulkShare).
    Bulk = 2,
}

impl Precedence {
    /// Each, the most urgent first.
    pub const ALL: [Self; 3] = [Self::Agent, Self::Reply, Self::Bulk];

    /// The one of this number, as rows keep it.
    #[must_use]
    pub const fn from_number(number: i64) -> Self {
        match number {
            0 => Self::Agent,
            2 => Self::Bulk,
            _ => Self::Reply,
        }
    }

    /// That of a message; `by_time` where rules ran because of the time alone.
    #[must_use]
    pub const fn of(outbound: &Outbound, by_time: bool) -> Self {
        match outbound.author {
            Author::Agent { .. } => Self::Agent,
            // Somebody waits for it elsewhere.
            Author::Bot | Author::System if outbound.body.challenge.is_some() => Self::Reply,
            Author::Bot | Author::System if by_time || outbound.in_reply_to.is_none() => Self::Bulk,
            Author::Bot | Author::System => Self::Reply,
        }
    }
}

/// A message leased for sending: nobody else sends it until it is settled.
#[derive(Debug, Clone)]
pub struct Leased {
    /// The message.
    pub outbound: Outbound,
    /// How often it was tried before.
    pub attempts: u32,
    /// By what it was chosen.
    pub precedence: Precedence,
}

/// How sending a leased message went.
#[derive(Debug, Clone)]
pub struct Settled {
    /// Which one.
    pub id: OutboundId,
    /// Its conversation, for those who watch it.
    pub conversation: ConversationId,
    /// Where it stands now.
    pub delivery: Delivery,
    /// The platform's id for it.
    pub external_id: Option<String>,
    /// When to try again, for [`DeliveryState::Pending`].
    pub next_at: Timestamp,
}

impl DeliveryState {
    /// The state that a failed send leads to.
    #[must_use]
    pub const fn after_failure(fate: Fate) -> Self {
        match fate {
            Fate::Retry(_) => Self::Pending,
            Fate::GiveUp => Self::Failed,
            Fate::Suspend => Self::Held,
            Fate::Unknown => Self::Unknown,
        }
    }
}

/// What could not be processed or delivered.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct DeadLetter {
    /// The message or outbound id, or `raw_…` for what cannot be read.
    pub id: String,
    /// When it was given up.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// Whether its turn failed or its delivery.
    pub kind: DeadKind,
    /// Why.
    pub reason: String,
    /// The channel.
    pub channel: String,
    /// The first characters of it.
    pub text: String,
}

/// What failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeadKind {
    /// The turn of an inbound message.
    Turn,
    /// The delivery of an outbound message.
    Outbound,
    /// Something that a platform delivered and that cannot be read as a message.
    Unread,
}

/// The account of every message: what came in and what became of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Ledger {
    /// Inbound messages that were acknowledged to a platform.
    pub accepted: u64,
    /// Those whose turn is committed.
    pub decided: u64,
    /// Those that wait for their turn.
    pub waiting: u64,
    /// Those that were given up, with a reason.
    pub dead: u64,
    /// Those that somebody had processed again.
    pub redriven: u64,
    /// Outbound messages by state, in the order of [`DeliveryState::ALL`].
    pub outbound: [u64; 8],
    /// What does not add up, in words. Empty, or there is a defect.
    pub findings: Vec<String>,
    /// What could not be counted, and why, in words: it is missing above.
    pub uncounted: Vec<String>,
}

impl Ledger {
    /// With what waits beside the record, in a broker: how many, or why nobody knows.
    #[must_use]
    pub fn with_waiting(mut self, beside_record: Result<u64, impl fmt::Display>) -> Self {
        match beside_record {
            Ok(waiting) => {
                self.accepted += waiting;
                self.waiting += waiting;
            }
            Err(why) => self.uncounted.push(format!("what waits in the broker: {why}")),
        }
        self
    }
}

/// A redriven dead letter's new id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redriven {
    /// The message was accepted again under this id.
    Turn(MessageId),
    /// The outbound is pending again.
    Outbound(OutboundId),
}
