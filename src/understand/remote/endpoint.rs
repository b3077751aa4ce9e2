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
#[error("{reason}")]
pub(super) struct Failure {
    reason: String,
    /// When it may be asked again, if it says so.
    pub retry_after: Option<Duration>,
}

impl Failure {
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), retry_after: None }
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

impl Endpoint {
    /// `model` is what a chat endpoint is asked for.
    ///
    /// # Errors
    /// The URL is none, or no client can be made.
    pub fn new(protocol: Protocol, url: &str, key: Option<SecretString>, model: &str) -> Result<Self, String> {
        let mut url = Url::parse(url).map_err(|error| format!("{url:?} is not an address: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("{url} does not start with http:// or https://"));
        }
        if protocol == Protocol::Openai && !url.path().ends_with("/chat/completions") {
            let path = format!("{}/chat/completions", url.path().trim_end_matches('/'));
            url.set_path(&path);
        }
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
        Answer::read(&text).map_err(Failure::new)
    }

    async fn chat(&self, question: &Question<'_>) -> Result<String, Failure> {
        let mut body = json!({
            "model": self.model,
            "temperature": 0,
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
                refused if matches!(refused.status(), StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY) => {
                    self.takes_schema.store(false, Ordering::Relaxed);
                }
                answered => return read(answered).await,
            }
        }
        body["stream"] = json!(false);
        self.post(&body).await
    }

    async fn post(&self, body: &Value) -> Result<String, Failure> {
        read(self.send(body).await?).await
    }

    async fn send(&self, body: &Value) -> Result<Response, Failure> {
        let mut request = self.client.post(self.url.clone()).json(body);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.expose_secret());
        }
        // Its URL may hold a secret.
        request.send().await.map_err(|error| Failure::new(error.without_url().to_string()))
    }
}

async fn read(mut answer: Response) -> Result<String, Failure> {
    let status = answer.status();
    if !status.is_success() {
        let seconds = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        return Err(Failure { reason: format!("it answered {status}"), retry_after: seconds.map(Duration::from_secs) });
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| Failure::new(error.without_url().to_string()))? {
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
    let chat: Chat =
        serde_json::from_str(body).map_err(|error| Failure::new(format!("no chat completion: {error}")))?;
    match chat.choices.into_iter().next().and_then(|choice| choice.message.content) {
        Some(Content::Text(text)) => Ok(text),
        Some(Content::Parts(parts)) => Ok(parts.into_iter().map(|part| part.text).collect()),
        None => Err(Failure::new("it said nothing")),
    }
}
