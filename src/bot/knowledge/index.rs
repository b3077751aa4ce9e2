//! Proposes sections: of each term and group of synonyms, the sections that have it.

use super::score::{IN_ANSWER, IN_GROUP, TermId, Weighted};

/// The most units of one question that are looked up.
const MAX_UNITS: usize = 48;

/// Units that say less are looked up only where the question has no other.
const LEAST_WEIGHT: f32 = 0.1;

/// The sections with a term, in their order; whether it stands in a way to ask, or only in the answer.
#[derive(Default)]
pub(super) struct Index {
    /// By the term's number.
    places: Vec<Vec<(u32, bool)>>,
}

impl Index {
    /// Section number `section`, which comes after those that are in already, has these terms.
    pub(super) fn add(&mut self, section: usize, asked: &[TermId], answer: &[TermId]) {
        let Ok(section) = u32::try_from(section) else { return };
        let only_answer = answer.iter().filter(|term| asked.binary_search(term).is_err());
        for (term, is_asked) in asked.iter().map(|term| (term, true)).chain(only_answer.map(|term| (term, false))) {
            let term = *term as usize;
            if self.places.len() <= term {
                self.places.resize_with(term + 1, Vec::new);
            }
            self.places[term].push((section, is_asked));
        }
    }

    /// At most `most` of the first `sections` sections that share most with a question, in any order.
    pub(super) fn candidates(
        &self,
        units: &[Weighted],
        sections: usize,
        is_wanted: impl Fn(usize) -> bool,
        most: usize,
    ) -> Vec<usize> {
        let mut shared = vec![0.0_f32; sections];
        let mut heavy: Vec<&Weighted> = units.iter().filter(|unit| unit.weight >= LEAST_WEIGHT).collect();
        if heavy.is_empty() {
            heavy = units.iter().collect();
        }
        heavy.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        for unit in heavy.into_iter().take(MAX_UNITS) {
            let terms = unit.terms.iter().map(|(term, share)| (term, share * unit.weight));
            let groups = unit.groups.iter().map(|group| (group, IN_GROUP * unit.weight));
            for (term, worth) in terms.chain(groups) {
                for (section, is_asked) in self.places.get(*term as usize).into_iter().flatten() {
                    if let Some(shared) = shared.get_mut(*section as usize) {
                        *shared += if *is_asked { worth } else { IN_ANSWER * worth };
                    }
                }
            }
        }
        let mut found: Vec<usize> = (0..sections).filter(|id| shared[*id] > 0.0 && is_wanted(*id)).collect();
        if found.len() > most {
            found.select_nth_unstable_by(most, |a, b| shared[*b].total_cmp(&shared[*a]).then(a.cmp(b)));
            found.truncate(most);
        }
        found
    }
}
