//! What consoles and programs see: the shapes of the REST and live API. Made from the record, never stored.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use contract::{Address, Body, Content, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use utoipa::ToSchema;

use crate::{
    bot::Citation,
    desk::{AtDesk, Presence},
    policy::Policy,
    roster::Roster,
    routing::{Priority, SkillNeed},
    store::{
        FullEntry,
        conversation::{Conversation, Mood, Owner, TicketNumber},
        customer::{Contact, Identifier, Merge},
        entry::{Entry, EntryAuthor, Event, TurnRecord, What},
        outbox::Delivery,
        people::{Agent, Role},
    },
    tickets::Links,
};

/// An agent, as colleagues see them.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Agent)]
pub struct AgentView {
    id: String,
    login: String,
    name: String,
    role: Role,
    languages: Vec<String>,
    skills: BTreeMap<String, u8>,
    queues: Vec<String>,
    capacity: u32,
    caps: BTreeMap<String, u32>,
    active: bool,
    #[schema(value_type = String, example = "online")]
    presence: &'static str,
    load: u32,
    /// How many conversations take of their capacity: held, offered, or being finished up.
    conversations: u32,
    /// How many closed conversations they still finish up; see `POST /me/ready`.
    finishing_up: u32,
}

/// The word for a presence.
#[must_use]
pub const fn presence_word(presence: Presence) -> &'static str {
    match presence {
        Presence::Online => "online",
        Presence::Away => "away",
        Presence::Offline => "offline",
    }
}

impl AgentView {
    /// An agent with what the desk knows of them.
    #[must_use]
    pub fn new(agent: &Agent, at: AtDesk) -> Self {
        Self {
            id: agent.id.to_string(),
            login: agent.login.clone(),
            name: agent.name.clone(),
            role: agent.role,
            languages: agent.languages.clone(),
            skills: agent.skills.clone(),
            queues: agent.queues.clone(),
            capacity: agent.capacity,
            caps: agent.caps.clone(),
            active: agent.active,
            presence: presence_word(at.presence),
            load: at.load,
            conversations: at.conversations,
            finishing_up: at.finishing_up,
        }
    }
}

/// Whom a conversation belongs to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Named {
    id: String,
    name: String,
}

impl Named {
    /// An agent by what they are called.
    #[must_use]
    pub fn new(agent: contract::AgentId, name: String) -> Self {
        Self { id: agent.to_string(), name }
    }
}

/// The customer of a conversation, in brief.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CustomerBrief {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    verified: bool,
}

/// The last thing said.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LastView {
    #[schema(value_type = String)]
    at: Timestamp,
    #[schema(value_type = Object)]
    author: EntryAuthor,
    text: String,
}

/// A conversation, in brief.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Conversation)]
pub struct ConversationView {
    id: String,
    channel: String,
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// The number of its ticket: 10023 where people write #10023.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>, example = 10023)]
    ticket: Option<TicketNumber>,
    #[schema(value_type = String, example = "queue")]
    owner: Owner,
    epoch: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<Named>,
    #[schema(value_type = String, example = "high")]
    priority: Priority,
    tags: BTreeSet<String>,
    language: String,
    customer: CustomerBrief,
    #[schema(value_type = Object)]
    mood: Mood,
    last: LastView,
    #[schema(value_type = String)]
    opened_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    waiting_since: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u32>,
    messages: u32,
    bot_turns: u32,
}

impl ConversationView {
    /// A conversation with the names of its people and its place in the queue.
    #[must_use]
    pub fn new(conversation: &Conversation, roster: &Roster, position: Option<u32>) -> Self {
        let waits = conversation.handoff.as_ref().filter(|_| conversation.owner == Owner::Queue);
        let last = conversation.last.as_ref();
        Self {
            id: conversation.id.to_string(),
            channel: conversation.channel.clone(),
            kind: conversation.kind.clone(),
            subject: conversation.subject.clone(),
            ticket: conversation.ticket.as_ref().map(|ticket| ticket.number),
            owner: conversation.owner,
            epoch: conversation.epoch,
            queue: conversation.handoff.as_ref().map(|handoff| handoff.queue.clone()),
            agent: conversation.agent.map(|id| Named::new(id, roster.name(id))),
            priority: conversation.priority,
            tags: conversation.tags.clone(),
            language: conversation.language.clone(),
            customer: CustomerBrief {
                id: conversation.customer.to_string(),
                name: conversation.customer_name.clone(),
                verified: conversation.verified.as_ref().is_some_and(|verified| crate::clock::now() < verified.until),
            },
            mood: conversation.mood,
            last: LastView {
                at: last.map_or(conversation.opened_at, |last| last.at),
                author: last.map_or(EntryAuthor::System, |last| last.author.clone()),
                text: last.map(|last| last.text.clone()).unwrap_or_default(),
            },
            opened_at: conversation.opened_at,
            waiting_since: waits.map(|handoff| handoff.at),
            position: position.filter(|_| waits.is_some()),
            messages: conversation.messages,
            bot_turns: conversation.bot_turns,
        }
    }
}

