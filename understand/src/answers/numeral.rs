//! Numerals as people write them: digits, Chinese characters, English words.

/// What is read at one place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Numeral {
    pub value: f64,
    /// Behind its last character.
    pub end: usize,
    /// `third`, as a word.
    pub is_ordinal: bool,
    /// False for what names no one number: `两三`, `1.2.3`, more digits than a number has.
    pub is_sure: bool,
    /// The day of `周三`.
    pub is_weekday: bool,
    /// Of a numeral in characters or words, how many digits it has at least.
    spelled: Option<usize>,
}

impl Numeral {
    fn new(value: f64, end: usize) -> Self {
        Self { value, end, is_ordinal: false, is_sure: true, is_weekday: false, spelled: Some(1) }
    }

    /// Writes it in digits; what is no sure whole number stays as it is.
    pub fn write(&self, chars: &[char], text: &mut String) {
        match self.spelled {
            Some(width) if self.is_sure && self.value.fract() == 0.0 => {
                text.push_str(&format!("{:0width$.0}", self.value));
                if self.is_ordinal {
                    text.push_str(ending(self.value));
                }
            }
            _ => text.extend(chars),
        }
    }
}

fn ending(value: f64) -> &'static str {
    match value % 10.0 {
        _ if (11.0..14.0).contains(&(value % 100.0)) => "th",
        1.0 => "st",
        2.0 => "nd",
        3.0 => "rd",
        _ => "th",
    }
}

/// Whether a numeral may begin with the character.
pub(super) fn begins(c: char) -> bool {
    c.is_ascii_digit()
        || han_digit(c).is_some()
        || han_unit(c).is_some_and(|unit| unit == 10.0)
        || matches!(c, '廿' | '卅')
}

/// The numeral that begins at a place, if one does.
pub(super) fn at(chars: &[char], from: usize) -> Option<Numeral> {
    let c = *chars.get(from)?;
    let before = from.checked_sub(1).and_then(|before| chars.get(before)).copied();
    if c.is_ascii() {
        let is_inside = before.is_some_and(|c| c.is_ascii_alphanumeric());
        return if is_inside {
            None
        } else if c.is_ascii_lowercase() {
            english(chars, from)
        } else {
            digits(chars, from, before)
        };
    }
    if is_no_numeral(&chars[from..], before) {
        return None;
    }
    if names_weekday(&chars[..from]) {
        let value = han_digit(c).filter(|day| (1.0..=7.0).contains(day))?;
        return Some(Numeral { is_weekday: true, ..Numeral::new(value, from + 1) });
    }
    han(chars, from, None)
}

/// `1,200`, `3.5`, `.5`, and `1万2`, which begins so.
fn digits(chars: &[char], from: usize, before: Option<char>) -> Option<Numeral> {
    let length = |at: usize| chars[at..].iter().take_while(|c| c.is_ascii_digit()).count();
    if chars[from] == '.' {
        let count = length(from + 1);
        let is_decimal = count > 0 && before.is_none_or(|c| c.is_whitespace());
        let end = from + 1 + count;
        return is_decimal.then(|| Numeral { spelled: None, ..measured(&chars[from..end], end) });
    }
    let mut end = from + length(from);
    if end == from {
        return None;
    }
    if end - from <= 3 {
        while chars.get(end) == Some(&',') && length(end + 1) == 3 {
            end += 4;
        }
    }
    if chars.get(end) == Some(&'.') && chars.len() > end + 1 && length(end + 1) > 0 {
        end += 1 + length(end + 1);
    }
    let number = measured(&chars[from..end], end);
    if chars.get(end).copied().and_then(han_unit).is_some() {
        return han(chars, end, Some(number.value));
    }
    let goes_on = chars.get(end) == Some(&'.') && chars.get(end + 1).is_some_and(char::is_ascii_digit);
    Some(Numeral { is_sure: number.is_sure && !goes_on, spelled: None, ..number })
}

fn measured(chars: &[char], end: usize) -> Numeral {
    let text: String = chars.iter().filter(|c| **c != ',').collect();
    let value = text.parse().unwrap_or(f64::NAN);
    Numeral { is_sure: value < 1e15, ..Numeral::new(value, end) }
}

