//! An entry as its row has it: who and what as JSON, the rest in columns.

use std::{ops::Range, sync::Arc};

use contract::EntryId;
use rusqlite::{Connection, OptionalExtension, Row};

use super::{id_column, json_column, time_column};
use crate::store::{
    Direction, Page, PastDecision,
    entry::Entry,
    written::{Decided, Said, said},
};

/// The columns `id`, `at`, `entry`.
pub(super) fn written(entry: &Entry) -> (EntryId, i64, String) {
    (entry.id, entry.at.as_microsecond(), said(entry))
}

/// Reads the columns `id`, `at`, `entry`, which stand in this order from `first` on.
pub(super) fn read(row: &Row<'_>, first: usize) -> Result<Entry, rusqlite::Error> {
    let Said { author, what } = json_column(row, first + 2)?;
    Ok(Entry { id: id_column(row, first)?, at: time_column(row, first + 1)?, author, what })
}

/// See [`Journal::decisions`](crate::store::Journal::decisions). Both tables are read in the order of their keys.
pub(super) fn decisions(
    connection: &Connection,
    ids: &Range<EntryId>,
    order: Direction,
    limit: usize,
) -> Result<Page<PastDecision>, rusqlite::Error> {
    let order = match order {
        Direction::Forward => "",
        Direction::Backward => "DESC",
    };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT e.id, e.at, e.conversation, e.entry, i.body FROM entries e LEFT JOIN inbound i ON i.id = e.id
         WHERE e.id >= ?1 AND e.id < ?2 ORDER BY e.id {order}",
    ))?;
    let mut rows = statement.query([ids.start.get().cast_signed(), ids.end.get().cast_signed()])?;
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        let Some(decision) = decision(connection, row)? else { continue };
        if items.len() == limit {
            return Ok(Page { items, more: true });
        }
        items.push(decision);
    }
    Ok(Page { items, more: false })
}

fn decision(connection: &Connection, row: &Row<'_>) -> Result<Option<PastDecision>, rusqlite::Error> {
    let id: EntryId = id_column(row, 0)?;
    let Some((message, record, on, after)) = json_column::<Decided>(row, 3)?.on(id) else { return Ok(None) };
    let inbound = if row.get_ref(4)? != rusqlite::types::ValueRef::Null {
        Some(json_column(row, 4)?)
    } else {
        connection
            .prepare_cached("SELECT body FROM inbound WHERE id = ?1")?
            .query_row([message.get().cast_signed()], |row| json_column(row, 0))
            .optional()?
    };
    let (Some(inbound), Some(decision)) = (inbound, record.decision) else { return Ok(None) };
    let (at, conversation) = (time_column(row, 1)?, id_column(row, 2)?);
    let (inbound, signals) = (Arc::new(inbound), record.signals);
    Ok(Some(PastDecision { id, at, on, after, conversation, message, inbound, signals, decision }))
}
