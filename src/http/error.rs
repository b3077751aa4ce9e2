//! What goes wrong over HTTP, in one shape: a status, a code for programs, a sentence for people.

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use contract::{AttachmentError, InboxError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    desk::{AnswerError, Away},
    store::{AmendError, StoreError},
};

/// An error as programs and people see it.
#[derive(Debug, Clone)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    retry_after: Option<Duration>,
}

/// The body of every error.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    error: ErrorDetail,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorDetail {
    /// For programs; stable.
    code: &'static str,
    /// For people: what, where, and what to do.
    message: String,
}

impl ApiError {
    /// An error of this status.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_after: None }
    }

    /// 400.
    #[must_use]
    pub fn wrong(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "wrong_request", message)
    }

    /// 404.
    #[must_use]
    pub fn missing(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("There is no such {what}."))
    }

    /// 409.
    #[must_use]
    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message)
    }

    /// 403.
    #[must_use]
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// The same, to be tried again after a while.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    fn unavailable(error: &dyn std::error::Error) -> Self {
        tracing::warn!(error = %error, "A request failed because the record does not work.");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "Switchboard's record does not work at the moment. Nothing was changed; try again.",
        )
        .retry_after(Duration::from_secs(2))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = ErrorBody { error: ErrorDetail { code: self.code, message: self.message } };
        let mut response = (self.status, Json(body)).into_response();
        if let Some(after) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
        }
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Missing(what) => Self::missing(what),
            StoreError::Conflict => {
                Self::conflict("changed", "Somebody else changed the same thing at the same moment. Look at it again.")
            }
            StoreError::Unavailable(_) => Self::unavailable(&error),
            StoreError::Corrupt { .. } => {
                tracing::error!(%error, "Something cannot be kept or read.");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "corrupt", error.to_string())
            }
        }
    }
}

impl From<AmendError<Self>> for ApiError {
    fn from(error: AmendError<Self>) -> Self {
        match error {
            AmendError::Refused(error) => error,
            AmendError::Store(error) => error.into(),
        }
    }
}

impl From<AnswerError> for ApiError {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::Refused(_) | AnswerError::MovedOn => Self::conflict("offer_gone", format!("{error}.")),
            AnswerError::Away(away) => away.into(),
            AnswerError::Store(error) => error.into(),
        }
    }
}

impl From<Away> for ApiError {
    fn from(away: Away) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "desk_moves", format!("{away}.")).retry_after(Duration::from_secs(1))
    }
}

impl From<AttachmentError> for ApiError {
    fn from(error: AttachmentError) -> Self {
        match error {
            AttachmentError::Refused(reason) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "file_refused", reason),
            AttachmentError::Unavailable(_) => Self::unavailable(&error),
        }
    }
}

impl From<InboxError> for ApiError {
    fn from(error: InboxError) -> Self {
        match error {
            InboxError::Busy { retry_after } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", error.to_string()).retry_after(retry_after)
            }
            InboxError::Unavailable(_) => Self::unavailable(&error),
        }
    }
}
