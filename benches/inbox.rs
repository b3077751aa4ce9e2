//! The inbox on RabbitMQ beside a bare client of the same broker, in the same run.
//!
//! `cargo bench --bench inbox` takes about two minutes; `-- quick` half a minute. It starts a RabbitMQ of its own.
//!
//! Every figure is of this machine at this moment; only the ratios say something.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a tool for developers: it may stop at once")]
#![allow(dead_code, unused_imports, reason = "the tests' harness has more than is used here")]

#[path = "support/bare.rs"]
mod bare;
#[path = "../tests/it/harness/mod.rs"]
mod harness;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bare::{IN_FLIGHT, PREFETCH, THREADS, bare, message};
use contract::{IdClock, Inbound, Inbox, MessageId, Unread};
use harness::{Broker, within};
use switchboard::{
    inbox::{
        Queue,
        rabbitmq::{Letters, Membership, RabbitInbox, Settings},
    },
    store::{StoreError, dedup_key::DedupKey},
};
use tokio::sync::watch;

/// The daemon's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let quick = std::env::args().any(|argument| argument == "quick");
    let (rounds, lasts) = if quick { (2, Duration::from_secs(3)) } else { (3, Duration::from_secs(10)) };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let broker = Broker::start().await;
        println!("{IN_FLIGHT} messages in flight, prefetch {PREFETCH}, bodies of about 1 KiB, {THREADS} threads");
        for round in 0..rounds {
            let bare = bare(&broker, lasts, round).await;
            println!("bare client, one quorum queue       {bare:>7.0}/s");
            for (partitions, alike) in [(1, false), (16, false), (1, true), (16, true)] {
                let inbox = inbox(&broker, lasts, (partitions, alike), round).await;
                println!(
                    "inbox, {partitions:>2} partitions, {}    {inbox:>7.0}/s   {:.0} % of bare",
                    if alike { "together" } else { "alone   " },
                    100.0 * inbox / bare
                );
            }
        }
    });
}

/// Accept, next, done; messages settled a second. Those that come at once may go together, or do not.
async fn inbox(broker: &Broker, lasts: Duration, (partitions, alike): (u16, bool), round: u64) -> f64 {
    broker.clean().await;
    let settings = Settings { partitions, prefetch: PREFETCH, ..broker.settings() };
    let (_workers, workers) = watch::channel(Arc::from([1]));
    let (_alike, alike) = watch::channel(alike);
    let membership = Membership { me: 1, workers, alike };
    let inbox = RabbitInbox::start(settings, Arc::new(IdClock::new(1)), membership, Arc::new(Nothing));
    let inbox = inbox.await.unwrap();
    let mut owned = inbox.owned();
    within("it has partitions", owned.wait_for(|owned| !owned.is_empty())).await.unwrap();
    let (settled, next, over) =
        (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let (taking, counted) = (Arc::clone(&inbox), Arc::clone(&settled));
    let taking = tokio::spawn(async move {
        while let Some(delivery) = taking.next().await {
            taking.done(delivery).await.unwrap();
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let began = Instant::now();
    let senders: Vec<_> = (0..IN_FLIGHT)
        .map(|_| {
            let (inbox, next, over) = (Arc::clone(&inbox), Arc::clone(&next), Arc::clone(&over));
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    let at = round << 32 | next.fetch_add(1, Ordering::Relaxed);
                    inbox.accept(message(at)).await.unwrap();
                }
            })
        })
        .collect();
    tokio::time::sleep(lasts).await;
    let rate = settled.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
    over.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.await.unwrap();
    }
    inbox.close().await;
    taking.await.unwrap();
    rate
}

/// A record that has nothing, at once.
struct Nothing;

#[async_trait]
impl Letters for Nothing {
    async fn known(&self, keys: &[DedupKey]) -> Result<Vec<Option<MessageId>>, StoreError> {
        Ok(vec![None; keys.len()])
    }

    async fn bury(&self, _id: MessageId, _inbound: &Inbound, _reason: &str) -> Result<(), StoreError> {
        Ok(())
    }

    async fn set_aside(&self, _unread: Unread) -> Result<(), StoreError> {
        Ok(())
    }

    async fn to_publish(&self, _limit: usize) -> Result<Vec<(MessageId, Arc<Inbound>)>, StoreError> {
        Ok(Vec::new())
    }

    async fn published(&self, _ids: &[MessageId]) -> Result<(), StoreError> {
        Ok(())
    }
}
