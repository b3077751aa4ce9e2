//! Why a message was handled as it was: its decision, made again from the facts and the rule set that are kept, with
//! every value on the way.

use std::{fmt, sync::Arc};

use contract::{ConversationId, EntryId, Inbound, MessageId, Timestamp};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    models::Account,
    past::{self, RuleSets},
    routing::{self, TracedRule},
    store::{
        FullEntry, StoreError,
        entry::{DecisionRecord, Event, What},
    },
    understand::Signals,
};

/// How many entries of a conversation are read at once.
const ENTRIES_AT_ONCE: usize = 200;

/// Why a message was handled as it was.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Explanation {
    /// The message.
    #[schema(value_type = String)]
    pub message: MessageId,
    /// Its conversation.
    #[schema(value_type = String)]
    pub conversation: ConversationId,
    /// When it was decided.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// What was written.
    pub text: String,
    /// The hash of the rule set that decided.
    pub rule_set: String,
    /// The rule that decided, or else the last that acted; empty where none did.
    pub rule: String,
    /// Where it led, in a few words; empty where nothing was decided.
    pub destination: String,
    /// The action that was under way and heard the message, so that the destination was not carried out; absent where none did.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub heard: String,
    /// What came of it, in one sentence.
    pub outcome: String,
    /// What was understood of it.
    #[schema(value_type = Object)]
    pub signals: Signals,
    /// The rules reached, in order.
    #[schema(value_type = Vec<Object>)]
    pub rules: Vec<TracedRule>,
    /// How many rules stood below the one that decided.
    pub not_reached: usize,
    /// Everything that the rules saw.
    #[schema(value_type = Object)]
    pub facts: Value,
    /// What a model made of it, where one was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub model: Option<Account>,
}

/// The explanation of a decision: on a message at its turn, or on what it meant later, each by its entry. `None` when there
/// is no such entry, or nothing was decided in it.
///
/// # Errors
/// The record cannot be read, or the kept rule set is damaged.
pub async fn explain_entry(sets: &mut RuleSets, id: EntryId) -> Result<Option<Explanation>, StoreError> {
    match sets.store().entry(id).await? {
        Some(full) => explain(sets, full).await,
        None => Ok(None),
    }
}

/// The last decisions in a conversation, at most so many, each explained; the oldest first.
///
/// # Errors
/// The record cannot be read.
pub async fn explain_conversation(
    sets: &mut RuleSets,
    id: ConversationId,
    most: usize,
) -> Result<Vec<Explanation>, StoreError> {
    let (mut explanations, mut before) = (Vec::new(), None);
    'pages: loop {
        let page = sets.store().entries(id, before, ENTRIES_AT_ONCE, false).await?;
        before = page.items.first().map(|full| full.entry.id);
        for full in page.items.into_iter().rev() {
            explanations.extend(explain(sets, full).await?.filter(|explanation| !explanation.rule_set.is_empty()));
            if explanations.len() == most {
                break 'pages;
            }
        }
        if !page.more {
            break;
        }
    }
    explanations.reverse();
    Ok(explanations)
}

async fn explain(sets: &mut RuleSets, full: FullEntry) -> Result<Option<Explanation>, StoreError> {
    let id = full.entry.id;
    let (message, record, inbound) = match full.entry.what {
        What::Message(record) => (MessageId::from(id.get()), record, full.inbound),
        What::Refined { of, record } | What::Fired { of, record, .. } => {
            (of, record, sets.store().entry(of.into()).await?.and_then(|first| first.inbound))
        }
        What::Reply { .. } | What::Note { .. } | What::Event { .. } => return Ok(None),
    };
    let inbound = inbound.as_deref();
    let text = inbound.map(|inbound| inbound.content.text().to_owned()).unwrap_or_default();
    let mut explanation = Explanation {
        message,
        conversation: full.conversation,
        at: full.entry.at,
        text,
        rule_set: String::new(),
        rule: String::new(),
        destination: String::new(),
        heard: String::new(),
        outcome: "No rule looked at it; it was noted in the conversation.".to_owned(),
        signals: Arc::unwrap_or_clone(record.signals),
        rules: Vec::new(),
        not_reached: 0,
        facts: Value::Null,
        model: None,
    };
    if let Some(decision) = record.decision {
        explain_decision(sets, &decision, inbound, &mut explanation).await?;
        if decision.destination == "answer" {
            explanation.model = thought_of(sets, full.conversation, message).await?;
        }
    }
    Ok(Some(explanation))
}

