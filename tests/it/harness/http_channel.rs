//! The other system of an HTTP channel: signs, sends, reads threads.

use base64::{Engine, engine::general_purpose::STANDARD};
use contract::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{client, eventually, items, text, uuid};

/// A sender on the channel `http`.
#[derive(Clone)]
pub struct HttpChannel {
    base: String,
    key: Vec<u8>,
    client: reqwest::Client,
}

/// The answer to one request.
#[derive(Debug)]
pub struct Sent {
    pub status: u16,
    pub retry_after: Option<u64>,
    pub body: Value,
}

impl Sent {
    /// The id of the accepted message.
    pub fn id(&self) -> String {
        assert_eq!(self.status, 202, "{self:?}");
        text(&self.body, "/id").to_owned()
    }

    pub fn code(&self) -> &str {
        text(&self.body, "/error/code")
    }
}

/// The signature by Standard Webhooks.
pub fn signature(key: &[u8], id: &str, at: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(format!("{id}.{at}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// The bytes of a `whsec_…` secret.
pub fn key_of(secret: &str) -> Vec<u8> {
    STANDARD.decode(secret.trim_start_matches("whsec_")).unwrap()
}

impl HttpChannel {
    pub fn new(url: &str, secret: &str) -> Self {
        Self { base: format!("{url}/channels/http"), key: key_of(secret), client: client() }
    }

    /// A message of a customer, on a thread of their own.
    pub fn message(handle: &str, said: &str) -> Value {
        json!({"id": uuid(), "from": {"handle": handle}, "text": said})
    }

    /// Sends a text and expects it to be taken; the message's id.
    pub async fn say(&self, handle: &str, said: &str) -> String {
        self.send(&Self::message(handle, said)).await.id()
    }

    pub async fn send(&self, message: &Value) -> Sent {
        self.send_bytes(message.to_string().into_bytes()).await.expect("the daemon answers")
    }

    /// Sends a body as it is, signed.
    pub async fn send_bytes(&self, body: Vec<u8>) -> reqwest::Result<Sent> {
        let (id, at) = (uuid(), Timestamp::now().as_second());
        let signed = signature(&self.key, &id, at, &body);
        self.send_signed(
            body,
            &[("webhook-id", id), ("webhook-timestamp", at.to_string()), ("webhook-signature", signed)],
        )
        .await
    }

    /// Sends a body whose right signature was made so many seconds ago.
    pub async fn send_old(&self, body: &[u8], seconds_ago: i64) -> Sent {
        let (id, at) = (uuid(), Timestamp::now().as_second() - seconds_ago);
        let signed = signature(&self.key, &id, at, body);
        let headers = [("webhook-id", id), ("webhook-timestamp", at.to_string()), ("webhook-signature", signed)];
        self.send_signed(body.to_vec(), &headers).await.unwrap()
    }

    /// Sends a body with these headers and no others.
    pub async fn send_signed(&self, body: Vec<u8>, headers: &[(&str, String)]) -> reqwest::Result<Sent> {
        let mut request = self.client.post(format!("{}/messages", self.base)).body(body);
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let body = answer.text().await?;
        Ok(Sent { status, retry_after, body: serde_json::from_str(&body).unwrap_or(Value::String(body)) })
    }

    /// The last that the customer may see of a thread, oldest first.
    pub async fn thread(&self, thread: &str) -> Vec<Value> {
        items(&self.read(&format!("/threads/{thread}")).await).to_vec()
    }

    /// All that the customer may see, however much that is.
    pub async fn whole_thread(&self, thread: &str) -> Vec<Value> {
        self.thread_after(thread, "ent_0000000000000").await
    }

    /// All that the customer may see after an entry, part by part.
    pub async fn thread_after(&self, thread: &str, after: &str) -> Vec<Value> {
        let (mut all, mut after) = (Vec::new(), after.to_owned());
        loop {
            let part = self.read(&format!("/threads/{thread}?after={after}")).await;
            all.extend(items(&part).iter().cloned());
            match all.last() {
                Some(last) if part["more"] == true => after = text(last, "/id").to_owned(),
                _ => return all,
            }
        }
    }

    async fn read(&self, target: &str) -> Value {
        let (id, at) = (uuid(), Timestamp::now().as_second());
        let request = self
            .client
            .get(format!("{}{target}", self.base))
            .header("webhook-id", &id)
            .header("webhook-timestamp", at)
            .header("webhook-signature", signature(&self.key, &id, at, target.as_bytes()));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
        answer.json().await.unwrap()
    }

    /// Waits until the thread has this many entries by this author; their texts.
    pub async fn said_by(&self, thread: &str, author: &str, count: usize) -> Vec<String> {
        eventually(&format!("{count} by {author} in {thread}"), || async {
            let entries = self.thread(thread).await;
            let said = entries.iter().filter(|entry| text(entry, "/author/type") == author);
            let said: Vec<String> = said.map(|entry| text(entry, "/body/text").to_owned()).collect();
            (said.len() >= count).then_some(said)
        })
        .await
    }
}
