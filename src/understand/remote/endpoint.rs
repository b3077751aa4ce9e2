//! The endpoint that is asked: any HTTP endpoint by a JSON schema, or an OpenAI-compatible chat endpoint.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use reqwest::{Client, Response, StatusCode, Url, header::RETRY_AFTER, redirect::Policy};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::Answer;

const SCHEMA: &str = include_str!("answer.schema.json");
const PROMPT: &str = include_str!("prompt.txt");
/// The longest answer that is read.
const ANSWER_BYTES: usize = 64 * 1024;

/// What an endpoint speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// `POST` of [`Question`] as JSON, answered by what `answer.schema.json` describes.
    Http,
    /// `POST …/chat/completions` as OpenAI specifies it, not streamed.
    Openai,
}

/// What is asked.
#[derive(Debug, Serialize)]
pub(super) struct Question<'a> {
    pub text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub intents: Vec<&'a str>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The endpoint does not work. What it said is no part of this: it may repeat the customer's words.
    #[error("{reason}")]
    Broken {
        /// What is wrong.
        reason: String,
        /// When it may be asked again, if it says so.
        retry_after: Option<Duration>,
    },
    /// It answered, and not what it was asked: perhaps because of the message.
    #[error("the answer cannot be used: {0}")]
    Unreadable(String),
}

impl Failure {
    pub fn new(reason: impl Into<String>) -> Self {
        Self::Broken { reason: reason.into(), retry_after: None }
    }

    /// With the causes, and without the URL, which may hold a secret.
    fn of(error: reqwest::Error) -> Self {
        Self::new(format!("{:#}", anyhow::Error::new(error.without_url())))
    }
}

/// Where questions go.
pub(super) struct Endpoint {
    protocol: Protocol,
    url: Url,
    key: Option<SecretString>,
    model: String,
    client: Client,
    schema: Value,
    /// Whether the endpoint takes `response_format`: not every one that calls itself compatible does.
    takes_schema: AtomicBool,
}

impl Protocol {
    /// Where questions are posted, by what an admin wrote.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn address(self, written: &str) -> Result<Url, String> {
        let mut url = Url::parse(written).map_err(|error| format!("it is not an address: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("it does not start with http:// or https://".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("there is a name or password in it; write `key`".to_owned());
        }
        if self == Self::Openai && !url.path().ends_with("/chat/completions") {
            let path = format!("{}/chat/completions", url.path().trim_end_matches('/'));
            url.set_path(&path);
        }
        Ok(url)
    }
}

impl Endpoint {
    /// `model` is what a chat endpoint is asked for.
    ///
    /// # Errors
    /// No client can be made.
    pub fn new(protocol: Protocol, url: Url, key: Option<SecretString>, model: &str) -> Result<Self, String> {
        let client = Client::builder()
            .redirect(Policy::none())
            .user_agent(concat!("Switchboard/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("no HTTP client can be made: {error}"))?;
        let schema = serde_json::from_str(SCHEMA).map_err(|error| error.to_string())?;
        Ok(Self { protocol, url, key, model: model.to_owned(), client, schema, takes_schema: AtomicBool::new(true) })
    }

    /// One question, one answer. The caller bounds the time.
    ///
    /// # Errors
    /// Nobody answered, or not in a way that can be understood.
    pub async fn ask(&self, question: &Question<'_>) -> Result<Answer, Failure> {
        let text = match self.protocol {
            Protocol::Http => self.post(&json!(question)).await?,
            Protocol::Openai => said(&self.chat(question).await?)?,
        };
        Answer::read(&text).map_err(Failure::Unreadable)
    }

    async fn chat(&self, question: &Question<'_>) -> Result<String, Failure> {
        let body = json!({
            "model": self.model,
            "messages": [
                {"role": "system", "content": format!("{PROMPT}{}", self.schema)},
                {"role": "user", "content": json!(question).to_string()},
            ],
        });
        if self.takes_schema.load(Ordering::Relaxed) {
            let mut asking = body.clone();
            asking["response_format"] =
                json!({"type": "json_schema", "json_schema": {"name": "signals", "schema": self.schema}});
            match self.send(&asking).await? {
                refused if matches!(refused.status(), StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY) => {}
                answered => return read(answered).await,
            }
        }
        let answered = self.post(&body).await?;
        // It was the schema, and not the message, that was refused before.
        self.takes_schema.store(false, Ordering::Relaxed);
        Ok(answered)
    }

    async fn post(&self, body: &Value) -> Result<String, Failure> {
        read(self.send(body).await?).await
    }

    async fn send(&self, body: &Value) -> Result<Response, Failure> {
        let mut request = self.client.post(self.url.clone()).json(body);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.expose_secret());
        }
        request.send().await.map_err(Failure::of)
    }
}

async fn read(mut answer: Response) -> Result<String, Failure> {
    let status = answer.status();
    if !status.is_success() {
        let seconds = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let reason = format!("it answered {status}");
        return Err(Failure::Broken { reason, retry_after: seconds.map(Duration::from_secs) });
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(Failure::of)? {
        if bytes.len() + chunk.len() > ANSWER_BYTES {
            return Err(Failure::new(format!("its answer is longer than {ANSWER_BYTES} bytes")));
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes).map_err(|_| Failure::new("its answer is not UTF-8"))
}

/// What a chat endpoint said: a text, or parts of one.
fn said(body: &str) -> Result<String, Failure> {
    #[derive(Deserialize)]
    struct Chat {
        choices: Vec<Choice>,
    }
    #[derive(Deserialize)]
    struct Choice {
        message: Message,
    }
    #[derive(Deserialize)]
    struct Message {
        content: Option<Content>,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Content {
        Text(String),
        Parts(Vec<Part>),
    }
    #[derive(Deserialize)]
    struct Part {
        #[serde(default)]
        text: String,
    }
    let chat: Chat = serde_json::from_str(body)
        .map_err(|error| Failure::Unreadable(format!("it is no chat completion: {error}")))?;
    match chat.choices.into_iter().next().and_then(|choice| choice.message.content) {
        Some(Content::Text(text)) => Ok(text),
        Some(Content::Parts(parts)) => Ok(parts.into_iter().map(|part| part.text).collect()),
        None => Err(Failure::Unreadable("it is empty".to_owned())),
    }
}
