//! What two decisions on the same facts have in common, and what not.

use std::sync::Arc;

use serde::Serialize;

use super::super::{
    cases::priority_after,
    decide::is_unanswered,
    facts::{Facts, Priority},
    rule::{Action, Decision, Destination, Relax, SkillNeed},
};

/// What is compared of two decisions. Words for people (the reason of a handoff) are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Aspect {
    /// Where the conversation goes.
    Destination,
    /// Its priority afterwards.
    Priority,
    /// What the agent must be able to do, where both hand over.
    Skills,
    /// How sure the bot must be, where both let it answer.
    Confidence,
    /// What is done on the way: tags, replies, attributes, notes.
    Actions,
    /// The rule that ended the pass.
    Rule,
}

impl Aspect {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Destination => "destination",
            Self::Priority => "priority",
            Self::Skills => "skills",
            Self::Confidence => "confidence",
            Self::Actions => "actions",
            Self::Rule => "rule",
        }
    }
}

/// One thing that would not be as it was. Of actions, those that only one of the two has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What.
    pub what: Aspect,
    /// What it was, in words.
    pub before: String,
    /// What it would be, in words.
    pub after: String,
}

/// What the record says of a decision, which is less than the decision itself.
#[derive(Debug, Clone, Copy)]
pub struct Recorded<'a> {
    /// The rule that ended the pass; empty when no rule did.
    pub rule: &'a str,
    /// Where the conversation went, in words; with what came of it when the bot had no answer.
    pub destination: &'a str,
    /// The tags that it added.
    pub tags: &'a [String],
}

impl Recorded<'_> {
    /// Whether the bot was asked and had no answer.
    pub(super) fn is_unanswered(&self) -> bool {
        is_unanswered(self.destination)
    }
}

/// What a decision came to.
#[derive(Debug)]
pub(super) struct Outcome {
    pub rule: Arc<str>,
    pub destination: String,
    /// Without priorities; what is done when the bot has no answer included. `None` where it is not known.
    actions: Option<Vec<Action>>,
    /// `None` where it is only recorded.
    pub whole: Option<Whole>,
}

/// What the record of a decision does not say.
#[derive(Debug)]
pub(super) struct Whole {
    /// In order.
    pub matched: Vec<Arc<str>>,
    priority: Priority,
    skills: Option<Vec<SkillNeed>>,
    confidence: Option<String>,
}

impl Outcome {
    /// Of a decision on these facts, on a message that the bot had no answer to if it is `unanswered`.
    pub(super) fn made(facts: &Facts, decision: Decision, unanswered: bool) -> Self {
        let words = decision.words(facts.conversation.owner);
        let Decision { rule, matched, mut actions, destination, .. } = decision;
        let (words, destination, confidence) = match destination {
            Some(Destination::Answer(answer)) => {
                let sure = answer.min_confidence.map_or_else(|| "its own".to_owned(), |least| least.to_string());
                if unanswered {
                    let words = answer.otherwise.words();
                    actions.extend(answer.otherwise.actions);
                    (words, Some(answer.otherwise.destination), Some(sure))
                } else {
                    (words, None, Some(sure))
                }
            }
            Some(Destination::Do(_)) => (words, None, None),
            destination => (words, destination, None),
        };
        let (priority, skills) = match destination {
            Some(Destination::Handoff(handoff)) => (handoff.priority, Some(handoff.skills)),
            _ => (priority_after(facts, &actions), None),
        };
        actions.retain(|action| !matches!(action, Action::Priority(_)));
        Self {
            rule: rule.unwrap_or_else(|| "".into()),
            destination: words,
            actions: Some(actions),
            whole: Some(Whole { matched, priority, skills, confidence }),
        }
    }

    /// Of a decision that cannot be made again. What was tagged when the bot had no answer is not recorded.
    pub(super) fn recorded(recorded: &Recorded<'_>) -> Self {
        let tags = || recorded.tags.iter().cloned().map(Action::Tag).collect();
        Self {
            rule: recorded.rule.into(),
            destination: recorded.destination.to_owned(),
            actions: (!recorded.is_unanswered()).then(tags),
            whole: None,
        }
    }

    /// Whether it is the one that was recorded.
    pub(super) fn is(&self, recorded: &Recorded<'_>) -> bool {
        *self.rule == *recorded.rule && self.destination == recorded.destination
    }
}

/// What is not the same in two outcomes.
#[derive(Debug, Default)]
pub(super) struct Comparison<'o> {
    /// In the order of [`Aspect`].
    pub differences: Vec<Difference>,
    /// What is done no longer.
    pub gone: Vec<&'o Action>,
    /// What was not done.
    pub new: Vec<&'o Action>,
}

/// Compares what is known of both.
pub(super) fn compare<'o>(was: &'o Outcome, now: &'o Outcome) -> Comparison<'o> {
    let mut found = Comparison::default();
    found.differs(Aspect::Destination, &was.destination, &now.destination);
    if let (Some(was), Some(now)) = (&was.whole, &now.whole) {
        found.differs(Aspect::Priority, was.priority.as_str(), now.priority.as_str());
        if let (Some(was), Some(now)) = (&was.skills, &now.skills) {
            found.differs(Aspect::Skills, &needs(was), &needs(now));
        }
        if let (Some(was), Some(now)) = (&was.confidence, &now.confidence) {
            found.differs(Aspect::Confidence, was, now);
        }
    }
    if let (Some(before), Some(after)) = (&was.actions, &now.actions) {
        let is_known = |action: &&Action| was.whole.is_some() || matches!(action, Action::Tag(_));
        found.gone = before.iter().filter(|action| !after.contains(action)).collect();
        found.new = after.iter().filter(is_known).filter(|action| !before.contains(action)).collect();
        let (gone, new) = (words(&found.gone, "none"), words(&found.new, "none"));
        found.differs(Aspect::Actions, &gone, &new);
    }
    found.differs(Aspect::Rule, &was.rule, &now.rule);
    found
}

impl Comparison<'_> {
    fn differs(&mut self, what: Aspect, before: &str, after: &str) {
        if before != after {
            self.differences.push(Difference { what, before: before.to_owned(), after: after.to_owned() });
        }
    }
}

fn words<T: ToString>(items: &[T], without: &str) -> String {
    let words: Vec<String> = items.iter().map(ToString::to_string).collect();
    if words.is_empty() { without.to_owned() } else { words.join(", ") }
}

fn needs(needs: &[SkillNeed]) -> String {
    let relaxed = |step: &Relax| match step.min {
        Some(min) => format!("≥ {min} after {}s", step.after),
        None => format!("dropped after {}s", step.after),
    };
    let each: Vec<String> = needs
        .iter()
        .map(|need| {
            let steps: Vec<String> = need.relax.iter().map(relaxed).collect();
            if steps.is_empty() { need.to_string() } else { format!("{need} ({})", steps.join(", ")) }
        })
        .collect();
    words(&each, "none")
}
