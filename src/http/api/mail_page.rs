//! A mail's page, made safe to be shown beside a conversation: no scripts, no forms, and nothing from elsewhere unless an
//! agent asks for it, because a picture fetched tells its sender who read the mail, and when. Pictures that came in the
//! mail itself are part of the page: its frame has no session by which it could ask for them.

use std::{borrow::Cow, collections::HashMap};

use ammonia::Builder;
use axum::{extract::State, http::header, response::IntoResponse};
use base64::{Engine, engine::general_purpose::STANDARD};
use contract::{AttachmentError, AttachmentSource, AttachmentStore, Body};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    Path, Query,
    attachments::SAFE_TO_SHOW,
    conversations::{entry_id, visible},
};
use crate::http::{ApiError, App, auth::Caller};

/// What a page may do in its frame, whatever is in it.
const ALONE: &str = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; \
                     img-src data:; frame-ancestors 'self'";
const WITH_IMAGES: &str = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; \
                           img-src data: https: http:; frame-ancestors 'self'";
const STYLE: &str = "<!DOCTYPE html><meta charset=\"utf-8\"><meta name=\"referrer\" content=\"no-referrer\">\
                     <style>body{font:14px system-ui,sans-serif;overflow-wrap:anywhere;background:#fff;color:#111}img{max-width:100%}</style>\n";
/// How many bytes of pictures one page shows. What is beyond stays among its files.
const PICTURE_BYTES: u64 = 8 * 1024 * 1024;

#[derive(Deserialize, IntoParams)]
pub(super) struct Shown {
    /// Whether pictures are fetched from where the mail says.
    #[serde(default)]
    images: bool,
}

/// The page of a customer's message, cleaned, for a frame.
#[utoipa::path(get, path = "/messages/{id}/page", params(("id" = String, Path), Shown), tag = "conversations",
    operation_id = "message_page", responses((status = 200), (status = 404)))]
pub(super) async fn page(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(shown): Query<Shown>,
) -> Result<impl IntoResponse, ApiError> {
    let entry = app.records.store.entry(entry_id(&id)?).await?.ok_or_else(|| ApiError::missing("message"))?;
    visible(&app, &caller, entry.conversation).await?;
    let body = entry.inbound.as_ref().and_then(|inbound| inbound.content.body());
    let body = body.filter(|body| body.html.is_some()).ok_or_else(|| ApiError::missing("page"))?;
    let pictures = pictures(&*app.attachments, body).await?;
    let cleaned = clean(body.html.as_deref().unwrap_or_default(), shown.images, pictures);
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, if shown.images { WITH_IMAGES } else { ALONE }),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "private, no-store"),
    ];
    Ok((headers, format!("{STYLE}{cleaned}")))
}

/// The pictures that a page shows of those that came with it, as addresses that hold them, by what it calls them.
async fn pictures(store: &dyn AttachmentStore, body: &Body) -> Result<HashMap<String, String>, AttachmentError> {
    let mut room = PICTURE_BYTES;
    let mut pictures = HashMap::new();
    for (name, hash) in &body.inline {
        let of_hash = |source: &AttachmentSource| match source {
            AttachmentSource::Stored { hash: of, size } => (of == hash).then_some(*size),
            AttachmentSource::Linked { .. } | AttachmentSource::Remote { .. } => None,
        };
        let file = body.attachments.iter().find_map(|file| Some((file, of_hash(&file.source)?)));
        let Some((file, size)) = file.filter(|(_, size)| *size <= room) else { continue };
        let Some(kind) = SAFE_TO_SHOW.iter().find(|safe| **safe == file.media_type) else { continue };
        if let Some(bytes) = store.read(*hash).await? {
            room -= size;
            pictures.insert(name.clone(), format!("data:{kind};base64,{}", STANDARD.encode(bytes)));
        }
    }
    Ok(pictures)
}

fn clean(html: &str, images: bool, pictures: HashMap<String, String>) -> String {
    let mut builder = Builder::default();
    builder
        .url_schemes(["http", "https", "mailto", "tel", "cid"].into())
        .set_tag_attribute_value("a", "target", "_blank")
        .link_rel(Some("noopener noreferrer nofollow"));
    builder.attribute_filter(move |element, attribute, value| match (element, attribute) {
        ("img", "src") => match named(value) {
            Some(name) => pictures.get(&name).map(|picture| Cow::Owned(picture.clone())),
            None => (images && value.starts_with("http")).then_some(Cow::Borrowed(value)),
        },
        (_, "background" | "srcset") => None,
        _ => named(value).is_none().then_some(Cow::Borrowed(value)),
    });
    builder.clean(html).to_string()
}

/// What an address calls a part of its own mail (RFC 2392), if it is one.
fn named(address: &str) -> Option<String> {
    let (scheme, name) = address.trim().split_once(':')?;
    scheme.eq_ignore_ascii_case("cid").then(|| decoded(name))
}

fn decoded(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = code.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_acts_and_nothing_is_fetched_unasked() {
        let page = "<style>p{background:url(https://t.example/s)}</style><script>x()</script><p onclick=x() style='background:url(https://t.example/b)'>Hi \
                    <a href='javascript:x()'>a</a><a href='https://shop.example'>b</a><img src='https://t.example/p.gif' alt='logo' onerror=x()>\
                    <img src='data:image/svg+xml,x'><form action=https://t.example><input></form><iframe src=https://t.example></iframe>\
                    <svg onload=x()></svg><base href=https://t.example><meta http-equiv=refresh content='0;https://t.example'>";
        let alone = clean(page, false, HashMap::new());
        assert!(!alone.contains("t.example") && !alone.contains("x()") && !alone.contains("data:"), "{alone}");
        assert!(alone.contains("alt=\"logo\"") && alone.contains("href=\"https://shop.example\""), "{alone}");
        let with = clean(page, true, HashMap::new());
        assert!(
            with.contains("src=\"https://t.example/p.gif\"") && !with.contains("x()") && !with.contains("t.example/b"),
            "{with}"
        );
    }
    #[test]
    fn only_what_came_with_the_mail_is_shown_by_its_name() {
        let pictures = HashMap::from([("p1@a b".to_owned(), "data:image/png;base64,AA==".to_owned())]);
        let page = "<img src='CID:p1@a%20b' alt=a><img src='cid:other' alt=b><img src='data:image/png;base64,BB==' alt=c>\
                    <a href='cid:p1@a%20b'>d</a><img src='cid:%zz%4' alt=e>";
        for images in [false, true] {
            let cleaned = clean(page, images, pictures.clone());
            assert_eq!(cleaned.matches("data:").count(), 1, "{cleaned}");
            assert!(cleaned.contains("<img src=\"data:image/png;base64,AA==\" alt=\"a\">"), "{cleaned}");
            assert!(!cleaned.to_lowercase().contains("cid:"), "{cleaned}");
        }
        assert_eq!(decoded("%e4%B8%ad%zz%4"), "中%zz%4");
    }
}
