//! The record on PostgreSQL, and what it has beyond the seams: several daemons, who know of each other.

mod nodes;
mod operation;
mod shared;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use contract::{Accepted, IdClock, Inbound, Inbox, InboxError, MessageId, Unread};
use switchboard::{
    inbox::{Delivery, Queue, rabbitmq::Letters},
    store::{
        Commit, Store, StoreError, Taken,
        conversation::Conversation,
        postgres::{Database, PostgresRecord, PostgresSettings},
    },
};

use super::{
    Backend, Opened,
    make::{self, commit, now},
};
use crate::harness::{Postgres, record_on};

/// A server of its own with an empty record, and a queue beside it.
pub struct OnPostgres {
    pub server: Postgres,
    kept: Arc<Kept>,
}

/// An empty record.
pub async fn backend() -> OnPostgres {
    OnPostgres { server: Postgres::start().await, kept: Arc::default() }
}

impl OnPostgres {
    fn settings(&self) -> PostgresSettings {
        PostgresSettings { patience: Duration::from_secs(30), ..PostgresSettings::new(&self.server.url()) }
    }

    /// Connects to it.
    pub async fn database(&self) -> Database {
        Database::connect(self.settings()).await.unwrap()
    }

    /// The record as a node of this name has it.
    async fn node(&self, name: &str) -> Arc<PostgresRecord> {
        record_on(self.settings(), name).await
    }

    /// Every lease ends, as if nobody had said anything for long.
    pub async fn silence(&self) {
        let sql = "UPDATE nodes SET expires_at = clock_timestamp() WHERE expires_at > '-infinity';
             UPDATE leases SET expires_at = clock_timestamp()";
        self.server.client().await.batch_execute(sql).await.unwrap();
    }
}

#[async_trait]
impl Backend for OnPostgres {
    async fn open_bounded(&self, _waiting_most: u64) -> Opened {
        let record = self.node("here").await;
        let apart =
            Arc::new(Apart { kept: Arc::clone(&self.kept), record: Arc::clone(&record), waits: AtomicU64::new(0) });
        apart.waits.store(apart.unsettled(&*record).await, Ordering::Relaxed);
        Opened {
            store: Arc::clone(&record) as _,
            memory: Arc::clone(&record) as _,
            ids: Arc::clone(record.clock()),
            queue: Arc::clone(&apart) as _,
            apart: Some(apart),
        }
    }

    async fn peek(&self) -> Arc<dyn Store> {
        PostgresRecord::peek(self.settings()).await.unwrap()
    }

    async fn crash(&self) {
        self.server.crash().await;
        self.silence().await;
    }
}

/// What the queue does not forget.
#[derive(Default)]
struct Kept {
    messages: Mutex<BTreeMap<MessageId, Arc<Inbound>>>,
    doubles: Mutex<HashMap<(String, String), MessageId>>,
}

/// A queue beside the record, as simple as can be: the suites of the record only need to have messages accepted.
pub struct Apart {
    kept: Arc<Kept>,
    record: Arc<PostgresRecord>,
    waits: AtomicU64,
}

impl Apart {
    /// How many of its messages have not had their turn.
    pub async fn unsettled(&self, store: &dyn Store) -> u64 {
        let ids: Vec<MessageId> = self.kept.messages.lock().unwrap().keys().copied().collect();
        let dead = store.dead(1000).await.unwrap();
        let mut waiting = 0;
        for id in ids {
            let is_dead = dead.iter().any(|letter| letter.id == id.to_string());
            waiting += u64::from(!is_dead && store.entry(id.into()).await.unwrap().is_none());
        }
        waiting
    }
}

#[async_trait]
impl Inbox for Apart {
    async fn accept(&self, inbound: Inbound) -> Result<Accepted, InboxError> {
        let key = (inbound.channel.clone(), inbound.external_id.clone());
        if let Some(id) = self.kept.doubles.lock().unwrap().get(&key) {
            return Ok(Accepted { id: *id, duplicate: true });
        }
        let id = self.record.clock().next(now());
        self.kept.doubles.lock().unwrap().insert(key, id);
        self.kept.messages.lock().unwrap().insert(id, Arc::new(inbound));
        self.waits.fetch_add(1, Ordering::Relaxed);
        Ok(Accepted { id, duplicate: false })
    }

    async fn set_aside(&self, unread: Unread) -> Result<(), InboxError> {
        Letters::set_aside(&*self.record, unread).await.map_err(|error| InboxError::Unavailable(Box::new(error)))
    }
}

#[async_trait]
impl Queue for Apart {
    async fn next(&self) -> Option<Delivery> {
        None
    }

    async fn done(&self, delivery: Delivery) -> Result<(), StoreError> {
        self.kept.messages.lock().unwrap().remove(&delivery.id);
        Ok(())
    }

    async fn dead(&self, delivery: &Delivery, reason: &str) -> Result<(), StoreError> {
        Letters::bury(&*self.record, delivery.id, &delivery.inbound, reason).await
    }

    fn waiting(&self) -> u64 {
        self.waits.load(Ordering::Relaxed)
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.record.ready().await
    }
}

fn taken(ids: &IdClock, message: &Inbound) -> Taken {
    Taken { id: ids.next(now()), inbound: Arc::new(message.clone()) }
}

fn turn(taken: Taken, conversation: &Conversation) -> Commit {
    Commit { entries: [make::message_entry(taken.id)].into(), turn: Some(taken), ..commit(conversation.clone()) }
}
