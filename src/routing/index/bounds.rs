//! Rules that ask for at least, or at most, some number: urgency, bot misses, waiting time, …

use super::{
    super::expr::{Comparison, Expr, Field, Kind, Scope, Val},
    row::Row,
};

/// How many groups of bounds are told apart.
const GROUPS: usize = 16;

/// A field's lower or upper bounds. What it says is needed, not enough: bounds of one group are not told apart, nor are
/// `>` and `>=`.
#[derive(Debug)]
pub(super) struct Bounds {
    field: &'static Field,
    side: Side,
    /// The first bound of each group, rising.
    cuts: Vec<f64>,
    /// By how many groups a number has reached, the rules that have no bound here, or one in those groups. An unknown
    /// number has reached none.
    rows: Vec<Row>,
}

/// Whether the number must be above the bound, or below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Above,
    Below,
}

impl Side {
    /// Turned so that it must be above.
    const fn turned(self, number: f64) -> f64 {
        match self {
            Self::Above => number,
            Self::Below => -number,
        }
    }
}

impl Bounds {
    /// `rules` are places in an index of `count`, each with its bound.
    pub fn new(field: &'static Field, side: Side, rules: &[(usize, f64)], count: usize) -> Self {
        let mut bounds: Vec<f64> = rules.iter().map(|(_, bound)| side.turned(*bound)).collect();
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        let cuts: Vec<f64> = bounds.iter().copied().step_by(bounds.len().div_ceil(GROUPS)).collect();
        let rest = Row::without(count, rules.iter().map(|(place, _)| *place));
        let row = |reached: usize| {
            let mut row = rest.clone();
            let is_below = |bound: f64| cuts.get(reached).is_none_or(|next| side.turned(bound) < *next);
            rules.iter().filter(|(_, bound)| is_below(*bound)).for_each(|(place, _)| row.add(*place));
            row
        };
        let rows = (0..=cuts.len()).map(row).collect();
        Self { field, side, cuts, rows }
    }

    pub fn row(&self, scope: &Scope<'_>) -> &Row {
        let number = (self.field.get)(scope).as_ref().and_then(number).map(|number| self.side.turned(number));
        &self.rows[number.map_or(0, |number| self.cuts.partition_point(|cut| *cut <= number))]
    }
}

/// A value as a number; of two values the greater one never has the lesser number.
fn number(value: &Val<'_>) -> Option<f64> {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "the order stays")]
        Val::Int(number) => Some(*number as f64),
        Val::Double(number) => Some(*number).filter(|number| !number.is_nan()),
        Val::Duration(duration) => Some(duration.as_secs_f64()),
        _ => None,
    }
}

/// The field that a condition bounds, on which side, and by what, where it is of that kind.
pub(super) fn bound(expr: &Expr) -> Option<(&'static Field, Side, f64)> {
    use Comparison::{AtLeast, AtMost, Less, More};
    let Kind::Compare(comparison, pair) = &expr.kind else { return None };
    let (field, value, is_turned) = match (&pair[0].kind, &pair[1].kind) {
        (Kind::Field(field), Kind::Literal(value)) => (*field, value, false),
        (Kind::Literal(value), Kind::Field(field)) => (*field, value, true),
        _ => return None,
    };
    let side = match (comparison, is_turned) {
        (More | AtLeast, false) | (Less | AtMost, true) => Side::Above,
        (Less | AtMost, false) | (More | AtLeast, true) => Side::Below,
        _ => return None,
    };
    (!field.changes).then_some((field, side, number(value)?))
}
