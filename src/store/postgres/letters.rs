//! Dead letters, and what the inbox asks of the record.

use std::sync::Arc;

use async_trait::async_trait;
use contract::{Inbound, MessageId, OutboundId, Unread, truncate_chars};
use hashbrown::HashMap;

use super::{
    PostgresRecord, entries,
    prepared::Turn,
    rows::{self, plain, raw},
};
use crate::{
    inbox::rabbitmq::Letters,
    store::{
        StoreError,
        dedup_key::DedupKey,
        entry::What,
        outbox::{DeadKind, DeadLetter},
    },
};

/// How much of a dead letter is shown in a list.
const SHOWN: usize = 200;
/// How the ids of what was set aside begin.
const PREFIX: &str = "raw_";

pub(super) const KNOWN: &str = "SELECT key, id FROM dedup WHERE key = ANY ($1::bytea[])";
pub(super) const TO_PUBLISH: &str = "SELECT redriven AS id, body FROM dead WHERE NOT published
     UNION ALL SELECT id, body FROM unpublished ORDER BY id LIMIT $1";
pub(super) const DEAD: &str =
    "SELECT id, at, reason, channel, body FROM dead WHERE redriven IS NULL ORDER BY id DESC LIMIT $1";
pub(super) const FAILED: &str =
    "SELECT e.id, e.at, e.entry, COALESCE(o.error, 'the platform did not say why'), o.channel::text
     FROM (SELECT * FROM outbox WHERE state IN (1, 5, 6, 7) AND state = 5 ORDER BY id DESC LIMIT $1) AS o
     CROSS JOIN LATERAL (SELECT e.id, e.at, e.entry FROM entries e WHERE e.id = o.id OFFSET 0) AS e ORDER BY o.id DESC";
pub(super) const SET_ASIDE: &str =
    "SELECT id, at, reason, channel::text, name FROM set_aside ORDER BY id DESC LIMIT $1";

#[async_trait]
impl Letters for PostgresRecord {
    async fn known(&self, keys: &[DedupKey]) -> Result<Vec<Option<MessageId>>, StoreError> {
        let wanted: Vec<&[u8]> = keys.iter().map(<[u8; 16]>::as_slice).collect();
        let mut found: HashMap<Vec<u8>, MessageId> = HashMap::with_capacity(keys.len());
        for row in self.database.query(KNOWN, &[&wanted]).await? {
            found.insert(rows::get(&row, 0)?, rows::id(&row, 1)?);
        }
        Ok(keys.iter().map(|key| found.get(&key[..]).copied()).collect())
    }

    async fn bury(&self, id: MessageId, inbound: &Inbound, reason: &str) -> Result<(), StoreError> {
        let turn = Turn::of(id, inbound);
        let key = turn.key.map(|key| key.to_vec());
        let now = crate::clock::now().as_microsecond();
        // What was decided already is no dead letter. The key is kept, so that the platform's repetition is none either.
        self.database
            .execute(
                "WITH buried AS (
                     INSERT INTO dead (id, at, reason, channel, body)
                     SELECT $1::bigint, $2::bigint, $3::text, $4::text, $5::text
                     WHERE NOT EXISTS (SELECT 1 FROM entries WHERE id = $1) ON CONFLICT DO NOTHING RETURNING id)
                 INSERT INTO dedup (key, id) SELECT $6::bytea, id FROM buried WHERE $6::bytea IS NOT NULL
                 ON CONFLICT DO NOTHING",
                &[&raw(id.get()), &now, &plain(reason), &plain(&turn.channel), &turn.body, &key],
            )
            .await
            .map(drop)
    }

    async fn set_aside(&self, unread: Unread) -> Result<(), StoreError> {
        metrics::counter!("switchboard_set_aside_total", "channel" => unread.channel.clone()).increment(1);
        let Unread { channel, external_id, reason, name, bytes } = &unread;
        let now = crate::clock::now().as_microsecond();
        self.database
            .execute(
                "INSERT INTO set_aside (channel, external_id, at, reason, name, bytes)
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
                &[&plain(channel), &plain(external_id), &now, &plain(reason), &plain(name), &&bytes[..]],
            )
            .await
            .map(drop)
    }

    async fn to_publish(&self, limit: usize) -> Result<Vec<(MessageId, Arc<Inbound>)>, StoreError> {
        let rows = self.database.query(TO_PUBLISH, &[&rows::limit(limit)]).await?;
        rows.iter().map(|row| Ok((rows::id(row, 0)?, Arc::new(rows::json(row, 1, "message")?)))).collect()
    }

    async fn published(&self, ids: &[MessageId]) -> Result<(), StoreError> {
        let ids: Vec<i64> = ids.iter().map(|id| raw(id.get())).collect();
        let sql = "WITH carried AS (DELETE FROM unpublished WHERE id = ANY ($1::bigint[]))
                   UPDATE dead SET published = true WHERE NOT published AND redriven = ANY ($1::bigint[])";
        self.database.execute(sql, &[&ids]).await.map(drop)
    }
}

