//! A message in the one form that the model reads: folded characters, cut into tokens, and what its typography shouts.

use std::{collections::HashSet, sync::LazyLock};

use crate::{
    features::{hash_of, hash_on},
    han,
    plain::Plain,
};

/// Of a long text its head and its tail are read: what it is about, and how it ends.
const HEAD: usize = 1_500;
const TAIL: usize = 500;

/// The part of a text that is looked at: at most 2,000 characters and a line break.
#[must_use]
pub fn window(text: &str) -> std::borrow::Cow<'_, str> {
    use std::borrow::Cow;
    if text.len() <= HEAD {
        return Cow::Borrowed(text);
    }
    let Some((head, _)) = text.char_indices().nth(HEAD) else { return Cow::Borrowed(text) };
    let Some((tail, _)) = text.char_indices().rev().nth(TAIL - 1) else { return Cow::Borrowed(text) };
    if tail <= head { Cow::Borrowed(text) } else { Cow::Owned(format!("{}\n{}", &text[..head], &text[tail..])) }
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A word of an alphabetic script, or a number.
    Word,
    /// Characters of a script without spaces between words.
    Run,
    /// An emoji or a mark that means something by itself.
    Sign,
    /// The end of a clause.
    Stop,
}

/// A part of the folded text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Its first character.
    pub start: u32,
    /// Behind its last character.
    pub end: u32,
    /// Of what it says: numbers of as many digits, addresses and names after `@` are all the same.
    pub hash: u32,
    /// Whether it takes back what follows: `not`, `nicht`.
    pub negates: bool,
}

/// A text in lower case, simplified Chinese, half-width forms and straight quotes, with single spaces; runs of one
/// letter or mark are cut to two.
#[derive(Debug, Default)]
pub struct Folded {
    /// The characters.
    pub chars: Vec<char>,
    /// Its tokens, in order.
    pub tokens: Vec<Token>,
    /// Whether words are written in capitals for force.
    pub shouted: bool,
    /// The longest run of exclamation marks.
    pub exclamations: u32,
    /// The longest run of question marks.
    pub questions: u32,
    /// Whether a letter is drawn out: `sooo`.
    pub elongated: bool,
    /// Whether it trails off.
    pub dots: bool,
    /// Whether there are characters beyond ASCII in it.
    pub beyond_ascii: bool,
}

