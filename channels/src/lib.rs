//! Switchboard's adapters: one folder a kind of channel, each behind [`contract::Channel`].
//!
//! A new kind is one folder here, one variant of [`ChannelConfig`], one folder of cases and one page in `docs/`.

pub mod email;
pub mod http;
pub mod mail;
pub mod telegram;
pub mod webchat;

mod answer;
mod causes;
mod files;
mod guard;
mod markup;
mod seal;
mod signature;

pub use seal::Seal;

/// What benches measure and nobody else calls.
#[doc(hidden)]
pub mod measured {
    pub use crate::{email::measured as email, telegram::measured as telegram};
}

/// What the fuzz targets of `fuzz/` call and nobody else does.
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::{
        email::fuzzing::{Letter, Mail, mail, new_text},
        markup::fuzzing::{Mark, marked, page_text, to_html},
        telegram::fuzzing::update,
    };
}

#[cfg(doctest)]
#[doc = include_str!("../../docs/writing-a-channel.md")]
struct WritingAChannel;

#[cfg(test)]
mod cases;
#[cfg(test)]
mod fake_host;

use std::sync::Arc;

use contract::Channel;
use serde::Deserialize;

/// How one channel is configured; `kind` says which adapter reads the rest.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ChannelConfig {
    /// The chat widget on web pages.
    Webchat(webchat::Config),
    /// Any system that can send and take signed JSON.
    Http(http::Config),
    /// A mailbox.
    Email(Box<email::Config>),
    /// A Telegram bot.
    Telegram(telegram::Config),
}

impl ChannelConfig {
    /// The kind's name, as in configuration, in `Inbound::kind` and in rules.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Webchat(_) => webchat::KIND,
            Self::Http(_) => http::KIND,
            Self::Email(_) => email::KIND,
            Self::Telegram(_) => telegram::KIND,
        }
    }
}

/// What the daemon tells every channel about itself.
#[derive(Clone)]
pub struct BuildContext {
    /// 256 random bits, the same over restarts and on every daemon of an installation. Visitors' tokens and links to
    /// files are signed with keys derived from it, so changing it starts every web chat anew.
    pub secret: [u8; 32],
    /// Where the daemon is reached from outside, without a slash at the end: `https://chat.example.com`.
    pub public_url: String,
}

/// A channel's configuration is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("channel {channel:?}: {problem}")]
pub struct ConfigError {
    /// The channel's name.
    pub channel: String,
    /// Which setting, what is wrong with it, and what to do.
    pub problem: String,
}

/// The adapter for one configured channel. Does no I/O.
///
/// # Errors
/// The name or a setting is not usable.
pub fn build(name: &str, config: &ChannelConfig, context: &BuildContext) -> Result<Arc<dyn Channel>, ConfigError> {
    let built: Result<Arc<dyn Channel>, String> = check_name(name).and_then(|()| match config {
        ChannelConfig::Webchat(config) => {
            Ok(Arc::new(webchat::WebChat::new(name, config, context)?) as Arc<dyn Channel>)
        }
        ChannelConfig::Http(config) => Ok(Arc::new(http::HttpChannel::new(name, config, context)?) as Arc<dyn Channel>),
        ChannelConfig::Email(config) => Ok(Arc::new(email::Email::new(name, config, context)?) as Arc<dyn Channel>),
        ChannelConfig::Telegram(config) => {
            Ok(Arc::new(telegram::Telegram::new(name, config, context)?) as Arc<dyn Channel>)
        }
    });
    built.map_err(|problem| ConfigError { channel: name.to_owned(), problem })
}

/// A name stands in URLs, in rules and in metrics.
fn check_name(name: &str) -> Result<(), String> {
    let fits = (1..=40).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if fits {
        return Ok(());
    }
    Err("a channel's name is 1 to 40 lower-case letters, digits and hyphens, and starts with a letter, like \
         \"support-chat\""
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> BuildContext {
        BuildContext { secret: [7; 32], public_url: "https://chat.example.com".to_owned() }
    }

    const TOKEN: &str = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0";

    fn mailbox(address: &str, name: &str, more: &str) -> String {
        let server = r#"{"host": "mail.example.com", "username": "u", "password": "hunter2"}"#;
        format!(
            r#"{{"kind": "email", "address": "{address}", "name": "{name}", "imap": {server}, "smtp": {server}{more}}}"#
        )
    }

    #[test]
    fn configurations_build_or_say_what_is_wrong() {
        let key = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
        let rows = [
            ("chat", r#"{"kind": "webchat"}"#.to_owned(), ""),
            ("Chat", r#"{"kind": "webchat"}"#.to_owned(), "lower-case"),
            ("chat", r#"{"kind": "webchat", "allowed_origins": ["shop.example"]}"#.to_owned(), "https://shop.example"),
            ("chat", r#"{"kind": "webchat", "identity_secrets": ["short"]}"#.to_owned(), "openssl rand -hex 32"),
            ("erp", format!(r#"{{"kind": "http", "secrets": ["{key}"]}}"#), ""),
            ("erp", r#"{"kind": "http", "secrets": []}"#.to_owned(), "at least one"),
            ("erp", r#"{"kind": "http", "secrets": ["hunter2"]}"#.to_owned(), "whsec_"),
            ("erp", format!(r#"{{"kind": "http", "secrets": ["{key}"], "callback_url": "ftp://x"}}"#), "http"),
            ("mail", mailbox("support@example.com", "Shop", ""), ""),
            ("mail", mailbox("support", "Shop", ""), "support@example.com"),
            ("mail", mailbox("support@example.com", " ", ""), "`name`"),
            ("mail", mailbox("support@example.com", "Shop", r#", "folders": []"#), "INBOX"),
            ("mail", mailbox("support@example.com", "Shop", r#", "automatic_per_hour": 0"#), "1 is the least"),
            ("mail", mailbox("support@example.com", "Shop", r#", "queues": {"vip": {"address": "x"}}"#), "queues.vip"),
            ("bot", format!(r#"{{"kind": "telegram", "token": "{TOKEN}"}}"#), ""),
            ("bot", r#"{"kind": "telegram", "token": "hunter2"}"#.to_owned(), "@BotFather"),
            ("bot", format!(r#"{{"kind": "telegram", "token": "{TOKEN}", "receive": "webhook"}}"#), ""),
        ];
        let _ = rustls::crypto::ring::default_provider().install_default();
        for (name, json, problem) in rows {
            let config: ChannelConfig = serde_json::from_str(&json).unwrap();
            match build(name, &config, &context()) {
                Ok(_) => assert_eq!(problem, "", "{json}"),
                Err(error) => {
                    assert!(!problem.is_empty() && error.problem.contains(problem), "{json}: {error}");
                    assert!(!error.to_string().contains("hunter2"), "a secret is shown: {error}");
                }
            }
        }
    }

    #[test]
    fn a_wrong_key_is_an_error_and_secrets_stay_hidden() {
        let wrong = serde_json::from_str::<ChannelConfig>(r#"{"kind": "http", "secretz": []}"#).unwrap_err();
        assert!(wrong.to_string().contains("secretz"), "{wrong}");
        let config: ChannelConfig = serde_json::from_str(r#"{"kind": "http", "secrets": ["whsec_aGVsbG8="]}"#).unwrap();
        assert!(!format!("{config:?}").contains("aGVsbG8"));
    }
}
