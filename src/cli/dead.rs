//! `switchboard dead`: what could not be processed or delivered.

use std::{io::Write, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::Subcommand;
use comfy_table::{Table, presets};
use serde_json::{Value, json};

use super::{
    open_record,
    record::{read_record, record_home},
    remote::Remote,
};
use crate::{
    config::Config,
    store::{Outbox as _, outbox::Redriven},
};

#[derive(Debug, Subcommand)]
pub(super) enum DeadCommand {
    /// List them, newest first.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
        /// At most so many.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Write what cannot be read as a message to a file, as it came.
    Save {
        /// Its id: raw_….
        id: String,
        /// Where to; by its own name in this folder if it is not said.
        file: Option<PathBuf>,
    },
    /// Process or send one again.
    Redrive {
        /// Its id: msg_… or out_….
        id: String,
    },
}

impl DeadCommand {
    pub async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        match self {
            Self::List { json, limit } => {
                let letters = read_record(config).await?.dead(limit).await?;
                if json {
                    println!("{}", serde_json::to_string_pretty(&letters)?);
                    return Ok(ExitCode::SUCCESS);
                }
                let mut table = Table::new();
                table.load_style(presets::NOTHING);
                table.set_header(["ID", "SINCE", "CHANNEL", "REASON", "TEXT"]);
                for letter in &letters {
                    let text: String = letter.text.chars().take(40).collect();
                    let at = letter.at.strftime("%F %T").to_string();
                    table.add_row([letter.id.clone(), at, letter.channel.clone(), letter.reason.clone(), text]);
                }
                println!("{table}");
                if letters.is_empty() {
                    println!("There are no dead letters.");
                }
            }
            Self::Save { id, file } => {
                let (name, bytes) = read_record(config).await?.unread_file(&id).await?;
                let file = file.unwrap_or_else(|| PathBuf::from(name.replace(['/', '\\'], "_")));
                std::fs::File::create_new(&file)
                    .and_then(|mut out| out.write_all(&bytes))
                    .with_context(|| format!("cannot write {}", file.display()))?;
                println!("{} has {} bytes.", file.display(), bytes.len());
            }
            Self::Redrive { id } => {
                let home = record_home(config)?;
                let new = if let Some(_lock) = home.lock()? {
                    let record = open_record(config, &home)?;
                    let redriven = record.redrive(&id).await;
                    record.close();
                    match redriven? {
                        Redriven::Turn(id) => id.to_string(),
                        Redriven::Outbound(id) => id.to_string(),
                    }
                } else {
                    let path = format!("/dead/{id}/redrive");
                    let answer: Value = Remote::new(home.running()?)?.post(&path, &json!({})).await?;
                    answer["id"].as_str().unwrap_or_default().to_owned()
                };
                println!("{id} goes again, as {new}.");
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
