//! What adapters keep in the embedded record: their memory, and what they could not read.

use std::collections::BTreeMap;

use async_trait::async_trait;
use contract::{InboxError, Memory, MemoryError, Unread};
use rusqlite::{Connection, OptionalExtension, params};

use super::{SqliteRecord, time_column};
use crate::store::{
    StoreError,
    outbox::{DeadKind, DeadLetter},
};

#[async_trait]
impl Memory for SqliteRecord {
    async fn get(&self, channel: &str, key: &str) -> Result<Option<String>, MemoryError> {
        let (channel, key) = (channel.to_owned(), key.to_owned());
        let found = self.read(move |connection| {
            connection
                .prepare_cached("SELECT value FROM channel_memory WHERE channel = ?1 AND key = ?2")?
                .query_row([channel, key], |row| row.get(0))
                .optional()
        });
        found.await.map_err(|error| MemoryError(Box::new(error)))
    }

    async fn beginning(
        &self,
        channel: &str,
        prefix: &str,
        limit: usize,
    ) -> Result<BTreeMap<String, String>, MemoryError> {
        let (channel, prefix) = (channel.to_owned(), prefix.to_owned());
        let found = self.read(move |connection| {
            connection
                .prepare_cached(
                    "SELECT key, value FROM channel_memory
                     WHERE channel = ?1 AND key >= ?2 AND substr(key, 1, length(?2)) = ?2 ORDER BY key LIMIT ?3",
                )?
                .query_map(params![channel, prefix, limit as i64], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        });
        found.await.map_err(|error| MemoryError(Box::new(error)))
    }

    async fn put(&self, channel: &str, key: &str, value: Option<&str>) -> Result<(), MemoryError> {
        let (channel, key, value) = (channel.to_owned(), key.to_owned(), value.map(str::to_owned));
        let done = self.write(move |transaction| match &value {
            Some(value) => transaction
                .prepare_cached("INSERT OR REPLACE INTO channel_memory (channel, key, value) VALUES (?1, ?2, ?3)")?
                .execute([&channel, &key, value])
                .map(drop),
            None => transaction
                .prepare_cached("DELETE FROM channel_memory WHERE channel = ?1 AND key = ?2")?
                .execute([&channel, &key])
                .map(drop),
        });
        done.await.map_err(|error| MemoryError(Box::new(error)))
    }
}

/// How the ids of what was set aside begin.
const PREFIX: &str = "raw_";

impl SqliteRecord {
    pub(super) async fn keep_unread(&self, unread: Unread) -> Result<(), InboxError> {
        metrics::counter!("switchboard_set_aside_total", "channel" => unread.channel.clone()).increment(1);
        let done = self.write(move |transaction| {
            let Unread { channel, external_id, reason, name, bytes } = &unread;
            let at = crate::clock::now().as_microsecond();
            transaction
                .prepare_cached(
                    "INSERT OR IGNORE INTO set_aside (channel, external_id, at, reason, name, bytes)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute(params![channel, external_id, at, reason, name, &bytes[..]])
                .map(drop)
        });
        done.await.map_err(|error| InboxError::Unavailable(Box::new(error)))
    }

    pub(super) async fn unread_file(&self, id: &str) -> Result<(String, Vec<u8>), StoreError> {
        let id = id.strip_prefix(PREFIX).and_then(|id| id.parse::<i64>().ok()).ok_or(StoreError::Missing("file"))?;
        let found = self.read(move |connection| {
            connection
                .prepare_cached("SELECT name, bytes FROM set_aside WHERE id = ?1")?
                .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
        });
        found.await?.ok_or(StoreError::Missing("file"))
    }
}

/// What was set aside, newest first.
pub(super) fn set_aside(connection: &Connection, limit: usize) -> Result<Vec<DeadLetter>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT id, at, reason, channel, name FROM set_aside ORDER BY id DESC LIMIT ?1")?
        .query_map([limit as i64], |row| {
            Ok(DeadLetter {
                id: format!("{PREFIX}{}", row.get::<_, i64>(0)?),
                at: time_column(row, 1)?,
                kind: DeadKind::Unread,
                reason: row.get(2)?,
                channel: row.get(3)?,
                text: row.get(4)?,
            })
        })?
        .collect()
}
