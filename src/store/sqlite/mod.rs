//! The embedded record: one SQLite file, one writer thread, readers on a pool. It is also the embedded inbox: an
//! accepted message is a row, and the row of its turn is its acknowledgement.
//!
//! Start: rows of conversations may lag behind their journal, by at most what was written since the *floor* noted by
//! the last complete flush; the journal is read from there on, and messages without a turn are delivered again.

mod carry;
mod channels;
mod customers;
mod dedup;
mod entries;
mod files;
mod inbox;
mod journal;
mod measures;
mod open;
mod outbox;
mod people;
mod states;
mod tickets;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use contract::{IdClock, Inbound, MessageId, Timestamp};
use rusqlite::{Connection, OpenFlags, Row, Transaction};
use serde::de::DeserializeOwned;
use tokio::sync::{Semaphore, mpsc, oneshot};

pub use self::carry::{SqliteReader, SqliteWriter};
use self::{
    dedup::Dedup,
    states::States,
    writer::{Flush, Op, Writer},
};
use super::{StoreError, conversation::Conversation};

mod migrations {
    refinery::embed_migrations!("src/store/sqlite/migrations");
}

/// How many readers may read at once.
const READERS: usize = 4;
/// How many writes may queue before whoever writes has to wait.
const QUEUED_WRITES: usize = 4096;

/// What the embedded record can be told.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How long a platform message's id is remembered.
    pub dedup_window: Duration,
    /// How many accepted messages may wait before further ones are refused.
    pub waiting_most: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { dedup_window: Duration::from_secs(7 * 24 * 3600), waiting_most: 10_000 }
    }
}

/// The embedded record and inbox.
pub struct SqliteRecord {
    ops: Mutex<Option<mpsc::Sender<Op>>>,
    writer: Mutex<Option<thread::JoinHandle<()>>>,
    states: Arc<States>,
    readers: Arc<Readers>,
    clock: Arc<IdClock>,
    waiting: Arc<AtomicU64>,
    healthy: Arc<AtomicBool>,
    options: Options,
    deliveries: tokio::sync::Mutex<mpsc::UnboundedReceiver<(MessageId, Arc<Inbound>)>>,
}

impl SqliteRecord {
    /// Opens the record at `path`, making it if it is not there, brings its schema up to date, and recovers.
    ///
    /// # Errors
    /// The file cannot be opened, is not a database, or was written by a newer Switchboard.
    pub fn open(path: &Path, clock: Arc<IdClock>, options: Options) -> Result<Arc<Self>, StoreError> {
        let mut connection = open_connection(path, false)?;
        migrations::migrations::runner().set_abort_missing(true).run(&mut connection).map_err(|error| {
            StoreError::Unavailable(format!("its schema cannot be brought up to date: {error}").into())
        })?;

        let states = Arc::new(States::new());
        let recovered = recover(&connection, &states, &clock, options)?;
        let (deliveries, delivered) = mpsc::unbounded_channel();
        let mut pending = std::collections::BTreeSet::new();
        for (id, inbound) in recovered.pending {
            pending.insert(id);
            let _ = deliveries.send((id, inbound));
        }
        let waiting = Arc::new(AtomicU64::new(pending.len() as u64));
        let healthy = Arc::new(AtomicBool::new(true));
        let (ops, queued) = mpsc::channel(QUEUED_WRITES);
        let writer = Writer {
            connection,
            states: Arc::clone(&states),
            clock: Arc::clone(&clock),
            dedup: recovered.dedup,
            pending,
            waiting: Arc::clone(&waiting),
            deliveries,
            healthy: Arc::clone(&healthy),
            dedup_window: options.dedup_window,
            floor: recovered.floor,
            flush: Flush { began: Instant::now(), running: None },
        };
        let handle = thread::Builder::new()
            .name("record-writer".into())
            .spawn(move || writer.run(queued))
            .map_err(|error| StoreError::Unavailable(error.to_string().into()))?;
        spawn_checkpoints(path, Arc::downgrade(&healthy))?;
        Ok(Arc::new(Self {
            ops: Mutex::new(Some(ops)),
            writer: Mutex::new(Some(handle)),
            states,
            readers: Arc::new(Readers::new(path, open_connection(path, true)?)),
            clock,
            waiting,
            healthy,
            options,
            deliveries: tokio::sync::Mutex::new(delivered),
        }))
    }

