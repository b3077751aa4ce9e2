//! Everything that a rule can see of one message. Plain values, stored as JSON with every decision, so that the
//! same decision can be made again.
//!
//! **What is unknown never makes a rule match.** A field that may be unknown is an `Option`; a condition whose
//! result depends on an unknown field does not hold, whichever way it is written (`==`, `!=`, `<`, `!(…)`), and
//! `has(field)` asks whether it is known. That is CEL's own rule for absent fields: `unknown && false` is false,
//! `unknown || true` is true, everything else that touches it is unknown.

use std::{collections::BTreeMap, sync::Arc};

use contract::{Content, Inbound, Timestamp};
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rule::{SlaClock, Trigger};
use crate::understand::{Entity, Mood, SentimentLabel, Signals};

/// What is left out where values are written down.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What a rule set decides on. Durations are seconds in JSON.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Facts {
    /// Why rules run. A message to an agent's conversation is [`Trigger::Message`] here.
    #[serde(skip_serializing_if = "is_default")]
    pub on: Trigger,
    /// For how long what brought them about has lasted, in seconds, as the rules say it; 0 where nothing was waited for.
    #[serde(skip_serializing_if = "is_default")]
    pub after: u64,
    /// The message and what the classifier says of it.
    #[serde(skip_serializing_if = "is_default")]
    pub message: MessageFacts,
    /// The conversation before this message.
    #[serde(skip_serializing_if = "is_default")]
    pub conversation: ConversationFacts,
    /// Who wrote it.
    #[serde(skip_serializing_if = "is_default")]
    pub customer: CustomerFacts,
    /// The queues by name. A queue that is missing here is unknown.
    #[serde(skip_serializing_if = "is_default")]
    pub queues: Arc<BTreeMap<String, QueueFacts>>,
    /// The moment of the decision.
    #[serde(skip_serializing_if = "is_default")]
    pub now: Now,
}

/// The message and what the classifier says of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MessageFacts {
    /// What was written.
    ///
    /// Take it out before the facts are stored where the text is stored anyway.
    #[serde(skip_serializing_if = "is_default")]
    pub text: String,
    /// The subject line, where the platform has one.
    #[serde(skip_serializing_if = "is_default")]
    pub subject: Option<String>,
    /// The name of the configured channel.
    #[serde(skip_serializing_if = "is_default")]
    pub channel: String,
    /// The kind of channel: `webchat`, `email`, …
    #[serde(skip_serializing_if = "is_default")]
    pub kind: String,
    /// A BCP-47 tag: `en`, `zh-Hans`, …
    #[serde(skip_serializing_if = "is_default")]
    pub language: Option<String>,
    /// The tone.
    #[serde(skip_serializing_if = "is_default")]
    pub sentiment: SentimentFacts,
    /// How soon an answer is needed, 0 to 1.
    #[serde(skip_serializing_if = "is_default")]
    pub urgency: Option<f64>,
    /// What the customer wants.
    #[serde(skip_serializing_if = "is_default")]
    pub intent: IntentFacts,
    /// What it is about, by the names of the business.
    #[serde(skip_serializing_if = "is_default")]
    pub topics: Vec<String>,
    /// Whether a problem is reported, 0 to 1.
    #[serde(skip_serializing_if = "is_default")]
    pub complaint: Option<f64>,
    /// Whether the customer threatens to leave, 0 to 1.
    #[serde(skip_serializing_if = "is_default")]
    pub churn_risk: Option<f64>,
    /// Whether the customer asks for a person, 0 to 1.
    #[serde(skip_serializing_if = "is_default")]
    pub wants_human: Option<f64>,
    /// Whether the customer is grateful, 0 to 1.
    #[serde(skip_serializing_if = "is_default")]
    pub thanks: Option<f64>,
    /// Whether it is advertising, 0 to 1.
    #[serde(skip_serializing_if = "is_default")]
    pub spam: Option<f64>,
    /// Whether a machine surely wrote it: a bounce, an auto-reply.
    #[serde(skip_serializing_if = "is_default")]
    pub automatic: bool,
    /// The media types of its files: `image/png`.
    #[serde(skip_serializing_if = "is_default")]
    pub attachments: Vec<String>,
    /// What is named in it: order numbers, email addresses, …
    #[serde(skip_serializing_if = "is_default")]
    #[schemars(with = "Vec<String>")]
    pub entities: Vec<Entity>,
    /// What the customer did: `message`, `postback`, `reaction`, `edit`, `delete`.
    #[serde(skip_serializing_if = "is_message")]
    pub event: String,
}

