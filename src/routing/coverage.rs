//! How much of the rules their tests try out.
//!
//! A rule with a condition has two branches: it matches, or is passed over. Each part of the condition that `&&`, `||`,
//! `!` and `?:` join has two of its own: it is true, or false. A part counts where evaluation gets to it, as in any
//! program: in `a && b`, `b` only where `a` is not false. Unknown is neither true nor false. A rule without a condition
//! has one branch: a test reaches it. `answer` adds two: a test expects the answer, and a test says what happens
//! otherwise.

use std::{iter::Sum, ops::Range, sync::Arc};

use serde::Serialize;

use super::{
    cases::Case,
    decide::{apply, passes_over, undecided},
    explain::one_line,
    expr::{Expr, Kind, Scope, Ty, Val},
    facts::Facts,
    finding::line_of,
    rule::{DestinationSpec, Rule, RuleSet, Trigger, When},
    yaml,
};

/// How well one rule is tested.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Coverage {
    /// The rule's name.
    pub rule: Arc<str>,
    /// The file that it stands in.
    pub file: String,
    /// Its line, counted from 1.
    pub line: usize,
    /// In how many tests its turn came.
    pub reached: usize,
    /// In how many tests it matched.
    pub tests: usize,
    /// How many of its branches some test took.
    pub branches: Branches,
    /// The other branches, in reading order.
    pub uncovered: Vec<Uncovered>,
}

/// How many of some branches were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "Share")]
pub struct Branches {
    /// Those that some test took.
    pub covered: usize,
    /// All of them.
    pub total: usize,
}

/// How it is written.
#[derive(Serialize)]
struct Share {
    covered: usize,
    total: usize,
    percent: f64,
}

impl From<Branches> for Share {
    fn from(of: Branches) -> Self {
        Self { covered: of.covered, total: of.total, percent: of.percent() }
    }
}

impl Branches {
    /// In percent with one decimal, rounded down, so that 100 means all. 100 where there is none.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "it is at most 1,000")]
    pub fn percent(self) -> f64 {
        (self.covered * 1000).checked_div(self.total).map_or(100.0, |tenths| tenths as f64 / 10.0)
    }

    /// Whether at least so many percent were taken.
    #[must_use]
    pub fn reach(self, percent: u8) -> bool {
        self.covered * 100 >= self.total * usize::from(percent)
    }
}

impl Sum for Branches {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        let none = Self { covered: 0, total: 0 };
        all.fold(none, |sum, one| Self { covered: sum.covered + one.covered, total: sum.total + one.total })
    }
}

/// A branch that no test took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Uncovered {
    /// What never happened, in words: `never true`.
    pub missing: &'static str,
    /// The part of the condition that it is about, as the file says it, on one line; `None` for the rule as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// The rule's file.
    pub file: String,
    /// The line of the part, or of the rule, counted from 1.
    pub line: usize,
}

/// Watches the tests of a rule set.
#[derive(Debug)]
pub(super) struct Watch<'s> {
    set: &'s RuleSet,
    rules: Vec<Seen>,
}

/// What tests have seen of one rule.
#[derive(Debug, Default)]
struct Seen {
    reached: usize,
    matched: usize,
    parts: Vec<Part>,
    answers: bool,
    otherwise: bool,
}

/// What tests have seen of one part of a condition.
#[derive(Debug, Default)]
struct Part {
    /// Bytes of the condition.
    span: Range<usize>,
    holds: bool,
    fails: bool,
}

impl<'s> Watch<'s> {
    pub(super) fn new(set: &'s RuleSet) -> Self {
        let seen = |rule: &Rule| Seen { parts: rule.when.as_ref().map(parts).unwrap_or_default(), ..Seen::default() };
        Self { set, rules: set.rules.iter().map(seen).collect() }
    }

    /// Decides once more on the facts of a test, rule by rule.
    pub(super) fn see(&mut self, case: &Case, facts: &Facts) {
        let trigger = Trigger::of(facts);
        let mut scope = Scope::new(&self.set.world, facts);
        let mut decision = undecided(self.set, trigger);
        let rules = self.set.rules.iter().zip(&mut self.rules);
        for (rule, seen) in rules.filter(|(rule, _)| rule.on == trigger) {
            if passes_over(rule, facts) {
                continue;
            }
            seen.reached += 1;
            if let Some(when) = &rule.when {
                let mut parts = seen.parts.iter_mut();
                walk(&when.expr, Some(&scope), &mut |_, truth| {
                    if let Some(part) = parts.next() {
                        part.holds |= truth == Some(true);
                        part.fails |= truth == Some(false);
                    }
                });
                if !when.expr.holds(&scope) {
                    continue;
                }
            }
            seen.matched += 1;
            if apply(self.set, rule, &mut scope, &mut decision).is_break() {
                seen.otherwise |= case.expect.otherwise.is_some();
                let outcome = &case.expect.outcome;
                seen.answers |=
                    outcome.answer == Some(true) || outcome.action.is_some() || case.expect.otherwise.is_some();
                return;
            }
        }
    }

