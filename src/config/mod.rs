//! The configuration: defaults, a file, the environment, in this order. A wrong key is an error that names the
//! nearest right one.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use channels::ChannelConfig;
use config::{Environment, File, FileFormat};
use jiff::SignedDuration;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, de};

mod actions;
mod attachments;
mod distributed;
mod identity;
mod model;
mod understanding;

pub use actions::Actions;
pub use attachments::{Attachments, Keeper};
pub use distributed::{Distributed, Engine, Mode, Role};
pub use identity::Identity;
pub use model::Model;
pub use understanding::Understanding;

use crate::demo::Demo;

/// Every setting at its default, explained.
pub const DEFAULTS: &str = include_str!("config.default.toml");
/// The file that is read when none is named.
pub const USUAL_FILE: &str = "switchboard.toml";

/// The whole configuration; [`DEFAULTS`] explains each setting.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "config.default.toml explains them")]
pub struct Config {
    pub mode: Mode,
    pub role: Role,
    pub listen: SocketAddr,
    pub data: PathBuf,
    pub public_url: String,
    pub rules: PathBuf,
    pub log: Log,
    pub inbox: Inbox,
    pub conversation: Conversation,
    pub desk: Desk,
    pub turn: Turn,
    pub understanding: Understanding,
    pub bot: Bot,
    pub actions: Actions,
    pub identity: Identity,
    pub model: Model,
    pub attachments: Attachments,
    pub distributed: Distributed,
    pub channels: BTreeMap<String, ChannelConfig>,
    /// Set by `run --demo` alone.
    #[serde(skip)]
    pub demo: Option<Demo>,
}

impl Config {
    /// Has every chat believe a page that vouches for its users under this secret too.
    pub fn vouch_in_chats(&mut self, secret: &str) {
        for channel in self.channels.values_mut() {
            if let ChannelConfig::Webchat(chat) = channel {
                chat.identity_secrets.push(secret.into());
            }
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "config.default.toml explains them")]
pub struct Log {
    pub level: String,
    pub format: LogFormat,
}

/// The secret in a file that the configuration names, without the line break at its end.
///
/// # Errors
/// The file cannot be read.
fn secret_in(file: &Path) -> anyhow::Result<SecretString> {
    let read =
        fs::read_to_string(file).map_err(|error| anyhow::anyhow!("{} cannot be read: {error}", file.display()))?;
    Ok(read.trim_end_matches(['\r', '\n']).to_owned().into())
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "config.default.toml explains them")]
pub struct Inbox {
    pub max_waiting: u64,
    #[serde(deserialize_with = "duration")]
    pub dedup_window: Duration,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "config.default.toml explains them")]
pub struct Conversation {
    #[serde(deserialize_with = "duration")]
    pub reopen_within: Duration,
    #[serde(deserialize_with = "duration")]
    pub ticket_page: Duration,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "config.default.toml explains them")]
pub struct Desk {
    #[serde(deserialize_with = "duration")]
    pub offline_after: Duration,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "config.default.toml explains them")]
pub struct Turn {
    #[serde(deserialize_with = "duration")]
    pub classify_within: Duration,
    #[serde(deserialize_with = "duration")]
    pub respond_within: Duration,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "config.default.toml explains them")]
pub struct Bot {
    pub threshold: f32,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
#[error("{what}{}", help.as_ref().map(|help| format!("\n  help: {help}")).unwrap_or_default())]
pub struct ConfigError {
    what: String,
    help: Option<String>,
}

fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    let spoken: Result<jiff::Span, _> = text.parse();
    let wrong = || de::Error::custom(format!("{text:?} is not a duration; write 30s, 5m, 24h or 7d"));
    let span = spoken.map_err(|_| wrong())?;
    let signed: SignedDuration = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    Duration::try_from(signed).map_err(|_| wrong())
}

/// Reads the configuration. `file` must exist when it is given; [`USUAL_FILE`] is read where it exists.
///
/// # Errors
/// What is wrong, where, and what would be right.
pub fn read(file: Option<&Path>) -> Result<Config, ConfigError> {
    read_with(file, &std::env::vars().collect())
}

