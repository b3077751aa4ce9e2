//! How alike two questions are, by the terms that sections are compared by.

use std::collections::BTreeMap;

use super::terms;
use crate::understand::window;

/// The terms of a question, each once, with how much it says by its kind alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms(BTreeMap<String, f32>);

impl Terms {
    /// Those of a text; of a long one those of its beginning and its end.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let terms = terms::of(&terms::tokens(&window(text))).into_iter();
        Self(terms.map(|term| (terms::weight(&term), term)).map(|(weight, term)| (term, weight)).collect())
    }

    /// Each, with what it weighs, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f32)> {
        self.0.iter().map(|(term, weight)| (term.as_str(), *weight))
    }

    /// The share of what both say together that both say, 0 to 1 (the Jaccard index, weighed).
    #[must_use]
    pub fn likeness(&self, other: &Self) -> f32 {
        let shared: f32 = self.0.iter().filter(|(term, _)| other.0.contains_key(*term)).map(|(_, weight)| weight).sum();
        let all: f32 = self.0.values().chain(other.0.values()).sum::<f32>() - shared;
        if all > 0.0 { shared / all } else { 0.0 }
    }
}
