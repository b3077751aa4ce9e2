//! An entry as its row has it: who and what as JSON, the rest in columns.

use std::{ops::Range, sync::Arc};

use contract::{EntryId, MessageId};
use rusqlite::{Connection, OptionalExtension, Row};
use serde::{Deserialize, Serialize};

use super::{id_column, json_column, time_column, writer::to_json};
use crate::{
    routing::Trigger,
    store::{
        Direction, Page, PastDecision,
        entry::{Entry, EntryAuthor, TurnRecord, What},
    },
};

#[derive(Serialize)]
struct Written<'a> {
    author: &'a EntryAuthor,
    what: &'a What,
}

#[derive(Deserialize)]
struct Read {
    author: EntryAuthor,
    what: What,
}

/// The columns `id`, `at`, `entry`.
pub(super) fn written(entry: &Entry) -> (EntryId, i64, String) {
    let json = to_json(&Written { author: &entry.author, what: &entry.what });
    (entry.id, entry.at.as_microsecond(), json)
}

/// Reads the columns `id`, `at`, `entry`, which stand in this order from `first` on.
pub(super) fn read(row: &Row<'_>, first: usize) -> Result<Entry, rusqlite::Error> {
    let Read { author, what } = json_column(row, first + 2)?;
    Ok(Entry { id: id_column(row, first)?, at: time_column(row, first + 1)?, author, what })
}

/// Of an entry only what was decided: every other kind of entry is passed over without being taken apart.
#[derive(Deserialize)]
struct Decided {
    what: DecidedOn,
}

#[derive(Deserialize)]
struct DecidedOn {
    message: Option<TurnRecord>,
    refined: Option<Refined>,
    fired: Option<Fired>,
}

#[derive(Deserialize)]
struct Refined {
    of: MessageId,
    record: TurnRecord,
}

#[derive(Deserialize)]
struct Fired {
    on: Trigger,
    after: u64,
    #[serde(flatten)]
    seen: Refined,
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
    let (message, record, on, after) = match json_column::<Decided>(row, 3)?.what {
        DecidedOn { message: Some(record), .. } => (MessageId::from(id.get()), record, Trigger::Message, 0),
        DecidedOn { refined: Some(Refined { of, record }), .. } => (of, record, Trigger::Signals, 0),
        DecidedOn { fired: Some(Fired { on, after, seen: Refined { of, record } }), .. } => (of, record, on, after),
        _ => return Ok(None),
    };
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
