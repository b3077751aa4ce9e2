//! The record: everything that Switchboard must not forget. A seam with one conformance suite
//! (`tests/it/conformance`) for every backend.
//!
//! The journal of a conversation is append-only and is the truth; each entry names the one before it. Rows of
//! conversations are what the journal says, written where lists need them. One [`Commit`] is one transaction.

mod amend;
pub mod attachments;
pub mod carry;
pub mod conversation;
pub mod customer;
pub mod dedup_key;
pub mod entry;
pub mod files;
mod handoff;
mod kept_signals;
pub mod measures;
pub mod outbox;
pub mod people;
pub mod postgres;
pub mod sqlite;
pub mod ticket;
mod written;

use std::{collections::BTreeMap, ops::Range, sync::Arc};

pub use amend::{AmendError, Amended, Draft, amend};
use async_trait::async_trait;
use contract::{
    AgentId, ConversationId, CustomerId, EntryId, Inbound, MessageId, OfferId, Outbound, OutboundId, Reached, Sender,
    Thread, Timestamp,
};
use conversation::{Conversation, Owner};
use customer::{Contact, Customer, CustomerChange, Identifier, IdentifierKind, Merge};
use entry::{DecisionRecord, Entry, Event, What};
use files::Files;
use measures::Measures;
use outbox::{DeadLetter, Delivery, DeliveryState, Leased, Ledger, Precedence, Redriven, Settled};
use people::{Agent, ApiToken, Session};
use ticket::{TicketNumber, Tickets};

use crate::{measure::Noted, models::Spent, routing::Trigger, understand::Signals};

/// Why the record could not be read or written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Somebody else changed the same thing first: read again and decide again.
    #[error("it was changed in the meantime")]
    Conflict,
    /// What was named does not exist.
    #[error("there is no such {0}")]
    Missing(&'static str),
    /// The record does not work now: disk full, disk gone, database gone.
    #[error("the record is unavailable: {0}")]
    Unavailable(Arc<str>),
    /// A value cannot be kept, or a stored one cannot be understood; only what needs it fails.
    #[error("a {what} cannot be kept or read: {reason}")]
    Corrupt {
        /// What was being written or read.
        what: &'static str,
        /// What is wrong with it.
        reason: Arc<str>,
    },
}

/// What a worker knows before it looks at a message.
#[derive(Debug, Clone)]
pub struct Recall {
    /// The latest conversation of the thread.
    pub conversation: Option<Arc<Conversation>>,
    /// The customer whom the sender's address belongs to, merges not followed: conversations are theirs, so that
    /// undoing a merge parts the conversations too.
    pub owner: Option<CustomerId>,
    /// The customer behind the sender's address, merges followed.
    pub customer: Option<Arc<Customer>>,
    /// What that customer is tied to; nothing for a stranger.
    pub ties: Arc<Ties>,
    /// The customers behind identifiers that the channel vouches for and that are not known to be of that customer,
    /// merges followed.
    pub identified: Vec<(IdentifierKind, Arc<Customer>)>,
    /// The customers whom a person parted from that customer: what they share does not make them one again.
    pub parted: Vec<CustomerId>,
}

/// What a customer is tied to, counted over everybody who was merged into them.
#[derive(Debug, Clone, Default)]
pub struct Ties {
    /// What is known to name them.
    pub identifiers: Vec<Identifier>,
    /// How many open conversations they have.
    pub open_conversations: u32,
    /// Conversations that they opened in the last 24 hours and 7 days.
    pub contacts: (u32, u32),
    /// Spaces of their addresses.
    pub spaces: Vec<String>,
}

