//! What every inbox does.

use contract::InboxError;
use futures::future::join_all;
use switchboard::inbox::{
    Queue,
    rabbitmq::{Letters, Settings, waiting},
};

use super::{Node, exact, inbound, record::Record};
use crate::harness::Broker;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accepted_is_durable() {
    let (broker, record) = (Broker::shared().await, Record::new());
    let node = Node::open(exact(broker.settings()), &record).await;
    let message = inbound("v1", "a", "怎么退货？ 👩‍👩‍👧");
    let accepted = node.try_put(message.clone()).await.unwrap();
    assert!(!accepted.duplicate);
    assert_eq!(node.waiting(), 1);
    node.close().await;
    let again = Node::open(exact(broker.settings()), &record).await;
    assert_eq!(again.waiting(), 1);
    let delivery = again.take().await;
    assert_eq!((delivery.id, &*delivery.inbound), (accepted.id, &message));
    assert_eq!(again.waiting(), 1, "it waits until it is settled");
    again.turn(&record, delivery).await;
    assert_eq!(again.waiting(), 0);
    again.close().await;
    assert_eq!(Node::open(exact(broker.settings()), &record).await.waiting(), 0, "the broker knows");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_platform_message_is_accepted_once() {
    let (broker, record) = (Broker::shared().await, Record::new());
    let node = Node::open(exact(broker.settings()), &record).await;
    let tries = join_all((0..20).map(|_| node.put("v1", "a"))).await;
    assert_eq!(tries.iter().filter(|accepted| !accepted.duplicate).count(), 1);
    assert!(tries.iter().all(|accepted| accepted.id == tries[0].id));
    let mut elsewhere = inbound("v1", "a", "x");
    elsewhere.channel = "another".into();
    for different in [inbound("v1", "b", "x"), elsewhere] {
        assert!(!node.try_put(different).await.unwrap().duplicate);
    }
    for _ in 0..3 {
        let delivery = node.take().await;
        node.turn(&record, delivery).await;
    }
    node.close().await;
    // The next daemon has forgotten; the record has not.
    let again = Node::open(exact(broker.settings()), &record).await;
    let accepted = again.put("v1", "a").await;
    assert!(accepted.duplicate && accepted.id == tries[0].id);
    // Nothing is refused for want of a record, and the turn recognises what comes twice.
    again.close().await;
    let again = Node::open(exact(broker.settings()), &record).await;
    record.set_away(true);
    assert!(!again.put("v1", "a").await.duplicate);
    record.set_away(false);
    let delivery = again.take().await;
    again.turn(&record, delivery).await;
    let state = record.lock();
    assert_eq!((state.turns.len(), state.again), (3, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_id_equals_no_other() {
    let (broker, record) = (Broker::shared().await, Record::new());
    let node = Node::open(exact(broker.settings()), &record).await;
    for _ in 0..3 {
        assert!(!node.put("v1", "").await.duplicate);
    }
    assert_eq!(node.waiting(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_come_out_in_the_order_of_acceptance() {
    let (broker, record) = (Broker::shared().await, Record::new());
    let one = || Settings { partitions: 1, ..broker.settings() };
    let node = Node::open(one(), &record).await;
    let mut accepted = Vec::new();
    for at in 0..50 {
        accepted.push(node.put("v1", &at.to_string()).await.id);
    }
    let together: Vec<String> = (50..300).map(|at| at.to_string()).collect();
    let together = join_all(together.iter().map(|at| node.put("v2", at))).await;
    let mut together: Vec<_> = together.into_iter().map(|accepted| accepted.id).collect();
    together.sort_unstable();
    accepted.extend(together);
    for id in &accepted[..100] {
        assert_eq!(node.take().await.id, *id);
    }
    node.close().await;
    // Taken by the worker, prefetched, or not: all of it comes again, as it was.
    let again = Node::open(one(), &record).await;
    for id in &accepted {
        let delivery = again.take().await;
        assert_eq!(delivery.id, *id);
        again.turn(&record, delivery).await;
    }
    assert_eq!(record.lock().turns.len(), 300);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn past_the_bound_it_is_busy_and_loses_nothing() {
    let (broker, record) = (Broker::shared().await, Record::new());
    let node = Node::open(Settings { waiting_most: 3, ..exact(broker.settings()) }, &record).await;
    for at in 0..3 {
        node.put("v1", &at.to_string()).await;
    }
    let refused = node.try_put(inbound("v1", "3", "x")).await;
    assert!(matches!(refused, Err(InboxError::Busy { retry_after }) if !retry_after.is_zero()), "{refused:?}");
    let first = node.take().await;
    node.turn(&record, first).await;
    assert!(!node.put("v1", "3").await.duplicate);
    for _ in 0..3 {
        node.take().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unsettled_message_comes_again() {
    let (broker, record) = (Broker::shared().await, Record::new());
    let node = Node::open(exact(broker.settings()), &record).await;
    let mut ids = Vec::new();
    for at in 0..3 {
        ids.push(node.put("v1", &at.to_string()).await.id);
    }
    let (first, second, third) = (node.take().await, node.take().await, node.take().await);
    // Out of order, and one not at all.
    node.turn(&record, third).await;
    node.turn(&record, first).await;
    node.close().await;
    node.inbox.done(second).await.expect("what a closed channel delivered is settled in silence");
    let again = Node::open(exact(broker.settings()), &record).await;
    assert_eq!(again.waiting(), 1);
    assert_eq!(again.take().await.id, ids[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_at_once_goes_together_unless_a_daemon_of_another_version_is_there() {
    let (broker, record) = (Broker::shared().await, Record::new());
    let one = || Settings { partitions: 1, ..exact(broker.settings()) };
    let gateway = Node::start(2, &[1], one(), &record).await.unwrap();
    let put = |from: usize| {
        let names: Vec<String> = (from..from + 200).map(|at| at.to_string()).collect();
        let gateway = &gateway;
        async move { join_all(names.iter().map(|name| gateway.put(name, name))).await }
    };
    gateway.alike.send_replace(false);
    put(0).await;
    assert_eq!(waiting(&one()).await.unwrap(), 200, "as every version reads it");
    gateway.alike.send_replace(true);
    put(200).await;
    let of_the_broker = waiting(&one()).await.unwrap() - 200;
    assert!(of_the_broker < 100, "{of_the_broker} messages of the broker's hold 200");
    assert_eq!(gateway.waiting(), 400);
    gateway.close().await;

    let node = Node::open(one(), &record).await;
    let mut left = None;
    for at in 0..400 {
        let delivery = node.take().await;
        match at {
            399 => left = Some(delivery.id),
            _ => node.turn(&record, delivery).await,
        }
    }
    node.close().await;
    let again = Node::open(one(), &record).await;
    let came = waiting(&one()).await.unwrap();
    assert_eq!(came, 0, "one message of the broker's is left, and it is with the daemon");
    let mut turns = 399;
    while turns < 400 {
        let delivery = again.take().await;
        again.turn(&record, delivery).await;
        turns = record.lock().turns.len();
    }
    let state = record.lock();
    assert_eq!(state.turns[399].0, left.unwrap());
    assert!(state.again < 16, "what was settled with it came again and was recognised: {}", state.again);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_message_is_kept_until_it_is_redriven() {
    let (broker, record) = (Broker::shared().await, Record::new());
    let node = Node::open(exact(broker.settings()), &record).await;
    let id = node.try_put(inbound("v1", "a", "the bad one")).await.unwrap().id;
    let delivery = node.take().await;
    record.set_away(true);
    assert!(node.inbox.dead(&delivery, "it cannot be read").await.is_err());
    assert_eq!(node.waiting(), 1, "it is given up when that is kept");
    record.set_away(false);
    node.inbox.dead(&delivery, "it cannot be read").await.unwrap();
    assert_eq!(node.waiting(), 0);
    {
        let state = record.lock();
        assert_eq!((state.dead[0].0, state.dead[0].2.as_str()), (id, "it cannot be read"));
    }
    let new = contract::MessageId::from(id.get() + 1);
    record.redrive(new);
    let delivery = node.take().await;
    assert_eq!((delivery.id, delivery.inbound.content.text()), (new, "the bad one"));
    record.until("the record knows that it is in the queue", |state| state.published == [new]).await;
    node.turn(&record, delivery).await;
    assert!(record.to_publish(10).await.unwrap().is_empty());
}
