//! The record of several daemons, read and written as a whole while none of them is alive: see
//! [`carry`](crate::store::carry).
//!
//! It is read from one snapshot, and filled in one transaction.

use std::collections::BTreeSet;

use anyhow::ensure;
use async_trait::async_trait;
use deadpool_postgres::{ClientWrapper, Object};
use futures::TryStreamExt;
use tokio_postgres::{Row as Found, error::SqlState, types::ToSql};

use super::{
    database::{Database, store_error},
    ledger,
    nodes::NUMBERS,
    partitions,
    rows::{self, plain},
};
use crate::store::{
    StoreError,
    carry::{Column, Each, Kind, Of, RECORD, RecordReader, RecordWriter, Row, SECRET, Value},
    outbox::Ledger,
};

/// What a kind's column is in this record, where no table has it.
fn derived(kind: &Kind, column: &str) -> Option<&'static str> {
    match (kind.name, column) {
        // As the embedded record counts.
        ("outbox", "place") => Some("row_number() OVER (PARTITION BY t.conversation ORDER BY t.place, t.id)"),
        _ => None,
    }
}

fn select(kind: &Kind) -> String {
    let column = |Column { name, of }: &Column| {
        let what = derived(kind, name).map_or_else(|| format!("t.{name}"), str::to_owned);
        match of {
            Of::Number => format!("({what})::bigint"),
            Of::Text => format!("({what})::text"),
            Of::Flag | Of::Bytes => what,
        }
    };
    let columns: Vec<String> = kind.columns.iter().map(column).collect();
    let from = match kind.name {
        // The command line's is this fleet's own, and signs nothing that lasts.
        "secret" => {
            "(SELECT substr(key, 8) AS name, decode(value, 'hex') AS value FROM meta
              WHERE starts_with(key, 'secret/') AND key <> 'secret/local')"
        }
        "waiting" => {
            "(SELECT id, channel, body FROM unpublished
              UNION ALL SELECT redriven, channel, body FROM dead WHERE NOT published)"
        }
        "measure" => {
            "(SELECT hour, figure, channel, language, queue, label, detail, SUM(count) AS count FROM measures
              GROUP BY hour, figure, channel, language, queue, label, detail HAVING SUM(count) <> 0)"
        }
        _ => kind.table,
    };
    let key: Vec<String> = kind.key.iter().map(|name| format!("t.{name}")).collect();
    format!("SELECT {} FROM {from} AS t ORDER BY {}", columns.join(", "), key.join(", "))
}

/// What adds rows, given in columns.
fn insert(kind: &Kind) -> String {
    let names: Vec<&str> = kind.names().collect();
    let names = names.join(", ");
    let place = |(at, column): (usize, &Column)| {
        let of = match column.of {
            Of::Number => "bigint",
            Of::Flag => "boolean",
            Of::Text => "text",
            Of::Bytes => "bytea",
        };
        format!("${}::{of}[]", at + 1)
    };
    let places: Vec<String> = kind.columns.iter().enumerate().map(place).collect();
    let rows = format!("unnest({}) AS r ({names})", places.join(", "));
    if *kind == SECRET {
        // One that was made before the record came has not signed anything of it.
        return format!(
            "INSERT INTO meta (key, value) SELECT 'secret/' || r.name, encode(r.value, 'hex') FROM {rows}
             ON CONFLICT (key) DO UPDATE SET value = excluded.value"
        );
    }
    let overriding = if COUNTED.contains(&kind.table) { "OVERRIDING SYSTEM VALUE" } else { "" };
    format!("INSERT INTO {} ({names}) {overriding} SELECT {names} FROM {rows}", kind.table)
}

/// For how many milliseconds one waits for others who have the record to themselves.
const PATIENCE: u32 = 5_000;

/// The tables whose ids the database counts.
const COUNTED: [&str; 3] = ["merges", "set_aside", "tokens"];

impl Database {
    /// A connection under which no daemon is alive, and none comes to life, until it is dropped.
    async fn alone(&self) -> Result<ClientWrapper, StoreError> {
        let fault = |error: tokio_postgres::Error| store_error(&error);
        let client = Object::take(self.client().await?);
        let patient = format!(
            "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET lock_timeout = {PATIENCE}"
        );
        client.batch_execute(&patient).await.map_err(fault)?;
        // Of a process that was killed the server hears some moments later.
        if let Err(error) = client.execute("SELECT pg_advisory_lock($1)", &[&NUMBERS]).await {
            let held = error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE);
            let who = "a daemon is starting on it, or it is being carried already: try again when that is over";
            return Err(if held { StoreError::Unavailable(who.into()) } else { fault(error) });
        }
        if let Some(node) = self.nodes().await?.first() {
            let who = format!(
                "daemon {} at {} is alive: stop all daemons first, and wait some seconds for those that were killed",
                node.number, node.card.address
            );
            return Err(StoreError::Unavailable(who.into()));
        }
        Ok(client)
    }
}

/// A record that no daemon uses, to be read.
pub struct PostgresReader {
    client: ClientWrapper,
}