    /// What came of it, in the order of the rules.
    pub(super) fn coverage(&self) -> Vec<Coverage> {
        self.set.rules.iter().zip(&self.rules).map(|(rule, seen)| self.of_rule(rule, seen)).collect()
    }

    fn of_rule(&self, rule: &Rule, seen: &Seen) -> Coverage {
        let file = &self.set.files[rule.file];
        let mut branches = Branches { covered: 0, total: 0 };
        let mut uncovered = Vec::new();
        let mut branch = |taken: bool, missing: &'static str, part: Option<(&When, &Range<usize>)>| {
            branches.total += 1;
            branches.covered += usize::from(taken);
            if !taken {
                let line = part.map_or(rule.line, |(when, span)| {
                    line_of(&file.text, yaml::position_in_scalar(&file.text, &when.span, &when.source, span.start))
                });
                let expression = part.map(|(when, span)| one_line(when.source.get(span.clone()).unwrap_or_default()));
                uncovered.push(Uncovered { missing, expression, file: file.name.clone(), line });
            }
        };
        match &rule.when {
            None => branch(seen.reached > 0, "no test reaches it", None),
            Some(when) => {
                branch(seen.matched > 0, "never matches", None);
                branch(seen.reached > seen.matched, "never passed over", None);
                for part in &seen.parts {
                    branch(part.holds, "never true", Some((when, &part.span)));
                    branch(part.fails, "never false", Some((when, &part.span)));
                }
            }
        }
        if let Some(DestinationSpec::Answer { .. } | DestinationSpec::Do { .. }) = rule.destination {
            branch(seen.answers, "no test expects `answer: true`", None);
            branch(seen.otherwise, "no test says what happens `otherwise`", None);
        }
        Coverage {
            rule: Arc::clone(&rule.name),
            file: file.name.clone(),
            line: rule.line,
            reached: seen.reached,
            tests: seen.matched,
            branches,
            uncovered,
        }
    }
}

/// The parts of a condition. One that stands alone says no more than the rule does: it matches or is passed over.
fn parts(when: &When) -> Vec<Part> {
    let mut parts = Vec::new();
    walk(&when.expr, None, &mut |expr, _| parts.push(Part { span: expr.span.clone(), ..Part::default() }));
    if parts.len() == 1 { Vec::new() } else { parts }
}

/// Visits the parts that `&&`, `||`, `!` and `?:` join, in reading order, each with what it came to; `None` where that is
/// unknown, or where evaluation does not get to it. Without a scope it gets to none.
fn walk(expr: &Expr, scope: Option<&Scope<'_>>, visit: &mut dyn FnMut(&Expr, Option<bool>)) {
    let truth = |expr: &Expr| match expr.evaluate(scope?) {
        Some(Val::Bool(truth)) => Some(truth),
        _ => None,
    };
    match &expr.kind {
        Kind::Not(inner) => walk(inner, scope, visit),
        Kind::And(pair) | Kind::Or(pair) => {
            let decides = matches!(expr.kind, Kind::Or(_));
            walk(&pair[0], scope, visit);
            walk(&pair[1], scope.filter(|_| truth(&pair[0]) != Some(decides)), visit);
        }
        Kind::If(three) => {
            let chosen = truth(&three[0]);
            walk(&three[0], scope, visit);
            walk(&three[1], scope.filter(|_| chosen == Some(true)), visit);
            walk(&three[2], scope.filter(|_| chosen == Some(false)), visit);
        }
        Kind::Literal(_) => {}
        _ => {
            if expr.ty == Ty::Bool {
                visit(expr, truth(expr));
            }
            expr.single_valued().iter().for_each(|inner| walk_joined(inner, scope, visit));
        }
    }
}

