//! A message in the one form that word lists are matched against, and what its typography shouts.

use std::borrow::Cow;

use super::han;

/// Of a long text its head and its tail are read: what it is about, and how it ends.
const HEAD: usize = 1_500;
const TAIL: usize = 500;

/// The part of a text that is looked at: at most 2,000 characters and a line break.
pub(crate) fn window(text: &str) -> Cow<'_, str> {
    let Some((head, _)) = text.char_indices().nth(HEAD) else { return Cow::Borrowed(text) };
    let Some((tail, _)) = text.char_indices().rev().nth(TAIL - 1) else { return Cow::Borrowed(text) };
    if tail <= head { Cow::Borrowed(text) } else { Cow::Owned(format!("{}\n{}", &text[..head], &text[tail..])) }
}

/// A text in lower case, simplified Chinese, half-width forms and straight quotes, with single spaces; runs of one
/// letter or mark are cut to two.
#[derive(Debug, Default)]
pub(super) struct Folded {
    /// The form that is matched.
    pub(super) text: String,
    /// Whether words are written in capitals for force.
    pub(super) shouted: bool,
    /// The longest run of exclamation marks.
    pub(super) exclamations: usize,
    /// The longest run of question marks.
    pub(super) questions: usize,
    /// Whether a letter is drawn out: `sooo`.
    pub(super) elongated: bool,
}

impl Folded {
    pub(super) fn of(text: &str) -> Self {
        let mut folded = Self { text: String::with_capacity(text.len()), shouted: shouted(text), ..Self::default() };
        let (mut last, mut run) = ('\n', 0);
        for c in text.chars().flat_map(fold) {
            if c == last || (c == ' ' && last == '\n') {
                run += 1;
            } else if c == '\n' && last == ' ' {
                folded.text.pop();
                (last, run) = (c, 1);
                folded.text.push(c);
                continue;
            } else {
                (last, run) = (c, 1);
            }
            match c {
                '!' => folded.exclamations = folded.exclamations.max(run),
                '?' => folded.questions = folded.questions.max(run),
                c if run > 2 && c.is_ascii_lowercase() && c != 'w' && c != 'x' => folded.elongated = true,
                _ => {}
            }
            let most = if c.is_whitespace() { 1 } else { 2 };
            if run <= most && !(c.is_whitespace() && folded.text.is_empty()) {
                folded.text.push(c);
            }
        }
        folded.text.truncate(folded.text.trim_end().len());
        folded
    }
}

/// One character in the matched form; none for what is invisible.
fn fold(c: char) -> impl Iterator<Item = char> {
    let c = match c {
        '\n' | '\r' | '\u{2028}' | '\u{2029}' => Some('\n'),
        c if c.is_whitespace() => Some(' '),
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{ad}' => None,
        '\u{fe0e}' | '\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}' => None,
        c if c.is_control() => None,
        '’' | '‘' | '`' | '´' | 'ʼ' => Some('\''),
        '。' | '｡' => Some('.'),
        '、' => Some(','),
        '…' => Some('.'),
        '！'..='～' => char::from_u32(c as u32 - 0xfee0),
        c => Some(han::simplified(c)),
    };
    c.into_iter().flat_map(char::to_lowercase)
}

/// Whether at least two words, and most of them, are in capitals.
fn shouted(text: &str) -> bool {
    let (mut words, mut loud) = (0_u32, 0);
    for word in text.split(|c: char| !c.is_alphabetic()).filter(|word| word.chars().nth(2).is_some()) {
        let (mut upper, mut lower) = (0, 0);
        for c in word.chars() {
            upper += u32::from(c.is_uppercase());
            lower += u32::from(c.is_lowercase());
        }
        words += u32::from(upper + lower > 2);
        loud += u32::from(upper > 2 && lower == 0);
    }
    loud >= 2 && loud * 5 >= words * 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_for_many_ways_of_writing() {
        for (text, folded) in [
            ("  Don’t \u{200b}PANIC！！！ ", "don't panic!!"),
            ("我要轉人工。", "我要转人工."),
            ("ｓｃａｍ", "scam"),
            ("so  slow \r\n\r\n  why??????", "so slow\nwhy??"),
            ("sooooo good", "soo good"),
            ("👍🏽", "👍"),
            ("\u{0}\u{7}", ""),
        ] {
            assert_eq!(Folded::of(text).text, folded, "{text:?}");
        }
    }

    #[test]
    fn typography_is_heard() {
        assert!(Folded::of("THIS IS A JOKE").shouted);
        assert!(!Folded::of("My USB and HDMI cables have not come").shouted);
        assert!(!Folded::of("OK").shouted);
        assert!(Folded::of("sooooo slow").elongated);
        assert!(!Folded::of("www.example.com").elongated);
        assert_eq!((Folded::of("why??? now!!").questions, Folded::of("为什么！！！").exclamations), (3, 3));
    }

    #[test]
    fn a_long_text_is_read_at_both_ends() {
        let text = format!("{}{}{}", "头".repeat(1_500), "x".repeat(1_000_000), "尾".repeat(500));
        let window = window(&text);
        assert_eq!(window.chars().count(), 2_001);
        assert!(window.starts_with('头') && window.ends_with('尾') && !window.contains('x'));
        assert_eq!(super::window("short"), "short");
    }
}
