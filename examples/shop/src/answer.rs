//! What goes in and out: requests for effects, answers, and refusals, which are JSON too.

use axum::{
    Json,
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use crate::ledger::Asked;

const LONGEST_KEY: usize = 200;

/// A status and a JSON body.
#[derive(Debug, Clone)]
pub(crate) struct Answer(pub StatusCode, pub Value);

/// Why something is not done: `{"error": …}`, where programs read the word and people whatever stands beside it.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    body: Map<String, Value>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, error: &str) -> Self {
        Self { status, body: Map::from_iter([("error".to_owned(), json!(error))]) }
    }

    /// 404 for a noun: `no such order`.
    pub(crate) fn none(noun: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, &format!("no such {noun}"))
    }

    /// 400, with what is wrong.
    pub(crate) fn bad(problem: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, problem)
    }

    pub(crate) fn with(mut self, name: &str, value: impl Serialize) -> Self {
        self.body.insert(name.to_owned(), json!(value));
        self
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        (self.0, Json(self.1)).into_response()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}

/// The parameters of a query, refused in JSON.
#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Refusal))]
pub(crate) struct Query<T>(pub T);

impl From<QueryRejection> for Refusal {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad(&rejection.body_text())
    }
}

/// A request for an effect.
#[derive(Debug)]
pub(crate) struct EffectRequest {
    /// Its `Idempotency-Key`.
    pub key: Option<String>,
    pub asked: Asked,
}

impl EffectRequest {
    /// The body as what it should be.
    pub(crate) fn body<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        T::deserialize(&self.asked.body).map_err(|error| Refusal::bad(&error.to_string()))
    }
}

impl<S: Send + Sync> FromRequest<S> for EffectRequest {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
        let key = key(request.headers())?;
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| Refusal::new(rejection.status(), &rejection.body_text()))?;
        let body = if bytes.is_empty() { Value::Null } else { read_json(&bytes)? };
        Ok(Self { key, asked: Asked { method, path, body } })
    }
}

/// JSON of some form, or a refusal that says where it is wrong.
pub(crate) fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(bytes).map_err(|error| Refusal::bad(&error.to_string()))
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    match value.to_str() {
        Ok(key) if (1..=LONGEST_KEY).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => Err(Refusal::bad("an Idempotency-Key has 1 to 200 printable ASCII characters")),
    }
}
