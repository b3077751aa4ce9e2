//! An entry as its row has it: who and what as JSON, the rest in columns.

use contract::EntryId;
use rusqlite::Row;
use serde::{Deserialize, Serialize};

use super::{id_column, json_column, time_column, writer::to_json};
use crate::store::entry::{Entry, EntryAuthor, What};

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
