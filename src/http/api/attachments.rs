//! Files of agents and customers.

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, Multipart, State},
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::post,
};
use contract::{Attachment, ContentHash, ServedAs, clean_line};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Path, Query};
use crate::http::{ApiError, App, auth::Caller};

/// How large an upload may be before the store itself is asked.
const UPLOAD_BYTES: usize = 64 * 1024 * 1024;
/// What a browser may show by itself: pictures that cannot carry scripts.
pub(super) const SAFE_TO_SHOW: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

pub(super) fn uploads() -> Router<App> {
    Router::new().route("/attachments", post(upload)).layer(DefaultBodyLimit::max(UPLOAD_BYTES))
}

/// Keeps the `file` part of a form.
async fn upload(
    State(app): State<App>,
    _caller: Caller,
    mut form: Multipart,
) -> Result<(StatusCode, Json<Attachment>), ApiError> {
    while let Some(field) = form.next_field().await.map_err(|error| ApiError::wrong(error.body_text()))? {
        if field.name() != Some("file") {
            continue;
        }
        let name = field.file_name().unwrap_or("file").to_owned();
        let media_type = field.content_type().unwrap_or("application/octet-stream").to_owned();
        let bytes: Bytes = field.bytes().await.map_err(|error| ApiError::wrong(error.body_text()))?;
        let kept = app.attachments.keep(&name, &media_type, bytes).await?;
        return Ok((StatusCode::CREATED, Json(kept)));
    }
    Err(ApiError::wrong("The form has no part named `file`."))
}

#[derive(Deserialize, IntoParams)]
pub(super) struct Named {
    name: Option<String>,
    r#type: Option<String>,
}

/// A file's bytes. Whatever it is, a browser saves it; only pictures are shown. Where the store has links of its own, what is
/// saved comes from there.
#[utoipa::path(get, path = "/attachments/{hash}", params(("hash" = String, Path), Named), tag = "attachments",
    operation_id = "attachment", responses((status = 200), (status = 307), (status = 404)))]
pub(super) async fn read(
    State(app): State<App>,
    _caller: Caller,
    Path(hash): Path<ContentHash>,
    Query(named): Query<Named>,
) -> Result<Response, ApiError> {
    let media_type = named.r#type.unwrap_or_default();
    let shown = SAFE_TO_SHOW.iter().find(|safe| **safe == media_type);
    let name: String = clean_line(&named.name.unwrap_or_else(|| hash.to_string()), 120);
    let encoded: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let how = if shown.is_some() { "inline" } else { "attachment" };
    let disposition = format!("{how}; filename*=UTF-8''{encoded}");
    let media_type = shown.copied().unwrap_or("application/octet-stream");
    let served = ServedAs { media_type, disposition: &disposition };
    // The console's own policy lets it show pictures from here alone.
    if shown.is_none()
        && let Some(link) = app.attachments.link(hash, served).await?
    {
        return Ok(([(header::CACHE_CONTROL, "no-store")], Redirect::temporary(&link)).into_response());
    }
    let file = app.attachments.open(hash).await?.ok_or_else(|| ApiError::missing("file"))?;
    let headers = [
        (header::CONTENT_TYPE, media_type.to_owned()),
        (header::CONTENT_LENGTH, file.size.to_string()),
        (header::CONTENT_DISPOSITION, disposition),
        (header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'".to_owned()),
        (header::CACHE_CONTROL, "private, max-age=31536000, immutable".to_owned()),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin".to_owned()),
    ];
    Ok((headers, Body::from_stream(file.chunks)).into_response())
}
