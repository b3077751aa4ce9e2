//! What a bare client of RabbitMQ does with the same bodies: publish, confirm, consume, acknowledge through one quorum
//! queue, and nothing else.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use contract::{Address, Body, Content, Inbound, Sender};
use futures::{StreamExt, stream::FuturesUnordered};
use lapin::{
    BasicProperties, Channel,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
        QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable},
};

use super::harness::Broker;

pub const IN_FLIGHT: usize = 256;
pub const PREFETCH: u16 = 256;
pub const THREADS: u64 = 5_000;

pub fn message(at: u64) -> Inbound {
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

/// Messages settled a second.
pub async fn bare(broker: &Broker, lasts: Duration, round: u64) -> f64 {
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
