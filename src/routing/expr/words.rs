//! Words in a text: what a word is in each script, and one pass that finds the words of every rule.

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex::{Regex, RegexBuilder};

/// How much memory one compiled regular expression may take: most take little.
const PATTERN_BYTES: [usize; 3] = [16 * 1024, 64 * 1024, 256 * 1024];
/// How much memory those of all rules may take: 4,096 of the small ones, 256 of the largest.
const MAX_PATTERNS_BYTES: usize = 64 * 1024 * 1024;

/// The texts that rules look for in `message.text`, each once.
#[derive(Debug, Default)]
pub(in crate::routing) struct Needles {
    contained: BTreeMap<String, usize>,
    words: BTreeMap<String, usize>,
    /// What the regular expressions may take of memory, in bytes.
    patterns: usize,
}

impl Needles {
    /// Compiles a regular expression; `None` once those of all rules take too much memory.
    ///
    /// # Errors
    /// It is none, or takes too much memory by itself.
    pub(super) fn pattern(&mut self, source: &str) -> Result<Option<Regex>, regex::Error> {
        // A compiled expression does not say how large it is: the smallest limit that it keeps to does.
        for limit in PATTERN_BYTES {
            match RegexBuilder::new(source).size_limit(limit).dfa_size_limit(limit).build() {
                Err(regex::Error::CompiledTooBig(_)) if limit < PATTERN_BYTES[2] => {}
                Err(error) => return Err(error),
                Ok(regex) => {
                    self.patterns += limit;
                    return Ok((self.patterns <= MAX_PATTERNS_BYTES).then_some(regex));
                }
            }
        }
        Ok(None)
    }

    pub(super) fn contained(&mut self, text: &str) -> usize {
        let next = self.contained.len();
        *self.contained.entry(text.to_owned()).or_insert(next)
    }

    pub(super) fn word(&mut self, word: &str) -> usize {
        let next = self.words.len();
        *self.words.entry(fold(word)).or_insert(next)
    }
}

/// Finds all needles in a text in one pass.
#[derive(Debug, Default)]
pub(in crate::routing) struct TextIndex {
    contained: Automaton,
    words: Automaton,
}

#[derive(Debug, Default)]
struct Automaton {
    machine: Option<AhoCorasick>,
    needles: Vec<String>,
}

/// Which needles a text has, one bit each.
#[derive(Debug, Default)]
pub(in crate::routing) struct Hits(Vec<u64>);

impl Hits {
    fn none(needles: usize) -> Self {
        Self(vec![0; needles.div_ceil(64)])
    }

    fn add(&mut self, needle: usize) {
        self.0[needle / 64] |= 1 << (needle % 64);
    }

    /// The needles that the text has.
    pub(in crate::routing) fn iter(&self) -> impl Iterator<Item = usize> {
        ones(&self.0)
    }

    pub(super) fn has(&self, needle: usize) -> bool {
        self.0.get(needle / 64).is_some_and(|bits| bits >> (needle % 64) & 1 == 1)
    }
}

/// The places of the ones among many bits, rising.
pub(in crate::routing) fn ones(bits: &[u64]) -> impl Iterator<Item = usize> {
    bits.iter().enumerate().flat_map(|(block, bits)| {
        let mut rest = *bits;
        std::iter::from_fn(move || {
            let bit = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
            rest &= rest - 1;
            Some(block * 64 + bit)
        })
    })
}

impl TextIndex {
    /// Fails where the automaton would be too large.
    pub(in crate::routing) fn new(needles: Needles) -> Result<Self, aho_corasick::BuildError> {
        Ok(Self { contained: Automaton::new(needles.contained)?, words: Automaton::new(needles.words)? })
    }

    pub(super) fn contained(&self, text: &str) -> Hits {
        self.contained.search(text, |_, _| true)
    }

    pub(super) fn words(&self, text: &str) -> Hits {
        let Some(_) = self.words.machine else { return Hits::default() };
        let folded = fold(text);
        self.words.search(&folded, |start, end| stands_alone(&folded, start, end))
    }
}

