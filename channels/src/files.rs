//! Files for people outside: links that carry their own proof, and the route that answers them.
//!
//! A link is signed by this installation over hash, name and type. Who has the link can read the file, nobody can make
//! one, and no row in a database is needed.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use bytes::Bytes;
use contract::{Attachment, AttachmentSource, AttachmentStore, ContentHash, SendError, ServedAs};
use serde::{Deserialize, Serialize};

use crate::{answer::Refusal, seal::Seal};

/// The bytes of a file that goes along with a reply.
pub(crate) async fn bytes_to_send(
    store: &dyn AttachmentStore,
    file: &Attachment,
    hash: ContentHash,
) -> Result<Bytes, SendError> {
    let bytes = store.read(hash).await?;
    bytes.ok_or_else(|| SendError::Permanent(format!("the file {:?} is gone", file.name)))
}

/// A file as people outside see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct SharedFile {
    pub(crate) name: String,
    pub(crate) media_type: String,
    /// In bytes; absent for files that are only linked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) size: Option<u64>,
    pub(crate) url: String,
}

/// Makes and answers the links of one channel.
#[derive(Clone)]
pub(crate) struct FileLinks {
    seal: Seal,
    /// What stands before `files/…`: `https://chat.example.com/channels/erp/`, or nothing for a client that knows it.
    base: String,
}

#[derive(Deserialize)]
struct Proof {
    name: String,
    #[serde(rename = "type")]
    media_type: String,
    proof: String,
}

impl FileLinks {
    /// Links of the form `https://chat.example.com/channels/erp/files/…`.
    pub(crate) fn absolute(secret: &[u8; 32], public_url: &str, channel: &str) -> Self {
        let base = format!("{}/channels/{channel}/", public_url.trim_end_matches('/'));
        Self { base, ..Self::relative(secret, channel) }
    }

    /// Links of the form `files/…`, for clients that resolve them against the channel's own address.
    pub(crate) fn relative(secret: &[u8; 32], channel: &str) -> Self {
        Self { seal: Seal::new(secret, "file link", channel), base: String::new() }
    }

    /// The file with a link that anyone can follow.
    pub(crate) fn share(&self, attachment: &Attachment) -> SharedFile {
        let Attachment { name, media_type, source } = attachment;
        let (size, url) = match source {
            AttachmentSource::Stored { hash, size } => (Some(*size), self.link(*hash, name, media_type)),
            AttachmentSource::Linked { url } => (None, url.clone()),
            // Nothing can be read before it has been fetched.
            AttachmentSource::Remote { size, .. } => (*size, String::new()),
        };
        SharedFile { name: name.clone(), media_type: media_type.clone(), size, url }
    }

    fn link(&self, hash: ContentHash, name: &str, media_type: &str) -> String {
        let hash = hash.to_string();
        let proof = self.seal.mark(&[&hash, name, media_type]);
        let (name, media_type) = (percent_encode(name), percent_encode(media_type));
        format!("{}files/{hash}?name={name}&type={media_type}&proof={proof}", self.base)
    }

    /// `GET /files/{hash}?name=&type=&proof=`
    pub(crate) fn routes(&self, store: Arc<dyn AttachmentStore>) -> Router {
        Router::new().route("/files/{hash}", get(serve)).with_state((self.clone(), store))
    }
}

