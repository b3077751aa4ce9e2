//! `switchboard why`: the explanation of a decision, as a person reads it.

use std::process::ExitCode;

use clap::Args;
use contract::{ConversationId, EntryId, MessageId};

use super::record::read_record;
use crate::{
    config::Config,
    explain::{explain_conversation, explain_entry},
    past::RuleSets,
};

/// The most decisions of one conversation.
const MOST: usize = 100;

#[derive(Debug, Args)]
pub(super) struct Why {
    /// The message: msg_…; the entry of what was decided later, ent_…; or a conversation, cnv_…, for all that was decided in it.
    id: String,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl Why {
    pub async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let mut sets = RuleSets::of(read_record(config).await?);
        let id = &self.id;
        if let Ok(conversation) = id.parse::<ConversationId>() {
            let explanations = explain_conversation(&mut sets, conversation, MOST).await?;
            anyhow::ensure!(!explanations.is_empty(), "nothing was decided in {id}, or there is no such conversation");
            if self.json {
                println!("{}", serde_json::to_string_pretty(&explanations)?);
            } else {
                let texts: Vec<String> = explanations.iter().map(ToString::to_string).collect();
                print!("{}", texts.join("\n\n"));
            }
            return Ok(ExitCode::SUCCESS);
        }
        let entry = id.parse::<EntryId>().or_else(|_| id.parse::<MessageId>().map(Into::into))?;
        let Some(explanation) = explain_entry(&mut sets, entry).await? else {
            anyhow::bail!("there is no decided message {id}; one that waits for its turn has no decision yet");
        };
        if self.json {
            println!("{}", serde_json::to_string_pretty(&explanation)?);
        } else {
            print!("{explanation}");
        }
        Ok(ExitCode::SUCCESS)
    }
}
