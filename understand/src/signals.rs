//! What the classifier says of one message. Plain values: stored with the decision, shown in the console.

use serde::{Deserialize, Serialize};

/// One statement about a message, with how sure the classifier is of it.
///
/// `value` is always the most likely one. Rules see it only when `known`; otherwise they see `unknown`, never a
/// neutral stand-in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signal<T> {
    /// The most likely value.
    pub value: T,
    /// How likely it is, 0 to 1.
    pub confidence: f32,
    /// Whether `confidence` passed the threshold of this signal.
    pub known: bool,
    /// The words and marks that weighed most, strongest first; at most five.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub terms: Vec<String>,
}

impl<T> Signal<T> {
    /// The value, unless the classifier is not sure enough.
    pub fn known(&self) -> Option<&T> {
        self.known.then_some(&self.value)
    }
}

impl<T: Default> Signal<T> {
    /// Nothing is known.
    #[must_use]
    pub fn unknown() -> Self {
        Self { value: T::default(), confidence: 0.0, known: false, terms: Vec::new() }
    }
}

impl<T: Default> Default for Signal<T> {
    fn default() -> Self {
        Self::unknown()
    }
}

/// The tone of a message in five steps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SentimentLabel {
    /// Furious, insulting, despairing.
    VeryNegative,
    /// Annoyed, disappointed, worried.
    Negative,
    /// A plain question or statement.
    #[default]
    Neutral,
    /// Friendly, satisfied.
    Positive,
    /// Delighted.
    VeryPositive,
}

impl SentimentLabel {
    /// The word that rules and the console use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::VeryNegative => "very_negative",
            Self::Negative => "negative",
            Self::Neutral => "neutral",
            Self::Positive => "positive",
            Self::VeryPositive => "very_positive",
        }
    }
}

/// The tone of a message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sentiment {
    /// The label, with its confidence and terms.
    #[serde(flatten)]
    pub label: Signal<SentimentLabel>,
    /// −1 (furious) to 1 (delighted).
    pub score: f32,
}

/// Something named in a message: an order number, an email address, a phone number, …
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entity {
    /// What it is: `order`, `tracking`, `email`, `phone`, `money`, `date`, `url`, or a kind of the business's own.
    pub kind: String,
    /// The text itself, as it stands in the message.
    pub text: String,
}

/// Everything that the classifier says of one message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Signals {
    /// The language as a BCP-47 tag: `en`, `zh-Hans`, `zh-Hant`, …; `und` when it cannot be told.
    pub language: Signal<String>,
    /// The tone.
    pub sentiment: Sentiment,
    /// How soon the customer needs an answer, 0 to 1.
    pub urgency: Signal<f32>,
    /// Whether a problem is reported, however politely, 0 to 1.
    pub complaint: Signal<f32>,
    /// Whether the customer threatens to leave or to go to court, 0 to 1.
    pub churn_risk: Signal<f32>,
    /// Whether the customer asks for a person, 0 to 1.
    pub wants_human: Signal<f32>,
    /// Whether the customer is grateful, 0 to 1.
    #[serde(default)]
    pub thanks: Signal<f32>,
    /// Whether it is advertising, 0 to 1.
    #[serde(default)]
    pub spam: Signal<f32>,
    /// What the customer wants, by the names of the business; `None` where no intents are configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<Signal<String>>,
    /// What it is about, by the names of the business.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<String>,
    /// Whether a machine wrote it: a bounce, an auto-reply.
    #[serde(default)]
    pub automatic: bool,
    /// What is named in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entities: Vec<Entity>,
    /// The classifier's name and version: with it and the text, the same signals come out again. Behind ` + `, who else said
    /// something.
    pub model: String,
}

impl Signals {
    /// What is judged from 0 to 1, by name, in the order of [`Wish::ALL`](crate::model::Wish::ALL).
    #[must_use]
    pub fn wishes(&self) -> [(&'static str, &Signal<f32>); 6] {
        [
            ("urgency", &self.urgency),
            ("complaint", &self.complaint),
            ("churn_risk", &self.churn_risk),
            ("wants_human", &self.wants_human),
            ("thanks", &self.thanks),
            ("spam", &self.spam),
        ]
    }

    /// The same, to be changed.
    #[must_use]
    pub fn wishes_mut(&mut self) -> [&mut Signal<f32>; 6] {
        [
            &mut self.urgency,
            &mut self.complaint,
            &mut self.churn_risk,
            &mut self.wants_human,
            &mut self.thanks,
            &mut self.spam,
        ]
    }
}