/// The parts of what is joined inside of another part: `(a ? 1 : 2) > 1`.
fn walk_joined(expr: &Expr, scope: Option<&Scope<'_>>, visit: &mut dyn FnMut(&Expr, Option<bool>)) {
    if matches!(expr.kind, Kind::Not(_) | Kind::And(_) | Kind::Or(_) | Kind::If(_)) {
        walk(expr, scope, visit);
    } else {
        expr.single_valued().iter().for_each(|inner| walk_joined(inner, scope, visit));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        routing::{SourceFile, load, run_tests},
        understand::Signals,
    };

    fn coverage(rules: &str) -> Vec<Coverage> {
        let file = |name: &str, text: &str| SourceFile { name: name.to_owned(), text: text.to_owned() };
        let loaded = load(&[file("10.yaml", rules), file("queues.yaml", "queues: {care: }")]);
        let set = loaded.rules.unwrap_or_else(|| panic!("{:#?}", loaded.findings));
        run_tests(&set, &|_| Signals::default()).coverage
    }

    /// `missing: expression, line` of each branch of the first rule that no test takes.
    fn uncovered(rules: &str) -> Vec<String> {
        let said = |one: &Uncovered| {
            let of = one.expression.as_ref().map(|expression| format!(": {expression}")).unwrap_or_default();
            format!("{}{of}, {}", one.missing, one.line)
        };
        coverage(rules)[0].uncovered.iter().map(said).collect()
    }

    #[test]
    fn a_part_counts_where_evaluation_gets_to_it() {
        for (when, given, expected) in [
            ("message.automatic", &["automatic: true"][..], &["never passed over"][..]),
            ("message.automatic", &["automatic: false"], &["never matches"]),
            ("message.automatic", &["automatic: false", "automatic: true"], &[]),
            (
                "message.automatic && message.spam > 0.5",
                &["automatic: true, spam: 0.9"],
                &["never passed over", "never false: message.automatic", "never false: message.spam > 0.5"],
            ),
            (
                "message.automatic && message.spam > 0.5",
                &["automatic: true, spam: 0.9", "automatic: false, spam: 0.1"],
                &["never false: message.spam > 0.5"],
            ),
            (
                "message.automatic && message.spam > 0.5",
                &["automatic: true, spam: 0.9", "automatic: true, spam: null"],
                &["never false: message.automatic", "never false: message.spam > 0.5"],
            ),
            (
                "message.automatic || !(message.spam > 0.5)",
                &["automatic: true, spam: 0.1", "automatic: false, spam: 0.9"],
                &["never false: message.spam > 0.5"],
            ),
            (
                "message.automatic ? message.spam > 0.5 : message.thanks > 0.5",
                &["automatic: true, spam: 0.9, thanks: 0.1", "automatic: true, spam: 0.1, thanks: 0.9"],
                &[
                    "never false: message.automatic",
                    "never true: message.thanks > 0.5",
                    "never false: message.thanks > 0.5",
                ],
            ),
            (
                "message.topics.size() > (message.automatic ? 1 : 2)",
                &["automatic: true, topics: [a, b]", "automatic: true"],
                &["never false: message.automatic"],
            ),
            (
                "message.topics.exists(t, t == \"a\" || t == \"b\") && message.automatic",
                &["automatic: true, topics: [a]"],
                &[
                    "never passed over",
                    "never false: message.topics.exists(t, t == \"a\" || t == \"b\")",
                    "never false: message.automatic",
                ],
            ),
        ] {
            let mut rules = format!(
                "rules:\n  - {{name: one, when: '{when}', then: [close]}}\n  - {{name: end, then: [ignore]}}\ntests:\n"
            );
            for (at, given) in given.iter().enumerate() {
                rules += &format!("  - {{name: t{at}, given: {{message: {{{given}}}}}, expect: {{}}}}\n");
            }
            let expected: Vec<String> = expected.iter().map(|one| format!("{one}, 2")).collect();
            assert_eq!(uncovered(&rules), expected, "{when} {given:?}");
        }
    }

    #[test]
    fn a_part_has_the_line_that_it_stands_on() {
        let rules = "rules:\n  - name: one\n    when: >\n      message.automatic\n      && (message.spam > 0.5\n      || message.thanks > 0.5)\n    then: [close]\n  - {name: end, then: [ignore]}\ntests: [{name: t, given: {message: {automatic: true, spam: 0.1, thanks: 0.9}}, expect: {}}]\n";
        assert_eq!(
            uncovered(rules),
            [
                "never passed over, 2",
                "never false: message.automatic, 4",
                "never true: message.spam > 0.5, 5",
                "never false: message.thanks > 0.5, 6",
            ]
        );
    }

    #[test]
    fn both_ends_of_an_answer_are_tested() {
        let rules = |expect: &str| {
            format!(
                "rules: [{{name: end, then: [{{answer: {{otherwise: [ignore]}}}}]}}]\ntests: [{{name: t, given: {{}}, expect: {expect}}}]"
            )
        };
        let (answer, otherwise) =
            ("no test expects `answer: true`, 1".to_owned(), "no test says what happens `otherwise`, 1".to_owned());
        assert_eq!(uncovered(&rules("{}")), [answer, otherwise.clone()]);
        assert_eq!(uncovered(&rules("{answer: true}")), [otherwise]);
        assert_eq!(uncovered(&rules("{otherwise: {ignore: true}}")), Vec::<String>::new());
    }

    #[test]
    fn a_rule_that_is_passed_over_as_a_whole_is_not_reached() {
        let rules = "rules:\n  - {name: late, on: signals, when: message.automatic, then: [close]}\n  - {name: end, then: [ignore]}\ntests:\n  - {name: t, given: {on: signals, message: {automatic: true}, conversation: {owner: agent}}, expect: {}}\n";
        let coverage = coverage(rules);
        assert_eq!(coverage.iter().map(|rule| (rule.reached, rule.tests)).collect::<Vec<_>>(), [(0, 0), (0, 0)]);
        assert_eq!(coverage[1].uncovered[0].missing, "no test reaches it");
    }

    #[test]
    fn a_hundred_percent_means_all() {
        let branches = Branches { covered: 1999, total: 2000 };
        assert_eq!((branches.percent(), branches.reach(99), branches.reach(100)), (99.9, true, false));
        assert_eq!(Branches { covered: 0, total: 0 }.percent(), 100.0);
    }
}