fn read_with(file: Option<&Path>, environment: &BTreeMap<String, String>) -> Result<Config, ConfigError> {
    let mut builder = config::Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
    let usual = Path::new(USUAL_FILE);
    if let Some(file) = file.or_else(|| usual.exists().then_some(usual)) {
        let source = File::from(file).format(FileFormat::Toml);
        let alone = config::Config::builder().add_source(source.clone()).build();
        let alone = alone.map_err(|error| explain(&error.to_string()))?;
        distributed::no_passwords_in(file, &alone)?;
        attachments::no_secret_in(file, &alone)?;
        actions::no_secret_in(file, &alone)?;
        model::no_key_in(file, &alone)?;
        // A file that names channels names all of them: those of the defaults are examples.
        if alone.get_table("channels").is_ok() {
            builder = config::Config::builder().add_source(File::from_str(&without_channels(), FileFormat::Toml));
        }
        builder = builder.add_source(source);
    }
    let variables = environment.iter().filter(|(name, _)| !NOT_SETTINGS.contains(&name.as_str()));
    let source = Environment::with_prefix("SWITCHBOARD").prefix_separator("_").separator("__").try_parsing(true);
    let source = source.source(Some(variables.map(|(name, value)| (name.clone(), value.clone())).collect()));
    let built = builder.add_source(source).build().map_err(|error| explain(&error.to_string()))?;
    let config: Config = built.try_deserialize().map_err(|error| explain(&error.to_string()))?;
    check(config)
}

/// Variables of this prefix that are not settings.
const NOT_SETTINGS: [&str; 2] = ["SWITCHBOARD_WEB", "SWITCHBOARD_CONFIG"];

/// The defaults but for their channels, which stand last.
fn without_channels() -> String {
    DEFAULTS.split_inclusive('\n').take_while(|line| !line.starts_with("[channels.")).collect()
}

/// Turns "unknown field `listn`, expected one of `listen`, …" into what to do.
fn explain(error: &str) -> ConfigError {
    let quoted: Vec<&str> = error.split('`').skip(1).step_by(2).collect();
    let help = match quoted.split_first() {
        Some((unknown, known)) if error.contains("unknown field") => {
            let nearest = known
                .iter()
                .map(|name| (strsim::damerau_levenshtein(unknown, name), name))
                .filter(|(distance, name)| *distance <= 2.max(name.len() / 3))
                .min();
            Some(match nearest {
                Some((_, name)) => format!("did you mean `{name}`?"),
                None => "see config.default.toml, or `switchboard init`, for every setting".to_owned(),
            })
        }
        _ => None,
    };
    ConfigError { what: format!("the configuration is wrong: {error}"), help }
}

impl Config {
    /// The same for a daemon that does this of the work.
    ///
    /// # Errors
    /// An embedded daemon does everything.
    pub fn with_role(self, role: Role) -> Result<Self, ConfigError> {
        check(Self { role, ..self })
    }
}

