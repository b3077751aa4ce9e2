//! What a condition can read: one table, which the checker, the evaluator, the explanation and the documentation share.

use super::{Scope, Ty, Val};
use crate::routing::facts::QueueFacts;

/// One field of the facts.
#[derive(Debug)]
pub(in crate::routing) struct Field {
    /// As rules write it.
    pub path: &'static str,
    pub ty: Ty,
    /// `None` is unknown.
    pub get: for<'s> fn(&'s Scope<'_>) -> Option<Val<'s>>,
    /// Whether rules can change it while they run, so that it cannot be looked up beforehand.
    pub changes: bool,
}

/// One field of a queue.
#[derive(Debug)]
pub(in crate::routing) struct QueueField {
    pub name: &'static str,
    pub ty: Ty,
    pub get: fn(&QueueFacts) -> Option<Val<'static>>,
}

const SENTIMENTS: &[&str] = &["very_negative", "negative", "neutral", "positive", "very_positive"];
const EVENTS: &[&str] = &["message", "postback", "reaction", "edit", "delete"];
const OWNERS: &[&str] = &["bot", "queue", "agent", "closed"];
const CLOCKS: &[&str] = &["first_reply", "next_reply", "resolution"];
const PRIORITIES: &[&str] = &["low", "normal", "high", "urgent"];
/// The days of the week, from Monday.
pub(in crate::routing) const WEEKDAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

macro_rules! fields {
    ($($path:literal $ty:expr, $scope:ident => $get:expr $(, $changes:ident)?;)*) => {
        &[$(Field { path: $path, ty: $ty, get: |$scope| $get, changes: fields!(@ $($changes)?) }),*]
    };
    (@ changes) => { true };
    (@) => { false };
}

fn text(text: &str) -> Option<Val<'_>> {
    Some(Val::text(text))
}

fn maybe(text: Option<&String>) -> Option<Val<'_>> {
    text.map(|text| Val::text(text))
}

