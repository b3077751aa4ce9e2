//! Which language a message is in. Messages are short, so the script decides first, then words that every text in a
//! language has, and letter statistics (`whatlang`) only where those leave it open.

use std::{collections::HashMap, sync::LazyLock};

use super::{
    Signal,
    han::{self, Han},
};

/// The BCP-47 tag for a language that cannot be told.
pub(super) const UNDETERMINED: &str = "und";

/// A language below this confidence is not known.
const THRESHOLD: f32 = 0.5;

/// Letter statistics of fewer letters than this say nothing.
const ENOUGH_LETTERS: usize = 24;

static WORDS: LazyLock<HashMap<&'static str, Vec<&'static str>>> = LazyLock::new(|| {
    let mut words: HashMap<_, Vec<_>> = HashMap::new();
    for line in include_str!("language/words.txt").lines().filter(|line| !line.starts_with('#')) {
        let Some((language, list)) = line.split_once(": ") else { continue };
        for word in list.split(' ') {
            let languages = words.entry(word).or_default();
            if !languages.contains(&language) {
                languages.push(language);
            }
        }
    }
    words
});

/// The language of a text as a BCP-47 tag, Chinese with its script (`zh-Hans`, `zh-Hant`); `und`, not known, for
/// noise, numbers, addresses, emoji. Reads the whole text: callers bound it.
#[must_use]
pub fn identify(text: &str) -> Signal<String> {
    let letters = Letters::count(text);
    let (language, confidence, terms) = match letters.leading() {
        None => (UNDETERMINED, 0.0, Vec::new()),
        Some(Script::Han | Script::Kana) => letters.chinese_or_japanese(),
        Some(Script::One(language)) => (language, letters.share(Script::One(language)), Vec::new()),
        Some(Script::Latin) => latin(text),
        Some(Script::Cyrillic) => statistics(text).unwrap_or_else(|| {
            let ukrainian = text.chars().any(|c| "іїєґІЇЄҐ".contains(c));
            (if ukrainian { "uk" } else { "ru" }, 0.65, Vec::new())
        }),
        Some(Script::Arabic) => arabic(text),
        Some(Script::Devanagari) => statistics(text).unwrap_or(("hi", 0.7, Vec::new())),
    };
    Signal { value: language.to_owned(), confidence, known: confidence >= THRESHOLD, terms }
}

