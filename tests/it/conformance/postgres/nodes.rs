//! Who is alive, who leads, and what a node learns of the others.

use std::time::Duration;

use contract::{IdClock, MessageId};
use futures::future::join_all;
use jiff::SignedDuration;
use switchboard::store::{
    Commit, Fence, Journal, StoreError,
    conversation::Conversation,
    postgres::{Node, PostgresRecord},
};

use super::backend;
use crate::{
    conformance::make::{self, commit, done, is_conflict, note, now, opened},
    harness::card,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_is_one_nodes_and_its_next_life_is_another() {
    let backend = backend().await;
    let database = backend.database().await;
    let (a, b) = (database.join(&card("a")).await.unwrap(), database.join(&card("b")).await.unwrap());
    assert_eq!((a.number, b.number), (0, 1));
    assert!(!database.beat(&a).await.unwrap());
    database.leave(&a).await.unwrap();
    assert!(matches!(database.beat(&a).await, Err(StoreError::Missing(_))), "it is no more");
    backend.silence().await;
    assert!(database.nodes().await.unwrap().is_empty());
    assert!(database.beat(&b).await.unwrap(), "it was taken for dead, and is not");
    assert!(!database.beat(&b).await.unwrap());
    assert_eq!(database.nodes().await.unwrap().len(), 1);
    // Who comes takes what nobody has before the place of one that may only be slow.
    backend.silence().await;
    let c = database.join(&card("c")).await.unwrap();
    assert_eq!(c.number, 0);
    // Who comes again under its name has its number again.
    let again = database.join(&card("b")).await.unwrap();
    assert_eq!(again.number, 1);
    assert!(again.incarnation > b.incarnation);
    assert!(matches!(database.beat(&b).await, Err(StoreError::Missing(_))), "the life before is over");
    let first: MessageId = again.clock().next(now() - SignedDuration::from_hours(9));
    assert!(first >= IdClock::lowest(again.joined), "its ids are none of the life before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_is_one_nodes_and_its_epoch_rises() {
    const TTL: Duration = Duration::from_secs(3600);
    let backend = backend().await;
    let database = backend.database().await;
    let nodes: Vec<Node> = join_all((0..8).map(|n| {
        let database = database.clone();
        async move { database.join(&card(&format!("n{n}"))).await.unwrap() }
    }))
    .await;
    let mut last = 0;
    for round in 0..5 {
        let taken = join_all(nodes.iter().map(|node| database.lease("desk", node, TTL))).await;
        let held: Vec<_> = taken.into_iter().map(Result::unwrap).collect();
        assert_eq!(held.iter().flatten().count(), 1, "round {round}");
        let holder = held.iter().position(Option::is_some).unwrap();
        let lease = held[holder].unwrap();
        assert!(lease.epoch > last, "round {round}");
        last = lease.epoch;
        let renewed = database.lease("desk", &nodes[holder], TTL).await.unwrap().unwrap();
        assert_eq!(renewed.epoch, last, "a renewal is no change");
        database.release("desk", &nodes[(holder + 1) % 8]).await.unwrap();
        assert!(
            database.lease("desk", &nodes[(holder + 1) % 8], TTL).await.unwrap().is_none(),
            "not theirs to release"
        );
        database.release("desk", &nodes[holder]).await.unwrap();
    }
    assert!(database.lease("mail", &nodes[0], TTL).await.unwrap().is_some(), "one name has nothing to do with another");
    database.leave(&nodes[0]).await.unwrap();
    assert!(database.lease("mail", &nodes[1], TTL).await.unwrap().is_some(), "what it held is free");
    assert!(database.lease("desk", &nodes[0], TTL).await.unwrap().is_none(), "who is no more leads nobody");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_deposed_can_do_no_harm() {
    const TTL: Duration = Duration::from_secs(3600);
    let backend = backend().await;
    let (old, new) = (backend.node("old").await, backend.node("new").await);
    let c = opened(&*old, old.clock(), "v1").await;
    let lead = old.database().lease("desk", old.node(), TTL).await.unwrap().unwrap();
    let by = |record: &PostgresRecord, c: &Conversation, fence: Fence| Commit {
        entries: [note(record.clock(), "decided")].into(),
        fence: Some(fence),
        ..commit(c.clone())
    };
    let c = done(&*old, by(&old, &c, lead.fence())).await;
    assert!(is_conflict(&old.commit(by(&old, &c, Fence { lease: "other", epoch: lead.epoch })).await));
    // Its lease ends; already then it may not go on, and after that somebody else leads.
    let end = "UPDATE leases SET expires_at = clock_timestamp()";
    backend.server.client().await.batch_execute(end).await.unwrap();
    assert!(is_conflict(&old.commit(by(&old, &c, lead.fence())).await), "the lease has ended");
    let next = new.database().lease("desk", new.node(), TTL).await.unwrap().unwrap();
    assert!(next.epoch > lead.epoch);
    assert!(is_conflict(&old.commit(by(&old, &c, lead.fence())).await), "an older epoch");
    done(&*new, by(&new, &c, next.fence())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_being_committed_is_not_missed() {
    let backend = backend().await;
    let (here, there) = (backend.node("here").await, backend.node("there").await);
    let (none, start) = here.changed_since(None).await.unwrap();
    assert!(none.is_empty());
    let (a, b) = (opened(&*there, there.clock(), "a").await, opened(&*there, there.clock(), "b").await);
    // A transaction that began to change a conversation and has not ended.
    let mut client = backend.server.client().await;
    let open = client.transaction().await.unwrap();
    let id = a.id.get().cast_signed();
    open.execute("UPDATE conversations SET changed = pg_current_xact_id() WHERE id = $1", &[&id]).await.unwrap();
    // Meanwhile another one is changed, in a later transaction that ends first.
    let mut next = (*b).clone();
    next.hand_off(make::handoff("care"));
    let change = Commit { structural: true, entries: [note(there.clock(), "x")].into(), ..commit(next) };
    let b = done(&*there, change).await;
    let (changed, horizon) = here.changed_since(Some(start)).await.unwrap();
    assert!(changed.iter().any(|c| **c == *b), "what is visible is told");
    open.commit().await.unwrap();
    let (changed, horizon) = here.changed_since(Some(horizon)).await.unwrap();
    assert!(changed.iter().any(|c| c.id == a.id), "what was on its way comes the next time");
    // What is not structural is nobody's news.
    done(&*there, Commit { entries: [note(there.clock(), "x")].into(), ..commit((*b).clone()) }).await;
    let (changed, _) = here.changed_since(Some(horizon)).await.unwrap();
    assert!(changed.is_empty(), "{changed:?}");
}
