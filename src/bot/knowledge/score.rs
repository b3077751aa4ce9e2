//! How well a section fits a question. The score, 0 to 1, is the likeness of the question (or of one sentence of it)
//! and one way to ask the section: an overlap in both directions, each word weighed by how rare it is. It means the
//! same in a folder of ten sections and of a thousand. Which section comes first is also a matter of how much of the
//! whole question the section speaks of anywhere; that says nothing about whether it answers.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{
    index::Index,
    parse::Section,
    primary,
    spelling::Spelling,
    synonyms::{Synonyms, Unit},
    terms::{self, Token},
};

/// What a word is worth where only another one of its group stands.
pub(super) const IN_GROUP: f32 = 0.75;

/// What a word of the question is worth that stands not in the form compared, but in another form of the section.
const IN_OTHER_FORM: f32 = 0.85;

/// The same of one that stands only in the section's answer.
pub(super) const IN_ANSWER: f32 = 0.5;

/// How much a term says against the knowledge that no section has.
const STRANGE: f32 = 2.0;

/// The same for scripts without spaces, where one strange word makes several strange terms.
const STRANGE_DENSE: f32 = 0.9;

/// The same for numbers, which are of orders and things, and for words of one or two letters, which are abbreviations
/// and what a cut text begins and ends with.
const STRANGE_SLIGHT: f32 = 0.3;

/// How steeply the score falls with what the form does not explain of the question, and with what the question does
/// not say of the form.
const EXPLAINED: f32 = 0.6;
const SAID: f32 = 0.55;

/// How fast the words that are known make an answer sure: one alone may mean many things, unless it is all that is
/// asked, as in "Hello".
const EVIDENCE: f32 = 2.5;

/// How much the whole section counts in the order, beside the likeness of one form, which counts 1.
const WHOLE: f32 = 0.6;

/// How much of a likeness goes that is one with a small part of the question only.
const IN_PART: f32 = 0.3;

/// A sentence with less in it than this is not looked at alone: "Hi", "Thanks a lot".
const LEAST_SENTENCE: f32 = 0.6;

/// The most distinct words of a question.
const MAX_UNITS: usize = 160;

/// The most sentences of a question that are looked at alone.
const MAX_SENTENCES: usize = 8;

/// How many sections the index proposes for a question.
const CANDIDATES: usize = 48;

/// The number of a term, or of a group of synonyms.
pub(super) type TermId = u32;

/// A set of terms, sorted.
type Bag = Box<[TermId]>;

pub(super) struct Scorer {
    synonyms: Arc<Synonyms>,
    spelling: Spelling,
    vocabulary: HashMap<String, TermId>,
    groups: HashMap<u32, TermId>,
    /// By the language of the knowledge.
    spreads: HashMap<String, Spread>,
    /// Over all languages.
    spread: Spread,
    sections: Vec<Scored>,
    index: Index,
}

/// In how many sections the terms stand.
#[derive(Default)]
struct Spread {
    sections: u32,
    of: HashMap<TermId, u32>,
}

struct Scored {
    language: String,
    /// The question and each paraphrase.
    forms: Vec<Form>,
    /// The terms of all of them.
    asked: Bag,
    answer: Bag,
}

struct Form {
    units: Vec<Weighted>,
    total: f32,
    bag: Bag,
}

/// A unit as the knowledge knows it.
pub(super) struct Weighted {
    /// The terms that any section has, with their shares of the unit.
    pub(super) terms: Box<[(TermId, f32)]>,
    /// The groups that any section has.
    pub(super) groups: Box<[TermId]>,
    pub(super) weight: f32,
}

/// A section that may answer.
pub(super) struct Found {
    /// Its number.
    pub(super) id: usize,
    /// How sure that is, 0 to 1.
    pub(super) score: f32,
    /// By what the best comes first, 0 to 1.
    pub(super) order: f32,
}

/// A question, prepared: the whole of it, then each sentence that says enough alone.
struct Asked {
    parts: Vec<Form>,
}

