//! Makes messages, conversations and commits for the suites.

use std::sync::Arc;

use contract::{
    Address, Author, Body, Content, ConversationId, CustomerId, EntryId, IdClock, Inbound, MessageId, Outbound,
    OutboundId, Sender, Thread, Timestamp,
};
use switchboard::{
    routing::Trigger,
    store::{
        Commit, Committed, Store, StoreError, Taken,
        conversation::{Conversation, Handoff},
        customer::{Customer, CustomerChange},
        entry::{DecisionRecord, Entry, EntryAuthor, Event, TurnRecord, What},
        outbox::DeliveryState,
    },
};

use super::Opened;

pub const CHANNEL: &str = "shop";

pub fn now() -> Timestamp {
    // As exact as rows keep it.
    Timestamp::from_microsecond(Timestamp::now().as_microsecond()).unwrap()
}

pub fn thread(key: &str) -> Thread {
    Thread { channel: CHANNEL.into(), key: key.into() }
}

pub fn address(handle: &str) -> Address {
    Address { space: format!("webchat:{CHANNEL}"), handle: handle.into() }
}

pub fn sender(handle: &str) -> Sender {
    Sender {
        address: address(handle),
        name: Some("Li Wei 李伟".into()),
        email: None,
        phone: None,
        email_verified: false,
        phone_verified: false,
        attributes: Default::default(),
    }
}

pub fn inbound(thread: &str, external_id: &str, text: &str) -> Inbound {
    Inbound {
        channel: CHANNEL.into(),
        kind: "webchat".into(),
        external_id: external_id.into(),
        thread: thread.into(),
        from: sender(thread),
        content: Content::Message(Body::text(text)),
        sent_at: None,
        automatic: false,
        related: None,
    }
}

/// A message that was accepted and taken off the queue.
pub async fn taken(record: &Opened, inbound: Inbound) -> Taken {
    let id = record.queue.accept(inbound.clone()).await.unwrap().id;
    Taken { id, inbound: Arc::new(inbound) }
}

pub fn customer(ids: &IdClock, name: &str) -> Customer {
    Customer {
        id: ids.next(now()),
        name: Some(name.into()),
        language: None,
        attributes: Default::default(),
        verified: false,
        first_seen: now(),
    }
}

/// A conversation that is not committed yet.
pub fn conversation(ids: &IdClock, thread_key: &str, customer: CustomerId) -> Conversation {
    Conversation::open(ids.next(now()), &thread(thread_key), "webchat", address(thread_key), customer, now())
}

pub fn handoff(queue: &str) -> Handoff {
    Handoff::new(queue, "asks for a person", now())
}

/// A commit that appends nothing yet.
pub fn commit(conversation: Conversation) -> Commit {
    Commit {
        conversation,
        structural: false,
        turn: None,
        entries: [].into(),
        outbox: vec![],
        customers: vec![],
        once: None,
        fence: None,
        noted: std::sync::Arc::default(),
    }
}

pub fn event(ids: &IdClock, event: Event) -> Entry {
    Entry { id: ids.next(now()), at: now(), author: EntryAuthor::System, what: What::Event { event } }
}

pub fn note(ids: &IdClock, text: &str) -> Entry {
    Entry { id: ids.next(now()), at: now(), author: EntryAuthor::System, what: What::Note { body: Body::text(text) } }
}

pub fn message_entry(id: MessageId) -> Entry {
    turn_entry(id, None)
}

/// A message on which a rule decided, or none.
pub fn turn_entry(id: MessageId, rule: Option<&str>) -> Entry {
    Entry { id: id.into(), at: now(), author: EntryAuthor::Customer, what: What::Message(record(rule)) }
}

/// A second opinion on a message, on which a rule decided.
pub fn opinion_entry(ids: &IdClock, of: MessageId, rule: &str) -> Entry {
    let what = What::Refined { of, record: record(Some(rule)) };
    Entry { id: ids.next(now()), at: now(), author: EntryAuthor::System, what }
}

