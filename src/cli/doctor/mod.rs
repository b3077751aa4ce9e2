//! `switchboard doctor`: what is wrong with this installation, and what to do.

mod embedded;
mod finding;
mod fleet;
mod outside;
mod postgres;
mod rabbitmq;
mod redis;
mod rules;

use std::process::ExitCode;

use clap::Args;

use self::finding::{Finding, Findings};
use crate::{
    config::{Config, Mode},
    home::Home,
    store::Store,
};

#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Also read every page of the record, which takes a while on a large one.
    #[arg(long)]
    thorough: bool,
}

impl Doctor {
    pub async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let mut findings = Findings::default();
        findings.good("the configuration is right");
        rules::look(config, &mut findings);
        outside::endpoint(config, &mut findings).await;
        match Home::at(&config.data) {
            Ok(home) => self.installation(config, &home, &mut findings).await,
            Err(error) => findings.bad(&format!("{error:#}"), "name a folder that this user may write, with --data"),
        }
        outside::attachments(config, &mut findings).await;
        if findings.wrong() == 0 {
            println!("Nothing is wrong.");
            return Ok(ExitCode::SUCCESS);
        }
        Ok(ExitCode::FAILURE)
    }

    async fn installation(&self, config: &Config, home: &Home, findings: &mut Findings) {
        match config.mode {
            Mode::Embedded => embedded::look(config, home, self.thorough, findings).await,
            Mode::Distributed if !fleet::look(config, findings).await => {
                return findings.note("the channels are not tried, because what signs them is in the record");
            }
            Mode::Distributed => {}
        }
        outside::channels(config, home, findings).await;
    }
}

async fn ledger(record: &dyn Store, findings: &mut Findings) {
    match record.ledger().await {
        Ok(ledger) => {
            for finding in &ledger.findings {
                findings.bad(finding, "this is a defect of Switchboard; keep the data folder and report it");
            }
            if ledger.findings.is_empty() {
                findings.good(&format!("the ledger of {} messages adds up", ledger.accepted));
            }
            if ledger.dead > 0 {
                findings.bad(&format!("{} dead letters", ledger.dead), "look at them with `switchboard dead list`");
            }
        }
        Err(error) => findings.bad(&error.to_string(), "restore the record from its backup"),
    }
}

/// Whether a version is this one or a newer one. Nobody is blamed for one that cannot be read.
fn is_at_least(version: &str, oldest: (u32, u32)) -> bool {
    let mut numbers = version.split(|letter: char| !letter.is_ascii_digit()).map_while(|part| part.parse().ok());
    numbers.next().is_none_or(|major: u32| (major, numbers.next().unwrap_or(0)) >= oldest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{inbox::rabbitmq, live::redis, store::postgres};

    #[test]
    fn versions_are_compared_as_numbers() {
        for (version, is_new_enough) in
            [("3.10.8", true), ("3.9.29", false), ("4.0-rc.1", true), ("3", false), ("", true), ("unstable", true)]
        {
            assert_eq!(is_at_least(version, (3, 10)), is_new_enough, "{version}");
        }
    }

    /// The versions that are refused here are those that the document names.
    #[test]
    fn the_oldest_versions_are_those_of_the_document() {
        let document = include_str!("../../../docs/distributed.md");
        let (major, minor) = rabbitmq::OLDEST;
        let (alone, cluster) = redis::OLDEST;
        for row in [
            format!("| RabbitMQ | {major}.{minor} or newer"),
            format!("| PostgreSQL | {} or newer", postgres::OLDEST_SERVER / 10_000),
            format!("| Redis | {alone} or newer, {cluster} as a cluster"),
        ] {
            assert!(document.contains(&row), "{row}");
        }
    }
}
