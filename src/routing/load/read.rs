//! Reading typed values out of YAML nodes: what does not fit is noted where it stands, and reading goes on.

use std::ops::Range;

use jiff::tz::TimeZone;

use crate::routing::{
    facts::Priority,
    finding::{Notes, suggest},
    rule::{Titles, Trigger},
    template::Templates,
    yaml::{Key, Node, Value},
};

/// The entries of a mapping whose keys are all known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'n> {
    entries: &'n [(Key, Node)],
}

impl<'n> Fields<'n> {
    /// The value of a key, which may be nothing.
    pub(super) fn written(self, name: &str) -> Option<&'n Node> {
        self.entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| node)
    }

    /// The value of a key; a key without a value counts as absent.
    pub(crate) fn get(self, name: &str) -> Option<&'n Node> {
        self.written(name).filter(|node| node.value != Value::Null)
    }
}

/// A mapping with these keys and no other.
pub(crate) fn fields<'n>(node: &'n Node, what: &str, known: &[&str], notes: &mut Notes<'_>) -> Option<Fields<'n>> {
    let entries = entries(node, what, notes)?;
    for (key, _) in entries.iter().filter(|(key, _)| !known.contains(&key.name.as_str())) {
        let help = suggest(&key.name, known.iter().copied());
        notes.error(&key.span, format!("{what} has no key `{}`", key.name), help);
    }
    Some(Fields { entries })
}

/// A mapping with any keys.
pub(crate) fn entries<'n>(node: &'n Node, what: &str, notes: &mut Notes<'_>) -> Option<&'n [(Key, Node)]> {
    match &node.value {
        _ if notes.full() => None,
        Value::Map(entries) => Some(entries),
        Value::Null => Some(&[]),
        other => {
            notes.error(
                &node.span,
                format!("{what} is a mapping, and this is {}", other.kind()),
                "write `key: value` lines",
            );
            None
        }
    }
}

/// The first `most` of some items; that there are more is an error.
pub(super) fn at_most<'n, T>(items: &'n [T], node: &Node, what: &str, most: usize, notes: &mut Notes<'_>) -> &'n [T] {
    if items.len() > most {
        notes.error(&node.span, format!("there are {} {what}; {most} are the most", items.len()), "");
    }
    &items[..items.len().min(most)]
}

pub(crate) fn list<'n>(node: &'n Node, what: &str, notes: &mut Notes<'_>) -> Option<&'n [Node]> {
    match &node.value {
        _ if notes.full() => None,
        Value::List(items) => Some(items),
        Value::Null => Some(&[]),
        other => {
            notes.error(
                &node.span,
                format!("{what} is a list, and this is {}", other.kind()),
                "begin each item with `- `",
            );
            None
        }
    }
}

pub(crate) fn text<'n>(node: &'n Node, what: &str, notes: &mut Notes<'_>) -> Option<&'n str> {
    match &node.value {
        _ if notes.full() => None,
        Value::Text(text) if !text.trim().is_empty() => Some(text),
        Value::Text(_) | Value::Null => {
            notes.error(&node.span, format!("{what} is empty"), "");
            None
        }
        other => {
            let help = if matches!(other, Value::List(_) | Value::Map(_)) { "" } else { "put it in quotes" };
            notes.error(&node.span, format!("{what} is a text, and this is {}", other.kind()), help);
            None
        }
    }
}

/// One line of at most 120 characters.
pub(super) fn line<'n>(node: &'n Node, what: &str, notes: &mut Notes<'_>) -> Option<&'n str> {
    let text = text(node, what, notes)?.trim();
    if text.chars().count() > 120 || text.chars().any(char::is_control) {
        notes.error(&node.span, format!("{what} is one line of at most 120 characters"), "");
        return None;
    }
    Some(text)
}

/// A name: letters and digits of any script, `-`, `_`, `.`, at most 64.
pub(crate) fn name<'n>(node: &'n Node, what: &str, notes: &mut Notes<'_>) -> Option<&'n str> {
    let name = text(node, what, notes)?;
    is_name(name, &node.span, what, notes).then_some(name)
}

/// See [`name`].
pub(super) fn is_name(name: &str, span: &Range<usize>, what: &str, notes: &mut Notes<'_>) -> bool {
    let fits = (1..=64).contains(&name.chars().count())
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if !fits {
        notes.error(span, format!("{what} is made of letters, digits, “-”, “_” and “.”, 64 at most"), "");
    }
    fits
}

pub(super) fn boolean(node: &Node, what: &str, notes: &mut Notes<'_>) -> Option<bool> {
    match node.value {
        Value::Bool(value) => Some(value),
        _ => {
            notes.error(&node.span, format!("{what} is true or false, and this is {}", node.value.kind()), "");
            None
        }
    }
}