/// A rule that ran because of the time alone.
pub fn fired_entry(ids: &IdClock, of: MessageId, rule: &str) -> Entry {
    let what = What::Fired { on: Trigger::Idle, after: 600, of, record: record(Some(rule)) };
    Entry { id: ids.next(now()), at: now(), author: EntryAuthor::System, what }
}

fn record(rule: Option<&str>) -> Box<TurnRecord> {
    let decision = rule.map(|rule| DecisionRecord {
        rule_set: "abc".into(),
        rule: rule.into(),
        destination: "ignore".into(),
        tags: vec![],
        heard: String::new(),
        facts: serde_json::value::RawValue::from_string("{}".into()).unwrap(),
    });
    Box::new(TurnRecord { signals: Arc::default(), decision })
}

pub fn reply(ids: &IdClock, conversation: &Conversation, text: &str) -> (OutboundId, Entry) {
    let id: OutboundId = ids.next(now());
    let outbound = Outbound {
        id,
        conversation: conversation.id,
        channel: conversation.channel.clone(),
        to: conversation.address.clone(),
        thread: conversation.thread.clone(),
        queue: None,
        author: Author::Bot,
        body: Body::text(text),
        in_reply_to: None,
    };
    let what = What::Reply { outbound: Box::new(outbound), citation: None, also: Vec::new() };
    (id, Entry { id: id.into(), at: now(), author: EntryAuthor::Bot, what })
}

/// Commits, and it stands.
pub async fn done(store: &dyn Store, commit: Commit) -> Arc<Conversation> {
    match store.commit(commit).await.unwrap() {
        Committed::Done(after) => after,
        Committed::AlreadyDone => panic!("it had been committed before"),
    }
}

/// A new conversation of a new customer, opened and committed.
pub async fn opened(store: &dyn Store, ids: &IdClock, thread_key: &str) -> Arc<Conversation> {
    let person = customer(ids, "Li Wei");
    let new = conversation(ids, thread_key, person.id);
    let link = CustomerChange::Link(address(thread_key), person.id);
    let entries = vec![event(ids, Event::Opened)];
    let first = Commit {
        customers: vec![CustomerChange::Put { was: None, now: person }, link],
        entries: entries.into(),
        structural: true,
        ..commit(new)
    };
    done(store, first).await
}

/// A reply in a conversation, which waits in the outbox.
pub async fn replied(store: &dyn Store, ids: &IdClock, id: ConversationId, text: &str) -> OutboundId {
    let conversation = store.conversation(id).await.unwrap().unwrap();
    let (outbound, entry) = reply(ids, &conversation, text);
    let outbox = vec![(outbound, DeliveryState::Pending)];
    done(store, Commit { entries: [entry].into(), outbox, ..commit((*conversation).clone()) }).await;
    outbound
}

/// The ids of a conversation's entries, oldest first.
pub async fn journal(store: &dyn Store, id: ConversationId) -> Vec<EntryId> {
    let page = store.entries(id, None, 10_000, false).await.unwrap();
    assert!(!page.more);
    page.items.iter().map(|full| full.entry.id).collect()
}

pub fn is_conflict<T: std::fmt::Debug>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Conflict))
}

/// The same by an author, as an answer to a message of the customer's or not.
pub async fn said(record: &Opened, id: ConversationId, author: Author, answers: bool) -> OutboundId {
    let conversation = record.store.conversation(id).await.unwrap().unwrap();
    let (outbound, mut entry) = reply(&record.ids, &conversation, "x");
    if let What::Reply { outbound, .. } = &mut entry.what {
        (outbound.author, outbound.in_reply_to) = (author, answers.then(|| "m-1".to_owned()));
    }
    let outbox = vec![(outbound, DeliveryState::Pending)];
    done(&*record.store, Commit { entries: [entry].into(), outbox, ..commit((*conversation).clone()) }).await;
    outbound
}