impl Folded {
    /// Reads a text. Linear in its length, which the caller bounds.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut folded = Self::default();
        folded.read(text);
        folded
    }

    /// Whether it is written, in part, in a script without spaces between words.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.beyond_ascii && self.tokens.iter().any(|token| token.kind == Kind::Run)
    }

    /// The same in the memory of another one.
    pub fn read(&mut self, text: &str) {
        let (mut chars, mut tokens) = (std::mem::take(&mut self.chars), std::mem::take(&mut self.tokens));
        chars.clear();
        tokens.clear();
        *self = Self { chars, tokens, ..Self::default() };
        self.fold(text);
        self.cut();
    }

    fn between(&self, start: u32, end: u32) -> &[char] {
        &self.chars[start as usize..end as usize]
    }

    /// The texts of the first few stretches, each text once.
    pub(crate) fn texts<const MOST: usize>(&self, stretches: impl IntoIterator<Item = (u32, u32)>) -> Vec<String> {
        let (mut few, mut count) = ([[].as_slice(); MOST], 0);
        for (start, end) in stretches {
            let text = self.between(start, end);
            if !few[..count].contains(&text) {
                few[count] = text;
                count += 1;
                if count == MOST {
                    break;
                }
            }
        }
        few[..count].iter().map(|chars| text(chars)).collect()
    }

    fn fold(&mut self, text: &str) {
        let mut chars = std::mem::take(&mut self.chars);
        chars.reserve(text.len());
        let (mut last, mut run) = (' ', 1_u32);
        let mut voice = Voice::default();
        for c in text.chars() {
            if c.is_ascii_lowercase() && c != last {
                (last, run) = (c, 1);
                voice.lower += 1;
                chars.push(c);
                continue;
            }
            if c == ' ' && last != ' ' {
                (last, run) = (c, 1);
                voice.end_word();
                chars.push(c);
                continue;
            }
            if c.is_ascii_uppercase() {
                voice.upper += 1;
            } else if is_letter(c) {
                voice.lower += 1;
            } else {
                voice.end_word();
            }
            let c = if c.is_ascii() { ascii(c) } else { other(c) };
            let Some(c) = c else { continue };
            run = if c == last { run + 1 } else { 1 };
            last = c;
            match c {
                '!' => self.exclamations = self.exclamations.max(run),
                '?' => self.questions = self.questions.max(run),
                '.' => self.dots |= run > 1,
                c if run > 2 && c.is_ascii_lowercase() && c != 'w' && c != 'x' => self.elongated = true,
                _ => {}
            }
            let most = if c == ' ' || c == '\n' {
                1
            } else if c.is_ascii_digit() {
                u32::MAX
            } else {
                2
            };
            if run <= most {
                if c.is_ascii() || han::is_han(c) || c.is_lowercase() {
                    chars.push(c);
                } else {
                    chars.extend(c.to_lowercase());
                }
                self.beyond_ascii |= !c.is_ascii();
            }
        }
        voice.end_word();
        self.shouted = voice.is_loud();
        while chars.last().is_some_and(|c| c.is_whitespace()) {
            chars.pop();
        }
        self.chars = chars;
    }

    fn cut(&mut self) {
        let mut tokens = std::mem::take(&mut self.tokens);
        tokens.reserve(self.chars.len() / 4 + 4);
        let chars = &self.chars;
        let mut at = 0;
        while at < chars.len() {
            let start = at;
            let class = Class::of(chars[at]);
            at += 1;
            let (kind, hash) = match class {
                Class::Space => continue,
                Class::Letter => {
                    let mut hash = hash_of(&chars[start..=start]);
                    while let Some(c) = chars.get(at).copied().filter(|c| is_of_word(*c)) {
                        hash = hash_on(hash, c);
                        at += 1;
                    }
                    match address(chars, start, at) {
                        Some(end) => {
                            at = end;
                            (Kind::Word, ADDRESS)
                        }
                        None => (Kind::Word, hash),
                    }
                }
                Class::Digit => {
                    at = span(chars, at, |c| c.is_ascii_digit() || matches!(c, '.' | ',' | ':' | '-'));
                    let digits = chars[start..at].iter().filter(|c| c.is_ascii_digit()).count();
                    (Kind::Word, NUMBER + u32::try_from(digits.min(7)).unwrap_or(7))
                }
                Class::At if chars.get(at).is_some_and(|c| Class::of(*c) == Class::Letter) => {
                    at = span(chars, at, |c| matches!(Class::of(c), Class::Letter | Class::Digit) || c == '_');
                    (Kind::Sign, MENTION)
                }
                Class::Run => {
                    at = span(chars, at, |c| Class::of(c) == Class::Run);
                    (Kind::Run, hash_of(&chars[start..at]))
                }
                Class::Sign | Class::At => (Kind::Sign, chars[start] as u32),
                Class::Stop => (Kind::Stop, 0),
            };
            let negates = kind == Kind::Word && negates(&chars[start..at], hash);
            let (start, end) = (u32::try_from(start).unwrap_or(0), u32::try_from(at).unwrap_or(0));
            tokens.push(Token { kind, start, end, hash, negates });
        }
        self.tokens = tokens;
    }
}

/// How many words of three letters and more are written in capitals.
#[derive(Default)]
struct Voice {
    /// Letters of the word that is read.
    upper: u32,
    lower: u32,
    words: u32,
    loud: u32,
}

impl Voice {
    fn end_word(&mut self) {
        self.words += u32::from(self.upper + self.lower > 2);
        self.loud += u32::from(self.upper > 2 && self.lower == 0);
        (self.upper, self.lower) = (0, 0);
    }

    const fn is_loud(&self) -> bool {
        self.loud >= 2 && self.loud * 5 >= self.words * 2
    }
}

fn text(chars: &[char]) -> String {
    let mut text = String::with_capacity(chars.iter().map(|c| c.len_utf8()).sum());
    for c in chars {
        text.push(*c);
    }
    text
}

const NUMBER: u32 = 0x51ed_270b;
const ADDRESS: u32 = 0x2c1b_3c6d;
const MENTION: u32 = 0x297a_2d39;

fn is_of_word(c: char) -> bool {
    matches!(Class::of(c), Class::Letter | Class::Digit) || c == '\''
}

fn span(chars: &[char], from: usize, holds: impl Fn(char) -> bool) -> usize {
    chars[from..].iter().position(|c| !holds(*c)).map_or(chars.len(), |length| from + length)
}

