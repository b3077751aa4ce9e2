//! A rating in the words of a customer: “5”, “4/5”, “五星”, “3 stars, it took long”, “⭐⭐⭐⭐”.

use unicode_normalization::UnicodeNormalization;

use super::{FACES, comment};

/// What a number may be of.
const UNITS: [&str; 13] =
    ["out of 5", "out of five", "/ 5", "/5", "颗星", "顆星", "分", "星", "stars", "star", "points", "point", "级"];
/// The numbers as words, from 1 to 5.
const WORDS: [&[&str]; 5] = [&["one", "一"], &["two", "二", "两"], &["three", "三"], &["four", "四"], &["five", "五"]];

/// How somebody liked it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rating {
    /// 1, bad, to 5, good.
    pub stars: u8,
    /// What they say about it; may be empty.
    pub comment: String,
}

impl Rating {
    /// A bare number.
    #[must_use]
    pub fn stars(text: &str) -> Option<Self> {
        let stars = text.parse().ok().filter(|stars| (1..=5).contains(stars))?;
        Some(Self { stars, comment: String::new() })
    }

    /// What a message says, if that is a rating and nothing else but a remark behind it. A number of anything else is none.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let folded: String = text.nfkc().collect();
        let (stars, rest) = leading(folded.trim())?;
        let rest = rest.trim_start_matches(['\u{fe0f}', ' ']);
        let lower = rest.to_lowercase();
        let unit = UNITS.iter().find(|unit| lower.starts_with(**unit));
        let rest = unit.map_or(rest, |unit| rest.get(unit.len()..).unwrap_or_default());
        let said = rest.trim_start_matches([' ', '\t']);
        let remark = said
            .trim_start_matches([',', '，', '.', '。', '!', '！', ';', '；', ':', '：', '-', '—', '、', '\n', '\r']);
        let is_parted = remark.len() < said.len() && !remark.starts_with(|c: char| c.is_numeric());
        let fits = said.is_empty() || is_parted && !remark.contains(['?', '？']);
        fits.then(|| Self { stars, comment: comment(remark) })
    }
}

/// The number that a text begins with, and what follows.
fn leading(text: &str) -> Option<(u8, &str)> {
    let lower = text.to_lowercase();
    for (stars, (face, words)) in (1..).zip(FACES.iter().zip(WORDS)) {
        let digit = [b'0' + stars];
        let digit = std::str::from_utf8(&digit).unwrap_or_default();
        let face_alone = face.trim_start_matches(|c: char| c.is_ascii());
        for form in [*face, face_alone, digit] {
            if let Some(rest) = text.strip_prefix(form) {
                return (!rest.starts_with(|c: char| c.is_ascii_alphanumeric())).then_some((stars, rest));
            }
        }
        if let Some(word) = words.iter().find(|word| lower.starts_with(**word)) {
            let rest = text.get(word.len()..)?;
            return (!rest.starts_with(|c: char| c.is_ascii_alphanumeric())).then_some((stars, rest));
        }
    }
    let star = text.chars().next().filter(|c| matches!(c, '⭐' | '★' | '🌟'))?;
    let rest = text.trim_start_matches([star, '\u{fe0f}']);
    let stars = text.chars().take_while(|c| [star, '\u{fe0f}'].contains(c)).filter(|c| *c == star).count();
    let stars = u8::try_from(stars).ok().filter(|stars| *stars <= 5)?;
    // Empty ones of “★★★☆☆” say how many there could be.
    Some((stars, rest.trim_start_matches('☆')))
}
