//! The Bot API (<https://core.telegram.org/bots/api>): one method call, its answer, and what a refusal means.
//!
//! The transport is our own: `api_url` may have a path, method names are spelled as documented, and updates come as they
//! are.

use std::time::Duration;

use bytes::Bytes;
use contract::{SendError, clean_line};
use reqwest::{
    Client, Response, StatusCode, Url,
    multipart::{Form, Part},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::causes::causes;

/// How long one call may take, beside the time that it was asked to wait.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// How long sending or fetching a file may take.
pub(super) const FILE_LIMIT: Duration = Duration::from_secs(120);
/// What bots can download (<https://core.telegram.org/bots/api#getfile>).
pub(super) const MOST_DOWNLOAD_BYTES: u64 = 20 * 1024 * 1024;

/// A bot at one server.
pub(super) struct Api {
    client: Client,
    url: Url,
    token: SecretString,
}

/// Why a call did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// The server does not want this call, and says why.
    #[error("Telegram says: {said} ({code})")]
    Refused { code: u16, said: String },
    /// Too many calls.
    #[error("Telegram asks to wait {} s", .0.as_secs())]
    TooMany(Duration),
    /// The group is a supergroup now, with this id.
    #[error("the group has become the supergroup {0}")]
    Migrated(i64),
    /// The call never reached the server.
    #[error("{0}")]
    Unreached(String),
    /// It may have.
    #[error("{0}")]
    Unanswered(String),
}

#[derive(Deserialize)]
struct Answer {
    ok: bool,
    result: Option<Value>,
    error_code: Option<u16>,
    #[serde(default)]
    description: String,
    parameters: Option<Parameters>,
}

#[derive(Deserialize)]
struct Parameters {
    retry_after: Option<u64>,
    migrate_to_chat_id: Option<i64>,
}

#[derive(Deserialize)]
struct File {
    file_path: Option<String>,
    file_size: Option<u64>,
}

impl Fault {
    /// What becomes of a message.
    pub(super) fn consequence(&self) -> SendError {
        let words = self.to_string();
        match self {
            Self::TooMany(after) => SendError::Temporary { reason: words, retry_after: Some(*after) },
            Self::Unreached(_) => SendError::Temporary { reason: words, retry_after: None },
            Self::Unanswered(_) => SendError::Unanswered(words),
            Self::Migrated(_) => SendError::Temporary { reason: words, retry_after: None },
            Self::Refused { code: 401 | 404, .. } => SendError::ChannelRefused(format!(
                "{words}: the token is wrong or was revoked; take a new one from @BotFather"
            )),
            Self::Refused { code: 500.., .. } => SendError::Temporary { reason: words, retry_after: None },
            Self::Refused { said, .. } => {
                let known = MEANINGS.iter().find(|(part, _)| said.contains(part));
                SendError::Permanent(known.map_or(words, |(_, meaning)| (*meaning).to_owned()))
            }
        }
    }
}

/// What Telegram says, and what it means.
const MEANINGS: &[(&str, &str)] = &[
    ("bot was blocked", "the customer has blocked the bot"),
    ("user is deactivated", "the customer's account was deleted"),
    ("can't initiate conversation", "bots cannot write to somebody who has not written to them first"),
    ("chat not found", "nobody has this id, or they never wrote to the bot"),
    ("bot was kicked", "the bot was removed from the group"),
    ("not enough rights", "the bot may not write in this group"),
    ("TOPIC_CLOSED", "the topic was closed"),
];

