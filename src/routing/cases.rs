//! `tests:` of rule files: given these facts, expect this decision.

use std::{collections::BTreeMap, ops::Range};

use jiff::civil::date;
use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::{
    coverage::{Branches, Coverage, Watch},
    decide::decide,
    facts::{Facts, Priority},
    finding::{Finding, Severity},
    given,
    load::finding_in,
    rule::{Action, Answer, Decision, Destination, Do, RuleSet},
};
use crate::{
    actions::{CaseOutcome, run_cases},
    understand::Signals,
};

/// One test of a rule file.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub name: String,
    pub file: usize,
    pub line: usize,
    pub span: Range<usize>,
    pub given: Map<String, Json>,
    pub expect: Expect,
}

/// What a test asks of the decision. What it does not name can be anything.
#[derive(Debug, Clone, Default)]
pub(super) struct Expect {
    pub rule: Option<(String, Range<usize>)>,
    pub outcome: ExpectedOutcome,
    pub otherwise: Option<ExpectedOutcome>,
}

/// What a test asks of actions and destination.
#[derive(Debug, Clone, Default)]
pub(super) struct ExpectedOutcome {
    pub handoff: Option<String>,
    pub priority: Option<Priority>,
    pub skills: Option<Vec<String>>,
    pub answer: Option<bool>,
    pub action: Option<String>,
    pub close: Option<bool>,
    pub ignore: Option<bool>,
    pub tags: Option<Vec<String>>,
    pub replies: Option<Vec<String>>,
    pub attributes: BTreeMap<String, String>,
}

/// What running the tests of a rule set came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TestReport {
    /// Each test, in the order of the files.
    pub outcomes: Vec<TestOutcome>,
    /// How well each rule is tested, in the order of the rules.
    pub coverage: Vec<Coverage>,
    /// The branches of all rules.
    pub branches: Branches,
}

/// What one test came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TestOutcome {
    /// The test's name.
    pub name: String,
    /// The file that it stands in.
    pub file: String,
    /// Its line, counted from 1.
    pub line: usize,
    /// What was expected and did not come, one sentence each; empty when the test passed.
    pub differences: Vec<String>,
}

impl TestOutcome {
    /// Whether everything was as expected.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.differences.is_empty()
    }
}

impl TestReport {
    /// Whether every test passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.outcomes.iter().all(TestOutcome::passed)
    }
}

/// Runs every test of a rule set, and says how much of the rules they try out. `classify` gives the signals of a text;
/// what a test writes down itself wins.
///
/// A test that does not set `now.time` runs on Monday 5 January 2026 at noon, in the rule set's time zone.
pub fn run_tests(set: &RuleSet, classify: &dyn Fn(&str) -> Signals) -> TestReport {
    let mut watch = Watch::new(set);
    let mut outcomes = Vec::with_capacity(set.cases.len());
    for case in &set.cases {
        let facts = facts_of(set, case, classify);
        if let Ok(facts) = &facts {
            watch.see(case, facts);
        }
        outcomes.push(TestOutcome {
            name: case.name.clone(),
            file: set.files[case.file].name.clone(),
            line: case.line,
            differences: outcome(set, case, facts),
        });
    }
    outcomes.extend(of_actions(set, classify).map(|case| TestOutcome {
        file: set.files[case.file].name.clone(),
        name: case.name,
        line: case.line,
        differences: case.differences,
    }));
    let coverage = watch.coverage();
    let branches = coverage.iter().map(|rule| rule.branches).sum();
    TestReport { outcomes, coverage, branches }
}

/// The tests that fail, as findings in their files: [`run_tests`] for a set that is loaded, which may be large and need
/// not know its coverage.
pub(super) fn failing(set: &RuleSet, classify: &dyn Fn(&str) -> Signals) -> Vec<Finding> {
    let failing = set.cases.iter().filter_map(|case| {
        let differences = outcome(set, case, facts_of(set, case, classify));
        let message = format!("the test fails: {}", differences.join("; "));
        let help = "`switchboard rules explain` shows why";
        let place = (case.file, case.span.clone());
        (!differences.is_empty()).then(|| finding_in(set, Severity::Error, &place, message, help))
    });
    let actions = of_actions(set, classify).filter(|case| !case.differences.is_empty()).map(|case| {
        let message = format!("the test fails: {}", case.differences.join("; "));
        finding_in(set, Severity::Error, &(case.file, case.span), message, "")
    });
    failing.chain(actions).collect()
}

/// The tests of action files.
fn of_actions(set: &RuleSet, classify: &dyn Fn(&str) -> Signals) -> impl Iterator<Item = CaseOutcome> {
    run_cases(&set.actions, (set.default_language(), set.zone()), classify).into_iter()
}

/// What one test expected and did not get.
fn outcome(set: &RuleSet, case: &Case, facts: Result<Facts, serde_json::Error>) -> Vec<String> {
    match facts {
        Ok(facts) => differences(&case.expect, &facts, &decide(set, &facts)),
        Err(error) => vec![format!("its facts cannot be read: {error}")],
    }
}

fn facts_of(set: &RuleSet, case: &Case, classify: &dyn Fn(&str) -> Signals) -> Result<Facts, serde_json::Error> {
    let text = case.given.get("message").and_then(|message| message.get("text")).and_then(Json::as_str);
    let mut facts = given::facts(&case.given, text.map(classify).as_ref())?;
    if case.given.get("now").is_none() {
        facts.now.time = noon(set);
    }
    Ok(facts)
}

/// Monday 5 January 2026 at noon, where the business is.
fn noon(set: &RuleSet) -> jiff::Timestamp {
    let local = date(2026, 1, 5).at(12, 0, 0, 0).to_zoned(set.world.zone.0.clone());
    local.map_or(jiff::Timestamp::UNIX_EPOCH, |local| local.timestamp())
}

