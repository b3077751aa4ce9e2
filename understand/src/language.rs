//! Which language a message is in. Messages are short, so the script decides first; among the languages that share the
//! Latin script words that every text has vote, and so does a letter model (`whichlang`).

use std::{cell::LazyCell, collections::HashMap, sync::LazyLock};

use whichlang::Lang;

use crate::{
    folded::{Folded, Kind, Token},
    han::{self, Han},
    plain::Plain,
    signals::Signal,
};

/// The BCP-47 tag for a language that cannot be told.
pub const UNDETERMINED: &str = "und";

/// How many characters the letter model reads.
const LETTERS: usize = 120;
/// How many words vote.
const VOTERS: usize = 40;
/// How many tokens are asked for their script.
const TOKENS: usize = 100;

/// The languages of the word lists; a word's languages are a bit each.
const LATIN: [&str; 12] = ["en", "es", "fr", "de", "pt", "it", "nl", "id", "vi", "tr", "sv", "pl"];

fn place(language: &str) -> Option<usize> {
    LATIN.iter().position(|known| *known == language)
}

/// Hashes of words with the languages that have them.
static WORDS: LazyLock<HashMap<u32, u16, Plain>> = LazyLock::new(|| {
    let mut words: HashMap<u32, u16, Plain> = HashMap::default();
    for line in include_str!("language/words.txt").lines().filter(|line| !line.starts_with('#')) {
        let Some((language, list)) = line.split_once(": ") else { continue };
        let Some(number) = place(language) else { continue };
        for word in list.split(' ') {
            let hash = crate::features::hash_of(&word.chars().collect::<Vec<_>>());
            *words.entry(hash).or_default() |= 1 << number;
        }
    }
    words
});

/// Makes the tables now, so that the first message does not wait for them.
pub(crate) fn prepare() {
    LazyLock::force(&WORDS);
    let _ = han::kind('们');
}

/// The language of a text as a BCP-47 tag, Chinese with its script (`zh-Hans`, `zh-Hant`); `und`, not known, for
/// noise, numbers, addresses, emoji. `text` is what was folded.
#[must_use]
pub fn identify(text: &str, folded: &Folded, threshold: f32) -> Signal<String> {
    let (language, confidence, terms) = verdict(text, folded);
    Signal { value: language.to_owned(), confidence, known: confidence >= threshold, terms }
}

