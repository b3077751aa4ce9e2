//! Markdown to plain text with its marks beside it, as Telegram and others take it: counted in UTF-16 units
//! (<https://core.telegram.org/bots/api#messageentity>), and split where a message may not be longer.
//!
//! Nothing that anybody writes has to be escaped this way, and nothing can be refused for a bracket that does not close.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use serde::Serialize;

/// A text with its marks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Marked {
    pub(crate) text: String,
    pub(crate) entities: Vec<Entity>,
}

/// A mark of a part of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Entity {
    #[serde(rename = "type")]
    pub(crate) kind: Kind,
    /// In UTF-16 units, as is `length`.
    pub(crate) offset: usize,
    pub(crate) length: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) language: Option<String>,
}

/// What a mark means; written as Telegram calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Bold,
    Italic,
    Strikethrough,
    Code,
    Pre,
    TextLink,
    Blockquote,
}

/// How long a text is in UTF-16 units.
pub(crate) fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// Reads Markdown. HTML in it stays as it is written, and so do line breaks.
pub(crate) fn marked(markdown: &str) -> Marked {
    let mut writer = Writer::default();
    for event in Parser::new_ext(markdown, Options::ENABLE_STRIKETHROUGH) {
        writer.take(event);
    }
    let Writer { marked: Marked { mut text, mut entities }, .. } = writer;
    text.truncate(text.trim_end().len());
    if text.trim().is_empty() {
        // What Markdown does not show, like the language of a block without lines, was still written.
        return Marked { text: markdown.trim().to_owned(), entities: Vec::new() };
    }
    let end = units(&text);
    entities.retain_mut(|entity| {
        entity.length = entity.length.min(end.saturating_sub(entity.offset));
        entity.length > 0
    });
    entities.sort_by_key(|entity| (entity.offset, std::cmp::Reverse(entity.length)));
    Marked { text, entities }
}

#[derive(Default)]
struct Writer {
    marked: Marked,
    length: usize,
    open: Vec<(Kind, usize, Option<String>)>,
    /// The next number of each list that is open; `None` for bullets.
    lists: Vec<Option<u64>>,
}

impl Writer {
    fn write(&mut self, text: &str) {
        self.marked.text.push_str(text);
        self.length += units(text);
    }

    /// Begins a line, after an empty one where blocks are apart.
    fn new_block(&mut self, gap: bool) {
        if self.marked.text.is_empty() {
            return;
        }
        let ends = self.marked.text.chars().rev().take_while(|c| *c == '\n').count();
        let wanted = if gap { 2 } else { 1 };
        for _ in ends..wanted {
            self.write("\n");
        }
    }

    fn open(&mut self, kind: Kind, note: Option<String>) {
        self.open.push((kind, self.length, note));
    }

    fn close(&mut self, kind: Kind) {
        let Some(at) = self.open.iter().rposition(|(open, ..)| *open == kind) else { return };
        let (kind, offset, note) = self.open.remove(at);
        let (url, language) = if kind == Kind::TextLink { (note, None) } else { (None, note) };
        let length = self.length - offset;
        if length > 0 {
            self.marked.entities.push(Entity { kind, offset, length, url, language });
        }
    }

    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.write(&text),
            Event::Code(text) => {
                self.open(Kind::Code, None);
                self.write(&text);
                self.close(Kind::Code);
            }
            Event::SoftBreak | Event::HardBreak => self.write("\n"),
            Event::Rule => {
                self.new_block(true);
                self.write("———");
            }
            Event::Start(tag) => self.start(tag),
            Event::End(end) => self.end(end),
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::HtmlBlock if self.lists.is_empty() => self.new_block(true),
            Tag::Heading { .. } => {
                self.new_block(true);
                self.open(Kind::Bold, None);
            }
            Tag::BlockQuote(_) => {
                self.new_block(true);
                self.open(Kind::Blockquote, None);
            }
            Tag::CodeBlock(kind) => {
                self.new_block(true);
                let language = match kind {
                    CodeBlockKind::Fenced(language) if !language.is_empty() => Some(language.to_string()),
                    _ => None,
                };
                self.open(Kind::Pre, language);
            }
            Tag::List(first) => {
                self.new_block(self.lists.is_empty());
                self.lists.push(first);
            }
            Tag::Item => {
                self.new_block(false);
                let indent = "  ".repeat(self.lists.len().saturating_sub(1));
                let mark = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{indent}{}. ", *number - 1)
                    }
                    _ => format!("{indent}• "),
                };
                self.write(&mark);
            }
            Tag::Emphasis => self.open(Kind::Italic, None),
            Tag::Strong => self.open(Kind::Bold, None),
            Tag::Strikethrough => self.open(Kind::Strikethrough, None),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                self.open(Kind::TextLink, Some(dest_url.to_string()));
            }
            _ => {}
        }
    }

    fn end(&mut self, end: TagEnd) {
        match end {
            TagEnd::Heading(_) | TagEnd::Strong => self.close(Kind::Bold),
            TagEnd::BlockQuote(_) => self.close(Kind::Blockquote),
            TagEnd::CodeBlock => self.close(Kind::Pre),
            TagEnd::List(_) => _ = self.lists.pop(),
            TagEnd::Emphasis => self.close(Kind::Italic),
            TagEnd::Strikethrough => self.close(Kind::Strikethrough),
            TagEnd::Link | TagEnd::Image => self.close(Kind::TextLink),
            _ => {}
        }
    }
}

