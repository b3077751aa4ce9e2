//! What is wrong with rules that are each right by themselves.

use std::{
    collections::{BTreeSet, HashMap},
    ops::Range,
};

use super::{Loading, QUEUES};
use crate::routing::{
    expr::{Expr, Kind},
    finding::suggest,
    rule::{DestinationSpec, Rule, Trigger},
};

/// How many earlier rules with one condition in common are compared with a later one.
const MAX_COMPARED: usize = 64;

pub(super) fn check(loading: &mut Loading<'_>) {
    names(loading);
    shadowed(loading);
    cases(loading);
    if loading.notes.iter().all(|notes| notes.findings.is_empty()) {
        default(loading);
        queues(loading);
    }
}

/// Tests may expect rules that exist.
fn cases(loading: &mut Loading<'_>) {
    let names: BTreeSet<&str> = loading.rules.iter().map(|(rule, _)| &*rule.name).collect();
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
    for (place, (rule, span)) in loading.rules.iter().enumerate() {
        match first.get(&*rule.name) {
            Some(&earlier) => doubles.push((rule.file, span.clone(), spot(loading, earlier))),
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
    let rule = &loading.rules[rule].0;
    format!("{}, line {}", loading.files[rule.file].name, rule.line)
}

fn ends(rule: &Rule) -> bool {
    rule.destination.is_some() || rule.stop
}

/// A rule that ends the pass: its place, and the conditions that must all hold.
type Ender = (usize, BTreeSet<String>);

/// A rule that can never act, because an earlier one that ends the pass matches whenever it would.
fn shadowed(loading: &mut Loading<'_>) {
    let mut enders: HashMap<(Trigger, u64, String), Vec<Ender>> = HashMap::new();
    let mut always: HashMap<(Trigger, u64), usize> = HashMap::new();
    let mut found: Vec<(usize, Range<usize>, usize)> = Vec::new();
    for (place, (rule, span)) in loading.rules.iter().enumerate() {
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
            found.push((rule.file, span.clone(), earlier));
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
        let name = &loading.rules[earlier].0.name;
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
    let last = loading.rules.iter().rev().find(|(rule, _)| rule.on == Trigger::Message);
    let Some((rule, span)) = last else { return };
    if rule.when.is_some() || rule.destination.is_none() {
        let (file, span) = (rule.file, span.clone());
        let message = "the last rule must have no `when`, and end in answer, handoff, close or ignore";
        let help = "add a default rule at the end of the last file: every message needs a destination";
        loading.notes[file].error(&span, message, help);
    }
}

fn queues(loading: &mut Loading<'_>) {
    let mut used: BTreeSet<String> = BTreeSet::new();
    let mut use_handoff = |destination: &'_ DestinationSpec| {
        if let DestinationSpec::Handoff(handoff) = destination {
            used.insert(handoff.queue.clone());
            used.extend(handoff.escalate.iter().flatten().filter_map(|step| step.queue.clone()));
        }
    };
    for destination in loading.rules.iter().filter_map(|(rule, _)| rule.destination.as_ref()) {
        match destination {
            DestinationSpec::Answer { otherwise, .. } => use_handoff(&otherwise.1),
            destination => use_handoff(destination),
        }
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
