//! The record of several daemons: one PostgreSQL database. Nothing of it is kept in memory, so that what any daemon commits
//! is what all of them read.
//!
//! What several daemons need to agree on lies here too, and not in the broker or the cache, because only the database can
//! refuse a write by it: who is alive, whose number is whose, and who leads ([`nodes`]).

mod batch;
mod carry;
mod crowd;
mod customers;
mod database;
mod entries;
mod feed;
mod files;
mod journal;
mod ledger;
mod letters;
pub mod look;
mod measures;
mod memory;
pub mod nodes;
mod outbox;
mod partitions;
mod people;
mod prepared;
mod recall;
mod rows;
mod schema;
mod settings;
pub mod statements;
mod tickets;
mod together;
mod writer;
mod written_rows;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use contract::IdClock;
use hashbrown::HashSet;
use tokio::{
    sync::{Semaphore, mpsc, oneshot, watch},
    task::JoinHandle,
};

pub use self::{
    carry::{PostgresReader, PostgresWriter},
    database::Database,
    feed::Horizon,
    look::look,
    nodes::{Lease, LiveNode, Node, NodeCard},
    schema::{OLDEST_SERVER, Standing},
    settings::PostgresSettings,
};
use self::{
    crowd::Crowd,
    prepared::Prepared,
    recall::{Recalled, Wanted},
    together::Together,
    writer::{Op, Writer},
};
use super::{Commit, Committed, StoreError};

/// How many connections commit, and how many recalls are under way at once, while one daemon does that alone. Each of several has
/// half of it: the database has as many at once, and as much goes into each.
pub const WRITERS: usize = 2;
/// How many commits may queue before whoever commits has to wait.
const QUEUED: usize = 4096;
/// How often one looks whether there is anything to tidy up.
const TIDY_EVERY: Duration = Duration::from_secs(600);

/// The record on PostgreSQL, as one node has it.
pub struct PostgresRecord {
    database: Database,
    node: Node,
    ids: Arc<IdClock>,
    recalls: Together<Wanted, Recalled>,
    /// What it leased from the outbox and has not settled.
    in_hand: Mutex<HashSet<i64>>,
    commits: Mutex<Option<mpsc::Sender<Op>>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    tidying: Option<JoinHandle<()>>,
}

impl PostgresRecord {
    /// The record as `node` has it. Its ids, which are those of `ids` from now on, are above all that the record has.
    ///
    /// # Errors
    /// The database does not work.
    pub async fn open(database: Database, node: Node, ids: Arc<IdClock>) -> Result<Arc<Self>, StoreError> {
        let newest = database
            .row(
                "SELECT GREATEST((SELECT MAX(id) FROM inbound), (SELECT MAX(id) FROM entries),
                                 (SELECT MAX(id) FROM offers), (SELECT MAX(redriven) FROM dead),
                                 (SELECT MAX(id) FROM unpublished), 0)",
                &[],
            )
            .await?;
        if let Some(row) = newest {
            ids.advance_past(rows::get::<i64>(&row, 0)?.cast_unsigned());
        }
        let (commits, queued) = mpsc::channel(QUEUED);
        let queued = Arc::new(Crowd::new(queued));
        let patience = database.settings.patience;
        let [writing, recalling] = [(); 2].map(|()| Arc::new(Semaphore::new(WRITERS)));
        tokio::spawn(share(database.at_work.subscribe(), [Arc::clone(&writing), Arc::clone(&recalling)]));
        let writers = (0..WRITERS).map(|_| {
            let writer = Writer {
                pool: database.writers.clone(),
                ops: Arc::clone(&queued),
                places: Arc::clone(&writing),
                patience,
            };
            tokio::spawn(writer.run())
        });
        Ok(Arc::new(Self {
            tasks: Mutex::new(writers.collect()),
            tidying: Some(tokio::spawn(tidy(database.clone()))),
            commits: Mutex::new(Some(commits)),
            recalls: recalls(&database, &recalling),
            database,
            node,
            ids,
            in_hand: Mutex::default(),
        }))
    }

    /// The record for reading only, beside daemons that may be at work.
    ///
    /// # Errors
    /// The server cannot be reached, or has no record that this version understands.
    pub async fn peek(settings: PostgresSettings) -> Result<Arc<Self>, StoreError> {
        let database = Database::peek(settings).await?;
        Ok(Arc::new(Self {
            recalls: recalls(&database, &Arc::new(Semaphore::new(WRITERS))),
            database,
            node: Node { number: 0, incarnation: -1, joined: contract::Timestamp::UNIX_EPOCH },
            ids: Arc::new(IdClock::new(0)),
            in_hand: Mutex::default(),
            commits: Mutex::new(None),
            tasks: Mutex::default(),
            tidying: None,
        }))
    }

    /// The database, with the nodes on it.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// The node that has it open.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The clock that the ids of this node come from.
    #[must_use]
    pub fn clock(&self) -> &Arc<IdClock> {
        &self.ids
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// Why not.
    pub async fn ready(&self) -> Result<(), StoreError> {
        self.database.row("SELECT 1", &[]).await.map(drop)
    }

    /// Drops what is older than it has to be kept, forgets the keys of old messages and makes partitions ahead, unless
    /// another node is at it. Happens every ten minutes by itself.
    ///
    /// # Errors
    /// The database does not work.
    pub async fn tidy(&self) -> Result<(), StoreError> {
        partitions::tidy(&self.database, crate::clock::now()).await
    }

    /// Writes what is queued, and closes. Later calls fail.
    pub async fn close(&self) {
        drop(self.commits.lock().unwrap_or_else(PoisonError::into_inner).take());
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            if task.await.is_err() {
                tracing::error!(
                    "A writer of the record ended by a defect; what it had not committed is not committed."
                );
            }
        }
        self.database.close();
    }

    async fn queue(&self, commit: Commit) -> Result<Committed, StoreError> {
        let gone = || StoreError::Unavailable("it is closed".into());
        let commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(gone)?;
        let (answer, answered) = oneshot::channel();
        commits.send(Op { commit: Prepared::new(commit), answer }).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

impl Drop for PostgresRecord {
    fn drop(&mut self) {
        if let Some(tidying) = &self.tidying {
            tidying.abort();
        }
    }
}

fn recalls(database: &Database, places: &Arc<Semaphore>) -> Together<Wanted, Recalled> {
    let database = database.clone();
    Together::new(places, WRITERS, move |wanted| recall::recall(database.clone(), wanted))
}

/// Holds half of the places while others work too, as long as the database is known to anybody.
async fn share(mut at_work: watch::Receiver<usize>, places: [Arc<Semaphore>; 2]) {
    const HALF: u32 = (WRITERS / 2) as u32;
    let mut held = Vec::new();
    loop {
        let several = *at_work.borrow_and_update() > 1;
        if !several {
            held.clear();
        } else if held.is_empty() {
            for places in &places {
                held.extend(places.acquire_many(HALF).await);
            }
        }
        if at_work.changed().await.is_err() {
            return;
        }
    }
}

async fn tidy(database: Database) {
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + TIDY_EVERY, TIDY_EVERY);
    loop {
        ticks.tick().await;
        if let Err(error) = partitions::tidy(&database, crate::clock::now()).await {
            tracing::warn!(%error, "The record could not be tidied up yet; it is tried again soon.");
        }
    }
}
