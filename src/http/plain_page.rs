//! What the pages have in common that customers open by a link: they have no script, fetch nothing, are in no frame and kept
//! nowhere; and they speak the conversation's language, or else the one that the browser would rather read.

use axum::{
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{Html, IntoResponse, Response},
};

use crate::routing::nearest_language;

/// A page with a form, which goes back to it, and one without.
const WITH_FORM: &str =
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
const WITHOUT_FORM: &str =
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

/// The languages of these pages.
const LANGUAGES: [&str; 3] = ["en", "zh", "zh-Hant"];

/// The page's language for a reader of another one, where it has one that they read.
pub(super) fn served(language: &str) -> Option<&'static str> {
    let have = LANGUAGES.map(str::to_owned);
    let nearest = nearest_language(&have, language, "")?;
    LANGUAGES.into_iter().find(|known| *known == nearest)
}

/// The first language of the page that the browser asks for; English where there is none.
pub(super) fn accepted_language(headers: &HeaderMap) -> &'static str {
    let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let weighed = |part: &'_ str| {
        let (tag, weight) = part.split_once(";q=").unwrap_or((part, "1"));
        let weight = weight.trim().parse::<f32>().unwrap_or(0.0);
        Some((served(tag.trim())?, weight)).filter(|(_, weight)| *weight > 0.0)
    };
    let mut found: Vec<(&'static str, f32)> = wanted.split(',').take(20).filter_map(weighed).collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found.first().map_or("en", |(language, _)| language)
}

/// A small page: a title, and what is below it as HTML. Chinese that is not traditional is simplified.
pub(super) fn written(language: &str, title: &str, style: &str, below: &str) -> String {
    let tag = if language == "zh" { "zh-Hans" } else { language };
    format!(
        "<!DOCTYPE html>\n<html lang=\"{tag}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title}</title>\
         <meta name=\"robots\" content=\"noindex\"><style>{style}</style></head>\
         <body><main><h1>{title}</h1>{below}</main></body></html>\n"
    )
}

/// A page as it is sent.
pub(super) fn answer(status: StatusCode, page: String, has_form: bool) -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, if has_form { WITH_FORM } else { WITHOUT_FORM }),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
    ];
    (status, headers, Html(page)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_in_the_language_that_its_reader_reads() {
        for (wanted, language) in [
            ("", "en"),
            ("fi", "en"),
            ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
            ("zh-TW", "zh-Hant"),
            ("fi;q=0.9, zh;q=0.5, en;q=0.4", "zh"),
            ("en;q=0.5, zh-HK", "zh-Hant"),
            ("zh;q=0, en", "en"),
            (";;;q=q,", "en"),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, wanted.parse().unwrap())]);
            assert_eq!(accepted_language(&headers), language, "{wanted}");
        }
    }
}
