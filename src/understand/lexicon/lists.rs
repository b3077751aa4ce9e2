//! The word lists, compiled to one automaton, and what they find in a text.

use std::{
    collections::HashMap,
    fmt::Write as _,
    ops::{Index, IndexMut},
    sync::LazyLock,
};

use aho_corasick::AhoCorasick;
use sha2::{Digest, Sha256};

use super::super::{folded::Folded, han};

const SOURCES: [&str; 3] = [include_str!("en.txt"), include_str!("zh.txt"), include_str!("signs.txt")];

/// The language lists decide what is covered, so they are part of the model too.
const LANGUAGE_SOURCES: [&str; 2] = [include_str!("../language/words.txt"), include_str!("../language/han.txt")];

static EMBEDDED: LazyLock<Lists> = LazyLock::new(|| Lists::compile(&SOURCES));

/// What a phrase says something about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Head {
    Sentiment,
    Negation,
    Strength,
    Contrast,
    Softener,
    WantsHuman,
    Urgency,
    Complaint,
    ChurnRisk,
    Automatic,
    AutomaticSubject,
}

const HEADS: [(&str, Head); 11] = [
    ("sentiment", Head::Sentiment),
    ("negation", Head::Negation),
    ("strength", Head::Strength),
    ("contrast", Head::Contrast),
    ("softener", Head::Softener),
    ("wants_human", Head::WantsHuman),
    ("urgency", Head::Urgency),
    ("complaint", Head::Complaint),
    ("churn_risk", Head::ChurnRisk),
    ("automatic", Head::Automatic),
    ("automatic_subject", Head::AutomaticSubject),
];

/// A phrase at a place in the text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Hit {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) weight: f32,
}

/// The hits of each head in the order of the text; they do not overlap.
#[derive(Debug, Default)]
pub(super) struct Hits([Vec<Hit>; HEADS.len()]);

impl Index<Head> for Hits {
    type Output = Vec<Hit>;

    fn index(&self, head: Head) -> &Vec<Hit> {
        &self.0[head as usize]
    }
}

impl IndexMut<Head> for Hits {
    fn index_mut(&mut self, head: Head) -> &mut Vec<Hit> {
        &mut self.0[head as usize]
    }
}

/// What one phrase means for one head.
#[derive(Debug, Clone, Copy)]
struct Entry {
    head: Head,
    weight: f32,
    at_line_start: bool,
    at_line_end: bool,
}

/// The compiled lists.
pub(super) struct Lists {
    /// Name and version: changes with every change of the lists.
    pub(super) model: String,
    automaton: Option<AhoCorasick>,
    /// The meanings of each of the automaton's patterns.
    entries: Vec<Vec<Entry>>,
}

impl Lists {
    pub(super) fn embedded() -> &'static Self {
        &EMBEDDED
    }

    fn compile(sources: &[&str]) -> Self {
        let mut phrases: HashMap<String, Vec<Entry>> = HashMap::new();
        for (phrase, entry) in sources.iter().flat_map(|source| parse(source)) {
            let entries = phrases.entry(phrase).or_default();
            // The first list that names a phrase for a head is right.
            if !entries.iter().any(|known| {
                (known.head, known.at_line_start, known.at_line_end)
                    == (entry.head, entry.at_line_start, entry.at_line_end)
            }) {
                entries.push(entry);
            }
        }
        let (patterns, entries): (Vec<_>, Vec<_>) = phrases.into_iter().unzip();
        let digest = sources.iter().chain(&LANGUAGE_SOURCES).fold(Sha256::new(), Sha256::chain_update).finalize();
        let mut model = String::from("lexicon-1.");
        for byte in &digest[..4] {
            let _ = write!(model, "{byte:02x}");
        }
        Self { model, automaton: AhoCorasick::new(patterns).ok(), entries }
    }

    /// The hits in a folded text: at whole words, leftmost and longest for each head.
    pub(super) fn hits(&self, text: &str) -> Hits {
        let mut hits = Hits::default();
        let Some(automaton) = &self.automaton else { return hits };
        for found in automaton.find_overlapping_iter(text) {
            let (start, end) = (found.start(), found.end());
            if !stands_alone(text, start, end) {
                continue;
            }
            for entry in &self.entries[found.pattern().as_usize()] {
                if (!entry.at_line_start || starts_line(text, start)) && (!entry.at_line_end || ends_line(text, end)) {
                    hits[entry.head].push(Hit { start, end, weight: entry.weight });
                }
            }
        }
        for hits in &mut hits.0 {
            hits.sort_unstable_by(|a, b| a.start.cmp(&b.start).then(b.end.cmp(&a.end)));
            let mut free = 0;
            hits.retain(|hit| {
                let first = hit.start >= free;
                free = if first { hit.end } else { free };
                first
            });
            hits.retain(|hit| hit.weight != 0.0);
        }
        hits
    }
}

