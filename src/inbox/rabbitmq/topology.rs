//! The exchanges and queues that the inbox uses: declared when a connection is made, and compared with what is there.

use std::sync::LazyLock;

use lapin::{
    Channel, Connection, Error, ErrorKind, ExchangeKind, Queue,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable, LongString, ShortString},
};
use regex::Regex;

use super::{link, settings::DELIVERIES_MOST};

/// Where messages are published; the routing key is the number of the partition.
pub(super) const INBOX: &str = "switchboard.inbox";
/// Where the broker puts what it gave up, and the queue of that.
pub(super) const DEAD: &str = "switchboard.dead";
/// Holds no message: its length limit is the number of partitions, which every node has to agree on. It is declared last,
/// because RabbitMQ writes a new queue's entry in its list of Raft members with the next one's, or seconds later: a broker
/// that is killed before then has its last queue back empty and without a leader (seen with 3.10).
const PARTITIONS: &str = "switchboard.partitions";

/// AMQP's reply code for what does not exist.
const NOT_FOUND: u16 = 404;

/// The queue of a partition.
pub(super) fn queue_of(partition: u16) -> ShortString {
    format!("{INBOX}.{partition}").into()
}

/// Whether this is a queue that [`declare`] makes.
pub(super) fn is_ours(queue: &str) -> bool {
    let partition = || queue.strip_prefix(INBOX)?.strip_prefix('.')?.parse::<u16>().ok();
    [DEAD, PARTITIONS].contains(&queue) || partition().is_some()
}

/// The routing key of a partition.
pub(super) fn key_of(partition: u16) -> ShortString {
    partition.to_string().into()
}

/// Why the broker's queues cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TopologyError {
    /// The nodes do not agree on the number of partitions.
    #[error(
        "the broker's messages are divided into {there} partitions, and distributed.partitions is {configured}: set it to \
         {there}, or change the number as docs/operations.md says (stop every daemon's intake, let the queues run empty, \
         delete the queues {PARTITIONS} and {INBOX}.*, start with the new number)"
    )]
    Partitions {
        /// What the broker says.
        there: String,
        /// What this node wants.
        configured: u16,
    },
    /// A queue or an exchange is there and is another one than it should be.
    #[error(
        "the broker's {what} has {argument} = {there}, and Switchboard needs {needed}: let the queue run empty and delete \
         it, so that it is declared anew, and remove the policy that sets this, if there is one"
    )]
    Mismatch {
        /// Which one.
        what: String,
        /// Which argument.
        argument: String,
        /// Its value.
        there: String,
        /// What it should be.
        needed: String,
    },
    /// The broker refuses, or does not answer.
    #[error("the broker does not let its queues be declared: {0}")]
    Refused(String),
    /// What is asked for is not there.
    #[error("{0}")]
    Missing(String),
}

/// Declares everything.
///
/// # Errors
/// Something is there and is not what it should be, or the broker refuses.
pub(super) async fn declare(connection: &Connection, partitions: u16) -> Result<(), TopologyError> {
    match look_for_partitions(connection, partitions).await {
        Ok(_) | Err(TopologyError::Missing(_)) => {}
        Err(error) => return Err(error),
    }
    let channel = open(connection).await?;
    exchange(&channel, INBOX, ExchangeKind::Direct).await?;
    exchange(&channel, DEAD, ExchangeKind::Fanout).await?;
    queue(&channel, DEAD.into(), dead_arguments()).await?;
    answered(channel.queue_bind(
        DEAD.into(),
        DEAD.into(),
        "".into(),
        QueueBindOptions::default(),
        FieldTable::default(),
    ))
    .await?;
    for partition in 0..partitions {
        declare_partition(&channel, partition).await?;
    }
    declare_partitions(&channel, partitions).await?;
    link::close(&channel).await;
    Ok(())
}

