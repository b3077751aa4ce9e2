//! The decision: one pass over the rules, top to bottom.

use std::{borrow::Cow, ops::ControlFlow, sync::Arc};

use super::{
    expr::{Scope, Val},
    facts::{Facts, Owner},
    rule::{
        Action, Answer, Decision, Destination, DestinationSpec, Do, Handoff, HandoffSpec, Interpolated, Otherwise,
        Part, Rule, RuleSet, SkillNeed, SkillSpec, Step, Trigger,
    },
};

impl Trigger {
    /// Which rules run on these facts.
    #[must_use]
    pub fn of(facts: &Facts) -> Self {
        match (facts.on, facts.conversation.owner) {
            (Self::Message, Owner::Agent) => Self::AgentMessage,
            (on, _) => on,
        }
    }
}

/// How the words of an answer begin that was not found.
const UNANSWERED: &str = "answer, no answer, ";

impl Decision {
    /// Where the conversation goes, in a word or two. Where no rule sends it anywhere, it stays with `owner`.
    #[must_use]
    pub fn words(&self, owner: Owner) -> String {
        match &self.destination {
            Some(destination) => destination.brief(),
            None if owner == Owner::Agent => "to its agent".to_owned(),
            None => "stays where it is".to_owned(),
        }
    }
}

impl Otherwise {
    /// What came of a question that the bot had no answer to, in a few words: `answer, no answer, handoff care`.
    #[must_use]
    pub fn words(&self) -> String {
        format!("{UNANSWERED}{}", self.destination.brief())
    }
}

/// Whether a decision, in the words of [`Decision::words`] and [`Otherwise::words`], was that the bot had no answer.
#[must_use]
pub fn is_unanswered(words: &str) -> bool {
    words.starts_with(UNANSWERED)
}

/// Decides on one message. A pure function: the same set and facts give the same decision, always.
///
/// For [`Trigger::Message`] some rule always decides, because no set loads without a last rule that does.
#[must_use]
pub fn decide(set: &RuleSet, facts: &Facts) -> Decision {
    let trigger = Trigger::of(facts);
    let mut decision = undecided(set, trigger);
    set.indices[trigger as usize].matches(&mut Scope::new(&set.world, facts), |scope, place| {
        apply(set, &set.rules[place], scope, &mut decision)
    });
    decision
}

/// The decision before any rule has run.
pub(super) fn undecided(set: &RuleSet, trigger: Trigger) -> Decision {
    Decision {
        rule_set: Arc::clone(&set.hash),
        trigger,
        matched: Vec::new(),
        rule: None,
        actions: Vec::new(),
        destination: None,
    }
}

/// What an agent owns is not routed, only closed when nobody says anything any more: another rule that would is passed
/// over as a whole. So is one that waits for another moment.
pub(super) fn passes_over(rule: &Rule, facts: &Facts) -> bool {
    let routes = rule.destination.is_some() && facts.conversation.owner == Owner::Agent;
    let ends_silence = rule.on == Trigger::Idle && !matches!(rule.destination, Some(DestinationSpec::Handoff(_)));
    rule.after != facts.after || (routes && !ends_silence)
}

/// Does what a rule that matched says; breaks when it ends the pass.
pub(super) fn apply(set: &RuleSet, rule: &Rule, scope: &mut Scope<'_>, decision: &mut Decision) -> ControlFlow<()> {
    if passes_over(rule, scope.facts) {
        return ControlFlow::Continue(());
    }
    decision.matched.push(Arc::clone(&rule.name));
    for step in &rule.then {
        decision.actions.extend(take(step, scope));
    }
    if rule.destination.is_none() && !rule.stop {
        return ControlFlow::Continue(());
    }
    decision.destination = rule.destination.as_ref().map(|destination| resolve(set, rule, destination, scope));
    decision.rule = Some(Arc::clone(&rule.name));
    ControlFlow::Break(())
}

/// The action of a step, which the scope sees from now on. `None` where it changes nothing.
fn take(step: &Step, scope: &mut Scope<'_>) -> Option<Action> {
    match step {
        Step::Tag(tag) => {
            if scope.tags.contains(tag) {
                return None;
            }
            scope.tags.to_mut().push(tag.clone());
            Some(Action::Tag(tag.clone()))
        }
        Step::Untag(tag) => {
            if !scope.tags.contains(tag) {
                return None;
            }
            scope.tags.to_mut().retain(|known| known != tag);
            Some(Action::Untag(tag.clone()))
        }
        Step::Set { name, value } => {
            let value = value.text(scope);
            scope.attributes.to_mut().insert(name.clone(), value.clone());
            Some(Action::Set { name: name.clone(), value })
        }
        Step::Priority(priority) => {
            scope.priority = *priority;
            Some(Action::Priority(*priority))
        }
        Step::Reply { template } => Some(Action::Reply { template: template.clone() }),
        Step::Satisfaction { template, thanks, within } => {
            Some(Action::Satisfaction { template: template.clone(), thanks: thanks.clone(), within: *within })
        }
        Step::Notify(text) => Some(Action::Notify(text.text(scope))),
    }
}

