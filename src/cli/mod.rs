//! The command line: one file a subcommand. Reading works beside a running daemon; what changes something is done by
//! the daemon when one runs, and on the record itself when none does.

mod actions;
mod agents;
mod channels;
mod config;
mod dead;
mod doctor;
mod export;
mod import;
mod init;
mod ledger;
mod record;
mod recount;
mod remote;
pub mod rules;
mod run;
mod understand;
mod why;
mod why_not;

use std::{io::IsTerminal, path::PathBuf, process::ExitCode, sync::Arc};

use clap::{CommandFactory, Parser, Subcommand};
use contract::{IdClock, Timestamp};

use crate::{
    config::{Config, Mode},
    home::Home,
    store::sqlite::{Options, SqliteRecord},
};

/// An omnichannel message router: rules with tests, decisions that explain themselves, and no message lost.
#[derive(Debug, Parser)]
#[command(name = "switchboard", version, propagate_version = true)]
pub struct Arguments {
    /// The configuration file; ./switchboard.toml by default, if there is one.
    #[arg(long, global = true, value_name = "FILE", env = "SWITCHBOARD_CONFIG", hide_env = true)]
    config: Option<PathBuf>,
    /// The data folder; goes before the configuration.
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon.
    Run(run::Run),
    /// Write a folder with configuration, rules and knowledge to edit.
    Init(init::Init),
    /// Look at the configuration.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Check, test, explain and replay rules.
    #[command(subcommand)]
    Rules(rules::Rules),
    /// Check, test, try out and import what the bot does in business systems.
    #[command(subcommand)]
    Actions(actions::ActionsCommand),
    /// Say what messages mean, or how often that is right.
    Understand(understand::Understand),
    /// The people of the company.
    #[command(subcommand)]
    Agents(agents::AgentsCommand),
    /// Why a message was handled as it was.
    Why(why::Why),
    /// Say why an agent has not been asked about a conversation.
    WhyNot(why_not::WhyNot),
    /// List the channels, log in to their platforms, send one message.
    #[command(subcommand)]
    Channels(self::channels::ChannelsCommand),
    /// What could not be processed or delivered.
    #[command(subcommand)]
    Dead(dead::DeadCommand),
    /// The account of every message: what came in and what became of it.
    Ledger(ledger::LedgerCommand),
    /// Write the whole record to one file, to move it to another mode or machine, or to keep it.
    Export(export::Export),
    /// Make what was exported the record of an installation that has none.
    Import(import::Import),
    /// Count the figures anew from the journal, while no daemon runs: for what was recorded before there were any.
    Recount(recount::Recount),
    /// Look for what is wrong with this installation.
    Doctor(doctor::Doctor),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Runs a command.
///
/// # Errors
/// What went wrong, where, and what to do.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    // The one provider of cryptography, before anything could ask for another.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Arguments { config, data, command } = arguments;
    let settings = || -> anyhow::Result<Config> {
        let mut read = crate::config::read(config.as_deref())?;
        if let Some(data) = data {
            read.data = data;
        }
        Ok(read)
    };
    match command {
        Command::Run(run) => runtime()?.block_on(run.run(settings()?)),
        Command::Init(init) => init.run(),
        Command::Config(command) => command.run(&settings()?),
        Command::Rules(rules::Rules::Check(check)) => runtime()?.block_on(check.run(&settings()?)),
        Command::Rules(rules::Rules::Replay(replay)) => runtime()?.block_on(replay.run(&settings()?)),
        Command::Rules(rules::Rules::Files(command)) => {
            let colour = std::io::stdout().is_terminal();
            let understanding = settings()?.understanding.settings;
            let good = rules::run(&command, &understanding, Timestamp::now(), &mut std::io::stdout().lock(), colour)?;
            Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Actions(command) => runtime()?.block_on(command.run(&settings()?)),
        Command::Understand(understand) => understand.run(&settings()?),
        Command::Agents(command) => runtime()?.block_on(command.run(&settings()?)),
        Command::Why(why) => runtime()?.block_on(why.run(&settings()?)),
        Command::WhyNot(why_not) => runtime()?.block_on(why_not.run(&settings()?)),
        Command::Channels(command) => runtime()?.block_on(command.run(&settings()?)),
        Command::Dead(command) => runtime()?.block_on(command.run(&settings()?)),
        Command::Ledger(command) => runtime()?.block_on(command.run(&settings()?)),
        Command::Export(export) => runtime()?.block_on(export.run(&settings()?)),
        Command::Import(import) => runtime()?.block_on(import.run(&settings()?)),
        Command::Recount(recount) => runtime()?.block_on(recount.run(&settings()?)),
        Command::Doctor(doctor) => runtime()?.block_on(doctor.run(&settings()?)),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "switchboard", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// The record of the data folder, for writing while no daemon has it. What several daemons share is changed by one of them.
fn open_record(config: &Config, home: &Home) -> anyhow::Result<Arc<SqliteRecord>> {
    anyhow::ensure!(
        config.mode == Mode::Embedded,
        "no daemon runs on the data folder {}: start one, or name the folder of one that runs with --data",
        config.data.display()
    );
    Ok(SqliteRecord::open(&home.record(), Arc::new(IdClock::new(0)), Options::default())?)
}
