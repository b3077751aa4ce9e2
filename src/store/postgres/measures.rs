//! The figures on PostgreSQL.

use std::ops::Range;

use async_trait::async_trait;
use contract::MessageId;
use tokio_postgres::Row;

use super::{
    PostgresRecord,
    rows::{self, plain, raw},
    written_rows::{Statement, column},
};
use crate::{
    measure::{Count, Miss, Tally},
    store::{Page, StoreError, measures::Measures},
};

/// By the key, so that two connections which have a share in common wait for each other in the same order.
pub(super) const ADD: &str = "INSERT INTO measures (hour, figure, channel, language, queue, label, detail, share, count)
     SELECT u.hour, u.figure, u.channel, u.language, u.queue, u.label, u.detail, (pg_backend_pid() % 16)::smallint, u.count
     FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[])
         AS u (hour, figure, channel, language, queue, label, detail, count)
     ORDER BY u.hour, u.figure COLLATE \"C\", u.channel COLLATE \"C\", u.language COLLATE \"C\", u.queue COLLATE \"C\",
         u.label COLLATE \"C\", u.detail COLLATE \"C\"
     ON CONFLICT (hour, figure, channel, language, queue, label, detail, share)
     DO UPDATE SET count = measures.count + excluded.count";
pub(super) const COUNTS: &str =
    "SELECT $1::bigint + (hour - $1) / 24 * 24 AS day, figure::text, channel::text, language::text, queue::text,
         label::text, detail::text, SUM(count)::bigint
     FROM measures WHERE hour >= $1 AND hour < $2 GROUP BY day, figure, channel, language, queue, label, detail
     HAVING SUM(count) <> 0";
pub(super) const MISSES: &str = "SELECT id, conversation, channel, language, text FROM misses
     WHERE id >= $1 AND id < $2 ORDER BY id DESC LIMIT $3";

/// What adds what the commits of a batch count.
pub(super) fn add<'c>(commits: impl Iterator<Item = &'c crate::measure::Noted>) -> Vec<Statement> {
    let (mut tally, mut misses) = (Tally::default(), Vec::new());
    for noted in commits {
        tally.add(noted.counts.iter().map(|count| Count {
            channel: plain(&count.channel).into_owned(),
            language: plain(&count.language).into_owned(),
            queue: plain(&count.queue).into_owned(),
            label: plain(&count.label).into_owned(),
            detail: plain(&count.detail).into_owned(),
            ..count.clone()
        }));
        misses.extend(&noted.misses);
    }
    let counts: Vec<Count> = tally.into_counts().collect();
    let text = |of: fn(&Count) -> &str| column(counts.iter().map(|count| of(count).to_owned()).collect());
    let mut statements = Vec::new();
    if !misses.is_empty() {
        statements.push((
            "INSERT INTO misses (id, conversation, channel, language, text) SELECT * FROM
                 unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[]) ON CONFLICT DO NOTHING",
            vec![
                column(misses.iter().map(|miss| raw(miss.id.get())).collect()),
                column(misses.iter().map(|miss| raw(miss.conversation.get())).collect()),
                column(misses.iter().map(|miss| plain(&miss.channel).into_owned()).collect()),
                column(misses.iter().map(|miss| plain(&miss.language).into_owned()).collect()),
                column(misses.iter().map(|miss| plain(&miss.text).into_owned()).collect()),
            ],
        ));
    }
    if !counts.is_empty() {
        statements.push((
            ADD,
            vec![
                column(counts.iter().map(|count| count.hour).collect()),
                text(|count| count.figure.as_str()),
                text(|count| &count.channel),
                text(|count| &count.language),
                text(|count| &count.queue),
                text(|count| &count.label),
                text(|count| &count.detail),
                column(counts.iter().map(|count| count.count).collect()),
            ],
        ));
    }
    statements
}

#[async_trait]
impl Measures for PostgresRecord {
    async fn counts(&self, hours: Range<i64>) -> Result<Vec<Count>, StoreError> {
        let rows = self.database.query(COUNTS, &[&hours.start, &hours.end]).await?;
        rows.iter().map(count).collect()
    }

    async fn misses(&self, ids: Range<MessageId>, limit: usize) -> Result<Page<Miss>, StoreError> {
        let (from, to) = (raw(ids.start.get()), raw(ids.end.get()));
        let rows = self.database.query(MISSES, &[&from, &to, &rows::limit(limit.saturating_add(1))]).await?;
        let mut items = rows.iter().map(miss).collect::<Result<Vec<Miss>, _>>()?;
        let more = items.len() > limit;
        items.truncate(limit);
        Ok(Page { items, more })
    }

    async fn forget_figures(&self) -> Result<(), StoreError> {
        let sql = "WITH forgotten AS (DELETE FROM misses) DELETE FROM measures";
        self.database.execute(sql, &[]).await.map(drop)
    }
}

fn count(row: &Row) -> Result<Count, StoreError> {
    let figure: String = rows::get(row, 1)?;
    let corrupt = |reason: String| StoreError::Corrupt { what: "figure", reason: reason.into() };
    Ok(Count {
        hour: rows::get(row, 0)?,
        figure: figure.parse().map_err(corrupt)?,
        channel: rows::get(row, 2)?,
        language: rows::get(row, 3)?,
        queue: rows::get(row, 4)?,
        label: rows::get(row, 5)?,
        detail: rows::get(row, 6)?,
        count: rows::get(row, 7)?,
    })
}

fn miss(row: &Row) -> Result<Miss, StoreError> {
    Ok(Miss {
        id: rows::id(row, 0)?,
        conversation: rows::id(row, 1)?,
        channel: rows::get(row, 2)?,
        language: rows::get(row, 3)?,
        text: rows::get(row, 4)?,
    })
}
