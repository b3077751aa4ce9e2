//! `switchboard why-not`: why an agent was not asked about a conversation.

use std::process::ExitCode;

use clap::Args;
use contract::ConversationId;
use serde_json::Value;

use super::remote::Remote;
use crate::{config::Config, home::Home};

#[derive(Debug, Args)]
pub(super) struct WhyNot {
    /// The agent's login or id.
    agent: String,
    /// The conversation: cnv_….
    conversation: ConversationId,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl WhyNot {
    pub async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let home = Home::at(&config.data)?;
        if home.lock()?.is_some() {
            anyhow::bail!(
                "no daemon runs on {}; who could take it is known only while one does",
                config.data.display()
            );
        }
        let Self { agent, conversation, json } = self;
        let path = format!("/conversations/{conversation}/candidates");
        let found: Value = Remote::new(home.running()?)?.get_with(&path, &[("agent", &agent)]).await?;
        if json {
            println!("{found:#}");
            return Ok(ExitCode::SUCCESS);
        }
        for candidate in found["items"].as_array().into_iter().flatten() {
            println!("{} and {conversation}:", candidate["agent"]["name"].as_str().unwrap_or(&agent));
            for sentence in candidate["because"].as_array().into_iter().flatten() {
                println!("  {}", sentence.as_str().unwrap_or_default());
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
