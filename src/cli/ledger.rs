//! `switchboard ledger`: what came in and what became of it.

use std::process::ExitCode;

use clap::Args;

use super::record::read_record;
use crate::{
    config::{Config, Mode},
    inbox::rabbitmq,
    store::outbox::{DeliveryState, Ledger},
    wiring::rabbitmq_settings,
};

#[derive(Debug, Args)]
pub(super) struct LedgerCommand {
    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl LedgerCommand {
    /// Exits with an error when something does not add up.
    pub async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let ledger = read(config).await?;
        if self.json {
            println!("{}", serde_json::to_string_pretty(&ledger)?);
        } else {
            show(&ledger);
        }
        Ok(if ledger.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

async fn read(config: &Config) -> anyhow::Result<Ledger> {
    match config.mode {
        Mode::Embedded => Ok(read_record(config).await?.ledger().await?),
        Mode::Distributed => {
            // In this order what is decided meanwhile is counted twice, and not left out.
            let waiting = rabbitmq::waiting(&rabbitmq_settings(config)?).await;
            Ok(read_record(config).await?.ledger().await?.with_waiting(waiting))
        }
    }
}

/// Prints it.
pub(super) fn show(ledger: &Ledger) {
    println!("in   accepted {}", ledger.accepted);
    println!(
        "     = decided {} + waiting {} + dead {} + redriven {}",
        ledger.decided, ledger.waiting, ledger.dead, ledger.redriven
    );
    println!("out  {}", ledger.outbound.iter().sum::<u64>());
    let states: Vec<String> = DeliveryState::ALL
        .iter()
        .zip(ledger.outbound)
        .filter(|(_, count)| *count > 0)
        .map(|(state, count)| format!("{state:?} {count}").to_lowercase())
        .collect();
    println!("     = {}", if states.is_empty() { "nothing".to_owned() } else { states.join(" + ") });
    for uncounted in &ledger.uncounted {
        println!("NOT COUNTED: {uncounted}");
    }
    for finding in &ledger.findings {
        println!("DOES NOT ADD UP: {finding}");
    }
    if ledger.findings.is_empty() {
        println!("It adds up.");
    }
}
