//! Requests that need the desk, on their way to the daemon that runs it. Who asks is told by their own cookie or token,
//! which every daemon knows; nothing is decided here.

#![expect(clippy::disallowed_methods, reason = "each body is read up to a bound")]

use std::{sync::OnceLock, time::Duration};

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use tokio::sync::watch;

use super::{API_BODY_BYTES, ApiError, App, auth::CSRF_HEADER};
use crate::desk::Away;

/// Where the desk is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeskAt {
    /// In this process.
    Here,
    /// By the daemon at this address.
    There(String),
    /// Nobody has it at this moment.
    Nowhere,
}

/// How long the daemon that runs the desk may take; whoever asks waits for it.
const WITHIN: Duration = Duration::from_secs(10);
/// How long one waits to hear who has the desk now: daemons look every two seconds.
const MOVES_WITHIN: Duration = Duration::from_secs(3);
/// How large its answer may be.
const ANSWER_BYTES: usize = 8 * 1024 * 1024;
/// Marks a request that another daemon passed on, so that two that think of each other as the desk do not play ball.
const PASSED_ON: HeaderName = HeaderName::from_static("x-switchboard-passed-on");
/// What is passed on of a request and of its answer.
const ASKED: [HeaderName; 5] = [
    header::COOKIE,
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::ACCEPT_LANGUAGE,
    HeaderName::from_static(CSRF_HEADER),
];
const ANSWERED: [HeaderName; 2] = [header::CONTENT_TYPE, header::RETRY_AFTER];

/// Passes requests on.
pub struct Forward {
    desk_at: watch::Receiver<DeskAt>,
    client: OnceLock<reqwest::Client>,
}

impl Forward {
    /// To where `desk_at` says.
    #[must_use]
    pub fn new(desk_at: watch::Receiver<DeskAt>) -> Self {
        Self { desk_at, client: OnceLock::new() }
    }

    /// To nowhere: the desk is here.
    #[must_use]
    pub fn never() -> Self {
        Self::new(watch::channel(DeskAt::Here).1)
    }

    /// Hears when the desk moves.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<DeskAt> {
        self.desk_at.clone()
    }

    /// Where the desk is now.
    #[must_use]
    pub fn desk_at(&self) -> DeskAt {
        self.desk_at.borrow().clone()
    }

    /// Where the desk is once somebody has it, other than the daemon at `gone`.
    async fn found(&self, gone: Option<&str>) -> DeskAt {
        let mut at = self.watch();
        let found = at.wait_for(|at| match at {
            DeskAt::Here => true,
            DeskAt::There(address) => gone != Some(address),
            DeskAt::Nowhere => false,
        });
        match tokio::time::timeout(MOVES_WITHIN, found).await {
            Ok(Ok(at)) => at.clone(),
            Ok(Err(_)) | Err(_) => DeskAt::Nowhere,
        }
    }

    /// Asks the daemon at `address`.
    async fn ask(
        &self,
        address: &str,
        method: Method,
        path: &str,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Response, reqwest::Error> {
        let client = match self.client.get() {
            Some(client) => client,
            None => {
                let policy = reqwest::redirect::Policy::none();
                let made = reqwest::Client::builder().no_proxy().redirect(policy).timeout(WITHIN).build()?;
                self.client.get_or_init(|| made)
            }
        };
        let mut asked = client.request(method, format!("{address}{path}")).header(PASSED_ON, "1").body(body);
        for name in ASKED {
            for value in headers.get_all(&name) {
                asked = asked.header(&name, value);
            }
        }
        let answer = asked.send().await?;
        let mut passed = Response::builder().status(answer.status());
        for name in ANSWERED {
            if let Some(value) = answer.headers().get(&name) {
                passed = passed.header(name, value);
            }
        }
        let body = to_bytes(Body::from_stream(answer.bytes_stream()), ANSWER_BYTES).await.unwrap_or_default();
        Ok(passed.body(body.into()).unwrap_or_else(|_| StatusCode::BAD_GATEWAY.into_response()))
    }

    /// What the daemon that runs the desk answers to somebody; nothing where it cannot be asked, or refuses.
    pub(super) async fn answer(&self, method: Method, path: &str, headers: &HeaderMap, body: Bytes) -> Option<Bytes> {
        let DeskAt::There(address) = self.desk_at() else { return None };
        let answer = self.ask(&address, method, path, headers, body).await.ok()?;
        if answer.status() != StatusCode::OK {
            return None;
        }
        to_bytes(answer.into_body(), ANSWER_BYTES).await.ok()
    }
}

/// Answers here where the desk is, and else passes the request on. While the desk moves the request waits for a moment.
pub(super) async fn to_the_desk(State(app): State<App>, request: Request, next: Next) -> Response {
    if app.forward.desk_at() == DeskAt::Here {
        return next.run(request).await;
    }
    if request.headers().contains_key(PASSED_ON) {
        return ApiError::from(Away).into_response();
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, API_BODY_BYTES).await else {
        return ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The request is too large.").into_response();
    };
    // The path below /api/v1 is all that is left of it here.
    let path = format!("/api/v1{}", parts.uri.path_and_query().map_or("", |path| path.as_str()));
    let mut gone = None;
    loop {
        let address = match app.forward.found(gone.as_deref()).await {
            DeskAt::Here => return next.run(Request::from_parts(parts, body.into())).await,
            DeskAt::There(address) => address,
            DeskAt::Nowhere => return ApiError::from(Away).into_response(),
        };
        match app.forward.ask(&address, parts.method.clone(), &path, &parts.headers, body.clone()).await {
            Ok(mut answer) => {
                answer.headers_mut().insert(PASSED_ON, HeaderValue::from_static("1"));
                return answer;
            }
            Err(error) => {
                let was_sent = !error.is_connect();
                tracing::warn!(error = %error.without_url(), address, "The daemon that runs the desk cannot be reached.");
                if was_sent || gone.is_some() {
                    return ApiError::from(Away).into_response();
                }
                gone = Some(address);
            }
        }
    }
}
