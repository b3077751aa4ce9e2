//! A conversation and its state machine.
//!
//! ```text
//!            handoff              accept
//!   Bot ───────────────► Queue ───────────► Agent
//!    ▲ ▲                   │  ▲               │ │
//!    │ └──── return ───────┴──┼─── return ────┘ │ close
//!    │                        └──── requeue ────┤
//!    │  the customer writes again soon          ▼
//!    └─────────────────────────────────────── Closed
//! ```
//!
//! Every change of owner raises the epoch. Whatever was computed under an older epoch (a bot's reply, an accepted
//! offer) is refused, so bot and human never talk over each other. A crash leaves a conversation in the state of its
//! last commit: a pending offer is forgotten and made again, everything else stands.

use std::collections::{BTreeMap, BTreeSet};

use contract::{Address, AgentId, ConversationId, CustomerId, EntryId, MessageId, Thread, Timestamp, truncate_chars};
use serde::{Deserialize, Serialize};

pub use super::handoff::{Handoff, Reserved};
pub use super::ticket::{Ticket, TicketNumber};
use super::{customer::Verified, entry::EntryAuthor};
use crate::actions::{Dialogue, Planned, Step};
use crate::assist::AgentAct;
use crate::measure::Measured;
use crate::models::{Asked, Spent};
use crate::routing::{self, Escalation, SlaClock, is_default};
pub use crate::routing::{Priority, SkillNeed};
use crate::satisfaction::Satisfaction;
pub use crate::understand::Mood;

/// Who speaks for the company now.
pub use contract::ThreadOwner as Owner;

/// A stretch of time in which something may become due, by what it counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spell {
    /// Since the first enqueue, in a queue.
    Waiting,
    /// Since somebody last said something, with the bot or an agent.
    Idle,
    /// Since it was closed.
    Closed,
    /// Until an agent's first reply.
    FirstReply,
    /// Until an agent's reply to a later message.
    NextReply,
    /// Until the end.
    Resolution,
}

impl From<SlaClock> for Spell {
    fn from(clock: SlaClock) -> Self {
        match clock {
            SlaClock::FirstReply => Self::FirstReply,
            SlaClock::NextReply => Self::NextReply,
            SlaClock::Resolution => Self::Resolution,
        }
    }
}

/// How far the rules of a spell have acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fired {
    /// When the spell began; what is noted of an earlier one says nothing of this.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub since: Timestamp,
    /// The latest threshold, in seconds.
    pub up_to: u64,
}

/// The last thing said, for lists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LastSaid {
    /// When.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub at: Timestamp,
    /// By whom.
    pub author: EntryAuthor,
    /// The first characters of it.
    pub text: String,
}