impl Scorer {
    pub(super) fn new(sections: &[Section], synonyms: Arc<Synonyms>) -> Self {
        let mut scorer = Self {
            synonyms,
            spelling: Spelling::new(std::iter::empty()),
            vocabulary: HashMap::new(),
            groups: HashMap::new(),
            spreads: HashMap::new(),
            spread: Spread::default(),
            sections: Vec::new(),
            index: Index::default(),
        };
        let mut units = Vec::new();
        for (id, section) in sections.iter().enumerate() {
            let forms: Vec<Vec<Unit>> = section.forms().map(|form| scorer.units(&terms::tokens(form))).collect();
            let asked = scorer.learn(forms.iter().flatten());
            let answer = scorer.learn(&scorer.units(&terms::tokens(&section.answer)));
            let language = primary(&section.language).to_owned();
            scorer.spread.count(&asked);
            scorer.spreads.entry(language.clone()).or_default().count(&asked);
            scorer.index.add(id, &asked, &answer);
            scorer.sections.push(Scored { language, forms: Vec::new(), asked, answer });
            units.push(forms);
        }
        for (id, forms) in units.into_iter().enumerate() {
            let language = scorer.sections[id].language.clone();
            let spread = scorer.spreads.get(&language).unwrap_or(&scorer.spread);
            scorer.sections[id].forms = forms.into_iter().map(|units| scorer.form(units, spread)).collect();
        }
        scorer.spelling = Spelling::new(scorer.vocabulary.keys().map(String::as_str).chain(scorer.synonyms.words()));
        scorer
    }

    /// The distinct units of tokens.
    fn units(&self, tokens: &[Token]) -> Vec<Unit> {
        let mut seen = HashSet::new();
        let mut units = self.synonyms.units(tokens);
        units.retain(|unit| seen.insert(unit.terms.clone()));
        units
    }

    /// Numbers what is new in the units; their terms and groups.
    fn learn<'a>(&mut self, units: impl IntoIterator<Item = &'a Unit>) -> Bag {
        let mut ids = Vec::new();
        for unit in units {
            for term in &unit.terms {
                let next = self.next();
                ids.push(*self.vocabulary.entry(term.clone()).or_insert(next));
            }
            for group in &unit.groups {
                let next = self.next();
                ids.push(*self.groups.entry(*group).or_insert(next));
            }
        }
        sorted(ids)
    }

    fn next(&self) -> TermId {
        TermId::try_from(self.vocabulary.len() + self.groups.len()).unwrap_or(TermId::MAX)
    }

    fn form(&self, units: Vec<Unit>, spread: &Spread) -> Form {
        let units: Vec<Weighted> = units.iter().map(|unit| self.weigh(unit, spread)).collect();
        let ids =
            units.iter().flat_map(|unit| unit.terms.iter().map(|(term, _)| *term).chain(unit.groups.iter().copied()));
        Form { bag: sorted(ids.collect()), total: units.iter().map(|unit| unit.weight).sum(), units }
    }

    fn weigh(&self, unit: &Unit, spread: &Spread) -> Weighted {
        let all: f32 = unit.terms.iter().map(|term| terms::weight(term)).sum();
        let known = unit.terms.iter().filter_map(|term| Some((*self.vocabulary.get(term)?, terms::weight(term) / all)));
        let known: Box<[(TermId, f32)]> = known.collect();
        let groups: Box<[TermId]> = unit.groups.iter().filter_map(|group| self.groups.get(group).copied()).collect();
        let share = if known.is_empty() && groups.is_empty() {
            match unit.terms.first() {
                Some(term) if terms::is_dense_term(term) => STRANGE_DENSE,
                Some(term) if term.len() <= 2 || term.bytes().any(|byte| byte.is_ascii_digit()) => STRANGE_SLIGHT,
                _ => STRANGE,
            }
        } else if groups.is_empty() {
            known.iter().map(|(term, _)| spread.rarity(*term)).fold(1.0, f32::min)
        } else {
            groups.iter().map(|group| spread.rarity(*group)).fold(1.0, f32::min)
        };
        Weighted { terms: known, groups, weight: share * unit.weight }
    }

    /// The sections that may answer a question, in any order; of one language, if that is said.
    pub(super) fn find(&self, text: &str, language: Option<&str>) -> Vec<Found> {
        let spread = language.and_then(|language| self.spreads.get(language)).unwrap_or(&self.spread);
        let asked = self.ask(text, spread);
        let Some(whole) = asked.parts.first() else { return Vec::new() };
        let is_wanted = |id: usize| language.is_none_or(|language| self.sections[id].language == language);
        let ids = self.index.candidates(&whole.units, self.sections.len(), is_wanted, CANDIDATES);
        ids.into_iter().map(|id| asked.of(id, &self.sections[id])).collect()
    }

    fn ask(&self, text: &str, spread: &Spread) -> Asked {
        let part = |text: &str| {
            let tokens: Vec<Token> = terms::tokens(text).into_iter().map(|token| self.corrected(token)).collect();
            let mut units = self.units(&tokens);
            units.truncate(MAX_UNITS);
            self.form(units, spread)
        };
        let mut parts = vec![part(text)];
        let ends = ['.', '!', '?', '\n', ';', ',', '。', '！', '？', '；', '，'];
        let sentences: Vec<&str> =
            text.split(ends).filter(|part| !part.trim().is_empty()).take(MAX_SENTENCES + 1).collect();
        if sentences.len() > 1 {
            let alone = sentences.into_iter().take(MAX_SENTENCES).map(part);
            parts.extend(alone.filter(|part| part.total >= LEAST_SENTENCE));
        }
        Asked { parts }
    }

    fn corrected(&self, token: Token) -> Token {
        let Token::Word(word) = &token else { return token };
        let is_known = self.vocabulary.contains_key(word) || terms::is_common(word) || self.synonyms.has_word(word);
        match self.spelling.meant(word).filter(|_| !is_known) {
            Some(meant) => Token::Word(meant.to_owned()),
            None => token,
        }
    }
}

