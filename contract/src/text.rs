//! Making foreign text safe to keep and show, without changing what it says.

/// The longest text of one message that Switchboard keeps, in bytes. A longer one is cut there, and says so.
pub const MAX_TEXT_BYTES: usize = 256 * 1024;

/// Text of a message as it is kept: control characters but tab and newline removed, `\r\n` made `\n`, direction
/// overrides and isolates removed (they can make a sentence read as another one, Trojan Source, CVE-2021-42574),
/// zero-width spaces and byte-order marks removed, joiners kept (emoji and Persian need them), blank ends trimmed.
#[must_use]
pub fn clean_text(text: &str) -> String {
    if text.len() <= MAX_TEXT_BYTES && text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t')) {
        return text.trim().to_owned();
    }
    let mut clean = String::with_capacity(text.len().min(MAX_TEXT_BYTES));
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let c = match c {
            '\r' => {
                if characters.peek() == Some(&'\n') {
                    continue;
                }
                '\n'
            }
            '\u{2028}' | '\u{2029}' => '\n',
            '\n' | '\t' => c,
            '\u{200b}' | '\u{feff}' | '\u{2060}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => continue,
            c if c.is_control() => continue,
            c => c,
        };
        if clean.len() + c.len_utf8() > MAX_TEXT_BYTES {
            clean.push('…');
            break;
        }
        clean.push(c);
    }
    let trimmed = clean.trim();
    if trimmed.len() == clean.len() { clean } else { trimmed.to_owned() }
}

/// One line for a name, a subject, a title: cleaned as [`clean_text`], line breaks made spaces, at most `most`
/// characters.
#[must_use]
pub fn clean_line(text: &str, most: usize) -> String {
    let line = clean_text(text).replace(['\n', '\t'], " ");
    truncate_chars(line.trim(), most).trim_end().to_owned()
}

/// The first `most` characters of a text.
#[must_use]
pub fn truncate_chars(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_tricks_are_removed_and_joiners_kept() {
        assert_eq!(clean_text("a\u{202e}b\u{200b}c\0d\u{feff}"), "abcd");
        assert_eq!(clean_text("👩\u{200d}👩\u{200d}👧"), "👩\u{200d}👩\u{200d}👧");
        assert_eq!(clean_text(" one\r\ntwo\rthree\u{2028}four\t! "), "one\ntwo\nthree\nfour\t!");
    }

    #[test]
    fn a_text_past_the_bound_is_cut_at_a_character() {
        let clean = clean_text(&"退".repeat(MAX_TEXT_BYTES));
        assert!(clean.len() <= MAX_TEXT_BYTES + '…'.len_utf8() && clean.ends_with('…'));
    }

    #[test]
    fn a_name_is_one_short_line() {
        assert_eq!(clean_line("  Li\nWei \u{7}", 40), "Li Wei");
        assert_eq!(clean_line("退货退货", 2), "退货");
        assert_eq!(clean_line("Li Wei", 3), "Li");
    }
}
