//! `switchboard why`: the explanation of a decision, as a person reads it.

use std::process::ExitCode;

use clap::Args;
use contract::{EntryId, MessageId};

use super::needs_record;
use crate::{config::Config, explain::explain_entry, home::Home, store::sqlite::SqliteRecord};

#[derive(Debug, Args)]
pub(super) struct Why {
    /// The message: msg_…; or the entry of a second opinion on one: ent_….
    #[arg(value_name = "MESSAGE", value_parser = entry_id)]
    entry: EntryId,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

fn entry_id(text: &str) -> Result<EntryId, String> {
    let message = || text.parse::<MessageId>().map_err(|error| error.to_string());
    text.parse::<EntryId>().or_else(|_| message().map(EntryId::from))
}

impl Why {
    pub async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let home = Home::at(&config.data)?;
        needs_record(&home, &config.data)?;
        let record = SqliteRecord::peek(&home.record())?;
        let Some(explanation) = explain_entry(&*record, self.entry).await? else {
            anyhow::bail!(
                "there is no decided message {}; one that waits for its turn has no decision yet",
                MessageId::from(self.entry.get())
            );
        };
        if self.json {
            println!("{}", serde_json::to_string_pretty(&explanation)?);
        } else {
            print!("{explanation}");
        }
        Ok(ExitCode::SUCCESS)
    }
}