fn check(mut config: Config) -> Result<Config, ConfigError> {
    let wrong = |what: &str, help: &str| Err(ConfigError { what: what.to_owned(), help: Some(help.to_owned()) });
    if !(0.0..=1.0).contains(&config.bot.threshold) {
        return wrong("bot.threshold is not between 0 and 1", "0.53 is the default");
    }
    if config.inbox.max_waiting == 0 {
        return wrong("inbox.max_waiting is 0, so that no message would ever be taken", "10000 is the default");
    }
    if let Some((what, help)) = config.attachments.mistake() {
        return wrong(what, help);
    }
    if config.public_url.is_empty() {
        config.public_url = format!("http://localhost:{}", config.listen.port());
    }
    config.public_url = config.public_url.trim_end_matches('/').to_owned();
    if let Some((what, help)) = identity::mistake(&config) {
        return wrong(&what, &help);
    }
    if let Some((what, help)) = distributed::mistake(&config) {
        return wrong(&what, &help);
    }
    if !config.public_url.starts_with("http://") && !config.public_url.starts_with("https://") {
        return wrong(
            "public_url is not an address that starts with http:// or https://",
            "write https://chat.example.com",
        );
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.toml");
        std::fs::write(&file, text).unwrap();
        let environment = environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        read_with(Some(&file), &environment).map_err(|error| error.to_string())
    }

    #[test]
    fn the_annotated_defaults_are_a_configuration() {
        let config = read_text("", &[]).unwrap();
        assert_eq!(config.inbox.dedup_window, Duration::from_secs(7 * 24 * 3600));
        assert_eq!(config.public_url, "http://localhost:8080");
        assert_eq!(config.channels.keys().collect::<Vec<_>>(), ["http", "webchat"]);
        assert_eq!(config.understanding.settings.thresholds, crate::understand::Settings::default().thresholds);
    }

    #[test]
    fn the_environment_goes_before_the_file_and_the_file_before_the_defaults() {
        let file = "listen = \"127.0.0.1:9000\"\n[inbox]\nmax_waiting = 5\n";
        let config =
            read_text(file, &[("SWITCHBOARD_INBOX__MAX_WAITING", "7"), ("SWITCHBOARD_DATA", "/tmp/x")]).unwrap();
        assert_eq!((config.listen.port(), config.inbox.max_waiting), (9000, 7));
        assert_eq!(config.data, Path::new("/tmp/x"));
        assert_eq!(config.turn.classify_within, Duration::from_millis(200));
    }

    #[test]
    fn a_file_that_names_channels_names_all_of_them() {
        let config = read_text("[channels.shop]\nkind = \"webchat\"\n", &[]).unwrap();
        assert_eq!(config.channels.keys().collect::<Vec<_>>(), ["shop"]);
    }

    #[test]
    fn an_embedded_daemon_does_everything() {
        let error = read_text("", &[]).unwrap().with_role(Role::Worker).unwrap_err();
        assert!(error.to_string().contains("role is for mode = \"distributed\""), "{error}");
    }

    #[test]
    fn mistakes_are_named_with_the_nearest_right_word() {
        let rows = [
            ("listn = \"127.0.0.1:1\"\n", "did you mean `listen`?"),
            ("[inbox]\nmax_wating = 1\n", "did you mean `max_waiting`?"),
            ("[inbox]\nmax_waiting = 0\n", "10000 is the default"),
            ("[inbox]\ndedup_window = \"soon\"\n", "write 30s, 5m, 24h or 7d"),
            ("public_url = \"chat.example.com\"\n", "https://chat.example.com"),
            ("[channels.x]\nkind = \"fax\"\n", "webchat"),
            ("[understanding]\nthresholds = { urgancy = 0.5 }\n", "did you mean `urgency`?"),
            ("[understanding]\nentities = [{ kind = \"order\", pattern = \"(\" }]\n", "understanding.entities"),
            ("[understanding.remote]\nkind = \"http\"\n", "understanding.remote.url"),
            ("[understanding.remote]\nkind = \"gpt\"\n", "openai"),
            ("[understanding.remote]\nkind = \"http\"\nurl = \"http://x\"\nsignals = [\"anger\"]\n", "churn_risk"),
            ("mode = \"clustered\"\n", "clustered for key `mode`"),
            ("role = \"worker\"\n", "an embedded daemon does everything"),
            ("[distributed]\npartitions = 0\n", "16 is the default"),
            ("[distributed]\nrabbitmq_management = \"http://a:15672, b\"\n", "several with commas between them"),
            ("[distributed]\nrabbitmq_management = \"http://me:hunter2@a:15672\"\n", "is asked as"),
            ("[distributed.postgres]\npassword = \"x\"\n", "SWITCHBOARD_DISTRIBUTED__POSTGRES__PASSWORD"),
            ("[distributed.redis]\nurl = \"redis://:x@localhost\"\n", "password_file"),
            ("[attachments]\nstore = \"s3\"\n", "attachments.s3.bucket"),
            ("[attachments.s3]\nsecret_key = \"x\"\n", "SWITCHBOARD_ATTACHMENTS__S3__SECRET_KEY"),
            ("[identity]\nemail = \"mial\"\n", "these are configured: http, webchat"),
            ("[identity]\nemail = \"webchat\"\n", "of kind email or http"),
            ("[identity]\ncode_lasts = \"1d\"\n", "between 1s and 1h"),
            ("[identity]\ncodes_per_day = 0\n", "15 is the default"),
            ("[model]\nkey = \"x\"\n", "SWITCHBOARD_MODEL__KEY"),
            ("[model]\nurl = \"http://127.0.0.1:1/v1\"\n", "model.name is empty"),
            ("[model]\nurl = \"localhost\"\nname = \"m\"\n", "model.url"),
            ("[model]\nurl = \"http://x\"\nname = \"m\"\nper_day = {money = 5.0}\n", "model.price"),
            ("[model.price]\ninput = 1.0\ncurrency = \"\"\n", "model.price.currency is empty"),
            ("listen = \n", "a.toml"),
        ];
        for (text, expected) in rows {
            let error = read_text(text, &[]).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let error = read_text("", &[("SWITCHBOARD_LISTNE", "x")]).unwrap_err();
        assert!(error.contains("did you mean `listen`?"), "{error}");
    }
}
