//! Mail servers: logging in, reading folders by IMAP, handing over mail by SMTP. Knows nothing of conversations.

mod imap;
pub mod oauth2;
mod smtp;

pub use imap::{Folder, ImapServer, Mail};
pub use smtp::SmtpServer;

use std::{fs, path::PathBuf};

use rustls::pki_types::{CertificateDer, pem::PemObject};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// One mail server and the account on it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// Its name, as in its certificate: `imap.example.com`.
    pub host: String,
    /// Absent: the usual one of the protocol and its security.
    #[serde(default)]
    pub port: Option<u16>,
    /// How the connection is protected.
    #[serde(default)]
    pub security: Security,
    /// The account.
    #[serde(default)]
    pub username: Option<String>,
    /// Its password.
    #[serde(default)]
    pub password: Option<SecretString>,
    /// Tokens instead of a password: Microsoft 365, Google.
    #[serde(default)]
    pub oauth2: Option<oauth2::Config>,
    /// A PEM file of further authorities whose certificates are believed.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

/// How a connection is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// TLS from the first byte (RFC 8314).
    #[default]
    Tls,
    /// TLS after a command in clear; a server that does not offer it is refused.
    Starttls,
    /// No protection. Only to this machine.
    None,
}

/// Why a server could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// It refuses this account or this setting, and will do so again.
    #[error("{0}")]
    Refused(String),
    /// It may work later.
    #[error("{0}")]
    Passing(String),
}

/// How one logs in.
enum Login {
    Password { username: String, password: SecretString },
    OAuth2 { username: String, tokens: Box<oauth2::Tokens> },
    Nobody,
}

impl Login {
    /// The token to log in by; empty where one logs in otherwise.
    async fn token(&self) -> Result<String, MailError> {
        match self {
            Self::OAuth2 { tokens, .. } => Ok(tokens.token().await?.expose_secret().to_owned()),
            Self::Password { .. } | Self::Nobody => Ok(String::new()),
        }
    }
}

impl ServerConfig {
    /// Which setting is wrong, and what would be right. `section` is `imap` or `smtp`.
    fn login(&self, section: &str) -> Result<Login, String> {
        if self.host.is_empty() || self.host.contains(|c: char| c.is_whitespace() || "/:@".contains(c)) {
            return Err(format!("`{section}.host` {:?} is not a host name like \"mail.example.com\"", self.host));
        }
        if self.security == Security::None && !matches!(self.host.as_str(), "localhost" | "127.0.0.1" | "::1") {
            return Err(format!(
                "`{section}.security` is \"none\", which sends passwords in clear: use \"tls\" or \"starttls\""
            ));
        }
        match (&self.username, &self.password, &self.oauth2) {
            (Some(username), Some(password), None) => {
                Ok(Login::Password { username: username.clone(), password: password.clone() })
            }
            (Some(username), None, Some(oauth2)) => {
                let tokens = oauth2::Tokens::new(oauth2).map_err(|problem| format!("`{section}.oauth2`: {problem}"))?;
                Ok(Login::OAuth2 { username: username.clone(), tokens: Box::new(tokens) })
            }
            (None, None, None) => Ok(Login::Nobody),
            (Some(_), None, None) => Err(format!("`{section}` needs `password` or `oauth2`")),
            (_, Some(_), Some(_)) => Err(format!("`{section}` has both `password` and `oauth2`: keep one")),
            (None, ..) => Err(format!("`{section}` needs `username`")),
        }
    }

    /// The PEM text of `ca_file`.
    fn authorities(&self) -> Result<Option<Vec<u8>>, MailError> {
        let Some(file) = &self.ca_file else { return Ok(None) };
        let read = fs::read(file);
        read.map(Some).map_err(|error| MailError::Refused(format!("`ca_file` {}: {error}", file.display())))
    }

    /// What certificates are believed.
    fn roots(&self) -> Result<rustls::RootCertStore, MailError> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(pem) = self.authorities()? {
            let own: Vec<_> = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok).collect();
            if roots.add_parsable_certificates(own).0 == 0 {
                return Err(MailError::Refused("`ca_file` has no certificate in PEM".to_owned()));
            }
        }
        Ok(roots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_whole_or_say_what_is_missing() {
        let rows = [
            (r#"{"host": "mail.example.com", "username": "a", "password": "p"}"#, ""),
            (r#"{"host": "mail.example.com:993", "username": "a", "password": "p"}"#, "`imap.host`"),
            (r#"{"host": "mail.example.com", "username": "a"}"#, "`password` or `oauth2`"),
            (r#"{"host": "mail.example.com", "password": "p"}"#, "`username`"),
            (r#"{"host": "mail.example.com", "security": "none"}"#, "in clear"),
            (r#"{"host": "localhost", "security": "none"}"#, ""),
            (
                r#"{"host": "h.example", "username": "a", "oauth2": {"token_url": "http://x", "client_id": "c"}}"#,
                "https",
            ),
        ];
        for (json, problem) in rows {
            let config: ServerConfig = serde_json::from_str(json).unwrap();
            match config.login("imap") {
                Ok(_) => assert_eq!(problem, "", "{json}"),
                Err(error) => assert!(!problem.is_empty() && error.contains(problem), "{json}: {error}"),
            }
        }
    }
}