    /// Opens the record at `path` for reading only, beside a daemon that may be writing it.
    ///
    /// # Errors
    /// The file is not there, or is not a record of this version.
    pub fn peek(path: &Path) -> Result<Arc<Self>, StoreError> {
        let connection = open_connection(path, true)?;
        let (states, clock) = (Arc::new(States::new()), Arc::new(IdClock::new(0)));
        recover_states(&connection, &states)
            .map_err(|error| StoreError::Unavailable(format!("{}: {error}", path.display()).into()))?;
        let (_, delivered) = mpsc::unbounded_channel();
        Ok(Arc::new(Self {
            ops: Mutex::new(None),
            writer: Mutex::new(None),
            states,
            readers: Arc::new(Readers::new(path, connection)),
            clock,
            waiting: Arc::default(),
            healthy: Arc::new(AtomicBool::new(true)),
            options: Options::default(),
            deliveries: tokio::sync::Mutex::new(delivered),
        }))
    }

    /// What SQLite itself finds wrong when it reads everything.
    ///
    /// # Errors
    /// It cannot even be asked.
    pub async fn check_integrity(&self) -> Result<Vec<String>, StoreError> {
        self.read(|connection| {
            let rows = connection
                .prepare("PRAGMA integrity_check(20)")?
                .query_map([], |row| row.get(0))?
                .collect::<Result<Vec<String>, _>>()?;
            Ok(rows.into_iter().filter(|row| row != "ok").collect())
        })
        .await
    }

    /// Writes what is queued, closes the writer and waits for it. Later writes fail.
    pub fn close(&self) {
        drop(self.ops.lock().unwrap_or_else(PoisonError::into_inner).take());
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer
            && writer.join().is_err()
        {
            tracing::error!("The writer of the record ended by a defect; the next start recovers from the journal.");
        }
    }

    /// Queues an operation and waits for its answer.
    async fn ask<T>(&self, op: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Op) -> Result<T, StoreError> {
        let gone = || StoreError::Unavailable("it is closed".into());
        let ops = self.ops.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(gone)?;
        let (answer, answered) = oneshot::channel();
        ops.send(op(answer)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }

    /// Runs something in a transaction of the writer. It may run twice, when its batch has to be taken apart.
    async fn write<T: Send + 'static>(
        &self,
        mut work: impl FnMut(&Transaction<'_>) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let result = Arc::new(Mutex::new(None));
        let kept = Arc::clone(&result);
        self.ask(|answer| Op::Work {
            work: Box::new(move |transaction| {
                let value = work(transaction)?;
                *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
                Ok(())
            }),
            answer: Some(answer),
        })
        .await?;
        let value = result.lock().unwrap_or_else(PoisonError::into_inner).take();
        value.ok_or_else(|| StoreError::Unavailable("the writer did not run it".into()))
    }

    /// Reads on a connection of the pool.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = Arc::clone(&self.readers);
        let _permit =
            self.readers.permits.acquire().await.map_err(|_| StoreError::Unavailable("it is closed".into()))?;
        tokio::task::spawn_blocking(move || readers.read(work))
            .await
            .map_err(|error| StoreError::Unavailable(error.to_string().into()))?
    }
}

/// Read-only connections, opened when first needed and kept.
struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Semaphore,
}

impl Readers {
    fn new(path: &Path, first: Connection) -> Self {
        Self { path: path.to_owned(), idle: Mutex::new(vec![first]), permits: Semaphore::new(READERS) }
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>) -> Result<T, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => open_connection(&self.path, true)?,
        };
        let result = work(&connection).map_err(|error| read_error(&error));
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        result
    }
}

fn open_connection(path: &Path, read_only: bool) -> Result<Connection, StoreError> {
    let flags = if read_only {
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX
    } else {
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX
    };
    let open = || -> Result<Connection, rusqlite::Error> {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.set_prepared_statement_cache_capacity(64);
        if read_only {
            connection.execute_batch("PRAGMA cache_size = -1024; PRAGMA query_only = ON;")?;
        } else {
            // FULL, because NORMAL can lose the last commits when the power fails.
            connection.execute_batch(
                "PRAGMA page_size = 8192;
                 PRAGMA journal_mode = WAL;
                 PRAGMA synchronous = FULL;
                 PRAGMA cache_size = -6144;
                 PRAGMA temp_store = MEMORY;
                 PRAGMA wal_autocheckpoint = 20000;
                 PRAGMA foreign_keys = OFF;",
            )?;
        }
        Ok(connection)
    };
    open().map_err(|error| StoreError::Unavailable(format!("{}: {error}", path.display()).into()))
}

/// An empty record that no file has.
#[cfg(test)]
fn in_memory() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(include_str!("migrations/V1__spine.sql")).unwrap();
    connection
}

/// Moves the write-ahead log into the file every 200 ms, beside the writer, until the record is dropped: inside the
/// writer this is what makes the slowest commits.
fn spawn_checkpoints(path: &Path, alive: std::sync::Weak<AtomicBool>) -> Result<(), StoreError> {
    let connection = open_connection(path, false)?;
    let spawned = thread::Builder::new().name("record-checkpoint".into()).spawn(move || {
        while alive.upgrade().is_some() {
            thread::park_timeout(Duration::from_millis(200));
            // A full disk or a busy reader makes this fail; the log then grows until it works again.
            let _ = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        }
    });
    spawned.map(drop).map_err(|error| StoreError::Unavailable(error.to_string().into()))
}

