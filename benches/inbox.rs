//! The inbox on RabbitMQ beside a bare client of the same broker, in the same run.
//!
//! `cargo bench --bench inbox` takes about two minutes; `-- quick` half a minute. It starts a RabbitMQ of its own.
//!
//! Every figure is of this machine at this moment; only the ratios say something.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a tool for developers: it may stop at once")]
#![allow(dead_code, reason = "the tests do more with their broker")]

#[path = "../tests/it/harness/ports.rs"]
mod ports;
#[path = "../tests/it/harness/rabbitmq.rs"]
mod rabbitmq;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use contract::{Address, Body, Content, IdClock, Inbound, Inbox, MessageId, Sender, Unread};
use futures::{StreamExt, stream::FuturesUnordered};
use lapin::{
    BasicProperties, Channel,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
        QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable},
};
use ports::free_ports;
use rabbitmq::Broker;
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

const IN_FLIGHT: usize = 256;
const PREFETCH: u16 = 256;
const THREADS: u64 = 5_000;

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.unwrap_or_else(|_| panic!("{what}: did not happen"))
}

async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let mut again = tokio::time::interval(Duration::from_millis(25));
    within(what, async {
        loop {
            again.tick().await;
            if let Some(found) = ask().await {
                return found;
            }
        }
    })
    .await
}

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
            for partitions in [1, 16] {
                let inbox = inbox(&broker, lasts, partitions, round).await;
                println!(
                    "inbox, {partitions:>2} partitions                {inbox:>7.0}/s   {:.0} % of bare",
                    100.0 * inbox / bare
                );
            }
        }
    });
}

fn message(at: u64) -> Inbound {
    Inbound {
        channel: "shop".into(),
        kind: "webchat".into(),
        external_id: at.to_string(),
        thread: format!("visitor-{}", at % THREADS),
        from: Sender {
            address: Address { space: "webchat:shop".into(), handle: format!("visitor-{}", at % THREADS) },
            name: None,
            email: None,
            phone: None,
            email_verified: false,
            phone_verified: false,
            attributes: Default::default(),
        },
        content: Content::Message(Body::text("Where is my parcel? ".repeat(35))),
        sent_at: None,
        automatic: false,
        related: None,
    }
}

/// Publish, confirm, consume, acknowledge, with nothing else; messages settled a second.
async fn bare(broker: &Broker, lasts: Duration, round: u64) -> f64 {
    let name = format!("bare.{round}");
    let (publishing, publisher) = broker.channel().await;
    let (consuming, consumer) = broker.channel().await;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    publisher.queue_declare(name.as_str().into(), QueueDeclareOptions::durable(), arguments).await.unwrap();
    publisher.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    consumer.basic_qos(PREFETCH, BasicQosOptions::default()).await.unwrap();
    let consume = BasicConsumeOptions::default();
    let mut deliveries =
        consumer.basic_consume(name.as_str().into(), "bare".into(), consume, FieldTable::default()).await.unwrap();
    let settled = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&settled);
    let taking = tokio::spawn(async move {
        while let Some(Ok(delivery)) = deliveries.next().await {
            let count = counted.fetch_add(1, Ordering::Relaxed) + 1;
            if count.is_multiple_of(16) {
                let all = BasicAckOptions { multiple: true };
                consumer.basic_ack(delivery.delivery_tag, all).await.unwrap();
            }
        }
    });
    let began = Instant::now();
    let mut flying = FuturesUnordered::new();
    let mut at = 0;
    while began.elapsed() < lasts {
        while flying.len() < IN_FLIGHT {
            flying.push(publish(publisher.clone(), name.clone(), serde_json::to_vec(&message(at)).unwrap()));
            at += 1;
        }
        flying.next().await;
    }
    let rate = settled.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
    while flying.next().await.is_some() {}
    taking.abort();
    for connection in [publishing, consuming] {
        let _ = tokio::time::timeout(Duration::from_secs(2), connection.close(200, "done".into())).await;
    }
    rate
}

async fn publish(channel: Channel, queue: String, body: Vec<u8>) {
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let properties = BasicProperties::default().with_delivery_mode(2);
    let sent = channel.basic_publish("".into(), queue.into(), options, &body, properties).await.unwrap();
    assert!(sent.await.unwrap().is_ack());
}

/// Accept, next, done; messages settled a second.
async fn inbox(broker: &Broker, lasts: Duration, partitions: u16, round: u64) -> f64 {
    broker.clean().await;
    let settings = Settings { partitions, prefetch: PREFETCH, ..broker.settings() };
    let (_workers, workers) = watch::channel(Arc::from([1]));
    let inbox =
        RabbitInbox::start(settings, Arc::new(IdClock::new(1)), Membership { me: 1, workers }, Arc::new(Nothing));
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
