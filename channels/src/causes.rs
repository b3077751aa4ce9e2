//! What went wrong, and why, in one line.

use std::error::Error;

/// `beginning`, and behind it the sources of an error, each once. The error's own words are the caller's: those of an
/// HTTP client name the URL, in which a secret may be.
pub(crate) fn causes(beginning: impl Into<String>, error: &dyn Error) -> String {
    let mut text = beginning.into();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        source = cause.source();
    }
    text
}
