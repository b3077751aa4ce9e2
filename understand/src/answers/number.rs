//! The number that an answer names, and the place in a row.

use std::sync::LazyLock;

use regex::Regex;

use super::{
    numeral::{self, Numeral},
    text::{Answer, pattern},
};

/// A place in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ordinal {
    /// Counted from 1.
    Nth(usize),
    /// The last one.
    Last,
}

/// The one number that an answer names: `25`, `1,200`, `-3.5`, `三点五`, `1万2` (12,000), `两个半`, `twenty-five`,
/// `a dozen`, `two and a half`, `5k`; `50%` is 50.
///
/// None if it names none or several. Codes (`A10024`), ordinals, clock times with minutes or am and pm, fractions,
/// ranges and estimates (`两三个`) are no number.
#[must_use]
pub fn number(text: &str) -> Option<f64> {
    let answer = Answer::of(text);
    if !answer.whole {
        return None;
    }
    let (chars, mut found, mut at) = (&answer.chars, None::<(f64, usize)>, 0);
    while at < chars.len() {
        if let Some((value, end)) = half(chars, at, found) {
            found = Some((value?, end));
            at = end;
            continue;
        }
        let Some(numeral) = numeral::at(chars, at) else {
            at += 1;
            continue;
        };
        let from = std::mem::replace(&mut at, numeral.end);
        if is_ordinal(chars, from, &numeral) {
            continue;
        }
        let (value, end) = complete(chars, from, numeral)?;
        if found.replace((value, end)).is_some() {
            return None;
        }
        at = end;
    }
    found.map(|(value, _)| value).filter(|value| value.is_finite())
}

fn is_ordinal(chars: &[char], from: usize, numeral: &Numeral) -> bool {
    let ending: String = chars[numeral.end..].iter().take_while(|c| c.is_ascii_alphabetic()).collect();
    numeral.is_ordinal || chars[..from].ends_with(&['第']) || matches!(ending.as_str(), "st" | "nd" | "rd" | "th")
}

/// Times of the clock, and fractions.
const NOT_A_NUMBER_AFTER: [&str; 9] =
    [" am", " pm", " a.m", " p.m", " oclock", "-third", " third", "-quarter", " quarteconcat!(r"];

/// A number with its sign, decimals and half; none if it is no plain number.
fn complete(chars: &[char], from: usize, numeral: Numeral) -> Option<(f64, usize)> {
    let (mut value, mut end) = (numeral.value, numeral.end);
    let before = &chars[..from];
    if !numeral.is_sure || before.ends_with(&['几']) || matches!(chars.get(end), Some('几' | '多' | '来' | '成' | '折'))
    {
        return None;
    }
    if let Some((decimals, to)) = decimals(chars, end) {
        (value, end) = (value + decimals, to);
    }
    let rest: String = chars[end..].iter().take(11).collect();
    let letters = chars[end..].iter().take_while(|c| c.is_ascii_alphabetic()).count();
    let is_code = letters > 0 && chars.get(end + letters).is_some_and(char::is_ascii_digit);
    if is_code || NOT_A_NUMBER_AFTER.iter().any(|ending| rest.starts_with(ending)) {
        return None;
    }
    match &rest[..letters.min(rest.len())] {
        ")am" | "pm" | "h" => return None,
        "k" => (value, end) = (value * 1_000.0, end + 1),
        _ if rest == " and a half" => (value, end) = (value + 0.5, end + 11),
        _ => {}
    }
    let has_dash =
        matches!(before, [.., '-' | '−']) && before.len().checked_sub(2).is_none_or(|at| before[at].is_whitespace());
    let is_negative = has_dash || before.ends_with(&['负']) || before.ends_with(&['m', 'i', 'n', 'u', 's', ' ']);
    Some((if is_negative { -value } else { value }, end))
}

/// The `点五` of `三点五`, the `point five` of `two point five`.
fn decimals(chars: &[char], end: usize) -> Option<(f64, usize)> {
    let (from, is_english) = match &chars[end..] {
        ['点', ..] => (end + 1, false),
        [' ', 'p', 'o', 'i', 'n', 't', ' ', ..] => (end + 7, true),
        _ => return None,
    };
    let (mut value, mut place, mut at) = (0.0, 0.1, from);
    while let Some(numeral) = chars.get(at).filter(|c| !c.is_ascii()).and_then(|_| numeral::at(&chars[..=at], at)) {
        if numeral.value >= 10.0 {
            return None;
        }
        (value, place, at) = (value + numeral.value * place, place / 10.0, numeral.end);
    }
    if is_english {
        let numeral = numeral::at(chars, from).filter(|numeral| numeral.value < 10.0)?;
        (value, at) = (numeral.value / 10.0, numeral.end);
    }
    (at > from).then_some((value, at))
}

