//! Tickets' numbers: each is one conversation's, whoever asks for them and whatever happens in between.

use std::{collections::BTreeSet, sync::Arc};

use contract::IdClock;
use futures::future::join_all;
use switchboard::store::{
    Commit, Store,
    conversation::{Conversation, TicketNumber},
    entry::Event,
};

use super::{
    Backend, Opened,
    make::{self, commit, event, is_conflict, now, opened},
};

/// What hands a conversation to a queue and gives it a number.
fn giving(ids: &IdClock, conversation: &Conversation, number: TicketNumber) -> Commit {
    let mut conversation = conversation.clone();
    conversation.hand_off(make::handoff("care"));
    assert!(conversation.give_ticket(number, "care", Some("配送".into()), now()));
    let entries = [event(ids, Event::TicketGiven { number })];
    Commit { structural: true, entries: entries.into(), ..commit(conversation) }
}

/// A new conversation that has the number.
pub async fn with_ticket(store: &dyn Store, ids: &IdClock, thread: &str, number: TicketNumber) -> Arc<Conversation> {
    let conversation = opened(store, ids, thread).await;
    make::done(store, giving(ids, &conversation, number)).await
}

/// Checks that none of these numbers was reserved before.
fn add(all: &mut BTreeSet<TicketNumber>, reserved: &[TicketNumber]) {
    for number in reserved {
        assert!(all.insert(*number), "{number} is given twice");
    }
}

async fn reserve_at_once(record: &Opened, all: &mut BTreeSet<TicketNumber>) {
    let counts = [1, 20, 7, 3, 20, 1, 50, 2];
    let reserved = join_all(counts.map(|count| record.store.reserve_tickets(count))).await;
    for (count, reserved) in counts.into_iter().zip(reserved) {
        let reserved = reserved.unwrap();
        assert_eq!(reserved.len(), count as usize);
        assert!(reserved.is_sorted_by(|one, next| one.get() + 1 == next.get()), "in a row: {reserved:?}");
        add(all, &reserved);
    }
}

pub async fn no_number_is_reserved_twice(backend: &impl Backend) {
    let record = backend.open().await;
    let mut all = BTreeSet::new();
    let first = record.store.reserve_tickets(1).await.unwrap();
    assert_eq!(first, [TicketNumber::FIRST], "people write it {}", TicketNumber::FIRST);
    add(&mut all, &first);
    reserve_at_once(&record, &mut all).await;
    backend.crash().await;
    reserve_at_once(&backend.open().await, &mut all).await;
    let highest = all.last().unwrap().get();
    assert_eq!(highest, TicketNumber::FIRST.get() + all.len() as u64 - 1, "without need no gaps");
}

pub async fn a_number_is_one_conversations_and_finds_it(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    let [number, other] = store.reserve_tickets(2).await.unwrap()[..] else { panic!("two numbers") };
    let conversation = with_ticket(store, ids, "a", number).await;
    let second = opened(store, ids, "b").await;
    assert!(is_conflict(&store.commit(giving(ids, &second, number)).await), "it is taken");
    assert_eq!(*store.conversation(second.id).await.unwrap().unwrap(), *second, "and nothing was changed");
    assert!(store.conversation_of_ticket(other).await.unwrap().is_none());
    backend.crash().await;
    let again = backend.open().await;
    let found = again.store.conversation_of_ticket(number).await.unwrap().unwrap();
    assert_eq!(*found, *conversation);
    let ticket = found.ticket.as_deref().unwrap();
    assert_eq!((ticket.number, ticket.queue.as_str(), ticket.subject.as_deref()), (number, "care", Some("配送")));
}
