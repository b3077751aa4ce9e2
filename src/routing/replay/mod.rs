//! Decisions of the past made again under other rules: what would be different. A fold over any number of them that
//! keeps counts and a few examples; whoever reads the record feeds it.

mod compare;
mod sample;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    sync::Arc,
};

pub use compare::{Aspect, Difference, Recorded};
use compare::{Outcome, compare};
use contract::{Timestamp, clean_line};
use sample::Sample;
use serde::Serialize;

use super::{
    decide::decide,
    facts::{Facts, MessageFacts},
    rule::{Action, RuleSet},
};

/// How much of a message's text an example repeats, in characters.
const TEXT_CHARS: usize = 160;

/// A decision of the past.
pub struct Past<'a> {
    /// What names it.
    pub id: &'a dyn Display,
    /// When it was made.
    pub at: Timestamp,
    /// What the rules saw.
    pub facts: &'a Facts,
    /// What is recorded of it.
    pub recorded: Recorded<'a>,
    /// The rules that made it, where they still load. They tell more than the record, and are believed only where they
    /// make the recorded decision again.
    pub rules: Option<&'a RuleSet>,
}

/// What would be different under other rules.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Decisions looked at.
    pub messages: u64,
    /// Those that would be the same.
    pub unchanged: u64,
    /// Those that another rule would make, with the same effect.
    pub by_another_rule: u64,
    /// Those with another effect.
    pub changed: u64,
    /// How many of `messages` could not be made again under the rules of their time: only their destination, their rule and
    /// the tags that they added were compared.
    pub by_record: u64,
    /// Every destination with what it would be, also where that is the same; the most frequent ones first.
    pub destinations: Vec<Moved>,
    /// Priorities that would be others; the most frequent ones first.
    pub priorities: Vec<Moved>,
    /// What would be done no longer or newly (`tag vip`, `reply hello`), by name.
    pub actions: Vec<Shifted>,
    /// How often each rule matched: the new rules in their order, then those that are gone.
    pub rules: Vec<Matched>,
    /// By what differs first, in the order of [`Aspect`], the most frequent ones first.
    pub changes: Vec<Change>,
}

/// How many of something would become something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// What it was.
    pub before: String,
    /// What it would be.
    pub after: String,
    /// How many.
    pub messages: u64,
}

/// How often an action would be taken where it was not, and the other way round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shifted {
    /// The action; of attributes and notes without what they say.
    pub action: String,
    /// On how many messages it was taken and would not be.
    pub no_longer: u64,
    /// On how many messages it was not taken and would be.
    pub newly: u64,
}

/// How often a rule matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Matched {
    /// Its name.
    pub rule: Arc<str>,
    /// Then.
    pub before: u64,
    /// Under the new rules.
    pub after: u64,
}

/// One kind of change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// What differs, first of all.
    pub what: Aspect,
    /// What it was; empty for skills, actions and rules, which the examples show.
    pub before: String,
    /// What it would be.
    pub after: String,
    /// How many.
    pub messages: u64,
    /// Some of them: the first ones, and some spread evenly over the rest.
    pub examples: Vec<Example>,
}

/// A message that would be handled differently.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Example {
    /// What names it.
    pub id: String,
    /// When it was decided.
    pub at: Timestamp,
    /// The channel that it came on.
    pub channel: String,
    /// Its beginning, on one line.
    pub text: String,
    /// Everything that would not be as it was.
    pub differences: Vec<Difference>,
}

/// How a decision would come out under other rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The same.
    Same,
    /// Another rule would make it, with the same effect.
    ByAnotherRule,
    /// With another effect.
    Changed,
}

impl Verdict {
    /// As metrics name it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::ByAnotherRule => "by_another_rule",
            Self::Changed => "changed",
        }
    }
}

/// Makes decisions of the past again, one after the other. What it keeps grows with the rules, not with the messages.
#[derive(Clone)]
pub struct Replay {
    rules: Arc<RuleSet>,
    examples: usize,
    counts: Counts,
    destinations: BTreeMap<(String, String), u64>,
    priorities: BTreeMap<(String, String), u64>,
    actions: BTreeMap<String, [u64; 2]>,
    matched: BTreeMap<Arc<str>, [u64; 2]>,
    changes: BTreeMap<(Aspect, String, String), Sample<Example>>,
}

#[derive(Clone, Default)]
struct Counts {
    unchanged: u64,
    by_another_rule: u64,
    changed: u64,
    by_record: u64,
}

impl Replay {
    /// Under these rules, with at most so many examples of each kind of change.
    #[must_use]
    pub fn new(rules: Arc<RuleSet>, examples: usize) -> Self {
        Self {
            rules,
            examples,
            counts: Counts::default(),
            destinations: BTreeMap::new(),
            priorities: BTreeMap::new(),
            actions: BTreeMap::new(),
            matched: BTreeMap::new(),
            changes: BTreeMap::new(),
        }
    }