/// A half that stands by itself, or is added to what was found before; of time (`三点半`) it is no number.
fn half(chars: &[char], at: usize, found: Option<(f64, usize)>) -> Option<(Option<f64>, usize)> {
    if chars[at] != '半' {
        let is_word = chars[at..].starts_with(&['h', 'a', 'l', 'f'])
            && at.checked_sub(1).is_none_or(|before| !chars[before].is_ascii_alphanumeric())
            && chars.get(at + 4).is_none_or(|c| !c.is_ascii_alphanumeric())
            && numeral::at(chars, at).is_none();
        return is_word.then(|| (found.is_none().then_some(0.5), at + 4));
    }
    let value = match found {
        None => Some(0.5),
        Some((value, end)) if end == at && value == 1.0 => Some(0.5),
        Some((value, end)) if (1..=2).contains(&(at - end)) && chars[end..at].iter().all(|c| is_measure(*c)) => {
            Some(value + 0.5)
        }
        Some(_) => None,
    };
    Some((value, at + 1))
}

fn is_measure(c: char) -> bool {
    "个年天月斤公里米小时份块元碗杯次倍周".contains(c)
}

/// The place in a row that an answer names: `the second one`, `2nd`, `第二个`, `最后一个`, `last one`.
///
/// None if it names none or several, counts from the end (`倒数第二个`), or means a date (`Dec 3rd`), a day after
/// (`第二天`) or a time past (`last week`).
#[must_use]
pub fn ordinal(text: &str) -> Option<Ordinal> {
    ordinal_of(&Answer::of(text).in_digits()).map(|(ordinal, _)| ordinal)
}

static NTH: LazyLock<Regex> = LazyLock::new(|| pattern(r"第([0-9]{1,6})|(?-u:\b)([0-9]{1,6})(?:st|nd|rd|th)(?-u:\b)"));
static FIRST: LazyLock<Regex> = LazyLock::new(|| pattern("头1个|首个"));
static LAST: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"最后(?:那|这)?1?[个项条款种家位张件套间份班场]|最后的|^(?:选|我选|要|我要)?最后(?:吧",
        r"|$)|^last[.!]?$",
        r"|(?-u:\b)(?:the last|last one|last option|last choice|last item|last slot|last entry)(?-u:\b)",
    ))
});
static NOT_A_PLACE_BEFORE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?:(?-u:\b)at |(?-u:\b)(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov",
        r"|dec)[a-z]{0,6}\.? (?:the )?|(?-u:\b)on the )$"
    ))
});
static NOT_A_PLACE_AFTER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"^(?:[天次周年月日届时期]| (?:of all|name|time|week|month|year|night|day|weekend)(?-u:\b)",
        r"| (?:of )?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)",
        r"| (?:mon|tues|wednes|thurs|fri|satur|sun)day)",
    ))
});
static FROM_THE_END: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"倒数|[0-9](?:st|nd|rd|th) (?:to )?(?:the )?last|(?-u:\b)last but"));

/// The same of a text in digits, and where it stands first.
pub(super) fn ordinal_of(said: &str) -> Option<(Ordinal, std::ops::Range<usize>)> {
    if FROM_THE_END.is_match(said) {
        return None;
    }
    let is_place = |range: &std::ops::Range<usize>| {
        !NOT_A_PLACE_BEFORE.is_match(&said[..range.start]) && !NOT_A_PLACE_AFTER.is_match(&said[range.end..])
    };
    let nth = NTH.captures_iter(said).filter_map(|captures| {
        let place = captures.get(1).or_else(|| captures.get(2))?.as_str().parse().ok().filter(|place| *place > 0)?;
        Some((Ordinal::Nth(place), captures.get(0)?.range()))
    });
    let first = FIRST.find_iter(said).map(|found| (Ordinal::Nth(1), found.range()));
    let last = LAST.find_iter(said).map(|found| (Ordinal::Last, found.range()));
    let mut found = nth.chain(first).chain(last).filter(|(_, range)| is_place(range));
    let one = found.next()?;
    found.all(|(other, _)| other == one.0).then_some(one)
}
