//! Markdown, as bots and agents write it, to what leaves the house: HTML for mails, text with marks for Telegram.

#![no_main]

use channels::fuzzing::{marked, to_html};
use libfuzzer_sys::fuzz_target;
use switchboard_fuzz::tell_of_panics;

/// The elements that Markdown can ask for.
const ELEMENTS: &str = "a blockquote br code del em h1 h2 h3 h4 h5 h6 hr img li ol p \
    pre strong table tbody td th thead tr ul";
const ATTRIBUTES: &[&str] = &["alt", "class", "href", "src", "start", "style", "title"];

fuzz_target!(init: tell_of_panics(), |raw: &[u8]| {
    let text = String::from_utf8_lossy(raw);
    tags_are_ours(&to_html(&text));
    for most in [40, 4096] {
        for (part, marks) in marked(&text, most) {
            is_message(&part, &marks, most);
        }
    }
});

/// What Telegram takes: neither empty nor too long, and each mark about whole characters of it.
fn is_message(part: &str, marks: &[(usize, usize)], most: usize) {
    let units: Vec<u16> = part.encode_utf16().collect();
    assert!(units.len() <= most && !part.trim().is_empty(), "a part of {} units", units.len());
    for &(offset, length) in marks {
        assert!(
            length > 0 && offset + length <= units.len(),
            "a mark from {offset}, {length} long, of {}",
            units.len()
        );
        assert!(String::from_utf16(&units[offset..offset + length]).is_ok(), "a mark cuts a character");
    }
}

/// Every tag is one that Markdown asks for, and every address leads to the web, to mail or to a telephone.
fn tags_are_ours(html: &str) {
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let inner = rest.trim_start_matches('/');
        let name = &inner[..inner.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(inner.len())];
        assert!(ELEMENTS.split(' ').any(|known| known == name), "<{name}> in {html:?}");
        rest = &inner[name.len()..];
        while !rest.starts_with('>') {
            rest = rest.trim_start_matches([' ', '/']);
            let Some((name, value)) = rest.split_once("=\"").filter(|_| !rest.starts_with('>')) else { break };
            let (value, after) = value.split_once('"').expect("an attribute ends");
            assert!(ATTRIBUTES.contains(&name), "{name}=\"…\" in {html:?}");
            let safe = ["https:", "http:", "mailto:", "tel:"].iter().any(|scheme| value.starts_with(scheme));
            assert!(name != "href" || value.is_empty() || safe, "a link to {value:?}");
            rest = after;
        }
        assert!(rest.starts_with('>'), "a tag does not end: {rest:?}");
    }
}
