//! Markdown to HTML.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html::push_html};

/// HTML of what is written: HTML in it is shown as it is written, line breaks stay, bare addresses are
/// links, and links lead to the web, to mail or to a telephone alone.
pub(crate) fn to_html(markdown: &str) -> String {
    let source = markdown.split('\n').map(linked).collect::<Vec<_>>().join("\n");
    let parser = Parser::new_ext(&source, Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TABLES);
    let events = parser.map(|event| match event {
        Event::Html(html) | Event::InlineHtml(html) => Event::Text(html),
        Event::Start(Tag::HtmlBlock) => Event::Start(Tag::Paragraph),
        Event::End(TagEnd::HtmlBlock) => Event::End(TagEnd::Paragraph),
        Event::SoftBreak => Event::HardBreak,
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            let safe = ["https:", "http:", "mailto:", "tel:"].iter().any(|scheme| dest_url.starts_with(scheme));
            let dest_url = if safe { dest_url } else { "".into() };
            Event::Start(Tag::Link { link_type, dest_url, title, id })
        }
        other => other,
    });
    let mut html = String::with_capacity(markdown.len() * 2);
    push_html(&mut html, events);
    html
}

/// Bare addresses of a line as autolinks of Markdown.
fn linked(line: &str) -> String {
    let word = |word: &str| {
        let trimmed = word.trim_end_matches(['.', ',', ';', '!', '?', '。', '，', '！', '？']);
        let is_url = trimmed.starts_with("https://") || trimmed.starts_with("http://");
        match is_url && !trimmed.contains(['<', '>', '(', ')', '[', ']', '`']) {
            true => format!("<{trimmed}>{}", &word[trimmed.len()..]),
            false => word.to_owned(),
        }
    };
    line.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// A text that stands in HTML.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn markdown_becomes_html_that_says_the_same() {
        let rows = [
            ("Dear **Li**,\nthank you", "<p>Dear <strong>Li</strong>,<br />\nthank you</p>\n"),
            (
                "see https://shop.example/a.",
                "<p>see <a href=\"https://shop.example/a\">https://shop.example/a</a>.</p>\n",
            ),
            ("[a](javascript:x)", "<p><a href=\"\">a</a></p>\n"),
            ("<b>x</b> & y", "<p>&lt;b&gt;x&lt;/b&gt; &amp; y</p>\n"),
            ("<div>\nx", "<p>&lt;div&gt;\nx</p>\n"),
        ];
        for (markdown, html) in rows {
            assert_eq!(to_html(markdown), html, "{markdown}");
        }
    }

    proptest! {
        #[test]
        fn nobody_writes_tags_of_their_own(markdown in "[<>/a-z&!\"=' *\n-]{0,80}") {
            let html = to_html(&markdown);
            prop_assert!(!html.contains("<script") && !html.contains("<img") && !html.contains("<div"), "{html}");
        }
    }
}
