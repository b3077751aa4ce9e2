//! Personal data stays here: before a text goes to a model's server it becomes a placeholder such as `[EMAIL_1]`, the same
//! one wherever it stands, and what the model says of the placeholder becomes the customer's own again.

use std::{collections::BTreeSet, sync::LazyLock};

use regex::Regex;
use serde_json::Value as Json;
use understand::entities::Patterns;

/// A kind, what it looks like, and whether its digits are right.
type Numbers = (&'static str, Regex, fn(&str) -> bool);

/// Kinds that are personal without a pattern of [`Patterns`], by the digits in them.
#[expect(clippy::expect_used, reason = "a test uses them")]
static NUMBERS: LazyLock<[Numbers; 3]> = LazyLock::new(|| {
    let regex = |pattern: &str| Regex::new(pattern).expect("it is right");
    [
        ("iban", regex(r"(?-u:\b)[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){11,30}(?-u:\b)"), is_iban),
        ("national_id", regex(r"(?-u:\b)[1-9][0-9]{16}[0-9Xx](?-u:\b)"), is_resident_id),
        ("card", regex(r"(?-u:\b)[0-9](?:[ -]?[0-9]){12,18}(?-u:\b)"), is_card),
    ]
});

/// A placeholder, however a model writes it.
#[expect(clippy::expect_used, reason = "a test uses it")]
static PLACEHOLDER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[\[［【]\s*([A-Za-z][A-Za-z_]{1,30})_([0-9]{1,4})\s*[\]］】]").expect("it is right"));

/// How often a text is searched: 20 entities are found at a time.
const ROUNDS: usize = 1_000;

/// What a model wrote names something that it was never given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unknown;

/// What was put in place of what, within one turn.
#[derive(Debug)]
pub struct Mask<'p> {
    patterns: &'p Patterns,
    kinds: &'p BTreeSet<String>,
    known: Vec<(String, String)>,
}

impl<'p> Mask<'p> {
    /// Nothing is known yet. Only these kinds are hidden: kinds of entities, and `name`, `card`, `iban`, `national_id`.
    #[must_use]
    pub fn new(patterns: &'p Patterns, kinds: &'p BTreeSet<String>) -> Self {
        Self { patterns, kinds, known: Vec::new() }
    }

    /// The customer's own: hidden wherever it stands from now on.
    pub fn know(&mut self, kind: &str, value: &str) {
        let value = value.trim();
        if self.kinds.contains(kind) && value.chars().count() > 1 {
            self.placeholder(kind, value);
        }
    }

    /// The text without what is personal in it.
    pub fn hide(&mut self, text: &str) -> String {
        let mut hidden = text.to_owned();
        let mut longest_first: Vec<usize> = (0..self.known.len()).collect();
        longest_first.sort_by_key(|at| std::cmp::Reverse(self.known[*at].1.len()));
        for at in longest_first {
            let (kind, value) = &self.known[at];
            hidden = replaced(&hidden, value, &name(&self.known, kind, at));
        }
        for (kind, regex, is_one) in NUMBERS.iter().filter(|(kind, ..)| self.kinds.contains(*kind)) {
            let found: Vec<String> =
                regex.find_iter(&hidden).map(|found| found.as_str().to_owned()).filter(|found| is_one(found)).collect();
            for value in found {
                hidden = hidden.replace(&value, &self.placeholder(kind, &value));
            }
        }
        // Patterns find so many at a time.
        for _ in 0..ROUNDS {
            let found = self.patterns.find(&hidden).into_iter().filter(|entity| self.kinds.contains(&entity.kind));
            let found: Vec<_> = found.filter(|entity| !PLACEHOLDER.is_match(&format!("[{}]", entity.text))).collect();
            if found.is_empty() {
                break;
            }
            for entity in found {
                hidden = hidden.replace(&entity.text, &self.placeholder(&entity.kind, &entity.text));
            }
        }
        hidden
    }

    /// The same in every text of a value.
    pub fn hide_in(&mut self, value: &Json) -> Json {
        match value {
            Json::String(text) => Json::from(self.hide(text)),
            Json::Array(items) => items.iter().map(|item| self.hide_in(item)).collect(),
            Json::Object(fields) => {
                Json::Object(fields.iter().map(|(name, value)| (name.clone(), self.hide_in(value))).collect())
            }
            // A number may be a phone's or a card's.
            Json::Number(number) => {
                let text = number.to_string();
                let hidden = self.hide(&text);
                if hidden == text { value.clone() } else { Json::from(hidden) }
            }
            other => other.clone(),
        }
    }