/// What a model made of a message, if that was not long ago.
async fn thought_of(
    sets: &RuleSets,
    conversation: ConversationId,
    message: MessageId,
) -> Result<Option<Account>, StoreError> {
    let page = sets.store().entries(conversation, None, ENTRIES_AT_ONCE, false).await?;
    let of = message.to_string();
    Ok(page.items.into_iter().rev().find_map(|full| match full.entry.what {
        What::Event { event: Event::ModelThought(account) } if account.of == of => Some(account),
        _ => None,
    }))
}

async fn explain_decision(
    sets: &mut RuleSets,
    decision: &DecisionRecord,
    inbound: Option<&Inbound>,
    explanation: &mut Explanation,
) -> Result<(), StoreError> {
    let facts = past::facts(decision, inbound, &explanation.signals)?;
    explanation.rule_set.clone_from(&decision.rule_set);
    explanation.rule.clone_from(&decision.rule);
    explanation.destination.clone_from(&decision.destination);
    explanation.heard.clone_from(&decision.heard);
    explanation.facts = serde_json::to_value(&facts).unwrap_or_default();
    let DecisionRecord { rule, destination, heard, .. } = decision;
    let heard = (!heard.is_empty()).then(|| {
        format!(
            "The action “{heard}” was under way and heard this; the rules would have led to: {destination}, by rule “{rule}”."
        )
    });
    let Some(rules) = sets.get(&decision.rule_set).await? else {
        let decided = heard.unwrap_or_else(|| format!("Decided by rule “{rule}”: {destination}."));
        explanation.outcome = format!("{decided} The rule set itself is not kept, or this version cannot load it.");
        return Ok(());
    };
    let trace = routing::explain(&rules, &facts);
    explanation.outcome = heard.unwrap_or_else(|| format!("{} Outcome: {destination}.", trace.outcome));
    explanation.rules = trace.rules;
    explanation.not_reached = trace.not_reached;
    Ok(())
}

impl fmt::Display for Explanation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{} in {}, {}", self.message, self.conversation, self.at.strftime("%F %T UTC"))?;
        writeln!(out, "“{}”\n", self.text)?;
        writeln!(out, "{}\n", self.outcome)?;
        write_signals(&self.signals, out)?;
        if let Some(account) = &self.model {
            writeln!(out, "\nModel {}: {account}", account.model)?;
        }
        if self.rules.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "\nRules, in the order in which they were tried (set {}):",
            self.rule_set.get(..12).unwrap_or_default()
        )?;
        for rule in &self.rules {
            let mark = if rule.matched { "✓" } else { "·" };
            writeln!(out, "  {mark} {}  ({}:{})", rule.name, rule.file, rule.line)?;
            if let Some(when) = &rule.when {
                writeln!(out, "      when {when}")?;
            }
            for value in &rule.values {
                writeln!(out, "        {} = {}", value.expression, value.value)?;
            }
            for action in &rule.actions {
                writeln!(out, "      → {action}")?;
            }
        }
        if self.not_reached > 0 {
            writeln!(out, "  {} further rules were not reached.", self.not_reached)?;
        }
        Ok(())
    }
}

fn write_signals(signals: &Signals, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut line = |name: &str, value: String, confidence: f32, known: bool, terms: &[String]| {
        let terms = if terms.is_empty() { String::new() } else { format!("  by {}", terms.join(", ")) };
        let known = if known { "" } else { " (below its threshold, so unknown to rules)" };
        writeln!(out, "  {name:<12} {value} at {confidence:.2}{known}{terms}")
    };
    let s = &signals.sentiment;
    line("language", signals.language.value.clone(), signals.language.confidence, signals.language.known, &[])?;
    line(
        "sentiment",
        format!("{} {:+.2}", s.label.value.as_str(), s.score),
        s.label.confidence,
        s.label.known,
        &s.label.terms,
    )?;
    for (name, signal) in [
        ("wants_human", &signals.wants_human),
        ("urgency", &signals.urgency),
        ("complaint", &signals.complaint),
        ("churn_risk", &signals.churn_risk),
        ("thanks", &signals.thanks),
        ("spam", &signals.spam),
    ] {
        line(name, format!("{:.2}", signal.value), signal.confidence, signal.known, &signal.terms)?;
    }
    writeln!(out, "  understood by {}", signals.model)
}
