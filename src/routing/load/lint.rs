//! What is wrong with rules that are each right by themselves.

use std::{
    collections::{BTreeSet, HashMap},
    ops::Range,
};

use jiff::SignedDuration;

use super::{Loading, QUEUES};
use crate::routing::{
    expr::{Expr, Kind},
    finding::{Finding, suggest},
    rule::{Rule, Trigger},
};

/// How many earlier rules with one condition in common are compared with a later one.
const MAX_COMPARED: usize = 64;

pub(super) fn check(loading: &mut Loading<'_>) {
    names(loading);
    shadowed(loading);
    cases(loading);
    if !loading.notes.iter().any(|notes| notes.findings.iter().any(Finding::is_error)) {
        default(loading);
        queues(loading);
        late_handoffs(loading);
    }
}

/// Tests may expect rules that exist.
fn cases(loading: &mut Loading<'_>) {
    let names: BTreeSet<&str> = loading.rules.iter().map(|rule| &*rule.name).collect();
    for case in &loading.cases {
        if let Some((name, span)) = case.expect.rule.as_ref().filter(|(name, _)| !names.contains(name.as_str())) {
            let help = suggest(name, names.iter().copied());
            loading.notes[case.file].error(span, format!("there is no rule “{name}”"), help);
        }
    }
}

fn names(loading: &mut Loading<'_>) {
    let mut first: HashMap<&str, usize> = HashMap::new();
    let mut doubles = Vec::new();
    for (place, rule) in loading.rules.iter().enumerate() {
        match first.get(&*rule.name) {
            Some(&earlier) => doubles.push((rule.file, rule.span.clone(), spot(loading, earlier))),
            None => {
                first.insert(&rule.name, place);
            }
        }
    }
    for (file, span, earlier) in doubles {
        loading.notes[file].error(&span, "two rules have this name", format!("the other one is in {earlier}"));
    }
}

fn spot(loading: &Loading<'_>, rule: usize) -> String {
    let rule = &loading.rules[rule];
    format!("{}, line {}", loading.files[rule.file].name, rule.line)
}

/// Whether no rule behind it is tried once it matched.
pub(super) fn ends(rule: &Rule) -> bool {
    rule.destination.is_some() || rule.stop
}

/// A rule that ends the pass: its place, and the conditions that must all hold.
type Ender = (usize, BTreeSet<String>);

/// A rule that can never act, because an earlier one that ends the pass matches whenever it would.
fn shadowed(loading: &mut Loading<'_>) {
    let mut enders: HashMap<(Trigger, u64, String), Vec<Ender>> = HashMap::new();
    let mut always: HashMap<(Trigger, u64), usize> = HashMap::new();
    let mut found: Vec<(usize, Range<usize>, usize)> = Vec::new();
    for (place, rule) in loading.rules.iter().enumerate() {
        let mut needs = BTreeSet::new();
        let mut fixed = true;
        if let Some(when) = &rule.when {
            fixed = !changes(&when.expr);
            conjuncts(&when.expr, &when.source, &mut needs);
        }
        let earlier = always.get(&(rule.on, rule.after)).copied().or_else(|| {
            needs
                .iter()
                .flat_map(|need| enders.get(&(rule.on, rule.after, need.clone())).into_iter().flatten())
                .find(|(_, asked)| asked.is_subset(&needs))
                .map(|(earlier, _)| *earlier)
        });
        if let Some(earlier) = earlier {
            found.push((rule.file, rule.span.clone(), earlier));
        } else if ends(rule) && rule.when.is_none() {
            always.insert((rule.on, rule.after), place);
        } else if let Some(need) = needs.first().filter(|_| ends(rule) && fixed) {
            let same = enders.entry((rule.on, rule.after, need.clone())).or_default();
            if same.len() < MAX_COMPARED {
                same.push((place, needs));
            }
        }
    }
    for (file, span, earlier) in found {
        let name = &loading.rules[earlier].name;
        let message = format!("this rule never acts: “{name}” matches whenever it would, and ends the pass");
        let help = format!("move it above {}, or change one of them", spot(loading, earlier));
        loading.notes[file].error(&span, message, help);
    }
}

/// Whether the condition reads something that rules change, so that it may hold later and not now.
fn changes(expr: &Expr) -> bool {
    let own = match expr.kind {
        Kind::Field(field) | Kind::Attribute(field, _) => field.changes,
        _ => false,
    };
    own || expr.children().iter().any(changes)
}

/// The texts of the conditions that must all hold.
fn conjuncts(expr: &Expr, source: &str, found: &mut BTreeSet<String>) {
    if let Kind::And(pair) = &expr.kind {
        conjuncts(&pair[0], source, found);
        conjuncts(&pair[1], source, found);
    } else {
        let text = source.get(expr.span.clone()).unwrap_or_default();
        found.insert(text.split_whitespace().collect::<Vec<_>>().join(" "));
    }
}

/// Some rule must decide on every message.
fn default(loading: &mut Loading<'_>) {
    let last = loading.rules.iter().rev().find(|rule| rule.on == Trigger::Message);
    let Some(rule) = last else { return };
    if rule.when.is_some() || rule.destination.is_none() {
        let (file, span) = (rule.file, rule.span.clone());
        let message = "the last rule must have no `when`, and end in answer, handoff, close or ignore";
        let help = "add a default rule at the end of the last file: every message needs a destination";
        loading.notes[file].error(&span, message, help);
    }
}

fn queues(loading: &mut Loading<'_>) {
    let mut used: BTreeSet<String> = BTreeSet::new();
    for handoff in loading.rules.iter().filter_map(Rule::handoff) {
        used.insert(handoff.queue.clone());
        used.extend(handoff.escalate.iter().flatten().filter_map(|step| step.queue.clone()));
    }
    for (queue, _) in loading.desk.queues.values() {
        used.extend(queue.escalate.iter().filter_map(|step| step.queue.clone()));
    }
    let idle: Vec<(String, Range<usize>)> = loading
        .desk
        .queues
        .iter()
        .filter(|(name, _)| !used.contains(name.as_str()))
        .map(|(name, (_, span))| (name.clone(), span.clone()))
        .collect();
    let Some(place) = loading.place(QUEUES) else { return };
    for (name, span) in idle {
        loading.notes[place].warn(
            &span,
            format!("no rule hands a conversation to “{name}”"),
            "hand over to it, or take it out",
        );
    }
}

/// What a rule hands over only after some waiting has the steps of the escalation behind it that come earlier.
fn late_handoffs(loading: &mut Loading<'_>) {
    let waiting = loading.rules.iter().filter(|rule| rule.on == Trigger::Waiting);
    let found: Vec<(usize, Range<usize>, String)> = waiting
        .filter_map(|rule| {
            let handoff = rule.handoff()?;
            let steps = match &handoff.escalate {
                Some(own) => own,
                None => &loading.desk.queues.get(&handoff.queue)?.0.escalate,
            };
            let passed = steps.iter().take_while(|step| step.after <= rule.after);
            let (step, next) = passed.filter_map(|step| Some((step, step.queue.as_ref()?))).last()?;
            let [waited, after] = [rule.after, step.after]
                .map(|seconds| SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX)));
            let message = format!(
                "it does not stay in “{}”: after {waited:#} of waiting the step of {after:#} is due, and takes it to “{next}” at once",
                handoff.queue
            );
            (*next != handoff.queue).then(|| (rule.file, handoff.span.clone(), message))
        })
        .collect();
    for (file, span, message) in found {
        let help =
            "escalation counts from the first enqueue: give the handoff an `escalate` of its own, with later steps";
        loading.notes[file].warn(&span, message, help);
    }
}
