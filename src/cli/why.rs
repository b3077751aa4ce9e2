//! `switchboard why`: the explanation of a decision, as a person reads it.

use std::process::ExitCode;

use clap::Args;
use contract::{EntryId, MessageId};

use super::needs_record;
use crate::{config::Config, explain::explain_entry, home::Home, store::sqlite::SqliteRecord};

#[derive(Debug, Args)]
pub(super) struct Why {
    /// The message: msg_…; or the entry of a second opinion on one: ent_….
    message: String,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl Why {
    pub async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let home = Home::at(&config.data)?;
        needs_record(&home, &config.data)?;
        let record = SqliteRecord::peek(&home.record())?;
        let entry = self.message.parse::<EntryId>().or_else(|_| self.message.parse::<MessageId>().map(Into::into))?;
        let Some(explanation) = explain_entry(&*record, entry).await? else {
            anyhow::bail!(
                "there is no decided message {}; one that waits for its turn has no decision yet",
                self.message
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