/// The phrases of a list with their meanings; a line that is none is passed over (a test holds that there is none).
fn parse(source: &str) -> impl Iterator<Item = (String, Entry)> {
    let mut head = None;
    source.lines().flat_map(move |line| {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            head = HEADS.iter().find(|(known, _)| *known == name).map(|(_, head)| *head);
        }
        let parsed = line.split_once(": ").and_then(|(weight, phrases)| Some((head?, weight.parse().ok()?, phrases)));
        parsed.into_iter().flat_map(|(head, weight, phrases)| {
            phrases.split(" | ").flat_map(expand).filter_map(move |phrase| entry(head, weight, &phrase))
        })
    })
}

fn entry(head: Head, weight: f32, phrase: &str) -> Option<(String, Entry)> {
    let (phrase, at_line_start) = phrase.strip_prefix('^').map_or((phrase, false), |phrase| (phrase, true));
    let (phrase, at_line_end) = phrase.strip_suffix('$').map_or((phrase, false), |phrase| (phrase, true));
    // `^^` is a smile.
    let (phrase, at_line_start) = if phrase == "^" { ("^^", false) } else { (phrase, at_line_start) };
    let phrase = Folded::of(phrase).text;
    (!phrase.is_empty()).then_some((phrase, Entry { head, weight, at_line_start, at_line_end }))
}

/// Every reading of `talk (to/with) (a /)person`; groups may stand in groups.
fn expand(phrase: &str) -> Vec<String> {
    let Some((open, choices, close)) = group(phrase) else { return vec![phrase.to_owned()] };
    let rest = expand(&phrase[close + 1..]);
    let mut all = Vec::new();
    for choice in choices.into_iter().flat_map(expand) {
        all.extend(rest.iter().map(|rest| format!("{}{choice}{rest}", &phrase[..open])));
    }
    all
}

/// The first group of choices and where it begins and ends.
fn group(phrase: &str) -> Option<(usize, Vec<&str>, usize)> {
    let open = phrase.find('(')?;
    let (mut depth, mut from, mut choices) = (0, open + 1, Vec::new());
    for (at, c) in phrase.char_indices().skip_while(|(at, _)| *at < open) {
        match c {
            '(' => depth += 1,
            '/' if depth == 1 => {
                choices.push(&phrase[from..at]);
                from = at + 1;
            }
            ')' if depth == 1 => {
                choices.push(&phrase[from..at]);
                return (choices.len() > 1).then_some((open, choices, at));
            }
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Whether no word of an alphabet goes on across either end.
fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let joined = |at: usize| {
        let (before, after) = (text[..at].chars().next_back(), text[at..].chars().next());
        match (before, after) {
            (Some(before), Some(after)) if in_word(before) && in_word(after) => true,
            // "can" does not stand in "can't".
            (Some(before), Some('\'')) if in_word(before) => text[at + 1..].chars().next().is_some_and(in_word),
            _ => false,
        }
    };
    !joined(start) && !joined(end)
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() && !han::is_han(c)
}

fn starts_line(text: &str, at: usize) -> bool {
    text[..at].chars().rev().take_while(|c| *c != '\n').take(20).all(|c| !c.is_alphanumeric())
}

fn ends_line(text: &str, at: usize) -> bool {
    text[at..].chars().take_while(|c| *c != '\n').take(20).all(|c| !c.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_lists_is_understood() {
        for source in SOURCES {
            let mut head = false;
            for (number, line) in
                source.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
            {
                if let Some(name) = line.strip_prefix('[') {
                    head = HEADS.iter().any(|(known, _)| Some(*known) == name.strip_suffix(']'));
                    assert!(head, "{line}");
                    continue;
                }
                let weight = line.split_once(": ").and_then(|(weight, _)| weight.parse::<f32>().ok());
                assert!(head && weight.is_some_and(|weight| (-4.0..=4.0).contains(&weight)), "line {}", number + 1);
                assert!(!line.contains(" |  | ") && !line.ends_with('|'), "line {}", number + 1);
                for phrase in line.split(" | ").flat_map(expand) {
                    let signs = std::ptr::eq(source, SOURCES[2]);
                    assert!(signs || !phrase.contains(['(', ')', '|']), "{phrase}");
                }
            }
        }
        let automaton = Lists::embedded().automaton.as_ref().expect("the lists compile");
        // Groups multiply: a careless one makes millions of phrases.
        assert!(automaton.patterns_len() < 12_000, "{} phrases", automaton.patterns_len());
        assert!(automaton.memory_usage() < 4 << 20, "{} bytes", automaton.memory_usage());
    }

    #[test]
    fn phrases_expand() {
        assert_eq!(expand("(a /)b(c/d)"), ["a bc", "a bd", "bc", "bd"]);
        assert_eq!(expand("a (b/c (d/e))"), ["a b", "a c d", "a c e"]);
        assert_eq!(expand(":("), [":("]);
    }

    #[test]
    fn hits_are_whole_words_and_the_longest() {
        let hits = Lists::embedded().hits("not bad, but the badge is bad");
        let spans: Vec<_> = hits[Head::Sentiment].iter().map(|hit| (hit.start, hit.end)).collect();
        assert_eq!(spans, [(0, 7), (26, 29)]);
    }
}
