//! Several nodes on one broker.

use std::{collections::HashMap, sync::Arc};

use contract::Stop;
use futures::{FutureExt, future::join_all};
use switchboard::inbox::{Queue, rabbitmq::Settings};
use tokio::task::JoinHandle;

use super::{Node, record::Record};
use crate::harness::{Broker, within};

const THREADS: usize = 24;

/// A node whose worker gives one message after the other its turn.
struct Working {
    node: Arc<Node>,
    stop: Stop,
    worker: JoinHandle<usize>,
}

impl Working {
    async fn start(me: u8, workers: &[u8], broker: &Broker, record: &Arc<Record>) -> Self {
        let settings = Settings { partitions: 8, prefetch: 32, ..broker.settings() };
        let node = Arc::new(Node::start(me, workers, settings, record).await.unwrap());
        let stop = Stop::new();
        let worker = tokio::spawn(work(Arc::clone(&node), Arc::clone(record), stop.clone()));
        Self { node, stop, worker }
    }

    /// Stops it as a daemon does; how many turns it gave.
    async fn end(self) -> usize {
        self.stop.cancel();
        let turns = within("a worker ends", self.worker).await.unwrap();
        within("a node closes", self.node.close()).await;
        turns
    }

    /// Drops it with whatever it has.
    async fn crash(self) {
        self.worker.abort();
        let _ = self.worker.await;
        drop(self.node);
    }
}

async fn work(node: Arc<Node>, record: Arc<Record>, stop: Stop) -> usize {
    let mut turns = 0;
    while let Some(Some(delivery)) = stop.run_until_cancelled(node.inbox.next()).await {
        record.turn(&delivery);
        tokio::task::yield_now().await;
        node.inbox.done(delivery).await.unwrap();
        turns += 1;
    }
    turns
}

/// One more round of messages, one in each thread, over a node.
async fn round(node: &Node, at: usize) {
    join_all((0..THREADS).map(|thread| async move {
        node.put(&format!("t{thread}"), &format!("{thread}/{at}")).await;
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_message_is_processed_once_and_in_order_while_nodes_come_and_go() {
    let (broker, record) = (Broker::shared().await, Record::new());
    let first = Working::start(1, &[1], &broker, &record).await;
    let mut rounds = 0..;
    let mut publish = async |node: &Node, many: usize| {
        for at in rounds.by_ref().take(many) {
            round(node, at).await;
        }
    };
    publish(&first.node, 6).await;
    // A second one comes, and a third.
    let second = Working::start(2, &[1, 2], &broker, &record).await;
    first.node.knows(&[1, 2]);
    publish(&second.node, 6).await;
    let third = Working::start(3, &[1, 2, 3], &broker, &record).await;
    first.node.knows(&[1, 2, 3]);
    publish(&first.node, 3).await;
    second.node.knows(&[1, 2, 3]);
    publish(&third.node, 6).await;
    // One is stopped before the others hear of it, one crashes.
    let turns = first.end().await;
    publish(&second.node, 6).await;
    second.node.knows(&[2, 3]);
    third.node.knows(&[2, 3]);
    publish(&third.node, 6).await;
    second.crash().await;
    publish(&third.node, 3).await;
    third.node.knows(&[3]);
    publish(&third.node, 3).await;
    let all = THREADS * rounds.start;
    record.until("every message has had its turn", |state| state.turns.len() == all).await;
    assert!(turns > 0);
    third.end().await;
    let state = record.lock();
    assert!(state.dead.is_empty());
    let mut seen: HashMap<&str, Vec<usize>> = HashMap::new();
    for (_, inbound) in &state.turns {
        let (_, at) = inbound.external_id.split_once('/').unwrap();
        seen.entry(&inbound.thread).or_default().push(at.parse().unwrap());
    }
    assert_eq!(seen.len(), THREADS);
    for (thread, order) in seen {
        assert_eq!(order, (0..rounds.start).collect::<Vec<_>>(), "{thread}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_move_to_who_is_there() {
    let (broker, record) = (Broker::shared().await, Record::new());
    let settings = || Settings { partitions: 4, ..broker.settings() };
    let one = Node::start(1, &[1], settings(), &record).await.unwrap();
    let two = Node::start(2, &[], settings(), &record).await.unwrap();
    for thread in 0..8 {
        one.put(&thread.to_string(), &thread.to_string()).await;
    }
    let taken = one.take().await;
    // It goes on with what it has, and its messages are another's.
    one.knows(&[2]);
    two.knows(&[1, 2]);
    two.knows(&[2]);
    let mut owned = one.owned();
    within("it owns nothing", owned.wait_for(Vec::is_empty)).await.unwrap();
    one.turn(&record, taken).await;
    for _ in 0..7 {
        let delivery = two.take().await;
        two.turn(&record, delivery).await;
    }
    assert_eq!(record.lock().again, 0, "nothing was taken twice");
    assert_eq!(record.lock().turns.len(), 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_owner_of_a_partition_waits_for_the_turns_of_the_one_before() {
    let (broker, record) = (Broker::shared().await, Record::new());
    let settings = || Settings { partitions: 1, ..broker.settings() };
    let one = Node::start(1, &[1], settings(), &record).await.unwrap();
    let two = Node::start(2, &[], settings(), &record).await.unwrap();
    for at in 0..4 {
        one.put("v1", &at.to_string()).await;
    }
    let under_way = one.take().await;
    one.knows(&[2]);
    two.knows(&[2]);
    for node in [&one, &two] {
        let mut owned = node.owned();
        within("the partition is two's", owned.wait_for(|owned| owned.is_empty() == std::ptr::eq(node, &one)))
            .await
            .unwrap();
    }
    // Round trips to the broker, which would have given two something in the meantime.
    for at in 4..24 {
        two.put("v1", &at.to_string()).await;
    }
    assert!(two.inbox.next().now_or_never().is_none(), "its turn has not ended");
    one.turn(&record, under_way).await;
    for _ in 1..24 {
        let delivery = two.take().await;
        two.turn(&record, delivery).await;
    }
    let state = record.lock();
    let order: Vec<usize> = state.turns.iter().map(|(_, inbound)| inbound.external_id.parse().unwrap()).collect();
    assert_eq!(order, (0..24).collect::<Vec<_>>());
}
