//! Why a message was decided as it was: the same pass as the decision, with every value on the way. The decision
//! itself never pays for it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    decide::{apply, passes_over, undecided},
    expr::{Expr, Kind, Scope, Val},
    facts::Facts,
    rule::{Action, Decision, Destination, Rule, RuleSet, SkillNeed, Trigger, When},
};

/// The longest value that is shown, in characters.
const MAX_VALUE: usize = 80;

/// The pass of one message through a rule set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// The hash of the rule set.
    pub rule_set: String,
    /// The rules reached, in order.
    pub rules: Vec<TracedRule>,
    /// How many rules stood below the one that ended the pass.
    pub not_reached: usize,
    /// What came of it, in one sentence.
    pub outcome: String,
}

/// What happened at one rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TracedRule {
    /// Its name.
    pub name: String,
    /// The file that it stands in.
    pub file: String,
    /// Its line, counted from 1.
    pub line: usize,
    /// The last line of it.
    #[serde(default)]
    pub last_line: usize,
    /// Whether its condition held.
    pub matched: bool,
    /// The condition as the file says it; a rule without one always matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// What the parts of the condition came to.
    pub values: Vec<TracedValue>,
    /// What it did, in words.
    pub actions: Vec<String>,
}

/// What a part of a condition came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TracedValue {
    /// The part, as the file says it.
    pub expression: String,
    /// Its value; `unknown` where it is not known.
    pub value: String,
}

/// Decides once more, and says why. The decision in it is the one that [`decide`](super::decide) makes.
#[must_use]
pub fn explain(set: &RuleSet, facts: &Facts) -> Trace {
    let trigger = Trigger::of(facts);
    let mut scope = Scope::new(&set.world, facts);
    let mut decision = undecided(set, trigger);
    let mut rules = Vec::new();
    let mut of_trigger = set.rules.iter().filter(|rule| rule.on == trigger && rule.after == facts.after);
    for rule in of_trigger.by_ref() {
        let holds = rule.when.as_ref().is_none_or(|when| when.expr.holds(&scope));
        let matched = holds && !passes_over(rule, facts);
        let values = rule.when.as_ref().map(|when| values(when, &scope)).unwrap_or_default();
        let before = decision.actions.len();
        let ended = matched && apply(set, rule, &mut scope, &mut decision).is_break();
        let mut actions: Vec<String> = decision.actions[before..].iter().map(ToString::to_string).collect();
        if ended {
            actions.extend(decision.destination.iter().map(ToString::to_string));
        }
        rules.push(traced(set, rule, matched, values, actions));
        if ended {
            break;
        }
    }
    let not_reached = of_trigger.count();
    Trace { rule_set: set.hash.to_string(), rules, not_reached, outcome: outcome(&decision) }
}

fn traced(set: &RuleSet, rule: &Rule, matched: bool, values: Vec<TracedValue>, actions: Vec<String>) -> TracedRule {
    TracedRule {
        name: rule.name.to_string(),
        file: set.files[rule.file].name.clone(),
        line: rule.line,
        last_line: rule.last_line,
        matched,
        when: rule.when.as_ref().map(|when| one_line(&when.source)),
        values,
        actions,
    }
}

/// Without line breaks and indentation.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn values(when: &When, scope: &Scope<'_>) -> Vec<TracedValue> {
    let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
    collect(&when.expr, when, scope, &mut found, &mut seen);
    found
}

/// Every part but literals, `&&`, `||` and `!`, outer ones first, each once. What stands inside a macro has many values.
fn collect(expr: &Expr, when: &When, scope: &Scope<'_>, found: &mut Vec<TracedValue>, seen: &mut BTreeSet<String>) {
    let logic = matches!(expr.kind, Kind::And(_) | Kind::Or(_) | Kind::Not(_));
    if !logic && !matches!(expr.kind, Kind::Literal(_)) {
        let expression = one_line(when.source.get(expr.span.clone()).unwrap_or_default());
        if seen.insert(expression.clone()) {
            found.push(TracedValue { expression, value: shown(expr.evaluate(scope)) });
        }
    }
    for child in expr.single_valued() {
        collect(child, when, scope, found, seen);
    }
}

fn shown(value: Option<Val<'_>>) -> String {
    let text = match value {
        None => return "unknown".to_owned(),
        Some(Val::Text(text)) => format!("\"{}\"", one_line(&text)),
        Some(value) => value.to_string(),
    };
    if text.chars().count() <= MAX_VALUE { text } else { text.chars().take(MAX_VALUE - 1).chain(['…']).collect() }
}

fn outcome(decision: &Decision) -> String {
    let because = decision
        .rule
        .as_ref()
        .map_or_else(|| "because no rule ended the pass".to_owned(), |rule| format!("because rule “{rule}” matched"));
    let what = match &decision.destination {
        Some(Destination::Handoff(handoff)) => format!("Handed to queue {}", handoff.queue),
        Some(Destination::Answer(_)) => "Given to the bot to answer".to_owned(),
        Some(Destination::Do(wanted)) => format!("Begun the action {}", wanted.action),
        Some(Destination::Close) => "Closed".to_owned(),
        Some(Destination::Ignore) => "Left as it is".to_owned(),
        None if decision.trigger == Trigger::AgentMessage => {
            "Delivered to the agent who owns the conversation".to_owned()
        }
        None => "Left as it is".to_owned(),
    };
    format!("{what} {because}.")
}

impl std::fmt::Display for Action {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tag(tag) => write!(out, "tag {tag}"),
            Self::Untag(tag) => write!(out, "untag {tag}"),
            Self::Set { name, value } => write!(out, "set {name}: {value}"),
            Self::Priority(priority) => write!(out, "priority {}", priority.as_str()),
            Self::Reply { template } => write!(out, "reply {template}"),
            Self::Satisfaction { template, .. } => write!(out, "satisfaction {template}"),
            Self::Notify(text) => write!(out, "notify: {text}"),
        }
    }
}

impl std::fmt::Display for Destination {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Handoff(handoff) => {
                write!(out, "handoff {}, priority {}", handoff.queue, handoff.priority.as_str())?;
                handoff.skills.iter().try_for_each(|need| write!(out, ", {need}"))
            }
            Self::Answer(answer) => {
                let by = answer.model.as_ref().map_or_else(String::new, |model| format!(", or a model as {model}"));
                write!(out, "answer{by}, otherwise ")?;
                answer.otherwise.actions.iter().try_for_each(|action| write!(out, "{action}, "))?;
                write!(out, "{}", answer.otherwise.destination)
            }
            Self::Do(wanted) => {
                write!(out, "do {}, otherwise ", wanted.action)?;
                wanted.otherwise.actions.iter().try_for_each(|action| write!(out, "{action}, "))?;
                write!(out, "{}", wanted.otherwise.destination)
            }
            Self::Close | Self::Ignore => out.write_str(&self.brief()),
        }
    }
}

impl std::fmt::Display for SkillNeed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} ≥ {}{}", self.skill, self.min, if self.hard { " (hard)" } else { "" })
    }
}
