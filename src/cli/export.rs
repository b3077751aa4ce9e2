//! `switchboard export`: the whole record in one file.

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::{Context, bail, ensure};
use clap::Args;
use contract::IdClock;

use super::{ledger, record::record_home};
use crate::{
    archive::ArchiveWriter,
    config::{Config, Mode},
    home::{Home, Lock},
    inbox::{
        rabbitmq::{self, Found, Look},
        spool::Spool,
    },
    store::{
        attachments::Carried,
        carry::{ATTACHMENT, RECORD, RecordReader, SECRET, Value},
        postgres::{Database, PostgresReader},
        sqlite::SqliteReader,
    },
    wiring::{attachments, postgres_settings, rabbitmq_settings},
};

#[derive(Debug, Args)]
pub(super) struct Export {
    /// The archive, which nothing is at yet. It holds what customers wrote, and secrets.
    file: PathBuf,
    /// Leave the bytes of files out: the new record's daemons find them where the old one's did.
    #[arg(long)]
    without_attachments: bool,
}

impl Export {
    /// Writes all of the record, or nothing.
    pub async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let home = record_home(config)?;
        let _lock = only_user(config, &home)?;
        let mut record = reader(config, &home).await?;
        let ledger = record.ledger().await?;
        ensure!(
            ledger.findings.is_empty(),
            "the record does not add up: {}; keep it and report this",
            ledger.findings.join("; ")
        );
        let mut archive = ArchiveWriter::create(&self.file)?;
        let mut secrets = BTreeMap::new();
        record
            .rows(&SECRET, &mut |row| {
                if let [Value::Text(name), Value::Bytes(secret)] = &row[..] {
                    secrets.insert(name.clone(), secret.clone());
                }
                Ok(())
            })
            .await?;
        // As with daemons: what is in the folder goes before.
        secrets.extend(home.secrets()?.into_iter().map(|(name, secret)| (name, secret.to_vec())));
        for (name, secret) in secrets {
            archive.put(&SECRET, &vec![Value::Text(name), Value::Bytes(secret)])?;
        }
        for kind in &RECORD {
            record.rows(kind, &mut |row| archive.put(kind, &row)).await?;
        }
        if !self.without_attachments {
            put_files(&mut archive, &*attachments(&config.attachments, &home)?).await?;
        }
        let end = archive.finish(ledger)?;
        println!("{} has all of the record: {} rows.", self.file.display(), end.rows.values().sum::<u64>());
        ledger::show(&end.ledger);
        println!("It holds what customers wrote, and what signs their sessions: keep it as you keep the record.");
        Ok(ExitCode::SUCCESS)
    }
}

/// Takes the data folder, which no daemon may use.
pub(super) fn only_user(config: &Config, home: &Home) -> anyhow::Result<Lock> {
    home.lock()?.with_context(|| format!("a daemon uses the data folder {}: stop it first", config.data.display()))
}

async fn reader(config: &Config, home: &Home) -> anyhow::Result<Box<dyn RecordReader>> {
    if config.mode == Mode::Embedded {
        return Ok(Box::new(SqliteReader::open(&home.record())?));
    }
    let database = Database::peek(postgres_settings(config)?).await?;
    let record = PostgresReader::open(&database).await?;
    if home.spool().exists() {
        let waiting = Spool::open(&home.spool(), &Arc::new(IdClock::new(0)))?.waiting();
        ensure!(
            waiting == 0,
            "{waiting} messages lie in {} and are with no broker yet: start the daemon, wait until they have been decided, and \
             stop it again",
            home.spool().display()
        );
    }
    let waiting = waiting(&rabbitmq::look(&rabbitmq_settings(config)?).await?)?;
    ensure!(
        waiting == 0,
        "{waiting} messages wait at the broker and are not in the record yet: start the daemons, keep new messages from them, \
         wait until `switchboard_inbox_waiting` is 0, and stop them again"
    );
    Ok(Box::new(record))
}

/// How many messages wait at the broker; what somebody has taken from there it does not tell.
fn waiting(seen: &Look) -> anyhow::Result<u64> {
    let others = seen.others.iter().map(|(_, found)| found);
    let found = seen.partitions.iter().chain([&seen.dead]).chain(others);
    found
        .map(|found| match found {
            Found::There { consumers: 1.., .. } => bail!(
                "a daemon still takes messages from the broker: stop all daemons first, and wait some seconds for those that were \
                 killed"
            ),
            found => Ok(found.waiting()?),
        })
        .sum()
}

async fn put_files(archive: &mut ArchiveWriter, files: &dyn Carried) -> anyhow::Result<()> {
    for first in 0..=u8::MAX {
        for hash in files.beginning(first).await? {
            if let Some(bytes) = files.read(hash).await? {
                archive.put(&ATTACHMENT, &vec![Value::Text(hash.to_string()), Value::Bytes(bytes.to_vec())])?;
            }
        }
    }
    Ok(())
}
