//! The inbox: `contract::Inbox` as adapters see it, `Queue` as the worker does.

use std::sync::Arc;

use contract::{InboxError, Unread};
use futures::future::join_all;
use switchboard::{
    inbox::Delivery,
    store::{
        Commit, StoreError, Taken,
        outbox::{DeadKind, Redriven},
    },
};

use super::{
    Backend, Opened,
    make::{self, CHANNEL, inbound},
};
use crate::harness::within;

async fn next(opened: &Opened) -> Delivery {
    within("a delivery", opened.queue.next()).await.expect("the queue is open")
}

pub async fn accepted_is_durable(backend: &impl Backend) {
    let opened = backend.open().await;
    let message = inbound("v1", "a", "怎么退货？ 👩‍👩‍👧");
    let accepted = opened.queue.accept(message.clone()).await.unwrap();
    assert!(!accepted.duplicate);
    assert_eq!(opened.queue.waiting(), 1);
    backend.crash().await;
    let again = backend.open().await;
    let delivery = next(&again).await;
    assert_eq!((delivery.id, &*delivery.inbound), (accepted.id, &message));
    assert_eq!(again.queue.waiting(), 1);
}

pub async fn the_same_platform_message_is_accepted_once(backend: &impl Backend) {
    let opened = backend.open().await;
    // At once, and one after the other, and after a crash.
    let tries = join_all((0..20).map(|_| opened.queue.accept(inbound("v1", "a", "hello")))).await;
    let tries: Vec<_> = tries.into_iter().map(Result::unwrap).collect();
    assert_eq!(tries.iter().filter(|accepted| !accepted.duplicate).count(), 1);
    assert!(tries.iter().all(|accepted| accepted.id == tries[0].id));
    let other = inbound("v1", "b", "hello");
    let mut elsewhere = inbound("v1", "a", "hello");
    elsewhere.channel = "another".into();
    for different in [other, elsewhere] {
        assert!(!opened.queue.accept(different).await.unwrap().duplicate);
    }
    backend.crash().await;
    let again = backend.open().await;
    let accepted = again.queue.accept(inbound("v1", "a", "hello")).await.unwrap();
    assert!(accepted.duplicate && accepted.id == tries[0].id);
    assert_eq!(again.store.ledger().await.unwrap().accepted, 3);
}

pub async fn an_empty_id_equals_no_other(backend: &impl Backend) {
    let opened = backend.open().await;
    for _ in 0..3 {
        assert!(!opened.queue.accept(inbound("v1", "", "the same")).await.unwrap().duplicate);
    }
    assert_eq!(opened.queue.waiting(), 3);
}

pub async fn messages_come_out_in_the_order_of_acceptance(backend: &impl Backend) {
    let opened = backend.open().await;
    let mut accepted = Vec::new();
    for at in 0..50 {
        accepted.push(opened.queue.accept(inbound("v1", &at.to_string(), "x")).await.unwrap().id);
    }
    let together = join_all((50..100).map(|at| opened.queue.accept(inbound("v2", &at.to_string(), "x")))).await;
    let mut together: Vec<_> = together.into_iter().map(|accepted| accepted.unwrap().id).collect();
    together.sort_unstable();
    accepted.extend(together);
    for id in &accepted {
        assert_eq!(next(&opened).await.id, *id);
    }
    backend.crash().await;
    let again = backend.open().await;
    for id in &accepted {
        assert_eq!(next(&again).await.id, *id);
    }
}

pub async fn past_the_bound_it_is_busy_and_loses_nothing(backend: &impl Backend) {
    let opened = backend.open_bounded(3).await;
    for at in 0..3 {
        opened.queue.accept(inbound("v1", &at.to_string(), "x")).await.unwrap();
    }
    let refused = opened.queue.accept(inbound("v1", "3", "x")).await;
    assert!(matches!(refused, Err(InboxError::Busy { retry_after }) if !retry_after.is_zero()), "{refused:?}");
    // A turn makes room, and the refused message is as good as new.
    let first = next(&opened).await;
    settle(&opened, first).await;
    assert!(!opened.queue.accept(inbound("v1", "3", "x")).await.unwrap().duplicate);
    assert_eq!(opened.store.ledger().await.unwrap().accepted, 4);
    for _ in 0..3 {
        next(&opened).await;
    }
}

