//! `switchboard ledger`: what came in and what became of it.

use std::process::ExitCode;

use clap::Args;

use super::record::read_record;
use crate::{config::Config, store::outbox::DeliveryState};

#[derive(Debug, Args)]
pub(super) struct LedgerCommand {
    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl LedgerCommand {
    /// Exits with an error when something does not add up.
    pub async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let ledger = read_record(config).await?.ledger().await?;
        if self.json {
            println!("{}", serde_json::to_string_pretty(&ledger)?);
        } else {
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
            for finding in &ledger.findings {
                println!("DOES NOT ADD UP: {finding}");
            }
            if ledger.findings.is_empty() {
                println!("It adds up.");
            }
        }
        Ok(if ledger.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