impl PostgresReader {
    /// Opens it for reading as it is now. Daemons that are started meanwhile wait.
    ///
    /// # Errors
    /// The database does not work, or a daemon is alive.
    pub async fn open(database: &Database) -> Result<Self, StoreError> {
        let client = database.alone().await?;
        let begun = client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await;
        begun.map_err(|error| store_error(&error))?;
        Ok(Self { client })
    }
}

#[async_trait]
impl RecordReader for PostgresReader {
    async fn rows(&mut self, kind: &'static Kind, each: &mut Each<'_>) -> anyhow::Result<()> {
        let found = self.client.query_raw(&select(kind), Vec::<i64>::new()).await?;
        let mut found = std::pin::pin!(found);
        while let Some(row) = found.try_next().await? {
            each(values(kind, &row)?)?;
        }
        Ok(())
    }

    async fn ledger(&mut self) -> anyhow::Result<Ledger> {
        Ok(ledger::count(&*self.client).await?)
    }
}

fn values(kind: &Kind, row: &Found) -> Result<Row, StoreError> {
    let value = |(at, of)| {
        Ok(match of {
            Of::Number => rows::get::<Option<_>>(row, at)?.map(Value::Number),
            Of::Flag => rows::get::<Option<_>>(row, at)?.map(Value::Flag),
            Of::Text => rows::get::<Option<_>>(row, at)?.map(Value::Text),
            Of::Bytes => rows::get::<Option<_>>(row, at)?.map(Value::Bytes),
        }
        .unwrap_or(Value::Null))
    };
    kind.columns.iter().map(|column| column.of).enumerate().map(value).collect()
}

/// A record that is being filled.
pub struct PostgresWriter {
    client: ClientWrapper,
    /// The weeks whose partitions are there.
    weeks: BTreeSet<partitions::Week>,
}

impl PostgresWriter {
    /// Begins to fill a record that is empty. Daemons that are started meanwhile wait.
    ///
    /// # Errors
    /// The database does not work, a daemon is alive, or something is in the record.
    pub async fn begin(database: &Database) -> anyhow::Result<Self> {
        let client = database.alone().await?;
        client.batch_execute("BEGIN").await?;
        for kind in &RECORD {
            let row = client.query_one(&format!("SELECT EXISTS (SELECT 1 FROM {})", kind.table), &[]).await?;
            ensure!(
                !rows::get::<bool>(&row, 0)?,
                "the record is not empty, its table {} has rows: name an empty database, on which no daemon has been started",
                kind.table
            );
        }
        Ok(Self { client, weeks: BTreeSet::new() })
    }
}

fn column(rows: &[Row], at: usize, of: Of) -> Box<dyn ToSql + Sync + Send> {
    let values = rows.iter().map(|row| row.get(at).unwrap_or(&Value::Null));
    match of {
        Of::Number => Box::new(values.map(Value::number).collect::<Vec<_>>()),
        Of::Flag => Box::new(
            values.map(|value| if let Value::Flag(flag) = value { Some(*flag) } else { None }).collect::<Vec<_>>(),
        ),
        Of::Text => Box::new(
            values
                .map(|value| if let Value::Text(text) = value { Some(plain(text).into_owned()) } else { None })
                .collect::<Vec<_>>(),
        ),
        Of::Bytes => Box::new(
            values
                .map(|value| if let Value::Bytes(bytes) = value { Some(bytes.clone()) } else { None })
                .collect::<Vec<_>>(),
        ),
    }
}

#[async_trait]
impl RecordWriter for PostgresWriter {
    async fn put(&mut self, kind: &'static Kind, rows: Vec<Row>) -> anyhow::Result<()> {
        if partitions::TABLES.contains(&kind.table) {
            let ids = rows.iter().filter_map(|row| row.first()?.number());
            let weeks: BTreeSet<_> = ids.map(partitions::Week::of_id).collect();
            for week in weeks.difference(&self.weeks) {
                partitions::make(&self.client, *week, crate::clock::now()).await?;
            }
            self.weeks.extend(weeks);
        }
        let columns: Vec<_> =
            kind.columns.iter().enumerate().map(|(at, Column { of, .. })| column(&rows, at, *of)).collect();
        let columns: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|column| &**column as &(dyn ToSql + Sync)).collect();
        let statement = self.client.prepare_cached(&insert(kind)).await?;
        self.client.execute(&statement, &columns).await.map_err(|error| store_error(&error))?;
        Ok(())
    }

    async fn ledger(&mut self) -> anyhow::Result<Ledger> {
        Ok(ledger::count(&*self.client).await?)
    }

    async fn keep(self: Box<Self>) -> anyhow::Result<()> {
        for table in COUNTED {
            let go_on = format!(
                "SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table} HAVING max(id) > 0"
            );
            self.client.execute(&go_on, &[]).await?;
        }
        self.client.batch_execute("COMMIT").await?;
        // The first daemon shall know how much there is; the database finds it out by itself some time later.
        let _ = self.client.batch_execute("ANALYZE").await;
        Ok(())
    }
}
