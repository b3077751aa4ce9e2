//! What the model sees of a message: hashed n-grams of words and letters, in one pass over the folded text.
//!
//! Words give their 1- to 3-grams; alphabetic words also their 3- to 5-letter pieces, with their ends marked; Chinese,
//! Japanese and Thai, written without spaces, give 1- to 4-grams of characters and need no segmenter. A word in the scope
//! of a negation counts a second time as its own contrary. The scheme is that of hashed linear classifiers (Joulin et al.
//! 2016, "Bag of Tricks for Efficient Text Classification"; Weinberger et al. 2009, "Feature Hashing").

use crate::folded::{Folded, Kind, Token};

/// Which family a feature is of; each is brought to the same length, so that long messages do not shout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// N-grams of words, negations and marks.
    Words = 0,
    /// Pieces of words and runs of characters.
    Letters = 1,
}

/// One feature: its hash, and the characters of the folded text that it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feature {
    /// Its family.
    pub group: Group,
    /// Well mixed: any bits of it are a bucket.
    pub hash: u32,
    /// The first character.
    pub start: u32,
    /// Behind the last character.
    pub end: u32,
}

const BEGIN: u32 = 0x9e37_79b9;
const END: u32 = 0x85eb_ca6b;
const NEGATED: u32 = 0x27d4_eb2f;
const WORD: u32 = 0x1656_67b1;
const PIECE: u32 = 0xc2b2_ae35;
const RUN: u32 = 0x2545_f491;
const TYPOGRAPHY: u32 = 0x6c07_8965;

/// How many words, or characters of Chinese, a negation reaches.
const SCOPE: usize = 3;
/// Longer words are read to here.
const LONGEST_WORD: usize = 24;

const fn step(hash: u32, value: u32) -> u32 {
    (hash ^ value).wrapping_mul(0x0100_0193).rotate_left(13)
}

const fn mixed(hash: u32) -> u32 {
    (hash as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(20) as u32 ^ hash >> 15
}

/// Calls `found` for every feature of a text.
pub fn features(folded: &Folded, mut found: impl FnMut(Feature)) {
    typography(folded, &mut found);
    words(folded, &mut found);
    for token in &folded.tokens {
        match token.kind {
            Kind::Word => pieces(letters(folded, token), |piece| {
                found(Feature { start: token.start + piece.start, end: token.start + piece.end, ..piece });
            }),
            Kind::Run => run(folded, token, &mut found),
            Kind::Sign | Kind::Stop => {}
        }
    }
}

/// The n-grams of the text as a whole, which no single word has: its typography, its words in a row, its characters in a
/// row.
pub(crate) fn across(folded: &Folded, mut found: impl FnMut(Feature)) {
    typography(folded, &mut found);
    words(folded, &mut found);
    for token in folded.tokens.iter().filter(|token| token.kind == Kind::Run) {
        run(folded, token, &mut found);
    }
}

fn typography(folded: &Folded, found: &mut impl FnMut(Feature)) {
    let length = folded.chars.len().max(1).ilog2();
    let marks = [
        (true, 100 + length),
        (folded.shouted, 1),
        (folded.exclamations == 1, 2),
        (folded.exclamations > 1, 3),
        (folded.questions == 1, 4),
        (folded.questions > 1, 5),
        (folded.questions > 0 && folded.exclamations > 0, 6),
        (folded.elongated, 7),
        (folded.dots, 8),
    ];
    for (_, mark) in marks.iter().filter(|(holds, _)| *holds) {
        found(Feature { group: Group::Words, hash: mixed(step(TYPOGRAPHY, *mark)), start: 0, end: 0 });
    }
}

fn words(folded: &Folded, found: &mut impl FnMut(Feature)) {
    let (mut before, mut last) = ((BEGIN, 0), (BEGIN, 0));
    let mut negated = 0;
    let mut emit = |hash, start, end| found(Feature { group: Group::Words, hash: mixed(hash), start, end });
    for token in &folded.tokens {
        let hash = match token.kind {
            Kind::Stop => {
                negated = 0;
                continue;
            }
            Kind::Word | Kind::Sign => step(WORD, token.hash),
            // What stands next to characters without spaces is told by its first and last ones.
            Kind::Run => step(RUN, token.hash),
        };
        if token.kind != Kind::Run {
            emit(hash, token.start, token.end);
            if negated > 0 {
                negated -= 1;
                emit(step(NEGATED, hash), token.start, token.end);
            }
            if token.negates {
                negated = SCOPE;
            }
        }
        emit(step(last.0, hash), last.1, token.end);
        emit(step(step(before.0, last.0), hash), before.1, token.end);
        (before, last) = (last, (hash, token.start));
    }
    if last.0 != BEGIN {
        emit(step(last.0, END), last.1, u32::try_from(folded.chars.len()).unwrap_or(u32::MAX));
    }
}

/// What is read of a word: its first letters.
pub(crate) fn letters<'a>(folded: &'a Folded, word: &Token) -> &'a [char] {
    let (start, end) = (word.start as usize, word.end as usize);
    &folded.chars[start..end.min(start + LONGEST_WORD)]
}

