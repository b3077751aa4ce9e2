//! Which rules match, found without trying most of them.
//!
//! Most conditions begin with the equality of a field that has few values (channel, language, owner, …). For each
//! such field and value one bit a rule says whether the rule can match then; the rows of the facts' own values,
//! ANDed 64 rules at a time, leave few rules, of which only the rest of the condition is evaluated.

use std::{collections::BTreeMap, ops::ControlFlow};

use hashbrown::HashMap;

use super::{
    expr::{Comparison, Expr, Field, Kind, Scope, Ty, Val},
    rule::{Rule, Trigger},
};

/// The most fields that are indexed: those that the most rules constrain.
const MAX_COLUMNS: usize = 16;

/// The rules of one trigger, by what they need.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// In order.
    rules: Vec<Indexed>,
    columns: Vec<Column>,
}

#[derive(Debug)]
struct Indexed {
    /// The rule's place in the set.
    place: usize,
    /// What must hold beside what the columns have seen to.
    rest: Vec<Expr>,
}

#[derive(Debug)]
struct Column {
    field: &'static Field,
    /// The row of each value that some rule asks for.
    rows: HashMap<String, Vec<u64>>,
    /// The rules that do not ask for a value of this field: the row of every other value, and of unknown.
    rest: Vec<u64>,
}

/// A field, and the rules that ask for some of its values: their places in the index, and the values.
type Needs<'r> = (&'static Field, Vec<(usize, Vec<&'r str>)>);

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
        columns.sort_by_key(|(_, rules)| std::cmp::Reverse(rules.len()));
        columns.truncate(MAX_COLUMNS);
        let rest = |parts: &Vec<&Expr>| {
            let mut seen: Vec<&'static str> = Vec::new();
            let left = parts.iter().filter(|part| match need(part) {
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
            columns: columns.iter().map(|(field, needs)| Column::new(field, needs, chosen.len())).collect(),
        }
    }

    /// Calls `visit` with the places of the rules that match, in order, until it breaks. What `visit` changes in the
    /// scope counts for the rules after it.
    pub(super) fn matches(
        &self,
        scope: &mut Scope<'_>,
        mut visit: impl FnMut(&mut Scope<'_>, usize) -> ControlFlow<()>,
    ) {
        let mut rows: [&[u64]; MAX_COLUMNS] = [&[]; MAX_COLUMNS];
        for (row, column) in rows.iter_mut().zip(&self.columns) {
            *row = column.row(scope);
        }
        let rows = &rows[..self.columns.len()];
        for (block, rules) in self.rules.chunks(64).enumerate() {
            let all = u64::MAX >> (64 - rules.len());
            let mut bits = rows.iter().fold(all, |bits, row| bits & row[block]);
            while bits != 0 {
                let rule = &rules[bits.trailing_zeros() as usize];
                if rule.rest.iter().all(|part| part.holds(scope)) && visit(scope, rule.place).is_break() {
                    return;
                }
                bits &= bits - 1;
            }
        }
    }
}

impl Column {
    fn new(field: &'static Field, needs: &[(usize, Vec<&str>)], count: usize) -> Self {
        let mut rest = vec![u64::MAX; count.div_ceil(64)];
        for (place, _) in needs {
            rest[place / 64] &= !(1 << (place % 64));
        }
        let mut rows: HashMap<String, Vec<u64>> = HashMap::new();
        for (place, values) in needs {
            for value in values {
                let row = rows.entry_ref(*value).or_insert_with(|| rest.clone());
                row[place / 64] |= 1 << (place % 64);
            }
        }
        Self { field, rows, rest }
    }

    fn row(&self, scope: &Scope<'_>) -> &[u64] {
        let row = match (self.field.get)(scope) {
            Some(Val::Text(value)) => self.rows.get(value.as_ref()),
            Some(Val::Bool(value)) => self.rows.get(bool_key(value)),
            _ => None,
        };
        row.unwrap_or(&self.rest)
    }
}

const fn bool_key(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

/// The conditions that must all hold.
fn conjuncts<'e>(expr: &'e Expr, found: &mut Vec<&'e Expr>) {
    match &expr.kind {
        Kind::And(pair) => pair.iter().for_each(|part| conjuncts(part, found)),
        _ => found.push(expr),
    }
}

/// The field and its values with which alone a condition holds, where it is of that kind.
fn need(expr: &Expr) -> Option<(&'static Field, Vec<&str>)> {
    let (field, values) = match &expr.kind {
        Kind::Compare(Comparison::Equal, pair) => match (&pair[0].kind, &pair[1].kind) {
            (Kind::Field(field), Kind::Literal(Val::Text(value)))
            | (Kind::Literal(Val::Text(value)), Kind::Field(field)) => (*field, vec![value.as_ref()]),
            _ => return None,
        },
        Kind::OneOf(item, values) => match item.kind {
            Kind::Field(field) => (field, values.iter().map(text).collect::<Option<Vec<_>>>()?),
            _ => return None,
        },
        Kind::Field(field) if field.ty == Ty::Bool => (*field, vec![bool_key(true)]),
        Kind::Not(inner) => match inner.kind {
            Kind::Field(field) => (field, vec![bool_key(false)]),
            _ => return None,
        },
        _ => return None,
    };
    (!field.changes).then_some((field, values))
}

fn text<'v>(value: &'v Val<'static>) -> Option<&'v str> {
    match value {
        Val::Text(text) => Some(text),
        _ => None,
    }
}
