//! Which rules match, found without trying most of them.
//!
//! Most conditions begin with the equality of a field that has few values (channel, language, owner, …). For each
//! such field and value one bit a rule says whether the rule can match then; the rows of the facts' own values,
//! ANDed 64 rules at a time, leave few rules. Numbers that must be above or below a bound have such rows too, by groups
//! of bounds. If some of the rules that are left look for words or texts in the message, one pass over it finds those of
//! all rules, and a further row. Only the rest of the condition is evaluated.

mod bounds;
mod row;
mod texts;
mod values;

use std::{cell::OnceCell, cmp::Reverse, collections::BTreeMap, ops::ControlFlow};

use self::{
    bounds::{Bounds, bound},
    row::{AT_ONCE, first, keep},
    texts::{Texts, texts},
    values::{Values, need},
};
use super::{
    expr::{Expr, Field, Kind, Scope, ones},
    rule::{Rule, Trigger},
};

/// The most fields that are indexed by their values: those that the most rules constrain.
const MAX_VALUES: usize = 16;
/// The same for fields with bounds, each side by itself.
const MAX_BOUNDS: usize = 8;

/// The rules of one trigger, by what they need.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// In order.
    rules: Vec<Indexed>,
    values: Vec<Values>,
    bounds: Vec<Bounds>,
    texts: Texts,
}

#[derive(Debug)]
struct Indexed {
    /// The rule's place in the set.
    place: usize,
    /// What must hold beside what rows of values and texts have seen to.
    rest: Vec<Expr>,
}

impl Index {
    pub(super) fn new(rules: &[Rule], trigger: Trigger) -> Self {
        let chosen: Vec<usize> = (0..rules.len()).filter(|&rule| rules[rule].on == trigger).collect();
        let parts: Vec<Vec<&Expr>> = chosen
            .iter()
            .map(|&rule| {
                let mut parts = Vec::new();
                rules[rule].when.iter().for_each(|when| conjuncts(&when.expr, &mut parts));
                parts
            })
            .collect();
        let values = asked(&parts, MAX_VALUES, |part| need(part).map(|(field, values)| (field.path, field, values)));
        let bounds =
            asked(&parts, MAX_BOUNDS, |part| bound(part).map(|(field, side, by)| ((field.path, side), field, by)));
        let rest = |parts: &Vec<&Expr>| {
            let mut seen: Vec<&'static str> = Vec::new();
            let text = parts.iter().position(|part| texts(part).is_some());
            let left = parts.iter().enumerate().filter(|(at, _)| Some(*at) != text).map(|(_, part)| part);
            let left = left.filter(|part| match need(part) {
                Some((field, _)) if values.iter().any(|(path, ..)| *path == field.path) => {
                    let again = seen.contains(&field.path);
                    seen.push(field.path);
                    again
                }
                _ => true,
            });
            left.map(|part| (*part).clone()).collect()
        };
        Self {
            rules: chosen.iter().zip(&parts).map(|(&place, parts)| Indexed { place, rest: rest(parts) }).collect(),
            values: values.iter().map(|(_, (field, rules))| Values::new(field, rules, chosen.len())).collect(),
            bounds: bounds
                .iter()
                .map(|((_, side), (field, rules))| Bounds::new(field, *side, rules, chosen.len()))
                .collect(),
            texts: Texts::new(&parts),
        }
    }

    /// Calls `visit` with the places of the rules that match, in order, until it breaks. What `visit` changes in the
    /// scope counts for the rules after it.
    pub(super) fn matches(
        &self,
        scope: &mut Scope<'_>,
        mut visit: impl FnMut(&mut Scope<'_>, usize) -> ControlFlow<()>,
    ) {
        let of_values = self.values.iter().map(|values| values.row(scope));
        let of_bounds = self.bounds.iter().map(|bounds| bounds.row(scope));
        let mut rows = [&self.texts.rules; MAX_VALUES + MAX_BOUNDS];
        rows.iter_mut().zip(of_values.chain(of_bounds)).for_each(|(place, row)| *place = row);
        let rows = &rows[..self.values.len() + self.bounds.len()];
        let texts = OnceCell::new();
        for (part, rules) in self.rules.chunks(AT_ONCE).enumerate() {
            let mut blocks = first(rules.len());
            rows.iter().for_each(|row| keep(&mut blocks, row.part(part)));
            let asking = self.texts.rules.part(part);
            if blocks.iter().zip(asking).any(|(bits, asking)| bits & asking != 0) {
                keep(&mut blocks, texts.get_or_init(|| self.texts.row(scope)).part(part));
            }
            for rule in ones(&blocks).map(|bit| &rules[bit]) {
                if rule.rest.iter().all(|part| part.holds(scope)) && visit(scope, rule.place).is_break() {
                    return;
                }
            }
        }
    }
}

/// A field, and the rules that ask something of it: their places in the index, and what they ask.
type Asked<Of> = (&'static Field, Vec<(usize, Of)>);

/// What rules ask, by key; the first thing of a kind that each rule asks, and of all keys those that the most rules have.
fn asked<'e, Key: Ord, Of>(
    parts: &[Vec<&'e Expr>],
    most: usize,
    asks: impl Fn(&'e Expr) -> Option<(Key, &'static Field, Of)>,
) -> Vec<(Key, Asked<Of>)> {
    let mut all: BTreeMap<Key, Asked<Of>> = BTreeMap::new();
    for (place, parts) in parts.iter().enumerate() {
        for (key, field, of) in parts.iter().filter_map(|part| asks(part)) {
            let (_, rules) = all.entry(key).or_insert_with(|| (field, Vec::new()));
            if rules.last().is_none_or(|(last, _)| *last != place) {
                rules.push((place, of));
            }
        }
    }
    let mut all: Vec<_> = all.into_iter().collect();
    all.sort_by_key(|(_, (_, rules))| Reverse(rules.len()));
    all.truncate(most);
    all
}

/// The conditions that must all hold.
fn conjuncts<'e>(expr: &'e Expr, found: &mut Vec<&'e Expr>) {
    match &expr.kind {
        Kind::And(pair) => pair.iter().for_each(|part| conjuncts(part, found)),
        _ => found.push(expr),
    }
}
