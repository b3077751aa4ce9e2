//! HTML to text: what a person would read in a page.
//!
//! Quoted blocks become lines that begin with `>`, as in plain text, so that one reader finds the new part of both.

use html2text::{config, render::TextDecorator};

use crate::guard::guarded;

/// How much of a page is read.
const MOST_BYTES: usize = 1024 * 1024;
/// Elements inside each other above which a page is read tag by tag, because rendering it would need too much stack.
const MOST_DEPTH: usize = 200;
/// Lines are not broken before this column.
const WIDTH: usize = 4000;

/// Classes and ids of what programs put under the new part: quotes that they do not mark as such, and signatures. The
/// element goes.
const HISTORY: &[&str] = &[
    "gmail_signature",
    "yahoo_quoted",
    "yahoo-signature",
    "protonmail_signature_block",
    "moz-signature",
    "ms-outlook-mobile-signature",
    "mail-editor-reference-message-container",
    "applemailsignature",
    "zmail_extra",
    "isreplycontent",
    "ntes-mailmaster-quote",
    "neteasemailmasterlocalsignature",
    "alimail-quote",
    "lark-mail-quote",
    "history-quote-wrapper",
];
/// Marks of a place: everything from there on is history.
const HISTORY_FROM: &[&str] = &["appendonsend", "divrplyfwdmsg", "stopspelling", "includetail"];
/// Stands before a link's words, between them and the address, and after it, until both are known. For private use, so
/// no mail means anything by it.
const LINK: char = '\u{e000}';
/// Addresses above this are for machines.
const MOST_URL_BYTES: usize = 200;
/// Elements that have no end tag, or often come without.
const UNCLOSED: &[&str] =
    &["br", "hr", "img", "meta", "link", "input", "p", "li", "td", "tr", "th", "option", "!", "wbr"];

/// The text of a page without what programs mark as history; all of it where nothing would be left. Never fails: a page
/// that cannot be read as HTML is read without its tags.
pub(crate) fn to_text(html: &str) -> String {
    let html = &html[..html.floor_char_boundary(MOST_BYTES)];
    let text = render(&without_history(html));
    if text.is_empty() { render(html) } else { text }
}

fn render(html: &str) -> String {
    // A rule would be as long as a line may be.
    let html = replace_tag(html, "hr", "<p>---</p><br");
    if depth(&html) > MOST_DEPTH {
        return without_tags(&html);
    }
    let rendered = guarded(|| {
        let config = config::with_decorator(Plain::default()).raw_mode(true).no_link_wrapping().allow_width_overflow();
        config.string_from_read(html.as_bytes(), WIDTH)
    });
    match rendered {
        Some(Ok(text)) => tidy(&links(&text)),
        _ => without_tags(&html),
    }
}

/// Writes an address behind a link's words, unless it says the same.
fn links(text: &str) -> String {
    let mut parts = text.split(LINK);
    let mut written = parts.next().unwrap_or_default().to_owned();
    while let (Some(words), Some(url)) = (parts.next(), parts.next()) {
        let bare = |url: &str| url.split_once("://").map_or(url, |(_, rest)| rest).trim_end_matches('/').to_owned();
        written.push_str(words);
        if !url.is_empty() && url.len() <= MOST_URL_BYTES && bare(words.trim()) != bare(url) {
            let space = if words.ends_with(char::is_whitespace) || words.is_empty() { "" } else { " " };
            written.push_str(&format!("{space}({url})"));
        }
        written.push_str(parts.next().unwrap_or_default());
    }
    written
}

/// Each line without blanks at its end, and no two empty ones together.
fn tidy(text: &str) -> String {
    let mut tidied = String::with_capacity(text.len());
    let mut empty = true;
    for line in text.lines().map(|line| line.trim_end_matches(|c: char| c.is_whitespace())) {
        if !(line.is_empty() && empty) {
            tidied.push_str(line);
            tidied.push('\n');
        }
        empty = line.is_empty();
    }
    tidied.truncate(tidied.trim_end().len());
    tidied
}

