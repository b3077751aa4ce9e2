//! How messages are understood here.

use std::{num::NonZeroUsize, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use understand::{Prior, Thresholds, entities::Patterns};

use crate::understand::{HEADS, Protocol, Remote, RemoteSettings, Settings};

/// The section `[understanding]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Written")]
pub struct Understanding {
    /// What it comes to.
    pub settings: Settings,
    /// Whom to ask about messages that are not sure.
    pub remote: Option<RemoteSettings>,
    /// How long a turn waits for that.
    pub wait: Duration,
}

impl Understanding {
    /// Whom to ask, ready to be asked.
    ///
    /// # Errors
    /// No HTTP client can be made.
    pub fn open_remote(&self) -> anyhow::Result<Option<Remote>> {
        let open = |settings| Remote::new(settings, self.settings.thresholds);
        self.remote.clone().map(open).transpose().map_err(anyhow::Error::msg)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    thresholds: WrittenThresholds,
    prior: WrittenPrior,
    entities: Vec<Entity>,
    remote: WrittenRemote,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRemote {
    kind: String,
    url: String,
    key: SecretString,
    model: String,
    signals: Vec<String>,
    below: f32,
    #[serde(deserialize_with = "super::duration")]
    wait: Duration,
    #[serde(deserialize_with = "super::duration")]
    deadline: Duration,
    at_once: NonZeroUsize,
    per_minute: u32,
    per_day: u32,
    remembered: NonZeroUsize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenThresholds {
    language: f32,
    sentiment: f32,
    urgency: f32,
    complaint: f32,
    churn_risk: f32,
    wants_human: f32,
    thanks: f32,
    spam: f32,
    intent: f32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPrior {
    negative: f32,
    neutral: f32,
    positive: f32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entity {
    kind: String,
    pattern: String,
}

impl TryFrom<Written> for Understanding {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let of = written.thresholds;
        let thresholds = Thresholds {
            language: of.language,
            sentiment: of.sentiment,
            wishes: [of.urgency, of.complaint, of.churn_risk, of.wants_human, of.thanks, of.spam],
            intent: of.intent,
        };
        let all = [thresholds.language, thresholds.sentiment, thresholds.intent];
        if !all.iter().chain(&thresholds.wishes).all(|threshold| (0.0..=1.0).contains(threshold)) {
            return Err("understanding.thresholds are numbers from 0 to 1".to_owned());
        }
        let prior = [written.prior.negative, written.prior.neutral, written.prior.positive];
        if !prior.iter().all(|share| *share > 0.0 && share.is_finite()) {
            return Err("understanding.prior: every share is above 0".to_owned());
        }
        let own: Vec<(String, String)> =
            written.entities.into_iter().map(|entity| (entity.kind, entity.pattern)).collect();
        let patterns = Patterns::new(&own)
            .map_err(|(number, error)| format!("understanding.entities: pattern {} is wrong: {error}", number + 1))?;
        let (wait, remote) = (written.remote.wait, remote(written.remote)?);
        Ok(Self { settings: Settings { thresholds, prior: Prior(prior), patterns }, remote, wait })
    }
}

fn remote(written: WrittenRemote) -> Result<Option<RemoteSettings>, String> {
    let protocol = match &*written.kind {
        "none" => return Ok(None),
        "http" => Protocol::Http,
        "openai" => Protocol::Openai,
        wrong => return Err(format!("understanding.remote.kind is never {wrong:?}; it is none, http or openai")),
    };
    if let Some(wrong) = written.signals.iter().find(|name| !HEADS.contains(&name.as_str())) {
        return Err(format!("understanding.remote.signals: there is no {wrong:?}; there are {}", HEADS.join(", ")));
    }
    if !(0.0..=1.0).contains(&written.below) {
        return Err("understanding.remote.below is not from 0 to 1".to_owned());
    }
    Ok(Some(RemoteSettings {
        protocol,
        url: protocol.address(&written.url).map_err(|error| format!("understanding.remote.url: {error}"))?,
        key: Some(written.key).filter(|key| !key.expose_secret().is_empty()),
        model: written.model,
        signals: written.signals,
        below: written.below,
        deadline: written.deadline,
        at_once: written.at_once,
        per_minute: written.per_minute,
        per_day: written.per_day,
        remembered: written.remembered,
    }))
}
