//! Rules that ask for some values of a field that has few: channel, language, owner, …

use hashbrown::HashMap;

use super::{
    super::expr::{Comparison, Expr, Field, Kind, Scope, Ty, Val},
    row::Row,
};

#[derive(Debug)]
pub(super) struct Values {
    field: &'static Field,
    /// The row of each value that some rule asks for.
    rows: HashMap<String, Row>,
    /// The rules that do not ask for a value of this field: the row of every other value, and of unknown.
    rest: Row,
}

impl Values {
    /// `needs` are places in an index of `count` rules, each with the values of which it asks for one.
    pub fn new(field: &'static Field, needs: &[(usize, Vec<&str>)], count: usize) -> Self {
        let rest = Row::without(count, needs.iter().map(|(place, _)| *place));
        let mut rows: HashMap<String, Row> = HashMap::new();
        for (place, values) in needs {
            for value in values {
                rows.entry_ref(*value).or_insert_with(|| rest.clone()).add(*place);
            }
        }
        Self { field, rows, rest }
    }

    pub fn row(&self, scope: &Scope<'_>) -> &Row {
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

/// The field and its values with which alone a condition holds, where it is of that kind.
pub(super) fn need(expr: &Expr) -> Option<(&'static Field, Vec<&str>)> {
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