    /// What a model wrote, with what its placeholders stand for.
    ///
    /// # Errors
    /// It has a placeholder in it that stands for nothing.
    pub fn show(&self, text: &str) -> Result<String, Unknown> {
        let mut shown = String::with_capacity(text.len());
        let mut rest = 0;
        for found in PLACEHOLDER.captures_iter(text) {
            let (Some(whole), Some(kind), Some(number)) = (found.get(0), found.get(1), found.get(2)) else { continue };
            let wanted = format!("[{}_{}]", kind.as_str().to_ascii_uppercase(), number.as_str());
            let mut names = (0..self.known.len()).map(|at| name(&self.known, &self.known[at].0, at));
            shown.push_str(&text[rest..whole.start()]);
            rest = whole.end();
            match names.position(|name| name == wanted) {
                Some(at) => shown.push_str(&self.known[at].1),
                None if self.kinds.iter().any(|known| known.eq_ignore_ascii_case(kind.as_str())) => {
                    return Err(Unknown);
                }
                None => shown.push_str(whole.as_str()),
            }
        }
        shown.push_str(&text[rest..]);
        Ok(shown)
    }

    /// The same in every text of a value.
    ///
    /// # Errors
    /// As [`show`](Self::show).
    pub fn show_in(&self, value: &Json) -> Result<Json, Unknown> {
        Ok(match value {
            Json::String(text) => Json::from(self.show(text)?),
            Json::Array(items) => Json::Array(items.iter().map(|item| self.show_in(item)).collect::<Result<_, _>>()?),
            Json::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| Ok((name.clone(), self.show_in(value)?)));
                Json::Object(fields.collect::<Result<_, _>>()?)
            }
            other => other.clone(),
        })
    }

    fn placeholder(&mut self, kind: &str, value: &str) -> String {
        let at = self.known.iter().position(|(known, same)| known == kind && same.eq_ignore_ascii_case(value));
        let at = at.unwrap_or_else(|| {
            self.known.push((kind.to_owned(), value.to_owned()));
            self.known.len() - 1
        });
        name(&self.known, kind, at)
    }
}

/// `[EMAIL_2]` for the second email address.
fn name(known: &[(String, String)], kind: &str, at: usize) -> String {
    let number = known.iter().take(at + 1).filter(|(other, _)| other == kind).count();
    format!("[{}_{number}]", kind.to_ascii_uppercase())
}

/// Every place where a value stands by itself, whatever the case of its letters.
fn replaced(text: &str, value: &str, by: &str) -> String {
    let joins = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let (first, last) = (joins(value.chars().next()), joins(value.chars().next_back()));
    // Lower case in ASCII alone keeps every byte in its place.
    let (low, wanted) = (text.to_ascii_lowercase(), value.to_ascii_lowercase());
    let (mut out, mut rest) = (String::with_capacity(text.len()), 0);
    for (at, part) in low.match_indices(&wanted) {
        let end = at + part.len();
        let inside = first && joins(text[..at].chars().next_back()) || last && joins(text[end..].chars().next());
        if !inside {
            out.push_str(&text[rest..at]);
            out.push_str(by);
            rest = end;
        }
    }
    out.push_str(&text[rest..]);
    out
}

fn digits(text: &str) -> impl DoubleEndedIterator<Item = u32> {
    text.chars().filter_map(|c| c.to_digit(10))
}

/// Luhn's check (ISO/IEC 7812-1).
fn is_card(text: &str) -> bool {
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: u32 =
        digits(text).rev().enumerate().map(|(at, digit)| if at % 2 == 1 { doubled(digit) } else { digit }).sum();
    sum.is_multiple_of(10) && digits(text).any(|digit| digit > 0)
}

/// The check of a Chinese resident identity number (GB 11643-1999, by ISO 7064 MOD 11-2).
fn is_resident_id(text: &str) -> bool {
    let sum = text.chars().fold(0, |sum, c| (sum * 2 + c.to_digit(10).unwrap_or(10)) % 11);
    sum == 1
}