fn resolve(set: &RuleSet, rule: &Rule, spec: &DestinationSpec, scope: &mut Scope<'_>) -> Destination {
    match spec {
        DestinationSpec::Answer { min_confidence, model, otherwise } => {
            let actions = otherwise.0.iter().filter_map(|step| take(step, scope)).collect();
            let destination = resolve(set, rule, &otherwise.1, scope);
            Destination::Answer(Answer {
                min_confidence: *min_confidence,
                model: model.clone(),
                otherwise: Box::new(Otherwise { actions, destination }),
            })
        }
        DestinationSpec::Do { action, otherwise } => {
            let actions = otherwise.0.iter().filter_map(|step| take(step, scope)).collect();
            let destination = resolve(set, rule, &otherwise.1, scope);
            Destination::Do(Do { action: action.clone(), otherwise: Box::new(Otherwise { actions, destination }) })
        }
        DestinationSpec::Handoff(spec) => Destination::Handoff(handoff(set, rule, spec, scope)),
        DestinationSpec::Close => Destination::Close,
        DestinationSpec::Ignore => Destination::Ignore,
    }
}

fn handoff(set: &RuleSet, rule: &Rule, spec: &HandoffSpec, scope: &Scope<'_>) -> Handoff {
    Handoff {
        queue: spec.queue.clone(),
        priority: spec.priority.unwrap_or(scope.priority),
        skills: spec.skills.iter().filter_map(|skill| need(set, skill, scope)).collect(),
        reason: spec.reason.as_ref().map_or_else(|| rule.name.to_string(), |reason| reason.text(scope)),
        rule: Arc::clone(&rule.name),
        escalate: match &spec.escalate {
            Some(own) => own.clone(),
            None => set.escalation(&spec.queue),
        },
    }
}

/// The requirement for these facts. `None` where a fact in its name is unknown, or where no skill has that name:
/// a customer must not wait for somebody who cannot exist.
fn need(set: &RuleSet, spec: &SkillSpec, scope: &Scope<'_>) -> Option<SkillNeed> {
    let name = spec.skill.known(scope)?;
    let skill = set.nearest_skill(&name)?.to_owned();
    Some(SkillNeed { skill, min: spec.min, hard: spec.hard, relax: spec.relax.clone() })
}

impl RuleSet {
    /// The skill of this name, or of the name without its last subtags: `lang-zh-Hans`, then `lang-zh`.
    pub(crate) fn nearest_skill<'n>(&self, name: &'n str) -> Option<&'n str> {
        nearest_skill(name, |name| self.skills.contains_key(name))
    }
}

/// See [`RuleSet::nearest_skill`].
pub(super) fn nearest_skill(name: &str, known: impl Fn(&str) -> bool) -> Option<&str> {
    let mut name = name;
    loop {
        if known(name) {
            return Some(name);
        }
        name = name.rsplit_once('-')?.0;
    }
}

impl Interpolated {
    /// The text for these facts; a fact that is unknown reads `unknown`.
    pub(super) fn text(&self, scope: &Scope<'_>) -> String {
        self.join(scope, || Some(Cow::Borrowed("unknown"))).unwrap_or_default()
    }

    /// The text for these facts, or `None` where one of them is unknown.
    pub(super) fn known(&self, scope: &Scope<'_>) -> Option<String> {
        self.join(scope, || None)
    }

    fn join(&self, scope: &Scope<'_>, unknown: impl Fn() -> Option<Cow<'static, str>>) -> Option<String> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Fact(expr) => match expr.evaluate(scope) {
                    Some(value) => text.push_str(&value.to_string()),
                    None => text.push_str(&unknown()?),
                },
            }
        }
        Some(text)
    }
}

impl std::fmt::Display for Val<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bool(value) => write!(out, "{value}"),
            Self::Int(value) => write!(out, "{value}"),
            Self::Double(value) => write!(out, "{value}"),
            Self::Text(value) => out.write_str(value),
            Self::Duration(value) => write!(out, "{value:#}"),
            Self::Time(value) => write!(out, "{value}"),
            Self::Texts(list) => write!(out, "[{}]", list.join(", ")),
            Self::Entities(list) => {
                let texts: Vec<String> = list.iter().map(|one| format!("{} {}", one.kind, one.text)).collect();
                write!(out, "[{}]", texts.join(", "))
            }
            Self::Entity(one) => write!(out, "{} {}", one.kind, one.text),
            Self::Map(map) => {
                let entries: Vec<String> = map.iter().map(|(key, value)| format!("{key}: {value}")).collect();
                write!(out, "{{{}}}", entries.join(", "))
            }
        }
    }
}
