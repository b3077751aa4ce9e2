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
    bounds::{Bounds, Side, bound},
    row::{AT_ONCE, first, keep},
    texts::{Texts, texts},
    values::{Needs, Values, need},
};
use super::{
    expr::{Expr, Field, Kind, Scope},
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
        let mut needs: BTreeMap<&'static str, Needs<'_>> = BTreeMap::new();
        for (bit, parts) in parts.iter().enumerate() {
            for (field, values) in parts.iter().filter_map(|part| need(part)) {
                let (_, rules) = needs.entry(field.path).or_insert_with(|| (field, Vec::new()));
                if rules.last().is_none_or(|(last, _)| *last != bit) {
                    rules.push((bit, values));
                }
            }
        }
        let mut columns: Vec<Needs<'_>> = needs.into_values().collect();
        columns.sort_by_key(|(_, rules)| Reverse(rules.len()));
        columns.truncate(MAX_VALUES);
        let rest = |parts: &Vec<&Expr>| {
            let mut seen: Vec<&'static str> = Vec::new();
            let text = parts.iter().position(|part| texts(part).is_some());
            let left = parts.iter().enumerate().filter(|(at, _)| Some(*at) != text).map(|(_, part)| part);
            let left = left.filter(|part| match need(part) {
                Some((field, _)) if columns.iter().any(|(column, _)| column.path == field.path) => {
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
            values: columns.iter().map(|(field, needs)| Values::new(field, needs, chosen.len())).collect(),
            bounds: all_bounds(&parts),
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
            for (block, mut bits) in blocks.into_iter().enumerate().filter(|(_, bits)| *bits != 0) {
                while bits != 0 {
                    let rule = &rules[64 * block + bits.trailing_zeros() as usize];
                    if rule.rest.iter().all(|part| part.holds(scope)) && visit(scope, rule.place).is_break() {
                        return;
                    }
                    bits &= bits - 1;
                }
            }
        }
    }
}

fn all_bounds(parts: &[Vec<&Expr>]) -> Vec<Bounds> {
    type Found = (&'static Field, Vec<(usize, f64)>);
    let mut all: BTreeMap<(&'static str, Side), Found> = BTreeMap::new();
    for (place, parts) in parts.iter().enumerate() {
        for (field, side, bound) in parts.iter().filter_map(|part| bound(part)) {
            let (_, rules) = all.entry((field.path, side)).or_insert_with(|| (field, Vec::new()));
            if rules.last().is_none_or(|(last, _)| *last != place) {
                rules.push((place, bound));
            }
        }
    }
    let mut all: Vec<((&str, Side), Found)> = all.into_iter().collect();
    all.sort_by_key(|(_, (_, rules))| Reverse(rules.len()));
    all.truncate(MAX_BOUNDS);
    all.iter().map(|((_, side), (field, rules))| Bounds::new(field, *side, rules, parts.len())).collect()
}

/// The conditions that must all hold.
fn conjuncts<'e>(expr: &'e Expr, found: &mut Vec<&'e Expr>) {
    match &expr.kind {
        Kind::And(pair) => pair.iter().for_each(|part| conjuncts(part, found)),
        _ => found.push(expr),
    }
}