    /// Makes a decision again and notes what is different.
    pub fn look_at(&mut self, past: &Past<'_>) -> Verdict {
        let unanswered = past.recorded.is_unanswered();
        let under = |rules: &RuleSet| Outcome::made(past.facts, decide(rules, past.facts), unanswered);
        let now = under(&self.rules);
        let was = past.rules.map(under).filter(|was| was.is(&past.recorded));
        let was = was.unwrap_or_else(|| Outcome::recorded(&past.recorded));
        self.count(&was, &now);
        let compared = compare(&was, &now);
        for (actions, place) in [(&compared.gone, 0), (&compared.new, 1)] {
            let names: BTreeSet<String> = actions.iter().map(|action| name(action)).collect();
            names.into_iter().for_each(|name| self.actions.entry(name).or_default()[place] += 1);
        }
        let differences = compared.differences;
        if let Some(priority) = differences.iter().find(|difference| difference.what == Aspect::Priority) {
            *self.priorities.entry((priority.before.clone(), priority.after.clone())).or_default() += 1;
        }
        let Some(first) = differences.first() else {
            self.counts.unchanged += 1;
            return Verdict::Same;
        };
        let kind = match first.what {
            what @ (Aspect::Destination | Aspect::Priority) => (what, first.before.clone(), first.after.clone()),
            what => (what, String::new(), String::new()),
        };
        let verdict = if first.what == Aspect::Rule {
            self.counts.by_another_rule += 1;
            Verdict::ByAnotherRule
        } else {
            self.counts.changed += 1;
            Verdict::Changed
        };
        self.changes.entry(kind).or_insert_with(|| Sample::new(self.examples)).offer(|| Example {
            id: past.id.to_string(),
            at: past.at,
            channel: past.facts.message.channel.clone(),
            text: shown(&past.facts.message),
            differences,
        });
        verdict
    }

    fn count(&mut self, was: &Outcome, now: &Outcome) {
        *self.destinations.entry((was.destination.clone(), now.destination.clone())).or_default() += 1;
        let mut matched = |rules: &[Arc<str>], place: usize| {
            for rule in rules.iter().filter(|rule| !rule.is_empty()) {
                self.matched.entry(Arc::clone(rule)).or_default()[place] += 1;
            }
        };
        match (&was.whole, &now.whole) {
            (Some(was), Some(now)) => {
                matched(&was.matched, 0);
                matched(&now.matched, 1);
            }
            // Only the rule that ended the pass is recorded: the same is counted of both.
            _ => {
                matched(std::slice::from_ref(&was.rule), 0);
                matched(std::slice::from_ref(&now.rule), 1);
                self.counts.by_record += 1;
            }
        }
    }

    /// How many have been looked at.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.counts.unchanged + self.counts.by_another_rule + self.counts.changed
    }

    /// What has been found.
    #[must_use]
    pub fn report(mut self) -> Report {
        let messages = self.messages();
        let rules = self.rules.rules().iter().map(|rule| {
            let [before, after] = self.matched.remove(rule.name()).unwrap_or_default();
            Matched { rule: Arc::clone(rule.name()), before, after }
        });
        let mut rules: Vec<Matched> = rules.collect();
        rules.extend(self.matched.into_iter().map(|(rule, [before, after])| Matched { rule, before, after }));
        let actions = self.actions.into_iter();
        let changes = self.changes.into_iter().map(|((what, before, after), sample)| {
            let messages = sample.seen();
            Change { what, before, after, messages, examples: sample.take() }
        });
        let mut changes: Vec<Change> = changes.collect();
        changes.sort_by_key(|change| (change.what, std::cmp::Reverse(change.messages)));
        let Counts { unchanged, by_another_rule, changed, by_record } = self.counts;
        Report {
            messages,
            unchanged,
            by_another_rule,
            changed,
            by_record,
            destinations: most_frequent_first(self.destinations),
            priorities: most_frequent_first(self.priorities),
            actions: actions.map(|(action, [no_longer, newly])| Shifted { action, no_longer, newly }).collect(),
            rules,
            changes,
        }
    }
}

fn most_frequent_first(counts: BTreeMap<(String, String), u64>) -> Vec<Moved> {
    let moved = |((before, after), messages)| Moved { before, after, messages };
    let mut all: Vec<Moved> = counts.into_iter().map(moved).collect();
    all.sort_by_key(|moved| std::cmp::Reverse(moved.messages));
    all
}

/// What an action is counted under: what it says may be different in every message.
fn name(action: &Action) -> String {
    match action {
        Action::Set { name, .. } => format!("set {name}"),
        Action::Notify(_) => "notify".to_owned(),
        action => action.to_string(),
    }
}

/// The beginning of what was written, or what else was done.
fn shown(message: &MessageFacts) -> String {
    let text = clean_line(&message.text, TEXT_CHARS + 1);
    match text.char_indices().nth(TEXT_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None if !text.is_empty() => text,
        None if message.event != "message" => format!("({})", message.event),
        None => format!("({})", message.attachments.join(", ")),
    }
}
