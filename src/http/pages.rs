//! The pages: the console, the widget, and the demo shop. Built with the daemon and part of its binary.

use std::collections::BTreeSet;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::App;
use crate::actions::Actions;

#[derive(RustEmbed)]
#[folder = "$SWITCHBOARD_WEB/console"]
struct Console;

#[derive(RustEmbed)]
#[folder = "$SWITCHBOARD_WEB/widget"]
struct Widget;

/// A page of the console must not be framed, and runs only its own scripts. Pictures of cards that customers were shown come by
/// https, and by http from business systems in the company's own network alone.
fn console_policy(actions: &Actions) -> String {
    let http = actions.systems.values().filter(|system| system.url.scheme() == "http");
    // A host may have a semicolon in it, which would end the list.
    let plain = |origin: &String| origin.chars().all(|c| c.is_ascii_alphanumeric() || ":/.-_[]".contains(c));
    let origins = http.map(|system| system.url.origin().ascii_serialization());
    let origins: BTreeSet<String> = origins.filter(plain).collect();
    let origins = origins.iter().fold(String::new(), |origins, origin| format!("{origins} {origin}"));
    format!(
        "default-src 'self'; img-src 'self' data: blob: https:{origins}; style-src 'self' 'unsafe-inline'; \
         connect-src 'self'; frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
    )
}

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/", get(|headers: HeaderMap| async move { widget("index.html", &headers) }))
        .route("/widget.js", get(|headers: HeaderMap| async move { widget("widget.js", &headers) }))
        .route("/demo/customers", get(customers))
        .route(
            "/demo/{*path}",
            get(|Path(path): Path<String>, headers: HeaderMap| async move { widget(&path, &headers) }),
        )
        .route("/console", get(|| async { Redirect::permanent("/console/") }))
        .route(
            "/console/",
            get(|State(app): State<App>, headers: HeaderMap| async move { console("index.html", &headers, &app) }),
        )
        .route(
            "/console/{*path}",
            get(|State(app): State<App>, Path(path): Path<String>, headers: HeaderMap| async move {
                console(&path, &headers, &app)
            }),
        )
}

/// Whom a visitor of the demo's page can be.
async fn customers(State(app): State<App>) -> Response {
    match app.demo {
        Some(demo) => ([(header::CACHE_CONTROL, "no-store")], Json(&*demo.customers)).into_response(),
        None => Json(&[(); 0]).into_response(),
    }
}

/// Any address of the console that is no file is the console itself, which finds its way.
fn console(path: &str, headers: &HeaderMap, app: &App) -> Response {
    let file = Console::get(path);
    let is_page = file.is_none() || path == "index.html";
    match file.or_else(|| Console::get("index.html")) {
        Some(file) if is_page => {
            let mut response = serve(&file, headers, "no-cache");
            let policy = console_policy(app.policy.rules().actions());
            let policy = HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
            response
        }
        // Names of built files carry the hash of what is in them.
        Some(file) => serve(&file, headers, "public, max-age=31536000, immutable"),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn widget(path: &str, headers: &HeaderMap) -> Response {
    match Widget::get(path) {
        Some(file) => serve(&file, headers, "public, max-age=300"),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn serve(file: &EmbeddedFile, headers: &HeaderMap, cache: &'static str) -> Response {
    let tag = format!("\"{}\"", hex::encode(&file.metadata.sha256_hash()[..16]));
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let media_type = file.metadata.mimetype().to_owned();
    let charset = if media_type.starts_with("text/") { "; charset=utf-8" } else { "" };
    let headers = [
        (header::CONTENT_TYPE, format!("{media_type}{charset}")),
        (header::CACHE_CONTROL, cache.to_owned()),
        (header::ETAG, tag),
    ];
    (headers, file.data.clone()).into_response()
}

#[cfg(test)]
mod tests {
    use crate::routing::{SourceFile, load};

    #[test]
    fn pictures_come_by_http_from_systems_of_ones_own_network_alone() {
        let file = |name: &str, text: &str| SourceFile { name: name.to_owned(), text: text.to_owned() };
        let rules = file("10-all.yaml", "rules:\n  - name: all\n    then: [{ignore: true}]\n");
        let systems = "systems:\n  shop: {url: https://shop.example/api}\n  \
                       stock: {url: \"http://10.0.0.7:7070/v1\", private: true}\n  \
                       odd: {url: \"http://a;script-src/\", private: true}\n";
        let loaded = load(&[rules, file("actions/shop.yaml", systems)]);
        let rules = loaded.rules.unwrap_or_else(|| panic!("{:?}", loaded.findings));
        let policy = super::console_policy(rules.actions());
        assert!(policy.contains("img-src 'self' data: blob: https: http://10.0.0.7:7070; style-src"), "{policy}");
    }
}
