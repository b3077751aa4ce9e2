//! Takes messages out of the partitions that are this node's.
//!
//! The broker gives each partition to one consumer at a time, so a node that still thinks that a partition is its own, and
//! one that thinks so already, do no harm. A node that loses one gives its worker nothing more of it, lets it finish what
//! it has, and closes the channel: what is left goes back to the head of the queue in its order, and only then does the next
//! consumer get anything. Cancelling the consumer first would let the next one begin behind messages that are still being
//! worked on; handing messages back one by one would count as a failed delivery of each.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use contract::{Inbound, MessageId, Stop, Unread};
use futures::StreamExt;
use lapin::{
    Channel, Connection, Consumer,
    options::{BasicConsumeOptions, BasicQosOptions},
    types::FieldTable,
};
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, watch};
use tokio_util::task::TaskTracker;

use super::{
    depth::Depth,
    envelope,
    letters::Letters,
    link::{self, Link},
    session::{MOST, Session, Sessions, acknowledge},
    share::{NodeId, own},
    topology::{self, queue_of},
};

/// Pauses after a consumer that ended.
const PAUSES: std::ops::Range<Duration> = Duration::from_millis(100)..Duration::from_secs(5);
/// How long telling the broker what is settled may take at the end.
const FAREWELL: Duration = Duration::from_secs(2);

/// A message for the worker.
pub(super) struct Arrived {
    pub session: Arc<Session>,
    pub tag: u64,
    pub id: MessageId,
    pub inbound: Arc<Inbound>,
}

/// What consumers need.
pub(super) struct Intake {
    pub me: NodeId,
    pub partitions: u16,
    pub prefetch: u16,
    pub hand_over_within: Duration,
    pub link: Arc<Link>,
    pub sessions: Arc<Sessions>,
    pub depth: Arc<Depth>,
    pub letters: Arc<dyn Letters>,
    pub arrived: mpsc::UnboundedSender<Arrived>,
    pub stop: Stop,
}

impl Intake {
    /// Consumes what is this node's, as nodes come and go, until stopped.
    pub async fn run(self: Arc<Self>, mut nodes: watch::Receiver<Arc<[NodeId]>>, owned: watch::Sender<Vec<u16>>) {
        let consumers = TaskTracker::new();
        let mut running: HashMap<u16, Stop> = HashMap::new();
        loop {
            let known = Arc::clone(&nodes.borrow_and_update());
            let mine = own(self.partitions, &known, self.me);
            running.retain(|partition, leave| {
                let stays = mine.binary_search(partition).is_ok();
                if !stays {
                    leave.cancel();
                }
                stays
            });
            for partition in &mine {
                running.entry(*partition).or_insert_with(|| {
                    let leave = self.stop.child_token();
                    consumers.spawn(Arc::clone(&self).consume(*partition, leave.clone()));
                    leave
                });
            }
            metrics::gauge!("switchboard_inbox_partitions").set(f64::from(u16::try_from(mine.len()).unwrap_or(0)));
            if *owned.borrow() != mine {
                tracing::info!(partitions = ?mine, nodes = ?known, "The partitions of this node.");
                owned.send_replace(mine);
            }
            tokio::select! {
                () = self.stop.cancelled() => break,
                changed = nodes.changed() => if changed.is_err() {
                    // Nobody tells of nodes any more: what is, stays.
                    self.stop.cancelled().await;
                    break;
                }
            }
        }
        consumers.close();
        consumers.wait().await;
    }

    /// Consumes one partition until `leave`.
    async fn consume(self: Arc<Self>, partition: u16, leave: Stop) {
        let mut pause = PAUSES.start;
        let mut failed = false;
        while !leave.is_cancelled() {
            let connection = tokio::select! {
                () = leave.cancelled() => return,
                connection = self.link.connection() => connection,
            };
            let Some(connection) = connection else { return };
            let began = Instant::now();
            match self.live(&connection, partition, failed, &leave).await {
                Ok(()) => return,
                Err(why) => tracing::warn!(partition, why, "The consumer of a partition ended; it is started again."),
            }
            failed = true;
            if began.elapsed() > PAUSES.end {
                pause = PAUSES.start;
            }
            let _ = tokio::time::timeout(pause, leave.cancelled()).await;
            pause = (pause * 2).min(PAUSES.end);
        }
    }