/// A tag: where it begins and ends in the text, its name and all of what stands between its brackets, lower-case.
struct Tag<'a> {
    start: usize,
    end: usize,
    name: &'a str,
    inner: &'a str,
}

/// The tags of a text in lower case, in order.
fn tags(lower: &str) -> impl Iterator<Item = Tag<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + lower[at..].find('<')?;
        let end = start + lower[start..].find('>')? + 1;
        at = end;
        let inner = &lower[start + 1..end - 1];
        let name = inner.trim_start_matches('/');
        let name = &name[..name.find(|c: char| !c.is_ascii_alphanumeric() && c != '!').unwrap_or(name.len())];
        Some(Tag { start, end, name, inner })
    })
}

fn without_history(html: &str) -> String {
    let lower = html.to_ascii_lowercase();
    let marked = |inner: &str, marks: &[&str]| marks.iter().any(|mark| inner.contains(mark));
    let mut kept = String::with_capacity(html.len());
    let (mut from, mut leaving): (usize, Option<(&str, usize)>) = (0, None);
    for tag in tags(&lower) {
        let closes = tag.inner.starts_with('/');
        match &mut leaving {
            Some((name, depth)) if *name == tag.name && !tag.inner.ends_with('/') => {
                *depth = if closes { *depth - 1 } else { *depth + 1 };
                if *depth == 0 {
                    (from, leaving) = (tag.end, None);
                }
            }
            Some(_) => {}
            None if marked(tag.inner, HISTORY_FROM) => {
                kept.push_str(&html[from..tag.start]);
                return kept;
            }
            None if !closes && marked(tag.inner, HISTORY) && !UNCLOSED.contains(&tag.name) => {
                kept.push_str(&html[from..tag.start]);
                leaving = Some((tag.name, 1));
            }
            None => {}
        }
    }
    if leaving.is_none() {
        kept.push_str(&html[from..]);
    }
    kept
}

fn depth(html: &str) -> usize {
    let lower = html.to_ascii_lowercase();
    let (mut depth, mut deepest) = (0_usize, 0);
    for tag in tags(&lower).filter(|tag| !UNCLOSED.contains(&tag.name) && !tag.inner.ends_with('/')) {
        if tag.inner.starts_with('/') {
            depth = depth.saturating_sub(1);
        } else {
            depth += 1;
            deepest = deepest.max(depth);
        }
    }
    deepest
}

fn replace_tag(html: &str, name: &str, with: &str) -> String {
    let lower = html.to_ascii_lowercase();
    let (mut replaced, mut from) = (String::with_capacity(html.len()), 0);
    for tag in tags(&lower).filter(|tag| tag.name == name) {
        replaced.push_str(&html[from..tag.start]);
        replaced.push_str(with);
        from = tag.end - 1;
    }
    replaced.push_str(&html[from..]);
    replaced
}

/// What stands between tags, for pages that nothing else can read.
fn without_tags(html: &str) -> String {
    let lower = html.to_ascii_lowercase();
    let (mut text, mut from, mut hidden) = (String::new(), 0, false);
    for tag in tags(&lower) {
        if !hidden {
            text.push_str(&html[from..tag.start]);
        }
        if matches!(tag.name, "style" | "script" | "head") {
            hidden = !tag.inner.starts_with('/');
        } else if matches!(tag.name, "br" | "p" | "div" | "tr" | "li" | "table" | "blockquote") {
            text.push('\n');
        }
        from = tag.end;
    }
    if !hidden {
        text.push_str(&html[from..]);
    }
    let text = [("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")]
        .into_iter()
        .fold(text, |text, (entity, character)| text.replace(entity, character));
    tidy(&text)
}

/// Text alone: an address stands behind a link's words, unless it is the same.
#[derive(Default)]
struct Plain {
    url: Option<String>,
}

impl TextDecorator for Plain {
    type Annotation = ();

    fn decorate_link_start(&mut self, url: &str) -> (String, ()) {
        self.url = url.starts_with("http").then(|| url.replace(LINK, ""));
        (LINK.to_string(), ())
    }

