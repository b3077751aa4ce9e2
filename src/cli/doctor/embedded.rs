//! One daemon with its folder.

use std::time::Duration;

use super::{Findings, ledger};
use crate::{config::Config, home::Home, store::sqlite::SqliteRecord};

/// Looks at the data folder, the daemon that uses it, and the record in it.
pub(super) async fn look(config: &Config, home: &Home, thorough: bool, findings: &mut Findings) {
    match home.lock() {
        Ok(Some(_lock)) => findings.good("no daemon uses the data folder"),
        Ok(None) => daemon(home, findings).await,
        Err(error) => findings.bad(&format!("{error:#}"), "check the rights of the data folder"),
    }
    if !home.record().exists() {
        findings.good(&format!("there is no record in {} yet", config.data.display()));
        return;
    }
    match SqliteRecord::peek(&home.record()) {
        Ok(found) => record(&found, thorough, findings).await,
        Err(error) => findings.bad(&error.to_string(), "restore the data folder from its backup"),
    }
}

async fn record(record: &SqliteRecord, thorough: bool, findings: &mut Findings) {
    if thorough {
        match record.check_integrity().await {
            Ok(problems) if problems.is_empty() => findings.good("every page of the record can be read"),
            Ok(problems) => {
                findings.bad(&format!("the record is damaged: {}", problems.join("; ")), "restore it from its backup");
            }
            Err(error) => findings.bad(&error.to_string(), "restore the record from its backup"),
        }
    }
    ledger(record, findings).await;
}

async fn daemon(home: &Home, findings: &mut Findings) {
    let running = match home.running() {
        Ok(running) => running,
        Err(error) => return findings.bad(&format!("{error:#}"), "wait until the daemon has started"),
    };
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build();
    let answer = match client {
        Ok(client) => client.get(format!("{}/readyz", running.url)).send().await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(answer) if answer.status().is_success() => findings.good(&format!("the daemon at {} is ready", running.url)),
        Ok(answer) => findings.bad(
            &format!("the daemon at {} is not ready: {}", running.url, answer.status()),
            "look at its log; the usual cause is a full disk",
        ),
        Err(error) => {
            findings.bad(&format!("the daemon at {} does not answer: {error}", running.url), "look at its log")
        }
    }
}
