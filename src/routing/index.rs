//! Which rules can match at all, found without trying them.
//!
//! Most conditions begin with the equality of a field that has few values (channel, language, owner, …). For each
//! such field and value one bit a rule says whether the rule can match then; the rows of the facts' own values,
//! ANDed 64 rules at a time, leave the few rules whose conditions are evaluated. A rule is only ever left out when
//! its condition cannot hold.

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
    /// The rules' places in the set, in order.
    rules: Vec<usize>,
    columns: Vec<Column>,
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
        let mut needs: BTreeMap<&'static str, Needs<'_>> = BTreeMap::new();
        for (place, &rule) in chosen.iter().enumerate() {
            let mut seen: Vec<(&'static Field, Vec<&str>)> = Vec::new();
            if let Some(when) = &rules[rule].when {
                conjuncts(&when.expr, &mut seen);
            }
            seen.sort_by_key(|(field, _)| field.path);
            seen.dedup_by_key(|(field, _)| field.path);
            for (field, values) in seen {
                needs.entry(field.path).or_insert_with(|| (field, Vec::new())).1.push((place, values));
            }
        }
        let mut columns: Vec<Needs<'_>> = needs.into_values().collect();
        columns.sort_by_key(|(_, rules)| std::cmp::Reverse(rules.len()));
        columns.truncate(MAX_COLUMNS);
        let count = chosen.len();
        Self { rules: chosen, columns: columns.iter().map(|(field, needs)| Column::new(field, needs, count)).collect() }
    }

    /// Calls `visit` with the places of the rules that may match, in order, until it breaks.
    pub(super) fn candidates(
        &self,
        scope: &mut Scope<'_>,
        mut visit: impl FnMut(&mut Scope<'_>, usize) -> ControlFlow<()>,
    ) {
        let mut rows: [&[u64]; MAX_COLUMNS] = [&[]; MAX_COLUMNS];
        for (row, column) in rows.iter_mut().zip(&self.columns) {
            *row = column.row(scope);
        }
        let rows = &rows[..self.columns.len()];
        for block in 0..self.rules.len().div_ceil(64) {
            let left = self.rules.len() - block * 64;
            let all = if left < 64 { (1 << left) - 1 } else { u64::MAX };
            let mut bits = rows.iter().fold(all, |bits, row| bits & row[block]);
            while bits != 0 {
                let place = block * 64 + bits.trailing_zeros() as usize;
                if visit(scope, self.rules[place]).is_break() {
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

/// The fields whose value alone can rule a condition out, with the values that do not.
fn conjuncts<'e>(expr: &'e Expr, found: &mut Vec<(&'static Field, Vec<&'e str>)>) {
    match &expr.kind {
        Kind::And(pair) => {
            conjuncts(&pair[0], found);
            conjuncts(&pair[1], found);
        }
        Kind::Compare(Comparison::Equal, pair) => match (&pair[0].kind, &pair[1].kind) {
            (Kind::Field(field), Kind::Literal(Val::Text(value)))
            | (Kind::Literal(Val::Text(value)), Kind::Field(field))
                if !field.changes =>
            {
                found.push((field, vec![value]));
            }
            _ => {}
        },
        Kind::OneOf(item, values) => {
            if let Kind::Field(field) = item.kind
                && !field.changes
                && field.ty.is_text()
            {
                let texts = values.iter().filter_map(|value| match value {
                    Val::Text(text) => Some(text.as_ref()),
                    _ => None,
                });
                found.push((field, texts.collect()));
            }
        }
        Kind::Field(field) if field.ty == Ty::Bool && !field.changes => found.push((field, vec![bool_key(true)])),
        Kind::Not(inner) => {
            if let Kind::Field(field) = inner.kind
                && !field.changes
            {
                found.push((field, vec![bool_key(false)]));
            }
        }
        _ => {}
    }
}