impl Spread {
    fn count(&mut self, terms: &[TermId]) {
        self.sections += 1;
        for term in terms {
            *self.of.entry(*term).or_default() += 1;
        }
    }

    /// From 1 for a term of at most one section down to 0.3 for one of all.
    fn rarity(&self, term: TermId) -> f32 {
        let sections = self.of.get(&term).copied().unwrap_or(0).max(1);
        #[expect(clippy::cast_precision_loss, reason = "at most ten thousand sections")]
        let (sections, of) = (sections as f32, self.sections.max(1) as f32);
        0.3 + 0.7 * (1.0 + of / sections).ln().min((1.0 + of).ln()) / (1.0 + of).ln()
    }
}

impl Asked {
    /// How well section number `id` fits.
    fn of(&self, id: usize, section: &Scored) -> Found {
        let Some(whole) = self.parts.first().filter(|whole| whole.total > 0.0) else {
            return Found { id, score: 0.0, order: 0.0 };
        };
        let mut likeness: f32 = 0.0;
        for part in &self.parts {
            let share = 1.0 - IN_PART + IN_PART * (part.total / whole.total).min(1.0);
            let elsewhere: Vec<f32> = part.units.iter().map(|unit| section.worth(unit, IN_OTHER_FORM)).collect();
            for form in &section.forms {
                likeness = likeness.max(share * part.fit(form, &elsewhere));
            }
        }
        let spoken: f32 = whole.units.iter().map(|unit| unit.weight * section.worth(unit, 1.0)).sum();
        let score = likeness * (1.0 - (1.0 - likeness.powi(6)) * (-EVIDENCE * spoken).exp());
        Found { id, score, order: (likeness + WHOLE * (spoken / whole.total).min(1.0)) / (1.0 + WHOLE) }
    }
}

impl Scored {
    /// How much of a unit the section has: `in_form` of what stands in any of its forms, less in its answer.
    fn worth(&self, unit: &Weighted, in_form: f32) -> f32 {
        let asked = in_form * unit.share(&self.asked);
        if asked > IN_ANSWER { asked } else { asked.max(IN_ANSWER * unit.share(&self.answer)) }
    }
}

impl Form {
    /// How much of this question the form explains, and how much of the form this question says; `elsewhere`: what
    /// the rest of the section has of each unit.
    fn fit(&self, form: &Form, elsewhere: &[f32]) -> f32 {
        let (mut shared, mut besides) = (0.0_f32, 0.0_f32);
        for (unit, elsewhere) in self.units.iter().zip(elsewhere) {
            let share = unit.share(&form.bag);
            shared += share * unit.weight;
            besides += (elsewhere - share).max(0.0) * unit.weight;
        }
        if self.total <= 0.0 || form.total <= 0.0 {
            return 0.0;
        }
        // What the section says elsewhere supports a likeness; it makes none.
        let explained = shared + besides.min(2.0 * shared);
        let said: f32 = form.units.iter().map(|unit| unit.weight * unit.share(&self.bag)).sum();
        (explained / self.total).min(1.0).powf(EXPLAINED) * (said / form.total).min(1.0).powf(SAID)
    }
}

impl Weighted {
    /// How much of the unit stands among terms, 0 to 1.
    fn share(&self, bag: &[TermId]) -> f32 {
        let has = |term: &TermId| bag.binary_search(term).is_ok();
        let itself: f32 = self.terms.iter().filter(|(term, _)| has(term)).map(|(_, share)| share).sum();
        let itself = itself.min(1.0);
        if itself < IN_GROUP && self.groups.iter().any(has) { IN_GROUP } else { itself }
    }
}

fn sorted(mut terms: Vec<TermId>) -> Bag {
    terms.sort_unstable();
    terms.dedup();
    terms.into_boxed_slice()
}
