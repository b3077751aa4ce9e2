//! `switchboard actions`: what the bot does in business systems, checked, tried out and begun from what systems say of themselves.

mod call;
mod check;
mod import;

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use clap::Subcommand;

use super::rules::RulesFolder;
use crate::config::Config;

/// What to do with actions.
#[derive(Debug, Subcommand)]
pub(super) enum ActionsCommand {
    /// Check the action files, and run their tests.
    Check(check::Check),
    /// Run the tests that stand in the action files, and say which actions have none.
    Test(RulesFolder),
    /// Call a business system as an action does, and show what comes of it.
    ///
    /// The call is made with the secrets that are configured, which are never shown. What changes something is only called
    /// with --yes.
    Call(call::Call),
    /// Write a first version of an action file: from an operation of an OpenAPI document, or a tool of an MCP server.
    ///
    /// What a person has to look at is marked in it.
    Import(import::Import),
}

impl ActionsCommand {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let (mut out, colour) = (Vec::new(), io::stdout().is_terminal());
        let settings = &config.understanding.settings;
        let fine = match &self {
            Self::Check(check) => check.run(config, &mut out, colour).await?,
            Self::Test(folder) => check::test(folder, settings, &mut out, colour)?,
            Self::Call(call) => call.run(config, &mut out, colour).await?,
            Self::Import(import) => import.run(config, &mut out).await?,
        };
        io::stdout().write_all(&out)?;
        Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// “1 action”, “3 actions”.
fn count(number: usize, of: &str) -> String {
    if number == 1 { format!("1 {of}") } else { format!("{number} {of}s") }
}