fn is_message(event: &String) -> bool {
    event == "message" || event.is_empty()
}

/// The tone of a message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SentimentFacts {
    /// In five steps.
    #[serde(skip_serializing_if = "is_default")]
    #[schemars(with = "String")]
    pub label: Option<SentimentLabel>,
    /// −1 (furious) to 1 (delighted).
    #[serde(skip_serializing_if = "is_default")]
    pub score: Option<f64>,
    /// How sure the classifier is of the label, 0 to 1.
    #[serde(skip_serializing_if = "is_default")]
    pub confidence: Option<f64>,
}

/// What the customer wants.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IntentFacts {
    /// By the names of the business.
    #[serde(skip_serializing_if = "is_default")]
    pub name: Option<String>,
    /// How sure the classifier is of it, 0 to 1.
    #[serde(skip_serializing_if = "is_default")]
    pub confidence: Option<f64>,
}

/// Who speaks for the company.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// The bot.
    #[default]
    Bot,
    /// Nobody yet: it waits for a person.
    Queue,
    /// A person.
    Agent,
    /// Nobody any more.
    Closed,
}

impl Owner {
    /// The word that rules use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bot => "bot",
            Self::Queue => "queue",
            Self::Agent => "agent",
            Self::Closed => "closed",
        }
    }
}

/// How much earlier than its turn a conversation is served; queues give each a credit in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Can wait.
    Low,
    /// In turn.
    #[default]
    Normal,
    /// Before the others.
    High,
    /// Before everything.
    Urgent,
}

impl Priority {
    /// The word that rules use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Urgent => "urgent",
        }
    }
}

/// The conversation as it was before this message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConversationFacts {
    /// Its id.
    #[serde(skip_serializing_if = "is_default")]
    pub id: String,
    /// Who speaks for the company.
    #[serde(skip_serializing_if = "is_default")]
    pub owner: Owner,
    /// The queue that it waits in, or waited in last.
    #[serde(skip_serializing_if = "is_default")]
    pub queue: Option<String>,
    /// What the bot is doing for the customer, by the action's name.
    #[serde(skip_serializing_if = "is_default")]
    pub action: Option<String>,
    /// Its priority. Rules above see and change it.
    #[serde(skip_serializing_if = "is_default")]
    pub priority: Priority,
    /// Its tags. Rules above see and change them.
    #[serde(skip_serializing_if = "is_default")]
    pub tags: Vec<String>,
    /// What rules and programs noted about it. Rules above see and change them.
    #[serde(skip_serializing_if = "is_default")]
    pub attributes: BTreeMap<String, String>,
    /// How many messages the customer wrote in it, this one included.
    #[serde(skip_serializing_if = "is_default")]
    pub messages: i64,
    /// How many replies the bot gave in it.
    #[serde(skip_serializing_if = "is_default")]
    pub bot_turns: i64,
    /// How many times in a row, up to the message before, the bot had no answer.
    #[serde(skip_serializing_if = "is_default")]
    pub bot_misses: i64,
    /// The tone over the whole conversation.
    #[serde(skip_serializing_if = "is_default")]
    pub mood: MoodFacts,
    /// When it began.
    #[serde(skip_serializing_if = "is_default")]
    pub opened_at: Option<Timestamp>,
    /// How long nothing had been said before this message; unknown for the first one.
    #[serde(skip_serializing_if = "is_default", with = "seconds")]
    #[schemars(with = "i64")]
    pub idle: Option<SignedDuration>,
    /// How long it has waited for a person; unknown when it does not wait.
    #[serde(skip_serializing_if = "is_default", with = "seconds")]
    #[schemars(with = "i64")]
    pub waiting: Option<SignedDuration>,
    /// The login of the agent who owned it last.
    #[serde(skip_serializing_if = "is_default")]
    pub previous_agent: Option<String>,
    /// Whether it had been closed before this message.
    #[serde(skip_serializing_if = "is_default")]
    pub reopened: bool,
    /// The customer's language in it, a BCP-47 tag.
    #[serde(skip_serializing_if = "is_default")]
    pub language: Option<String>,
    /// What its queue promised and is due next.
    #[serde(skip_serializing_if = "is_default")]
    pub sla: SlaFacts,
}