/// Declares the queue of one partition.
pub(super) async fn declare_partition(channel: &Channel, partition: u16) -> Result<(), TopologyError> {
    let (name, key) = (queue_of(partition), key_of(partition));
    queue(channel, name.clone(), partition_arguments()).await?;
    answered(channel.queue_bind(name, INBOX.into(), key, QueueBindOptions::default(), FieldTable::default())).await
}

/// How many messages are with no node, in all partitions and among the dead letters that are not in the record yet.
///
/// # Errors
/// One of the queues is missing or silent.
pub(super) async fn waiting(connection: &Connection, partitions: u16) -> Result<u64, String> {
    let channel = link::channel(connection).await?;
    let mut waiting = 0;
    for queue in (0..partitions).map(queue_of).chain([DEAD.into()]) {
        let asked = ask(&channel, queue).await.map_err(|error| match error {
            TopologyError::Refused(why) => why,
            error => error.to_string(),
        });
        waiting += u64::from(asked?.message_count());
    }
    link::close(&channel).await;
    Ok(waiting)
}

/// A queue as it is; it is not made where it is missing.
async fn ask(channel: &Channel, queue: ShortString) -> Result<Queue, TopologyError> {
    let options = QueueDeclareOptions::durable().passive();
    answered(channel.queue_declare(queue, options, FieldTable::default())).await
}

/// What was found of a queue or an exchange by looking.
#[derive(Debug, Clone)]
pub enum Found {
    /// It is there, and what it should be.
    There {
        /// How many of its messages are with no node.
        messages: u32,
        /// How many take messages from it.
        consumers: u32,
    },
    /// It is not there.
    Missing,
    /// It is another one, or silent.
    Wrong(TopologyError),
}

impl Found {
    /// How many messages are with no node; none where nothing is.
    ///
    /// # Errors
    /// It is another one, or silent.
    pub fn waiting(&self) -> Result<u64, TopologyError> {
        match self {
            Self::There { messages, .. } => Ok((*messages).into()),
            Self::Missing => Ok(0),
            Self::Wrong(error) => Err(error.clone()),
        }
    }
}

/// Looks for the queue of a partition.
pub(super) async fn find_partition(connection: &Connection, partition: u16) -> Found {
    find(connection, queue_of(partition), partition_arguments()).await
}

/// Looks for the queue of the dead letters.
pub(super) async fn find_dead(connection: &Connection) -> Found {
    find(connection, DEAD.into(), dead_arguments()).await
}

/// Looks for everything else that [`declare`] makes.
pub(super) async fn find_others(connection: &Connection, partitions: u16) -> Vec<(String, Found)> {
    let agreed = found(look_for_partitions(connection, partitions).await);
    let mut others = vec![(PARTITIONS.to_owned(), agreed)];
    for (name, kind) in [(INBOX, ExchangeKind::Direct), (DEAD, ExchangeKind::Fanout)] {
        others.push((format!("the exchange {name}"), found(look_for_exchange(connection, name, kind).await)));
    }
    others
}

async fn look_for_partitions(connection: &Connection, partitions: u16) -> Result<(u32, u32), TopologyError> {
    let channel = open(connection).await?;
    ask(&channel, PARTITIONS.into()).await?;
    declare_partitions(&channel, partitions).await?;
    link::close(&channel).await;
    Ok((0, 0))
}

async fn look_for_exchange(
    connection: &Connection,
    name: &str,
    kind: ExchangeKind,
) -> Result<(u32, u32), TopologyError> {
    let channel = open(connection).await?;
    let options = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
    answered(channel.exchange_declare(name.into(), kind.clone(), options, FieldTable::default())).await?;
    exchange(&channel, name, kind).await?;
    link::close(&channel).await;
    Ok((0, 0))
}

async fn find(connection: &Connection, name: ShortString, arguments: FieldTable) -> Found {
    let looked = async {
        let channel = open(connection).await?;
        let seen = ask(&channel, name.clone()).await?;
        // It is there, so nothing is made: the broker compares.
        queue(&channel, name, arguments).await?;
        link::close(&channel).await;
        Ok((seen.message_count(), seen.consumer_count()))
    };
    found(looked.await)
}

