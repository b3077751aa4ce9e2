//! Evaluation on facts in place. `None` is unknown; it spreads as an absent field does in CEL.

use std::{borrow::Cow, cell::OnceCell, cmp::Ordering, collections::BTreeMap, sync::Arc};

use jiff::{Zoned, tz::TimeZone};

use super::{Comparison, EntityPart, Expr, Kind, Operator, TextIndex, Val, words};
use crate::{
    routing::{
        calendar::Calendar,
        facts::{Facts, Priority},
    },
    understand::Entity,
};

/// What a rule set brings to the facts.
#[derive(Debug, Default)]
pub(in crate::routing) struct World {
    pub texts: TextIndex,
    pub calendars: Vec<Arc<Calendar>>,
    /// The zone of `now.hour` and `now.weekday`.
    pub zone: Zone,
}

/// A time zone; UTC unless said otherwise.
#[derive(Debug, Clone)]
pub(in crate::routing) struct Zone(pub TimeZone);

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

/// The facts as one rule sees them: what rules above changed, and what was computed on the way.
#[derive(Debug)]
pub(in crate::routing) struct Scope<'a> {
    pub facts: &'a Facts,
    pub tags: Cow<'a, [String]>,
    pub attributes: Cow<'a, BTreeMap<String, String>>,
    pub priority: Priority,
    world: &'a World,
    contained: OnceCell<words::Hits>,
    words: OnceCell<words::Hits>,
    local: OnceCell<Zoned>,
}

impl<'a> Scope<'a> {
    pub(in crate::routing) fn new(world: &'a World, facts: &'a Facts) -> Self {
        Self {
            facts,
            tags: Cow::Borrowed(&facts.conversation.tags),
            attributes: Cow::Borrowed(&facts.conversation.attributes),
            priority: facts.conversation.priority,
            world,
            contained: OnceCell::new(),
            words: OnceCell::new(),
            local: OnceCell::new(),
        }
    }

    /// Now, where the business is.
    pub(super) fn local_now(&self) -> &Zoned {
        self.local.get_or_init(|| self.facts.now.time.to_zoned(self.world.zone.0.clone()))
    }

    /// The texts of the rules that the message has.
    pub(in crate::routing) fn contained(&self) -> &words::Hits {
        self.contained.get_or_init(|| self.world.texts.contained(&self.facts.message.text))
    }

    /// The words of the rules that the message has.
    pub(in crate::routing) fn words(&self) -> &words::Hits {
        self.words.get_or_init(|| self.world.texts.words(&self.facts.message.text))
    }
}

