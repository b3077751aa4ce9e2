//! Words with one slip of the hand: a letter left out, doubled, too many, or two in the wrong order.

use std::hash::{DefaultHasher, Hash, Hasher};

/// The shortest word that is corrected, in letters.
const LEAST: usize = 5;

/// From how many letters on one may be another: shorter words are too often words of their own (*better*, *batter*).
const LEAST_FOR_ANOTHER: usize = 8;

/// The words that are known, and their neighbours.
///
/// Two words that are one slip apart are equal, or become equal by taking at most one letter out of each
/// (the symmetric deletions of W. Garbe's SymSpell), so neighbours are found by look-ups.
pub(super) struct Spelling {
    words: Vec<String>,
    /// Hashes of each word and of what is left of it without one of its letters; with its place in `words`. Sorted.
    rests: Vec<(u64, u32)>,
}

impl Spelling {
    pub(super) fn new<'a>(words: impl Iterator<Item = &'a str>) -> Self {
        let mut words: Vec<String> = words.filter(|word| is_correctable(word, LEAST - 1)).map(str::to_owned).collect();
        words.sort_unstable();
        words.dedup();
        let mut rests = Vec::new();
        for (place, word) in (0_u32..).zip(&words) {
            rests.extend(rests_of(word).map(|rest| (rest, place)));
        }
        rests.sort_unstable();
        rests.dedup();
        Self { words, rests }
    }

    /// The known word that was meant, if one is near; the first of several by the alphabet.
    pub(super) fn meant(&self, word: &str) -> Option<&str> {
        if !is_correctable(word, LEAST) {
            return None;
        }
        let places = rests_of(word).flat_map(|rest| {
            let from = self.rests.partition_point(|(known, _)| *known < rest);
            self.rests[from..].iter().take_while(move |(known, _)| *known == rest).map(|(_, place)| *place)
        });
        let known = places.filter_map(|place| self.words.get(usize::try_from(place).ok()?));
        known.filter(|known| is_slip(word, known)).min().map(String::as_str)
    }
}

fn is_correctable(word: &str, least: usize) -> bool {
    word.len() >= least && word.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn is_slip(written: &str, known: &str) -> bool {
    if written.as_bytes().first() != known.as_bytes().first() || strsim::osa_distance(written, known) != 1 {
        return false;
    }
    let letters = |word: &str| {
        let mut letters = word.as_bytes().to_vec();
        letters.sort_unstable();
        letters
    };
    written.len() != known.len() || written.len() >= LEAST_FOR_ANOTHER || letters(written) == letters(known)
}

fn rests_of(word: &str) -> impl Iterator<Item = u64> {
    let whole = std::iter::once(hash(word, ""));
    whole.chain((0..word.len()).map(|at| hash(&word[..at], &word[at + 1..])))
}

fn hash(head: &str, tail: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    head.bytes().chain(tail.bytes()).for_each(|byte| byte.hash(&mut hasher));
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slip_is_forgiven() {
        let spelling = Spelling::new(["account", "discount", "battery", "return", "reschedul", "part1"].into_iter());
        for (written, meant) in [
            ("acount", Some("account")),
            ("discout", Some("discount")),
            ("retrun", Some("return")),
            ("returrn", Some("return")),
            ("resheduling", None),
            ("reshedul", Some("reschedul")),
            ("discoumt", Some("discount")),
            ("bettery", None),
            ("eturn", None),
            ("retur", Some("return")),
            ("retu", None),
            ("part2", None),
            ("", None),
        ] {
            assert_eq!(spelling.meant(written), meant, "{written}");
        }
    }
}
