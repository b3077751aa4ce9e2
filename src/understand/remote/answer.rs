//! What a remote endpoint says of a message, and what becomes of the signals by it.

use serde::Deserialize;
use understand::{SentimentLabel, Signal, Signals, Thresholds, UNDETERMINED, intents::Intent};

/// How sure an endpoint is taken to be that does not say it.
const UNSAID: f32 = 0.9;

/// What an endpoint says; what it leaves out stays as it is. `answer.schema.json` is its JSON Schema.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Answer {
    language: Option<String>,
    sentiment: Option<Tone>,
    urgency: Option<f32>,
    complaint: Option<f32>,
    churn_risk: Option<f32>,
    wants_human: Option<f32>,
    thanks: Option<f32>,
    spam: Option<f32>,
    intent: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Tone {
    label: SentimentLabel,
    score: Option<f32>,
    confidence: Option<f32>,
}

impl Answer {
    /// The first JSON object of a text: models think aloud before it, and fence it.
    ///
    /// # Errors
    /// What is wrong with it, or that it says nothing of the message.
    pub fn read(text: &str) -> Result<Self, String> {
        let text = text.rsplit_once("</think>").map_or(text, |(_, said)| said);
        let start = text.find('{').ok_or("there is no JSON object in the answer")?;
        let answer = serde_json::Deserializer::from_str(&text[start..]).into_iter::<Self>().next();
        let answer = answer.ok_or("the answer is empty")?.map_err(|error| error.to_string())?;
        answer.checked()
    }

    fn checked(mut self) -> Result<Self, String> {
        // Some write “English”.
        self.language = self.language.filter(|language| is_tag(language));
        if self == Self::default() {
            return Err("it says nothing of the message".to_owned());
        }
        let tone = self.sentiment.as_ref();
        let shares = self.wishes().into_iter().chain([tone.and_then(|tone| tone.confidence)]);
        if let Some(wrong) = shares.flatten().find(|share| !(0.0..=1.0).contains(share)) {
            return Err(format!("{wrong} is not from 0 to 1"));
        }
        if let Some(wrong) = tone.and_then(|tone| tone.score).filter(|score| !(-1.0..=1.0).contains(score)) {
            return Err(format!("the score {wrong} is not from -1 to 1"));
        }
        Ok(self)
    }

    /// In the order of [`Signals::wishes`].
    fn wishes(&self) -> [Option<f32>; 6] {
        [self.urgency, self.complaint, self.churn_risk, self.wants_human, self.thanks, self.spam]
    }

    /// The signals as they are with this answer. What was surer than the answer stays; an intent that the business does not
    /// have is passed over.
    pub fn applied(self, to: &Signals, thresholds: &Thresholds, intents: &[Intent], model: &str) -> Signals {
        let mut signals = Signals { model: format!("{} + {model}", to.model), ..to.clone() };
        for ((said, wish), threshold) in self.wishes().into_iter().zip(signals.wishes_mut()).zip(thresholds.wishes) {
            if let Some(value) = said {
                replace(wish, value, value.max(1.0 - value), threshold);
            }
        }
        if let Some(Tone { label, score, confidence }) = self.sentiment {
            let confidence = confidence.unwrap_or(UNSAID);
            if replace(&mut signals.sentiment.label, label, confidence, thresholds.sentiment) {
                signals.sentiment.score = score.unwrap_or_else(|| usual_score(label));
            }
        }
        if let Some(language) = self.language.filter(|language| language != UNDETERMINED) {
            replace(&mut signals.language, language, UNSAID, thresholds.language);
        }
        if let Some(intent) = intents.iter().find(|intent| Some(&intent.name) == self.intent.as_ref()) {
            let known = signals.intent.get_or_insert_default();
            if replace(known, intent.name.clone(), UNSAID, thresholds.intent) {
                signals.topics.clone_from(&intent.topics);
            }
        }
        signals
    }
}

/// A BCP-47 tag whose language has two or three letters.
fn is_tag(text: &str) -> bool {
    let primary = text.split('-').next().unwrap_or_default();
    let is_part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (2..=3).contains(&primary.len()) && text.len() <= 35 && text.split('-').all(is_part)
}

/// Says something else of a message, unless what was said before is surer. Whether it did.
fn replace<T>(signal: &mut Signal<T>, value: T, confidence: f32, threshold: f32) -> bool {
    let is_surer = confidence > signal.confidence;
    if is_surer {
        *signal = Signal { value, confidence, known: confidence >= threshold, terms: Vec::new() };
    }
    is_surer
}

