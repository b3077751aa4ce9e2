//! What an adapter's routes answer when they refuse: `{"error": {"code", "message"}}` with a fitting status.

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use contract::{AttachmentError, InboxError, Rejected, ThreadError};
use serde_json::json;

/// A request that was not taken.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// A word for programs.
    pub(crate) code: &'static str,
    /// A sentence for people: what, where, what to do.
    pub(crate) message: String,
    pub(crate) retry_after: Option<Duration>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_after: None }
    }

    /// 503: the same request may succeed after this long.
    pub(crate) fn later(code: &'static str, message: impl Into<String>, after: Duration) -> Self {
        Self { retry_after: Some(after), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message) }
    }

    /// Counts it for the channel.
    pub(crate) fn counted(self, channel: &str) -> Self {
        metrics::counter!("switchboard_refused_total", "channel" => channel.to_owned(), "code" => self.code)
            .increment(1);
        self
    }
}

impl From<Rejected> for Refusal {
    fn from(rejected: Rejected) -> Self {
        let (status, code) = match rejected {
            Rejected::Malformed(_) => (StatusCode::BAD_REQUEST, "malformed"),
            Rejected::Unauthentic => (StatusCode::UNAUTHORIZED, "unauthentic"),
            Rejected::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
        };
        Self::new(status, code, rejected.to_string())
    }
}

impl From<InboxError> for Refusal {
    fn from(error: InboxError) -> Self {
        match error {
            InboxError::Busy { retry_after } => Self::later("busy", error.to_string(), retry_after),
            InboxError::Unavailable(_) => Self::later("unavailable", error.to_string(), UNAVAILABLE_FOR),
        }
    }
}

impl From<AttachmentError> for Refusal {
    fn from(error: AttachmentError) -> Self {
        match error {
            AttachmentError::Refused(why) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "attachment_refused", why),
            AttachmentError::Unavailable(_) => Self::later("unavailable", error.to_string(), UNAVAILABLE_FOR),
        }
    }
}

impl From<ThreadError> for Refusal {
    fn from(error: ThreadError) -> Self {
        Self::later("unavailable", error.to_string(), UNAVAILABLE_FOR)
    }
}

/// The pause that is asked for when the store gives no hint of its own.
const UNAVAILABLE_FOR: Duration = Duration::from_secs(5);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = Json(json!({"error": {"code": self.code, "message": self.message}}));
        let mut response = (self.status, body).into_response();
        if let Some(after) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
        }
        response
    }
}
