//! How customers can prove who they are.

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use serde::Deserialize;

use super::{Config, duration};
use crate::identity::{Limit, Route, Verifier, codes::Codes};

/// A code that is good for less cannot be typed, and one that is good for longer can be guessed.
const LASTS: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "config.default.toml explains them")]
pub struct Identity {
    pub email: String,
    pub phone: String,
    pub link: bool,
    #[serde(deserialize_with = "duration")]
    pub holds: Duration,
    #[serde(deserialize_with = "duration")]
    pub code_lasts: Duration,
    #[serde(deserialize_with = "duration")]
    pub resend_after: Duration,
    pub codes_per_hour: u32,
    pub codes_per_day: u32,
    pub codes_per_hour_in_all: u32,
}

impl Config {
    /// How customers can prove who they are, under the secret that seals links. `public_url` is where these lead.
    #[must_use]
    pub fn verifier(&self, secret: &[u8; 32], public_url: &str) -> Arc<Verifier> {
        let Identity { email, phone, link, holds, code_lasts, resend_after, .. } = &self.identity;
        let codes = Codes::new(secret);
        let long = |time: &Duration| SignedDuration::try_from(*time).unwrap_or(SignedDuration::MAX);
        Arc::new(Verifier {
            link: link.then(|| Codes::link_mark(public_url)),
            codes,
            email: self.route(email),
            phone: self.route(phone),
            lasts: long(code_lasts),
            again_after: long(resend_after),
            holds: long(holds),
            each: Limit { an_hour: self.identity.codes_per_hour, a_day: Some(self.identity.codes_per_day) },
            in_all: Limit { an_hour: self.identity.codes_per_hour_in_all, a_day: None },
        })
    }

    fn route(&self, channel: &str) -> Option<Route> {
        let kind = self.channels.get(channel)?.kind();
        // Handles of a mailbox are the same everywhere, others are those of their channel.
        let space = if kind == channels::email::KIND { kind.to_owned() } else { format!("{kind}:{channel}") };
        Some(Route { channel: channel.to_owned(), space })
    }
}

/// What is wrong, and what to do.
pub(super) fn mistake(config: &Config) -> Option<(String, String)> {
    let Identity { email, phone, code_lasts, codes_per_hour, codes_per_day, codes_per_hour_in_all, .. } =
        &config.identity;
    for (setting, channel, kinds) in [
        ("email", email, &[channels::email::KIND, channels::http::KIND][..]),
        ("phone", phone, &[channels::http::KIND]),
    ] {
        if channel.is_empty() {
            continue;
        }
        match config.channels.get(channel).map(channels::ChannelConfig::kind) {
            None => {
                let names: Vec<&str> = config.channels.keys().map(String::as_str).collect();
                let help = format!("these are configured: {}", names.join(", "));
                return Some((format!("identity.{setting} names the channel {channel:?}, which there is not"), help));
            }
            Some(kind) if !kinds.contains(&kind) => {
                let what = format!("identity.{setting} names the channel {channel:?}, which is of kind {kind}");
                return Some((what, format!("codes go by a channel of kind {}", kinds.join(" or "))));
            }
            Some(_) => {}
        }
    }
    if !LASTS.contains(code_lasts) {
        return Some(("identity.code_lasts is not between 1s and 1h".to_owned(), "10m is the default".to_owned()));
    }
    let limits = [
        ("codes_per_hour", codes_per_hour, "5"),
        ("codes_per_day", codes_per_day, "15"),
        ("codes_per_hour_in_all", codes_per_hour_in_all, "1000"),
    ];
    let none = limits.iter().find(|(_, limit, _)| **limit == 0)?;
    let what = format!("identity.{} is 0, so that no code would ever be sent", none.0);
    Some((what, format!("{} is the default; to send none, leave identity.email and identity.phone empty", none.2)))
}