fn found(looked: Result<(u32, u32), TopologyError>) -> Found {
    match looked {
        Ok((messages, consumers)) => Found::There { messages, consumers },
        Err(TopologyError::Missing(_)) => Found::Missing,
        Err(error) => Found::Wrong(error),
    }
}

async fn open(connection: &Connection) -> Result<Channel, TopologyError> {
    link::channel(connection).await.map_err(TopologyError::Refused)
}

async fn declare_partitions(channel: &Channel, partitions: u16) -> Result<(), TopologyError> {
    let arguments = table([quorum(), ("x-max-length", AMQPValue::LongLongInt(partitions.into()))]);
    match queue(channel, PARTITIONS.into(), arguments).await {
        Err(TopologyError::Mismatch { argument, there, .. }) if argument == "x-max-length" => {
            Err(TopologyError::Partitions { there, configured: partitions })
        }
        declared => declared,
    }
}

/// One consumer at a time; what was delivered too often goes to the dead letters, and is not forgotten here before it is
/// there.
fn partition_arguments() -> FieldTable {
    table([
        quorum(),
        ("x-single-active-consumer", true.into()),
        ("x-delivery-limit", AMQPValue::LongLongInt(DELIVERIES_MOST.into())),
        ("x-dead-letter-exchange", text(DEAD)),
        ("x-dead-letter-strategy", text("at-least-once")),
        ("x-overflow", text("reject-publish")),
    ])
}

/// Never given up: newer brokers would drop a dead letter after 20 deliveries if they were not told otherwise.
fn dead_arguments() -> FieldTable {
    table([quorum(), ("x-delivery-limit", AMQPValue::LongLongInt(1_000_000_000))])
}

fn quorum() -> (&'static str, AMQPValue) {
    ("x-queue-type", text("quorum"))
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(text))
}

fn table<const N: usize>(arguments: [(&str, AMQPValue); N]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in arguments {
        table.insert(name.into(), value);
    }
    table
}

async fn exchange(channel: &Channel, name: &str, kind: ExchangeKind) -> Result<(), TopologyError> {
    let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    answered(channel.exchange_declare(name.into(), kind, options, FieldTable::default())).await
}

async fn queue(channel: &Channel, name: ShortString, arguments: FieldTable) -> Result<(), TopologyError> {
    answered(channel.queue_declare(name, QueueDeclareOptions::durable(), arguments)).await.map(drop)
}

async fn answered<T>(answer: impl Future<Output = lapin::Result<T>>) -> Result<T, TopologyError> {
    match tokio::time::timeout(link::PATIENCE, answer).await {
        Ok(answer) => answer.map_err(|error| in_words(&error)),
        Err(_) => Err(TopologyError::Refused("it does not answer".to_owned())),
    }
}

/// What the broker says of a declaration that does not fit: `PRECONDITION_FAILED - inequivalent arg 'x-max-length' for queue
/// 'q' in vhost '/': received the value '4' of type 'signedint' but current is the value '16' of type 'long'`, with
/// variations.
fn in_words(error: &Error) -> TopologyError {
    static INEQUIVALENT: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r"inequivalent arg '([^']+)' for ((?:queue|exchange) '[^']+').*?received (?:the value )?'?([^' ]+)'?.*?but current is (?:the value )?'?([^' ]+)'?",
        )
        .ok()
    });
    let ErrorKind::ProtocolError(refusal) = error.kind() else { return TopologyError::Refused(error.to_string()) };
    let message = refusal.get_message().to_string();
    if refusal.get_id() == NOT_FOUND {
        return TopologyError::Missing(message);
    }
    match INEQUIVALENT.as_ref().and_then(|pattern| pattern.captures(&message)) {
        Some(found) => TopologyError::Mismatch {
            argument: found[1].to_owned(),
            what: found[2].to_owned(),
            needed: found[3].to_owned(),
            there: found[4].to_owned(),
        },
        None => TopologyError::Refused(message),
    }
}
