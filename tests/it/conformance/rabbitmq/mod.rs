//! The inbox on RabbitMQ, with a record that only notes what it is told: what the broker and the inbox do together, whichever
//! record stands behind them.

mod failures;
mod nodes;
mod queue;
mod record;
mod topology;

use std::sync::Arc;

use contract::{Accepted, IdClock, Inbound};
use switchboard::inbox::{
    Delivery, Queue,
    rabbitmq::{Membership, NodeId, RabbitInbox, Settings, StartError},
};
use tokio::sync::watch;

use self::record::Record;
use super::make::inbound;
use crate::harness::within;

/// A node's inbox.
struct Node {
    inbox: Arc<RabbitInbox>,
    /// Who works; this node may be told anything.
    workers: watch::Sender<Arc<[NodeId]>>,
    /// Whether all are of one version.
    alike: watch::Sender<bool>,
}

impl std::ops::Deref for Node {
    type Target = RabbitInbox;

    fn deref(&self) -> &RabbitInbox {
        &self.inbox
    }
}

impl Node {
    async fn start(
        me: NodeId,
        workers: &[NodeId],
        settings: Settings,
        record: &Arc<Record>,
    ) -> Result<Self, StartError> {
        let (workers, told) = watch::channel(Arc::from(workers));
        let (alike, all) = watch::channel(true);
        let membership = Membership { me, workers: told, alike: all };
        let ids = Arc::new(IdClock::new(me));
        let inbox =
            within("an inbox opens", RabbitInbox::start(settings, ids, membership, Arc::clone(record) as _)).await?;
        Ok(Self { inbox, workers, alike })
    }

    /// Opens the only node's inbox, and waits until it has its partitions.
    async fn open(settings: Settings, record: &Arc<Record>) -> Self {
        let node = Self::start(1, &[1], settings, record).await.unwrap();
        let mut owned = node.owned();
        within("the node has partitions", owned.wait_for(|owned| !owned.is_empty())).await.unwrap();
        node
    }

    fn knows(&self, workers: &[NodeId]) {
        self.workers.send_replace(Arc::from(workers));
    }

    async fn take(&self) -> Delivery {
        within("a delivery", self.inbox.next()).await.expect("the queue is open")
    }

    async fn put(&self, thread: &str, external_id: &str) -> Accepted {
        self.try_put(inbound(thread, external_id, "x")).await.unwrap()
    }

    async fn try_put(&self, message: Inbound) -> Result<Accepted, contract::InboxError> {
        within("an answer", contract::Inbox::accept(&*self.inbox, message)).await
    }

    /// Gives a message its turn.
    async fn turn(&self, record: &Record, delivery: Delivery) {
        record.turn(&delivery);
        self.inbox.done(delivery).await.unwrap();
    }
}

/// Lengths of queues are measured at the start only, so that counts are exact.
fn exact(settings: Settings) -> Settings {
    Settings { partitions: 2, measure_every: std::time::Duration::from_secs(3600), ..settings }
}