/// A language, how sure it is, and the words that told.
type Verdict = (&'static str, f32, Vec<String>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Latin,
    Han,
    Kana,
    Cyrillic,
    Arabic,
    Devanagari,
    /// A script that is nearly always one language.
    One(&'static str),
}

impl Script {
    fn of(c: char) -> Option<Self> {
        Some(match c {
            'a'..='z' | 'A'..='Z' => Self::Latin,
            c if c.is_ascii() || !c.is_alphabetic() => return None,
            c if han::is_han(c) => Self::Han,
            '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => Self::Latin,
            '\u{3041}'..='\u{30ff}' | '\u{ff66}'..='\u{ff9d}' => Self::Kana,
            '\u{ac00}'..='\u{d7a3}' | '\u{1100}'..='\u{11ff}' | '\u{3131}'..='\u{318e}' => Self::One("ko"),
            '\u{400}'..='\u{52f}' => Self::Cyrillic,
            '\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}' | '\u{fb50}'..='\u{fdff}' => Self::Arabic,
            '\u{900}'..='\u{97f}' => Self::Devanagari,
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
    simplified: u32,
    traditional: u32,
    japanese: u32,
}

impl Letters {
    fn count(text: &str) -> Self {
        let mut letters = Self::default();
        for c in text.split_whitespace().filter(|word| is_prose(word)).flat_map(str::chars) {
            let Some(script) = Script::of(c) else { continue };
            match letters.scripts.iter_mut().find(|(known, _)| *known == script) {
                Some((_, weight)) => *weight += script.weight(),
                None => letters.scripts.push((script, script.weight())),
            }
            if script == Script::Han {
                match han::kind(c) {
                    Some(Han::Simplified) => letters.simplified += 1,
                    Some(Han::Traditional(_)) => letters.traditional += 1,
                    Some(Han::Cantonese) => letters.traditional += 2,
                    Some(Han::Japanese) => letters.japanese += 1,
                    None => {}
                }
            }
        }
        letters
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

    /// Chinese is written without kana; Japanese hardly ever is.
    fn chinese_or_japanese(&self) -> Verdict {
        let (han, kana) = (self.weight(Script::Han), self.weight(Script::Kana));
        let share = self.share(Script::Han) + self.share(Script::Kana);
        if kana > 0.15 * han {
            return ("ja", share, Vec::new());
        }
        if self.japanese > self.simplified + self.traditional {
            return ("ja", share * 0.7, Vec::new());
        }
        let told = self.simplified + self.traditional;
        if told == 0 {
            return ("zh-Hans", share * 0.65, Vec::new());
        }
        let (language, most) = if self.traditional > self.simplified {
            ("zh-Hant", self.traditional)
        } else {
            ("zh-Hans", self.simplified)
        };
        #[expect(clippy::cast_precision_loss, reason = "counts of at most a few thousand letters")]
        let agreement = most as f32 / told as f32;
        (language, share * (0.5 + 0.5 * agreement), Vec::new())
    }
}

/// Whether a word is language, not an address, a number or a code.
fn is_prose(word: &str) -> bool {
    !(word.contains('@') || word.contains("://") || word.starts_with("www.") || word.starts_with('/'))
}

/// Words that every text has vote, letters that few languages have vote, statistics vote where there is enough text.
fn latin(text: &str) -> Verdict {
    let mut votes = Votes::default();
    let (mut words, mut letters) = (0_u16, 0);
    for word in text.split_whitespace().filter(|word| is_prose(word)) {
        for part in word.split(|c: char| !c.is_alphabetic() && c != '\'' && c != '’').filter(|part| !part.is_empty())
        {
            words = words.saturating_add(1);
            letters += part.len();
            let part = part.to_lowercase().replace('’', "'");
            let Some(languages) = WORDS.get(part.trim_matches('\'')) else { continue };
            let share = 1.0 / f32::from(u8::try_from(languages.len()).unwrap_or(u8::MAX));
            for language in languages {
                votes.add(language, share, Some(&part));
            }
        }
    }
    for (marks, language) in MARKS {
        if text.contains(|c| marks.contains(c)) {
            votes.add(language, 1.0, None);
        }
    }
    if letters >= ENOUGH_LETTERS
        && votes.leading().is_none_or(|leader| leader.sum < 0.3 * f32::from(words))
        && let Some((language, confidence, _)) = statistics(text)
    {
        votes.add(language, 0.5 + 2.0 * confidence, None);
    }
    votes.verdict(words)
}

#[derive(Default)]
struct Votes(Vec<Vote>);

struct Vote {
    language: &'static str,
    sum: f32,
    /// The first few words that voted.
    words: Vec<String>,
}

impl Votes {
    fn add(&mut self, language: &'static str, share: f32, word: Option<&str>) {
        let at = self.0.iter().position(|vote| vote.language == language).unwrap_or_else(|| {
            self.0.push(Vote { language, sum: 0.0, words: Vec::new() });
            self.0.len() - 1
        });
        let vote = &mut self.0[at];
        vote.sum += share;
        if let Some(word) = word
            && vote.words.len() < 5
            && !vote.words.iter().any(|known| known == word)
        {
            vote.words.push(word.to_owned());
        }
    }

    fn leading(&self) -> Option<&Vote> {
        self.0.iter().max_by(|a, b| a.sum.total_cmp(&b.sum))
    }

    fn verdict(mut self, words: u16) -> Verdict {
        self.0.sort_by(|a, b| b.sum.total_cmp(&a.sum));
        let second = self.0.get(1).map_or(0.0, |vote| vote.sum);
        let Some(best) = self.0.into_iter().next() else { return (UNDETERMINED, 0.0, Vec::new()) };
        // One sure word in three is plenty; a tie, or one word in twenty, is not.
        let density = (3.0 * best.sum / f32::from(words.max(1))).min(1.0);
        let confidence = (best.sum - 0.5 * second) / (best.sum + 0.15) * (0.4 + 0.6 * density);
        if confidence < 0.2 {
            return (UNDETERMINED, 0.0, Vec::new());
        }
        (best.language, confidence.min(0.99), best.words)
    }
}

/// Letters and marks that one of our languages has and the others have hardly.
const MARKS: [(&str, &str); 9] = [
    ("¿¡ñÑ", "es"),
    ("ß", "de"),
    ("ãõÃÕ", "pt"),
    ("łąęśżźŁŚŻ", "pl"),
    ("ığşİŞ", "tr"),
    ("ơưđƠƯĐ\u{1ea1}\u{1ea3}\u{1ea5}\u{1ebf}\u{1ec7}\u{1ed1}\u{1ed9}", "vi"),
    ("åÅ", "sv"),
    ("œçŒ", "fr"),
    ("ìò", "it"),
];

fn arabic(text: &str) -> Verdict {
    if text.chars().any(|c| "ٹڈڑےںھ".contains(c)) {
        ("ur", 0.8, Vec::new())
    } else if text.chars().any(|c| "پچژگکی".contains(c)) {
        ("fa", 0.8, Vec::new())
    } else {
        ("ar", 0.85, Vec::new())
    }
}

/// Letter statistics, where they are sure.
fn statistics(text: &str) -> Option<Verdict> {
    let info = whatlang::detect(text).filter(whatlang::Info::is_reliable)?;
    let language = BY_ISO639_3.iter().find(|(code, _)| *code == info.lang().code())?.1;
    #[expect(clippy::cast_possible_truncation, reason = "a number from 0 to 1")]
    let confidence = (info.confidence() as f32).min(0.95);
    Some((language, confidence, Vec::new()))
}

/// `whatlang` speaks ISO 639-3; BCP-47 wants the two-letter code where there is one.
const BY_ISO639_3: [(&str, &str); 42] = [
    ("eng", "en"),
    ("spa", "es"),
    ("fra", "fr"),
    ("deu", "de"),
    ("por", "pt"),
    ("ita", "it"),
    ("nld", "nl"),
    ("swe", "sv"),
    ("dan", "da"),
    ("nob", "nb"),
    ("fin", "fi"),
    ("est", "et"),
    ("lav", "lv"),
    ("lit", "lt"),
    ("pol", "pl"),
    ("ces", "cs"),
    ("slk", "sk"),
    ("slv", "sl"),
    ("hrv", "hr"),
    ("hun", "hu"),
    ("ron", "ro"),
    ("tur", "tr"),
    ("aze", "az"),
    ("uzb", "uz"),
    ("tuk", "tk"),
    ("ind", "id"),
    ("jav", "jv"),
    ("tgl", "tl"),
    ("vie", "vi"),
    ("cat", "ca"),
    ("afr", "af"),
    ("zul", "zu"),
    ("sna", "sn"),
    ("aka", "ak"),
    ("epo", "eo"),
    ("rus", "ru"),
    ("ukr", "uk"),
    ("bel", "be"),
    ("bul", "bg"),
    ("mkd", "mk"),
    ("srp", "sr"),
    ("hin", "hi"),
];