const fn han_digit(c: char) -> Option<f64> {
    Some(match c {
        '〇' | '零' => 0.0,
        '一' | '壹' => 1.0,
        '二' | '两' | '贰' => 2.0,
        '三' | '叁' => 3.0,
        '四' | '肆' => 4.0,
        '五' | '伍' => 5.0,
        '六' | '陆' => 6.0,
        '七' | '柒' => 7.0,
        '八' | '捌' => 8.0,
        '九' | '玖' => 9.0,
        _ => return None,
    })
}

const fn han_unit(c: char) -> Option<f64> {
    Some(match c {
        '十' | '拾' => 10.0,
        '百' | '佰' => 100.0,
        '千' | '仟' => 1_000.0,
        '万' => 10_000.0,
        '亿' => 100_000_000.0,
        _ => return None,
    })
}

/// Words that have a numeral in them and are none: `一下`, `统一`, `早一点`, `十分` for very.
fn is_no_numeral(chars: &[char], before: Option<char>) -> bool {
    const AFTER_ONE: &str = "下样起些定直共般旦切边律致会体键";
    const BEFORE_ONE: &str = "统唯同单之万";
    const BEFORE_A_BIT: &str = "早晚快慢贵宜大小好有高低多少轻重短长远近";
    let before = before.unwrap_or(' ');
    match chars {
        ['一', '点', '儿' | '都' | '也' | '不', ..] => true,
        ['一', '点', ..] if BEFORE_A_BIT.contains(before) => true,
        ['一', next, ..] if AFTER_ONE.contains(*next) => true,
        ['一', ..] if BEFORE_ONE.contains(before) => true,
        ['十', '分', '钟' | '之' | '后', ..] => false,
        ['十', '分', ..] => before != '点',
        ['两', '者', ..] => true,
        _ => false,
    }
}

fn names_weekday(before: &[char]) -> bool {
    before.ends_with(&['周']) || before.ends_with(&['星', '期']) || before.ends_with(&['礼', '拜'])
}

/// A numeral in Chinese characters; `first` is what stands before it in digits.
fn han(chars: &[char], from: usize, first: Option<f64>) -> Option<Numeral> {
    if first.is_none() && !begins(chars[from]) {
        return None;
    }
    let is_of_it = |c: &&char| begins(**c) || han_unit(**c).is_some();
    let end = from + chars[from..].iter().take_while(is_of_it).count();
    let run = &chars[from..end];
    if first.is_none() && run.iter().all(|c| han_digit(*c).is_some()) {
        return Some(digit_by_digit(run, end));
    }
    let value = sum(run, first);
    // 千八百 is about a thousand.
    let follows_unit = first.is_none() && from.checked_sub(1).is_some_and(|before| han_unit(chars[before]).is_some());
    let is_sure = value.is_some_and(|value| value < 1e15) && !follows_unit;
    Some(Numeral { is_sure, ..Numeral::new(value.unwrap_or(0.0), end) })
}

/// `二〇二六`, `零五`; two of them that have no zero are "two or three".
fn digit_by_digit(run: &[char], end: usize) -> Numeral {
    let value = run.iter().fold(0.0, |value, c| value * 10.0 + han_digit(*c).unwrap_or(0.0));
    let has_zero = run.iter().any(|c| han_digit(*c) == Some(0.0));
    let is_sure = (run.len() != 2 || has_zero) && run.len() < 15;
    Numeral { is_sure, spelled: Some(run.len()), ..Numeral::new(value, end) }
}

