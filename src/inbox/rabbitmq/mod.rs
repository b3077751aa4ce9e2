//! The inbox on RabbitMQ: what several daemons share the work of.
//!
//! Threads are divided into partitions by hash; each partition is a quorum queue with a single active consumer, so the
//! messages of a thread are taken in order by one node at a time. A message is accepted when a majority of the queue's
//! members has it, and settled after its turn is committed. What the broker cannot know it asks of the record
//! ([`Letters`]); a message that comes twice all the same is recognised by the commit of its turn.

mod consume;
mod dead;
mod depth;
mod envelope;
mod events;
mod forward;
mod greeting;
mod known;
mod letters;
mod link;
mod look;
mod management;
mod publisher;
mod recent;
mod session;
mod settings;
mod share;
mod topology;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use contract::{Accepted, IdClock, Inbound, InboxError, MessageId, Stop, Unread};
pub use events::Events;
use futures::future::BoxFuture;
pub use greeting::Greeting;
pub use letters::Letters;
pub use look::{Look, LookError, OLDEST, cluster, look, waiting};
pub use management::{BrokerNode, Cluster, QueueMembers};
pub use settings::{Settings, SettingsError};
pub use share::{NodeId, own, partition_of};
use tokio::sync::{Mutex, mpsc, watch};
use tokio_util::task::TaskTracker;
pub use topology::{Found, TopologyError};

use self::{
    consume::{Arrived, Intake},
    depth::Depth,
    known::Known,
    link::Link,
    publisher::{NotPublished, Publisher},
    recent::{Entry, Recent},
    session::Sessions,
};
use super::{Delivery, Queue, busy, count_accepted, spool::Spool};
use crate::store::{StoreError, dedup_key::dedup_key};

/// How long the first start waits for the broker before it goes on without.
const FIRST_WITHIN: Duration = Duration::from_secs(10);
/// How long a full queue asks to be left alone.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How long a declaration that failed is not tried again.
const PAUSE: Duration = Duration::from_secs(2);

/// Why the inbox cannot be opened.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StartError {
    /// The settings are wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The broker has other queues than these.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// The spool cannot be opened.
    #[error(transparent)]
    Spool(#[from] StoreError),
}

/// Who takes part: this node, and the nodes that process messages.
pub struct Membership {
    /// This node.
    pub me: NodeId,
    /// The nodes that process messages now; this one is among them only if it does.
    pub workers: watch::Receiver<Arc<[NodeId]>>,
    /// Whether all that are alive are of this one's version, and so read every form that it writes.
    pub alike: watch::Receiver<bool>,
}

/// The inbox.
pub struct RabbitInbox {
    settings: Settings,
    /// Publishing has a connection of its own: a broker short of memory or disk stops reading from publishers, and what
    /// was processed must be settled all the same.
    publishing: Arc<Link>,
    publisher: Publisher,
    recent: Recent,
    known: Known,
    letters: Arc<dyn Letters>,
    sessions: Arc<Sessions>,
    depth: Arc<Depth>,
    spool: Option<Arc<Spool>>,
    ids: Arc<IdClock>,
    arrived: Mutex<mpsc::UnboundedReceiver<Arrived>>,
    owned: watch::Receiver<Vec<u16>>,
    /// Whether the broker's queues are known to be what they should be: until then nothing is published, which might go to
    /// another partition than its thread's.
    declared: Arc<watch::Sender<bool>>,
    /// Ends consuming, then everything else.
    stop: Stop,
    end: Stop,
    consumers: TaskTracker,
    tasks: TaskTracker,
}

impl RabbitInbox {
    /// Opens it. A broker that is away is waited for in the background, after some seconds here.
    ///
    /// # Errors
    /// The settings are wrong, or the broker's queues are other ones than these settings say.
    pub async fn start(
        settings: Settings,
        ids: Arc<IdClock>,
        membership: Membership,
        letters: Arc<dyn Letters>,
    ) -> Result<Arc<Self>, StartError> {
        let address = settings.address()?;
        let spool = settings.spool.as_deref().map(|path| Spool::open(path, &ids)).transpose()?;
        let (stop, end) = (Stop::new(), Stop::new());
        let name = |what| format!("switchboard {} {what}", membership.me);
        let link = |what| Arc::new(Link::new(address.clone(), name(what), end.clone()));
        let (publishing, consuming) = (link("publishing"), link("consuming"));
        let tasks = TaskTracker::new();
        tasks.spawn(Arc::clone(&publishing).keep());
        tasks.spawn(Arc::clone(&consuming).keep());
        let declared = match declare_first(&consuming, settings.partitions).await {
            Ok(declared) => declared,
            Err(error) => {
                end.cancel();
                return Err(error.into());
            }
        };
        if declared {
            // Both links are there when the first message comes.
            let _ = tokio::time::timeout(FIRST_WITHIN, publishing.connection()).await;
        }
        let depth = Arc::<Depth>::default();
        if let Some(waiting) = depth::measure(&consuming, settings.partitions).await {
            depth.measured(waiting);
        }
        let (partitions, within) = (settings.partitions, settings.confirm_within);
        let (publisher, publish) = Publisher::new(
            Arc::clone(&publishing),
            Arc::clone(&ids),
            partitions,
            within,
            Arc::clone(&depth),
            membership.alike.clone(),
        );
        let (known, answer) = Known::new(Arc::clone(&letters));
        // Ends when nobody asks any more.
        tokio::spawn(answer);
        tasks.spawn(publish.run());
        let (arrives, arrived) = mpsc::unbounded_channel();
        let (tell, owned) = watch::channel(Vec::new());
        let declared = Arc::new(watch::Sender::new(declared));
        let inbox = Arc::new(Self {
            settings,
            publishing,
            publisher,
            recent: Recent::default(),
            known,
            letters,
            sessions: Arc::default(),
            depth,
            spool,
            ids,
            arrived: Mutex::new(arrived),
            owned,
            declared: Arc::clone(&declared),
            stop: stop.clone(),
            end,
            consumers: TaskTracker::new(),
            tasks,
        });
        inbox.consume(membership, Begin { link: consuming, partitions, declared, stop }, arrives, tell);
        Ok(inbox)
    }

