//! The web chat: the widget on a page, on a WebSocket. Here the platform is Switchboard itself.
//!
//! Nothing is kept for a visitor who writes nothing: who they are stands in a signed token that their browser keeps,
//! and what was said is read from the record by cursor. `docs/web-chat.md` is the protocol as the browser sees it.

mod identity;
mod origin;
mod pace;
mod protocol;
mod routes;
mod socket;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::Router;
use contract::{Channel, Host, Limits, Outbound, Receipt, SendError};
use secrecy::SecretString;
use serde::Deserialize;

use crate::{BuildContext, files::FileLinks};

/// The kind's name.
pub const KIND: &str = "webchat";

/// `kind: webchat`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Pages of other origins that may show the widget: `https://shop.example.com`, or `*` for every page. Pages from
    /// the daemon's own host always may.
    #[serde(default)]
    pub allowed_origins: Vec<String>,
    /// Secrets under which the business's own server vouches for its users. One is enough; two while they are changed.
    #[serde(default)]
    pub identity_secrets: Vec<SecretString>,
    /// The most sockets that are open at once.
    #[serde(default = "default_max_connections")]
    pub max_connections: usize,
    /// How many messages a minute one connection may send, over time. Ten may come at once.
    #[serde(default = "default_messages_per_minute")]
    pub messages_per_minute: u32,
    /// The largest file in bytes that is read at all. What is kept is decided by the daemon's attachment settings.
    #[serde(default = "default_max_upload_bytes")]
    pub max_upload_bytes: usize,
}

fn default_max_connections() -> usize {
    10_000
}

fn default_messages_per_minute() -> u32 {
    30
}

fn default_max_upload_bytes() -> usize {
    10 * 1024 * 1024
}

/// The time limits of a socket.
#[derive(Debug, Clone, Copy)]
struct Timing {
    /// From opening to `hello`.
    hello: Duration,
    /// From one protocol ping to the next. A peer that is silent for two and a half of them is gone.
    ping: Duration,
    /// For writing one frame to a peer that does not read.
    write: Duration,
}

const TIMING: Timing =
    Timing { hello: Duration::from_secs(10), ping: Duration::from_secs(25), write: Duration::from_secs(20) };

/// One widget's channel.
pub struct WebChat {
    shared: Arc<Shared>,
}

/// What every connection of a channel needs.
struct Shared {
    name: String,
    identity: identity::Identity,
    files: FileLinks,
    origins: origin::Origins,
    max_connections: usize,
    messages_per_minute: u32,
    max_upload_bytes: usize,
    timing: Timing,
}

impl WebChat {
    /// # Errors
    /// Which setting is wrong, and what would be right.
    pub(crate) fn new(name: &str, config: &Config, context: &BuildContext) -> Result<Self, String> {
        Self::with_timing(name, config, context, TIMING)
    }

    fn with_timing(name: &str, config: &Config, context: &BuildContext, timing: Timing) -> Result<Self, String> {
        for (setting, value) in
            [("max_connections", config.max_connections), ("max_upload_bytes", config.max_upload_bytes)]
        {
            if value == 0 {
                return Err(format!("`{setting}` must be at least 1"));
            }
        }
        if config.messages_per_minute == 0 {
            return Err("`messages_per_minute` must be at least 1".to_owned());
        }
        let shared = Shared {
            name: name.to_owned(),
            identity: identity::Identity::new(&context.secret, name, &config.identity_secrets)?,
            files: FileLinks::relative(&context.secret, name),
            origins: origin::Origins::parse(&config.allowed_origins, &context.public_url)?,
            max_connections: config.max_connections,
            messages_per_minute: config.messages_per_minute,
            max_upload_bytes: config.max_upload_bytes,
            timing,
        };
        Ok(Self { shared: Arc::new(shared) })
    }
}

#[async_trait]
impl Channel for WebChat {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn limits(&self) -> Limits {
        Limits {
            text_chars: protocol::MAX_TEXT_CHARS,
            attachments: true,
            buttons: true,
            reply_window: None,
            per_second: None,
            kept: true,
            resends_unknown: true,
        }
    }

    fn routes(&self, host: Host) -> Option<Router> {
        Some(routes::routes(Arc::clone(&self.shared), host))
    }

    /// The record is the platform: a reply is delivered to it when it is committed, and watchers have been told. That
    /// a browser has shown it is told by a notice.
    async fn send(&self, _: &Outbound, _: &Host) -> Result<Receipt, SendError> {
        Ok(Receipt::default())
    }
}