/// The element that a macro is at.
#[derive(Debug, Clone, Copy)]
enum Item<'s> {
    Text(&'s str),
    Entity(&'s Entity),
}

/// A macro's variable, and those around it.
#[derive(Debug, Clone, Copy)]
pub(in crate::routing) struct Variable<'v, 's> {
    item: Item<'s>,
    depth: usize,
    outer: Variables<'v, 's>,
}

type Variables<'v, 's> = Option<&'v Variable<'v, 's>>;

fn variable<'s>(variables: Variables<'_, 's>, depth: usize) -> Option<Item<'s>> {
    let mut at = variables?;
    while at.depth > depth {
        at = at.outer?;
    }
    Some(at.item)
}

impl Expr {
    /// Whether the condition holds. Unknown does not.
    pub(in crate::routing) fn holds(&self, scope: &Scope<'_>) -> bool {
        self.truth(scope, None) == Some(true)
    }

    /// The value, or `None` where it is unknown.
    pub(in crate::routing) fn evaluate<'s>(&'s self, scope: &'s Scope<'_>) -> Option<Val<'s>> {
        self.value(scope, None)
    }

    fn truth<'s>(&'s self, scope: &'s Scope<'_>, vars: Variables<'_, 's>) -> Option<bool> {
        match &self.kind {
            Kind::Not(inner) => inner.truth(scope, vars).map(|truth| !truth),
            Kind::And(pair) => match pair[0].truth(scope, vars) {
                Some(false) => Some(false),
                left => match pair[1].truth(scope, vars) {
                    Some(false) => Some(false),
                    right => left.and(right),
                },
            },
            Kind::Or(pair) => match pair[0].truth(scope, vars) {
                Some(true) => Some(true),
                left => match pair[1].truth(scope, vars) {
                    Some(true) => Some(true),
                    right => left.and(right),
                },
            },
            Kind::Compare(comparison, pair) => {
                let left = pair[0].value(scope, vars)?;
                let right = pair[1].value(scope, vars)?;
                compare(*comparison, &left, &right)
            }
            Kind::OneOf(item, list) => {
                let item = item.value(scope, vars)?;
                Some(list.iter().any(|one| compare(Comparison::Equal, &item, one) == Some(true)))
            }
            Kind::In(pair) => {
                let Val::Text(item) = pair[0].value(scope, vars)? else { return None };
                match pair[1].value(scope, vars)? {
                    Val::Texts(list) => Some(list.iter().any(|one| *one == item)),
                    Val::Map(map) => Some(map.contains_key(item.as_ref())),
                    _ => None,
                }
            }
            Kind::Contains(pair) => texts(pair, scope, vars, |text, part| text.contains(part)),
            Kind::StartsWith(pair) => texts(pair, scope, vars, |text, part| text.starts_with(part)),
            Kind::EndsWith(pair) => texts(pair, scope, vars, |text, part| text.ends_with(part)),
            Kind::TextContains(needle) => Some(scope.contained().has(*needle)),
            Kind::TextAnyWord(needles) => Some(needles.iter().any(|&needle| scope.words().has(needle))),
            Kind::AnyWord(text, list) => match text.value(scope, vars)? {
                Val::Text(text) => Some(words::any_word(&text, list.iter().map(String::as_str))),
                _ => None,
            },
            Kind::Matches(text, pattern) => match text.value(scope, vars)? {
                Val::Text(text) => Some(pattern.0.is_match(&text)),
                _ => None,
            },
            Kind::Exists(pair) => quantify(pair, scope, vars, true),
            Kind::All(pair) => quantify(pair, scope, vars, false),
            Kind::Has(inner) => match &inner.kind {
                Kind::Queue(name, field) => scope.facts.queues.get(name).map(|queue| (field.get)(queue).is_some()),
                _ => Some(inner.value(scope, vars).is_some()),
            },
            Kind::Open(calendar) => self::open(&scope.world.calendars, *calendar, scope.facts.now.time),
            _ => match self.value(scope, vars)? {
                Val::Bool(truth) => Some(truth),
                _ => None,
            },
        }
    }

    fn value<'s>(&'s self, scope: &'s Scope<'_>, vars: Variables<'_, 's>) -> Option<Val<'s>> {
        match &self.kind {
            Kind::Literal(value) => Some(value.borrowed()),
            Kind::Field(field) => (field.get)(scope),
            Kind::Attribute(field, key) => match (field.get)(scope)? {
                Val::Map(map) => map.get(key).map(|value| Val::text(value)),
                _ => None,
            },
            Kind::Queue(name, field) => scope.facts.queues.get(name).and_then(|queue| (field.get)(queue)),
            Kind::Variable(depth) => variable(vars, *depth).map(|item| match item {
                Item::Text(text) => Val::text(text),
                Item::Entity(entity) => Val::Entity(entity),
            }),
            Kind::PartOfEntity(depth, part) => match (variable(vars, *depth)?, part) {
                (Item::Entity(entity), EntityPart::Kind) => Some(Val::text(&entity.kind)),
                (Item::Entity(entity), EntityPart::Text) => Some(Val::text(&entity.text)),
                (Item::Text(_), _) => None,
            },
            Kind::If(three) => {
                let chosen = if three[0].truth(scope, vars)? { &three[1] } else { &three[2] };
                chosen.value(scope, vars)
            }
            Kind::Arithmetic(operator, pair) => {
                let left = pair[0].value(scope, vars)?;
                let right = pair[1].value(scope, vars)?;
                arithmetic(*operator, &left, &right)
            }
            Kind::Negate(inner) => match inner.value(scope, vars)? {
                Val::Int(value) => value.checked_neg().map(Val::Int),
                Val::Double(value) => Some(Val::Double(-value)),
                _ => None,
            },
            Kind::LowerAscii(inner) => match inner.value(scope, vars)? {
                Val::Text(text) => Some(Val::Text(Cow::Owned(text.to_ascii_lowercase()))),
                _ => None,
            },
            Kind::Size(inner) => size(&inner.value(scope, vars)?).map(Val::Int),
            Kind::Count(pair) => count(pair, scope, vars).map(Val::Int),
            _ => self.truth(scope, vars).map(Val::Bool),
        }
    }
}

impl Val<'_> {
    fn borrowed(&self) -> Val<'_> {
        match self {
            Val::Text(text) => Val::text(text),
            other => other.clone(),
        }
    }
}

fn open(calendars: &[Arc<Calendar>], calendar: usize, now: jiff::Timestamp) -> Option<bool> {
    calendars.get(calendar).map(|calendar| calendar.open_at(now))
}

fn texts<'s>(
    pair: &'s [Expr; 2],
    scope: &'s Scope<'_>,
    vars: Variables<'_, 's>,
    test: impl Fn(&str, &str) -> bool,
) -> Option<bool> {
    match (pair[0].value(scope, vars)?, pair[1].value(scope, vars)?) {
        (Val::Text(text), Val::Text(part)) => Some(test(&text, &part)),
        _ => None,
    }
}

