//! Which words mean alike: groups that ship with the binary, and those of the folder's own `synonyms.txt`, which come
//! first. docs/knowledge.md describes the file for its writers.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, LazyLock},
};

use super::{
    Finding,
    parse::finding,
    terms::{self, Token},
};

/// The file's name in the knowledge folder.
pub(super) const FILE: &str = "synonyms.txt";

/// The longest entry, in tokens.
const MAX_TOKENS: usize = 12;

/// The most entries of the folder's file.
const MAX_ENTRIES: usize = 20_000;

/// The most a phrase says, however many terms it has.
const MAX_PHRASE: f32 = 1.8;

static SHIPPED: LazyLock<Arc<Synonyms>> = LazyLock::new(|| {
    let mut synonyms = Synonyms::default();
    for line in lines(include_str!("synonyms.txt")) {
        synonyms.add(entries(line.1).map(|(_, tokens)| tokens).collect());
    }
    synonyms.sort();
    Arc::new(synonyms)
});

/// Groups of words and phrases that mean alike; one may be in several groups.
#[derive(Debug, Default, Clone)]
pub(super) struct Synonyms {
    /// By their first token, the longest first.
    entries: HashMap<Token, Vec<Entry>>,
    /// The words that any entry has.
    words: HashSet<String>,
    groups: u32,
}

#[derive(Debug, Clone)]
struct Entry {
    tokens: Vec<Token>,
    groups: Vec<u32>,
}

/// A word or a phrase of a text that means one thing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Unit {
    /// Its terms; one, but for phrases of [`Synonyms`].
    pub(super) terms: Vec<String>,
    /// The groups that it is in.
    pub(super) groups: Vec<u32>,
    /// How much it says by its kind alone.
    pub(super) weight: f32,
}

impl Synonyms {
    /// Those that ship.
    pub(super) fn shipped() -> Arc<Self> {
        Arc::clone(&SHIPPED)
    }

    /// Those that ship and those of a file. What the file names is only in the file's groups.
    pub(super) fn with(text: &str, findings: &mut Vec<Finding>) -> Arc<Self> {
        let mut own: Vec<Vec<Vec<Token>>> = Vec::new();
        let mut count = 0;
        for (number, line) in lines(text) {
            let mut group = Vec::new();
            for (entry, tokens) in entries(line) {
                count += 1;
                if tokens.is_empty() {
                    findings.push(finding(FILE, number, format!("“{entry}” has no word"), "take it out"));
                } else if tokens.len() > MAX_TOKENS {
                    findings.push(finding(
                        FILE,
                        number,
                        format!("an entry of {} words or characters, more than {MAX_TOKENS}", tokens.len()),
                        "separate words that mean alike by commas; whole questions are paraphrases of a section",
                    ));
                } else {
                    group.push(tokens);
                }
            }
            own.push(group);
        }
        if count > MAX_ENTRIES {
            findings.push(finding(FILE, 1, format!("{count} words, more than {MAX_ENTRIES}"), "remove some"));
            return Self::shipped();
        }
        let mut synonyms = (**SHIPPED).clone();
        let named: HashSet<&[Token]> = own.iter().flatten().map(Vec::as_slice).collect();
        for entries in synonyms.entries.values_mut() {
            entries.retain(|entry| !named.contains(entry.tokens.as_slice()));
        }
        own.into_iter().for_each(|group| synonyms.add(group));
        synonyms.sort();
        Arc::new(synonyms)
    }

    fn add(&mut self, group: Vec<Vec<Token>>) {
        let number = self.groups;
        self.groups += 1;
        for tokens in group {
            let Some(first) = tokens.first() else { continue };
            for token in &tokens {
                if let Token::Word(word) = token {
                    self.words.insert(word.clone());
                }
            }
            let entries = self.entries.entry(first.clone()).or_default();
            match entries.iter_mut().find(|entry| entry.tokens == tokens) {
                Some(entry) if entry.groups.last() == Some(&number) => {}
                Some(entry) => entry.groups.push(number),
                None => entries.push(Entry { tokens, groups: vec![number] }),
            }
        }
    }

    fn sort(&mut self) {
        for entries in self.entries.values_mut() {
            entries.sort_by_key(|entry| std::cmp::Reverse(entry.tokens.len()));
        }
    }

    /// The words that any entry has.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(String::as_str)
    }

    /// Whether any entry has the word.
    pub(super) fn has_word(&self, word: &str) -> bool {
        self.words.contains(word)
    }

    /// A text's words and phrases in their order.
    pub(super) fn units(&self, tokens: &[Token]) -> Vec<Unit> {
        let mut units = Vec::new();
        let (mut at, mut plain) = (0, 0);
        while at < tokens.len() {
            let Some(entry) = self.at(&tokens[at..]) else {
                at += 1;
                continue;
            };
            units.extend(words(&tokens[plain..at]));
            units.push(entry.unit());
            at += entry.tokens.len();
            plain = at;
        }
        units.extend(words(&tokens[plain..]));
        units
    }

    /// The longest entry that a text begins with.
    fn at(&self, tokens: &[Token]) -> Option<&Entry> {
        self.entries.get(tokens.first()?)?.iter().find(|entry| tokens.starts_with(&entry.tokens))
    }
}

impl Entry {
    fn unit(&self) -> Unit {
        let terms = terms::of(&self.tokens);
        let weight: f32 = terms.iter().map(|term| terms::weight(term)).sum();
        let weight = if self.tokens.len() > 1 { weight.clamp(1.0, MAX_PHRASE) } else { weight };
        Unit { terms, groups: self.groups.clone(), weight }
    }
}

fn words(tokens: &[Token]) -> impl Iterator<Item = Unit> {
    terms::of(tokens).into_iter().map(|term| {
        let weight = terms::weight(&term);
        Unit { terms: vec![term], groups: Vec::new(), weight }
    })
}

/// The lines that say something, with their numbers from 1.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
}

fn entries(line: &str) -> impl Iterator<Item = (&str, Vec<Token>)> {
    let entries = line.split([',', '，', '、']).map(str::trim).filter(|entry| !entry.is_empty());
    entries.map(|entry| (entry, terms::tokens(entry).into_iter().filter(|token| *token != Token::Gap).collect()))
}
