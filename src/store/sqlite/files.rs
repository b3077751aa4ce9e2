//! Files on their way, in the embedded record.

use std::sync::Arc;

use async_trait::async_trait;
use contract::{Attachment, AttachmentSource, Inbound, MessageId, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use super::{SqliteRecord, id_column, json_column, time_column, writer::to_json};
use crate::store::{
    StoreError,
    files::{Fetched, Files, WantedFile},
};

#[async_trait]
impl Files for SqliteRecord {
    async fn want(&self, channel: &str, files: Vec<WantedFile>) -> Result<(), StoreError> {
        let channel = channel.to_owned();
        self.write(move |transaction| {
            let mut insert = transaction.prepare_cached(
                "INSERT OR IGNORE INTO files (message, place, channel, reference, name, media_type, next_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0)",
            )?;
            for WantedFile { message, place, reference, name, media_type } in &files {
                insert.execute(params![message.get().cast_signed(), place, channel, reference, name, media_type])?;
            }
            Ok(())
        })
        .await
    }

    async fn due(&self, channel: &str, now: Timestamp, limit: usize) -> Result<Vec<(WantedFile, u32)>, StoreError> {
        let channel = channel.to_owned();
        self.read(move |connection| {
            connection
                .prepare_cached(
                    "SELECT message, place, reference, name, media_type, attempts FROM files
                     WHERE channel = ?1 AND next_at <= ?2 ORDER BY next_at, message, place LIMIT ?3",
                )?
                .query_map(params![channel, now.as_microsecond(), limit as i64], |row| {
                    let file = WantedFile {
                        message: id_column(row, 0)?,
                        place: row.get(1)?,
                        reference: row.get(2)?,
                        name: row.get(3)?,
                        media_type: row.get(4)?,
                    };
                    Ok((file, row.get(5)?))
                })?
                .collect()
        })
        .await
    }

    async fn next_file(&self, channel: &str) -> Result<Option<Timestamp>, StoreError> {
        let channel = channel.to_owned();
        self.read(move |connection| {
            connection
                .prepare_cached(
                    "SELECT next_at FROM files WHERE channel = ?1 AND next_at IS NOT NULL ORDER BY next_at LIMIT 1",
                )?
                .query_row([channel], |row| time_column(row, 0))
                .optional()
        })
        .await
    }

    async fn fetched(&self, file: &WantedFile, outcome: Fetched) -> Result<(), StoreError> {
        let (message, place) = (file.message.get().cast_signed(), file.place);
        let (next_at, problem, attachment) = match outcome {
            Fetched::Here(attachment) => (None, None, Some(to_json(&attachment))),
            Fetched::Later { at, problem } => (Some(at.as_microsecond()), Some(problem), None),
            Fetched::Never(problem) => (None, Some(problem), None),
        };
        self.write(move |transaction| {
            transaction
                .prepare_cached(
                    "UPDATE files SET attempts = attempts + 1, next_at = ?3, problem = ?4, attachment = ?5
                     WHERE message = ?1 AND place = ?2",
                )?
                .execute(params![message, place, next_at, problem, attachment])
                .map(drop)
        })
        .await
    }
}

/// A message with what has come of its files since, and with why the rest has not.
pub(super) fn with_files(
    connection: &Connection,
    id: MessageId,
    mut inbound: Inbound,
) -> Result<Arc<Inbound>, rusqlite::Error> {
    if WantedFile::of(id, &inbound).next().is_none() {
        return Ok(Arc::new(inbound));
    }
    let mut statement = connection
        .prepare_cached("SELECT place, next_at IS NULL, problem, attachment FROM files WHERE message = ?1")?;
    let mut rows = statement.query([id.get().cast_signed()])?;
    let files = inbound.content.body_mut().map(|body| &mut body.attachments);
    let Some(files) = files else { return Ok(Arc::new(inbound)) };
    while let Some(row) = rows.next()? {
        let Some(file) = files.get_mut(row.get::<_, u32>(0)? as usize) else { continue };
        if row.get_ref(3)? != rusqlite::types::ValueRef::Null {
            *file = json_column::<Attachment>(row, 3)?;
        } else if let AttachmentSource::Remote { problem, .. } = &mut file.source {
            *problem = if row.get(1)? { row.get(2)? } else { None };
        }
    }
    Ok(Arc::new(inbound))
}
