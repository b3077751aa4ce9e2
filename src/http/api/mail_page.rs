//! A mail's page, made safe to be shown beside a conversation: no scripts, no forms, and nothing from elsewhere unless an
//! agent asks for it, because a picture fetched tells its sender who read the mail, and when.

use std::{borrow::Cow, sync::LazyLock};

use ammonia::Builder;
use axum::{extract::State, http::header, response::IntoResponse};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    Path, Query,
    conversations::{entry_id, visible},
};
use crate::http::{ApiError, App, auth::Caller};

/// What a page may do in its frame, whatever is in it.
const ALONE: &str = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; \
                     frame-ancestors 'self'";
const WITH_IMAGES: &str = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; \
                           img-src https: http:; frame-ancestors 'self'";
const STYLE: &str = "<!DOCTYPE html><meta charset=\"utf-8\"><meta name=\"referrer\" content=\"no-referrer\">\
                     <style>body{font:14px system-ui,sans-serif;overflow-wrap:anywhere;background:#fff;color:#111}img{max-width:100%}</style>\n";

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
    let html = entry.inbound.as_ref().and_then(|inbound| inbound.content.body()?.html.as_deref());
    let cleaned = clean(html.ok_or_else(|| ApiError::missing("page"))?, shown.images);
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, if shown.images { WITH_IMAGES } else { ALONE }),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "private, no-store"),
    ];
    Ok((headers, format!("{STYLE}{cleaned}")))
}

fn clean(html: &str, images: bool) -> String {
    static WITHOUT: LazyLock<Builder<'static>> = LazyLock::new(|| cleaner(false));
    static WITH: LazyLock<Builder<'static>> = LazyLock::new(|| cleaner(true));
    if images { &WITH } else { &WITHOUT }.clean(html).to_string()
}

fn cleaner(images: bool) -> Builder<'static> {
    let mut builder = Builder::default();
    builder
        .url_schemes(["http", "https", "mailto", "tel"].into())
        .set_tag_attribute_value("a", "target", "_blank")
        .link_rel(Some("noopener noreferrer nofollow"));
    builder.attribute_filter(move |element, attribute, value| match (element, attribute) {
        ("img", "src") => (images && value.starts_with("http")).then_some(Cow::Borrowed(value)),
        (_, "background" | "srcset") => None,
        _ => Some(Cow::Borrowed(value)),
    });
    builder
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
        let alone = clean(page, false);
        assert!(!alone.contains("t.example") && !alone.contains("x()") && !alone.contains("data:"), "{alone}");
        assert!(alone.contains("alt=\"logo\"") && alone.contains("href=\"https://shop.example\""), "{alone}");
        let with = clean(page, true);
        assert!(
            with.contains("src=\"https://t.example/p.gif\"") && !with.contains("x()") && !with.contains("t.example/b"),
            "{with}"
        );
    }
}