struct Recovered {
    pending: Vec<(MessageId, Arc<Inbound>)>,
    dedup: Dedup,
    floor: u64,
}

fn recover(
    connection: &Connection,
    states: &States,
    clock: &IdClock,
    options: Options,
) -> Result<Recovered, StoreError> {
    let read = || -> Result<Recovered, rusqlite::Error> {
        for table in ["inbound", "entries", "offers"] {
            let last: Option<i64> =
                connection.query_row(&format!("SELECT MAX(id) FROM {table}"), [], |row| row.get(0))?;
            clock.advance_past(last.map_or(0, i64::cast_unsigned));
        }
        let floor = recover_states(connection, states)?;
        Ok(Recovered {
            pending: recover_pending(connection, floor)?,
            dedup: Dedup::recovered(connection, writer::oldest(options.dedup_window))?,
            floor,
        })
    };
    read().map_err(|error| StoreError::Unavailable(format!("it cannot be recovered: {error}").into()))
}

/// Conversations and merges, and the floor that they were read from.
fn recover_states(connection: &Connection, states: &States) -> Result<u64, rusqlite::Error> {
    let floor = connection
        .prepare("SELECT value FROM meta WHERE key = 'floor'")?
        .query_map([], |row| row.get::<_, String>(0))?
        .next()
        .transpose()?
        .and_then(|text| text.parse().ok())
        .unwrap_or(0_u64);
    recover_conversations(connection, states, floor)?;
    recover_merges(connection, states)?;
    Ok(floor)
}

/// What the journal knows better than the rows.
fn recover_conversations(connection: &Connection, states: &States, floor: u64) -> Result<(), rusqlite::Error> {
    let mut statement = connection.prepare(
        "SELECT e.state FROM entries e LEFT JOIN conversations c ON c.id = e.conversation
         WHERE e.id >= ?1 AND e.state IS NOT NULL AND json_extract(e.state, '$.version') > COALESCE(c.version, 0)",
    )?;
    let mut rows = statement.query([floor.cast_signed()])?;
    while let Some(row) = rows.next()? {
        let conversation: Conversation = json_column(row, 0)?;
        let newer = states.conversation(conversation.id).is_none_or(|known| known.version < conversation.version);
        if newer {
            states.committed([(Arc::new(conversation), false)]);
        }
    }
    Ok(())
}

fn recover_merges(connection: &Connection, states: &States) -> Result<(), rusqlite::Error> {
    let mut statement = connection.prepare("SELECT id, merged_into FROM customers WHERE merged_into IS NOT NULL")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        states.merged(id_column(row, 0)?, Some(id_column(row, 1)?));
    }
    Ok(())
}

fn recover_pending(connection: &Connection, floor: u64) -> Result<Vec<(MessageId, Arc<Inbound>)>, rusqlite::Error> {
    let mut statement = connection.prepare(
        "SELECT i.id, i.body FROM inbound i
         WHERE i.id >= ?1 AND NOT EXISTS (SELECT 1 FROM entries e WHERE e.id = i.id)
           AND NOT EXISTS (SELECT 1 FROM dead d WHERE d.id = i.id)
         ORDER BY i.id",
    )?;
    let rows =
        statement.query_map([floor.cast_signed()], |row| Ok((id_column(row, 0)?, Arc::new(json_column(row, 1)?))))?;
    rows.collect()
}

fn id_column<T: From<u64>>(row: &Row<'_>, column: usize) -> Result<T, rusqlite::Error> {
    Ok(T::from(row.get::<_, i64>(column)?.cast_unsigned()))
}

fn json_column<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T, rusqlite::Error> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}

fn time_column(row: &Row<'_>, column: usize) -> Result<Timestamp, rusqlite::Error> {
    Ok(Timestamp::from_microsecond(row.get(column)?).unwrap_or_default())
}

fn read_error(error: &rusqlite::Error) -> StoreError {
    match error {
        rusqlite::Error::FromSqlConversionFailure(_, _, source) => {
            StoreError::Corrupt { what: "row", reason: source.to_string().into() }
        }
        error => StoreError::Unavailable(error.to_string().into()),
    }
}

impl Drop for SqliteRecord {
    fn drop(&mut self) {
        self.close();
    }
}

impl SqliteRecord {
    /// The clock that all ids of this record come from.
    #[must_use]
    pub fn clock(&self) -> &Arc<IdClock> {
        &self.clock
    }

    fn is_healthy(&self) -> bool {
        self.healthy.load(Ordering::Relaxed)
    }
}