/// One transaction on one conversation.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The state after it. Its `version` is the one that was read: the store raises it.
    pub conversation: Conversation,
    /// Whether lists or the desk see the difference, or something is due sooner; the row is written at once then, and
    /// whoever runs the desk and the alarms hears of it.
    pub structural: bool,
    /// The message whose turn this is. Committing it acknowledges it.
    pub turn: Option<Taken>,
    /// Appended to the journal in this order.
    pub entries: Arc<[Entry]>,
    /// What is in the outbox from now on: the replies among `entries`, by id, and the state that they start in.
    pub outbox: Vec<(OutboundId, DeliveryState)>,
    /// Changes to who is who.
    pub customers: Vec<CustomerChange>,
    /// What a browser may send twice and is done once.
    pub once: Option<Once>,
    /// By whose leave it is made, where only the holder of a lease may make it.
    pub fence: Option<Fence>,
    /// What it adds to the figures.
    pub noted: Arc<Noted>,
}

impl Commit {
    /// The channel by which one of the replies in it goes, where that is not the conversation's own.
    #[must_use]
    pub fn elsewhere(&self, reply: OutboundId) -> Option<&str> {
        let channel = self.reply(reply)?.channel.as_str();
        (channel != self.conversation.channel).then_some(channel)
    }

    fn reply(&self, id: OutboundId) -> Option<&Outbound> {
        self.entries.iter().find_map(|entry| match &entry.what {
            What::Reply { outbound, .. } if outbound.id == id => Some(&**outbound),
            _ => None,
        })
    }

    /// How urgent one of the replies in it is. A store keeps it, and raises what still stands before the reply in its
    /// conversation to it.
    #[must_use]
    pub fn precedence(&self, reply: OutboundId) -> Precedence {
        let by_time = self.entries.iter().any(|entry| matches!(entry.what, What::Fired { .. }));
        self.reply(reply).map_or(Precedence::Reply, |outbound| Precedence::of(outbound, by_time))
    }

    /// The ticket that the conversation is given in it. A store refuses a number that another conversation has.
    #[must_use]
    pub fn ticket(&self) -> Option<TicketNumber> {
        self.conversation.ticket.as_ref()?;
        self.entries.iter().find_map(|entry| match entry.what {
            What::Event { event: Event::TicketGiven { number } } => Some(number),
            _ => None,
        })
    }
}

/// A message that was taken off the queue.
#[derive(Debug, Clone)]
pub struct Taken {
    /// Its id.
    pub id: MessageId,
    /// What came.
    pub inbound: Arc<Inbound>,
}

/// A lease that must still be held when a commit is made, so that who was deposed can do no harm. Several processes may
/// share a record that has leases; the embedded one has a single process and refuses nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fence {
    /// Which lease.
    pub lease: &'static str,
    /// Its epoch: rises with every change of its holder.
    pub epoch: u64,
}

/// Something that an agent wrote, under an id of their browser's: the same pair commits only once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    /// Who wrote it.
    pub writer: AgentId,
    /// The browser's own id for it.
    pub client_id: String,
    /// The entry that it became.
    pub entry: EntryId,
}

/// What a commit did.
#[derive(Debug, Clone)]
pub enum Committed {
    /// It stands; this is the conversation now.
    Done(Arc<Conversation>),
    /// The turn, or what `once` names, had been committed before; nothing was changed.
    AlreadyDone,
}

/// Which conversations a list shows.
#[derive(Debug, Clone)]
pub enum ListOf {
    /// Owned by this agent.
    Mine(AgentId),
    /// Waiting in a queue.
    Queued,
    /// Every open one.
    Open,
    /// Closed ones.
    Closed,
}

/// Which end of the time is read first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The oldest first.
    Forward,
    /// The newest first.
    Backward,
}

/// A part of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Whether there are more behind the last one.
    pub more: bool,
}

/// An entry with what else is known of it: the message's content, the reply's delivery.
#[derive(Debug, Clone)]
pub struct FullEntry {
    /// Whose journal it is in.
    pub conversation: ConversationId,
    /// The entry.
    pub entry: Entry,
    /// The message, for customers' entries.
    pub inbound: Option<Arc<Inbound>>,
    /// How far it has come, for replies.
    pub delivery: Option<Delivery>,
}