/// How a conversation came to its queue.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HandoffView {
    queue: String,
    reason: String,
    summary: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_in: Option<String>,
    #[schema(value_type = String)]
    priority: Priority,
    #[schema(value_type = Vec<Object>)]
    skills: Vec<SkillNeed>,
    #[schema(value_type = String)]
    at: Timestamp,
}

/// A conversation with everything known about it and its customer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ConversationDetail {
    #[serde(flatten)]
    conversation: ConversationView,
    attributes: BTreeMap<String, String>,
    /// Where the customer sees how their ticket stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket_url: Option<String>,
    /// What it was opened for, where an action opened it.
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket_subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    handoff: Option<HandoffView>,
    thread: String,
    contact: CustomerView,
}

impl ConversationDetail {
    /// All of it.
    #[must_use]
    pub fn new(conversation: &Conversation, view: ConversationView, links: &Links, contact: CustomerView) -> Self {
        let ticket = conversation.ticket.as_ref();
        Self {
            conversation: view,
            attributes: conversation.attributes.clone(),
            ticket_url: ticket.map(|_| links.url(conversation.id)),
            ticket_subject: ticket.and_then(|ticket| ticket.subject.clone()),
            handoff: conversation.handoff.as_ref().map(|handoff| HandoffView {
                queue: handoff.queue.clone(),
                reason: handoff.reason.clone(),
                summary: handoff.summary.clone(),
                rule: handoff.rule.clone(),
                decided_in: handoff.decided_in.map(|id| id.to_string()),
                priority: handoff.priority,
                skills: handoff.skills.clone(),
                at: handoff.at,
            }),
            thread: conversation.thread.clone(),
            contact,
        }
    }
}

/// A customer with everything known about them.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Customer)]
pub struct CustomerView {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<String>,
    verified: bool,
    #[schema(value_type = Vec<Object>)]
    addresses: Vec<Address>,
    #[schema(value_type = Vec<Object>)]
    identifiers: Vec<Identifier>,
    attributes: BTreeMap<String, String>,
    #[schema(value_type = String)]
    first_seen: Timestamp,
    #[schema(value_type = String)]
    last_seen: Timestamp,
    conversations: Vec<ConversationView>,
    #[schema(value_type = Vec<Object>)]
    merges: Vec<Merge>,
}

impl CustomerView {
    /// A customer with their conversations, newest first.
    #[must_use]
    pub fn new(contact: Contact, conversations: Vec<ConversationView>) -> Self {
        let customer = contact.customer;
        let last_seen = conversations.iter().map(|conversation| conversation.last.at).max();
        Self {
            id: customer.id.to_string(),
            name: customer.name,
            language: customer.language,
            tier: customer.attributes.get("tier").cloned(),
            verified: customer.verified,
            addresses: contact.addresses,
            identifiers: contact.identifiers,
            attributes: customer.attributes,
            first_seen: customer.first_seen,
            last_seen: last_seen.unwrap_or(customer.first_seen),
            conversations,
            merges: contact.merges,
        }
    }
}

/// What was decided on a message, in brief.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DecisionBrief {
    rule: String,
    destination: String,
    tags: Vec<String>,
    /// The action that heard the message instead.
    #[serde(skip_serializing_if = "String::is_empty")]
    heard: String,
}

/// One thing in a conversation's journal.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Entry)]
pub struct EntryView {
    id: String,
    #[schema(value_type = String)]
    at: Timestamp,
    conversation: String,
    kind: &'static str,
    #[schema(value_type = Object)]
    author: EntryAuthor,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    body: Option<Body>,
    /// Whether there is a page to be shown: `GET /messages/{id}/page`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    page: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    about: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    signals: Option<crate::understand::Signals>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<DecisionBrief>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<Delivery>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    citation: Option<Citation>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    also: Vec<Citation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    event: Option<Event>,
}

