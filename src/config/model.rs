//! The model that answers where the bot is not sure: off unless an address is given.

use std::{collections::BTreeSet, num::NonZeroUsize, path::PathBuf, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::ConfigError;
use crate::{
    models::{Client, Limits, Models, Price, Settings, Spent},
    understand::Protocol,
};

/// The section `[model]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Written")]
pub struct Model {
    settings: Option<Settings>,
    key_file: PathBuf,
}

impl Model {
    /// The model, ready to be asked; `None` where there is none.
    ///
    /// # Errors
    /// Its key cannot be read, or no HTTP client can be made.
    pub fn open(&self, patterns: &understand::entities::Patterns) -> anyhow::Result<Option<Models>> {
        let Some(mut settings) = self.settings.clone() else { return Ok(None) };
        if !self.key_file.as_os_str().is_empty() {
            let key = super::secret_in(&self.key_file).map_err(|error| anyhow::anyhow!("model.key_file {error}"))?;
            settings.key = Some(SecretString::from(key.expose_secret().trim().to_owned()));
        }
        let client = Client::new(&settings).map_err(|error| anyhow::anyhow!("no HTTP client can be made: {error}"))?;
        Ok(Some(Models { client, settings, patterns: patterns.clone() }))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    url: String,
    name: String,
    key: SecretString,
    key_file: PathBuf,
    temperature: f32,
    most_tokens: u32,
    steps: u32,
    at_once: NonZeroUsize,
    history: NonZeroUsize,
    summaries: bool,
    #[serde(deserialize_with = "super::duration")]
    connect: Duration,
    #[serde(deserialize_with = "super::duration")]
    first_word: Duration,
    #[serde(deserialize_with = "super::duration")]
    pause: Duration,
    #[serde(deserialize_with = "super::duration")]
    time: Duration,
    mask: BTreeSet<String>,
    price: WrittenPrice,
    per_conversation: WrittenLimits,
    per_day: WrittenLimits,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPrice {
    input: f64,
    output: f64,
    currency: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLimits {
    steps: u64,
    tokens: u64,
    #[serde(deserialize_with = "super::duration")]
    time: Duration,
    money: f64,
}

impl WrittenLimits {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is checked to be neither")]
    fn limits(&self, section: &str, price: &WrittenPrice) -> Result<Limits, String> {
        if !(0.0..=1e9).contains(&self.money) {
            return Err(format!("model.{section}.money is from 0 to a thousand million; 0 is no limit"));
        }
        if self.money > 0.0 && price.input <= 0.0 && price.output <= 0.0 {
            return Err(format!(
                "model.{section}.money limits nothing while model.price says that tokens cost nothing"
            ));
        }
        let millis = u64::try_from(self.time.as_millis()).unwrap_or(u64::MAX);
        let micros = (self.money * 1e6).round() as u64;
        Ok(Limits(Spent { steps: self.steps, tokens: self.tokens, millis, micros }))
    }
}

impl TryFrom<Written> for Model {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { key_file, price, .. } = &written;
        let prices = [price.input, price.output];
        if !prices.iter().all(|price| (0.0..=1e6).contains(price)) {
            return Err("model.price is what a million tokens cost, from 0 to a million".to_owned());
        }
        if prices.iter().any(|price| *price > 0.0) && price.currency.trim().is_empty() {
            return Err("model.price.currency is empty; write what the prices are in, `USD` say".to_owned());
        }
        if !(written.temperature < 0.0 || (0.0..=2.0).contains(&written.temperature)) {
            return Err("model.temperature is from 0 to 2, or below 0 for what the server likes".to_owned());
        }
        if written.steps == 0 || written.most_tokens == 0 {
            return Err("model.steps and model.most_tokens are at least 1".to_owned());
        }
        if written.time.is_zero() || written.time > Duration::from_secs(300) {
            return Err("model.time is above 0s and at most 5m".to_owned());
        }
        let key_file = key_file.clone();
        if written.url.is_empty() {
            return Ok(Self { settings: None, key_file });
        }
        if written.name.is_empty() {
            return Err("model.name is empty; write the name that the endpoint knows the model by".to_owned());
        }
        let url = Protocol::Openai.address(&written.url).map_err(|error| format!("model.url: {error}"))?;
        let settings = Settings {
            url,
            per_conversation: written.per_conversation.limits("per_conversation", price)?,
            per_day: written.per_day.limits("per_day", price)?,
            price: Price { input: price.input, output: price.output, currency: price.currency.clone() },
            key: Some(written.key).filter(|key| !key.expose_secret().is_empty()),
            name: written.name,
            temperature: Some(written.temperature).filter(|temperature| *temperature >= 0.0),
            most_tokens: written.most_tokens,
            steps: written.steps,
            at_once: written.at_once.get(),
            connect: written.connect,
            first_word: written.first_word,
            pause: written.pause,
            time: written.time,
            history: written.history.get(),
            summaries: written.summaries,
            mask: written.mask,
        };
        Ok(Self { settings: Some(settings), key_file })
    }
}

/// A secret in the file would end in a repository.
pub(super) fn no_key_in(file: &std::path::Path, alone: &config::Config) -> Result<(), ConfigError> {
    match alone.get_string("model.key") {
        Ok(key) if !key.is_empty() => Err(ConfigError {
            what: format!("{} has a secret in it: model.key", file.display()),
            help: Some("put it into a file that model.key_file names, or into SWITCHBOARD_MODEL__KEY".to_owned()),
        }),
        _ => Ok(()),
    }
}
