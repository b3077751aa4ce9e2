//! Markdown as plain text that any channel can carry.

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

/// The plain text of an answer: paragraphs with a blank line between, list items with dashes or numbers, links as
/// `text (URL)`. HTML and emphasis are left out.
pub(super) fn text(markdown: &str) -> String {
    let mut out = Plain::default();
    for event in Parser::new(markdown) {
        out.event(event);
    }
    out.text.trim().to_owned()
}

#[derive(Default)]
struct Plain {
    text: String,
    /// The next number of each list that is open; `None` for dashes.
    lists: Vec<Option<u64>>,
    /// Where the text of the open link begins, and where it leads.
    link: Option<(usize, String)>,
}

impl Plain {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(Tag::Paragraph | Tag::Heading { .. } | Tag::CodeBlock(_)) => self.block(),
            Event::Start(Tag::List(first)) => {
                if self.lists.is_empty() {
                    self.block();
                }
                self.lists.push(first);
            }
            Event::End(TagEnd::List(_)) => drop(self.lists.pop()),
            Event::Start(Tag::Item) => self.item(),
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                self.link = Some((self.text.len(), dest_url.into_string()));
            }
            Event::End(TagEnd::Link | TagEnd::Image) => self.end_link(),
            Event::Text(text) | Event::Code(text) => self.text.push_str(&text),
            // Chinese is written without spaces, so a line break inside of it is none.
            Event::SoftBreak if self.text.ends_with(|c: char| c.is_ascii()) => self.text.push(' '),
            Event::HardBreak => self.text.push('\n'),
            _ => {}
        }
    }

    /// Ends the block before; a list item's own text begins on its line.
    fn block(&mut self) {
        let begins_item = !self.lists.is_empty() && (self.text.ends_with("- ") || self.text.ends_with(". "));
        if !self.text.is_empty() && !begins_item {
            self.text.truncate(self.text.trim_end().len());
            self.text.push_str("\n\n");
        }
    }

    fn item(&mut self) {
        let depth = self.lists.len().saturating_sub(1).min(8);
        self.text.truncate(self.text.trim_end().len());
        self.text.push('\n');
        if depth == 0 && !self.in_list() {
            self.text.push('\n');
        }
        self.text.push_str(&"  ".repeat(depth));
        match self.lists.last_mut() {
            Some(Some(number)) => {
                self.text.push_str(&format!("{number}. "));
                *number += 1;
            }
            _ => self.text.push_str("- "),
        }
    }

    /// Whether the last line belongs to a list already.
    fn in_list(&self) -> bool {
        let last = self.text.trim_end().lines().next_back().unwrap_or_default().trim_start();
        last.starts_with("- ") || last.split_once(". ").is_some_and(|(number, _)| number.parse::<u64>().is_ok())
    }

    fn end_link(&mut self) {
        let Some((start, url)) = self.link.take() else { return };
        let shown = self.text.get(start..).unwrap_or_default();
        if shown.is_empty() {
            self.text.push_str(&url);
        } else if shown != url && url.strip_prefix("mailto:") != Some(shown) && url.strip_prefix("tel:") != Some(shown)
        {
            self.text.push_str(&format!(" ({url})"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn markdown_becomes_text_that_reads_well() {
        for (markdown, plain) in [
            ("One *two*\nthree.\n\nFour `five`.", "One two three.\n\nFour five."),
            ("退货很\n**简单**。", "退货很简单。"),
            ("Steps:\n\n1. one\n2. two\n   - a\n   - b\n\nDone.", "Steps:\n\n1. one\n2. two\n  - a\n  - b\n\nDone."),
            ("Pay by:\n- card\n- PayPal", "Pay by:\n\n- card\n- PayPal"),
            ("- one\n\n- two\n\nend", "- one\n- two\n\nend"),
            (
                "See [our page](https://a.example/x) or <https://b.example>.",
                "See our page (https://a.example/x) or https://b.example.",
            ),
            ("Write to [a@b.example](mailto:a@b.example).", "Write to a@b.example."),
            ("a<script>alert(1)</script>b\n\n<div>x</div>", "aalert(1)b"),
            ("first  \nsecond", "first\nsecond"),
            ("### Abroad\n\nThree weeks.", "Abroad\n\nThree weeks."),
        ] {
            assert_eq!(text(markdown), plain, "{markdown:?}");
        }
    }
}