/// The pieces of a word of at most [`LONGEST_WORD`] letters; where each begins and ends in it.
pub(crate) fn pieces(letters: &[char], found: impl FnMut(Feature)) {
    if letters.first().is_some_and(|c| is_syllable(*c)) {
        pieces_of::<2, 3>(letters, found);
    } else {
        pieces_of::<3, 5>(letters, found);
    }
}

fn pieces_of<const SHORTEST: usize, const LONGEST: usize>(letters: &[char], mut found: impl FnMut(Feature)) {
    let mut marked = ['>'; LONGEST_WORD + 2];
    marked[0] = '<';
    marked[1..=letters.len()].copy_from_slice(letters);
    let marked = &marked[..letters.len() + 2];
    #[expect(clippy::cast_possible_truncation, reason = "a word is short")]
    for first in 0..marked.len().saturating_sub(SHORTEST - 1) {
        let start = first.saturating_sub(1) as u32;
        let mut hash = PIECE;
        for length in 1..=LONGEST {
            let Some(c) = marked.get(first + length - 1) else { break };
            hash = step(hash, *c as u32);
            if length >= SHORTEST {
                let end = (first + length - 1).min(letters.len()) as u32;
                found(Feature { group: Group::Letters, hash: mixed(hash), start, end });
            }
        }
    }
}

fn run(folded: &Folded, token: &Token, found: &mut impl FnMut(Feature)) {
    const LONGEST: usize = 4;
    let characters = &folded.chars[token.start as usize..token.end as usize];
    let mut negated = 0;
    for first in 0..characters.len() {
        let start = token.start + u32::try_from(first).unwrap_or(0);
        let mut hash = RUN;
        for (length, c) in (1..).zip(characters[first..].iter().take(LONGEST)) {
            hash = step(hash, *c as u32);
            let feature = Feature { group: Group::Letters, hash: mixed(hash), start, end: start + length };
            found(feature);
            if negated > 0 && length <= 2 {
                found(Feature { hash: mixed(step(NEGATED, hash)), ..feature });
            }
        }
        let negates = matches!(characters[first], '不' | '没' | '别' | '未' | '无');
        negated = if negates { SCOPE } else { usize::saturating_sub(negated, 1) };
    }
    // How a message in such a script begins and ends.
    if token.start == 0 {
        let hash = characters.iter().take(2).fold(BEGIN, |hash, c| step(hash, *c as u32));
        found(Feature { group: Group::Letters, hash: mixed(hash), start: 0, end: 2.min(token.end) });
    }
    if token.end as usize == folded.chars.len() {
        let tail = &characters[characters.len().saturating_sub(2)..];
        let hash = tail.iter().fold(END, |hash, c| step(hash, *c as u32));
        found(Feature { group: Group::Letters, hash: mixed(hash), start: token.end.saturating_sub(2), end: token.end });
    }
}

/// Hangul writes a syllable as one character, so fewer of them say as much.
const fn is_syllable(c: char) -> bool {
    matches!(c, '\u{ac00}'..='\u{d7a3}')
}

/// The hash of a token's text.
pub(crate) fn hash_of(characters: &[char]) -> u32 {
    characters.iter().fold(0x811c_9dc5, |hash, c| hash_on(hash, *c))
}

/// The hash of a token's text with one more character.
pub(crate) const fn hash_on(hash: u32, c: char) -> u32 {
    step(hash, c as u32)
}
