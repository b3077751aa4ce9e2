//! The broker, or one of three, is killed; it stands still, is short of memory, and comes back.

use std::{collections::BTreeSet, time::Duration};

use futures::future::join_all;
use switchboard::inbox::{
    Queue,
    rabbitmq::{Settings, cluster},
};

use super::{Node, exact, inbound, record::Record};
use crate::harness::{Broker, eventually, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_killed_loses_nothing_that_it_confirmed() {
    let (mut broker, record) = (Broker::start().await, Record::new());
    let settings = Settings { confirm_within: Duration::from_secs(2), ..exact(broker.settings()) };
    let node = Node::open(settings, &record).await;
    let mut accepted = BTreeSet::new();
    for at in 0..40 {
        accepted.insert(node.put(&format!("v{}", at % 7), &at.to_string()).await.id);
    }
    // Some are with the worker, some are settled.
    let held = node.take().await;
    for _ in 0..10 {
        let delivery = node.take().await;
        node.turn(&record, delivery).await;
    }
    // Published, and killed before it could confirm.
    broker.freeze().await;
    let lost = join_all((40..60).map(|at| {
        let message = inbound("v1", &at.to_string(), "x");
        node.try_put(message)
    }))
    .await;
    assert!(lost.iter().all(Result::is_err), "what is not confirmed is not kept");
    broker.kill().await;
    eventually("it is noticed", || async { node.inbox.ready().await.err() }).await;
    assert!(node.try_put(inbound("v1", "61", "x")).await.is_err(), "and nobody waits for it");
    broker.restart().await;
    eventually("it is back", || async { node.inbox.ready().await.ok() }).await;
    for at in 40..60 {
        let again = eventually("a platform tries again", || async {
            node.try_put(inbound("v1", &at.to_string(), "x")).await.ok()
        });
        accepted.insert(again.await.id);
    }
    // The held delivery is of a connection that is gone: settling it is of no effect, and it comes again.
    node.turn(&record, held).await;
    while record.lock().turns.len() < 60 {
        let delivery = node.take().await;
        node.turn(&record, delivery).await;
    }
    let state = record.lock();
    let decided: BTreeSet<_> = state.turns.iter().map(|(id, _)| *id).collect();
    assert_eq!(decided.len(), 60);
    let names: BTreeSet<_> = state.turns.iter().map(|(_, inbound)| inbound.external_id.clone()).collect();
    assert_eq!(names.len(), 60, "each platform message has had one turn");
}

/// How many nodes are up, and of each queue how many members are and how many it has.
async fn members(settings: &Settings) -> Option<(usize, Vec<(usize, usize)>)> {
    let cluster = cluster(settings).await?.unwrap();
    let up = cluster.nodes.iter().filter(|node| node.running).count();
    Some((up, cluster.queues.iter().map(|queue| (queue.online.len(), queue.members.len())).collect()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_one_of_three_brokers_may_be_killed() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (mut brokers, record) = (Broker::start_cluster().await, Record::new());
    let settings = Settings { confirm_within: Duration::from_secs(2), ..exact(Broker::settings_of(&brokers)) };
    let node = Node::open(settings, &record).await;
    let (plain, secure) = (exact(Broker::settings_of(&brokers)), exact(brokers[0].secure_settings()));
    let mut said = 0;
    // The first one stays, because the others' port mapper is its own.
    for killed in [1, 2] {
        for _ in 0..20 {
            node.put(&format!("v{}", said % 7), &said.to_string()).await;
            said += 1;
        }
        for _ in 0..10 {
            let delivery = node.take().await;
            node.turn(&record, delivery).await;
        }
        brokers[killed].may_be_killed().await;
        for settings in [&plain, &secure] {
            eventually("all have every queue", || async {
                (members(settings).await? == (3, vec![(3, 3); 4])).then_some(())
            })
            .await;
        }
        brokers[killed].kill().await;
        for _ in 0..20 {
            let (thread, id) = (format!("v{}", said % 7), said.to_string());
            eventually("two take messages", || async { node.try_put(inbound(&thread, &id, "x")).await.ok() }).await;
            said += 1;
        }
        while record.lock().turns.len() < said {
            let delivery = node.take().await;
            node.turn(&record, delivery).await;
        }
        eventually("one is missed", || async { (members(&plain).await? == (2, vec![(2, 3); 4])).then_some(()) }).await;
        brokers[killed].restart().await;
    }
    let state = record.lock();
    for thread in 0..7 {
        let of_thread = state.turns.iter().filter(|(_, it)| it.thread == format!("v{thread}"));
        let numbers: Vec<usize> = of_thread.map(|(_, it)| it.external_id.parse().unwrap()).collect();
        let expected: Vec<usize> = (0..said).filter(|at| at % 7 == thread).collect();
        assert_eq!(numbers, expected, "each once, in the order of its thread");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_short_of_memory_takes_nothing_and_what_it_has_is_processed() {
    let (broker, record) = (Broker::start().await, Record::new());
    let settings = Settings { confirm_within: Duration::from_secs(2), ..exact(broker.settings()) };
    let node = Node::open(settings, &record).await;
    for at in 0..40 {
        node.put(&format!("v{}", at % 7), &at.to_string()).await;
    }
    broker.short_of_memory(true).await;
    let refused = join_all((40..60).map(|at| {
        let message = inbound("v1", &at.to_string(), "x");
        node.try_put(message)
    }));
    assert!(refused.await.iter().all(Result::is_err), "whoever sends is not left waiting");
    let why = node.inbox.ready().await.expect_err("the daemon is not ready").to_string();
    assert!(why.contains("memory"), "{why}");
    for _ in 0..40 {
        let delivery = node.take().await;
        node.turn(&record, delivery).await;
    }
    broker.short_of_memory(false).await;
    eventually("it is ready again", || async { node.inbox.ready().await.ok() }).await;
    for at in 40..60 {
        eventually("a platform tries again", || async { node.try_put(inbound("v1", &at.to_string(), "x")).await.ok() })
            .await;
    }
    let names = || -> BTreeSet<_> { record.lock().turns.iter().map(|(_, it)| it.external_id.clone()).collect() };
    while names().len() < 60 {
        let delivery = node.take().await;
        node.turn(&record, delivery).await;
    }
    assert_eq!(record.lock().turns.len(), 60, "each has had one turn");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_starts_without_the_broker_finds_it_later() {
    let (mut broker, record) = (Broker::start().await, Record::new());
    broker.kill().await;
    let node = Node::start(1, &[1], exact(broker.settings()), &record).await.unwrap();
    assert!(node.inbox.ready().await.is_err());
    broker.restart().await;
    let accepted = eventually("it takes messages", || async { node.try_put(inbound("v1", "a", "x")).await.ok() }).await;
    assert_eq!(within("a delivery", node.inbox.next()).await.unwrap().id, accepted.id);
    // One that finds out late that it divides threads otherwise gives the broker nothing.
    node.close().await;
    broker.kill().await;
    let settings = Settings { partitions: 5, ..exact(broker.settings()) };
    let other = Node::start(1, &[1], settings, &record).await.unwrap();
    broker.restart().await;
    let why = eventually("it has found out", || async {
        let refused = other.try_put(inbound("v1", "b", "x")).await.expect_err("it is another's partition");
        let why = std::error::Error::source(&refused).unwrap().to_string();
        why.contains("not declared yet").then_some(why)
    });
    why.await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spool_keeps_messages_in_order_while_the_broker_is_away() {
    let (mut broker, record) = (Broker::start().await, Record::new());
    let folder = tempfile::tempdir().unwrap();
    let settings = || Settings { spool: Some(folder.path().join("spool.db")), ..exact(broker.settings()) };
    let node = Node::open(settings(), &record).await;
    let mut ids = vec![node.put("v1", "0").await.id];
    let settings = settings();
    broker.kill().await;
    for at in 1..20 {
        ids.push(node.put("v1", &at.to_string()).await.id);
    }
    assert!(node.put("v1", "7").await.duplicate);
    // The daemon ends as well, and takes more when it is there again.
    node.close().await;
    let node = Node::start(1, &[1], settings, &record).await.unwrap();
    node.inbox.ready().await.unwrap();
    for at in 20..40 {
        ids.push(node.put("v1", &at.to_string()).await.id);
    }
    assert_eq!(node.waiting(), 39);
    broker.restart().await;
    for at in 40..50 {
        ids.push(node.put("v1", &at.to_string()).await.id);
    }
    for id in ids {
        let delivery = node.take().await;
        assert_eq!(delivery.id, id);
        node.turn(&record, delivery).await;
    }
    eventually("the spool is empty", || async { (node.waiting() == 0).then_some(()) }).await;
}