/// One thread of messages with one customer on one channel. Every commit writes all of it, so what says nothing is left
/// out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    /// Its id.
    pub id: ConversationId,
    /// The name of the configured channel.
    pub channel: String,
    /// The kind of channel.
    pub kind: String,
    /// The thread's key on the platform.
    pub thread: String,
    /// Where the customer is answered.
    pub address: Address,
    /// The customer whom the address belongs to; readers follow merges.
    pub customer: CustomerId,
    /// What the customer is called, as of the last message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_name: Option<String>,
    /// That it is proven who the customer is, and how long that holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<Verified>,
    /// Who speaks for the company now.
    pub owner: Owner,
    /// Raised by every change of owner.
    pub epoch: u32,
    /// Raised by every commit: the guard against lost updates.
    pub version: u64,
    /// The subject line of the first message that had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The agent, while one is the owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    /// Set while a queue or an agent is the owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handoff: Option<Handoff>,
    /// How urgent, by the rules.
    #[serde(default, skip_serializing_if = "is_default")]
    pub priority: Priority,
    /// Labels by rules and agents.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// Values set by rules.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// The customer's language here, by the last message whose language was known; empty before.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub language: String,
    /// The customer's tone here.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mood: Mood,
    /// Messages of the customer.
    #[serde(default, skip_serializing_if = "is_default")]
    pub messages: u32,
    /// Turns that the bot answered.
    #[serde(default, skip_serializing_if = "is_default")]
    pub bot_turns: u32,
    /// Questions in a row that the bot had no answer to.
    #[serde(default, skip_serializing_if = "is_default")]
    pub bot_misses: u32,
    /// Conversations that this customer opened within 24 hours before this one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub contacts_24h: u32,
    /// The same within 7 days.
    #[serde(default, skip_serializing_if = "is_default")]
    pub contacts_7d: u32,
    /// When it was opened.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub opened_at: Timestamp,
    /// The last thing said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<LastSaid>,
    /// The agent who last had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_agent: Option<AgentId>,
    /// Whether the customer wrote again after it had been closed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub reopened: bool,
    /// When it was closed last.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::timestamp::microsecond::optional"
    )]
    pub closed_at: Option<Timestamp>,
    /// The newest message whose turn is committed: an older or equal one is done already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_message: Option<MessageId>,
    /// The platform's id of the last message that the customer wrote or button that they pressed, for replies that quote.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub last_external_id: String,
    /// The newest entry of its journal; each entry names the one before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_entry: Option<EntryId>,
    /// The conversation that the same thread had before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<ConversationId>,
    /// Since when nobody has said anything, where the last thing said was said because of that.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::timestamp::microsecond::optional"
    )]
    pub quiet_since: Option<Timestamp>,
    /// What the bot is doing for the customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialogue: Option<Box<Dialogue>>,
    /// What the bot begins later by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub later: Vec<Planned>,
    /// By what people name it, from its first handoff on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Box<Ticket>>,
    /// What a model was asked and has not answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking: Option<Box<Asked>>,
    /// What models used for it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub spent: Spent,
    /// What an agent has carried out for the customer, while it is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_act: Option<Box<AgentAct>>,
    /// What time alone has brought about.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fired: BTreeMap<Spell, Fired>,
    /// What the figures have to know of it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub measured: Measured,
    /// What the customer was asked after its last closing, and answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub satisfaction: Option<Box<Satisfaction>>,
}

