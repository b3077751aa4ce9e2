//! How to reach the broker, and what its users can be told.

use std::{fmt, path::PathBuf, time::Duration};

use lapin::{
    tcp::OwnedTLSConfig,
    uri::{AMQPScheme, AMQPUri},
};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

/// Seconds between heartbeats, where the URL does not say: a peer that is silent for two of them is gone.
const HEARTBEAT: u16 = 5;

/// How often the broker may deliver a message before it gives it up, so that a message that ends its daemon does not
/// end every daemon for ever.
pub(super) const DELIVERIES_MOST: u32 = 20;

/// How the inbox works on its broker.
pub struct Settings {
    /// Where the broker is: `amqp://user@host:5672/vhost`, or `amqps://` for TLS. Several nodes of a cluster with commas
    /// between them: `amqp://user@a:5672,b:5672/vhost`; whichever answers will do.
    pub url: SecretString,
    /// The password, where it is not in the URL.
    pub password: Option<SecretString>,
    /// Certificates of authorities to trust beside the system's, in PEM.
    pub authorities: Option<String>,
    /// Where the broker's management interface is, on whichever of its nodes: it tells which of them are up.
    pub management: Vec<Url>,
    /// Into how many queues threads are divided. The same on every node.
    pub partitions: u16,
    /// How many messages may wait before [`contract::InboxError::Busy`].
    pub waiting_most: u64,
    /// How many messages of one partition are with a node at once.
    pub prefetch: u16,
    /// How long a confirm may take before the message counts as not kept.
    pub confirm_within: Duration,
    /// How long a node that loses a partition finishes what has begun there, before the next owner gets it again.
    pub hand_over_within: Duration,
    /// How often the lengths of the queues are asked for.
    pub measure_every: Duration,
    /// How often the record is asked for messages that were redriven.
    pub redriven_every: Duration,
    /// Where messages are kept while the broker is away; `None` to refuse them.
    pub spool: Option<PathBuf>,
}

impl Settings {
    /// The usual, at this URL.
    #[must_use]
    pub fn new(url: SecretString) -> Self {
        Self {
            url,
            password: None,
            authorities: None,
            management: Vec::new(),
            partitions: 16,
            waiting_most: 100_000,
            prefetch: 128,
            confirm_within: Duration::from_secs(10),
            hand_over_within: Duration::from_secs(5),
            measure_every: Duration::from_secs(1),
            redriven_every: Duration::from_secs(1),
            spool: None,
        }
    }

    /// What the client library is told.
    pub(super) fn address(&self) -> Result<Address, SettingsError> {
        // The library's own words would repeat the URL.
        let mut uris = one_each(self.url.expose_secret())
            .iter()
            .map(|url| url.parse::<AMQPUri>().map_err(|_| SettingsError::Url))
            .collect::<Result<Vec<_>, _>>()?;
        if !(1..=1024).contains(&self.partitions) {
            return Err(SettingsError::Partitions(self.partitions));
        }
        for uri in &mut uris {
            if let Some(password) = &self.password {
                password.expose_secret().clone_into(&mut uri.authority.userinfo.password);
            }
            uri.query.heartbeat.get_or_insert(HEARTBEAT);
        }
        let places: Vec<_> = uris.iter().map(place).collect();
        let secure = uris.iter().any(|uri| uri.scheme == AMQPScheme::AMQPS);
        let authorities = if secure { self.authorities.clone() } else { None };
        Ok(Address { uris, place: places.join(","), authorities })
    }
}

/// Host and port, for people.
pub(super) fn place(uri: &AMQPUri) -> String {
    format!("{}:{}", uri.authority.host, uri.authority.port)
}

/// A URL of several hosts, as one URL for each.
fn one_each(url: &str) -> Vec<String> {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find(['/', '?']).map_or(url.len(), |at| start + at);
    let hosts = url[start..end].rfind('@').map_or(start, |at| start + at + 1);
    url[hosts..end].split(',').map(|host| format!("{}{host}{}", &url[..hosts], &url[end..])).collect()
}

impl fmt::Debug for Settings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Settings")
            .field("place", &self.address().map(|address| address.place))
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}

/// Why the settings cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SettingsError {
    /// The URL is none; it is not repeated, because it may hold a password.
    #[error(
        "distributed.rabbitmq.url cannot be read: it should look like amqp://user@host:5672/%2f, several hosts with commas \
         between them, with the password in password_file and a virtual host whose slashes are written %2f"
    )]
    Url,
    /// Too few, too many.
    #[error("distributed.partitions is {0}: it must be from 1 to 1024")]
    Partitions(u16),
}

/// Where the broker is, with the secrets that it takes. Never shown.
#[derive(Clone)]
pub(super) struct Address {
    /// One for each node that is named.
    pub uris: Vec<AMQPUri>,
    /// Hosts and ports, for people.
    pub place: String,
    authorities: Option<String>,
}

impl Address {
    pub fn tls(&self) -> OwnedTLSConfig {
        OwnedTLSConfig { identity: None, cert_chain: self.authorities.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_ever_shown() {
        let mut settings = Settings::new("amqp://shop:hunter2@broker:5673,other/%2f?heartbeat=9".into());
        let password = |address: &Address| address.uris[0].authority.userinfo.password.clone();
        assert_eq!(password(&settings.address().unwrap()), "hunter2");
        settings.password = Some("hunter3".into());
        let address = settings.address().unwrap();
        assert_eq!((&*address.place, &*address.uris[1].vhost), ("broker:5673,other:5672", "/"));
        assert_eq!((password(&address).as_str(), address.uris[1].query.heartbeat), ("hunter3", Some(9)));
        let shown = format!("{settings:?}");
        assert!(shown.contains("broker:5673") && !shown.contains("hunter"), "{shown}");
        for wrong in ["http://shop:hunter2@broker", "amqp://shop:hunter2@broker:x", "amqp://shop:hunter2@a,b:x/%2f"] {
            let wrong = Settings::new(wrong.into()).address().err().unwrap().to_string();
            assert!(!wrong.contains("hunter2"), "{wrong}");
        }
    }
}