/// A decision of the past and what it was made on: enough to make it again.
#[derive(Debug, Clone)]
pub struct PastDecision {
    /// The entry that it is kept in: that of the message, or of a second opinion on it.
    pub id: EntryId,
    /// When it was made.
    pub at: Timestamp,
    /// What brought it about.
    pub on: Trigger,
    /// For how long that had lasted, in seconds; 0 where nothing waited.
    pub after: u64,
    /// In which conversation.
    pub conversation: ConversationId,
    /// The message that it was made on.
    pub message: MessageId,
    /// What the customer did.
    pub inbound: Arc<Inbound>,
    /// What was understood of it.
    pub signals: Arc<Signals>,
    /// What was decided.
    pub decision: DecisionRecord,
}

impl PastDecision {
    /// What names it to people: the message, or the entry of what came later.
    #[must_use]
    pub fn name(&self) -> String {
        if EntryId::from(self.message) == self.id { self.message.to_string() } else { self.id.to_string() }
    }
}

/// How an offer ended, or that it has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfferRecord {
    /// Which offer.
    pub id: OfferId,
    /// Of which conversation.
    pub conversation: ConversationId,
    /// To whom.
    pub agent: AgentId,
    /// `pending`, `accepted`, `declined`, `expired`, `withdrawn`.
    pub state: &'static str,
    /// Since when.
    pub at: Timestamp,
}

/// Conversations, their journals and the outbox.
#[async_trait]
pub trait Journal: Send + Sync {
    /// What is known about a thread and a sender.
    async fn recall(&self, thread: &Thread, from: &Sender) -> Result<Recall, StoreError>;

    /// Commits; see [`Commit`]. A turn makes pending what was held in its conversation for the customer to write.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the conversation's version is not the one that was read, an address was linked to
    /// somebody else, or its ticket's number is another conversation's: nothing was changed.
    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError>;

    /// One conversation.
    async fn conversation(&self, id: ConversationId) -> Result<Option<Arc<Conversation>>, StoreError>;

    /// The latest conversation of a thread.
    async fn conversation_of(&self, thread: &Thread) -> Result<Option<Arc<Conversation>>, StoreError>;

    /// A list, newest first; `before` is the last conversation of the page before.
    async fn conversations(
        &self,
        list: ListOf,
        before: Option<ConversationId>,
        limit: usize,
    ) -> Result<Page<Arc<Conversation>>, StoreError>;

    /// All conversations that wait in a queue or are with an agent: what the desk starts from.
    async fn held(&self) -> Result<Vec<Arc<Conversation>>, StoreError>;

    /// Conversations that are open, or were closed since a moment, by rising id, behind the one named.
    async fn open_conversations(
        &self,
        after: Option<ConversationId>,
        closed_since: Option<Timestamp>,
        limit: usize,
    ) -> Result<Vec<Arc<Conversation>>, StoreError>;

    /// The conversations of some customers, newest first.
    async fn conversations_of(
        &self,
        customers: &[CustomerId],
        limit: usize,
    ) -> Result<Vec<Arc<Conversation>>, StoreError>;

    /// The last `limit` entries before `before` (or the very last), oldest first, going on into the conversations
    /// that the same thread had before when `thread` is set.
    async fn entries(
        &self,
        conversation: ConversationId,
        before: Option<EntryId>,
        limit: usize,
        thread: bool,
    ) -> Result<Page<FullEntry>, StoreError>;

    /// One entry.
    async fn entry(&self, id: EntryId) -> Result<Option<FullEntry>, StoreError>;

    /// The decisions whose entries have ids in `ids`, at most `limit`. What no rule looked at has none, nor has a
    /// message that is not kept any more.
    async fn decisions(
        &self,
        ids: Range<EntryId>,
        order: Direction,
        limit: usize,
    ) -> Result<Page<PastDecision>, StoreError>;

    /// The entry that something written once became; see [`Commit::once`].
    async fn entry_once(&self, writer: AgentId, client_id: &str) -> Result<Option<EntryId>, StoreError>;

    /// Notes how an offer stands.
    async fn record_offers(&self, offers: Vec<OfferRecord>) -> Result<(), StoreError>;

    /// Declined and expired offers since a moment: who cools down from what.
    async fn declined_since(&self, since: Timestamp) -> Result<Vec<OfferRecord>, StoreError>;

