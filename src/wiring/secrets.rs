//! The daemon's own secrets: in its data folder, or where all daemons find the same ones.

use std::collections::BTreeMap;

use anyhow::Context;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use channels::ChannelConfig;

use super::engines::postgres_settings;
use crate::{
    config::{Config, Mode},
    home::Home,
    http::auth,
    store::postgres::Database,
};

/// What seals links and marks in mails.
pub(super) const DAEMON: &str = "daemon";
/// What the command line shows to a daemon of its own machine.
const LOCAL: &str = "local";

/// The secrets that this configuration needs, by name.
pub(crate) struct Secrets {
    known: BTreeMap<String, [u8; 32]>,
    mode: Mode,
}

impl Secrets {
    /// Reads them, and makes those that are not there yet.
    ///
    /// # Errors
    /// They can be neither read nor written.
    pub async fn open(config: &Config, home: &Home) -> anyhow::Result<Self> {
        let unsigned =
            |channel: &ChannelConfig| matches!(channel, ChannelConfig::Http(http) if http.secrets.is_empty());
        let channels = config.channels.iter().filter(|(_, channel)| unsigned(channel)).map(|(name, _)| &**name);
        let names = channels.chain([DAEMON]);
        let mut known = BTreeMap::new();
        match config.mode {
            Mode::Embedded => {
                for name in names {
                    known.insert(name.to_owned(), home.secret(name)?);
                }
            }
            Mode::Distributed => {
                let database = Database::connect(postgres_settings(config)?).await;
                let database =
                    database.with_context(|| format!("{} cannot be used", config.distributed.postgres.place()))?;
                for name in names.chain([LOCAL]) {
                    // A file that is given to every daemon goes before what they have in common.
                    let secret = match home.secret_path(name).exists() {
                        true => home.secret(name)?,
                        false => database.secret(name, rand::random()).await?,
                    };
                    known.insert(name.to_owned(), secret);
                }
            }
        }
        Ok(Self { known, mode: config.mode })
    }

    /// The secret of a name.
    ///
    /// # Errors
    /// The configuration does not need one of that name.
    pub fn get(&self, name: &str) -> anyhow::Result<[u8; 32]> {
        self.known.get(name).copied().with_context(|| format!("there is no secret {name:?}"))
    }

    /// The token of the command line on this machine: a new one at every start, or the one that every daemon knows, so
    /// that it is known where a request is passed on to.
    pub fn local_token(&self) -> String {
        match self.mode {
            Mode::Embedded => auth::new_secret(),
            Mode::Distributed => URL_SAFE_NO_PAD.encode(self.known.get(LOCAL).copied().unwrap_or_else(rand::random)),
        }
    }
}
