//! Conditions: parsed by the `cel` crate, checked against the fact schema, and evaluated on facts in place.
//!
//! The language is a subset of CEL: whatever the checker lets through means the same here as in any CEL
//! interpreter, which a property test holds.

mod check;
mod eval;
#[cfg(test)]
mod oracle;
mod schema;
mod source;
mod words;

use std::{borrow::Cow, collections::BTreeMap, ops::Range};

use jiff::{SignedDuration, Timestamp};
use regex::Regex;

#[cfg(test)]
pub(super) use check::FUNCTIONS;
pub(super) use check::{Problem, Vocabulary, compile, compile_path};
pub(super) use eval::{Scope, World, Zone};
pub(super) use schema::{FIELDS, Field, QUEUE_FIELDS, QueueField, WEEKDAYS, field as fact_field};
pub(super) use words::{Hits, Needles, TextIndex, ones};

use crate::understand::Entity;

/// A checked expression and where it stands in its source.
#[derive(Debug, Clone)]
pub(super) struct Expr {
    pub kind: Kind,
    pub ty: Ty,
    /// Bytes of the expression's source.
    pub span: Range<usize>,
}

/// The type of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ty {
    Bool,
    Int,
    Double,
    Text,
    /// A text that is one of a few words.
    Word(&'static [&'static str]),
    Duration,
    Time,
    Texts,
    Entities,
    Entity,
    Map,
}

impl Ty {
    /// What a person calls a value of this type.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Int => "a whole number",
            Self::Double => "a number",
            Self::Text | Self::Word(_) => "a text",
            Self::Duration => "a duration",
            Self::Time => "a time",
            Self::Texts => "a list of texts",
            Self::Entities => "a list of entities",
            Self::Entity => "an entity",
            Self::Map => "attributes",
        }
    }

    pub(super) const fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Word(_))
    }

    pub(super) const fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Double)
    }
}

/// A value while an expression is evaluated; borrowed from the facts where it can be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Val<'a> {
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Cow<'a, str>),
    Duration(SignedDuration),
    Time(Timestamp),
    Texts(&'a [String]),
    Entities(&'a [Entity]),
    Entity(&'a Entity),
    Map(&'a BTreeMap<String, String>),
}

impl<'a> Val<'a> {
    pub(super) fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

/// What an expression is.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Literal(Val<'static>),
    Field(&'static Field),
    /// `customer.attributes.vip`: the map's field and the key.
    Attribute(&'static Field, String),
    /// `queues.care.waiting`.
    Queue(String, &'static QueueField),
    /// A macro's variable, counted from the outermost.
    Variable(usize),
    /// A part of the entity that a macro is at.
    PartOfEntity(usize, EntityPart),
    Not(Box<Expr>),
    And(Box<[Expr; 2]>),
    Or(Box<[Expr; 2]>),
    If(Box<[Expr; 3]>),
    Compare(Comparison, Box<[Expr; 2]>),
    Arithmetic(Operator, Box<[Expr; 2]>),
    Negate(Box<Expr>),
    /// A scalar in a list of literals.
    OneOf(Box<Expr>, Vec<Val<'static>>),
    /// A text in a list of texts or among the keys of attributes.
    In(Box<[Expr; 2]>),
    Contains(Box<[Expr; 2]>),
    StartsWith(Box<[Expr; 2]>),
    EndsWith(Box<[Expr; 2]>),
    /// `message.text.contains("literal")`: one pass over the text finds all of them.
    TextContains(usize),
    Matches(Box<Expr>, Pattern),
    AnyWord(Box<Expr>, Vec<String>),
    /// `message.text.any_word(["…"])`: one pass over the text finds all of them.
    TextAnyWord(Vec<usize>),
    LowerAscii(Box<Expr>),
    Size(Box<Expr>),
    /// `list.exists(x, …)`.
    Exists(Box<[Expr; 2]>),
    /// `list.all(x, …)`.
    All(Box<[Expr; 2]>),
    /// `list.filter(x, …).size()`.
    Count(Box<[Expr; 2]>),
    Has(Box<Expr>),
    /// `open("calendar")`, by the calendar's place in the set.
    Open(usize),
}

/// A compiled regular expression, linear in the text's length.
#[derive(Debug, Clone)]
pub(super) struct Pattern(pub Regex);

/// What an entity has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntityPart {
    Kind,
    Text,
}

/// `==` and the like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    AtMost,
    More,
    AtLeast,
}

/// `+` and the like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Expr {
    /// Those of [`children`](Self::children) that have one value: what stands inside a macro has many.
    pub(super) fn single_valued(&self) -> &[Self] {
        match &self.kind {
            Kind::Exists(pair) | Kind::All(pair) | Kind::Count(pair) => &pair[..1],
            Kind::Has(_) => &[],
            _ => self.children(),
        }
    }

    /// The expressions that this one is made of, in reading order.
    pub(super) fn children(&self) -> &[Self] {
        match &self.kind {
            Kind::Not(a)
            | Kind::Negate(a)
            | Kind::OneOf(a, _)
            | Kind::Matches(a, _)
            | Kind::AnyWord(a, _)
            | Kind::LowerAscii(a)
            | Kind::Size(a)
            | Kind::Has(a) => std::slice::from_ref(a),
            Kind::And(pair)
            | Kind::Or(pair)
            | Kind::Compare(_, pair)
            | Kind::Arithmetic(_, pair)
            | Kind::In(pair)
            | Kind::Contains(pair)
            | Kind::StartsWith(pair)
            | Kind::EndsWith(pair)
            | Kind::Exists(pair)
            | Kind::All(pair)
            | Kind::Count(pair) => pair.as_slice(),
            Kind::If(three) => three.as_slice(),
            Kind::Literal(_)
            | Kind::Field(_)
            | Kind::Attribute(..)
            | Kind::Queue(..)
            | Kind::Variable(_)
            | Kind::PartOfEntity(..)
            | Kind::TextContains(_)
            | Kind::TextAnyWord(_)
            | Kind::Open(_) => &[],
        }
    }
}
