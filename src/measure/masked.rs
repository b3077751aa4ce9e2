//! Texts without what names a person.

use contract::truncate_chars;

use crate::understand::Entity;

/// How much of a text is kept, in characters: the longest question of the knowledge.
const KEPT: usize = 300;
/// From how many digits in a row on a number is somebody's.
const DIGITS: usize = 5;
/// Entities that are nobody's.
const NOBODYS: [&str; 2] = ["money", "date"];

/// A text in which addresses, numbers and the customer's name stand as `‹what they are›`: what the classifier found in it, the
/// name that the channel gave, and every long number besides. Names that nobody knows to be names stay.
#[must_use]
pub fn masked(text: &str, entities: &[Entity], name: Option<&str>) -> String {
    let mut found: Vec<(&str, &str)> = entities
        .iter()
        .filter(|entity| !NOBODYS.contains(&entity.kind.as_str()) && !entity.text.trim().is_empty())
        .map(|entity| (entity.text.as_str(), entity.kind.as_str()))
        .collect();
    // Of two that overlap the longer one first.
    found.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
    found.extend(name.map(str::trim).filter(|name| name.chars().count() > 1).map(|name| (name, "name")));
    let mut text = text.to_owned();
    for (what, kind) in found {
        text = text.replace(what, &format!("‹{kind}›"));
    }
    let words: Vec<String> = text.split_whitespace().map(word).collect();
    truncate_chars(&words.join(" "), KEPT).to_owned()
}

/// A word without its long numbers, or what stands for it where it is an address.
fn word(word: &str) -> String {
    if word.split_once('@').is_some_and(|(before, after)| !before.is_empty() && after.contains('.')) {
        return "‹email›".to_owned();
    }
    let (mut out, mut number) = (String::new(), String::new());
    for c in word.chars().chain(['\0']) {
        if c.is_numeric() {
            number.push(c);
            continue;
        }
        out.push_str(if number.chars().count() < DIGITS { &number } else { "‹number›" });
        number.clear();
        if c != '\0' {
            out.push(c);
        }
    }
    out
}