/// Where a link or a mail address ends that begins with this word.
fn address(chars: &[char], from: usize, end: usize) -> Option<usize> {
    let next = *chars.get(end)?;
    if !matches!(next, ':' | '.' | '@' | '_' | '-' | '+') {
        return None;
    }
    let is = |word: &str| chars[from..end].iter().copied().eq(word.chars());
    if (next == ':' && (is("http") || is("https"))) || (next == '.' && is("www")) {
        return Some(span(chars, from, |c| c.is_ascii_graphic()));
    }
    let local = span(chars, from, |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+'));
    let domain = chars.get(local) == Some(&'@') && chars.get(local + 1).is_some_and(|c| c.is_ascii_alphanumeric());
    domain.then(|| span(chars, local + 1, |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    Digit,
    Run,
    Sign,
    Stop,
    At,
    Space,
}

/// The classes of ASCII: most characters are asked for theirs several times.
static ASCII: [Class; 128] = {
    let mut classes = [Class::Space; 128];
    let mut at = 0;
    while at < classes.len() {
        #[expect(clippy::cast_possible_truncation, reason = "below 128")]
        let c = at as u8 as char;
        classes[at] = match c {
            'a'..='z' => Class::Letter,
            '0'..='9' => Class::Digit,
            '.' | ',' | ';' | ':' | '\n' => Class::Stop,
            '@' => Class::At,
            '!' | '?' | '#' | '$' | '%' | '+' | '*' | '~' | '^' | '=' | '<' | '>' | '/' => Class::Sign,
            _ => Class::Space,
        };
        at += 1;
    }
    classes
};

impl Class {
    #[inline]
    fn of(c: char) -> Self {
        match ASCII.get(c as usize) {
            Some(class) => *class,
            None => Self::beyond(c),
        }
    }

    fn beyond(c: char) -> Self {
        match c {
            c if han::is_han(c) => Self::Run,
            '\u{3041}'..='\u{30ff}'
            | '\u{e00}'..='\u{e7f}'
            | '\u{e80}'..='\u{eff}'
            | '\u{1000}'..='\u{109f}'
            | '\u{1780}'..='\u{17ff}' => Self::Run,
            '\u{300}'..='\u{36f}' | '\u{900}'..='\u{dff}' | '\u{64b}'..='\u{65f}' => Self::Letter,
            c if c.is_alphanumeric() => Self::Letter,
            c if c as u32 >= 0x2190 => Self::Sign,
            '€' | '£' | '¥' | '¿' | '¡' => Self::Sign,
            _ => Self::Space,
        }
    }
}

/// Whether a character that is no capital is a letter.
fn is_letter(c: char) -> bool {
    match c {
        'a'..='z' | '\u{4e00}'..='\u{9fff}' => true,
        // Signs that are common in Chinese and in print.
        '\0'..='\u{7f}' | '\u{2000}'..='\u{206f}' | '\u{3000}'..='\u{3004}' | '\u{ff00}'..='\u{ff20}' => false,
        c => c.is_alphabetic(),
    }
}

const fn ascii(c: char) -> Option<char> {
    match c {
        'A'..='Z' => Some(c.to_ascii_lowercase()),
        '\n' | '\r' => Some('\n'),
        '\t' => Some(' '),
        '`' => Some('\''),
        c if c.is_ascii_control() => None,
        c => Some(c),
    }
}

/// A character beyond ASCII in the folded form; none for what is invisible.
fn other(c: char) -> Option<char> {
    match c {
        '\u{2028}' | '\u{2029}' | '\u{85}' => Some('\n'),
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{ad}' => None,
        '\u{fe0e}' | '\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}' => None,
        '\u{80}'..='\u{9f}' => None,
        '’' | '‘' | '´' | 'ʼ' => Some('\''),
        '“' | '”' => Some('"'),
        '。' | '｡' => Some('.'),
        '、' => Some(','),
        '…' => Some('.'),
        '！'..='～' => char::from_u32(c as u32 - 0xfee0).map(|c| c.to_ascii_lowercase()),
        c if c.is_whitespace() => Some(' '),
        c => Some(han::simplified(c)),
    }
}

/// Words that take back what follows, in the languages of the model.
const NEGATIONS: [&str; 27] = [
    "not", "no", "never", "cannot", "cant", "dont", "doesnt", "didnt", "isnt", "wasnt", "wont", "without", "nothing",
    "none", "nor", "neither", "hardly", "barely", "nicht", "kein", "keine", "pas", "jamais", "não", "nunca", "non",
    "не",
];

/// Their hashes.
static NEGATION_HASHES: LazyLock<HashSet<u32, Plain>> =
    LazyLock::new(|| NEGATIONS.iter().map(|word| hash_of(&word.chars().collect::<Vec<_>>())).collect());

fn negates(word: &[char], hash: u32) -> bool {
    word.ends_with(&['n', '\'', 't']) || NEGATION_HASHES.contains(&hash)
}

impl Token {
    /// Whether it is language, not an address, a name after `@`, or an emoji.
    #[must_use]
    pub const fn is_prose(&self) -> bool {
        matches!(self.kind, Kind::Word | Kind::Run) && self.hash != ADDRESS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_quickly_of_a_letter_is_what_unicode_says() {
        for c in ('\0'..=char::MAX).filter(|c| !c.is_ascii_uppercase()) {
            assert_eq!(is_letter(c), c.is_alphabetic(), "{c:?}");
        }
    }
}