    /// One channel's life; an error says why it ended before its time.
    async fn live(&self, connection: &Connection, partition: u16, failed: bool, leave: &Stop) -> Result<(), String> {
        if failed {
            // Perhaps the queue is gone.
            topology::declare(connection, self.partitions).await.map_err(|error| error.to_string())?;
        }
        let channel = link::channel(connection).await?;
        // Dropping it would cancel it, which gives the partition away with turns under way.
        let mut consumer = self.begin(&channel, partition).await?;
        let (session, settled) = self.sessions.open(Arc::clone(&self.depth));
        let acknowledging = tokio::spawn(acknowledge(channel.clone(), settled));
        let ended = self.deliver(&session, &mut consumer, leave).await;
        // Where the inbox is closed, the worker has ended before.
        let hand_over = ended.is_ok() && !self.stop.is_cancelled();
        if hand_over && tokio::time::timeout(self.hand_over_within, session.leave()).await.is_err() {
            tracing::warn!(
                partition,
                "A partition is handed over with turns under way; its next owner begins them again."
            );
        }
        self.sessions.close(&session);
        let _ = tokio::time::timeout(FAREWELL, acknowledging).await;
        link::close(&channel).await;
        ended
    }

    async fn begin(&self, channel: &Channel, partition: u16) -> Result<Consumer, String> {
        link::in_time(channel.basic_qos(self.prefetch, BasicQosOptions::default())).await?;
        let tag = format!("switchboard-{}-{partition}", self.me);
        let options = BasicConsumeOptions::default();
        link::in_time(channel.basic_consume(queue_of(partition), tag.into(), options, FieldTable::default())).await
    }

    /// Passes on what the broker delivers, until `leave`; an error says why it delivers nothing more.
    async fn deliver(&self, session: &Arc<Session>, consumer: &mut Consumer, leave: &Stop) -> Result<(), String> {
        loop {
            let delivery = tokio::select! {
                biased;
                () = leave.cancelled() => return Ok(()),
                delivery = consumer.next() => match delivery {
                    Some(delivery) => delivery.map_err(|error| error.to_string())?,
                    None => return Err("the broker ended the consumer: was the queue deleted?".to_owned()),
                },
            };
            let (tag, redelivered) = (delivery.delivery_tag, delivery.redelivered);
            let read = envelope::read(&delivery.data).and_then(|items| match items.len() {
                0..=MOST => Ok(items),
                many => Err(format!("it holds {many} messages, and {MOST} are the most")),
            });
            let tags = session.delivered(tag, read.as_ref().map_or(1, Vec::len));
            if redelivered {
                metrics::counter!("switchboard_inbox_redelivered_total").increment(tags.end - tags.start);
            }
            match read {
                Ok(items) => {
                    for (tag, (id, inbound)) in tags.zip(items) {
                        let _ = self.arrived.send(Arrived { session: Arc::clone(session), tag, id, inbound });
                    }
                }
                Err(reason) => {
                    let (letters, session) = (Arc::clone(&self.letters), Arc::clone(session));
                    let (unread, stop) = (unread(reason, delivery.data), self.stop.clone());
                    tokio::spawn(async move {
                        if set_aside(&*letters, unread, &stop).await {
                            tags.for_each(|tag| session.settle(tag));
                        }
                    });
                }
            }
        }
    }
}

/// What the broker delivered and is no message. The same bytes are kept once.
pub(super) fn unread(reason: String, body: Vec<u8>) -> Unread {
    let name = hex::encode(Sha256::digest(&body));
    Unread {
        channel: topology::INBOX.to_owned(),
        name: format!("{}.json", &name[..16]),
        external_id: name,
        reason,
        bytes: Bytes::from(body),
    }
}

/// Keeps it in the record, however long that takes; `false` when stopped before.
pub(super) async fn set_aside(letters: &dyn Letters, unread: Unread, stop: &Stop) -> bool {
    tracing::error!(reason = unread.reason, "The broker delivered what is no message; it is set aside.");
    metrics::counter!("switchboard_set_aside_total", "channel" => topology::INBOX).increment(1);
    until_kept(stop, || letters.set_aside(unread.clone())).await
}

/// Tries until the record keeps it; `false` when stopped before.
pub(super) async fn until_kept<F>(stop: &Stop, mut keep: impl FnMut() -> F) -> bool
where
    F: Future<Output = Result<(), crate::store::StoreError>>,
{
    let mut pause = PAUSES.start;
    loop {
        match keep().await {
            Ok(()) => return true,
            Err(error) => tracing::warn!(%error, "The record cannot keep a dead letter yet."),
        }
        if tokio::time::timeout(pause, stop.cancelled()).await.is_ok() {
            return false;
        }
        pause = (pause * 2).min(PAUSES.end);
    }
}
