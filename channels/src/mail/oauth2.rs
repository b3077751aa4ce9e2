//! Access tokens of OAuth 2.0 (RFC 6749) for mail servers: fetched when needed, kept until they are about to expire.

use std::time::{Duration, Instant};

use reqwest::{Client, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::MailError;

/// How long before its end a token counts as expired.
const MARGIN: Duration = Duration::from_secs(60);
/// How long the token endpoint may take.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// Where tokens come from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `https://login.microsoftonline.com/TENANT/oauth2/v2.0/token`, `https://oauth2.googleapis.com/token`
    pub token_url: String,
    /// The application's id.
    pub client_id: String,
    /// Its secret, where it has one.
    #[serde(default)]
    pub client_secret: Option<SecretString>,
    /// What the account's owner gave to the application. Without it the application asks in its own name
    /// (`client_credentials`).
    #[serde(default)]
    pub refresh_token: Option<SecretString>,
    /// What is asked for: `https://outlook.office365.com/.default`.
    #[serde(default)]
    pub scope: Option<String>,
}

/// The tokens of one account.
pub(super) struct Tokens {
    url: Url,
    config: Config,
    client: Client,
    current: Mutex<Option<(SecretString, Instant)>>,
}

#[derive(Deserialize)]
struct Answer {
    access_token: SecretString,
    expires_in: Option<u64>,
}

impl Tokens {
    pub(super) fn new(config: &Config) -> Result<Self, String> {
        let url = Url::parse(&config.token_url).map_err(|error| format!("`token_url`: {error}"))?;
        let here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        if url.scheme() != "https" && !here {
            return Err("`token_url` must be an https URL".to_owned());
        }
        if config.refresh_token.is_none() && config.client_secret.is_none() {
            return Err("give `refresh_token`, or `client_secret` for an application of its own right".to_owned());
        }
        let client = Client::builder().timeout(TIME_LIMIT).redirect(reqwest::redirect::Policy::none()).build();
        let client = client.map_err(|error| error.to_string())?;
        Ok(Self { url, config: config.clone(), client, current: Mutex::default() })
    }

    /// A token that is good for some time yet.
    pub(super) async fn token(&self) -> Result<SecretString, MailError> {
        let mut current = self.current.lock().await;
        if let Some((token, until)) = &*current
            && Instant::now() < *until
        {
            return Ok(token.clone());
        }
        let answer = self.ask().await?;
        let lasts = Duration::from_secs(answer.expires_in.unwrap_or(300)).saturating_sub(MARGIN);
        *current = Some((answer.access_token.clone(), Instant::now() + lasts));
        Ok(answer.access_token)
    }

    /// Forgets a token that a server refused.
    pub(super) async fn forget(&self) {
        *self.current.lock().await = None;
    }

    async fn ask(&self) -> Result<Answer, MailError> {
        let Config { client_id, client_secret, refresh_token, scope, .. } = &self.config;
        let mut form = vec![("client_id", client_id.as_str())];
        form.extend(client_secret.as_ref().map(|secret| ("client_secret", secret.expose_secret())));
        match refresh_token {
            Some(token) => form.extend([("grant_type", "refresh_token"), ("refresh_token", token.expose_secret())]),
            None => form.push(("grant_type", "client_credentials")),
        }
        form.extend(scope.as_ref().map(|scope| ("scope", scope.as_str())));
        let mut encoded = self.url.clone();
        encoded.set_query(None);
        encoded.query_pairs_mut().extend_pairs(form);
        let request = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/x-www-form-urlencoded")
            .body(encoded.query().unwrap_or_default().to_owned());
        let place = self.url.host_str().unwrap_or_default();
        let passing = |error: reqwest::Error| MailError::Passing(format!("{place}: {}", error.without_url()));
        let response = request.send().await.map_err(passing)?;
        let status = response.status();
        let body = response.bytes().await.map_err(passing)?;
        if status.is_success() {
            let wrong = |_| MailError::Refused(format!("{place} answered without `access_token`"));
            return serde_json::from_slice(&body).map_err(wrong);
        }
        let why = format!("{place} gives no token: {status} {}", said(&body));
        Err(if status.is_client_error() { MailError::Refused(why) } else { MailError::Passing(why) })
    }
}

/// `error` and `error_description` of a refusal (RFC 6749, section 5.2), which hold no secrets.
fn said(body: &[u8]) -> String {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let words = ["error", "error_description"].into_iter().filter_map(|field| body[field].as_str());
    contract::clean_line(&words.collect::<Vec<_>>().join(": "), 300)
}
