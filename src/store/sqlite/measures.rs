//! The figures of the embedded record.

use std::ops::Range;

use async_trait::async_trait;
use contract::MessageId;
use rusqlite::{Row, Transaction, params};

use super::{SqliteRecord, id_column};
use crate::{
    measure::{Count, Miss},
    store::{Page, StoreError, measures::Measures},
};

/// Adds what the commits of a transaction count.
pub(super) fn add(
    transaction: &Transaction<'_>,
    counts: impl Iterator<Item = Count>,
    misses: &[Miss],
) -> Result<(), rusqlite::Error> {
    let mut add = transaction.prepare_cached(
        "INSERT INTO measures (hour, figure, channel, language, queue, label, detail, count)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (hour, figure, channel, language, queue, label, detail) DO UPDATE SET count = count + excluded.count",
    )?;
    let mut sweep = transaction.prepare_cached(
        "DELETE FROM measures WHERE hour = ?1 AND figure = ?2 AND channel = ?3 AND language = ?4 AND queue = ?5
         AND label = ?6 AND detail = ?7 AND count = 0",
    )?;
    for Count { hour, figure, channel, language, queue, label, detail, count } in counts {
        let key = params![hour, figure.as_str(), channel, language, queue, label, detail];
        add.execute(params![hour, figure.as_str(), channel, language, queue, label, detail, count])?;
        if count < 0 {
            sweep.execute(key)?;
        }
    }
    let mut note = transaction.prepare_cached(
        "INSERT OR IGNORE INTO misses (id, conversation, channel, language, text) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for Miss { id, conversation, channel, language, text } in misses {
        note.execute(params![id.get().cast_signed(), conversation.get().cast_signed(), channel, language, text])?;
    }
    Ok(())
}

#[async_trait]
impl Measures for SqliteRecord {
    async fn counts(&self, hours: Range<i64>) -> Result<Vec<Count>, StoreError> {
        self.read(move |connection| {
            connection
                .prepare_cached(
                    "SELECT ?1 + (hour - ?1) / 24 * 24 AS day, figure, channel, language, queue, label, detail, SUM(count)
                     FROM measures WHERE hour >= ?1 AND hour < ?2
                     GROUP BY day, figure, channel, language, queue, label, detail",
                )?
                .query_map([hours.start, hours.end], count)?
                .collect()
        })
        .await
    }

    async fn misses(&self, ids: Range<MessageId>, limit: usize) -> Result<Page<Miss>, StoreError> {
        let (from, to) = (ids.start.get().cast_signed(), ids.end.get().cast_signed());
        let most = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
        let mut items = self
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT id, conversation, channel, language, text FROM misses WHERE id >= ?1 AND id < ?2
                         ORDER BY id DESC LIMIT ?3",
                    )?
                    .query_map([from, to, most], miss)?
                    .collect::<Result<Vec<Miss>, _>>()
            })
            .await?;
        let more = items.len() > limit;
        items.truncate(limit);
        Ok(Page { items, more })
    }

    async fn forget_figures(&self) -> Result<(), StoreError> {
        self.write(|transaction| transaction.execute_batch("DELETE FROM measures; DELETE FROM misses")).await
    }
}

fn count(row: &Row<'_>) -> Result<Count, rusqlite::Error> {
    let figure: String = row.get(1)?;
    let figure = figure.parse().map_err(|error: String| {
        rusqlite::Error::FromSqlConversionFailure(1, rusqlite::types::Type::Text, error.into())
    })?;
    Ok(Count {
        hour: row.get(0)?,
        figure,
        channel: row.get(2)?,
        language: row.get(3)?,
        queue: row.get(4)?,
        label: row.get(5)?,
        detail: row.get(6)?,
        count: row.get(7)?,
    })
}

fn miss(row: &Row<'_>) -> Result<Miss, rusqlite::Error> {
    Ok(Miss {
        id: id_column(row, 0)?,
        conversation: id_column(row, 1)?,
        channel: row.get(2)?,
        language: row.get(3)?,
        text: row.get(4)?,
    })
}
