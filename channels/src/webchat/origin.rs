//! Which pages may show this widget.
//!
//! Browsers say truthfully which page connects; programs can say anything. The check keeps other people's pages from
//! showing a company's chat as theirs. It guards no data: that is what the token is for.

use axum::http::{HeaderMap, header};
use reqwest::Url;

/// The origins of a channel.
pub(super) struct Origins {
    any: bool,
    allowed: Vec<String>,
}

impl Origins {
    /// Reads `https://shop.example.com` and `*`. The origin of `public_url` is always one of them.
    pub(super) fn parse(origins: &[String], public_url: &str) -> Result<Self, String> {
        let mut allowed = vec![serialized(public_url).ok_or_else(|| {
            format!("`public_url` {public_url:?} is not an absolute http or https URL like https://chat.example.com")
        })?];
        for text in origins.iter().filter(|text| *text != "*") {
            let origin = serialized(text).filter(|origin| origin == text.trim_end_matches('/')).ok_or_else(|| {
                let host = text.split("://").last().unwrap_or_default().split('/').next().unwrap_or_default();
                format!("`allowed_origins` has {text:?}, which is not an origin; write it like \"https://{host}\"")
            })?;
            allowed.push(origin);
        }
        Ok(Self { any: origins.iter().any(|text| text == "*"), allowed })
    }

    /// Whether the page may connect. Requests without `Origin` do not come from another page.
    pub(super) fn allow(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else { return true };
        let Ok(origin) = origin.to_str() else { return false };
        self.any || self.allowed.iter().any(|allowed| allowed == origin) || own_host(origin, headers)
    }
}

/// Whether the page came from the host that it now asks: `localhost` and the like, whatever `public_url` says.
fn own_host(origin: &str, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let authority = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    host.is_some() && authority == host
}

fn serialized(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then(|| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_the_shop_and_of_the_daemon_are_let_in() {
        let shop = Origins::parse(&["https://shop.example".to_owned()], "https://chat.example/").unwrap();
        let open = Origins::parse(&["*".to_owned()], "https://chat.example").unwrap();
        let rows = [
            (&shop, Some("https://shop.example"), "chat.example", true),
            (&shop, Some("https://chat.example"), "10.0.0.1:8080", true),
            (&shop, Some("http://localhost:8080"), "localhost:8080", true),
            (&shop, None, "chat.example", true),
            (&shop, Some("http://shop.example"), "chat.example", false),
            (&shop, Some("https://shop.example.evil.example"), "chat.example", false),
            (&shop, Some("http://localhost:80801"), "localhost:8080", false),
            (&shop, Some("null"), "chat.example", false),
            (&open, Some("https://anyone.example"), "chat.example", true),
            (&open, Some("null"), "chat.example", true),
        ];
        for (origins, origin, host, allowed) in rows {
            let mut headers: HeaderMap = [(header::HOST, host.parse().unwrap())].into_iter().collect();
            headers.extend(origin.map(|origin| (header::ORIGIN, origin.parse().unwrap())));
            assert_eq!(origins.allow(&headers), allowed, "{origin:?} at {host}");
        }
    }

    #[test]
    fn what_is_not_an_origin_is_corrected() {
        for (text, hint) in [
            ("shop.example", "https://shop.example"),
            ("https://shop.example/cart", "https://shop.example"),
            ("*.shop.example", "not an origin"),
        ] {
            let error = Origins::parse(&[text.to_owned()], "https://chat.example").err().unwrap_or_default();
            assert!(error.contains(hint), "{text}: {error}");
        }
    }
}