impl Automaton {
    fn new(needles: BTreeMap<String, usize>) -> Result<Self, aho_corasick::BuildError> {
        let mut ordered: Vec<(usize, String)> = needles.into_iter().map(|(needle, id)| (id, needle)).collect();
        ordered.sort_unstable();
        let needles: Vec<String> = ordered.into_iter().map(|(_, needle)| needle).collect();
        let machine = (!needles.is_empty())
            .then(|| {
                AhoCorasick::builder()
                    .match_kind(MatchKind::Standard)
                    .kind(Some(AhoCorasickKind::ContiguousNFA))
                    .build(&needles)
            })
            .transpose()?;
        Ok(Self { machine, needles })
    }

    fn search(&self, text: &str, counts: impl Fn(usize, usize) -> bool) -> Hits {
        let mut hits = Hits::none(self.needles.len());
        for found in self.machine.iter().flat_map(|machine| machine.find_overlapping_iter(text)) {
            let needle = found.pattern().as_usize();
            if !hits.has(needle) && counts(found.start(), found.end()) {
                hits.add(needle);
            }
        }
        hits
    }
}

/// Whether a text has any of these words.
///
/// Case does not matter. In scripts that put spaces between words a word must stand alone: `ill` is not in "bill".
/// In those that do not (Chinese, Japanese, Thai, …) and in Korean, which joins particles to words, it may stand
/// anywhere: 退货 is in 怎么退货.
pub(super) fn any_word<'w>(text: &str, words: impl IntoIterator<Item = &'w str>) -> bool {
    let text = fold(text);
    words.into_iter().any(|word| {
        let word = fold(word);
        let mut from = 0;
        while let Some(at) = text[from..].find(&word) {
            let start = from + at;
            if stands_alone(&text, start, start + word.len()) {
                return true;
            }
            from = start + text[start..].chars().next().map_or(1, char::len_utf8);
        }
        false
    })
}

/// Lower case in every script, and full-width letters and digits as the plain ones.
fn fold(text: &str) -> String {
    let narrow = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        c => c,
    };
    if text.is_ascii() {
        text.to_ascii_lowercase()
    } else {
        text.chars().map(narrow).flat_map(char::to_lowercase).collect()
    }
}

fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let (Some(before), Some(word), Some(after)) = (text.get(..start), text.get(start..end), text.get(end..)) else {
        return false;
    };
    let joined = |a: Option<char>, b: Option<char>| a.is_some_and(is_spaced) && b.is_some_and(is_spaced);
    !joined(before.chars().next_back(), word.chars().next()) && !joined(word.chars().next_back(), after.chars().next())
}

/// A letter or digit of a script that puts spaces between words.
fn is_spaced(c: char) -> bool {
    let unspaced = matches!(c,
        '\u{0e00}'..='\u{0eff}'     // Thai, Lao
        | '\u{1000}'..='\u{109f}'   // Myanmar
        | '\u{1780}'..='\u{17ff}'   // Khmer
        | '\u{1100}'..='\u{11ff}'   // Hangul Jamo
        | '\u{3040}'..='\u{31ff}'   // kana, Bopomofo, Hangul compatibility Jamo
        | '\u{3400}'..='\u{9fff}'   // Han
        | '\u{ac00}'..='\u{d7af}'   // Hangul
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}'
    );
    c.is_alphanumeric() && !unspaced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stands_alone_where_its_script_has_spaces() {
        for (text, word, found) in [
            ("My bill is wrong", "ill", false),
            ("I am ILL.", "ill", true),
            ("refund!", "refund", true),
            ("refunds", "refund", false),
            ("no re-fund", "fund", true),
            ("怎么退货？", "退货", true),
            ("我要VIP退款", "vip", true),
            ("ＶＩＰ客户", "vip", true),
            ("ÄRGER", "ärger", true),
            ("a person please", "a person", true),
            ("상담원을 원해요", "상담원", true),
            ("", "x", false),
        ] {
            assert_eq!(any_word(text, [word]), found, "{word} in {text}");
            let mut needles = Needles::default();
            let id = needles.word(word);
            assert_eq!(TextIndex::new(needles).unwrap().words(text).has(id), found, "{word} in {text}, indexed");
        }
    }
}