/// What a queue promised and is due next; unknown where nothing is promised.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SlaFacts {
    /// What it is.
    #[serde(skip_serializing_if = "is_default")]
    pub clock: Option<SlaClock>,
    /// How long is left; below 0 it is late. JSON: seconds.
    #[serde(skip_serializing_if = "is_default", with = "seconds")]
    #[schemars(with = "i64")]
    pub left: Option<SignedDuration>,
}

/// The tone over a conversation, of the messages whose tone is known.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MoodFacts {
    /// The mean score, −1 to 1.
    #[serde(skip_serializing_if = "is_default")]
    pub average: Option<f64>,
    /// How the score changes from message to message; below 0 it gets worse.
    #[serde(skip_serializing_if = "is_default")]
    pub slope: Option<f64>,
    /// How many messages in a row, this one included, were negative.
    #[serde(skip_serializing_if = "is_default")]
    pub negatives_in_a_row: i64,
}

impl MoodFacts {
    /// The mood after the customer's first `messages` messages. Of one message there is no slope.
    #[must_use]
    pub fn of(mood: Mood, messages: i64) -> Self {
        let tidy = |value: f32| (f64::from(value) * 1e4).round() / 1e4;
        Self {
            average: (messages > 0).then(|| tidy(mood.average)),
            slope: (messages > 1).then(|| tidy(mood.slope)),
            negatives_in_a_row: i64::from(mood.negatives_in_a_row),
        }
    }
}

/// The customer as they were before this message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CustomerFacts {
    /// Their id.
    #[serde(skip_serializing_if = "is_default")]
    pub id: String,
    /// What they call themselves.
    #[serde(skip_serializing_if = "is_default")]
    pub name: Option<String>,
    /// The language that they usually write, a BCP-47 tag.
    #[serde(skip_serializing_if = "is_default")]
    pub language: Option<String>,
    /// Their standing with the business: `gold`.
    #[serde(skip_serializing_if = "is_default")]
    pub tier: Option<String>,
    /// Whether a channel vouches for who they are.
    #[serde(skip_serializing_if = "is_default")]
    pub verified: bool,
    /// What the business knows about them.
    #[serde(skip_serializing_if = "is_default")]
    pub attributes: BTreeMap<String, String>,
    /// The kinds of channels that they have written on.
    #[serde(skip_serializing_if = "is_default")]
    pub channels: Vec<String>,
    /// How many conversations they opened in the last 24 hours, this one included.
    #[serde(skip_serializing_if = "is_default")]
    pub contacts_24h: i64,
    /// How many conversations they opened in the last 7 days, this one included.
    #[serde(skip_serializing_if = "is_default")]
    pub contacts_7d: i64,
    /// How many conversations of theirs are open, this one included.
    #[serde(skip_serializing_if = "is_default")]
    pub open_conversations: i64,
    /// When they first wrote.
    #[serde(skip_serializing_if = "is_default")]
    pub first_seen: Option<Timestamp>,
    /// When they last wrote before this message.
    #[serde(skip_serializing_if = "is_default")]
    pub last_seen: Option<Timestamp>,
    /// The login of the agent who last spoke with them, in any conversation.
    #[serde(skip_serializing_if = "is_default")]
    pub last_agent: Option<String>,
}

/// One queue, now.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct QueueFacts {
    /// How many conversations wait in it.
    #[serde(skip_serializing_if = "is_default")]
    pub waiting: i64,
    /// How long the longest of them has waited; unknown when none waits.
    #[serde(skip_serializing_if = "is_default", with = "seconds")]
    #[schemars(with = "i64")]
    pub longest_wait: Option<SignedDuration>,
    /// How many of its agents are online.
    #[serde(skip_serializing_if = "is_default")]
    pub agents_online: i64,
    /// How many of those have room for one more conversation.
    #[serde(skip_serializing_if = "is_default")]
    pub agents_free: i64,
    /// How long one who joins now is likely to wait.
    #[serde(skip_serializing_if = "is_default", with = "seconds")]
    #[schemars(with = "i64")]
    pub estimated_wait: Option<SignedDuration>,
}

/// The moment of the decision. `now.hour` and `now.weekday` follow from it in the rule set's time zone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Now {
    /// The moment, UTC.
    #[serde(skip_serializing_if = "is_default")]
    pub time: Timestamp,
}

