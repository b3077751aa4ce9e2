//! The HTTP channel: any system that can send and take signed JSON.
//!
//! Messages come in by `POST /messages`; replies go out to a callback URL, or wait to be read by
//! `GET /threads/{thread}`. Everything is signed by Standard Webhooks, both ways. `docs/http-channel.md` is the
//! protocol as the other side reads it.

mod decode;
mod routes;
mod send;

#[cfg(test)]
mod tests;

pub use decode::{Decoded, Decoder, File};
use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::Router;
use contract::{Channel, Host, Limits, Outbound, Receipt, SendError};
use jiff::SignedDuration;
use reqwest::Url;
use secrecy::SecretString;
use serde::Deserialize;

use crate::{BuildContext, files::FileLinks};

/// The kind's name.
pub const KIND: &str = "http";

/// `kind: http`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Standard Webhooks secrets, `whsec_…`. The first one signs what Switchboard sends; each of them is good for what
    /// it receives, so keys can be changed without a gap.
    #[serde(default)]
    pub secrets: Vec<SecretString>,
    /// Where replies are posted. Without it they wait to be read.
    #[serde(default)]
    pub callback_url: Option<String>,
    /// The longest request body in bytes, files included (they come as base64, a third larger than they are).
    #[serde(default = "default_max_body_bytes")]
    pub max_body_bytes: usize,
    /// How long after the customer's last message the platform behind it takes replies, where it limits that.
    #[serde(default)]
    pub reply_window: Option<SignedDuration>,
}

fn default_max_body_bytes() -> usize {
    10 * 1024 * 1024
}

/// One connection to one other system.
pub struct HttpChannel {
    shared: Arc<Shared>,
    callback: Option<send::Callback>,
    reply_window: Option<Duration>,
}

/// What routes and sender both need.
struct Shared {
    decoder: decode::Decoder,
    files: FileLinks,
    max_body_bytes: usize,
}

impl HttpChannel {
    /// # Errors
    /// Which setting is wrong, and what would be right.
    pub(crate) fn new(name: &str, config: &Config, context: &BuildContext) -> Result<Self, String> {
        if !(1024..=256 * 1024 * 1024).contains(&config.max_body_bytes) {
            return Err("`max_body_bytes` must be between 1024 and 268435456 (256 MiB)".to_owned());
        }
        let decoder = decode::Decoder::new(name, &config.secrets)?;
        let callback = config.callback_url.as_deref().map(callback_url).transpose()?;
        Ok(Self {
            callback: callback.map(send::Callback::new).transpose()?,
            reply_window: config.reply_window.map(window).transpose()?,
            shared: Arc::new(Shared {
                decoder,
                files: FileLinks::absolute(&context.secret, &context.public_url, name),
                max_body_bytes: config.max_body_bytes,
            }),
        })
    }
}

fn window(given: SignedDuration) -> Result<Duration, String> {
    let window = Duration::try_from(given).ok().filter(|window| !window.is_zero());
    window.ok_or_else(|| "`reply_window` must be a length of time like \"24h\"".to_owned())
}

fn callback_url(text: &str) -> Result<Url, String> {
    let wrong = || format!("`callback_url` {text:?} is not an absolute http or https URL");
    let url = Url::parse(text).map_err(|_| wrong())?;
    if matches!(url.scheme(), "http" | "https") && url.has_host() { Ok(url) } else { Err(wrong()) }
}

#[async_trait]
impl Channel for HttpChannel {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn limits(&self) -> Limits {
        Limits {
            text_chars: decode::MAX_TEXT_BYTES,
            attachments: true,
            buttons: true,
            reply_window: self.reply_window,
            per_second: None,
            kept: self.callback.is_none(),
            resends_unknown: true,
        }
    }

    fn routes(&self, host: Host) -> Option<Router> {
        Some(routes::routes(Arc::clone(&self.shared), host))
    }

    /// A time-out after the request was written is `Unanswered`; the receiver can drop doubles by `webhook-id`, so it
    /// is safe to let the courier resend.
    async fn send(&self, outbound: &Outbound, _: &Host) -> Result<Receipt, SendError> {
        match &self.callback {
            Some(callback) => callback.send(outbound, &self.shared.decoder.keys, &self.shared.files).await,
            None => Ok(Receipt::default()),
        }
    }
}
