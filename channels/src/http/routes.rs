//! The two requests that the other system makes.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, FromRequest, Path, Query, Request, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode, Uri, header},
    routing::{get, post},
};
use bytes::Bytes;
use contract::{
    Attachment, Body, Content, EntryId, Host, Inbound, MessageId, Rejected, Thread, ThreadAuthor, Timestamp,
};
use serde::{Deserialize, Serialize};
use tokio::{sync::Semaphore, time::timeout};

use super::{
    Shared,
    decode::{Decoded, File},
};
use crate::{
    answer::Refusal,
    files::{FileLinks, SharedFile},
};

/// How long a request body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(30);
/// Bodies above this size wait for one of [`LARGE_AT_ONCE`] places, so that memory stays bounded.
const LARGE_BODY_BYTES: u64 = 256 * 1024;
const LARGE_AT_ONCE: usize = 8;
/// The most entries of one answer.
const MAX_ENTRIES: usize = 200;

struct Door {
    channel: Arc<Shared>,
    host: Host,
    large: Semaphore,
}

pub(super) fn routes(channel: Arc<Shared>, host: Host) -> Router {
    let limit = DefaultBodyLimit::max(channel.max_body_bytes);
    let files = channel.files.routes(Arc::clone(&host.attachments));
    let door = Arc::new(Door { channel, host, large: Semaphore::new(LARGE_AT_ONCE) });
    Router::new()
        .route("/messages", post(take).layer(limit))
        .route("/threads/{thread}", get(read_thread))
        .with_state(door)
        .merge(files)
}

#[derive(Serialize)]
struct Taken {
    id: MessageId,
    duplicate: bool,
}

/// `POST /messages`
async fn take(State(door): State<Arc<Door>>, request: Request) -> Result<(StatusCode, Json<Taken>), Refusal> {
    door.take(request).await.map_err(|refusal| refusal.counted(&door.channel.decoder.channel))
}

impl Door {
    async fn take(&self, request: Request) -> Result<(StatusCode, Json<Taken>), Refusal> {
        check_media_type(request.headers())?;
        self.channel.decoder.keys.check_headers(request.headers(), Timestamp::now())?;
        let (headers, body) = self.body(request).await?;
        let decoded = self.channel.decoder.decode(&headers, &body, Timestamp::now())?;
        let inbound = self.keep_files(decoded).await?;
        let accepted = self.host.inbox.accept(inbound).await?;
        Ok((StatusCode::ACCEPTED, Json(Taken { id: accepted.id, duplicate: accepted.duplicate })))
    }

    async fn body(&self, request: Request) -> Result<(HeaderMap, Bytes), Refusal> {
        let declared = request.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
        let most = self.channel.max_body_bytes as u64;
        if declared.is_some_and(|length| length > most) {
            return Err(too_large(most));
        }
        let _place = match declared {
            Some(length) if length <= LARGE_BODY_BYTES => None,
            _ => self.large.acquire().await.ok(),
        };
        let headers = request.headers().clone();
        let read = timeout(BODY_TIME, Bytes::from_request(request, &())).await.map_err(|_| {
            Refusal::new(StatusCode::REQUEST_TIMEOUT, "too_slow", "the body did not arrive within 30 s")
        })?;
        match read {
            Ok(body) => Ok((headers, body)),
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(too_large(most)),
            Err(_) => Err(Rejected::Malformed("the body ended early".to_owned()).into()),
        }
    }

    async fn keep_files(&self, decoded: Decoded) -> Result<Inbound, Refusal> {
        let Decoded { mut inbound, files } = decoded;
        let mut attachments: Vec<Attachment> = Vec::with_capacity(files.len());
        for file in files {
            attachments.push(match file {
                File::Bytes { name, media_type, bytes } => {
                    self.host.attachments.keep(&name, &media_type, bytes).await?
                }
                File::Link(attachment) => attachment,
            });
        }
        if let Content::Message(body) | Content::Edit { body, .. } = &mut inbound.content {
            body.attachments = attachments;
        }
        Ok(inbound)
    }
}

fn too_large(most: u64) -> Refusal {
    Rejected::TooLarge(format!("the body is larger than the {most} bytes that this channel takes")).into()
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let message = "send the message as `content-type: application/json`";
    Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", message))
}

#[derive(Deserialize)]
struct From {
    after: Option<EntryId>,
}

#[derive(Serialize)]
struct Entries {
    items: Vec<EntrySeen>,
    /// Whether there are more after the last item.
    more: bool,
}

#[derive(Serialize)]
struct EntrySeen {
    id: EntryId,
    at: Timestamp,
    author: ThreadAuthor,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    body: BodySeen,
}

/// A body as the other system sees it: files are links that it can follow.
#[derive(Serialize)]
pub(super) struct BodySeen {
    #[serde(flatten)]
    body: Body,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<SharedFile>,
}

impl BodySeen {
    pub(super) fn new(mut body: Body, files: &FileLinks) -> Self {
        let attachments = std::mem::take(&mut body.attachments).iter().map(|file| files.share(file)).collect();
        Self { body, attachments }
    }
}

/// `GET /threads/{thread}?after=`, signed over the path and query below the channel, because it has no body.
async fn read_thread(
    State(door): State<Arc<Door>>,
    Path(thread): Path<String>,
    from: Result<Query<From>, QueryRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<Entries>, Refusal> {
    let channel = &door.channel;
    let signed = uri.path_and_query().map_or("", |target| target.as_str());
    channel
        .decoder
        .keys
        .verify(&headers, signed.as_bytes(), Timestamp::now())
        .map_err(|rejected| Refusal::from(rejected).counted(&channel.decoder.channel))?;
    let Query(from) = from.map_err(|wrong| Rejected::Malformed(wrong.body_text()))?;
    let thread = Thread { channel: channel.decoder.channel.clone(), key: thread };
    let entries = door.host.threads.read(&thread, from.after, MAX_ENTRIES).await?;
    let more = from.after.is_some() && entries.len() == MAX_ENTRIES;
    let items = entries
        .into_iter()
        .map(|entry| EntrySeen {
            id: entry.id,
            at: entry.at,
            author: entry.author,
            external_id: entry.external_id,
            body: BodySeen::new(entry.body, &channel.files),
        })
        .collect();
    Ok(Json(Entries { items, more }))
}
