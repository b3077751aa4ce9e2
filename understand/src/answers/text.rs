//! An answer in the one form that is read: folded characters, and the same with its numerals in digits.

use regex::Regex;

use super::numeral;
use crate::folded::Folded;

/// What stands behind this many characters is not looked at.
const LONGEST: usize = 500;

/// Characters that numerals and answers need and the fold leaves traditional, each before its simplified form.
const MORE: [(char, char); 10] = [
    ('當', '当'),
    ('萬', '万'),
    ('億', '亿'),
    ('貳', '贰'),
    ('叄', '叁'),
    ('內', '内'),
    ('裏', '里'),
    ('於', '于'),
    ('–', '-'),
    ('—', '-'),
];

/// The folded characters of an answer, without apostrophes.
pub(super) struct Answer {
    pub chars: Vec<char>,
    /// Whether nothing was cut off.
    pub whole: bool,
}

impl Answer {
    pub fn of(text: &str) -> Self {
        let end = text.char_indices().nth(LONGEST).map(|(end, _)| end);
        let mut chars = Folded::of(&text[..end.unwrap_or(text.len())]).chars;
        chars.retain(|c| *c != '\'');
        for c in &mut chars {
            if let Some((_, simple)) = MORE.iter().find(|(other, _)| other == c) {
                *c = *simple;
            }
        }
        let from = chars.iter().position(|c| !c.is_whitespace()).unwrap_or(chars.len());
        chars.drain(..from);
        Self { chars, whole: end.is_none() }
    }

    pub fn text(&self) -> String {
        self.chars.iter().collect()
    }

    /// With its numerals in digits: `周三三点` is `周3 3点`, `the third of may` is `the 3rd of may`.
    pub fn in_digits(&self) -> String {
        let (chars, mut text, mut at) = (&self.chars, String::new(), 0);
        while at < chars.len() {
            match numeral::at(chars, at) {
                Some(numeral) => {
                    numeral.write(&chars[at..numeral.end], &mut text);
                    if numeral.is_weekday && chars.get(numeral.end).is_some_and(|c| numeral::begins(*c)) {
                        text.push(' ');
                    }
                    at = numeral.end;
                }
                None => {
                    text.push(chars[at]);
                    at += 1;
                }
            }
        }
        text
    }
}

/// A pattern that is compiled in.
#[expect(clippy::expect_used, reason = "tests use every pattern")]
pub(super) fn pattern(source: &str) -> Regex {
    Regex::new(source).expect("the built-in patterns are right")
}