/// The value of digits and units; none if they make no number.
fn sum(run: &[char], first: Option<f64>) -> Option<f64> {
    // Of 1亿2345万6789: what is complete, what stands before the next 万, the digit before the next unit, the unit before.
    let (mut total, mut section, mut digit, mut last) = (0.0, 0.0, first, 1.0);
    let mut at = 0;
    while at < run.len() {
        let c = run[at];
        at += 1;
        if c.is_ascii_digit() {
            let more = run[at..].iter().take_while(|c| c.is_ascii_digit()).count();
            let number = measured(&run[at - 1..at + more], 0);
            at += more;
            if digit.replace(number.value).is_some() {
                return None;
            }
        } else if let Some(number) = han_digit(c) {
            if number == 0.0 {
                last = 1.0;
            } else if digit.replace(number).is_some() {
                return None;
            }
        } else if matches!(c, '廿' | '卅') {
            section += if c == '廿' { 20.0 } else { 30.0 };
            last = 10.0;
        } else {
            let unit = han_unit(c)?;
            if unit >= 10_000.0 {
                total = (total + section + digit.unwrap_or(0.0)) * unit;
                section = 0.0;
            } else if unit < last || last == 1.0 || last >= 10_000.0 {
                section += digit.or((unit == 10.0).then_some(1.0))? * unit;
            } else {
                return None;
            }
            (digit, last) = (None, unit);
        }
    }
    // 三百五 is 350.
    let tail = match digit {
        Some(tail) if last >= 100.0 && tail < 10.0 => tail * last / 10.0,
        tail => tail.unwrap_or(0.0),
    };
    Some(total + section + tail)
}

/// What an English word of number does.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Word {
    Unit(u32),
    Teen(u32),
    Tens(u32),
    Hundred,
    Scale(u32),
    Dozen,
    UnitOrdinal(u32),
    TeenOrdinal(u32),
}

fn word(chars: &[char]) -> Option<Word> {
    const UNITS: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    const TEENS: [&str; 10] =
        ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"];
    const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
    const FIRST: [&str; 9] = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth"];
    const TENTH: [&str; 11] = [
        "tenth",
        "eleventh",
        "twelfth",
        "thirteenth",
        "fourteenth",
        "fifteenth",
        "sixteenth",
        "seventeenth",
        "eighteenth",
        "nineteenth",
        "twentieth",
    ];
    let place = |words: &[&str]| {
        let place = words.iter().position(|word| chars.iter().copied().eq(word.chars()))?;
        u32::try_from(place).ok()
    };
    let is = |word: &str| chars.iter().copied().eq(word.chars());
    place(&UNITS)
        .map(Word::Unit)
        .or_else(|| place(&TEENS).map(|at| Word::Teen(at + 10)))
        .or_else(|| place(&TENS).map(|at| Word::Tens(at * 10 + 20)))
        .or_else(|| place(&FIRST).map(|at| Word::UnitOrdinal(at + 1)))
        .or_else(|| place(&TENTH).map(|at| Word::TeenOrdinal(at + 10)))
        .or_else(|| is("hundred").then_some(Word::Hundred))
        .or_else(|| is("thousand").then_some(Word::Scale(1_000)))
        .or_else(|| is("million").then_some(Word::Scale(1_000_000)))
        .or_else(|| (is("dozen") || is("dozens")).then_some(Word::Dozen))
        .or_else(|| is("fourty").then_some(Word::Tens(40)))
}

/// The end of the word at a place.
fn word_end(chars: &[char], from: usize) -> usize {
    from + chars[from.min(chars.len())..].iter().take_while(|c| c.is_ascii_alphanumeric()).count()
}

/// The word behind one space or hyphen.
fn next_word(chars: &[char], end: usize) -> Option<(usize, usize)> {
    let from = end + 1;
    let is_next = matches!(chars.get(end), Some(' ' | '-')) && chars.get(from).is_some_and(char::is_ascii_lowercase);
    is_next.then(|| (from, word_end(chars, from)))
}

fn reads(chars: &[char], from: usize, words: &str) -> Option<usize> {
    let end = from + words.len();
    let holds = chars.get(from..end)?.iter().copied().eq(words.chars());
    (holds && chars.get(end).is_none_or(|c| !c.is_ascii_alphanumeric())).then_some(end)
}