async fn serve(
    State((links, store)): State<(FileLinks, Arc<dyn AttachmentStore>)>,
    Path(hash): Path<String>,
    Query(proof): Query<Proof>,
) -> Result<Response, Refusal> {
    let gone = || Refusal::new(StatusCode::NOT_FOUND, "not_found", "there is no such file, or the link is not whole");
    if !links.seal.holds(&[&hash, &proof.name, &proof.media_type], &proof.proof) {
        return Err(gone());
    }
    let hash: ContentHash = hash.parse().map_err(|_| gone())?;
    let (is_shown, disposition) = (is_plain_image(&proof.media_type), disposition(&proof.name, &proof.media_type));
    let served = ServedAs { media_type: "application/octet-stream", disposition: &disposition };
    // A page may allow pictures from here alone.
    if !is_shown && let Some(link) = store.link(hash, served).await? {
        return Ok(([(header::CACHE_CONTROL, "no-store")], Redirect::temporary(&link)).into_response());
    }
    let file = store.open(hash).await?.ok_or_else(gone)?;
    let headers = file_headers(&disposition, &proof.media_type);
    Ok((headers, [(header::CONTENT_LENGTH, file.size)], Body::from_stream(file.chunks)).into_response())
}

/// What browsers show in place: raster images, which cannot carry scripts.
fn is_plain_image(media_type: &str) -> bool {
    matches!(media_type, "image/png" | "image/jpeg" | "image/gif" | "image/webp")
}

fn disposition(name: &str, media_type: &str) -> String {
    let how = if is_plain_image(media_type) { "inline" } else { "attachment" };
    format!("{how}; filename*=UTF-8''{}", percent_encode(name))
}

/// Headers under which a stranger's file can do no harm: only plain raster images are shown in place, all else is
/// downloaded, nothing is sniffed and nothing runs.
fn file_headers(disposition: &str, media_type: &str) -> HeaderMap {
    let media_type = if is_plain_image(media_type) { media_type } else { "application/octet-stream" };
    let fixed: [(HeaderName, &'static str); 4] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        (header::CACHE_CONTROL, "private, max-age=86400, immutable"),
        (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    ];
    let mut headers: HeaderMap = fixed.into_iter().map(|(k, v)| (k, HeaderValue::from_static(v))).collect();
    let texts = [(header::CONTENT_DISPOSITION, disposition), (header::CONTENT_TYPE, media_type)];
    headers.extend(texts.into_iter().filter_map(|(k, v)| Some((k, HeaderValue::from_str(v).ok()?))));
    headers
}

/// Everything but the characters that RFC 5987 lets stand.
fn percent_encode(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// Whether the sender's word for what a file is can be one (RFC 6838, section 4.2).
pub(crate) fn is_media_type(given: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    given.len() <= 127 && given.split_once('/').is_some_and(|(main, sub)| is_name(main) && is_name(sub))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_holds_only_as_it_was_made() {
        let links = FileLinks::absolute(&[3; 32], "https://chat.example.com/", "shop");
        let hash = ContentHash::of(b"x");
        let stored = Attachment {
            name: "退货 单.pdf".to_owned(),
            media_type: "application/pdf".to_owned(),
            source: AttachmentSource::Stored { hash, size: 1 },
        };
        let shared = links.share(&stored);
        assert!(shared.url.starts_with(&format!("https://chat.example.com/channels/shop/files/{hash}?name=")));
        let url = reqwest::Url::parse(&shared.url).unwrap();
        let proof = url.query_pairs().find(|(key, _)| key == "proof").unwrap().1.into_owned();
        let hash = hash.to_string();
        assert!(links.seal.holds(&[&hash, "退货 单.pdf", "application/pdf"], &proof));
        assert!(!links.seal.holds(&[&hash, "退货 单.pdf", "text/html"], &proof));
    }

    #[test]
    fn only_plain_images_are_shown_in_place() {
        for (media_type, disposition, served) in [
            ("image/png", "inline", "image/png"),
            ("image/svg+xml", "attachment", "application/octet-stream"),
            ("text/html", "attachment", "application/octet-stream"),
        ] {
            let headers = file_headers(&super::disposition("a\"\r\nb.png", media_type), media_type);
            assert_eq!(headers["content-type"], served);
            assert_eq!(headers["content-disposition"], format!("{disposition}; filename*=UTF-8''a%22%0D%0Ab.png"));
            assert_eq!(headers["x-content-type-options"], "nosniff");
        }
    }
}
