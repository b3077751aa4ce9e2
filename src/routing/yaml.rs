//! YAML as a tree that knows where each of its nodes stands, so that a loader can report everything that is wrong
//! in a file at once. Bounded: hostile files end in one error, in time proportional to their size limit.

use std::{fmt, ops::Range};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::{
    Location, Spanned,
    budget::BudgetBreach as Breach,
    options::{DuplicateKeyPolicy, MergeKeyPolicy},
};

/// The most nodes of one file.
const MAX_NODES: usize = 300_000;
/// The deepest nesting of one file.
const MAX_DEPTH: usize = 24;
/// The most aliases of one file.
const MAX_ALIASES: usize = 1_000;
/// The most values that the aliases of one file stand for.
const MAX_REPEATED: usize = 100_000;
/// What aliases are for can be written without them.
const NO_ALIASES: &str = "write lists out without *aliases";

/// A node and the bytes of the file that it was read from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub value: Value,
    pub span: Range<usize>,
}

impl Node {
    /// What an empty file is.
    pub(crate) const NULL: Self = Self { value: Value::Null, span: 0..0 };

    /// The value of a key of a mapping, where it is one that says something.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        let Value::Map(entries) = &self.value else { return None };
        entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| node).filter(|node| node.value != Value::Null)
    }

    /// How many values it has in it, itself counted.
    pub(crate) fn count(&self) -> usize {
        1 + match &self.value {
            Value::List(items) => items.iter().map(Self::count).sum(),
            Value::Map(entries) => entries.iter().map(|(_, node)| node.count()).sum(),
            _ => 0,
        }
    }
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Key {
    pub name: String,
    pub span: Range<usize>,
}

impl Value {
    /// What a person calls this kind of value.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

/// A file that is not YAML, or too much of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Malformed {
    pub message: String,
    pub help: &'static str,
    pub span: Range<usize>,
}

/// Reads one document. An empty one is `Null`.
pub(crate) fn parse(text: &str) -> Result<Node, Malformed> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: MAX_NODES,
            max_events: 2 * MAX_NODES,
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_documents: 1,
            max_aliases: MAX_ALIASES,
            max_anchors: MAX_ALIASES,
            max_recorded_anchor_events: MAX_REPEATED,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        reject_unsupported_tags: true,
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_REPEATED,
            max_replay_stack_depth: 4,
        },
    };
    if let Some(unprintable) = unprintable(text) {
        return Err(unprintable);
    }
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Node::NULL);
    }
    serde_saphyr::from_str_with_options::<Spanned<Value>>(text, options).map(Node::from).map_err(|error| {
        let at = error.location().map_or(0..0, |at| bytes(&at));
        let error = error.without_snippet();
        let too_much = |message: String, help| Malformed { message, help, span: at.clone() };
        match error {
            serde_saphyr::Error::UnsupportedTag { tag, .. } => {
                let before = text.get(..at.start).and_then(|head| head.rfind(tag.as_str()));
                let span = before.map_or(at, |start| start..start + tag.len());
                Malformed { message: plain(error), help: "put a text that begins with ! in quotes", span }
            }
            serde_saphyr::Error::Budget { breach, .. } => match breach {
                Breach::Depth { .. } => too_deep(at),
                Breach::Nodes { .. } | Breach::Events { .. } => {
                    too_much(format!("there are more than {MAX_NODES} values"), "split it into several files")
                }
                Breach::Aliases { .. } | Breach::Anchors { .. } => {
                    too_much(format!("there are more than {MAX_ALIASES} aliases"), NO_ALIASES)
                }
                _ => too_much(plain(error), "split it into several files"),
            },
            // The error that says so is wrapped in one that says where, and can only be known by its words.
            _ if plain(error).starts_with("alias replay") || plain(error).starts_with("alias expansion") => {
                too_much("aliases of aliases stand for too many values".to_owned(), NO_ALIASES)
            }
            _ if plain(error) == "recursion limit exceeded" => too_deep(at),
            _ => Malformed { message: plain(error), help: "", span: at },
        }
    })
}

fn too_deep(span: Range<usize>) -> Malformed {
    let message = format!("it is nested deeper than {MAX_DEPTH} levels");
    Malformed { message, help: "a rule file needs few levels; is a bracket left open?", span }
}

