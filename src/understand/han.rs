//! The two ways of writing Chinese: which one a character belongs to, and one form for both.

use std::{collections::HashMap, sync::LazyLock};

static TABLE: LazyLock<HashMap<char, Han>> = LazyLock::new(|| parse(include_str!("language/han.txt")));

/// What a character says about the text that it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Han {
    /// Only simplified Chinese has it.
    Simplified,
    /// Only traditional Chinese has it; with the simplified form.
    Traditional(char),
    /// Only written Cantonese has it.
    Cantonese,
    /// Only Japanese has it.
    Japanese,
}

/// What the character says, if anything.
pub(super) fn kind(c: char) -> Option<Han> {
    TABLE.get(&c).copied()
}

/// The character in its simplified form, so that one word list serves both ways of writing.
pub(crate) fn simplified(c: char) -> char {
    match is_han(c).then(|| kind(c)).flatten() {
        Some(Han::Traditional(simple)) => simple,
        _ => c,
    }
}

/// Whether the character is a Chinese one.
pub(crate) const fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}' | '々' | '〇')
}

fn parse(text: &str) -> HashMap<char, Han> {
    let mut table = HashMap::new();
    for line in text.lines() {
        let Some((kind, characters)) = line.split_once(": ") else { continue };
        let words = characters.split(' ').filter_map(|word| {
            let mut pair = word.chars();
            Some((pair.next()?, pair.next()?))
        });
        match kind {
            "pairs" => {
                for (simple, traditional) in words {
                    table.insert(simple, Han::Simplified);
                    table.insert(traditional, Han::Traditional(simple));
                }
            }
            "either" => table.extend(words.map(|(simple, traditional)| (traditional, Han::Traditional(simple)))),
            "cantonese" => table.extend(characters.chars().map(|c| (c, Han::Cantonese))),
            "japanese" => table.extend(characters.chars().map(|c| (c, Han::Japanese))),
            _ => {}
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_consistent() {
        assert!(TABLE.len() > 900, "{}", TABLE.len());
        for (&c, &kind) in TABLE.iter() {
            assert!(is_han(c), "{c}");
            if let Han::Traditional(simple) = kind {
                assert!(!matches!(TABLE.get(&simple), Some(Han::Traditional(_) | Han::Cantonese)), "{c}{simple}");
            }
        }
    }

    #[test]
    fn traditional_text_gets_its_simplified_form() {
        assert_eq!("請問怎麼退貨".chars().map(simplified).collect::<String>(), "请问怎么退货");
    }
}