    /// Begins with everything that ends before publishing does.
    fn consume(
        &self,
        membership: Membership,
        begin: Begin,
        arrived: mpsc::UnboundedSender<Arrived>,
        owned: watch::Sender<Vec<u16>>,
    ) {
        let Membership { me, workers, .. } = membership;
        let Begin { link, partitions, stop, .. } = begin.clone();
        let letters = || Arc::clone(&self.letters);
        let intake = Arc::new(Intake {
            me,
            partitions,
            prefetch: self.settings.prefetch,
            hand_over_within: self.settings.hand_over_within,
            link: Arc::clone(&link),
            sessions: Arc::clone(&self.sessions),
            depth: Arc::clone(&self.depth),
            letters: letters(),
            arrived,
            stop: stop.clone(),
        });
        let spawn = |work: BoxFuture<'static, ()>| drop(self.consumers.spawn(begin.clone().then(work)));
        self.consumers.spawn(begin.clone().declare());
        spawn(Box::pin(intake.run(workers, owned)));
        spawn(Box::pin(dead::collect(Arc::clone(&link), letters(), partitions, stop.clone())));
        let (publisher, every) = (self.publisher.clone(), self.settings.redriven_every);
        spawn(Box::pin(dead::redrive(letters(), publisher, self.owned.clone(), every, stop.clone())));
        let every = self.settings.measure_every;
        spawn(Box::pin(depth::keep(Arc::clone(&self.depth), link, partitions, every, stop.clone())));
        if let Some(spool) = &self.spool {
            let (spool, link, publisher) = (Arc::clone(spool), Arc::clone(&self.publishing), self.publisher.clone());
            spawn(Box::pin(forward::forward(spool, link, publisher, stop)));
        }
    }

    /// The partitions that this node consumes now.
    #[must_use]
    pub fn owned(&self) -> watch::Receiver<Vec<u16>> {
        self.owned.clone()
    }

    /// Where other systems are told what happens: another set of events than the messages here, at most once, over the same
    /// connection.
    #[must_use]
    pub fn events(&self) -> Events {
        Events::start(Arc::clone(&self.publishing), self.end.clone())
    }

    /// Ends consuming: [`Queue::next`] answers `None`, the broker is told of everything that is settled, and what is not goes
    /// back to it in its order. Then publishing ends too. Call it when the worker has ended.
    pub async fn close(&self) {
        self.stop.cancel();
        self.consumers.close();
        self.consumers.wait().await;
        self.end.cancel();
        self.tasks.close();
        let _ = tokio::time::timeout(FIRST_WITHIN, self.tasks.wait()).await;
    }

    /// Accepts a message that is not known to be a double.
    async fn take(&self, inbound: Inbound) -> Result<Accepted, NotPublished> {
        let new = |id| Accepted { id, duplicate: false };
        let again = |id| Accepted { id, duplicate: true };
        let key = dedup_key(&inbound);
        let inbound = Arc::new(inbound);
        let Some(key) = key else { return self.keep(inbound).await.map(new) };
        loop {
            match self.recent.enter(key) {
                Entry::Accepted(id) => return Ok(again(id)),
                Entry::Under(mut told) => {
                    let _ = told.changed().await;
                }
                Entry::Mine(claim) => {
                    if let Some(id) = self.known.ask(key).await {
                        claim.accepted(id);
                        return Ok(again(id));
                    }
                    let id = self.keep(inbound).await?;
                    claim.accepted(id);
                    return Ok(new(id));
                }
            }
        }
    }

