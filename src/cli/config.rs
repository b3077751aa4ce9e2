//! `switchboard config`.

use std::process::ExitCode;

use clap::Subcommand;

use crate::{
    config::{Config, DEFAULTS},
    files::Source,
};

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Check the configuration file and the environment, without starting anything.
    Check,
    /// Print every setting at its default, explained.
    Defaults,
}

impl ConfigCommand {
    pub fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        match self {
            Self::Check => {
                println!("listen      {}", config.listen);
                println!("data        {}", config.data.display());
                println!("public_url  {}", config.public_url);
                match Source::at(&config.rules) {
                    Source::Folder(folder) => println!("rules       {}", folder.display()),
                    Source::Shipped | Source::Demo(_) => {
                        println!("rules       those that ship; there is no folder {}", config.rules.display());
                    }
                }
                for (name, channel) in &config.channels {
                    println!("channel     {name} ({})", channel.kind());
                }
                println!("The configuration is right.");
            }
            Self::Defaults => print!("{DEFAULTS}"),
        }
        Ok(ExitCode::SUCCESS)
    }
}
