//! Settings of daemons that share the work.

use std::{fmt, fs, path::Path, time::Duration};

use anyhow::Context;
use clap::ValueEnum;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::{Config, ConfigError, duration};

/// Whether one daemon does everything, or several share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// One process, one folder.
    Embedded,
    /// Any number of processes over RabbitMQ, PostgreSQL and Redis.
    Distributed,
}

/// What a daemon does of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// All of it.
    All,
    /// Takes messages, serves consoles and widgets.
    Gateway,
    /// Gives messages their turns, sends replies.
    Worker,
    /// May match conversations and agents.
    Desk,
}

impl Role {
    /// Whether messages are taken: the routes of channels, and the loops of pulled ones.
    #[must_use]
    pub const fn takes(self) -> bool {
        matches!(self, Self::All | Self::Gateway)
    }

    /// Whether messages get their turns, and replies are sent.
    #[must_use]
    pub const fn works(self) -> bool {
        matches!(self, Self::All | Self::Worker)
    }

    /// Whether it may be elected to run the desk.
    #[must_use]
    pub const fn matches(self) -> bool {
        matches!(self, Self::All | Self::Desk)
    }

    /// As the configuration spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Gateway => "gateway",
            Self::Worker => "worker",
            Self::Desk => "desk",
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "config.default.toml explains them")]
pub struct Distributed {
    pub advertise: String,
    #[serde(deserialize_with = "duration")]
    pub drain_within: Duration,
    pub partitions: u16,
    pub spool: bool,
    pub events: bool,
    pub keep_days: u32,
    rabbitmq_management: String,
    pub rabbitmq: Engine,
    pub postgres: Engine,
    pub redis: Engine,
}

impl Distributed {
    /// Where RabbitMQ's management interface is; nothing where it is not to be asked, `None` where something is no address of it.
    #[must_use]
    pub fn management(&self) -> Option<Vec<Url>> {
        let is_fit =
            |url: &Url| url.scheme().starts_with("http") && url.username().is_empty() && url.password().is_none();
        let addresses = self.rabbitmq_management.split(',').map(str::trim).filter(|address| !address.is_empty());
        addresses.map(|address| Url::parse(address).ok().filter(is_fit)).collect()
    }
}

/// How to reach an engine.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "config.default.toml explains them")]
pub struct Engine {
    /// May hold a password that came from the environment: never shown.
    pub url: SecretString,
    password: SecretString,
    password_file: String,
    ca: String,
}

/// Without what must not be logged.
impl fmt::Debug for Engine {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Engine").field("url", &self.place()).finish_non_exhaustive()
    }
}

impl Engine {
    /// The URL without user and password, for messages.
    #[must_use]
    pub fn place(&self) -> String {
        let url = self.url.expose_secret();
        match (url.split_once("://"), url.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, place))) => format!("{scheme}://{place}"),
            _ => url.to_owned(),
        }
    }

    /// The password, where one is set beside the URL.
    ///
    /// # Errors
    /// Its file cannot be read.
    pub fn password(&self) -> anyhow::Result<Option<SecretString>> {
        if !self.password_file.is_empty() {
            return super::secret_in(self.password_file.as_ref()).map(Some);
        }
        Ok(Some(&self.password).filter(|password| !password.expose_secret().is_empty()).cloned())
    }

    /// The authorities, as PEM, where a file of them is set.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn authorities(&self) -> anyhow::Result<Option<String>> {
        let read = |ca: &Path| fs::read_to_string(ca).with_context(|| format!("{} cannot be read", ca.display()));
        self.ca().map(read).transpose()
    }

    /// The file of authorities, where one is set.
    #[must_use]
    pub fn ca(&self) -> Option<&Path> {
        Some(Path::new(&self.ca)).filter(|ca| !ca.as_os_str().is_empty())
    }
}

/// What is wrong with the settings, and what to do.
pub(super) fn mistake(config: &Config) -> Option<(String, String)> {
    let distributed = &config.distributed;
    let wrong = |what: &str, help: &str| Some((what.to_owned(), help.to_owned()));
    if config.mode == Mode::Embedded && config.role != Role::All {
        return wrong("role is for mode = \"distributed\"", "an embedded daemon does everything: role = \"all\"");
    }
    if !(1..=1024).contains(&distributed.partitions) {
        return wrong("distributed.partitions is not between 1 and 1024", "16 is the default");
    }
    if !distributed.advertise.is_empty() && !distributed.advertise.starts_with("http") {
        return wrong("distributed.advertise is not an address", "write http://10.0.0.5:8080");
    }
    if distributed.management().is_none() {
        // It is not repeated: it may hold a password.
        return wrong(
            "distributed.rabbitmq_management is not an address without a user",
            "write http://broker:15672, several with commas between them; the user of distributed.rabbitmq.url is asked as",
        );
    }
    let engines =
        [("rabbitmq", &distributed.rabbitmq), ("postgres", &distributed.postgres), ("redis", &distributed.redis)];
    for (name, engine) in engines {
        if !engine.password_file.is_empty() && !engine.password.expose_secret().is_empty() {
            return Some((
                format!("distributed.{name} has both a password and a password_file"),
                "keep one of them".to_owned(),
            ));
        }
    }
    None
}

/// Refuses passwords in a configuration file: files are copied, shown and kept in Git.
pub(super) fn no_passwords_in(file: &Path, read: &config::Config) -> Result<(), ConfigError> {
    for engine in ["rabbitmq", "postgres", "redis"] {
        let of = |key: &str| read.get_string(&format!("distributed.{engine}.{key}")).unwrap_or_default();
        let url = of("url");
        let user = url.split_once("://").map_or("", |(_, rest)| rest).rsplit_once('@').map_or("", |(user, _)| user);
        if !of("password").is_empty() || user.contains(':') {
            return Err(ConfigError {
                what: format!("{} holds the password of distributed.{engine}", file.display()),
                help: Some(format!(
                    "put it into a file that password_file names, or into SWITCHBOARD_DISTRIBUTED__{}__PASSWORD",
                    engine.to_uppercase()
                )),
            });
        }
    }
    Ok(())
}