/// A whole number within bounds.
pub(crate) fn whole(
    node: &Node,
    what: &str,
    within: std::ops::RangeInclusive<i64>,
    notes: &mut Notes<'_>,
) -> Option<i64> {
    match node.value {
        Value::Int(value) if within.contains(&value) => Some(value),
        _ => {
            notes.error(
                &node.span,
                format!("{what} is a whole number from {} to {}", within.start(), within.end()),
                "",
            );
            None
        }
    }
}

/// A skill's level.
pub(crate) fn level(node: &Node, notes: &mut Notes<'_>) -> Option<u8> {
    whole(node, "a level", 1..=5, notes).and_then(|level| u8::try_from(level).ok())
}

/// A number from 0 to 1.
pub(crate) fn share(node: &Node, what: &str, notes: &mut Notes<'_>) -> Option<f64> {
    let value = match node.value {
        Value::Float(value) => Some(value),
        Value::Int(0) => Some(0.0),
        Value::Int(1) => Some(1.0),
        _ => None,
    };
    let value = value.filter(|value| (0.0..=1.0).contains(value));
    if value.is_none() {
        notes.error(&node.span, format!("{what} is a number from 0 to 1"), "");
    }
    value
}

/// A duration such as `90s`, `5m`, `1h30m`, `7d`, in whole seconds; at most 366 days.
pub(crate) fn seconds(node: &Node, what: &str, notes: &mut Notes<'_>) -> Option<u64> {
    let seconds = match &node.value {
        Value::Text(text) => parse_seconds(text.trim()),
        Value::Int(0) => Some(0),
        _ => None,
    };
    let seconds = seconds.filter(|seconds| *seconds <= 366 * 86_400);
    if seconds.is_none() {
        notes.error(&node.span, format!("{what} is a duration"), "write it as 90s, 5m, 1h30m or 7d");
    }
    seconds
}

/// The seconds of a duration such as `1h30m`.
pub(crate) fn parse_seconds(text: &str) -> Option<u64> {
    let (mut total, mut rest) = (0_u64, text);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let unit = match rest.as_bytes()[digits] {
            b's' => 1,
            b'm' => 60,
            b'h' => 3_600,
            b'd' => 86_400,
            _ => return None,
        };
        total = total.checked_add(rest[..digits].parse::<u64>().ok()?.checked_mul(unit)?)?;
        rest = &rest[digits + 1..];
    }
    Some(total)
}

/// One of a few words.
pub(super) fn word<T: Copy>(node: &Node, what: &str, words: &[(&str, T)], notes: &mut Notes<'_>) -> Option<T> {
    let text = text(node, what, notes)?;
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Some(*value);
    }
    let help = suggest(text, words.iter().map(|(word, _)| *word));
    notes.error(&node.span, format!("{what} is never “{text}”"), help);
    None
}

pub(super) fn trigger(node: &Node, notes: &mut Notes<'_>) -> Option<Trigger> {
    word(node, "`on`", &Trigger::ALL.map(|trigger| (trigger.as_str(), trigger)), notes)
}

pub(super) fn priority(node: &Node, notes: &mut Notes<'_>) -> Option<Priority> {
    let words = [Priority::Low, Priority::Normal, Priority::High, Priority::Urgent].map(|p| (p.as_str(), p));
    word(node, "a priority", &words, notes)
}

/// The name of a template that there is.
pub(super) fn template(node: &Node, templates: &Templates, notes: &mut Notes<'_>) -> Option<String> {
    let name = text(node, "a template", notes)?;
    if !templates.names().any(|known| known == name) {
        notes.error(&node.span, format!("there is no template “{name}”"), suggest(name, templates.names()));
    }
    Some(name.to_owned())
}

/// Texts by language.
pub(super) fn titles(node: &Node, what: &str, notes: &mut Notes<'_>) -> Titles {
    let mut titles = Titles::new();
    for (key, node) in entries(node, what, notes).unwrap_or_default() {
        if is_language(&key.name, &key.span, notes)
            && let Some(title) = line(node, what, notes)
        {
            titles.insert(key.name.clone(), title.to_owned());
        }
    }
    titles
}

/// Whether this looks like a BCP-47 tag.
pub(crate) fn is_language(tag: &str, span: &Range<usize>, notes: &mut Notes<'_>) -> bool {
    let mut parts = tag.split('-');
    let primary = parts.next().unwrap_or_default();
    let fits = (2..=3).contains(&primary.len())
        && primary.bytes().all(|b| b.is_ascii_lowercase())
        && parts.all(|part| (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()));
    if !fits {
        notes.error(span, format!("“{tag}” is not a language"), "write a BCP-47 tag: en, zh, zh-Hans, pt-BR");
    }
    fits
}

pub(super) fn zone(node: &Node, notes: &mut Notes<'_>) -> Option<TimeZone> {
    let name = text(node, "a time zone", notes)?;
    match TimeZone::get(name) {
        Ok(zone) => Some(zone),
        Err(_) => {
            notes.error(
                &node.span,
                format!("there is no time zone “{name}”"),
                "write it as Europe/Berlin or Asia/Shanghai",
            );
            None
        }
    }
}