fn differences(expect: &Expect, facts: &Facts, decision: &Decision) -> Vec<String> {
    let mut found = Vec::new();
    let decided = decision.rule.as_deref().unwrap_or("none");
    if let Some((rule, _)) = expect.rule.as_ref().filter(|(rule, _)| rule != decided) {
        found.push(format!("expected rule “{rule}”, decided by “{decided}”"));
    }
    compare(&expect.outcome, facts, &decision.actions, decision.destination.as_ref(), "", &mut found);
    if let Some(expected) = &expect.otherwise {
        match &decision.destination {
            Some(Destination::Answer(Answer { otherwise, .. }) | Destination::Do(Do { otherwise, .. })) => {
                let actions: Vec<Action> = decision.actions.iter().chain(&otherwise.actions).cloned().collect();
                compare(expected, facts, &actions, Some(&otherwise.destination), "otherwise ", &mut found);
            }
            other => found.push(format!("expected an answer with otherwise, got {}", destination_text(other.as_ref()))),
        }
    }
    found
}

fn compare(
    expected: &ExpectedOutcome,
    facts: &Facts,
    actions: &[Action],
    destination: Option<&Destination>,
    of: &str,
    found: &mut Vec<String>,
) {
    let handoff = match destination {
        Some(Destination::Handoff(handoff)) => Some(handoff),
        _ => None,
    };
    let got = destination_text(destination);
    if let Some(queue) = expected.handoff.as_deref().filter(|queue| handoff.is_none_or(|h| h.queue != *queue)) {
        found.push(format!("{of}expected handoff {queue}, got {got}"));
    }
    if let Some(action) = expected.action.as_deref()
        && !matches!(destination, Some(Destination::Do(wanted)) if wanted.action == action)
    {
        found.push(format!("{of}expected do {action}, got {got}"));
    }
    for (name, wanted, is) in [
        ("answer", expected.answer, matches!(destination, Some(Destination::Answer(_)))),
        ("close", expected.close, matches!(destination, Some(Destination::Close))),
        ("ignore", expected.ignore, matches!(destination, Some(Destination::Ignore))),
    ] {
        if wanted.is_some_and(|wanted| wanted != is) {
            let not = if wanted == Some(false) { "no " } else { "" };
            found.push(format!("{of}expected {not}{name}, got {got}"));
        }
    }
    let priority = handoff.map_or_else(|| priority_after(facts, actions), |handoff| handoff.priority);
    if let Some(wanted) = expected.priority.filter(|wanted| *wanted != priority) {
        found.push(format!("{of}expected priority {}, got {}", wanted.as_str(), priority.as_str()));
    }
    let skills: Vec<&str> = handoff.iter().flat_map(|h| &h.skills).map(|need| need.skill.as_str()).collect();
    list_difference(of, "skills", expected.skills.as_deref(), &skills, true, found);
    list_difference(of, "tags", expected.tags.as_deref(), &tags_after(facts, actions), false, found);
    let replies: Vec<&str> = actions
        .iter()
        .filter_map(|action| match action {
            Action::Reply { template } | Action::Satisfaction { template, .. } => Some(template.as_str()),
            _ => None,
        })
        .collect();
    list_difference(of, "replies", expected.replies.as_deref(), &replies, true, found);
    for (name, wanted) in &expected.attributes {
        let set = actions.iter().rev().find_map(|action| match action {
            Action::Set { name: set, value } if set == name => Some(value),
            _ => None,
        });
        let got = set.or_else(|| facts.conversation.attributes.get(name)).map(String::as_str);
        if got != Some(wanted) {
            found.push(format!("{of}expected attribute {name}: {wanted}, got {}", got.unwrap_or("none")));
        }
    }
}

/// Exactly these, or at least these.
fn list_difference(
    of: &str,
    what: &str,
    wanted: Option<&[String]>,
    got: &[&str],
    exact: bool,
    found: &mut Vec<String>,
) {
    let Some(wanted) = wanted else { return };
    let differs = if exact { wanted != got } else { !wanted.iter().all(|one| got.contains(&one.as_str())) };
    if differs {
        found.push(format!("{of}expected {what} [{}], got [{}]", wanted.join(", "), got.join(", ")));
    }
}

fn tags_after<'a>(facts: &'a Facts, actions: &'a [Action]) -> Vec<&'a str> {
    let mut tags: Vec<&str> = facts.conversation.tags.iter().map(String::as_str).collect();
    for action in actions {
        match action {
            Action::Tag(tag) => tags.push(tag),
            Action::Untag(tag) => tags.retain(|known| known != tag),
            _ => {}
        }
    }
    tags
}

pub(super) fn priority_after(facts: &Facts, actions: &[Action]) -> Priority {
    let last = actions.iter().rev().find_map(|action| match action {
        Action::Priority(priority) => Some(*priority),
        _ => None,
    });
    last.unwrap_or(facts.conversation.priority)
}

/// A destination in brief: `handoff care`, `answer`, …
pub(super) fn destination_text(destination: Option<&Destination>) -> String {
    destination.map_or_else(|| "no destination".to_owned(), Destination::brief)
}

impl Destination {
    /// In a word or two: `handoff care`, `answer`, `close`, `ignore`.
    #[must_use]
    pub fn brief(&self) -> String {
        match self {
            Self::Answer(_) => "answer".to_owned(),
            Self::Do(wanted) => format!("do {}", wanted.action),
            Self::Handoff(handoff) => format!("handoff {}", handoff.queue),
            Self::Close => "close".to_owned(),
            Self::Ignore => "ignore".to_owned(),
        }
    }
}
