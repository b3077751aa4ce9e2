//! Messages that wait on this machine's disk for a broker that is away: one SQLite file, one thread that writes.
//!
//! A message is in the file, fsync'd, before its platform is told that it was accepted, and leaves it after the broker has
//! confirmed it. A crash between the two publishes it again, under the same id, which the commit of its turn recognises.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use contract::{IdClock, Inbound, MessageId};
use rusqlite::{Connection, Transaction, params};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::store::StoreError;

/// The most operations in one transaction.
const BATCH: usize = 512;

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS spool (at INTEGER PRIMARY KEY AUTOINCREMENT, id INTEGER NOT NULL, inbound TEXT NOT NULL)";

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// A message in the spool.
#[derive(Debug, Clone)]
pub struct Spooled {
    /// Its place.
    at: i64,
    /// Its id.
    pub id: MessageId,
    /// What came.
    pub inbound: Arc<Inbound>,
}

enum Op {
    Put { id: MessageId, body: String, answer: Answer<()> },
    Remove { at: Vec<i64>, answer: Answer<()> },
    Oldest { limit: usize, answer: Answer<Vec<Spooled>> },
}

/// The spool.
pub struct Spool {
    asks: mpsc::Sender<Op>,
    waiting: Arc<AtomicU64>,
    filled: Notify,
}

