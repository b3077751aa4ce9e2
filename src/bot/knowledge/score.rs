//! How well a section fits a question, 0 to 1: the overlap of their terms in both directions, each term weighed by
//! how rare it is. The number means the same in a folder of ten sections and of a thousand.

use std::collections::HashMap;

use super::{parse::Section, primary, terms};

/// What a term of the question is worth that stands not in the form compared, but in another form of the section.
const IN_OTHER_FORM: f32 = 0.8;

/// The same of one that stands only in the section's answer.
const IN_ANSWER: f32 = 0.5;

/// How much a term says against the knowledge that no section has: often it is only the name of a thing.
const STRANGE: f32 = 0.75;

/// The same for scripts without spaces, where one strange word makes several strange terms.
const STRANGE_DENSE: f32 = 0.35;

/// A sentence with less in it than this is not looked at alone: "Hi", "Thanks a lot".
const LEAST_SENTENCE: f32 = 0.6;

/// The most distinct terms of a question.
const MAX_TERMS: usize = 200;

/// The most sentences of a question that are looked at alone.
const MAX_SENTENCES: usize = 8;

type TermId = u32;

/// A set of terms, sorted.
type Bag = Box<[TermId]>;

pub(super) struct Scorer {
    vocabulary: HashMap<String, TermId>,
    /// How much each term says.
    weights: Vec<f32>,
    sections: Vec<Scored>,
}

struct Scored {
    /// The question and each paraphrase.
    forms: Vec<Bag>,
    /// The terms of all of them.
    asked: Bag,
    answer: Bag,
}

/// A question, prepared.
pub(super) struct Asked {
    /// The distinct terms, the weightiest first.
    terms: Vec<(String, f32)>,
    /// The whole question, then each sentence that says enough alone.
    parts: Vec<Part>,
}

struct Part {
    known: Vec<(TermId, f32)>,
    /// The weight of all terms, those that no section has included.
    total: f32,
}

impl Asked {
    /// The distinct terms, the weightiest first.
    pub(super) fn terms(&self) -> impl Iterator<Item = &str> {
        self.terms.iter().map(|(term, _)| term.as_str())
    }
}

impl Scorer {
    pub(super) fn new(sections: &[Section]) -> Self {
        let mut scorer = Self { vocabulary: HashMap::new(), weights: Vec::new(), sections: Vec::new() };
        // In how many sections a term stands, and how many sections its language has.
        let mut spread: Vec<(u32, u32)> = Vec::new();
        let mut languages: HashMap<&str, u32> = HashMap::new();
        for section in sections {
            *languages.entry(primary(&section.language)).or_default() += 1;
        }
        for section in sections {
            let forms: Vec<Bag> = section.forms().map(|form| scorer.bag(form)).collect();
            let answer = scorer.bag(&section.answer);
            let asked: Bag = sorted(forms.iter().flatten().copied().collect());
            spread.resize(scorer.vocabulary.len(), (0, 1));
            for term in &asked {
                let size = languages.get(primary(&section.language)).copied().unwrap_or(1);
                let (sections, of) = &mut spread[*term as usize];
                *sections += 1;
                *of = size.max(*of);
            }
            scorer.sections.push(Scored { forms, asked, answer });
        }
        let mut weights = vec![0.0; spread.len()];
        for (term, id) in &scorer.vocabulary {
            let (sections, of) = spread[*id as usize];
            weights[*id as usize] = terms::weight(term) * rarity(sections.max(1), of);
        }
        scorer.weights = weights;
        scorer
    }

    fn bag(&mut self, text: &str) -> Bag {
        let ids = terms::of(text).into_iter().map(|term| {
            let next = TermId::try_from(self.vocabulary.len()).unwrap_or(TermId::MAX);
            *self.vocabulary.entry(term).or_insert(next)
        });
        sorted(ids.collect())
    }