    fn decorate_link_end(&mut self) -> String {
        format!("{LINK}{}{LINK}", self.url.take().unwrap_or_default())
    }

    fn decorate_em_start(&self) -> (String, ()) {
        Default::default()
    }

    fn decorate_em_end(&self) -> String {
        String::new()
    }

    fn decorate_strong_start(&self) -> (String, ()) {
        Default::default()
    }

    fn decorate_strong_end(&self) -> String {
        String::new()
    }

    fn decorate_strikeout_start(&self) -> (String, ()) {
        Default::default()
    }

    fn decorate_strikeout_end(&self) -> String {
        String::new()
    }

    fn decorate_code_start(&self) -> (String, ()) {
        Default::default()
    }

    fn decorate_code_end(&self) -> String {
        String::new()
    }

    fn decorate_preformat_first(&self) {}

    fn decorate_preformat_cont(&self) {}

    fn decorate_image(&mut self, _: &str, title: &str) -> (String, ()) {
        (title.to_owned(), ())
    }

    fn header_prefix(&self, _: usize) -> String {
        String::new()
    }

    fn quote_prefix(&self) -> String {
        "> ".to_owned()
    }

    fn unordered_item_prefix(&self) -> String {
        "- ".to_owned()
    }

    fn ordered_item_prefix(&self, number: i64) -> String {
        format!("{number}. ")
    }

    fn make_subblock_decorator(&self) -> Self {
        Self::default()
    }

    fn decorate_superscript_start(&self) -> (String, ()) {
        Default::default()
    }

    fn decorate_superscript_end(&self) -> String {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pages_read_as_people_see_them() {
        let rows = [
            ("<p>Hello</p><p>World</p>", "Hello\n\nWorld"),
            ("<div>你好，</div><div>订单还没到。</div>", "你好，\n订单还没到。"),
            ("line<br>break<br/>again", "line\nbreak\nagain"),
            ("<style>p { color: red }</style><p>a &lt; b &amp; c&nbsp;d</p><script>x()</script>", "a < b & c\u{a0}d"),
            ("see <a href=\"https://shop.example/a\">the shop</a>.", "see the shop (https://shop.example/a)."),
            ("see <a href=\"https://shop.example/\">shop.example</a>", "see shop.example"),
            ("<a href=\"mailto:a@b.example\">a@b.example</a>", "a@b.example"),
            ("<blockquote>old<br>older</blockquote>new", "> old\n> older\n\nnew"),
            ("<ul><li>one</li><li>two</li></ul>", "- one\n- two"),
            ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a\nb\nc"),
            ("a<hr>b", "a\n\n---\n\nb"),
            ("new<div class=\"gmail_signature\"><div>Li</div></div> more", "new more"),
            ("new<div id=\"appendonsend\"></div><div>From: Shop</div>", "new"),
            ("<div class=\"yahoo_quoted\">only this</div>", "only this"),
            ("no tags at all < 3", "no tags at all < 3"),
            ("", ""),
        ];
        for (html, text) in rows {
            assert_eq!(to_text(html), text, "{html}");
        }
    }

    #[test]
    fn deep_and_broken_pages_are_read_too() {
        for (tag, times) in [
            ("<div>", 100_000),
            ("<b><i>", 50_000),
            ("<table><tr><td>", 20_000),
            ("<blockquote>", 300),
            ("<p>", 50_000),
        ] {
            let text = to_text(&format!("{}end", tag.repeat(times)));
            assert!(text.ends_with("end"), "{tag}: {}", &text[text.len().saturating_sub(50)..]);
        }
        assert!(to_text(&"<hr>".repeat(100_000)).len() < 1_000_000);
        assert!(to_text(&"x".repeat(3 * MOST_BYTES)).len() <= 2 * MOST_BYTES);
    }

    proptest! {
        #[test]
        fn nothing_panics(html in "(<(/)?(div|p|table|td|tr|blockquote|a href=x|li|ul|pre|br|gmail_signature)>|[a中 &;<>])*") {
            to_text(&html);
        }
    }
}