impl Api {
    pub(super) fn new(url: &str, token: &SecretString) -> Result<Self, String> {
        let url = Url::parse(url.trim_end_matches('/')).map_err(|error| format!("`api_url`: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err("`api_url` must be like \"https://api.telegram.org\"".to_owned());
        }
        let told = token.expose_secret();
        let (id, key) = told.split_once(':').unwrap_or_default();
        let fits = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) && key.len() >= 30;
        if !fits || key.bytes().any(|byte| !byte.is_ascii_alphanumeric() && byte != b'_' && byte != b'-') {
            return Err("`token` is not of the form 123456789:AA…, as @BotFather gives it".to_owned());
        }
        let client = Client::builder().connect_timeout(TIME_LIMIT).user_agent("Switchboard").build();
        let client = client.map_err(|error| format!("an HTTP client cannot be made: {error}"))?;
        Ok(Self { client, url, token: token.clone() })
    }

    fn place(&self, before: &str, path: &str) -> String {
        format!("{}/{before}bot{}/{path}", self.url.as_str().trim_end_matches('/'), self.token.expose_secret())
    }

    /// Calls a method.
    pub(super) async fn call<T: DeserializeOwned>(&self, method: &str, what: &impl Serialize) -> Result<T, Fault> {
        self.call_within(method, what, TIME_LIMIT).await
    }

    pub(super) async fn call_within<T: DeserializeOwned>(
        &self,
        method: &str,
        what: &impl Serialize,
        limit: Duration,
    ) -> Result<T, Fault> {
        let request = self.client.post(self.place("", method)).timeout(limit).json(what);
        answered(request.send().await.map_err(|error| unsent(&error))?).await
    }

    /// Calls a method with a file in the field `field`.
    pub(super) async fn upload<T: DeserializeOwned>(
        &self,
        method: &str,
        fields: &[(&'static str, String)],
        field: &'static str,
        name: &str,
        bytes: Bytes,
    ) -> Result<T, Fault> {
        let file = Part::stream(bytes).file_name(name.to_owned());
        let form = fields.iter().fold(Form::new(), |form, (name, value)| form.text(*name, value.clone()));
        let request = self.client.post(self.place("", method)).timeout(FILE_LIMIT).multipart(form.part(field, file));
        answered(request.send().await.map_err(|error| unsent(&error))?).await
    }

    /// The bytes of a file that somebody sent.
    pub(super) async fn download(&self, file_id: &str) -> Result<Bytes, SendError> {
        let file: File =
            self.call("getFile", &serde_json::json!({"file_id": file_id})).await.map_err(|fault| match &fault {
                Fault::Refused { said, .. } if said.contains("too big") => SendError::Permanent(TOO_BIG.to_owned()),
                fault => fault.consequence(),
            })?;
        if file.file_size.is_some_and(|size| size > MOST_DOWNLOAD_BYTES) {
            return Err(SendError::Permanent(TOO_BIG.to_owned()));
        }
        let path = file.file_path.ok_or_else(|| SendError::Permanent("Telegram has no such file".to_owned()))?;
        let passing = |reason: String| SendError::Temporary { reason, retry_after: None };
        let request = self.client.get(self.place("file/", &path)).timeout(FILE_LIMIT);
        let response = request.send().await.map_err(|error| passing(unreached(&error)))?;
        match response.status() {
            StatusCode::OK => response.bytes().await.map_err(|error| passing(unreached(&error))),
            status if status.is_client_error() => {
                Err(SendError::Permanent(format!("Telegram does not give this file: {status}")))
            }
            status => Err(passing(format!("Telegram answered {status}"))),
        }
    }
}

const TOO_BIG: &str = "bots can download files of up to 20 MB; it can be seen in Telegram";

async fn answered<T: DeserializeOwned>(response: Response) -> Result<T, Fault> {
    let status = response.status();
    let body = response.bytes().await.map_err(|error| Fault::Unanswered(unreached(&error)))?;
    let Ok(answer) = serde_json::from_slice::<Answer>(&body) else {
        let said = clean_line(&String::from_utf8_lossy(&body[..body.len().min(200)]), 200);
        return Err(Fault::Refused { code: status.as_u16().max(400), said: format!("no answer of a Bot API: {said}") });
    };
    if answer.ok {
        let result = answer.result.unwrap_or_default();
        // It was done; only its answer is strange.
        return serde_json::from_value(result).map_err(|error| Fault::Unanswered(format!("a strange answer: {error}")));
    }
    let parameters = answer.parameters;
    if let Some(seconds) = parameters.as_ref().and_then(|parameters| parameters.retry_after) {
        return Err(Fault::TooMany(Duration::from_secs(seconds.min(24 * 60 * 60))));
    }
    if let Some(id) = parameters.and_then(|parameters| parameters.migrate_to_chat_id) {
        return Err(Fault::Migrated(id));
    }
    let code = answer.error_code.unwrap_or(status.as_u16());
    Err(Fault::Refused { code, said: clean_line(&answer.description, 300) })
}

fn unsent(error: &reqwest::Error) -> Fault {
    if error.is_connect() { Fault::Unreached(unreached(error)) } else { Fault::Unanswered(unreached(error)) }
}

fn unreached(error: &reqwest::Error) -> String {
    causes("Telegram cannot be reached", error)
}

#[cfg(test)]
mod tests {
    use contract::Fate;

    use super::*;

    #[test]
    fn refusals_are_named_by_their_consequence() {
        let refused = |code, said: &str| Fault::Refused { code, said: said.to_owned() };
        let rows = [
            (refused(401, "Unauthorized"), Fate::Suspend, "@BotFather"),
            (refused(403, "Forbidden: bot was blocked by the user"), Fate::GiveUp, "has blocked"),
            (refused(403, "Forbidden: user is deactivated"), Fate::GiveUp, "deleted"),
            (
                refused(403, "Forbidden: bot can't initiate conversation with a user"),
                Fate::GiveUp,
                "written to them first",
            ),
            (refused(403, "Forbidden: bot was kicked from the group chat"), Fate::GiveUp, "removed"),
            (refused(400, "Bad Request: chat not found"), Fate::GiveUp, "nobody has this id"),
            (refused(400, "Bad Request: something new"), Fate::GiveUp, "something new"),
            (refused(502, "Bad Gateway"), Fate::Retry(None), "502"),
            (Fault::TooMany(Duration::from_secs(7)), Fate::Retry(Some(Duration::from_secs(7))), "7 s"),
            (Fault::Unreached("down".to_owned()), Fate::Retry(None), "down"),
            (Fault::Unanswered("lost".to_owned()), Fate::Unknown, "lost"),
        ];
        for (fault, fate, words) in rows {
            let error = fault.consequence();
            assert_eq!(error.fate(), fate, "{fault}");
            assert!(error.to_string().contains(words), "{words}: {error}");
        }
    }

    #[test]
    fn tokens_and_urls_are_looked_at() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let token = |text: &str| SecretString::from(text.to_owned());
        let right = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0";
        let rows = [
            ("https://api.telegram.org", right, ""),
            ("https://bots.example.com/telegram/", right, ""),
            ("ftp://x", right, "`api_url`"),
            ("https://api.telegram.org", "hunter2", "`token`"),
            ("https://api.telegram.org", "123:short", "`token`"),
            ("https://api.telegram.org", "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5/../etc0", "`token`"),
        ];
        for (url, given, problem) in rows {
            match Api::new(url, &token(given)) {
                Ok(api) => {
                    assert_eq!(problem, "", "{url} {given}");
                    assert!(api.place("", "getMe").ends_with(&format!("/bot{right}/getMe")));
                }
                Err(error) => assert!(!problem.is_empty() && error.contains(problem) && !error.contains("hunter2")),
            }
        }
    }
}
