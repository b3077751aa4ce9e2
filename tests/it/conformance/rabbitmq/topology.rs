//! The broker's queues are what they should be, or the daemon says what is not.

use std::{collections::BTreeSet, time::Duration};

use contract::MessageId;
use futures::{StreamExt, future::join_all};
use lapin::{
    BasicProperties,
    options::{
        BasicConsumeOptions, BasicNackOptions, BasicPublishOptions, BasicQosOptions, QueueBindOptions,
        QueueDeclareOptions, QueueDeleteOptions,
    },
    types::{AMQPValue, FieldTable},
};
use switchboard::inbox::{
    Queue,
    rabbitmq::{Found, NodeId, Settings, TopologyError, look, waiting},
};

use super::{Node, exact, inbound, record::Record};
use crate::harness::{Broker, eventually, within};

const NOBODY: &[NodeId] = &[];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_divide_threads_otherwise_are_refused() {
    let (broker, record) = (Broker::shared().await, Record::new());
    let node = Node::open(Settings { partitions: 4, ..broker.settings() }, &record).await;
    for partitions in [2, 8] {
        let settings = Settings { partitions, ..broker.settings() };
        let refused = Node::start(2, NOBODY, settings, &record).await.err().unwrap().to_string();
        assert!(refused.contains("divided into 4 partitions"), "{refused}");
        assert!(refused.contains(&format!("distributed.partitions is {partitions}")), "{refused}");
    }
    node.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_is_another_is_named_with_what_is_wrong() {
    let (broker, record) = (Broker::shared().await, Record::new());
    let (_connection, channel) = broker.channel().await;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(3));
    arguments.insert("x-single-active-consumer".into(), true.into());
    let name = "switchboard.inbox.1";
    channel.queue_declare(name.into(), QueueDeclareOptions::durable(), arguments).await.unwrap();
    let refused = Node::start(1, &[1], exact(broker.settings()), &record).await.err().unwrap().to_string();
    assert!(refused.contains("queue 'switchboard.inbox.1'") && refused.contains("and Switchboard needs"), "{refused}");
    let seen = look(&exact(broker.settings())).await.unwrap();
    assert!(matches!(&seen.partitions[1], Found::Wrong(TopologyError::Mismatch { .. })), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_names_what_is_there_and_changes_nothing() {
    let (broker, record) = (Broker::shared().await, Record::new());
    let settings = || exact(broker.settings());
    for _ in 0..2 {
        let seen = look(&settings()).await.unwrap();
        assert!(seen.server.product == "RabbitMQ" && seen.server.version.contains('.'), "{seen:?}");
        let all = seen.partitions.iter().chain([&seen.dead]).chain(seen.others.iter().map(|(_, found)| found));
        assert!(all.into_iter().all(|found| matches!(found, Found::Missing)), "{seen:?}");
    }
    assert_eq!(waiting(&settings()).await.unwrap(), 0, "where no queue is, nothing waits");

    let node = Node::start(1, NOBODY, settings(), &record).await.unwrap();
    node.put("v1", "a").await;
    let consumers = |of: &[Found]| -> Vec<u32> {
        let count =
            |found: &Found| if let Found::There { consumers, .. } = found { *consumers } else { panic!("{of:?}") };
        of.iter().map(count).collect()
    };
    let seen = look(&settings()).await.unwrap();
    assert_eq!(consumers(&seen.partitions), [0, 0], "nobody works");
    assert!(seen.others.iter().all(|(_, found)| matches!(found, Found::There { .. })), "{seen:?}");
    assert_eq!(waiting(&settings()).await.unwrap(), 1);
    node.knows(&[1]);
    eventually("each partition has a consumer", || async {
        let seen = look(&exact(broker.secure_settings())).await.unwrap();
        (consumers(&seen.partitions) == [1, 1] && consumers(&[seen.dead]) == [1]).then_some(())
    })
    .await;
    assert_eq!(waiting(&settings()).await.unwrap(), 0, "the node has it");
    assert_eq!(node.beside_record().await.unwrap(), 1);

    let seen = look(&Settings { partitions: 1, ..settings() }).await.unwrap();
    let (name, agreed) = &seen.others[0];
    assert_eq!(name, "switchboard.partitions");
    assert!(matches!(agreed, Found::Wrong(TopologyError::Partitions { .. })), "{agreed:?}");
    node.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_said_and_never_shown() {
    let (broker, record) = (Broker::shared().await, Record::new());
    let settings = Settings { password: Some("hunter2".into()), ..exact(broker.settings()) };
    let node = Node::start(1, &[1], settings, &record).await.unwrap();
    let refused = node.try_put(inbound("v1", "a", "x")).await.err().unwrap();
    let why = std::error::Error::source(&refused).unwrap().to_string();
    assert!(why.contains("ACCESS_REFUSED") || why.contains("ACCESS-REFUSED"), "{why}");
    assert!(!why.contains("hunter2"), "{why}");
    assert!(node.inbox.ready().await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_speaks_tls() {
    let (broker, record) = (Broker::shared().await, Record::new());
    let node = Node::open(exact(broker.secure_settings()), &record).await;
    let id = node.put("v1", "a").await.id;
    assert_eq!(node.take().await.id, id);
    // Whoever is not vouched for is not spoken to.
    let settings = Settings { authorities: None, ..exact(broker.secure_settings()) };
    let stranger = Node::start(2, NOBODY, settings, &record).await.unwrap();
    assert!(stranger.try_put(inbound("v1", "b", "x")).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_queue_is_declared_again() {
    let (broker, record) = (Broker::shared().await, Record::new());
    let settings = Settings { partitions: 2, measure_every: Duration::from_millis(200), ..broker.settings() };
    let node = Node::open(settings, &record).await;
    node.put("v1", "a").await;
    let delivery = node.take().await;
    node.turn(&record, delivery).await;
    let (_connection, channel) = broker.channel().await;
    for partition in 0..2 {
        let name = format!("switchboard.inbox.{partition}");
        channel.queue_delete(name.into(), QueueDeleteOptions::default()).await.unwrap();
    }
    // Until it is there again, a message that no queue takes is an error, and is lost to nobody.
    let id = eventually("a queue takes messages again", || async {
        node.try_put(inbound("v1", "b", "x")).await.ok().map(|accepted| accepted.id)
    })
    .await;
    assert_eq!(node.take().await.id, id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_message_is_set_aside_once() {
    let (broker, record) = (Broker::shared().await, Record::new());
    let node = Node::open(exact(broker.settings()), &record).await;
    record.set_away(true);
    let (_connection, channel) = broker.channel().await;
    for body in ["not JSON", "{\"version\": 9, \"shape\": \"unknown\"}", "not JSON"] {
        let options = BasicPublishOptions::default();
        let properties = BasicProperties::default();
        channel
            .basic_publish("switchboard.inbox".into(), "1".into(), options, body.as_bytes(), properties)
            .await
            .unwrap();
    }
    let behind = node.put("v1", "a").await.id;
    assert_eq!(node.take().await.id, behind, "nobody waits for them");
    record.set_away(false);
    record.until("both are set aside", |state| state.unread.len() == 2).await;
    eventually("they are settled", || async { (node.waiting() == 1).then_some(()) }).await;
    let state = record.lock();
    assert!(state.unread.iter().any(|unread| unread.reason.contains("newer release")));
    assert!(state.unread.iter().any(|unread| &unread.bytes[..] == b"not JSON"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_broker_gives_up_is_a_dead_letter_with_its_reason() {
    let (broker, record) = (Broker::shared().await, Record::new());
    let settings = || Settings { partitions: 1, ..broker.settings() };
    let gateway = Node::start(1, NOBODY, settings(), &record).await.unwrap();
    let ids = ["a", "b", "c"];
    let ids = join_all(ids.map(|external| gateway.put("v1", external))).await;
    let ids: BTreeSet<MessageId> = ids.into_iter().map(|accepted| accepted.id).collect();
    // A consumer that never settles it.
    let (_connection, channel) = broker.channel().await;
    channel.basic_qos(1, BasicQosOptions::default()).await.unwrap();
    let options = BasicConsumeOptions::default();
    let consuming = channel.basic_consume("switchboard.inbox.0".into(), "bad".into(), options, FieldTable::default());
    let mut consumer = consuming.await.unwrap();
    let buried = record.until("it is buried", |state| state.dead.len() == 3);
    let give_back = async {
        while let Some(delivery) = consumer.next().await {
            let tag = delivery.unwrap().delivery_tag;
            channel.basic_nack(tag, BasicNackOptions { requeue: true, multiple: false }).await.unwrap();
        }
    };
    tokio::select! {
        () = buried => {}
        () = give_back => panic!("the consumer ended"),
    }
    let dead = record.lock().dead.clone();
    assert_eq!(dead.iter().map(|(id, ..)| *id).collect::<BTreeSet<_>>(), ids, "those that came as one too");
    assert!(dead.iter().all(|(.., reason)| reason.contains("switchboard.inbox.0 more than 20 times")), "{dead:?}");
    within("the gateway closes", gateway.close()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_systems_hear_what_they_ask_for() {
    let (broker, record) = (Broker::shared().await, Record::new());
    let node = Node::open(exact(broker.settings()), &record).await;
    let events = node.inbox.events();
    let (_connection, channel) = broker.channel().await;
    // The exchange is there from the first event on.
    let bind = || async {
        events.publish("conversation", "opened", &"nobody listens yet");
        let (_connection, channel) = broker.channel().await;
        let options = QueueDeclareOptions { exclusive: false, auto_delete: false, ..QueueDeclareOptions::durable() };
        channel.queue_declare("listener".into(), options, FieldTable::default()).await.ok()?;
        let (queue, exchange) = ("listener".into(), "switchboard.events".into());
        channel
            .queue_bind(queue, exchange, "decision.*".into(), QueueBindOptions::default(), FieldTable::default())
            .await
            .ok()
    };
    eventually("the exchange is there", bind).await;
    events.publish("conversation", "closed", &"not asked for");
    events.publish("decision", "queue", &serde_json::json!({"queue": "sales"}));
    let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    let queue = "listener".into();
    let mut heard = channel.basic_consume(queue, "listener".into(), options, FieldTable::default()).await.unwrap();
    let first = within("an event", heard.next()).await.unwrap().unwrap();
    assert_eq!((first.routing_key.as_str(), &first.data[..]), ("decision.queue", &b"{\"queue\":\"sales\"}"[..]));
    channel.queue_delete("listener".into(), QueueDeleteOptions::default()).await.unwrap();
}
