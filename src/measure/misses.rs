//! Questions without an answer, those that ask the same together.

use std::collections::BTreeMap;

use contract::MessageId;

use super::Miss;
use crate::bot::Terms;

/// How alike two questions are that belong together: the share of what they say that both say, 0 to 1.
const ALIKE: f32 = 0.4;
/// How many groups a question is held against at most, those that share the rarest terms with it first.
const CANDIDATES: usize = 64;
/// How many other ways to ask are kept of a group.
const WORDINGS: usize = 8;

/// Questions that ask the same, as far as their words show.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The question that the others are most like: what a section would be called.
    pub question: String,
    /// The customers' other wordings, newest first, each once.
    pub wordings: Vec<String>,
    /// The language that most of them are in, without script and region.
    pub language: String,
    /// The questions, newest first.
    pub misses: Vec<MessageId>,
}

/// Puts questions together that are alike; the largest groups first, then those that were asked last. `misses` come newest
/// first, and the same ones give the same groups.
///
/// Each joins the group whose first question it shares the largest part of its terms with, weighed as the knowledge weighs
/// them (leader clustering; Hartigan, *Clustering Algorithms*, 1975, chapter 3), so the time is bounded by the number of
/// questions times [`CANDIDATES`].
#[must_use]
pub fn grouped(misses: &[Miss]) -> Vec<Group> {
    let terms: Vec<Terms> = misses.iter().map(|miss| Terms::of(&miss.text)).collect();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut by_term: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for (at, (miss, own)) in misses.iter().zip(&terms).enumerate() {
        let language = family(&miss.language);
        let mut postings: Vec<&Vec<usize>> =
            own.iter().filter_map(|(term, _)| by_term.get(&(language, term))).collect();
        postings.sort_by_key(|groups| groups.len());
        let mut candidates: Vec<usize> = postings.into_iter().flatten().copied().take(CANDIDATES).collect();
        candidates.sort_unstable();
        candidates.dedup();
        let likeness = |group: &usize| groups[*group].first().map_or(0.0, |leader| terms[*leader].likeness(own));
        let best =
            candidates.iter().map(|group| (likeness(group), *group)).reduce(|a, b| if b.0 > a.0 { b } else { a });
        if let Some((_, group)) = best.filter(|(likeness, _)| *likeness >= ALIKE) {
            groups[group].push(at);
            continue;
        }
        for (term, _) in own.iter() {
            by_term.entry((language, term)).or_default().push(groups.len());
        }
        groups.push(vec![at]);
    }
    let mut found: Vec<Group> = groups.iter().map(|group| described(group, misses, &terms)).collect();
    found.sort_by(|a, b| b.misses.len().cmp(&a.misses.len()).then(b.misses.first().cmp(&a.misses.first())));
    found
}

fn described(group: &[usize], misses: &[Miss], terms: &[Terms]) -> Group {
    // The most central one; of a large group a part is enough to tell.
    let part = &group[..group.len().min(CANDIDATES)];
    let centrality = |at: usize| -> f32 { part.iter().map(|other| terms[at].likeness(&terms[*other])).sum() };
    let central = part.iter().map(|at| (centrality(*at), *at)).reduce(|a, b| if b.0 > a.0 { b } else { a });
    let question = central.map(|(_, at)| misses[at].text.clone()).unwrap_or_default();
    let mut wordings: Vec<String> = Vec::new();
    for text in group.iter().map(|at| &misses[*at].text) {
        let is_new = |known: &String| known.to_lowercase() != text.to_lowercase();
        if wordings.len() < WORDINGS && is_new(&question) && wordings.iter().all(is_new) {
            wordings.push(text.clone());
        }
    }
    let mut languages: BTreeMap<&str, usize> = BTreeMap::new();
    for at in group {
        *languages.entry(family(&misses[*at].language)).or_default() += 1;
    }
    let language = languages.into_iter().max_by_key(|(_, count)| *count).map(|(language, _)| language.to_owned());
    Group {
        question,
        wordings,
        language: language.unwrap_or_default(),
        misses: group.iter().map(|at| misses[*at].id).collect(),
    }
}

fn family(language: &str) -> &str {
    language.split('-').next().unwrap_or(language)
}
