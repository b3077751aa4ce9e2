//! The embedded record, read and written as a whole: see [`carry`](crate::store::carry).
//!
//! It is filled in a file beside its place, which becomes the record when it is complete. The replies of a conversation that
//! are still to be sent go in the order of their ids here: several daemons whose clocks differ may have meant another one.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use contract::{IdClock, MessageId};
use rusqlite::{Connection, ToSql, types::Null};

use super::{Options, SqliteRecord, dedup, migrations, open_connection, outbox::count};
use crate::store::{
    StoreError,
    carry::{Each, Kind, Of, RecordReader, RecordWriter, Row, SECRET, Value},
    outbox::Ledger,
};

/// What a kind's column is in this record, where no table has it.
fn derived(kind: &Kind, column: &str) -> Option<&'static str> {
    Some(match (kind.name, column) {
        ("customer", "name") => "customer ->> '$.name'",
        ("conversation", "closed_at") => "json_extract(state, '$.closed_at')",
        ("entry", "kind") => {
            "CASE (SELECT key FROM json_each(entry, '$.what')) WHEN 'message' THEN 0 WHEN 'refined' THEN 1
             WHEN 'fired' THEN 2 WHEN 'reply' THEN 3 WHEN 'note' THEN 4 ELSE 5 END"
        }
        ("outbox", "place") => "row_number() OVER (PARTITION BY conversation ORDER BY id)",
        _ => return None,
    })
}

fn select(kind: &Kind) -> String {
    let columns: Vec<&str> = kind.names().map(|name| derived(kind, name).unwrap_or(name)).collect();
    let from = match kind.name {
        "message" => "inbound WHERE EXISTS (SELECT 1 FROM entries e WHERE e.id = inbound.id)",
        "waiting" => {
            "inbound WHERE NOT EXISTS (SELECT 1 FROM entries e WHERE e.id = inbound.id)
               AND NOT EXISTS (SELECT 1 FROM dead d WHERE d.id = inbound.id)"
        }
        "dead" => "dead JOIN inbound USING (id)",
        "key" => "temp.keys",
        _ => kind.table,
    };
    format!("SELECT {} FROM {from} ORDER BY {}", columns.join(", "), kind.key.join(", "))
}

/// What adds a row; a question mark's number is the place of its column.
fn inserts(kind: &Kind) -> Vec<String> {
    let own = |sql: &str| vec![sql.to_owned()];
    match kind.name {
        "message" | "waiting" => own("INSERT INTO inbound (id, channel, body) VALUES (?1, ?2, ?3)"),
        "dead" => vec![
            "INSERT INTO inbound (id, channel, body) VALUES (?1, ?4, ?5)".to_owned(),
            "INSERT INTO dead (id, at, reason, redriven) VALUES (?1, ?2, ?3, ?6)".to_owned(),
        ],
        // Each in a row of its own, which is forgotten at its own time.
        "key" => own("INSERT INTO dedup (keys, id) VALUES (?1, ?2)"),
        // What has no id equals nothing, and here each has one.
        "set_aside" => own("INSERT INTO set_aside (id, channel, external_id, at, reason, name, bytes)
             VALUES (?1, ?2, CASE ?3 WHEN '' THEN 'raw_' || ?1 ELSE ?3 END, ?4, ?5, ?6, ?7)"),
        _ => {
            let kept = || kind.names().enumerate().filter(|(_, name)| derived(kind, name).is_none());
            let names: Vec<&str> = kept().map(|(_, name)| name).collect();
            let values: Vec<String> = kept().map(|(at, _)| format!("?{}", at + 1)).collect();
            vec![format!("INSERT INTO {} ({}) VALUES ({})", kind.table, names.join(", "), values.join(", "))]
        }
    }
}

/// An embedded record that no daemon uses, to be read.
pub struct SqliteReader {
    connection: Connection,
}

impl SqliteReader {
    /// Brings the record at `path` up to date and opens it for reading.
    ///
    /// # Errors
    /// It cannot be opened or read, or was written by a newer Switchboard.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        // Writes the rows of conversations that a crash left behind their journal.
        SqliteRecord::open(path, Arc::new(IdClock::new(0)), Options::default())?.close();
        let connection = open_connection(path, false)?;
        unpack_keys(&connection).map_err(|error| super::read_error(&error))?;
        Ok(Self { connection })
    }
}

/// Makes a table of the keys, each with the last id that its message was accepted under.
fn unpack_keys(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.execute_batch(
        "PRAGMA temp_store = FILE;
         CREATE TEMP TABLE keys (key BLOB NOT NULL, id INTEGER NOT NULL);
         BEGIN;",
    )?;
    let mut insert = connection.prepare("INSERT INTO temp.keys (key, id) VALUES (?1, ?2)")?;
    let mut unpacked = Ok(());
    dedup::each_row(connection, MessageId::from(0), |row| {
        for (key, id) in row {
            if unpacked.is_ok() {
                unpacked = insert.execute((key, id.get().cast_signed())).map(drop);
            }
        }
    })?;
    unpacked?;
    let mut redriven = 1;
    while redriven > 0 {
        redriven = connection.execute(
            "UPDATE temp.keys SET id = (SELECT d.redriven FROM dead d WHERE d.id = keys.id)
             WHERE id IN (SELECT d.id FROM dead d WHERE d.redriven IS NOT NULL)",
            [],
        )?;
    }
    connection.execute_batch("COMMIT")
}