    /// Makes a message durable: with the broker, or where there is a spool and the broker is away, on this machine. Once
    /// something is there, what comes later goes behind it.
    async fn keep(&self, inbound: Arc<Inbound>) -> Result<MessageId, NotPublished> {
        let there = self.is_there().map_err(NotPublished);
        let Some(spool) = &self.spool else {
            there?;
            return self.publisher.publish(None, inbound).await;
        };
        let id = self.ids.next(crate::clock::now());
        if there.is_ok()
            && spool.waiting() == 0
            && let Ok(id) = self.publisher.publish(Some(id), Arc::clone(&inbound)).await
        {
            return Ok(id);
        }
        spool.put(id, &inbound).await.map_err(|error| NotPublished(error.to_string()))?;
        Ok(id)
    }

    /// Whether the broker takes messages, or why not.
    fn is_there(&self) -> Result<(), String> {
        if self.publishing.now()?.status().blocked() {
            return Err("the broker takes no messages: it is short of memory or disk".to_owned());
        }
        if !*self.declared.borrow() {
            return Err("the broker's queues are not declared yet; the log says why".to_owned());
        }
        Ok(())
    }
}

impl Drop for RabbitInbox {
    fn drop(&mut self) {
        self.stop.cancel();
        self.end.cancel();
    }
}

#[async_trait]
impl contract::Inbox for RabbitInbox {
    async fn accept(&self, inbound: Inbound) -> Result<Accepted, InboxError> {
        if self.waiting() >= self.settings.waiting_most {
            return Err(busy(inbound.channel, RETRY_AFTER));
        }
        let channel = inbound.channel.clone();
        let accepted = self.take(inbound).await;
        count_accepted(channel, &accepted);
        accepted.map_err(|error| InboxError::Unavailable(Box::new(error)))
    }

    async fn set_aside(&self, unread: Unread) -> Result<(), InboxError> {
        self.letters.set_aside(unread).await.map_err(|error| InboxError::Unavailable(Box::new(error)))
    }
}

#[async_trait]
impl Queue for RabbitInbox {
    async fn next(&self) -> Option<Delivery> {
        let mut arrived = self.arrived.lock().await;
        loop {
            let Arrived { session, tag, id, inbound } = tokio::select! {
                biased;
                () = self.stop.cancelled() => return None,
                arrived = arrived.recv() => arrived?,
            };
            if session.take(tag) {
                return Some(Delivery::new(id, inbound).with_tag(session.tag(tag)));
            }
        }
    }

    async fn done(&self, delivery: Delivery) -> Result<(), StoreError> {
        self.sessions.settle(delivery.tag);
        Ok(())
    }

    async fn dead(&self, delivery: &Delivery, reason: &str) -> Result<(), StoreError> {
        self.letters.bury(delivery.id, &delivery.inbound, reason).await?;
        self.sessions.settle(delivery.tag);
        Ok(())
    }

    fn waiting(&self) -> u64 {
        self.depth.waiting() + self.spool.as_ref().map_or(0, |spool| spool.waiting())
    }

    async fn beside_record(&self) -> Result<u64, String> {
        let connection = self.publishing.now()?;
        let waiting = topology::waiting(&connection, self.settings.partitions).await?;
        Ok(waiting + self.depth.here() + self.spool.as_ref().map_or(0, |spool| spool.waiting()))
    }

    async fn ready(&self) -> Result<(), StoreError> {
        if self.spool.is_none() {
            self.is_there().map_err(|why| StoreError::Unavailable(why.into()))?;
        }
        Ok(())
    }
}

/// Declares the queues at the first start, if the broker is there; whether it did.
async fn declare_first(link: &Link, partitions: u16) -> Result<bool, TopologyError> {
    let Ok(Some(connection)) = tokio::time::timeout(FIRST_WITHIN, link.connection()).await else {
        tracing::warn!("The broker is away; the daemon starts without it.");
        return Ok(false);
    };
    match topology::declare(&connection, partitions).await {
        Ok(()) => Ok(true),
        Err(TopologyError::Refused(why) | TopologyError::Missing(why)) => {
            tracing::warn!(why, "The broker's queues cannot be declared yet.");
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// What has to be there before anything is done.
#[derive(Clone)]
struct Begin {
    link: Arc<Link>,
    partitions: u16,
    declared: Arc<watch::Sender<bool>>,
    stop: Stop,
}

impl Begin {
    /// Does it when the queues are declared, unless stopped before.
    async fn then(self, work: BoxFuture<'static, ()>) {
        let mut declared = self.declared.subscribe();
        let began = tokio::select! {
            () = self.stop.cancelled() => false,
            declared = declared.wait_for(|declared| *declared) => declared.is_ok(),
        };
        if began {
            work.await;
        }
    }

    /// Declares the queues where the start did not.
    async fn declare(self) {
        while !*self.declared.borrow() {
            let connection = tokio::select! {
                () = self.stop.cancelled() => return,
                connection = self.link.connection() => connection,
            };
            let Some(connection) = connection else { return };
            match topology::declare(&connection, self.partitions).await {
                Ok(()) => drop(self.declared.send_replace(true)),
                Err(error) => {
                    tracing::error!(%error, "Messages can neither be given to the broker nor taken from it.");
                    let _ = tokio::time::timeout(PAUSE, self.stop.cancelled()).await;
                }
            }
        }
    }
}
