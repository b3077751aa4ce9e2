//! Text for a terminal: colours, and what fits into columns.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How text is set off, as terminals number it (ECMA-48, SGR).
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) enum Style {
    Bold = 1,
    Dim = 2,
    Red = 31,
    Green = 32,
    Yellow = 33,
}

/// The text in a style, where colours are wanted.
pub(in crate::cli) fn paint(colour: bool, style: Style, text: &str) -> String {
    if colour { format!("\x1b[{}m{text}\x1b[0m", style as u8) } else { text.to_owned() }
}

/// The beginning of a text that fits into so many columns.
pub(super) fn fit(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut used = 0;
    let fits = |c: &char| {
        used += c.width().unwrap_or(0);
        used < columns
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_by_what_it_takes_on_a_screen() {
        assert_eq!((fit("refund", 6), fit("refunds", 6)), ("refund".to_owned(), "refun…".to_owned()));
        assert_eq!(fit("我要退货退款", 7), "我要退…");
    }
}
