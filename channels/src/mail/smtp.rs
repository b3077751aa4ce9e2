//! Handing mail over by SMTP (RFC 5321), over a pool of connections.

use std::time::Duration;

use contract::{Check, SendError};
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    address::Envelope,
    transport::smtp::{
        self, PoolConfig,
        authentication::{Credentials, Mechanism},
        client::{Certificate, Tls, TlsParameters},
    },
};
use secrecy::ExposeSecret;
use tokio::sync::Mutex;

use super::{Login, MailError, Security, ServerConfig};

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// How long one command may take. RFC 5321, section 4.5.3.2 allows minutes; a retry costs less than a stuck courier.
const TIME_LIMIT: Duration = Duration::from_secs(60);
/// Connections at once, and how long an unused one is kept.
const CONNECTIONS: u32 = 4;
const KEPT_IDLE: Duration = Duration::from_secs(30);

/// Where mail is handed over.
pub struct SmtpServer {
    config: ServerConfig,
    login: Login,
    /// The pool, with the token that it logs in by.
    pool: Mutex<Option<(String, Transport)>>,
}

impl SmtpServer {
    /// Does no I/O.
    ///
    /// # Errors
    /// Which setting is wrong, and what would be right.
    pub fn new(config: &ServerConfig) -> Result<Self, String> {
        Ok(Self { login: config.login("smtp")?, config: config.clone(), pool: Mutex::default() })
    }

    /// Hands over one mail, as it stands, to the envelope's recipients.
    ///
    /// # Errors
    /// Named by their consequence. A connection that breaks on the way is [`SendError::Unanswered`]: the server may
    /// have taken the mail.
    pub async fn send(&self, envelope: &Envelope, mail: &[u8]) -> Result<(), SendError> {
        let transport = self.transport().await.map_err(|error| match error {
            MailError::Refused(why) => SendError::ChannelRefused(why),
            MailError::Passing(reason) => SendError::Temporary { reason, retry_after: None },
        })?;
        match transport.send_raw(envelope, mail).await {
            Ok(_) => Ok(()),
            Err(error) => {
                if code(&error).is_some_and(refuses_login) {
                    self.forget().await;
                }
                Err(self.fate(&error))
            }
        }
    }

    /// Connects and logs in.
    pub async fn check(&self) -> Check {
        let what = format!("SMTP login at {}", self.config.host);
        let transport = match self.transport().await {
            Ok(transport) => transport,
            Err(error) => return Check::wrong(what, error.to_string()),
        };
        match transport.test_connection().await {
            Ok(true) => Check::fine(what),
            Ok(false) => Check::wrong(what, "the server hangs up after the login"),
            Err(error) => Check::wrong(what, self.words(&error)),
        }
    }

    async fn forget(&self) {
        *self.pool.lock().await = None;
        if let Login::OAuth2 { tokens, .. } = &self.login {
            tokens.forget().await;
        }
    }

    async fn transport(&self) -> Result<Transport, MailError> {
        let token = match &self.login {
            Login::OAuth2 { tokens, .. } => tokens.token().await?.expose_secret().to_owned(),
            _ => String::new(),
        };
        let mut pool = self.pool.lock().await;
        match &*pool {
            Some((of, transport)) if *of == token => Ok(transport.clone()),
            _ => {
                let transport = self.connect(&token)?;
                *pool = Some((token, transport.clone()));
                Ok(transport)
            }
        }
    }

    fn connect(&self, token: &str) -> Result<Transport, MailError> {
        let ServerConfig { host, port, security, .. } = &self.config;
        let usual = match security {
            Security::Tls => 465,
            Security::Starttls => 587,
            Security::None => 25,
        };
        let tls = match security {
            Security::Tls => Tls::Wrapper(self.tls()?),
            Security::Starttls => Tls::Required(self.tls()?),
            Security::None => Tls::None,
        };
        let builder = Transport::builder_dangerous(host)
            .port(port.unwrap_or(usual))
            .tls(tls)
            .timeout(Some(TIME_LIMIT))
            .pool_config(PoolConfig::new().max_size(CONNECTIONS).idle_timeout(KEPT_IDLE));
        let builder = match &self.login {
            Login::Password { username, password } => builder
                .credentials(Credentials::new(username.clone(), password.expose_secret().to_owned()))
                .authentication(vec![Mechanism::Plain, Mechanism::Login]),
            Login::OAuth2 { username, .. } => builder
                .credentials(Credentials::new(username.clone(), token.to_owned()))
                .authentication(vec![Mechanism::Xoauth2]),
            Login::Nobody => builder,
        };
        Ok(builder.build())
    }

    fn tls(&self) -> Result<TlsParameters, MailError> {
        let wrong = |error: smtp::Error| MailError::Refused(format!("`smtp` TLS: {error}"));
        let mut builder = TlsParameters::builder(self.config.host.clone());
        if let Some(pem) = self.config.authorities()? {
            builder = builder.add_root_certificate(Certificate::from_pem(&pem).map_err(wrong)?);
        }
        builder.build_rustls().map_err(wrong)
    }

    fn fate(&self, error: &smtp::Error) -> SendError {
        let reason = self.words(error);
        match code(error) {
            Some(code) if refuses_login(code) => SendError::ChannelRefused(reason),
            Some(400..500) => SendError::Temporary { reason, retry_after: None },
            Some(_) => SendError::Permanent(reason),
            None if error.is_client() => SendError::Permanent(reason),
            None if error.is_tls() => SendError::ChannelRefused(reason),
            None if never_connected(error) => SendError::Temporary { reason, retry_after: None },
            None => SendError::Unanswered(reason),
        }
    }

    fn words(&self, error: &smtp::Error) -> String {
        let mut words = format!("{}: {error}", self.config.host);
        let mut cause = std::error::Error::source(error);
        while let Some(inner) = cause {
            let inner_words = inner.to_string();
            if !words.contains(&inner_words) {
                words = format!("{words}: {inner_words}");
            }
            cause = inner.source();
        }
        contract::clean_line(&words, 500)
    }
}

fn code(error: &smtp::Error) -> Option<u16> {
    error.status().map(u16::from)
}

/// RFC 4954, section 6: the account is refused, not the mail.
fn refuses_login(code: u16) -> bool {
    matches!(code, 530 | 534 | 535 | 538)
}

/// Whether the connection itself could not be made, so that nothing can have been taken.
fn never_connected(error: &smtp::Error) -> bool {
    error.to_string().starts_with("Connection error")
}