fn english(chars: &[char], from: usize) -> Option<Numeral> {
    for (words, value) in [
        ("half a dozen", 6.0),
        ("half dozen", 6.0),
        ("a dozen", 12.0),
        ("dozen", 12.0),
        ("a couple of", 2.0),
        ("a couple", 2.0),
    ] {
        if let Some(end) = reads(chars, from, words) {
            return Some(Numeral::new(value, end));
        }
    }
    if ["a hundred", "a thousand", "a million"].iter().any(|words| reads(chars, from, words).is_some()) {
        return Some(words(chars, Word::Unit(1), from + 1));
    }
    let end = word_end(chars, from);
    match word(&chars[from..end])? {
        Word::Unit(1) if is_pronoun(chars, from, end) => None,
        Word::UnitOrdinal(2) if is_moment(&chars[..from]) => None,
        Word::UnitOrdinal(value) | Word::TeenOrdinal(value) => {
            Some(Numeral { is_ordinal: true, ..Numeral::new(value.into(), end) })
        }
        Word::Hundred | Word::Scale(_) | Word::Dozen => None,
        first => Some(words(chars, first, end)),
    }
}

/// The value of words of number, the first of which is read.
fn words(chars: &[char], first: Word, end: usize) -> Numeral {
    let (mut total, mut group, mut room, mut scale, mut end) = (0_u32, 0_u32, 1_000_u32, u32::MAX, end);
    let mut next = Some((first, end));
    let mut is_ordinal = false;
    while let Some((word, word_end)) = next {
        match word {
            Word::Unit(value) if room > 9 && (value > 0 || room == 1_000) => {
                (group, room) = (group + value, u32::from(value > 0));
            }
            Word::Teen(value) if room > 99 => (group, room) = (group + value, 1),
            Word::Tens(value) if room > 99 => (group, room) = (group + value, 10),
            Word::Hundred if (1..100).contains(&group) => (group, room) = (group * 100, 100),
            Word::Scale(value) if group > 0 && value < scale => {
                (total, group, room, scale) = (total.saturating_add(group * value), 0, 999, value);
            }
            Word::Dozen if (1..100).contains(&group) => (group, room, scale) = (group * 12, 0, 0),
            Word::UnitOrdinal(value) if room == 10 || room == 100 => {
                (group, room, is_ordinal) = (group + value, 0, true)
            }
            _ => break,
        }
        end = word_end;
        if is_ordinal {
            break;
        }
        let after = next_word(chars, end).and_then(|(from, to)| {
            let is_and = room >= 100 && chars[from..to] == ['a', 'n', 'd'];
            if is_and { next_word(chars, to) } else { Some((from, to)) }
        });
        next = after.and_then(|(from, to)| Some((self::word(&chars[from..to])?, to)));
    }
    Numeral { is_ordinal, ..Numeral::new(f64::from(total.saturating_add(group)), end) }
}

/// The word before a place, behind one space.
fn word_before(chars: &[char], from: usize) -> Option<&[char]> {
    let end = from.checked_sub(1)?;
    if !matches!(chars.get(end), Some(' ' | '-')) {
        return None;
    }
    let length = chars[..end].iter().rev().take_while(|c| c.is_ascii_alphanumeric()).count();
    (length > 0).then(|| &chars[end - length..end])
}

/// Whether `one` stands for a thing: `the blue one`, `one of them`.
fn is_pronoun(chars: &[char], from: usize, end: usize) -> bool {
    const BEFORE_NUMBER: [&str; 36] = [
        "just", "only", "want", "need", "take", "have", "for", "is", "in", "at", "of", "about", "maybe", "ill", "plus",
        "hundred", "thousand", "and", "or", "get", "like", "give", "me", "past", "to", "option", "number", "choice",
        "minus", "around", "by", "with", "us", "its", "please", "yes",
    ];
    if reads(chars, end, " of").is_some() || reads(chars, end, " day").is_some() {
        return true;
    }
    word_before(chars, from)
        .is_some_and(|before| !BEFORE_NUMBER.iter().any(|word| before.iter().copied().eq(word.chars())))
}

/// Whether `second` is a short time: `one second`.
fn is_moment(before: &[char]) -> bool {
    word_before(before, before.len()).is_some_and(|word| {
        let word: String = word.iter().collect();
        matches!(word.as_str(), "a" | "one" | "per" | "every" | "few" | "couple" | "split")
            || word.chars().all(|c| c.is_ascii_digit())
    })
}