fn compare(comparison: Comparison, left: &Val<'_>, right: &Val<'_>) -> Option<bool> {
    #[expect(clippy::cast_precision_loss, reason = "CEL compares a whole number with a fraction as fractions")]
    let order = match (left, right) {
        (Val::Text(a), Val::Text(b)) => Some(a.cmp(b)),
        (Val::Int(a), Val::Int(b)) => Some(a.cmp(b)),
        (Val::Double(a), Val::Double(b)) => a.partial_cmp(b),
        (Val::Int(a), Val::Double(b)) => (*a as f64).partial_cmp(b),
        (Val::Double(a), Val::Int(b)) => a.partial_cmp(&(*b as f64)),
        (Val::Bool(a), Val::Bool(b)) => Some(a.cmp(b)),
        (Val::Duration(a), Val::Duration(b)) => Some(a.cmp(b)),
        (Val::Time(a), Val::Time(b)) => Some(a.cmp(b)),
        _ => None,
    };
    match comparison {
        Comparison::Equal => Some(order == Some(Ordering::Equal)),
        Comparison::Unequal => Some(order != Some(Ordering::Equal)),
        Comparison::Less => order.map(Ordering::is_lt),
        Comparison::AtMost => order.map(Ordering::is_le),
        Comparison::More => order.map(Ordering::is_gt),
        Comparison::AtLeast => order.map(Ordering::is_ge),
    }
}

fn arithmetic(operator: Operator, left: &Val<'_>, right: &Val<'_>) -> Option<Val<'static>> {
    match (left, right) {
        (Val::Int(a), Val::Int(b)) => match operator {
            Operator::Add => a.checked_add(*b),
            Operator::Subtract => a.checked_sub(*b),
            Operator::Multiply => a.checked_mul(*b),
            Operator::Divide => a.checked_div(*b),
            Operator::Remainder => a.checked_rem(*b),
        }
        .map(Val::Int),
        (Val::Double(a), Val::Double(b)) => match operator {
            Operator::Add => Some(a + b),
            Operator::Subtract => Some(a - b),
            Operator::Multiply => Some(a * b),
            Operator::Divide => Some(a / b),
            Operator::Remainder => None,
        }
        .map(Val::Double),
        (Val::Duration(a), Val::Duration(b)) => match operator {
            Operator::Add => a.checked_add(*b),
            Operator::Subtract => a.checked_sub(*b),
            _ => None,
        }
        .map(Val::Duration),
        (Val::Time(a), Val::Duration(b)) => match operator {
            Operator::Add => a.checked_add(*b).ok(),
            Operator::Subtract => a.checked_sub(*b).ok(),
            _ => None,
        }
        .map(Val::Time),
        (Val::Time(a), Val::Time(b)) => (operator == Operator::Subtract).then(|| Val::Duration(a.duration_since(*b))),
        _ => None,
    }
}

fn size(value: &Val<'_>) -> Option<i64> {
    let size = match value {
        Val::Text(text) => text.chars().count(),
        Val::Texts(list) => list.len(),
        Val::Entities(list) => list.len(),
        Val::Map(map) => map.len(),
        _ => return None,
    };
    i64::try_from(size).ok()
}

/// Calls `each` with every element of a list as the innermost variable, until it says to stop.
fn walk<'s>(
    list: &Val<'s>,
    vars: Variables<'_, 's>,
    mut each: impl FnMut(Variables<'_, 's>) -> std::ops::ControlFlow<()>,
) {
    let depth = vars.map_or(0, |outer| outer.depth + 1);
    let mut visit = |item| each(Some(&Variable { item, depth, outer: vars }));
    let _ = match list {
        Val::Texts(list) => list.iter().try_for_each(|text| visit(Item::Text(text))),
        Val::Entities(list) => list.iter().try_for_each(|entity| visit(Item::Entity(entity))),
        Val::Map(map) => map.keys().try_for_each(|key| visit(Item::Text(key))),
        _ => std::ops::ControlFlow::Continue(()),
    };
}

/// `exists` looks for a true, `all` for a false; an unknown element leaves the result unknown unless one is found.
fn quantify<'s>(pair: &'s [Expr; 2], scope: &'s Scope<'_>, vars: Variables<'_, 's>, wanted: bool) -> Option<bool> {
    let list = pair[0].value(scope, vars)?;
    let mut result = Some(!wanted);
    walk(&list, vars, |vars| {
        match pair[1].truth(scope, vars) {
            Some(truth) if truth == wanted => {
                result = Some(wanted);
                return std::ops::ControlFlow::Break(());
            }
            Some(_) => {}
            None => result = None,
        }
        std::ops::ControlFlow::Continue(())
    });
    result
}

fn count<'s>(pair: &'s [Expr; 2], scope: &'s Scope<'_>, vars: Variables<'_, 's>) -> Option<i64> {
    let list = pair[0].value(scope, vars)?;
    let mut result = Some(0);
    walk(&list, vars, |vars| match pair[1].truth(scope, vars) {
        Some(truth) => {
            result = result.map(|count| count + i64::from(truth));
            std::ops::ControlFlow::Continue(())
        }
        None => {
            result = None;
            std::ops::ControlFlow::Break(())
        }
    });
    result
}
