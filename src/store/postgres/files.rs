//! Files on their way. What a node is told that is due is that node's until it says what became of it, or dies.

use std::sync::Arc;

use async_trait::async_trait;
use contract::{Attachment, AttachmentSource, Inbound, MessageId, Timestamp};

use super::{
    PostgresRecord,
    database::Database,
    rows::{self, plain, raw},
};
use crate::store::{
    StoreError,
    files::{Fetched, Files, WantedFile},
    written::to_json,
};

/// Those of a channel that are due by a moment, unless another node that is alive fetches them.
pub(super) const DUE: &str = "UPDATE files f SET node = $4, incarnation = $5
     FROM (SELECT message, place FROM files
           WHERE channel = $1 AND next_at <= $2
             AND (node IS NULL OR (node = $4 AND incarnation = $5) OR NOT is_alive(node, incarnation))
           ORDER BY next_at, message, place LIMIT $3 FOR UPDATE SKIP LOCKED) AS due
     WHERE f.message = due.message AND f.place = due.place
     RETURNING f.message, f.place, f.reference, f.name, f.media_type, f.attempts, f.next_at";
pub(super) const NEXT: &str = "SELECT next_at FROM files WHERE channel = $1 AND next_at IS NOT NULL
       AND (node IS NULL OR (node = $2 AND incarnation = $3) OR NOT is_alive(node, incarnation))
     ORDER BY next_at LIMIT 1";

#[async_trait]
impl Files for PostgresRecord {
    async fn want(&self, channel: &str, files: Vec<WantedFile>) -> Result<(), StoreError> {
        let column = |of: fn(&WantedFile) -> &str| -> Vec<String> {
            files.iter().map(|file| plain(of(file)).into_owned()).collect()
        };
        let messages: Vec<i64> = files.iter().map(|file| raw(file.message.get())).collect();
        let places: Vec<i32> = files.iter().map(|file| file.place.cast_signed()).collect();
        self.database
            .execute(
                "INSERT INTO files (channel, next_at, message, place, reference, name, media_type)
                 SELECT $1::text, 0, u.* FROM unnest($2::bigint[], $3::integer[], $4::text[], $5::text[], $6::text[]) AS u
                 ON CONFLICT DO NOTHING",
                &[
                    &plain(channel),
                    &messages,
                    &places,
                    &column(|file| &file.reference),
                    &column(|file| &file.name),
                    &column(|file| &file.media_type),
                ],
            )
            .await
            .map(drop)
    }

    async fn due(&self, channel: &str, now: Timestamp, limit: usize) -> Result<Vec<(WantedFile, u32)>, StoreError> {
        let (node, incarnation) = self.node.columns();
        let (now, limit) = (now.as_microsecond(), rows::limit(limit));
        let rows = self.database.write(DUE, &[&plain(channel), &now, &limit, &node, &incarnation]).await?;
        let mut due = Vec::with_capacity(rows.len());
        for row in &rows {
            let file = WantedFile {
                message: rows::id(row, 0)?,
                place: rows::get::<i32>(row, 1)?.cast_unsigned(),
                reference: rows::get(row, 2)?,
                name: rows::get(row, 3)?,
                media_type: rows::get(row, 4)?,
            };
            due.push((rows::get::<i64>(row, 6)?, file, rows::get::<i32>(row, 5)?.cast_unsigned()));
        }
        due.sort_by_key(|(at, file, _)| (*at, file.message, file.place));
        Ok(due.into_iter().map(|(_, file, attempts)| (file, attempts)).collect())
    }

    async fn next_file(&self, channel: &str) -> Result<Option<Timestamp>, StoreError> {
        let (node, incarnation) = self.node.columns();
        let row = self.database.row(NEXT, &[&plain(channel), &node, &incarnation]).await?;
        row.map(|row| rows::time(&row, 0)).transpose()
    }

    async fn fetched(&self, file: &WantedFile, outcome: Fetched) -> Result<(), StoreError> {
        let (next_at, problem, attachment) = match outcome {
            Fetched::Here(attachment) => (None, None, Some(to_json(&attachment))),
            Fetched::Later { at, problem } => (Some(at.as_microsecond()), Some(problem), None),
            Fetched::Never(problem) => (None, Some(problem), None),
        };
        let problem = problem.as_deref().map(plain);
        self.database
            .execute(
                "UPDATE files SET attempts = attempts + 1, next_at = $3, problem = $4, attachment = $5, node = NULL,
                     incarnation = NULL WHERE message = $1 AND place = $2",
                &[&raw(file.message.get()), &file.place.cast_signed(), &next_at, &problem, &attachment],
            )
            .await
            .map(drop)
    }
}

/// Gives messages what has come of their files since, and why the rest has not.
pub(super) async fn complete(
    database: &Database,
    messages: impl Iterator<Item = (MessageId, &mut Arc<Inbound>)> + Send,
) -> Result<(), StoreError> {
    let mut wanting: Vec<(MessageId, &mut Arc<Inbound>)> =
        messages.filter(|(id, inbound)| WantedFile::of(*id, inbound).next().is_some()).collect();
    if wanting.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = wanting.iter().map(|(id, _)| raw(id.get())).collect();
    let sql = "SELECT message, place, next_at IS NULL, problem, attachment FROM files WHERE message = ANY ($1)";
    for row in database.query(sql, &[&ids]).await? {
        let (message, place): (MessageId, i32) = (rows::id(&row, 0)?, rows::get(&row, 1)?);
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        let Some((_, inbound)) = wanting.iter_mut().find(|(id, _)| *id == message) else { continue };
        let body = Arc::make_mut(inbound).content.body_mut();
        let Some(file) = body.and_then(|body| body.attachments.get_mut(place)) else { continue };
        if let Some(attachment) = rows::get::<Option<&str>>(&row, 4)? {
            *file = rows::parse::<Attachment>(attachment, "file")?;
        } else if let AttachmentSource::Remote { problem, .. } = &mut file.source {
            *problem = if rows::get(&row, 2)? { rows::get(&row, 3)? } else { None };
        }
    }
    Ok(())
}
