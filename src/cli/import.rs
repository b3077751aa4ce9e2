//! `switchboard import`: an archive becomes the record of an installation that has none yet.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, ensure};
use clap::Args;

use super::{export::only_user, ledger};
use crate::{
    archive::{self, ArchiveReader, Checked},
    config::{Config, Mode},
    home::Home,
    store::{
        attachments::Carried,
        carry::{ATTACHMENT, Kind, RecordWriter, Row, SECRET, Value},
        outbox::Ledger,
        postgres::{Database, PostgresWriter},
        sqlite::SqliteWriter,
    },
    wiring::{attachments, postgres_settings},
};

/// How many rows, and about how many bytes of them, are written together.
const ROWS: usize = 500;
const WEIGHT: usize = 4 << 20;

#[derive(Debug, Args)]
pub(super) struct Import {
    /// The archive that `switchboard export` wrote.
    file: PathBuf,
}

impl Import {
    /// Writes all of the archive, or nothing but files that nobody refers to.
    pub async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let Checked { end, secrets } = archive::check(&self.file)?;
        let home = Home::at(&config.data)?;
        let _lock = only_user(config, &home)?;
        for (name, secret) in &secrets {
            home.suits(name, *secret)?;
        }
        let mut record = writer(config, &home).await?;
        let files = attachments(&config.attachments, &home)?;
        let mut archive = ArchiveReader::open(&self.file)?;
        let mut batch = Batch::default();
        while let Some((kind, row)) = archive.next()? {
            if let Some((kind, rows)) = batch.add(kind, row) {
                put(&mut *record, &*files, config.mode, kind, rows).await?;
            }
        }
        if let Some((kind, rows)) = batch.take() {
            put(&mut *record, &*files, config.mode, kind, rows).await?;
        }
        let ledger = record.ledger().await?;
        is_the_same(&end.ledger, &ledger)?;
        if config.mode == Mode::Embedded {
            for (name, secret) in &secrets {
                home.put_secret(name, *secret)?;
            }
        }
        record.keep().await.context("nobody knows whether the record was kept: `switchboard ledger` says it")?;
        println!("All of {} is the record now: {} rows.", self.file.display(), end.rows.values().sum::<u64>());
        ledger::show(&ledger);
        Ok(ExitCode::SUCCESS)
    }
}

async fn writer(config: &Config, home: &Home) -> anyhow::Result<Box<dyn RecordWriter>> {
    if config.mode == Mode::Distributed {
        let database = Database::connect(postgres_settings(config)?).await?;
        return Ok(Box::new(PostgresWriter::begin(&database).await?));
    }
    let record = home.record();
    ensure!(!record.exists(), "{} is a record already: name an empty folder with --data", record.display());
    Ok(Box::new(SqliteWriter::create(&record)?))
}

/// Rows of one kind that are written together.
#[derive(Default)]
struct Batch {
    kind: Option<&'static Kind>,
    rows: Vec<Row>,
    weight: usize,
}

impl Batch {
    /// Adds a row, and gives those that are to be written before it.
    fn add(&mut self, kind: &'static Kind, row: Row) -> Option<(&'static Kind, Vec<Row>)> {
        let is_full = self.rows.len() >= ROWS || self.weight >= WEIGHT;
        let before = if is_full || self.kind != Some(kind) { self.take() } else { None };
        self.kind = Some(kind);
        self.weight += row.iter().map(Value::weight).sum::<usize>();
        self.rows.push(row);
        before
    }

    fn take(&mut self) -> Option<(&'static Kind, Vec<Row>)> {
        let Self { kind, rows, .. } = std::mem::take(self);
        kind.map(|kind| (kind, rows))
    }
}

async fn put(
    record: &mut dyn RecordWriter,
    files: &dyn Carried,
    mode: Mode,
    kind: &'static Kind,
    rows: Vec<Row>,
) -> anyhow::Result<()> {
    if *kind == ATTACHMENT {
        for row in rows {
            if let Some(Value::Bytes(bytes)) = row.into_iter().nth(1) {
                files.restore(bytes.into()).await?;
            }
        }
        return Ok(());
    }
    // The embedded daemon's are in its folder.
    if *kind == SECRET && mode == Mode::Embedded {
        return Ok(());
    }
    record
        .put(kind, rows)
        .await
        .with_context(|| format!("rows of {:?} cannot be written, and nothing was changed", kind.name))
}

fn is_the_same(archived: &Ledger, ledger: &Ledger) -> anyhow::Result<()> {
    ensure!(
        archived == ledger,
        "the record would not be what the archive's was, so nothing was changed: report this, with the two accounts\n{}\n{}",
        serde_json::to_string(archived)?,
        serde_json::to_string(ledger)?
    );
    Ok(())
}
