//! Finding goods by words, in English and in Chinese, whichever the customer writes. Pure.
//!
//! English is compared word by word without its endings, Chinese by pairs of characters, so that no dictionary is
//! needed. A word counts more in a name than in a description, and more the fewer products have it.

use std::collections::BTreeSet;

use crate::catalog::{Catalog, Product};

/// English words that say nothing about goods.
const EMPTY_WORDS: [&str; 17] = [
    "an", "and", "any", "are", "do", "for", "have", "in", "is", "me", "my", "of", "some", "that", "the", "with", "you",
];

const NAME: f64 = 4.0;
const CATEGORY: f64 = 2.0;
const DESCRIPTION: f64 = 1.0;

/// The products that have any of the words, the best first.
pub(crate) fn search<'a>(catalog: &'a Catalog, query: &str) -> Vec<&'a Product> {
    let indexed: Vec<_> = catalog.products.iter().map(|product| (product, fields(catalog, product))).collect();
    let mut scores = vec![0.0; indexed.len()];
    for term in terms(query, false) {
        let weights: Vec<f64> = indexed.iter().map(|(_, fields)| weight(fields, &term)).collect();
        let having = weights.iter().filter(|&&weight| weight > 0.0).count().max(1);
        let rarity = (1.0 + indexed.len() as f64 / having as f64).ln();
        for (score, weight) in scores.iter_mut().zip(weights) {
            *score += rarity * weight;
        }
    }
    let mut found: Vec<_> = indexed
        .iter()
        .zip(scores)
        .filter(|(_, score)| *score > 0.0)
        .map(|((product, _), score)| (*product, score))
        .collect();
    found.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    found.into_iter().map(|(product, _)| product).collect()
}

fn fields(catalog: &Catalog, product: &Product) -> [(f64, BTreeSet<String>); 3] {
    let category = catalog.category(&product.category).map(|category| &category.name);
    let category = category.map(|name| format!("{} {}", name.en, name.zh)).unwrap_or_default();
    let name = format!("{} {} {}", product.sku, product.name.en, product.name.zh);
    let description = format!("{} {}", product.description.en, product.description.zh);
    [(NAME, terms(&name, true)), (CATEGORY, terms(&category, true)), (DESCRIPTION, terms(&description, true))]
}

/// What a term is worth where it stands; the fields are in the order of their weight.
fn weight(fields: &[(f64, BTreeSet<String>)], term: &str) -> f64 {
    fields.iter().find(|(_, terms)| terms.contains(term)).map_or(0.0, |(weight, _)| *weight)
}

/// English words and Chinese pairs. Single characters are terms too where they are alone, or if all are asked for.
fn terms(text: &str, all: bool) -> BTreeSet<String> {
    let mut terms = BTreeSet::new();
    let text = text.to_lowercase();
    for run in text.split(|c: char| !c.is_alphanumeric()) {
        for word in run.split(is_han).filter(|word| word.len() > 1 && !EMPTY_WORDS.contains(word)) {
            terms.insert(stem(word).to_owned());
        }
        for han in run.split(|c| !is_han(c)) {
            let characters: Vec<char> = han.chars().collect();
            terms.extend(characters.windows(2).map(String::from_iter));
            if all || characters.len() == 1 {
                terms.extend(characters.iter().map(char::to_string));
            }
        }
    }
    terms
}

/// A word without what makes several of one: `scarves` and `scarf` are the same.
fn stem(word: &str) -> &str {
    [&['s'][..], &['e'], &['v', 'f']].iter().fold(word, |word, ending| match word.strip_suffix(*ending) {
        Some(shorter) if shorter.len() > 2 => shorter,
        _ => word,
    })
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}')
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn the_best_comes_first_in_both_languages() {
        let (catalog, _) = crate::seed::read(date(2026, 11, 30)).unwrap();
        for (query, best) in [
            ("Harbour sweater", Some("KN-101")),
            ("do you have any scarves?", Some("AC-302")),
            ("GLOVE", Some("AC-303")),
            ("ca-602", Some("CA-602")),
            ("baby", Some("HO-503")),
            ("围巾", Some("AC-302")),
            ("有没有羊绒披肩", Some("AC-304")),
            ("毛毯", Some("HO-501")),
            ("我想给孩子买一顶绒球帽", Some("AC-305")),
            ("靴", Some("SO-401")),
            ("雨衣 raincoat", Some("CO-203")),
            ("bicycle", None),
            ("自行车", None),
            ("the", None),
            ("", None),
        ] {
            let found = search(&catalog, query);
            assert_eq!(found.first().map(|product| product.sku.as_str()), best, "{query}");
        }
    }
}
