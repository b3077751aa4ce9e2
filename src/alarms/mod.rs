//! Alarms: what time alone brings about in a conversation. Nobody writes, and still something is due: a rule that waits,
//! a step of an escalation, the first word that an agent owes.
//!
//! What is due next follows from the conversation and the rules in force ([`next_due`], pure), so a restart forgets
//! nothing: alarms are set again from the record. What an alarm did is written down with the conversation, so that it
//! happens once for each spell and threshold. [`AlarmClock`] is the task that waits.

mod clock;
#[cfg(test)]
mod tests;

pub use clock::{AlarmClock, AlarmHandle, AlarmMailbox};

use std::time::Duration;

use contract::Timestamp;

use crate::{
    actions::{Dialogue, Planned, Step},
    desk::later,
    models::Asked,
    routing::{RuleSet, Trigger},
    sla::promises,
    store::conversation::{Conversation, Owner, Spell},
};

/// Something that time brings about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// An agent took the conversation and has not said a word: it goes back to its queue.
    NoReply,
    /// The next step of the handoff's escalation.
    Escalate,
    /// Rules that wait for this moment run.
    Rules(RuleAlarm),
    /// A model was asked and nobody has heard of it since: whoever asked it is gone.
    Thinking,
    /// A business system was called and nobody has heard of it since: whoever called it is gone.
    Call,
    /// The bot begins what was planned.
    Planned,
    /// A call that an agent has made, of which nobody has heard since.
    AgentCall,
}

/// Rules that wait for a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleAlarm {
    /// Which rules.
    pub on: Trigger,
    /// Which of them, in seconds.
    pub after: u64,
    /// What is counted.
    pub spell: Spell,
    /// From when.
    pub since: Timestamp,
}

/// An alarm and its moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// When.
    pub at: Timestamp,
    /// What.
    pub alarm: Alarm,
}

/// What is due next in a conversation, the earliest first, past moments included. Rules that have acted are not due, nor
/// are those that were looked at already, up to `checked`.
#[must_use]
pub fn next_due(conversation: &Conversation, rules: &RuleSet, checked: Option<Due>) -> Option<Due> {
    all_due(conversation, rules, checked).min()
}

/// Whether a commit makes something due that was not, and that before whoever waits for the conversation looks at it
/// anyway: at the next moment after `now` that was due before the commit.
#[must_use]
pub fn is_due_sooner(before: Option<&Conversation>, after: &Conversation, rules: &RuleSet, now: Timestamp) -> bool {
    let known: Vec<Due> = before.into_iter().flat_map(|before| all_due(before, rules, None)).collect();
    let Some(new) = all_due(after, rules, None).filter(|due| !known.contains(due)).min() else { return false };
    known.iter().filter(|due| due.at > now).min().is_none_or(|next| new.at < next.at)
}

/// Whether an alarm stands: the conversation may have moved on since it was set.
#[must_use]
pub fn stands(conversation: &Conversation, rules: &RuleSet, due: Due) -> bool {
    match due.alarm {
        Alarm::NoReply => no_reply(conversation, rules) == Some(due),
        Alarm::Escalate => escalation(conversation) == Some(due),
        Alarm::Rules(_) => rule_alarms(conversation, rules, None).any(|now| now == due),
        Alarm::Call => call(conversation, rules) == Some(due),
        Alarm::Planned => planned(conversation).map(|(due, _)| due) == Some(due),
        Alarm::Thinking => thinking(conversation) == Some(due),
        Alarm::AgentCall => agent_call(conversation, rules) == Some(due),
    }
}

/// Whether the rules say anything that time brings about.
#[must_use]
pub fn watch_time(rules: &RuleSet) -> bool {
    !rules.actions().actions.is_empty()
        || !rules.personas().personas.is_empty()
        || Trigger::ALL.iter().any(|on| on.is_timed() && !rules.thresholds(*on).is_empty())
}

fn all_due<'a>(
    conversation: &'a Conversation,
    rules: &'a RuleSet,
    checked: Option<Due>,
) -> impl Iterator<Item = Due> + 'a {
    let planned = planned(conversation).map(|(due, _)| due).filter(move |due| checked < Some(*due));
    let calls = call(conversation, rules).into_iter().chain(agent_call(conversation, rules));
    let done_alone = no_reply(conversation, rules).into_iter().chain(escalation(conversation));
    let done_alone = done_alone.chain(calls).chain(thinking(conversation)).chain(planned);
    rule_alarms(conversation, rules, checked).chain(done_alone)
}

