//! `switchboard channels`: what is configured, whether it works, and a message to try it out.

use std::process::ExitCode;

use clap::Subcommand;
use comfy_table::{Table, presets};
use contract::Check;
use serde_json::{Value, json};

use super::remote::Remote;
use crate::{
    config::Config,
    home::Home,
    wiring::{Secrets, build_channels},
};

#[derive(Debug, Subcommand)]
pub(super) enum ChannelsCommand {
    /// List the configured channels.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Log in to the platforms for real, change nothing, and say what works and what does not.
    Check {
        /// Only this channel.
        name: Option<String>,
    },
    /// Send one message apart from every conversation, by the daemon that runs.
    Send {
        /// The channel.
        name: String,
        /// Who gets it, as the platform calls them.
        address: String,
        /// What it says.
        text: String,
    },
}

impl ChannelsCommand {
    pub async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let home = Home::at(&config.data)?;
        match self {
            Self::List { json } => {
                let rows = config.channels.iter().map(|(name, channel)| (name, channel.kind()));
                if json {
                    let rows: Vec<Value> = rows.map(|(name, kind)| json!({"name": name, "kind": kind})).collect();
                    println!("{}", serde_json::to_string_pretty(&rows)?);
                    return Ok(ExitCode::SUCCESS);
                }
                let mut table = Table::new();
                table.load_style(presets::NOTHING);
                table.set_header(["NAME", "KIND"]);
                rows.for_each(|(name, kind)| _ = table.add_row([name, kind]));
                println!("{table}");
            }
            Self::Check { name } => {
                let channels = build_channels(config, &Secrets::open(config, &home).await?)?;
                if let Some(name) = name.as_ref().filter(|name| !channels.contains_key(*name)) {
                    anyhow::bail!("there is no channel {name:?}; `switchboard channels list` shows them");
                }
                let mut good = true;
                for (of, channel) in channels.iter().filter(|(of, _)| name.as_ref().is_none_or(|name| name == *of)) {
                    let checks = channel.check().await;
                    if checks.is_empty() {
                        println!("ok     {of}: nothing to log in to");
                    }
                    for Check { what, problem } in checks {
                        good &= problem.is_none();
                        match problem {
                            None => println!("ok     {of}: {what}"),
                            Some(problem) => println!("WRONG  {of}: {what}\n       {problem}"),
                        }
                    }
                }
                return Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE });
            }
            Self::Send { name, address, text } => {
                if home.lock()?.is_some() {
                    anyhow::bail!(
                        "no daemon runs on {}, and it is the daemon that sends: start it with `switchboard run`",
                        config.data.display()
                    );
                }
                let path = format!("/channels/{name}/send");
                let sent: Value =
                    Remote::new(home.running()?)?.post(&path, &json!({"address": address, "text": text})).await?;
                match sent["external_id"].as_str() {
                    Some(id) => println!("The platform took it as {id}."),
                    None => println!("The platform took it."),
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