impl MessageFacts {
    /// The message part of the facts: what was written and what the classifier says of it.
    #[must_use]
    pub fn new(inbound: &Inbound, signals: &Signals) -> Self {
        let body = inbound.content.body();
        Self {
            text: inbound.content.text().to_owned(),
            subject: body.and_then(|body| body.subject.clone()),
            channel: inbound.channel.clone(),
            kind: inbound.kind.clone(),
            attachments: body
                .map(|body| body.attachments.iter().map(|file| file.media_type.clone()).collect())
                .unwrap_or_default(),
            event: Content::event(&inbound.content).to_owned(),
            ..Self::from_signals(signals)
        }
    }

    /// The signals alone. A signal below its threshold becomes unknown.
    #[must_use]
    pub fn from_signals(signals: &Signals) -> Self {
        let number = |signal: &crate::understand::Signal<f32>| signal.known().copied().map(tidy);
        let sentiment = &signals.sentiment;
        let intent = signals.intent.as_ref().filter(|intent| intent.known);
        Self {
            language: signals.language.known().filter(|language| *language != "und").cloned(),
            sentiment: SentimentFacts {
                label: sentiment.label.known().copied(),
                score: sentiment.label.known.then(|| tidy(sentiment.score)),
                confidence: sentiment.label.known.then(|| tidy(sentiment.label.confidence)),
            },
            urgency: number(&signals.urgency),
            intent: IntentFacts {
                name: intent.map(|intent| intent.value.clone()),
                confidence: intent.map(|intent| tidy(intent.confidence)),
            },
            topics: signals.topics.clone(),
            complaint: number(&signals.complaint),
            churn_risk: number(&signals.churn_risk),
            wants_human: number(&signals.wants_human),
            thanks: number(&signals.thanks),
            spam: number(&signals.spam),
            automatic: signals.automatic,
            entities: signals.entities.clone(),
            event: "message".to_owned(),
            ..Self::default()
        }
    }
}

/// A confidence as a person writes it: 0.7, and not the 0.699999988 that a 32-bit float widens to.
fn tidy(value: f32) -> f64 {
    (f64::from(value) * 1e6).round() / 1e6
}

/// Durations as whole seconds; `5m` and the like are read too.
mod seconds {
    use jiff::SignedDuration;
    use serde::{Deserialize, Deserializer, Serializer, de};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Seconds(i64),
        Friendly(String),
    }

    pub(super) fn serialize<S: Serializer>(value: &Option<SignedDuration>, out: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(duration) => out.serialize_i64(duration.as_secs()),
            None => out.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SignedDuration>, D::Error> {
        Ok(match Option::<Written>::deserialize(from)? {
            None => None,
            Some(Written::Seconds(seconds)) => Some(SignedDuration::from_secs(seconds)),
            Some(Written::Friendly(text)) => Some(text.parse().map_err(de::Error::custom)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::understand::Signal;

    #[test]
    fn a_signal_below_its_threshold_is_unknown_and_a_known_one_reads_as_written() {
        let signals = Signals {
            urgency: Signal { value: 0.7, confidence: 0.9, known: true, terms: vec![] },
            complaint: Signal { value: 0.9, confidence: 0.2, known: false, terms: vec![] },
            language: Signal { value: "und".into(), confidence: 1.0, known: true, terms: vec![] },
            ..Signals::default()
        };
        let facts = MessageFacts::from_signals(&signals);
        assert_eq!(facts.urgency, Some(0.7));
        assert_eq!((facts.complaint, facts.language, facts.sentiment.label), (None, None, None));
    }

    #[test]
    fn facts_are_stored_compactly_and_come_back() {
        assert_eq!(serde_json::to_string(&Facts::default()).unwrap(), "{}");
        let facts = Facts {
            conversation: ConversationFacts {
                idle: Some(SignedDuration::from_secs(300)),
                tags: vec!["vip".into()],
                ..Default::default()
            },
            queues: Arc::new([("care".to_owned(), QueueFacts { waiting: 3, ..Default::default() })].into()),
            ..Facts::default()
        };
        let json = serde_json::to_string(&facts).unwrap();
        assert_eq!(json, r#"{"conversation":{"tags":["vip"],"idle":300},"queues":{"care":{"waiting":3}}}"#);
        assert_eq!(serde_json::from_str::<Facts>(&json).unwrap(), facts);
    }
}