/// Commits the turn of a message, in a conversation of its own.
async fn settle(opened: &Opened, delivery: Delivery) {
    let (store, ids) = (&*opened.store, &opened.ids);
    let known = store.conversation_of(&make::thread(&delivery.inbound.thread)).await.unwrap();
    let conversation = match known {
        Some(known) => known,
        None => make::opened(store, ids, &delivery.inbound.thread).await,
    };
    let entries = vec![make::message_entry(delivery.id)];
    let turn = Commit {
        turn: Some(Taken { id: delivery.id, inbound: Arc::clone(&delivery.inbound) }),
        entries: entries.into(),
        ..make::commit((*conversation).clone())
    };
    make::done(store, turn).await;
    opened.queue.done(delivery).await.unwrap();
}

pub async fn an_unsettled_message_comes_again_after_a_restart(backend: &impl Backend) {
    let opened = backend.open().await;
    let mut ids = Vec::new();
    for at in 0..3 {
        ids.push(opened.queue.accept(inbound("v1", &at.to_string(), "x")).await.unwrap().id);
    }
    let (first, second) = (next(&opened).await, next(&opened).await);
    settle(&opened, first).await;
    drop(second);
    backend.crash().await;
    let again = backend.open().await;
    assert_eq!(again.queue.waiting(), 2);
    for id in &ids[1..] {
        let delivery = next(&again).await;
        assert_eq!(delivery.id, *id);
        settle(&again, delivery).await;
    }
    assert_eq!(again.queue.waiting(), 0);
    let ledger = again.store.ledger().await.unwrap();
    assert_eq!((ledger.accepted, ledger.decided, ledger.findings), (3, 3, vec![]));
}

pub async fn a_dead_message_is_kept_until_it_is_redriven(backend: &impl Backend) {
    let opened = backend.open().await;
    let id = opened.queue.accept(inbound("v1", "a", "the bad one")).await.unwrap().id;
    let delivery = next(&opened).await;
    opened.queue.dead(&delivery, "it cannot be read").await.unwrap();
    assert_eq!(opened.queue.waiting(), 0);
    backend.crash().await;
    let again = backend.open().await;
    assert_eq!(again.queue.waiting(), 0, "a dead letter is not delivered again by itself");
    let letters = again.store.dead(10).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].id.as_str(), letters[0].kind), (id.to_string().as_str(), DeadKind::Turn));
    assert_eq!((letters[0].reason.as_str(), letters[0].text.as_str()), ("it cannot be read", "the bad one"));
    let Redriven::Turn(new) = again.store.redrive(&id.to_string()).await.unwrap() else { panic!("it is a turn") };
    assert!(again.store.dead(10).await.unwrap().is_empty());
    assert!(again.store.redrive(&id.to_string()).await.is_err(), "once is enough");
    let delivery = next(&again).await;
    assert_eq!((delivery.id, delivery.inbound.content.text()), (new, "the bad one"));
    settle(&again, delivery).await;
    let ledger = again.store.ledger().await.unwrap();
    assert_eq!((ledger.accepted, ledger.decided, ledger.dead, ledger.redriven), (2, 1, 0, 1));
    assert_eq!(ledger.findings, Vec::<String>::new());
}

pub async fn what_is_no_message_is_set_aside_once_and_listed(backend: &impl Backend) {
    let record = backend.open().await;
    let unread = |external_id: &str, bytes: &'static [u8]| Unread {
        channel: CHANNEL.into(),
        external_id: external_id.into(),
        reason: "it has no sender".into(),
        name: "邮件.eml".into(),
        bytes: bytes.into(),
    };
    for (id, bytes) in [("a", &b"first"[..]), ("a", b"again"), ("b", b"\xff\0 second")] {
        record.queue.set_aside(unread(id, bytes)).await.unwrap();
    }
    backend.crash().await;
    let record = backend.open().await;
    let letters = record.store.dead(10).await.unwrap();
    assert_eq!(letters.len(), 2);
    assert!(letters.iter().all(|letter| letter.kind == DeadKind::Unread && letter.text == "邮件.eml"));
    let mut files = Vec::new();
    for letter in &letters {
        files.push(record.store.unread_file(&letter.id).await.unwrap().1);
    }
    files.sort();
    assert_eq!(files, [&b"first"[..], b"\xff\0 second"]);
    assert!(matches!(record.store.unread_file("raw_99").await, Err(StoreError::Missing(_))));
    let ledger = record.store.ledger().await.unwrap();
    assert_eq!((ledger.accepted, ledger.findings.len()), (0, 0), "no message was accepted");
}