impl PostgresRecord {
    /// Gives a dead message a new id, under which the inbox publishes it.
    pub(super) async fn accept_again(&self, id: MessageId) -> Result<MessageId, StoreError> {
        let new: MessageId = self.ids.next(crate::clock::now());
        let changed = self
            .database
            .write(
                "WITH redriven AS (
                     UPDATE dead SET redriven = $2, published = false WHERE id = $1 AND redriven IS NULL RETURNING id),
                 key AS (UPDATE dedup SET id = $2 FROM redriven WHERE dedup.id = redriven.id)
                 SELECT id FROM redriven",
                &[&raw(id.get()), &raw(new.get())],
            )
            .await?;
        if changed.is_empty() { Err(StoreError::Missing("dead letter")) } else { Ok(new) }
    }

    pub(super) async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        let most = rows::limit(limit);
        let answers = self.database.pipelined(&[(DEAD, &[&most]), (FAILED, &[&most]), (SET_ASIDE, &[&most])]).await?;
        let mut letters = Vec::new();
        for (which, rows) in answers.iter().enumerate() {
            let read = [turn, outbound, unread][which];
            letters.extend(rows.iter().map(read).collect::<Result<Vec<_>, _>>()?);
        }
        letters.sort_by_key(|letter| std::cmp::Reverse(letter.at));
        letters.truncate(limit);
        Ok(letters)
    }

    pub(super) async fn set_aside_file(&self, id: &str) -> Result<(String, Vec<u8>), StoreError> {
        let id = id.strip_prefix(PREFIX).and_then(|id| id.parse::<i64>().ok()).ok_or(StoreError::Missing("file"))?;
        let row = self.database.row("SELECT name, bytes FROM set_aside WHERE id = $1", &[&id]).await?;
        let row = row.ok_or(StoreError::Missing("file"))?;
        Ok((rows::get(&row, 0)?, rows::get(&row, 1)?))
    }
}

fn turn(row: &tokio_postgres::Row) -> Result<DeadLetter, StoreError> {
    let inbound: Inbound = rows::json(row, 4, "message")?;
    Ok(DeadLetter {
        id: rows::id::<MessageId>(row, 0)?.to_string(),
        at: rows::time(row, 1)?,
        kind: DeadKind::Turn,
        reason: rows::get(row, 2)?,
        channel: rows::get(row, 3)?,
        text: truncate_chars(inbound.content.text(), SHOWN).to_owned(),
    })
}

fn outbound(row: &tokio_postgres::Row) -> Result<DeadLetter, StoreError> {
    let entry = entries::entry(row, [0, 1, 2])?;
    let text = match &entry.what {
        What::Reply { outbound, .. } => truncate_chars(&outbound.body.text, SHOWN).to_owned(),
        _ => String::new(),
    };
    Ok(DeadLetter {
        id: OutboundId::from(entry.id.get()).to_string(),
        at: entry.at,
        kind: DeadKind::Outbound,
        reason: rows::get(row, 3)?,
        channel: rows::get(row, 4)?,
        text,
    })
}

fn unread(row: &tokio_postgres::Row) -> Result<DeadLetter, StoreError> {
    Ok(DeadLetter {
        id: format!("{PREFIX}{}", rows::get::<i64>(row, 0)?),
        at: rows::time(row, 1)?,
        kind: DeadKind::Unread,
        reason: rows::get(row, 2)?,
        channel: rows::get(row, 3)?,
        text: rows::get(row, 4)?,
    })
}