impl Conversation {
    /// A new conversation, owned by the bot, not yet committed.
    #[must_use]
    pub fn open(
        id: ConversationId,
        thread: &Thread,
        kind: &str,
        address: Address,
        customer: CustomerId,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            channel: thread.channel.clone(),
            kind: kind.to_owned(),
            thread: thread.key.clone(),
            address,
            customer,
            customer_name: None,
            verified: None,
            owner: Owner::Bot,
            epoch: 0,
            version: 0,
            subject: None,
            agent: None,
            handoff: None,
            priority: Priority::default(),
            tags: BTreeSet::new(),
            attributes: BTreeMap::new(),
            language: String::new(),
            mood: Mood::default(),
            messages: 0,
            bot_turns: 0,
            bot_misses: 0,
            contacts_24h: 0,
            contacts_7d: 0,
            opened_at: now,
            last: None,
            previous_agent: None,
            reopened: false,
            closed_at: None,
            last_message: None,
            last_external_id: String::new(),
            last_entry: None,
            before: None,
            quiet_since: None,
            dialogue: None,
            later: Vec::new(),
            ticket: None,
            thinking: None,
            spent: Spent::default(),
            agent_act: None,
            fired: BTreeMap::new(),
            measured: Measured::default(),
            satisfaction: None,
        }
    }

    /// Whether an action waits for this call.
    #[must_use]
    pub fn waits_for(&self, call: &str) -> bool {
        let step = self.dialogue.as_ref().map(|dialogue| &dialogue.step);
        matches!(step, Some(Step::Calls { key, .. }) if key == call)
    }

    /// Whether it is proven who writes from this address.
    #[must_use]
    pub fn is_verified(&self, from: &Address, now: Timestamp) -> bool {
        self.verified.as_ref().is_some_and(|verified| verified.address == *from && now < verified.until)
    }

    /// Whether a model was asked this.
    #[must_use]
    pub fn thinks_about(&self, key: &str) -> bool {
        self.thinking.as_ref().is_some_and(|asked| asked.key == key)
    }

    /// Its thread on the platform.
    #[must_use]
    pub fn thread(&self) -> Thread {
        Thread { channel: self.channel.clone(), key: self.thread.clone() }
    }

    /// `Bot → Queue`. The first entry into a queue starts the clock that priorities and relaxing skills count from.
    pub fn hand_off(&mut self, handoff: Handoff) {
        let before = self.handoff.take();
        self.own(Owner::Queue, None);
        self.priority = handoff.priority;
        self.handoff = Some(Handoff {
            replied: before.as_ref().is_some_and(|before| before.replied),
            unanswered: before.map_or(Some(handoff.at), |before| before.unanswered),
            ..handoff
        });
    }

    /// Does what a rule says of handing it over. Whether that moved it: where it waits in that queue already, only what
    /// is more urgent or more exact changes.
    pub fn follow(&mut self, decided: &routing::Handoff, now: Timestamp) -> bool {
        if self.owner == Owner::Queue
            && let Some(current) = self.handoff.as_mut().filter(|current| current.queue == decided.queue)
        {
            current.priority = current.priority.max(decided.priority);
            current.skills.clone_from(&decided.skills);
            self.priority = current.priority;
            return false;
        }
        self.hand_off(Handoff {
            rule: Some(decided.rule.to_string()),
            priority: decided.priority,
            skills: decided.skills.clone(),
            escalate: decided.escalate.clone(),
            ..Handoff::new(&decided.queue, &decided.reason, self.handoff.as_ref().map_or(now, |handoff| handoff.at))
        });
        true
    }

    /// Gives it a ticket for being handed to a queue, where it has none yet; whether it was given `number`. What it is about is
    /// what was said last.
    pub fn give_ticket(&mut self, number: TicketNumber, queue: &str, subject: Option<String>, now: Timestamp) -> bool {
        if let Some(ticket) = &mut self.ticket {
            ticket.subject = subject.or(ticket.subject.take());
            return false;
        }
        self.ticket = Some(Box::new(Ticket { number, at: now, queue: queue.to_owned(), subject }));
        true
    }

    /// Takes the next step of its escalation, and says which.
    pub fn escalate(&mut self) -> Option<Escalation> {
        let handoff = self.handoff.as_mut()?;
        let step = handoff.escalate.get(handoff.escalated)?.clone();
        handoff.escalated += 1;
        if let Some(queue) = &step.queue {
            handoff.queue.clone_from(queue);
        }
        if let Some(priority) = step.priority {
            handoff.priority = priority;
            self.priority = priority;
        }
        Some(step)
    }

    /// `Queue | Agent → Agent`.
    pub fn assign(&mut self, agent: AgentId, now: Timestamp) {
        self.own(Owner::Agent, Some(agent));
        if let Some(handoff) = &mut self.handoff {
            handoff.taken_at = Some(now);
            handoff.released = false;
            handoff.reserved = None;
        }
    }

    /// `Queue | Agent → Queue`, at its original age, kept for an agent or for everybody.
    pub fn requeue(&mut self, reserved: Option<Reserved>) {
        self.own(Owner::Queue, None);
        if let Some(handoff) = &mut self.handoff {
            handoff.taken_at = None;
            handoff.released = true;
            handoff.reserved = reserved;
        }
    }

    /// `Queue | Agent → Bot`.
    pub fn give_to_bot(&mut self) {
        self.own(Owner::Bot, None);
        self.handoff = None;
        self.bot_misses = 0;
    }

    /// `Bot | Queue | Agent → Closed`.
    pub fn close(&mut self, now: Timestamp) {
        self.own(Owner::Closed, None);
        self.handoff = None;
        self.closed_at = Some(now);
    }

    /// `Closed → Bot`: the customer wrote again.
    pub fn reopen(&mut self) {
        self.give_to_bot();
        self.reopened = true;
    }

    fn own(&mut self, owner: Owner, agent: Option<AgentId>) {
        if let (Some(ticket), Some(handoff)) = (&mut self.ticket, &self.handoff) {
            ticket.queue.clone_from(&handoff.queue);
        }
        if let Some(agent) = self.agent.take() {
            self.previous_agent = Some(agent);
        }
        self.owner = owner;
        self.agent = agent;
        self.epoch += 1;
        self.thinking = None;
        // What is being called is heard all the same: somebody has to know what came of it.
        self.dialogue = self.dialogue.take().filter(|dialogue| matches!(dialogue.step, Step::Calls { .. }));
    }

    /// Notes the last thing said, for lists.
    pub fn said(&mut self, at: Timestamp, author: EntryAuthor, text: &str) {
        const SHOWN: usize = 140;
        self.quiet_since = None;
        match (&mut self.handoff, &author) {
            (Some(handoff), EntryAuthor::Customer) => _ = handoff.unanswered.get_or_insert(at),
            (Some(handoff), EntryAuthor::Agent { .. }) => {
                (handoff.replied, handoff.taken_at, handoff.unanswered) = (true, None, None);
            }
            _ => {}
        }
        self.last = Some(LastSaid { at, author, text: truncate_chars(text, SHOWN).replace('\n', " ") });
    }

    /// Since when nobody has said anything, but for what was said because of that.
    #[must_use]
    pub fn idle_since(&self) -> Option<Timestamp> {
        self.quiet_since.or(self.last.as_ref().map(|last| last.at))
    }

    /// Whether the rules of a spell have acted at a threshold, or a later one.
    #[must_use]
    pub fn has_fired(&self, spell: Spell, since: Timestamp, after: u64) -> bool {
        let same = |fired: &&Fired| fired.since.as_microsecond() == since.as_microsecond();
        self.fired.get(&spell).filter(same).is_some_and(|fired| after <= fired.up_to)
    }

    /// The queue that it was handed to.
    #[must_use]
    pub fn queue(&self) -> Option<String> {
        self.handoff.as_ref().map(|handoff| handoff.queue.clone())
    }

    /// The platform's id of the message that a reply written now answers.
    #[must_use]
    pub fn answers(&self) -> Option<String> {
        Some(self.last_external_id.clone()).filter(|id| !id.is_empty())
    }

    /// Whether lists and the desk see a difference between the two: then the row is written at once, else only
    /// the journal is.
    #[must_use]
    pub fn stands_elsewhere(&self, before: &Self) -> bool {
        self.owner != before.owner
            || self.epoch != before.epoch
            || self.agent != before.agent
            || self.customer != before.customer
            || self.priority != before.priority
            || self.handoff != before.handoff
            || self.tags != before.tags
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversation() -> Conversation {
        let thread = Thread { channel: "shop".into(), key: "v1".into() };
        let address = Address { space: "webchat:shop".into(), handle: "v1".into() };
        Conversation::open(1.into(), &thread, "webchat", address, 1.into(), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn every_change_of_owner_raises_the_epoch_and_keeps_the_last_agent() {
        let mut c = conversation();
        let handoff = Handoff::new("care", "angry", Timestamp::UNIX_EPOCH);
        c.hand_off(Handoff { priority: Priority::High, ..handoff });
        assert_eq!((c.owner, c.epoch, c.priority), (Owner::Queue, 1, Priority::High));
        c.assign(AgentId::from(7), Timestamp::UNIX_EPOCH);
        assert_eq!((c.owner, c.epoch, c.agent), (Owner::Agent, 2, Some(AgentId::from(7))));
        c.close(Timestamp::UNIX_EPOCH);
        assert_eq!((c.owner, c.epoch, c.agent, c.previous_agent), (Owner::Closed, 3, None, Some(AgentId::from(7))));
        c.reopen();
        assert!(c.reopened && c.handoff.is_none() && c.epoch == 4 && c.owner == Owner::Bot);
    }
}
