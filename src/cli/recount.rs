//! `switchboard recount`: the figures made again from the journal.

use std::process::ExitCode;

use anyhow::ensure;
use clap::Args;

use super::{export::only_user, open_record, record::record_home};
use crate::{
    config::{Config, Mode},
    measure::rebuild::rebuild,
    store::postgres::{Database, NodeCard, PostgresRecord},
    wiring::postgres_settings,
};

#[derive(Debug, Args)]
pub(super) struct Recount {}

impl Recount {
    pub async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let home = record_home(config)?;
        let _lock = only_user(config, &home)?;
        let conversations = match config.mode {
            Mode::Embedded => {
                let record = open_record(config, &home)?;
                let counted = rebuild(&*record).await;
                record.close();
                counted?
            }
            Mode::Distributed => shared(config).await?,
        };
        println!("The figures of {conversations} conversations were counted anew.");
        Ok(ExitCode::SUCCESS)
    }
}

/// As a node that is alone, so that nobody counts while it counts.
async fn shared(config: &Config) -> anyhow::Result<u64> {
    let database = Database::connect(postgres_settings(config)?).await?;
    let card = NodeCard {
        name: "recount".to_owned(),
        address: String::new(),
        roles: String::new(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started: crate::clock::now(),
    };
    let node = database.join(&card).await?;
    let others = database.nodes().await?.into_iter().filter(|live| live.number != node.number).count();
    let counted = async {
        ensure!(
            others == 0,
            "{others} daemons are alive: stop all of them first, and wait some seconds for those that were killed"
        );
        let record = PostgresRecord::open(database.clone(), node, std::sync::Arc::new(node.clock())).await?;
        let counted = rebuild(&*record).await;
        record.close().await;
        Ok(counted?)
    };
    let counted = counted.await;
    database.leave(&node).await?;
    counted
}