    /// Adds how often rules acted in the hour that begins at `hour`. What is older than a hundred days is forgotten.
    async fn add_rule_hits(&self, hour: Timestamp, hits: Vec<(Arc<str>, u64)>) -> Result<(), StoreError>;

    /// How often each rule acted in the hours that began at `since` or later, by name.
    async fn rule_hits(&self, since: Timestamp) -> Result<BTreeMap<String, u64>, StoreError>;

    /// Adds to what models were asked in the day that begins at `day`, takes back what was added too much, and answers what it
    /// comes to. No two daemons read the same before: what is added first is a reservation.
    async fn spend_on_models(&self, day: Timestamp, more: Spent, less: Spent) -> Result<Spent, StoreError>;

    /// Keeps the text of a rule set under its hash, so that decisions can be explained and replayed.
    async fn keep_rule_set(&self, hash: &str, files: &str) -> Result<(), StoreError>;

    /// The text of a rule set.
    async fn rule_set(&self, hash: &str) -> Result<Option<String>, StoreError>;
}

/// The outbox and dead letters.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// After a start: `sending` rows of a channel become `pending` (`resend`) or `unknown`; `held` ones `pending`.
    /// Where several daemons send, only those that nobody is sending any more.
    async fn recover(&self, channel: &str, resend: bool) -> Result<(), StoreError>;

    /// From time to time, where several daemons send: what one that is no more was sending becomes `pending` (`resend`)
    /// or `unknown`. How many that were.
    async fn reclaim(&self, channel: &str, resend: bool) -> Result<u64, StoreError> {
        let _ = (channel, resend);
        Ok(0)
    }

    /// Leases up to `limit` due messages of a channel: at most one of each conversation, its oldest. The most urgent go
    /// first, but so many as `for_bulk` says are of [`Precedence::Bulk`] where there are as many due.
    async fn lease(
        &self,
        channel: &str,
        now: Timestamp,
        limit: usize,
        for_bulk: usize,
    ) -> Result<Vec<Leased>, StoreError>;

    /// Leases the oldest message that is held for its channel, to find out whether the channel works again; `None` where
    /// there is none.
    async fn probe(&self, channel: &str) -> Result<Option<Leased>, StoreError>;

    /// Makes everything pending that is held for a channel.
    async fn release(&self, channel: &str) -> Result<(), StoreError>;

    /// When the next message of a channel that waits for a retry is due.
    async fn next_due(&self, channel: &str) -> Result<Option<Timestamp>, StoreError>;

    /// Notes how sending went.
    async fn settle(&self, settled: Vec<Settled>) -> Result<(), StoreError>;

    /// Notes a platform's receipt. A receipt that says less than what is known changes nothing; `None` then.
    async fn reached(&self, id: OutboundId, reached: Reached)
    -> Result<Option<(ConversationId, Delivery)>, StoreError>;

    /// Notes that a platform gave a message back, which is final; `None` where that was known.
    async fn bounced(&self, id: OutboundId, reason: &str) -> Result<Option<(ConversationId, Delivery)>, StoreError>;

    /// A file that a platform delivered and that is no message: its name, and its bytes as they came.
    ///
    /// # Errors
    /// [`StoreError::Missing`] where there is none of that id.
    async fn unread_file(&self, id: &str) -> Result<(String, Vec<u8>), StoreError>;

    /// Makes a failed, unknown or held message pending again.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] in any other state.
    async fn resend(&self, id: OutboundId) -> Result<String, StoreError>;

    /// What was given up and not redriven, newest first.
    async fn dead(&self, limit: usize) -> Result<Vec<DeadLetter>, StoreError>;

    /// Processes or sends a dead letter again. Its id is that of a message or of an outbound.
    ///
    /// # Errors
    /// [`StoreError::Missing`] where there is none of that id.
    async fn redrive(&self, id: &str) -> Result<Redriven, StoreError> {
        if let Ok(outbound) = id.parse::<OutboundId>() {
            self.resend(outbound).await.map_err(|error| match error {
                StoreError::Conflict => StoreError::Missing("dead letter"),
                error => error,
            })?;
            return Ok(Redriven::Outbound(outbound));
        }
        let id = id.parse().map_err(|_| StoreError::Missing("dead letter"))?;
        self.redrive_turn(id).await.map(Redriven::Turn)
    }

    /// Has a message that was given up processed again, and answers under which id.
    ///
    /// # Errors
    /// [`StoreError::Missing`] where there is no such dead letter.
    async fn redrive_turn(&self, id: MessageId) -> Result<MessageId, StoreError>;

    /// The account of every message, counted from the rows themselves.
    async fn ledger(&self) -> Result<Ledger, StoreError>;
}