const fn usual_score(label: SentimentLabel) -> f32 {
    match label {
        SentimentLabel::VeryNegative => -1.0,
        SentimentLabel::Negative => -0.5,
        SentimentLabel::Neutral => 0.0,
        SentimentLabel::Positive => 0.5,
        SentimentLabel::VeryPositive => 1.0,
    }
}

/// Whether the two say different things: another known tone, language or intent, or a wish on the other side of a half.
pub(super) fn differ(one: &Signals, other: &Signals) -> bool {
    let wishes = |signals: &Signals| signals.wishes().map(|(_, wish)| wish.known().map(|value| *value >= 0.5));
    let intent = |signals: &Signals| signals.intent.as_ref().and_then(|intent| intent.known().cloned());
    one.language.known() != other.language.known()
        || one.sentiment.label.known() != other.sentiment.label.known()
        || wishes(one) != wishes(other)
        || intent(one) != intent(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedded(text: &str) -> Signals {
        crate::understand::Settings::default().reader(&[]).read(text)
    }

    fn intents() -> Vec<Intent> {
        let intent = |name: &str| Intent { name: name.into(), topics: vec![format!("{name}s")], examples: vec![] };
        vec![intent("return"), intent("refund")]
    }

    fn applied(json: &str, to: &Signals) -> Signals {
        Answer::read(json).unwrap().applied(to, &Thresholds::default(), &intents(), "judge-1")
    }

    #[test]
    fn an_answer_replaces_what_it_names_and_nothing_else() {
        let mut before = embedded("so");
        before.wishes_mut().into_iter().for_each(|wish| wish.confidence = 0.6);
        let json = r#"{"sentiment": {"label": "very_negative"}, "urgency": 0.9, "spam": 0.39, "language": "en", "intent": "refund"}"#;
        let after = applied(json, &before);
        assert_eq!(after.sentiment.label.known(), Some(&SentimentLabel::VeryNegative));
        assert!((after.sentiment.score + 1.0).abs() < f32::EPSILON);
        assert_eq!((after.urgency.known(), after.spam.known()), (Some(&0.9), Some(&0.39)));
        assert_eq!(after.language.known().map(String::as_str), Some("en"));
        assert_eq!(after.intent.as_ref().and_then(Signal::known).map(String::as_str), Some("refund"));
        assert_eq!(after.topics, ["refunds"]);
        assert_eq!(after.model, format!("{} + judge-1", before.model));
        assert_eq!((&after.complaint, &after.entities), (&before.complaint, &before.entities));
        assert!(differ(&before, &after));
        let same = applied(r#"{"urgency": 0.5}"#, &before);
        assert!(!differ(&before, &same));
        assert_eq!(applied(r#"{"intent": "world domination"}"#, &before).intent, before.intent);
    }

    #[test]
    fn what_was_surer_stays() {
        let before = embedded("This is terrible, I am furious! Worst service ever!");
        let json = r#"{"sentiment": {"label": "neutral", "confidence": 0.6}, "language": "de", "wants_human": 0.4}"#;
        let after = applied(json, &before);
        assert_eq!((&after.sentiment, &after.wants_human), (&before.sentiment, &before.wants_human));
    }

    #[test]
    fn a_language_is_a_tag_or_is_not_heard() {
        for (language, heard) in [("zh-Hant", true), ("en", true), ("English", false), ("<b>", false), ("e", false)] {
            assert_eq!(is_tag(language), heard, "{language}");
        }
    }

    #[test]
    fn models_may_think_aloud_and_fence() {
        for text in [
            r#"{"urgency": 1}"#,
            "```json\n{\"urgency\": 1}\n```",
            "<think>is {it} urgent?</think> {\"urgency\": 1.0, \"mood\": \"new field\"} I hope this helps {}",
        ] {
            assert_eq!(Answer::read(text).unwrap().urgency, Some(1.0), "{text}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (text, reason) in [
            ("", "no JSON object"),
            ("I cannot judge that.", "no JSON object"),
            (r#"{"urgency": 7}"#, "7 is not from 0 to 1"),
            (r#"{"urgency": "high"}"#, "invalid type"),
            (r#"{"sentiment": {"label": "grumpy"}}"#, "unknown variant `grumpy`"),
            (r#"{"sentiment": {"label": "neutral", "score": -3}}"#, "-3 is not from -1 to 1"),
            (r#"{"language": "<script>"}"#, "says nothing"),
            (r#"{"status": "ok"}"#, "says nothing"),
            (r#"{"urgency": 1"#, "EOF"),
        ] {
            let error = Answer::read(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
