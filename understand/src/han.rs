//! The two ways of writing Chinese: which one a character belongs to, and one form for both.

use std::{collections::HashMap, sync::LazyLock};

const FIRST: u32 = 0x3400;
const COUNT: usize = 0x9fff - 0x3400 + 1;

/// By character from [`FIRST`] on, so that a look-up is one load.
static TABLE: LazyLock<Box<[Option<Han>]>> = LazyLock::new(|| {
    let mut table = vec![None; COUNT].into_boxed_slice();
    for (c, kind) in parse(include_str!("language/han.txt")) {
        if let Some(place) = place(c).and_then(|place| table.get_mut(place)) {
            *place = Some(kind);
        }
    }
    table
});

fn place(c: char) -> Option<usize> {
    usize::try_from((c as u32).checked_sub(FIRST)?).ok()
}

/// What a character says about the text that it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Han {
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
pub(crate) fn kind(c: char) -> Option<Han> {
    TABLE.get(place(c)?).copied().flatten()
}

/// The character in its simplified form, so that one word list serves both ways of writing.
#[must_use]
pub fn simplified(c: char) -> char {
    match kind(c) {
        Some(Han::Traditional(simple)) => simple,
        _ => c,
    }
}

/// Whether the character is a Chinese one.
#[must_use]
pub const fn is_han(c: char) -> bool {
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
        let table = parse(include_str!("language/han.txt"));
        assert!(table.len() > 900, "{}", table.len());
        for (&c, &kind) in &table {
            assert!(is_han(c) && super::kind(c) == Some(kind), "{c}");
            if let Han::Traditional(simple) = kind {
                assert!(!matches!(table.get(&simple), Some(Han::Traditional(_) | Han::Cantonese)), "{c}{simple}");
            }
        }
    }

    #[test]
    fn traditional_text_gets_its_simplified_form() {
        assert_eq!("請問怎麼退貨".chars().map(simplified).collect::<String>(), "请问怎么退货");
    }
}