/// How much longer than a call may take it is waited for what came of it.
const GRACE: Duration = Duration::from_secs(5);

fn call(conversation: &Conversation, rules: &RuleSet) -> Option<Due> {
    call_of(conversation.dialogue.as_ref()?, rules, Alarm::Call)
}

fn agent_call(conversation: &Conversation, rules: &RuleSet) -> Option<Due> {
    call_of(&conversation.agent_act.as_ref()?.dialogue, rules, Alarm::AgentCall)
}

fn call_of(dialogue: &Dialogue, rules: &RuleSet, alarm: Alarm) -> Option<Due> {
    let Step::Calls { since, .. } = dialogue.step else { return None };
    Some(Due { at: later(since, rules.actions().time_of(dialogue) + GRACE), alarm })
}

/// What the bot begins next by itself, and when. It does not interrupt what is under way.
pub(crate) fn planned(conversation: &Conversation) -> Option<(Due, &Planned)> {
    let next = conversation.later.iter().min_by_key(|planned| planned.at)?;
    let at = match conversation.dialogue.as_deref() {
        Some(Dialogue { step: Step::Calls { .. }, .. }) => return None,
        Some(dialogue) => next.at.max(dialogue.until),
        None => next.at,
    };
    Some((Due { at, alarm: Alarm::Planned }, next))
}

fn thinking(conversation: &Conversation) -> Option<Due> {
    let asked = conversation.thinking.as_ref()?;
    let within = Duration::from_millis(asked.within);
    Some(Due { at: later(asked.since, within + GRACE), alarm: Alarm::Thinking })
}

/// Until when a model may be asked once more; then nothing came of it.
#[must_use]
pub fn last_thought(asked: &Asked) -> Timestamp {
    later(asked.since, (Duration::from_millis(asked.within) + GRACE) * 2)
}

fn no_reply(conversation: &Conversation, rules: &RuleSet) -> Option<Due> {
    let handoff = conversation.handoff.as_ref().filter(|_| conversation.owner == Owner::Agent)?;
    let within = rules.queues().get(&handoff.queue)?.first_reply?;
    Some(Due { at: later(handoff.taken_at?, Duration::from_secs(within)), alarm: Alarm::NoReply })
}

fn escalation(conversation: &Conversation) -> Option<Due> {
    let handoff = conversation.handoff.as_ref().filter(|_| conversation.owner == Owner::Queue)?;
    let step = handoff.escalate.get(handoff.escalated)?;
    Some(Due { at: later(handoff.at, Duration::from_secs(step.after)), alarm: Alarm::Escalate })
}

fn rule_alarms<'a>(
    conversation: &'a Conversation,
    rules: &'a RuleSet,
    checked: Option<Due>,
) -> impl Iterator<Item = Due> + 'a {
    let spell = match conversation.owner {
        Owner::Queue => conversation.handoff.as_ref().map(|handoff| (Trigger::Waiting, Spell::Waiting, handoff.at)),
        Owner::Bot | Owner::Agent => conversation.idle_since().map(|since| (Trigger::Idle, Spell::Idle, since)),
        Owner::Closed => conversation.closed_at.map(|since| (Trigger::Closed, Spell::Closed, since)),
    };
    let timed = spell.into_iter().flat_map(|(on, spell, since)| {
        rules
            .thresholds(on)
            .iter()
            .map(move |&after| (later(since, Duration::from_secs(after)), RuleAlarm { on, after, spell, since }))
    });
    let at_risk = (!rules.thresholds(Trigger::SlaRisk).is_empty()).then(|| promises(conversation, rules));
    let at_risk = at_risk.into_iter().flatten().map(|promise| {
        let (spell, since) = (promise.clock.into(), promise.since);
        (promise.at_risk, RuleAlarm { on: Trigger::SlaRisk, after: 0, spell, since })
    });
    timed
        .chain(at_risk)
        .filter(|(_, rule)| !conversation.has_fired(rule.spell, rule.since, rule.after))
        .map(|(at, rule)| Due { at, alarm: Alarm::Rules(rule) })
        .filter(move |due| checked < Some(*due))
}