#[async_trait]
impl RecordReader for SqliteReader {
    async fn rows(&mut self, kind: &'static Kind, each: &mut Each<'_>) -> anyhow::Result<()> {
        if *kind == SECRET {
            return Ok(());
        }
        let mut statement = self.connection.prepare(&select(kind))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            each(values(kind, row)?)?;
        }
        Ok(())
    }

    async fn ledger(&mut self) -> anyhow::Result<Ledger> {
        Ok(count(&self.connection)?)
    }
}

fn values(kind: &Kind, row: &rusqlite::Row<'_>) -> Result<Row, rusqlite::Error> {
    let value = |(at, of)| {
        Ok(match of {
            Of::Number => row.get::<_, Option<_>>(at)?.map(Value::Number),
            Of::Flag => row.get::<_, Option<_>>(at)?.map(Value::Flag),
            Of::Text => row.get::<_, Option<_>>(at)?.map(Value::Text),
            Of::Bytes => row.get::<_, Option<_>>(at)?.map(Value::Bytes),
        }
        .unwrap_or(Value::Null))
    };
    kind.columns.iter().map(|column| column.of).enumerate().map(value).collect()
}

/// An embedded record that is being filled.
pub struct SqliteWriter {
    /// Gone once it is a record.
    connection: Option<Connection>,
    part: PathBuf,
    path: PathBuf,
    /// The oldest message that waits, and the newest of all: where the first start begins to look.
    oldest_waiting: Option<i64>,
    newest: i64,
}

impl SqliteWriter {
    /// Begins a record that will be at `path`, where there is none yet. What a killed process left is removed.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let part = path.with_extension("db.part");
        if let Err(error) = fs::remove_file(&part)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error.into());
        }
        let mut connection = Connection::open(&part)?;
        // Until it is complete it is nothing, so that nothing has to be undone in it.
        connection.execute_batch("PRAGMA page_size = 8192; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")?;
        migrations::migrations::runner().run(&mut connection)?;
        connection.execute_batch("BEGIN")?;
        Ok(Self { connection: Some(connection), part, path: path.to_owned(), oldest_waiting: None, newest: 0 })
    }

    fn connection(&self) -> anyhow::Result<&Connection> {
        self.connection.as_ref().ok_or_else(|| anyhow::anyhow!("the record is complete already"))
    }

    /// What the first start needs to know of a message.
    fn note(&mut self, kind: &Kind, row: &Row) {
        let Some(id) = row.first().and_then(Value::number) else { return };
        if matches!(kind.name, "message" | "entry") {
            self.newest = self.newest.max(id);
        }
        if kind.name == "waiting" {
            self.oldest_waiting = Some(self.oldest_waiting.map_or(id, |oldest| oldest.min(id)));
        }
    }
}

/// A key as its row has it, behind its message's id.
fn packed(row: &mut Row) {
    let id = row.last().and_then(Value::number);
    if let (Some(Value::Bytes(key)), Some(id)) = (row.first_mut(), id) {
        key.splice(..0, id.to_be_bytes());
    }
}

#[async_trait]
impl RecordWriter for SqliteWriter {
    async fn put(&mut self, kind: &'static Kind, mut rows: Vec<Row>) -> anyhow::Result<()> {
        rows.iter().for_each(|row| self.note(kind, row));
        if kind.name == "key" {
            rows.iter_mut().for_each(packed);
        }
        let connection = self.connection()?;
        for sql in inserts(kind) {
            let mut statement = connection.prepare_cached(&sql)?;
            for row in &rows {
                for at in 1..=statement.parameter_count() {
                    let value: &dyn ToSql = match row.get(at - 1) {
                        Some(Value::Number(number)) => number,
                        Some(Value::Flag(flag)) => flag,
                        Some(Value::Text(text)) => text,
                        Some(Value::Bytes(bytes)) => bytes,
                        Some(Value::Null) | None => &Null,
                    };
                    statement.raw_bind_parameter(at, value)?;
                }
                statement.raw_execute()?;
            }
        }
        Ok(())
    }

    async fn ledger(&mut self) -> anyhow::Result<Ledger> {
        Ok(count(self.connection()?)?)
    }

    async fn keep(mut self: Box<Self>) -> anyhow::Result<()> {
        let floor = self.oldest_waiting.unwrap_or(self.newest).to_string();
        let connection = self.connection()?;
        connection.execute("INSERT INTO meta (key, value) VALUES ('floor', ?1)", [floor])?;
        connection.execute_batch("COMMIT")?;
        if let Some(connection) = self.connection.take() {
            connection.close().map_err(|(_, error)| error)?;
        }
        File::open(&self.part)?.sync_all()?;
        fs::rename(&self.part, &self.path)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

impl Drop for SqliteWriter {
    fn drop(&mut self) {
        if self.connection.take().is_some() {
            let _ = fs::remove_file(&self.part);
        }
    }
}
