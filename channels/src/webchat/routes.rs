//! The channel's addresses: the socket, uploads, files.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{
        DefaultBodyLimit, FromRequest, Query, Request, State, WebSocketUpgrade,
        ws::rejection::WebSocketUpgradeRejection,
    },
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use contract::{Host, clean_line};
use serde::Deserialize;
use tokio::{sync::Semaphore, time::timeout};

use super::{Shared, protocol, protocol::Uploaded, socket};
use crate::answer::Refusal;

/// How long an upload may take.
const UPLOAD_TIME: Duration = Duration::from_secs(60);
/// How many uploads are read at once, so that memory stays bounded.
const UPLOADS_AT_ONCE: usize = 8;
/// What a socket reads into, and keeps while it is idle; it grows for a longer frame.
const READ_BUFFER_BYTES: usize = 512;
/// Frames are flushed one by one, so nothing is gained by gathering more.
const WRITE_BUFFER_BYTES: usize = 512;

pub(super) struct Door {
    pub(super) channel: Arc<Shared>,
    pub(super) host: Host,
    seats: Arc<Semaphore>,
    uploads: Semaphore,
}

pub(super) fn routes(channel: Arc<Shared>, host: Host) -> Router {
    let files = channel.files.routes(Arc::clone(&host.attachments));
    let limit = DefaultBodyLimit::max(channel.max_upload_bytes);
    let seats = Arc::new(Semaphore::new(channel.max_connections.min(Semaphore::MAX_PERMITS)));
    let door = Arc::new(Door { channel, host, seats, uploads: Semaphore::new(UPLOADS_AT_ONCE) });
    Router::new()
        .route("/socket", get(open))
        .route("/attachments", post(upload).layer(limit))
        .layer(middleware::from_fn_with_state(Arc::clone(&door), guard))
        .with_state(door)
        .merge(files)
}

/// Turns away other people's pages, and tells browsers that ours may read the answers (CORS).
async fn guard(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    if !door.channel.origins.allow(request.headers()) {
        return door.refuse_origin(origin.as_ref()).into_response();
    }
    let preflight = request.method() == Method::OPTIONS;
    let mut response = if preflight { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    if let Some(origin) = origin {
        response.headers_mut().extend(cors(origin));
    }
    response
}

fn cors(origin: HeaderValue) -> [(HeaderName, HeaderValue); 5] {
    [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, origin),
        (header::VARY, HeaderValue::from_static("origin")),
        (header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST")),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("authorization, content-type")),
        (header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600")),
    ]
}

impl Door {
    fn refuse_origin(&self, origin: Option<&HeaderValue>) -> Refusal {
        let page = origin.and_then(|origin| origin.to_str().ok()).unwrap_or("null");
        let name = &self.channel.name;
        let message = format!("pages of {page} may not show channel \"{name}\"; add it to `allowed_origins`");
        // A browser hides this answer from the page's developer, who finds the reason here.
        tracing::info!(channel = %name, "{message}");
        Refusal::new(StatusCode::FORBIDDEN, "origin_not_allowed", message).counted(name)
    }
}

/// `GET /socket`
async fn open(
    State(door): State<Arc<Door>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refusal> {
    let name = door.channel.name.clone();
    let upgrade =
        upgrade.map_err(|wrong| Refusal::new(wrong.status(), "not_a_websocket", wrong.body_text()).counted(&name))?;
    let Ok(seat) = Arc::clone(&door.seats).try_acquire_owned() else {
        let message = "as many visitors are connected as this channel takes";
        return Err(Refusal::later("full", message, Duration::from_secs(10)).counted(&name));
    };
    let upgrade = upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_message_size(protocol::MAX_FRAME_BYTES)
        .max_frame_size(protocol::MAX_FRAME_BYTES);
    Ok(upgrade.on_upgrade(move |socket| async move {
        let open = metrics::gauge!("switchboard_webchat_connections", "channel" => name);
        open.increment(1.0);
        socket::serve(socket, &door).await;
        open.decrement(1.0);
        drop(seat);
    }))
}

#[derive(Deserialize)]
struct FileName {
    name: String,
}

/// `POST /attachments?name=`, the file as the body, the token as bearer.
async fn upload(
    State(door): State<Arc<Door>>,
    Query(FileName { name }): Query<FileName>,
    request: Request,
) -> Result<(StatusCode, Json<Uploaded>), Refusal> {
    let uploaded = door.upload(&clean_line(&name, 200), request).await;
    uploaded.map_err(|refusal| refusal.counted(&door.channel.name))
}

impl Door {
    async fn upload(&self, name: &str, request: Request) -> Result<(StatusCode, Json<Uploaded>), Refusal> {
        let identity = &self.channel.identity;
        let visitor = bearer(request.headers()).and_then(|token| identity.visitor_of(token)).ok_or_else(|| {
            Refusal::new(
                StatusCode::UNAUTHORIZED,
                "wrong_token",
                "send `authorization: Bearer` and the token of `ready`",
            )
        })?;
        let Ok(_place) = self.uploads.try_acquire() else {
            let message = "too many files are being uploaded";
            return Err(Refusal::later("busy", message, Duration::from_secs(2)));
        };
        let media_type = media_type(request.headers());
        let bytes = self.read(request).await?;
        let attachment = self.host.attachments.keep(name, &media_type, bytes).await?;
        let uploaded = Uploaded::new(attachment, &visitor, identity.uploads());
        let missing = || Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "attachment_refused", "the file was not kept");
        Ok((StatusCode::CREATED, Json(uploaded.ok_or_else(missing)?)))
    }

    async fn read(&self, request: Request) -> Result<Bytes, Refusal> {
        let read = timeout(UPLOAD_TIME, Bytes::from_request(request, &())).await.map_err(|_| {
            Refusal::new(StatusCode::REQUEST_TIMEOUT, "too_slow", "the file did not arrive within a minute")
        })?;
        let most = self.channel.max_upload_bytes;
        match read {
            Ok(bytes) if bytes.is_empty() => Err(Refusal::new(StatusCode::BAD_REQUEST, "empty", "the file is empty")),
            Ok(bytes) => Ok(bytes),
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                let message = format!("the file is larger than the {most} bytes that this channel takes");
                Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message))
            }
            Err(_) => Err(Refusal::new(StatusCode::BAD_REQUEST, "malformed", "the file ended early")),
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

fn media_type(headers: &HeaderMap) -> String {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence.contains('/') { clean_line(&essence, 127) } else { "application/octet-stream".to_owned() }
}