/// The first character that no YAML file can have.
fn unprintable(text: &str) -> Option<Malformed> {
    let (at, c) = text.char_indices().find(|(_, c)| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{85}'))?;
    let message = format!("there is a control character, U+{:04X}", u32::from(c));
    Some(Malformed { message, help: "take it out; is this a text file?", span: at..at + c.len_utf8() })
}

/// The error's first line, without the position and the snippet that the caller draws better.
fn plain(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let line = text.lines().next().unwrap_or_default();
    let line = line.split_once(": ").filter(|(head, _)| head.contains("line ")).map_or(line, |(_, rest)| rest);
    line.rsplit_once(" at line ").map_or(line, |(message, _)| message).to_owned()
}

fn bytes(at: &Location) -> Range<usize> {
    let span = at.span();
    let start = span.byte_offset().unwrap_or(0) as usize;
    start..start + span.byte_len().unwrap_or(0) as usize
}

impl From<Spanned<Value>> for Node {
    fn from(spanned: Spanned<Value>) -> Self {
        Self { span: bytes(&spanned.referenced), value: spanned.value }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        Value::deserialize(from)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        #[expect(clippy::cast_precision_loss, reason = "a number beyond 2⁶³ is out of every range here")]
        Ok(i64::try_from(value).map_or(Value::Float(value as f64), Value::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Spanned<Value>>()? {
            list.push(item.into());
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = entries.next_key::<Spanned<String>>()? {
            let value = entries.next_value::<Spanned<Value>>()?;
            map.push((Key { span: bytes(&key.referenced), name: key.value }, value.into()));
        }
        Ok(Value::Map(map))
    }
}

/// Where the byte `offset` of a scalar's value stands in the file, given the scalar's bytes in the file.
///
/// A folded or quoted scalar reads differently from what is written: both are walked side by side, skipping
/// indentation, fold marks and escapes.
pub(super) fn position_in_scalar(file: &str, scalar: &Range<usize>, value: &str, offset: usize) -> usize {
    let raw = file.get(scalar.clone()).unwrap_or_default();
    let mut at = raw.starts_with(['>', '|']).then(|| raw.find('\n')).flatten().unwrap_or(0);
    let bytes = raw.as_bytes();
    for (index, c) in value.char_indices() {
        if c.is_whitespace() {
            if index >= offset {
                break;
            }
            while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
                at += 1;
            }
            continue;
        }
        while at < raw.len() && !raw[at..].starts_with(c) {
            at += raw[at..].chars().next().map_or(1, char::len_utf8);
        }
        if index >= offset {
            break;
        }
        at += c.len_utf8();
    }
    scalar.start + at.min(raw.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(node: &Node) -> &[(Key, Node)] {
        match &node.value {
            Value::Map(entries) => entries,
            other => panic!("not a mapping: {other:?}"),
        }
    }

    #[test]
    fn nodes_know_their_bytes() {
        let text = "# 退货\nrules:\n  - name: 退货 one\n    on: message\n    when: >\n      a == 1 &&\n      b\n";
        let tree = parse(text).unwrap();
        let (key, rules) = &map(&tree)[0];
        assert_eq!(&text[key.span.clone()], "rules");
        let Value::List(rules) = &rules.value else { panic!("rules is a list") };
        let rule = map(&rules[0]);
        assert_eq!(&text[rule[0].1.span.clone()], "退货 one");
        assert_eq!(rule[1].0.name, "on");
        assert_eq!(rule[2].1.value, Value::Text("a == 1 && b\n".into()));
        let b = position_in_scalar(text, &rule[2].1.span, "a == 1 && b\n", 10);
        assert_eq!(&text[b..=b], "b");
    }

    #[test]
    fn a_position_inside_a_scalar_is_found_in_any_style() {
        for (file, value, word) in [
            ("k: x == \"退\" && zebra", "x == \"退\" && zebra", "zebra"),
            ("k: 'x == ''y'' && zebra'", "x == 'y' && zebra", "zebra"),
            ("k: \"x == \\\"y\\\" && zebra\"", "x == \"y\" && zebra", "zebra"),
            ("k: |\n  x &&\n    zebra\n", "x &&\n  zebra\n", "zebra"),
            ("k: >-\n  x &&\n  zebra || true\n", "x && zebra || true", "zebra"),
        ] {
            let tree = parse(file).unwrap();
            let node = &map(&tree)[0].1;
            assert_eq!(node.value, Value::Text(value.into()), "{file}");
            let at = position_in_scalar(file, &node.span, value, value.find(word).unwrap());
            assert!(file[at..].starts_with(word), "{file}: {}", &file[at..]);
        }
    }

    #[test]
    fn hostile_files_end_in_one_error() {
        let bomb = "a: &a [1,2,3,4,5,6,7,8,9]\n".to_owned()
            + "b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
            + "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\n"
            + "f: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n";
        for hostile in [bomb, "[".repeat(100_000), "- ".repeat(50_000), "{a: ".repeat(10_000), "a: 1\na: 2".into()] {
            let error = parse(&hostile).unwrap_err();
            assert!(!error.message.is_empty() && !error.message.contains('\n'), "{error:?}");
        }
    }
}