impl EntryView {
    /// An entry with what else is known of it.
    #[must_use]
    pub fn new(full: FullEntry) -> Self {
        let Entry { id, at, author, what } = full.entry;
        let mut view = Self {
            id: id.to_string(),
            at,
            conversation: full.conversation.to_string(),
            kind: "event",
            author,
            body: None,
            page: false,
            content: None,
            external_id: None,
            about: None,
            of: None,
            on: None,
            after: None,
            client_id: None,
            signals: None,
            decision: None,
            delivery: full.delivery,
            citation: None,
            also: Vec::new(),
            event: None,
        };
        match what {
            What::Message(record) => {
                view.kind = "message";
                view.id = contract::MessageId::from(id.get()).to_string();
                view.read_as(*record);
                if let Some(inbound) = full.inbound {
                    view.content = Some(inbound.content.event());
                    let mut body = shown_to_agents(&inbound.content);
                    // It is foreign, and may be long: it has an address of its own.
                    view.page = body.html.take().is_some();
                    body.inline.clear();
                    view.body = Some(body);
                    view.external_id = Some(inbound.external_id.clone());
                    view.about = inbound.content.about().map(str::to_owned);
                }
            }
            What::Refined { of, record } => {
                view.kind = "refined";
                view.of = Some(of.to_string());
                view.read_as(*record);
            }
            What::Fired { on, after, of, record } => {
                view.kind = "fired";
                view.of = Some(of.to_string());
                (view.on, view.after) = (Some(on.as_str()), Some(after));
                view.read_as(*record);
                view.signals = None;
            }
            What::Reply { outbound, citation, also } => {
                view.kind = "reply";
                view.id = outbound.id.to_string();
                view.body = Some(outbound.body);
                view.citation = citation;
                view.also = also;
            }
            What::Note { body } => {
                view.kind = "note";
                view.body = Some(body);
            }
            What::Event { event } => view.event = Some(event),
        }
        view
    }

    fn read_as(&mut self, TurnRecord { signals, decision }: TurnRecord) {
        self.signals = Some(Arc::unwrap_or_clone(signals));
        self.decision = decision.map(|decision| DecisionBrief {
            rule: decision.rule,
            destination: decision.destination,
            tags: decision.tags,
            heard: decision.heard,
        });
    }
}

/// What a customer's content shows in a transcript: of a button its label.
#[must_use]
pub fn shown(content: &Content) -> Body {
    match content {
        Content::Postback { title, .. } => Body::text(title),
        content => content.body().cloned().unwrap_or_else(|| Body::text(content.text())),
    }
}

/// The same for agents: of a button also what it says, because that is what was decided on.
fn shown_to_agents(content: &Content) -> Body {
    match (content, content.said()) {
        (Content::Postback { title, .. }, Some(words)) if words != title => Body::text(format!("{title}\n{words}")),
        _ => shown(content),
    }
}

/// An offer to the agent who sees it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Offer)]
pub struct OfferView {
    /// Its id.
    pub id: String,
    /// What is offered.
    pub conversation: ConversationView,
    /// The customer's own last words at the handoff.
    pub summary: String,
    /// To be sent with the answer.
    pub epoch: u32,
    /// The queue that it waits in.
    pub queue: String,
    /// When it was made.
    #[schema(value_type = String)]
    pub made_at: Timestamp,
    /// When it expires.
    #[schema(value_type = String)]
    pub expires_at: Timestamp,
}

/// A queue, now.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Queue)]
pub struct QueueView {
    /// Its name.
    pub name: String,
    /// What people call it, by language.
    pub title: BTreeMap<String, String>,
    /// How many wait.
    pub waiting: u32,
    /// Seconds that the longest has waited.
    pub longest_wait: u64,
    /// Members online.
    pub agents_online: u32,
    /// Members online with room for one more.
    pub agents_free: u32,
    /// Seconds that one who joins now is likely to wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_wait: Option<u64>,
}

/// A list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Items<T> {
    /// The items.
    pub items: Vec<T>,
}

/// A part of a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PageView<T> {
    /// The items.
    pub items: Vec<T>,
    /// What to send as `before` for the next part; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A part of a journal, oldest first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EntriesView {
    /// The entries.
    pub items: Vec<EntryView>,
    /// Whether there are older ones.
    pub more: bool,
}

/// A frame of the live API.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs, reason = "docs/api.md describes the frames")]
pub enum LiveFrame<'a> {
    Hello { me: &'a AgentView, offers: Box<RawValue>, queues: Vec<QueueView>, rules: RulesBrief },
    Offer { offer: &'a OfferView },
    OfferEnded { offer: String, state: &'static str },
    Conversation { conversation: &'a ConversationView },
    Entry { entry: &'a EntryView },
    Delivery { conversation: String, outbound: String, delivery: &'a Delivery },
    Typing { conversation: String },
    Agent { agent: &'a AgentView },
    Queues { queues: &'a [QueueView] },
    Rules(RulesBrief),
    Missed,
    Pong,
}

/// The rule set in force, in brief.
#[derive(Debug, Clone, Serialize)]
pub struct RulesBrief {
    /// Its hash.
    pub hash: String,
    /// How many findings the last load had.
    pub findings: usize,
}

impl RulesBrief {
    /// What is in force now.
    #[must_use]
    pub fn of(policy: &Policy) -> Self {
        let status = policy.status();
        Self {
            hash: policy.rules().hash().to_string(),
            findings: status.rule_findings.len() + status.knowledge_findings.len(),
        }
    }
}

impl LiveFrame<'_> {
    /// The frame as it is sent.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| Value::Null.to_string())
    }
}
