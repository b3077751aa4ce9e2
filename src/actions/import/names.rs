//! Names and words for what a document calls something.

use std::collections::BTreeSet;

/// The longest name, in characters.
const LONGEST: usize = 48;
/// The longest title, in characters.
const LONGEST_TITLE: usize = 100;
/// What Jinja reads as something else than a name.
const WORDS: [&str; 10] = ["and", "else", "false", "if", "in", "is", "none", "not", "or", "true"];

/// The words of a name, in small letters: `petId` and `pet-id` are both `pet`, `id`. What is not ASCII is left out.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in name.chars() {
        let begins = c.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit());
        if begins || !c.is_ascii_alphanumeric() {
            words.push(String::new());
        }
        if let (true, Some(last)) = (c.is_ascii_alphanumeric(), words.last_mut()) {
            last.push(c.to_ascii_lowercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

fn joined(name: &str, separator: &str, otherwise: &str) -> String {
    let text: String = words(name).join(separator).chars().take(LONGEST).collect();
    let text = text.trim_end_matches(separator);
    match text.chars().next() {
        None => otherwise.to_owned(),
        Some(first) if first.is_ascii_digit() => format!("{otherwise}{separator}{text}"),
        Some(_) if WORDS.contains(&text) => format!("{text}{separator}{otherwise}"),
        Some(_) => text.to_owned(),
    }
}

/// A name for actions and systems: `get-pet-by-id`.
pub(super) fn dashed(name: &str, otherwise: &str) -> String {
    joined(name, "-", otherwise)
}

/// A name that texts and expressions can use, and no other has so far: `pet_id`.
pub(super) fn identifier(name: &str, otherwise: &str, taken: &mut BTreeSet<String>) -> String {
    let plain = joined(name, "_", otherwise);
    let numbered = (2..).map(|number| format!("{plain}_{number}"));
    let free = std::iter::once(plain.clone()).chain(numbered).find(|name| !taken.contains(name)).unwrap_or(plain);
    taken.insert(free.clone());
    free
}

/// What people may call it: `pet id`; the name itself where it is in another script.
pub(super) fn spoken(name: &str) -> String {
    let words = words(name);
    plain(&if name.is_ascii() && !words.is_empty() { words.join(" ") } else { name.to_owned() })
}

/// A text of a document as one line, short, and without what Jinja would read.
pub(super) fn plain(text: &str) -> String {
    let printed = text.chars().map(|c| if c.is_control() || c.is_whitespace() { ' ' } else { c });
    let printed: String = printed.filter(|c| !matches!(c, '{' | '}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')).collect();
    let line = printed.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= LONGEST_TITLE {
        return line;
    }
    line.chars().take(LONGEST_TITLE - 1).chain(['…']).collect()
}

/// Whether a text is in Chinese, as far as its letters say.
pub(super) fn is_chinese(text: &str) -> bool {
    text.chars().any(|c| matches!(c, '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_of_whatever_documents_call_things() {
        for (name, dashes, identifiers) in [
            ("getPetById", "get-pet-by-id", "get_pet_by_id"),
            ("X-Request-ID", "x-request-id", "x_request_id"),
            ("订单号", "x", "x"),
            ("2fa", "x-2fa", "x_2fa"),
            ("in", "in-x", "in_x"),
            ("", "x", "x"),
        ] {
            assert_eq!(dashed(name, "x"), dashes, "{name}");
            assert_eq!(identifier(name, "x", &mut BTreeSet::new()), identifiers, "{name}");
        }
        let mut taken = BTreeSet::new();
        let names = ["a-b", "a_b", "aB"].map(|name| identifier(name, "x", &mut taken));
        assert_eq!(names, ["a_b", "a_b_2", "a_b_3"]);
        assert_eq!((spoken("petId"), spoken("订单号")), ("pet id".to_owned(), "订单号".to_owned()));
        assert_eq!(plain("Finds\n  {{ evil }} \u{7}pets"), "Finds evil pets");
    }
}
