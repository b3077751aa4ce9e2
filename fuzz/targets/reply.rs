//! The new part of a reply, as text and as a page.

#![no_main]

use channels::fuzzing::{new_text, page_text};
use libfuzzer_sys::fuzz_target;
use switchboard_fuzz::tell_of_panics;

fuzz_target!(init: tell_of_panics(), |raw: &[u8]| {
    let text = String::from_utf8_lossy(raw);
    is_part(&text);
    let page = page_text(&text);
    assert!(page.len() <= 1000 * text.len() + 1000, "{} bytes of {}", page.len(), text.len());
    is_part(&page);
});

/// What is left is lines of the text in their order, and nothing only where there was nothing.
fn is_part(text: &str) {
    let left = new_text(text);
    let mut lines = text.lines().map(str::trim);
    for line in left.lines() {
        assert!(lines.any(|of| of == line.trim()), "{line:?} is not of the text");
    }
    assert_eq!(left.is_empty(), text.trim().is_empty(), "everything was taken away");
}