/// The check of an IBAN (ISO 13616, by ISO 7064 MOD 97-10).
fn is_iban(text: &str) -> bool {
    let plain: String = text.chars().filter(|c| *c != ' ').collect();
    let Some((head, tail)) = plain.split_at_checked(4) else { return false };
    let rest = tail.chars().chain(head.chars()).filter_map(|c| c.to_digit(36));
    rest.fold(0_u32, |rest, value| (rest * if value > 9 { 100 } else { 10 } + value) % 97) == 1
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kinds(kinds: &[&str]) -> BTreeSet<String> {
        kinds.iter().map(|kind| (*kind).to_owned()).collect()
    }

    const ALL: [&str; 6] = ["name", "email", "phone", "card", "iban", "national_id"];

    #[test]
    fn what_is_personal_goes_and_comes_back() {
        let (patterns, kinds) = (Patterns::built_in(), kinds(&ALL));
        let mut mask = Mask::new(&patterns, &kinds);
        mask.know("name", "Lia Chen");
        mask.know("email", "lia@example.com");
        let text = "I am lia chen, Lia@Example.com or li.ang@example.org, 13800138000; order A10023. 4111 1111 1111 1111, \
                    GB82 WEST 1234 5698 7654 32, 11010519491231002X";
        let hidden = mask.hide(text);
        assert_eq!(
            hidden,
            "I am [NAME_1], [EMAIL_1] or [EMAIL_2], [PHONE_1]; order A10023. [CARD_1], [IBAN_1], [NATIONAL_ID_1]"
        );
        assert_eq!(mask.hide(text), hidden, "the same is the same again");
        assert_eq!(mask.hide(&hidden), hidden);
        assert_eq!(mask.show("Hello [name_1]!【EMAIL_2】").unwrap(), "Hello Lia Chen!li.ang@example.org");
        assert_eq!(mask.show_in(&json!({"to": ["[EMAIL_1]"], "n": 2})), Ok(json!({"to": ["lia@example.com"], "n": 2})));
        assert_eq!(mask.hide_in(&json!({"phone": 13_800_138_000_u64})), json!({"phone": "[PHONE_1]"}));
        assert_eq!(mask.show("[EMAIL_9]"), Err(Unknown));
        assert_eq!(mask.show("see [p1] and [STEP_2]").unwrap(), "see [p1] and [STEP_2]");
    }

    #[test]
    fn chinese_names_and_numbers_too() {
        let (patterns, kinds) = (Patterns::built_in(), kinds(&ALL));
        let mut mask = Mask::new(&patterns, &kinds);
        mask.know("name", "陈晓明");
        assert_eq!(mask.hide("我是陈晓明，电话13800138000"), "我是[NAME_1]，电话[PHONE_1]");
        assert_eq!(mask.show("好的，［NAME_1］").unwrap(), "好的，陈晓明");
    }

    #[test]
    fn only_what_is_to_be_hidden_is_and_parts_of_words_are_not() {
        let (patterns, some) = (Patterns::built_in(), kinds(&["name"]));
        let mut mask = Mask::new(&patterns, &some);
        mask.know("email", "a@example.com");
        mask.know("name", "Ann");
        assert_eq!(mask.hide("Ann wrote annually to a@example.com"), "[NAME_1] wrote annually to a@example.com");
        let none = kinds(&[]);
        assert_eq!(
            Mask::new(&patterns, &none).hide("a@example.com 4111111111111111"),
            "a@example.com 4111111111111111"
        );
    }

    #[test]
    fn numbers_that_only_look_so_stay() {
        for text in ["4111111111111112", "11010519491231002Y", "GB82WEST12345698765431", "0000000000000000"] {
            let is_one = NUMBERS.iter().any(|(_, regex, is_one)| regex.is_match(text) && is_one(text));
            assert!(!is_one, "{text}");
        }
    }

    #[test]
    fn a_text_full_of_addresses_has_none_left() {
        let (patterns, kinds) = (Patterns::built_in(), kinds(&["email"]));
        let text: Vec<String> = (0..100).map(|at| format!("a{at}@example.com")).collect();
        assert!(!Mask::new(&patterns, &kinds).hide(&text.join(" ")).contains('@'));
    }
}