/// A language, how sure it is, and the words that told.
type Verdict = (&'static str, f32, Vec<String>);

fn verdict(text: &str, folded: &Folded) -> Verdict {
    let letters = Letters::count(folded);
    match letters.leading() {
        None => (UNDETERMINED, 0.0, Vec::new()),
        Some(Script::Han | Script::Kana) => letters.chinese_or_japanese(text),
        Some(Script::One(language)) => (language, letters.share(Script::One(language)), Vec::new()),
        Some(Script::Latin) => latin(folded),
        Some(Script::Cyrillic) => (cyrillic(folded), 0.9, Vec::new()),
        Some(Script::Arabic) => (arabic(folded), 0.9, Vec::new()),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Latin,
    Han,
    Kana,
    Cyrillic,
    Arabic,
    /// A script that is nearly always one language.
    One(&'static str),
}

impl Script {
    fn of(c: char) -> Option<Self> {
        Some(match c {
            'a'..='z' => Self::Latin,
            c if c.is_ascii() => return None,
            c if han::is_han(c) => Self::Han,
            '\u{df}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => Self::Latin,
            '\u{3041}'..='\u{30ff}' | '\u{ff66}'..='\u{ff9d}' => Self::Kana,
            '\u{ac00}'..='\u{d7a3}' | '\u{1100}'..='\u{11ff}' | '\u{3131}'..='\u{318e}' => Self::One("ko"),
            '\u{400}'..='\u{52f}' => Self::Cyrillic,
            '\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}' | '\u{fb50}'..='\u{fdff}' => Self::Arabic,
            '\u{900}'..='\u{97f}' => Self::One("hi"),
            '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => Self::One("el"),
            '\u{530}'..='\u{58f}' => Self::One("hy"),
            '\u{590}'..='\u{5ff}' => Self::One("he"),
            '\u{980}'..='\u{9ff}' => Self::One("bn"),
            '\u{a00}'..='\u{a7f}' => Self::One("pa"),
            '\u{a80}'..='\u{aff}' => Self::One("gu"),
            '\u{b80}'..='\u{bff}' => Self::One("ta"),
            '\u{c00}'..='\u{c7f}' => Self::One("te"),
            '\u{c80}'..='\u{cff}' => Self::One("kn"),
            '\u{d00}'..='\u{d7f}' => Self::One("ml"),
            '\u{d80}'..='\u{dff}' => Self::One("si"),
            '\u{e00}'..='\u{e7f}' => Self::One("th"),
            '\u{e80}'..='\u{eff}' => Self::One("lo"),
            '\u{1000}'..='\u{109f}' => Self::One("my"),
            '\u{10a0}'..='\u{10ff}' => Self::One("ka"),
            '\u{1200}'..='\u{137f}' => Self::One("am"),
            '\u{1780}'..='\u{17ff}' => Self::One("km"),
            _ => return None,
        })
    }

    /// How much one letter says: a Chinese character is a word or half of one.
    fn weight(self) -> f32 {
        match self {
            Self::Han => 3.0,
            Self::Kana | Self::One("ko") => 2.0,
            _ => 1.0,
        }
    }
}

#[derive(Default)]
struct Letters {
    scripts: Vec<(Script, f32)>,
}

impl Letters {
    fn count(folded: &Folded) -> Self {
        let mut letters = Self::default();
        let mut latin = 0_u16;
        let mut prose = folded.tokens.iter().filter(|token| token.is_prose()).take(TOKENS);
        if !folded.beyond_ascii {
            // One letter tells.
            if prose.any(|token| folded.chars[token.start as usize].is_ascii_lowercase()) {
                letters.add(Script::Latin, 1.0);
            }
            return letters;
        }
        for token in prose {
            let characters = &folded.chars[token.start as usize..token.end as usize];
            let characters = &characters[..characters.len().min(LETTERS)];
            latin += characters.iter().map(|c| u16::from(c.is_ascii_lowercase())).sum::<u16>();
            for c in characters.iter().filter(|c| !c.is_ascii()) {
                let Some(script) = Script::of(*c) else { continue };
                letters.add(script, script.weight());
            }
        }
        if latin > 0 {
            letters.add(Script::Latin, f32::from(latin));
        }
        letters
    }

    fn add(&mut self, script: Script, weight: f32) {
        match self.scripts.iter_mut().find(|(known, _)| *known == script) {
            Some((_, sum)) => *sum += weight,
            None => self.scripts.push((script, weight)),
        }
    }

    fn leading(&self) -> Option<Script> {
        self.scripts.iter().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(script, _)| *script)
    }

    fn weight(&self, script: Script) -> f32 {
        self.scripts.iter().find(|(known, _)| *known == script).map_or(0.0, |(_, weight)| *weight)
    }

    fn share(&self, script: Script) -> f32 {
        self.weight(script) / self.scripts.iter().map(|(_, weight)| weight).sum::<f32>().max(1.0)
    }

    /// Chinese is written without kana; Japanese hardly ever is. The text itself tells how Chinese is written: folding
    /// made it simplified.
    fn chinese_or_japanese(&self, text: &str) -> Verdict {
        let (han, kana) = (self.weight(Script::Han), self.weight(Script::Kana));
        let share = self.share(Script::Han) + self.share(Script::Kana);
        if kana > 0.15 * han {
            return ("ja", share, Vec::new());
        }
        let (mut simplified, mut traditional, mut japanese) = (0_u16, 0_u16, 0_u16);
        for kind in text.chars().filter_map(han::kind) {
            let (count, more) = match kind {
                Han::Simplified => (&mut simplified, 1),
                Han::Traditional(_) => (&mut traditional, 1),
                Han::Cantonese => (&mut traditional, 2),
                Han::Japanese => (&mut japanese, 1),
            };
            *count = count.saturating_add(more);
        }
        if japanese > simplified + traditional {
            return ("ja", share * 0.7, Vec::new());
        }
        let told = simplified.saturating_add(traditional);
        if told == 0 {
            return ("zh-Hans", share * 0.65, Vec::new());
        }
        let (language, most) =
            if traditional > simplified { ("zh-Hant", traditional) } else { ("zh-Hans", simplified) };
        (language, share * (0.5 + 0.5 * f32::from(most) / f32::from(told)), Vec::new())
    }
}

/// Words that every text has vote, letters that few languages have vote, and the letter model votes.
fn latin(folded: &Folded) -> Verdict {
    let voters = || folded.tokens.iter().filter(|token| is_voter(folded, token));
    let mut votes = [0.0_f32; LATIN.len()];
    let mut voted = [0_u16; VOTERS];
    let mut words = 0_u16;
    for token in voters() {
        words += 1;
        let Some(languages) = voted.get_mut(usize::from(words) - 1) else { break };
        *languages = WORDS.get(&token.hash).copied().unwrap_or(0);
        let mut rest = *languages;
        #[expect(clippy::cast_precision_loss, reason = "at most twelve")]
        let share = 1.0 / rest.count_ones() as f32;
        while rest != 0 {
            votes[rest.trailing_zeros() as usize] += share;
            rest &= rest - 1;
        }
    }
    if words == 0 {
        return (UNDETERMINED, 0.0, Vec::new());
    }
    let prose = LazyCell::new(|| prose(folded, voters().take(VOTERS + 1)));
    if folded.beyond_ascii {
        for (marks, language) in MARKS {
            if prose.contains(|c: char| !c.is_ascii() && marks.contains(c)) {
                votes[place(language).unwrap_or(0)] += 1.0;
            }
        }
    }
    // Where the words agree the letters are not asked.
    let most = votes.iter().copied().fold(0.0, f32::max);
    let agreed = most >= 3.0 && votes.iter().filter(|vote| **vote > 0.4 * most).count() == 1;
    if !agreed && let Some(number) = by_letters(&prose) {
        votes[number] += if prose.len() < 12 { 0.5 } else { 1.2 };
    }
    // English, the first one, is what remains when nothing tells.
    let (mut number, mut best, mut second) = (0, votes[0], 0.0);
    for (other, vote) in votes.iter().copied().enumerate().skip(1) {
        if vote > best {
            (number, best, second) = (other, vote, best);
        } else {
            second = second.max(vote);
        }
    }
    let density = (3.0 * best / f32::from(words)).min(1.0);
    let confidence = (best - 0.5 * second) / (best + 0.25) * (0.5 + 0.5 * density);
    let told = voters().zip(voted).filter(|(_, languages)| languages >> number & 1 == 1);
    let terms = folded.texts::<3>(told.map(|(token, _)| (token.start, token.end)));
    (LATIN[number], confidence.min(0.99), terms)
}

/// Whether it is a word, not a number or an address.
fn is_voter(folded: &Folded, token: &Token) -> bool {
    token.kind == Kind::Word && token.is_prose() && !folded.chars[token.start as usize].is_ascii_digit()
}

/// What the letter model reads.
fn prose<'a>(folded: &Folded, words: impl Iterator<Item = &'a Token>) -> String {
    let mut prose = String::with_capacity(2 * LETTERS);
    for word in words {
        prose.extend(&folded.chars[word.start as usize..word.end as usize]);
        prose.push(' ');
        if prose.len() >= LETTERS {
            break;
        }
    }
    prose
}

/// The place of the language that the letter model takes the text for.
fn by_letters(prose: &str) -> Option<usize> {
    let language = match whichlang::detect_language(prose) {
        Lang::Eng => "en",
        Lang::Spa => "es",
        Lang::Fra => "fr",
        Lang::Deu => "de",
        Lang::Por => "pt",
        Lang::Ita => "it",
        Lang::Nld => "nl",
        Lang::Vie => "vi",
        Lang::Tur => "tr",
        Lang::Swe => "sv",
        _ => return None,
    };
    place(language)
}

/// Letters and marks that one of our languages has and the others have hardly.
const MARKS: [(&str, &str); 9] = [
    ("¿¡ñ", "es"),
    ("ß", "de"),
    ("ãõ", "pt"),
    ("łąęśżź", "pl"),
    ("ığş", "tr"),
    ("ơưđ\u{1ea1}\u{1ea3}\u{1ea5}\u{1ebf}\u{1ec7}\u{1ed1}\u{1ed9}", "vi"),
    ("å", "sv"),
    ("œç", "fr"),
    ("ìò", "it"),
];

fn cyrillic(folded: &Folded) -> &'static str {
    let has = |letters: &str| folded.chars.iter().any(|c| letters.contains(*c));
    if has("іїєґ") {
        "uk"
    } else if has("ђљњћџј") {
        "sr"
    } else {
        "ru"
    }
}

fn arabic(folded: &Folded) -> &'static str {
    let has = |letters: &str| folded.chars.iter().any(|c| letters.contains(*c));
    if has("ٹڈڑےںھ") {
        "ur"
    } else if has("پچژگکی") {
        "fa"
    } else {
        "ar"
    }
}