/// Every field but the queues'.
pub(in crate::routing) static FIELDS: &[Field] = fields![
    "message.text" Ty::Text, s => text(&s.facts.message.text);
    "message.subject" Ty::Text, s => maybe(s.facts.message.subject.as_ref());
    "message.channel" Ty::Text, s => text(&s.facts.message.channel);
    "message.kind" Ty::Text, s => text(&s.facts.message.kind);
    "message.language" Ty::Text, s => maybe(s.facts.message.language.as_ref());
    "message.sentiment.label" Ty::Word(SENTIMENTS), s =>
        s.facts.message.sentiment.label.map(|label| Val::text(label.as_str()));
    "message.sentiment.score" Ty::Double, s => s.facts.message.sentiment.score.map(Val::Double);
    "message.sentiment.confidence" Ty::Double, s => s.facts.message.sentiment.confidence.map(Val::Double);
    "message.urgency" Ty::Double, s => s.facts.message.urgency.map(Val::Double);
    "message.intent.name" Ty::Text, s => maybe(s.facts.message.intent.name.as_ref());
    "message.intent.confidence" Ty::Double, s => s.facts.message.intent.confidence.map(Val::Double);
    "message.topics" Ty::Texts, s => Some(Val::Texts(&s.facts.message.topics));
    "message.complaint" Ty::Double, s => s.facts.message.complaint.map(Val::Double);
    "message.churn_risk" Ty::Double, s => s.facts.message.churn_risk.map(Val::Double);
    "message.wants_human" Ty::Double, s => s.facts.message.wants_human.map(Val::Double);
    "message.thanks" Ty::Double, s => s.facts.message.thanks.map(Val::Double);
    "message.spam" Ty::Double, s => s.facts.message.spam.map(Val::Double);
    "message.automatic" Ty::Bool, s => Some(Val::Bool(s.facts.message.automatic));
    "message.attachments" Ty::Texts, s => Some(Val::Texts(&s.facts.message.attachments));
    "message.entities" Ty::Entities, s => Some(Val::Entities(&s.facts.message.entities));
    "message.event" Ty::Word(EVENTS), s =>
        text(if s.facts.message.event.is_empty() { "message" } else { &s.facts.message.event });
    "conversation.id" Ty::Text, s => text(&s.facts.conversation.id);
    "conversation.owner" Ty::Word(OWNERS), s => text(s.facts.conversation.owner.as_str());
    "conversation.queue" Ty::Text, s => maybe(s.facts.conversation.queue.as_ref());
    "conversation.action" Ty::Text, s => maybe(s.facts.conversation.action.as_ref());
    "conversation.priority" Ty::Word(PRIORITIES), s => text(s.priority.as_str()), changes;
    "conversation.tags" Ty::Texts, s => Some(Val::Texts(&s.tags)), changes;
    "conversation.attributes" Ty::Map, s => Some(Val::Map(&s.attributes)), changes;
    "conversation.messages" Ty::Int, s => Some(Val::Int(s.facts.conversation.messages));
    "conversation.bot_turns" Ty::Int, s => Some(Val::Int(s.facts.conversation.bot_turns));
    "conversation.bot_misses" Ty::Int, s => Some(Val::Int(s.facts.conversation.bot_misses));
    "conversation.mood.average" Ty::Double, s => s.facts.conversation.mood.average.map(Val::Double);
    "conversation.mood.slope" Ty::Double, s => s.facts.conversation.mood.slope.map(Val::Double);
    "conversation.mood.negatives_in_a_row" Ty::Int, s =>
        Some(Val::Int(s.facts.conversation.mood.negatives_in_a_row));
    "conversation.opened_at" Ty::Time, s => s.facts.conversation.opened_at.map(Val::Time);
    "conversation.idle" Ty::Duration, s => s.facts.conversation.idle.map(Val::Duration);
    "conversation.waiting" Ty::Duration, s => s.facts.conversation.waiting.map(Val::Duration);
    "conversation.previous_agent" Ty::Text, s => maybe(s.facts.conversation.previous_agent.as_ref());
    "conversation.reopened" Ty::Bool, s => Some(Val::Bool(s.facts.conversation.reopened));
    "conversation.language" Ty::Text, s => maybe(s.facts.conversation.language.as_ref());
    "conversation.sla.clock" Ty::Word(CLOCKS), s =>
        s.facts.conversation.sla.clock.map(|clock| Val::text(clock.as_str()));
    "conversation.sla.left" Ty::Duration, s => s.facts.conversation.sla.left.map(Val::Duration);
    "customer.id" Ty::Text, s => text(&s.facts.customer.id);
    "customer.name" Ty::Text, s => maybe(s.facts.customer.name.as_ref());
    "customer.language" Ty::Text, s => maybe(s.facts.customer.language.as_ref());
    "customer.tier" Ty::Text, s => maybe(s.facts.customer.tier.as_ref());
    "customer.verified" Ty::Bool, s => Some(Val::Bool(s.facts.customer.verified));
    "customer.attributes" Ty::Map, s => Some(Val::Map(&s.facts.customer.attributes));
    "customer.channels" Ty::Texts, s => Some(Val::Texts(&s.facts.customer.channels));
    "customer.contacts_24h" Ty::Int, s => Some(Val::Int(s.facts.customer.contacts_24h));
    "customer.contacts_7d" Ty::Int, s => Some(Val::Int(s.facts.customer.contacts_7d));
    "customer.open_conversations" Ty::Int, s => Some(Val::Int(s.facts.customer.open_conversations));
    "customer.first_seen" Ty::Time, s => s.facts.customer.first_seen.map(Val::Time);
    "customer.last_seen" Ty::Time, s => s.facts.customer.last_seen.map(Val::Time);
    "customer.last_agent" Ty::Text, s => maybe(s.facts.customer.last_agent.as_ref());
    "now.time" Ty::Time, s => Some(Val::Time(s.facts.now.time));
    "now.hour" Ty::Int, s => Some(Val::Int(i64::from(s.local_now().hour())));
    "now.weekday" Ty::Word(&WEEKDAYS), s => text(
        WEEKDAYS[usize::from(s.local_now().weekday().to_monday_zero_offset().unsigned_abs()) % 7]);
];

/// Every field of `queues.<name>`.
pub(in crate::routing) static QUEUE_FIELDS: &[QueueField] = &[
    QueueField { name: "waiting", ty: Ty::Int, get: |q| Some(Val::Int(q.waiting)) },
    QueueField { name: "longest_wait", ty: Ty::Duration, get: |q| q.longest_wait.map(Val::Duration) },
    QueueField { name: "agents_online", ty: Ty::Int, get: |q| Some(Val::Int(q.agents_online)) },
    QueueField { name: "agents_free", ty: Ty::Int, get: |q| Some(Val::Int(q.agents_free)) },
    QueueField { name: "estimated_wait", ty: Ty::Duration, get: |q| q.estimated_wait.map(Val::Duration) },
];

/// The field of this path.
pub(in crate::routing) fn field(path: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.path == path)
}