impl Spool {
    /// Opens the file, makes it if it is not there, and makes sure that new ids are above those in it.
    ///
    /// # Errors
    /// It can neither be opened nor made, or something in it cannot be read.
    pub fn open(path: &Path, ids: &IdClock) -> Result<Arc<Self>, StoreError> {
        let opened = || -> Result<(Connection, u64, u64), rusqlite::Error> {
            let connection = Connection::open(path)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.execute(SCHEMA, [])?;
            let (waiting, highest) =
                connection.query_row("SELECT COUNT(*), COALESCE(MAX(id), 0) FROM spool", [], |row| {
                    Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, i64>(1)?.cast_unsigned()))
                })?;
            Ok((connection, waiting, highest))
        };
        let (connection, waiting, highest) = opened().map_err(|error| {
            StoreError::Unavailable(format!("the spool {} cannot be opened: {error}", path.display()).into())
        })?;
        ids.advance_past(highest);
        let waiting = Arc::new(AtomicU64::new(waiting));
        let (asks, asked) = mpsc::channel(2 * BATCH);
        let counted = Arc::clone(&waiting);
        std::thread::Builder::new()
            .name("spool".to_owned())
            .spawn(move || write(connection, asked, &counted))
            .map_err(|error| StoreError::Unavailable(format!("the spool has no thread: {error}").into()))?;
        Ok(Arc::new(Self { asks, waiting, filled: Notify::new() }))
    }

    /// How many messages are in it.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Waits until something is put in, or has been since the last time.
    pub async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Puts a message behind the others; it is on disk when this returns.
    ///
    /// # Errors
    /// It is not: the disk is full, or gone.
    pub async fn put(&self, id: MessageId, inbound: &Inbound) -> Result<(), StoreError> {
        let body = serde_json::to_string(inbound)
            .map_err(|error| StoreError::Unavailable(format!("the message cannot be written: {error}").into()))?;
        self.ask(|answer| Op::Put { id, body, answer }).await?;
        self.filled.notify_one();
        Ok(())
    }

    /// The oldest messages.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn oldest(&self, limit: usize) -> Result<Vec<Spooled>, StoreError> {
        self.ask(|answer| Op::Oldest { limit, answer }).await
    }

    /// Forgets messages that are elsewhere now.
    ///
    /// # Errors
    /// They are still there.
    pub async fn remove(&self, gone: &[Spooled]) -> Result<(), StoreError> {
        let at = gone.iter().map(|spooled| spooled.at).collect();
        self.ask(|answer| Op::Remove { at, answer }).await
    }

    async fn ask<T>(&self, op: impl FnOnce(Answer<T>) -> Op) -> Result<T, StoreError> {
        let gone = || StoreError::Unavailable("the spool's thread has ended".into());
        let (answer, answered) = oneshot::channel();
        self.asks.send(op(answer)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

/// Does what is asked, until nobody can ask any more: whatever is queued, in one transaction.
fn write(mut connection: Connection, mut asked: mpsc::Receiver<Op>, waiting: &AtomicU64) {
    let mut batch = Vec::new();
    while asked.blocking_recv_many(&mut batch, BATCH) > 0 {
        let done = write_batch(&mut connection, &batch, waiting);
        let failed =
            done.err().map(|error| StoreError::Unavailable(format!("the spool cannot be written: {error}").into()));
        if let Some(error) = &failed {
            tracing::error!(%error, "Messages cannot be kept on this machine.");
        }
        for op in batch.drain(..) {
            let result = || failed.clone().map_or(Ok(()), Err);
            match op {
                Op::Put { answer, .. } | Op::Remove { answer, .. } => drop(answer.send(result())),
                Op::Oldest { limit, answer } => drop(answer.send(oldest(&connection, limit))),
            }
        }
    }
}

fn write_batch(connection: &mut Connection, batch: &[Op], waiting: &AtomicU64) -> Result<(), rusqlite::Error> {
    if batch.iter().all(|op| matches!(op, Op::Oldest { .. })) {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    let (mut put, mut removed) = (0, 0);
    for op in batch {
        match op {
            Op::Put { id, body, .. } => put += insert(&transaction, *id, body)?,
            Op::Remove { at, .. } => {
                let mut statement = transaction.prepare_cached("DELETE FROM spool WHERE at = ?1")?;
                for at in at {
                    removed += statement.execute([at])?;
                }
            }
            Op::Oldest { .. } => {}
        }
    }
    transaction.commit()?;
    waiting.fetch_add(put as u64, Ordering::Relaxed);
    waiting.fetch_sub(removed as u64, Ordering::Relaxed);
    metrics::gauge!("switchboard_spool_waiting").set(waiting.load(Ordering::Relaxed) as f64);
    Ok(())
}

fn insert(transaction: &Transaction<'_>, id: MessageId, body: &str) -> Result<usize, rusqlite::Error> {
    transaction
        .prepare_cached("INSERT INTO spool (id, inbound) VALUES (?1, ?2)")?
        .execute(params![id.get().cast_signed(), body])
}

fn oldest(connection: &Connection, limit: usize) -> Result<Vec<Spooled>, StoreError> {
    let unavailable =
        |error: rusqlite::Error| StoreError::Unavailable(format!("the spool cannot be read: {error}").into());
    let mut statement =
        connection.prepare_cached("SELECT at, id, inbound FROM spool ORDER BY at LIMIT ?1").map_err(unavailable)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement
        .query_map([limit], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?, row.get::<_, String>(2)?)))
        .map_err(unavailable)?;
    rows.map(|row| {
        let (at, id, body) = row.map_err(unavailable)?;
        let inbound = serde_json::from_str(&body)
            .map_err(|error| StoreError::Corrupt { what: "spooled message", reason: error.to_string().into() })?;
        Ok(Spooled { at, id: MessageId::from(id.cast_unsigned()), inbound: Arc::new(inbound) })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use contract::{Address, Body, Content, Sender};

    use super::*;

    fn inbound(text: &str) -> Inbound {
        Inbound {
            channel: "shop".into(),
            kind: "webchat".into(),
            external_id: text.into(),
            thread: "visitor".into(),
            from: Sender {
                address: Address { space: "webchat:shop".into(), handle: "visitor".into() },
                name: None,
                email: None,
                phone: None,
                email_verified: false,
                phone_verified: false,
                attributes: Default::default(),
            },
            content: Content::Message(Body::text(text)),
            sent_at: None,
            automatic: false,
            related: None,
        }
    }

    #[tokio::test]
    async fn it_keeps_messages_in_order_over_a_restart_and_forgets_what_it_is_told_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool.db");
        let texts = ["一", "two", "three"];
        {
            let ids = IdClock::new(3);
            let spool = Spool::open(&path, &ids).unwrap();
            for text in texts {
                spool.put(ids.next(crate::clock::now()), &inbound(text)).await.unwrap();
            }
            assert_eq!(spool.waiting(), 3);
        }
        let ids = IdClock::new(3);
        let spool = Spool::open(&path, &ids).unwrap();
        let found = spool.oldest(10).await.unwrap();
        assert_eq!(found.iter().map(|spooled| spooled.inbound.content.text()).collect::<Vec<_>>(), texts);
        assert!(ids.next::<MessageId>(jiff::Timestamp::UNIX_EPOCH) > found[2].id, "ids go on above");
        spool.remove(&found[..2]).await.unwrap();
        assert_eq!(spool.waiting(), 1);
        assert_eq!(spool.oldest(10).await.unwrap()[0].inbound.content.text(), "three");
        drop(spool);
        assert!(Spool::open(folder.path(), &ids).is_err());
    }
}