/// Parts of at most `most` units each, parted at a blank line, a line, a sentence or a word, in this order of liking.
/// A mark that is cut goes on in the next part.
pub(crate) fn split(whole: &Marked, most: usize) -> Vec<Marked> {
    let mut parts = Vec::new();
    let (mut from, mut from_units) = (0, 0);
    while from < whole.text.len() {
        let length = part_length(&whole.text[from..], most);
        let text = &whole.text[from..from + length];
        let part_units = units(text);
        let trimmed = text.trim_end();
        let shown = units(trimmed);
        let entities = whole.entities.iter().filter_map(|entity| {
            let start = entity.offset.max(from_units);
            let end = (entity.offset + entity.length).min(from_units + shown);
            (start < end).then(|| Entity { offset: start - from_units, length: end - start, ..entity.clone() })
        });
        if !trimmed.is_empty() {
            parts.push(Marked { text: trimmed.to_owned(), entities: entities.collect() });
        }
        from += length;
        from_units += part_units;
    }
    parts
}

/// How many bytes of `text` go into one part.
fn part_length(text: &str, most: usize) -> usize {
    let mut room = most;
    let fits = text.char_indices().find(|(_, c)| {
        let too_long = c.len_utf16() > room;
        room = room.saturating_sub(c.len_utf16());
        too_long
    });
    let Some((end, _)) = fits else { return text.len() };
    let head = &text[..end];
    let after = |separator: &str| head.rfind(separator).map(|at| at + separator.len());
    let places = ["\n\n", "\n", "。", "！", "？", ". ", "! ", "? ", " "].map(after);
    // Not so early that the part would be nearly empty.
    places.into_iter().flatten().find(|at| *at > end / 3).unwrap_or(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(marked: &Marked) -> Vec<(Kind, String)> {
        let units: Vec<u16> = marked.text.encode_utf16().collect();
        let of = |entity: &Entity| {
            let cut = &units[entity.offset..entity.offset + entity.length];
            (entity.kind, String::from_utf16(cut).expect("an entity does not cut a character"))
        };
        marked.entities.iter().map(of).collect()
    }

    /// Markdown, its text, and its marks.
    type Row<'a> = (&'a str, &'a str, &'a [(Kind, &'a str)]);

    #[test]
    fn markdown_becomes_marks() {
        let rows: [Row<'_>; 11] = [
            ("plain * text_with_underscores", "plain * text_with_underscores", &[]),
            ("**订单 😀** is *here*", "订单 😀 is here", &[(Kind::Bold, "订单 😀"), (Kind::Italic, "here")]),
            ("a\nb\n\nc", "a\nb\n\nc", &[]),
            ("see [the shop](https://shop.example)", "see the shop", &[(Kind::TextLink, "the shop")]),
            ("```hello", "```hello", &[]),
            ("[1]: https://shop.example", "[1]: https://shop.example", &[]),
            ("# Title\ntext", "Title\n\ntext", &[(Kind::Bold, "Title")]),
            ("1. one\n2. two\n   - inner", "1. one\n2. two\n  • inner", &[]),
            ("```rust\nlet x;\n```", "let x;", &[(Kind::Pre, "let x;")]),
            ("<b>not bold</b> & `code`", "<b>not bold</b> & code", &[(Kind::Code, "code")]),
            (
                "~~old~~ **_both_**",
                "old both",
                &[(Kind::Strikethrough, "old"), (Kind::Italic, "both"), (Kind::Bold, "both")],
            ),
        ];
        for (markdown, text, marks) in rows {
            let became = marked(markdown);
            assert_eq!(became.text, text, "{markdown}");
            let marks: Vec<_> = marks.iter().map(|(kind, part)| (*kind, (*part).to_owned())).collect();
            assert_eq!(shown(&became), marks, "{markdown}");
        }
    }

    #[test]
    fn long_texts_part_where_people_would() {
        let text = format!("{}\n\n{}", "a ".repeat(30), "b ".repeat(30));
        let parts = split(&Marked { text, entities: Vec::new() }, 80);
        assert_eq!(parts.len(), 2);
        assert!(parts[0].text.ends_with('a') && parts[1].text.starts_with('b'));
        let parts = split(&marked(&format!("**{}**", "很".repeat(100))), 60);
        assert_eq!(parts.iter().map(|part| part.entities.len()).collect::<Vec<_>>(), [1, 1], "a mark goes on");
    }

    proptest! {
        /// Whatever is written arrives: every part is valid, and together they say the same.
        #[test]
        fn every_part_is_valid(markdown in "([a-z😀中*_`~\\[\\]()<>#.! \n-]|\\*\\*){0,300}", most in 20_usize..100) {
            let whole = marked(&markdown);
            let parts = split(&whole, most);
            for part in &parts {
                let length = units(&part.text);
                prop_assert!(length <= most && length > 0);
                for entity in &part.entities {
                    prop_assert!(entity.length > 0 && entity.offset + entity.length <= length);
                }
                shown(part);
            }
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            let joined: String = parts.iter().map(|part| letters(&part.text)).collect();
            prop_assert_eq!(joined, letters(&whole.text));
        }

        #[test]
        fn no_letter_is_lost(markdown in "[a-z😀中*_<>! \n]{0,200}") {
            let letters = |text: &str| text.chars().filter(|c| c.is_alphabetic() || *c == '😀').collect::<String>();
            prop_assert_eq!(letters(&marked(&markdown).text), letters(&markdown));
        }
    }
}