    /// Prepares a question.
    pub(super) fn ask(&self, text: &str) -> Asked {
        let whole = self.distinct(text);
        let mut parts = vec![self.part(&whole)];
        let sentences =
            text.split(['.', '!', '?', '\n', ';', '。', '！', '？', '；', '，']).filter(|part| !part.trim().is_empty());
        let sentences: Vec<&str> = sentences.take(MAX_SENTENCES + 1).collect();
        if sentences.len() > 1 {
            let alone = sentences.into_iter().take(MAX_SENTENCES).map(|sentence| self.part(&self.distinct(sentence)));
            parts.extend(alone.filter(|part| part.total >= LEAST_SENTENCE));
        }
        let mut terms = whole;
        terms.sort_by(|a, b| b.1.total_cmp(&a.1));
        Asked { terms, parts }
    }

    fn distinct(&self, text: &str) -> Vec<(String, f32)> {
        let mut distinct: Vec<(String, f32)> = Vec::new();
        let mut terms = terms::of(text);
        terms.truncate(4 * MAX_TERMS);
        terms.sort_unstable();
        terms.dedup();
        for term in terms.into_iter().take(MAX_TERMS) {
            let weight = self.vocabulary.get(&term).map_or_else(|| strange(&term), |id| self.weights[*id as usize]);
            distinct.push((term, weight));
        }
        distinct
    }

    fn part(&self, terms: &[(String, f32)]) -> Part {
        let known = terms.iter().filter_map(|(term, weight)| Some((*self.vocabulary.get(term)?, *weight)));
        Part { known: known.collect(), total: terms.iter().map(|(_, weight)| weight).sum() }
    }

    /// How well section number `id` fits.
    pub(super) fn score(&self, asked: &Asked, id: usize) -> f32 {
        let Some(section) = self.sections.get(id) else { return 0.0 };
        let whole = asked.parts.first().map_or(1.0, |part| part.total).max(f32::MIN_POSITIVE);
        let mut best: f32 = 0.0;
        for part in &asked.parts {
            let share = 0.85 + 0.15 * (part.total / whole).min(1.0);
            for form in &section.forms {
                best = best.max(share * self.fit(part, form, section));
            }
        }
        best
    }

    /// How much of the question the form explains, and how much of the form the question says.
    fn fit(&self, part: &Part, form: &Bag, section: &Scored) -> f32 {
        let (mut shared, mut elsewhere) = (0.0_f32, 0.0_f32);
        for (term, weight) in &part.known {
            let has = |bag: &Bag| bag.binary_search(term).is_ok();
            if has(form) {
                shared += weight;
            } else if has(&section.asked) {
                elsewhere += IN_OTHER_FORM * weight;
            } else if has(&section.answer) {
                elsewhere += IN_ANSWER * weight;
            }
        }
        // What the section says elsewhere supports a likeness; it makes none.
        let explained = shared + elsewhere.min(2.0 * shared);
        let form: f32 = form.iter().map(|term| self.weights[*term as usize]).sum();
        if part.total <= 0.0 || form <= 0.0 {
            return 0.0;
        }
        (explained / part.total).min(1.0).powf(0.6) * (shared / form).min(1.0).powf(0.4)
    }
}

/// The weight of a term that no section has.
fn strange(term: &str) -> f32 {
    let share = if terms::is_dense_term(term) { STRANGE_DENSE } else { STRANGE };
    share * terms::weight(term)
}

/// From 1 for a term of one section down to 0.3 for one of all.
fn rarity(sections: u32, of: u32) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "at most ten thousand sections")]
    let (sections, of) = (sections as f32, of.max(1) as f32);
    0.3 + 0.7 * (1.0 + of / sections).ln().min((1.0 + of).ln()) / (1.0 + of).ln()
}

fn sorted(mut terms: Vec<TermId>) -> Bag {
    terms.sort_unstable();
    terms.dedup();
    terms.into_boxed_slice()
}
