//! Signals as the journal keeps them: lists instead of named fields, because every message has them.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::understand::{Entity, Sentiment, SentimentLabel, Signal, Signals};

/// Value, confidence, whether it is known, terms.
type Kept<T> = (T, f32, bool, Vec<String>);

fn kept<T>(signal: &Signal<T>) -> (&T, f32, bool, &[String]) {
    (&signal.value, signal.confidence, signal.known, &signal.terms)
}

fn signal<T>((value, confidence, known, terms): Kept<T>) -> Signal<T> {
    Signal { value, confidence, known, terms }
}

#[derive(Deserialize)]
struct Read {
    l: Kept<String>,
    s: (f32, Kept<SentimentLabel>),
    w: [Kept<f32>; 6],
    #[serde(default)]
    i: Option<Kept<String>>,
    #[serde(default)]
    t: Vec<String>,
    #[serde(default)]
    a: bool,
    #[serde(default)]
    e: Vec<Entity>,
    m: String,
}

#[derive(Serialize)]
struct Written<'s, L: Serialize, S: Serialize, W: Serialize, I: Serialize> {
    l: L,
    s: S,
    w: [W; 6],
    #[serde(skip_serializing_if = "Option::is_none")]
    i: Option<I>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    t: &'s [String],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    a: bool,
    #[serde(skip_serializing_if = "<[Entity]>::is_empty")]
    e: &'s [Entity],
    m: &'s str,
}

pub(super) fn serialize<S: Serializer>(signals: &Signals, out: S) -> Result<S::Ok, S::Error> {
    Written {
        l: kept(&signals.language),
        s: (signals.sentiment.score, kept(&signals.sentiment.label)),
        w: signals.wishes().map(|(_, wish)| kept(wish)),
        i: signals.intent.as_ref().map(kept),
        t: &signals.topics,
        a: signals.automatic,
        e: &signals.entities,
        m: &signals.model,
    }
    .serialize(out)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<Signals>, D::Error> {
    let Read { l, s: (score, label), w, i, t, a, e, m } = Read::deserialize(from)?;
    let [urgency, complaint, churn_risk, wants_human, thanks, spam] = w.map(signal);
    Ok(Arc::new(Signals {
        language: signal(l),
        sentiment: Sentiment { label: signal(label), score },
        urgency,
        complaint,
        churn_risk,
        wants_human,
        thanks,
        spam,
        intent: i.map(signal),
        topics: t,
        automatic: a,
        entities: e,
        model: m,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::entry::TurnRecord;

    #[test]
    fn what_is_kept_is_what_was_said() {
        let reader = crate::understand::Settings::default().reader(&[]);
        for text in ["", "I want a human NOW, order #10423 is broken, thanks for nothing", "太差了，我要投诉，转人工"]
        {
            let mut signals = reader.read(text);
            signals.intent = Some(Signal { value: "return".into(), confidence: 0.5, known: true, terms: vec![] });
            signals.topics = vec!["returns".into()];
            let json =
                serde_json::to_string(&TurnRecord { signals: Arc::new(signals.clone()), decision: None }).unwrap();
            let read: TurnRecord = serde_json::from_str(&json).unwrap();
            assert_eq!(*read.signals, signals, "{json}");
        }
    }
}
