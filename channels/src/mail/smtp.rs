//! Handing mail over by SMTP (RFC 5321), over a pool of connections.

use std::time::Duration;

use contract::{Check, SendError};
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    address::Envelope,
    transport::smtp::{
        self, PoolConfig,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, Certificate, Tls, TlsParameters},
        commands::{Mail, Rcpt, Rset},
        extension::ClientId,
    },
};
use secrecy::ExposeSecret;
use tokio::sync::Mutex;

use super::{Login, MailError, Security, ServerConfig};
use crate::causes::causes;

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

    /// Connects, logs in, and asks whether a mail from `sender` would be taken. None is sent.
    pub async fn check(&self, sender: &Address) -> Vec<Check> {
        let login = format!("SMTP login at {}", self.config.host);
        let mut connection = match self.log_in().await {
            Ok(connection) => connection,
            Err(problem) => return vec![Check::wrong(login, problem)],
        };
        let asked = async {
            connection.command(Mail::new(Some(sender.clone()), Vec::new())).await?;
            connection.command(Rcpt::new(sender.clone(), Vec::new())).await?;
            connection.command(Rset).await
        };
        let what = format!("mail from {sender}");
        let sender = match asked.await {
            Ok(_) => Check::fine(what),
            Err(error) => Check::wrong(what, self.words(&error)),
        };
        let _ = connection.quit().await;
        vec![Check::fine(login), sender]
    }

    async fn log_in(&self) -> Result<AsyncSmtpConnection, String> {
        let ServerConfig { host, security, .. } = &self.config;
        let tls = || self.tls().map_err(|error| error.to_string());
        let wrapper = if *security == Security::Tls { Some(tls()?) } else { None };
        let (hello, address) = (ClientId::default(), (host.as_str(), self.port()));
        let connecting = AsyncSmtpConnection::connect_tokio1(address, Some(TIME_LIMIT), &hello, wrapper, None);
        let mut connection = connecting.await.map_err(|error| self.words(&error))?;
        if *security == Security::Starttls {
            connection.starttls(tls()?, &hello).await.map_err(|error| self.words(&error))?;
        }
        let token = self.login.token().await.map_err(|error| error.to_string())?;
        if let Some((credentials, mechanisms)) = self.credentials(&token) {
            connection.auth(&mechanisms, &credentials).await.map_err(|error| self.words(&error))?;
        }
        Ok(connection)
    }

    fn port(&self) -> u16 {
        self.config.port.unwrap_or(match self.config.security {
            Security::Tls => 465,
            Security::Starttls => 587,
            Security::None => 25,
        })
    }

    fn credentials(&self, token: &str) -> Option<(Credentials, Vec<Mechanism>)> {
        match &self.login {
            Login::Password { username, password } => {
                let credentials = Credentials::new(username.clone(), password.expose_secret().to_owned());
                Some((credentials, vec![Mechanism::Plain, Mechanism::Login]))
            }
            Login::OAuth2 { username, .. } => {
                Some((Credentials::new(username.clone(), token.to_owned()), vec![Mechanism::Xoauth2]))
            }
            Login::Nobody => None,
        }
    }

    async fn forget(&self) {
        *self.pool.lock().await = None;
        if let Login::OAuth2 { tokens, .. } = &self.login {
            tokens.forget().await;
        }
    }

    async fn transport(&self) -> Result<Transport, MailError> {
        let token = self.login.token().await?;
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
        let ServerConfig { host, security, .. } = &self.config;
        let tls = match security {
            Security::Tls => Tls::Wrapper(self.tls()?),
            Security::Starttls => Tls::Required(self.tls()?),
            Security::None => Tls::None,
        };
        let builder = Transport::builder_dangerous(host)
            .port(self.port())
            .tls(tls)
            .timeout(Some(TIME_LIMIT))
            .pool_config(PoolConfig::new().max_size(CONNECTIONS).idle_timeout(KEPT_IDLE));
        Ok(match self.credentials(token) {
            Some((credentials, mechanisms)) => builder.credentials(credentials).authentication(mechanisms),
            None => builder,
        }
        .build())
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
        let words = causes(format!("{}: {error}", self.config.host), error);
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
