//! How a PostgreSQL server is reached.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use rustls::pki_types::{CertificateDer, pem::PemObject};
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::{
    Config,
    config::{Host, SslMode},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::store::StoreError;

/// What the record on PostgreSQL can be told.
#[derive(Clone)]
pub struct PostgresSettings {
    /// `postgres://user@host:5432/database?sslmode=verify-full`, several hosts with commas between them. Without
    /// `sslmode`, and with `disable` or `prefer`, the connection is in clear; with `require`, `verify-ca` and
    /// `verify-full` it is encrypted and the server's certificate and name are checked.
    pub url: String,
    /// The password, where the URL has none.
    pub password: Option<SecretString>,
    /// A file of PEM certificates that may have signed the server's, besides those that the machine believes.
    pub ca: Option<PathBuf>,
    /// How many connections read; writers have [`WRITERS`](super::WRITERS) more.
    pub readers: usize,
    /// How long a statement may take.
    pub statement_timeout: Duration,
    /// How long the end of an outage is waited for by whoever commits, before they hear of it.
    pub patience: Duration,
    /// How long a node is taken to be alive after its last beat.
    pub node_ttl: Duration,
    /// How long a platform message's id is remembered.
    pub dedup_window: Duration,
    /// For how many days messages and journals are kept at least; 0 is for ever. They go by weeks.
    pub retention_days: u32,
}

impl PostgresSettings {
    /// The settings of a server, all others being as they should be.
    #[must_use]
    pub fn new(url: &str) -> Self {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        Self {
            url: url.to_owned(),
            password: None,
            ca: None,
            readers: 16,
            statement_timeout: Duration::from_secs(30),
            patience: Duration::from_secs(5),
            node_ttl: Duration::from_secs(6),
            dedup_window: 7 * DAY,
            retention_days: 0,
        }
    }

    /// Checks them.
    ///
    /// # Errors
    /// What is wrong with the URL or the certificates.
    pub(super) fn server(&self, read_only: bool) -> Result<Server, StoreError> {
        let wrong = |why: String| StoreError::Unavailable(format!("the URL of PostgreSQL: {why}").into());
        let (url, encrypted) = without_sslmode(&self.url).map_err(wrong)?;
        let mut config: Config = url.parse().map_err(|error| wrong(super::database::words(&error)))?;
        if let Some(password) = &self.password {
            config.password(password.expose_secret());
        }
        if config.get_user().is_none() || config.get_dbname().is_none() {
            return Err(wrong("it should look like postgres://user@host:5432/database".to_owned()));
        }
        let mut options = config.get_options().map(|own| format!("{own} ")).unwrap_or_default();
        // What a daemon has locked that is cut off is free when it is taken to be dead. A plan that was made while tables were
        // small is kept for a while; every statement has an index to go by.
        options.push_str(&format!(
            "-c statement_timeout={} -c idle_in_transaction_session_timeout={} -c synchronous_commit=on -c jit=off \
             -c enable_seqscan=off -c timezone=UTC",
            self.statement_timeout.as_millis(),
            self.node_ttl.as_millis()
        ));
        if read_only {
            options.push_str(" -c default_transaction_read_only=on");
        }
        config
            .options(options)
            .ssl_mode(if encrypted { SslMode::Require } else { SslMode::Disable })
            .connect_timeout(Duration::from_secs(5))
            .tcp_user_timeout(Duration::from_secs(10))
            .keepalives_idle(Duration::from_secs(10))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3);
        if config.get_application_name().is_none() {
            config.application_name("switchboard");
        }
        let is_near = |host: &Host| match host {
            Host::Tcp(name) => matches!(name.as_str(), "localhost" | "127.0.0.1" | "::1"),
            Host::Unix(_) => true,
        };
        if !encrypted && !config.get_hosts().iter().all(is_near) {
            tracing::warn!("Everything goes to PostgreSQL in clear: add `sslmode=verify-full` to its URL.");
        }
        let tls = if encrypted { Some(self.tls()?) } else { None };
        Ok(Server { config, tls })
    }

    fn tls(&self) -> Result<MakeRustlsConnect, StoreError> {
        let wrong = |why: String| StoreError::Unavailable(why.into());
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(file) = &self.ca {
            let unreadable = |error: &dyn fmt::Display| wrong(format!("`ca` {}: {error}", file.display()));
            let pem = std::fs::read(file).map_err(|error| unreadable(&error))?;
            let own: Vec<_> = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok).collect();
            if roots.add_parsable_certificates(own).0 == 0 {
                return Err(unreadable(&"it has no certificate in PEM"));
            }
        }
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(MakeRustlsConnect::new(config))
    }
}

/// Everything but what is secret.
impl fmt::Debug for PostgresSettings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts =
            self.url.parse::<Config>().map(|config| format!("{:?}/{:?}", config.get_hosts(), config.get_dbname()));
        out.debug_struct("PostgresSettings")
            .field("server", &hosts.unwrap_or_else(|_| "not understood".to_owned()))
            .field("ca", &self.ca)
            .field("readers", &self.readers)
            .field("retention_days", &self.retention_days)
            .finish_non_exhaustive()
    }
}

/// A server to connect to.
pub(super) struct Server {
    pub config: Config,
    pub tls: Option<MakeRustlsConnect>,
}

/// The URL without `sslmode`, of which the client knows fewer than PostgreSQL's own, and whether to encrypt.
fn without_sslmode(url: &str) -> Result<(String, bool), String> {
    let Some((base, query)) = url.split_once('?') else { return Ok((url.to_owned(), false)) };
    let mut encrypted = false;
    let mut kept = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.strip_prefix("sslmode=") {
            Some("disable" | "allow" | "prefer") => {}
            Some("require" | "verify-ca" | "verify-full") => encrypted = true,
            Some(other) => {
                return Err(format!("there is no sslmode {other:?}: use disable, require, verify-ca or verify-full"));
            }
            None => kept.push(pair),
        }
    }
    let query = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
    Ok((format!("{base}{query}"), encrypted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_and_how_and_is_never_shown_with_its_password() {
        for (url, problem) in [
            ("postgres://a@h/d", ""),
            ("postgres://a@h,i:5433/d?sslmode=disable&application_name=x", ""),
            ("postgres://a@%2Frun%2Fpostgresql/d", ""),
            ("postgres://a@h/d?sslmode=verify-full", ""),
            ("postgres://a@h/d?sslmode=yes", "there is no sslmode \"yes\""),
            ("postgres://h", "should look like"),
            ("redis://h", "URL of PostgreSQL"),
        ] {
            match PostgresSettings::new(url).server(false) {
                Ok(server) => {
                    assert_eq!(problem, "", "{url}");
                    assert_eq!(server.tls.is_some(), url.contains("verify-full"), "{url}");
                }
                Err(error) => assert!(!problem.is_empty() && error.to_string().contains(problem), "{url}: {error}"),
            }
        }
        let shown = format!("{:?}", PostgresSettings::new("postgres://a:very-secret@h/d"));
        assert!(!shown.contains("very-secret") && shown.contains('h'), "{shown}");
    }
}
