//! Replies on their way to the callback URL.

use std::time::Duration;

use contract::{Author, ConversationId, Outbound, OutboundId, Receipt, SendError, Timestamp, clean_line};
use jiff::fmt::rfc2822;
use reqwest::{
    Client, Response, StatusCode, Url,
    header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER},
    redirect::Policy,
};
use serde::Serialize;

use super::routes::BodySeen;
use crate::{
    causes::causes,
    files::FileLinks,
    signature::{ID, Keys, SIGNATURE, TIMESTAMP},
};

/// How long one attempt may take, from connecting to the status line.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// How much of a refusal's body goes into its reason.
const REASON_BYTES: usize = 512;

/// Where replies are posted.
pub(super) struct Callback {
    url: Url,
    client: Client,
}

#[derive(Serialize)]
struct Reply<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: OutboundId,
    conversation: ConversationId,
    thread: &'a str,
    to: Recipient<'a>,
    author: &'a Author,
    body: BodySeen,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_reply_to: Option<&'a str>,
}

#[derive(Serialize)]
struct Recipient<'a> {
    handle: &'a str,
}

impl Callback {
    pub(super) fn new(url: Url) -> Result<Self, String> {
        Self::with_time_limit(url, TIME_LIMIT)
    }

    pub(super) fn with_time_limit(url: Url, limit: Duration) -> Result<Self, String> {
        let client = Client::builder()
            .connect_timeout(limit)
            .timeout(limit)
            .redirect(Policy::none())
            .user_agent(concat!("Switchboard/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("an HTTP client cannot be made: {}", said(&error)))?;
        Ok(Self { url, client })
    }

    /// One attempt. The same message has the same `webhook-id` and body in every attempt.
    pub(super) async fn send(&self, out: &Outbound, keys: &Keys, files: &FileLinks) -> Result<Receipt, SendError> {
        let reply = Reply {
            kind: "message",
            id: out.id,
            conversation: out.conversation,
            thread: &out.thread,
            to: Recipient { handle: &out.to.handle },
            author: &out.author,
            body: BodySeen::new(out.body.clone(), files),
            in_reply_to: out.in_reply_to.as_deref(),
        };
        let body = serde_json::to_vec(&reply).map_err(|error| SendError::Permanent(error.to_string()))?;
        let (id, now) = (out.id.to_string(), Timestamp::now());
        let request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(ID, &id)
            .header(TIMESTAMP, now.as_second())
            .header(SIGNATURE, keys.sign(&id, now, &body))
            .body(body);
        match request.send().await {
            Ok(response) => self.judge(response, now).await,
            Err(error) => Err(self.unsent(&error)),
        }
    }

    async fn judge(&self, response: Response, now: Timestamp) -> Result<Receipt, SendError> {
        let status = response.status();
        if status.is_success() {
            return Ok(Receipt::default());
        }
        let retry_after = retry_after(response.headers(), now);
        let reason = format!("{} answered {status}{}", self.place(), beginning(response).await);
        Err(match status {
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
                SendError::Temporary { reason, retry_after }
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => SendError::ChannelRefused(reason),
            status if status.is_server_error() => SendError::Temporary { reason, retry_after },
            status if status.is_redirection() => {
                SendError::ChannelRefused(format!("{reason}; set `callback_url` to where it redirects"))
            }
            _ => SendError::Permanent(reason),
        })
    }

    /// Before the connection stood, nothing can have been taken; after that, nobody knows.
    fn unsent(&self, error: &reqwest::Error) -> SendError {
        let reason = format!("{}: {}", self.place(), said(error));
        if error.is_connect() {
            SendError::Temporary { reason, retry_after: None }
        } else if error.is_builder() {
            SendError::Permanent(reason)
        } else {
            SendError::Unanswered(reason)
        }
    }

    /// The URL without what may be secret in it.
    fn place(&self) -> String {
        format!("{}{}", self.url.origin().ascii_serialization(), self.url.path())
    }
}

async fn beginning(mut response: Response) -> String {
    let mut start = Vec::new();
    while start.len() < REASON_BYTES
        && let Ok(Some(chunk)) = response.chunk().await
    {
        start.extend_from_slice(&chunk[..chunk.len().min(REASON_BYTES - start.len())]);
    }
    let text = clean_line(&String::from_utf8_lossy(&start), 200);
    if text.is_empty() { text } else { format!(": {text}") }
}

/// `Retry-After` in seconds or as a date (RFC 9110, 10.2.3); at most a day.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = text.parse::<u64>().ok().or_else(|| {
        let date = rfc2822::parse(text).ok()?.timestamp();
        Some(u64::try_from(date.as_second() - now.as_second()).unwrap_or(0))
    })?;
    Some(Duration::from_secs(seconds.min(24 * 60 * 60)))
}

fn said(error: &reqwest::Error) -> String {
    causes(if error.is_timeout() { "no answer in time" } else { "the request failed" }, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2015-10-21T07:28:00Z".parse().unwrap();
        for (text, seconds) in [
            ("120", Some(120)),
            ("Wed, 21 Oct 2015 07:30:00 GMT", Some(120)),
            ("Wed, 21 Oct 2015 07:00:00 GMT", Some(0)),
            ("99999999", Some(86_400)),
            ("soon", None),
            ("-1", None),
        ] {
            let headers = [(RETRY_AFTER, text.parse().unwrap())].into_iter().collect();
            assert_eq!(retry_after(&headers, now), seconds.map(Duration::from_secs), "{text}");
        }
    }
}