/// Customers.
#[async_trait]
pub trait Customers: Send + Sync {
    /// Whether somebody has this email or phone, whether or not a channel vouched for it.
    async fn is_somebodys(&self, kind: IdentifierKind, value: &str) -> Result<bool, StoreError>;

    /// What was noted under a name, to count what may be done only so often; see [`crate::identity::allow`].
    async fn tally(&self, name: &str) -> Result<Option<String>, StoreError>;

    /// Notes something in place of what was noted before. Whether that could be done: `false` where something else was noted
    /// meanwhile.
    async fn put_tally(&self, name: &str, was: Option<&str>, now: &str) -> Result<bool, StoreError>;

    /// Everything about the person behind a customer id, merges followed both ways.
    async fn contact(&self, id: CustomerId) -> Result<Option<Contact>, StoreError>;

    /// Customers whose name, email, phone or handle starts with `text`.
    async fn search(&self, text: &str, limit: usize) -> Result<Vec<Contact>, StoreError>;

    /// Writes a known customer's own row, in place of what it was when the change was decided.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it is something else by now: read again, decide again.
    async fn put_customer(&self, was: &Customer, now: Customer) -> Result<(), StoreError>;

    /// Undoes a merge and tells which it was.
    ///
    /// # Errors
    /// [`StoreError::Missing`] for a merge that is not there or is undone already.
    async fn unmerge(&self, merge: &str, now: Timestamp) -> Result<Merge, StoreError>;
}

/// Agents, sessions and tokens.
#[async_trait]
pub trait People: Send + Sync {
    /// Everybody, by name.
    async fn agents(&self) -> Result<Vec<Agent>, StoreError>;

    /// Adds or changes somebody.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the login is somebody else's.
    async fn put_agent(&self, agent: Agent) -> Result<(), StoreError>;

    /// Notes what an agent wants to be: `online`, `away` or `offline`.
    async fn put_presence(&self, agent: AgentId, presence: &'static str) -> Result<(), StoreError>;

    /// What each agent wanted to be when they last said so.
    async fn presences(&self) -> Result<Vec<(AgentId, String)>, StoreError>;

    /// Notes a login.
    async fn put_session(&self, session: Session) -> Result<(), StoreError>;

    /// The session of a token.
    async fn session(&self, token_hash: [u8; 32], now: Timestamp) -> Result<Option<Session>, StoreError>;

    /// Ends one session, or all of an agent's.
    async fn end_sessions(&self, token_hash: Option<[u8; 32]>, agent: AgentId) -> Result<(), StoreError>;

    /// All tokens.
    async fn tokens(&self) -> Result<Vec<ApiToken>, StoreError>;

    /// Adds a token; its `id` is given by the store and returned.
    async fn put_token(&self, token: ApiToken) -> Result<i64, StoreError>;

    /// Removes a token.
    async fn end_token(&self, id: i64) -> Result<(), StoreError>;
}

/// The record as a whole.
pub trait Store: Journal + Outbox + Customers + People + Files + Tickets + Measures {}

impl<T: Journal + Outbox + Customers + People + Files + Tickets + Measures> Store for T {}

impl Conversation {
    /// Whether a person is wanted or at work.
    #[must_use]
    pub fn is_held(&self) -> bool {
        matches!(self.owner, Owner::Queue | Owner::Agent)
    }
}
