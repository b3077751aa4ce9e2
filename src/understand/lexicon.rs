//! The embedded classifier: English and Chinese word lists (`lexicon/*.txt`), matched in one pass, with the scope of
//! negation, emphasis, contrast and hypothesis. It reads at most 2,000 characters of a message in linear time.

mod lists;

use async_trait::async_trait;

use self::lists::{Head, Hit, Hits, Lists};
use super::{
    Classifier, ClassifyError, Sentiment, SentimentLabel, Signal, Signals, Text, entities,
    folded::{Folded, window},
    language,
};

/// A signal below this confidence is not known.
const THRESHOLD: f32 = 0.5;

/// How fast a sum of weights nears the ends of the scale: one word of weight 3 makes two thirds of the way.
const NORMAL: f32 = 12.0;

/// From these scores on, a message is positive, very positive; below the negatives of them, negative, very negative.
const TONE: f32 = 0.27;
const STRONG_TONE: f32 = 0.7;

/// How many characters the language is told by.
const LANGUAGE: usize = 300;

/// The longest subject that is read, in characters.
const SUBJECT: usize = 200;

/// Classifies by word lists. Cheap to make: the lists are compiled once in a process.
#[derive(Debug, Clone, Copy, Default)]
pub struct LexiconClassifier;

impl LexiconClassifier {
    /// The classifier; compiles its lists now, so that the first message does not wait for them.
    #[must_use]
    pub fn new() -> Self {
        Lists::embedded();
        Self
    }

    /// The signals of a message.
    ///
    /// Sentiment and the other judgements are known for English and Chinese; in another language only what
    /// signs of every language say (emoji) is. The language is known for many more.
    #[must_use]
    pub fn classify_text<'a>(&self, message: impl Into<Text<'a>>) -> Signals {
        let Text { text, subject } = message.into();
        let lists = Lists::embedded();
        let window = window(text);
        let subject = contract::truncate_chars(subject.unwrap_or_default(), SUBJECT);
        let whole = if subject.is_empty() { window } else { format!("{subject}\n{window}").into() };
        let folded = Folded::of(&whole);
        let hits = lists.hits(&folded.text);
        let language = language::identify(contract::truncate_chars(&whole, LANGUAGE));
        let covered = language.known && (language.value == "en" || language.value.starts_with("zh"));
        let reading = Reading { folded: &folded, hits: &hits, covered };
        let complaint = reading.judge(Head::Complaint);
        Signals {
            sentiment: reading.sentiment(complaint.value),
            urgency: reading.judge(Head::Urgency),
            churn_risk: reading.judge(Head::ChurnRisk),
            wants_human: reading.judge(Head::WantsHuman),
            complaint,
            intent: None,
            topics: Vec::new(),
            automatic: !hits[Head::Automatic].is_empty()
                || !lists.hits(&Folded::of(subject).text)[Head::AutomaticSubject].is_empty(),
            entities: entities::find(&whole),
            language,
            model: lists.model.clone(),
        }
    }
}

#[async_trait]
impl Classifier for LexiconClassifier {
    async fn classify(&self, message: &Text<'_>) -> Result<Signals, ClassifyError> {
        Ok(self.classify_text(*message))
    }

    fn model(&self) -> &str {
        &Lists::embedded().model
    }
}

/// One message, read.
struct Reading<'a> {
    folded: &'a Folded,
    hits: &'a Hits,
    /// Whether the lists cover the message's language, so that silence says something.
    covered: bool,
}

impl Reading<'_> {
    /// The tone, from words that add up.
    fn sentiment(&self, complaint: f32) -> Sentiment {
        let turn = self.hits[Head::Contrast].last().map(|hit| hit.start);
        let mut weighed: Vec<(f32, String)> = Vec::new();
        for hit in &self.hits[Head::Sentiment] {
            let (mut weight, start) = self.in_scope(hit);
            if let Some(turn) = turn {
                weight *= if hit.start < turn { 0.6 } else { 1.2 };
            }
            weighed.push((weight, self.folded.text[start..hit.end].to_owned()));
        }
        let sum = self.with_typography(weighed.iter().map(|(weight, _)| weight).sum(), complaint);
        let spent: f32 = weighed.iter().map(|(weight, _)| weight.abs()).sum();
        let score = sum / (sum * sum + NORMAL).sqrt();
        let agreement = if spent > 0.0 { (sum.abs() / spent).min(1.0) } else { 1.0 };
        let value = label(score);
        let confidence = match value {
            SentimentLabel::Neutral if spent > 0.0 => 0.5 + 0.2 * (1.0 - score.abs() / TONE) * agreement,
            SentimentLabel::Neutral if self.covered => 0.7,
            SentimentLabel::Neutral => 0.0,
            _ => (0.55 + 0.45 * score.abs()) * (0.6 + 0.4 * agreement),
        };
        weighed.retain(|(weight, _)| weight.abs() > 0.1);
        weighed.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));
        let label = Signal { value, confidence, known: confidence >= THRESHOLD, terms: first_terms(weighed) };
        Sentiment { label, score }
    }

    /// Capitals, drawn-out letters and rows of marks make a tone stronger; with a problem they are one.
    fn with_typography(&self, sum: f32, complaint: f32) -> f32 {
        let Folded { shouted, exclamations, questions, elongated, .. } = *self.folded;
        let mut force = 1.0;
        force *= if shouted { 1.3 } else { 1.0 };
        force *= if exclamations >= 2 { 1.2 } else { 1.0 };
        force *= if elongated { 1.15 } else { 1.0 };
        let aggrieved = complaint >= 0.3 || sum < -0.5;
        let anger = match (aggrieved, questions >= 2 || exclamations >= 3, shouted) {
            (true, true, true) => 2.0,
            (true, true, false) | (true, false, true) => 1.2,
            _ => 0.0,
        };
        sum * force - anger
    }

    /// How strongly one wish or fact is stated, 0 to 1: independent statements of it add up.
    fn judge(&self, head: Head) -> Signal<f32> {
        let mut doubt = 1.0;
        let mut weighed = Vec::new();
        for hit in &self.hits[head] {
            if self.negators_before(hit, head).next().is_some() {
                continue;
            }
            let weight = if head == Head::WantsHuman { hit.weight } else { hit.weight * self.softening(hit) };
            doubt *= 1.0 - weight;
            weighed.push((weight, self.folded.text[hit.start..hit.end].to_owned()));
        }
        weighed.sort_by(|a, b| b.0.total_cmp(&a.0));
        let value = 1.0 - doubt;
        let confidence = match weighed.is_empty() {
            false => value.max(doubt),
            true if self.covered => 0.75,
            true => 0.0,
        };
        Signal { value, confidence, known: confidence >= THRESHOLD, terms: first_terms(weighed) }
    }

    /// A word's weight in its sentence, and where the expression that it stands in begins.
    fn in_scope(&self, hit: &Hit) -> (f32, usize) {
        let mut weight = hit.weight;
        let mut start = hit.start;
        for strength in &self.hits[Head::Strength] {
            if strength.end <= hit.start && self.words_between(strength.end, hit.start).is_some_and(|words| words <= 1)
            {
                weight *= strength.weight;
                start = start.min(strength.start);
            }
        }
        let mut negators = 0;
        for negator in self.negators_before(hit, Head::Sentiment) {
            negators += 1;
            start = start.min(negator.start);
        }
        if negators % 2 == 1 {
            weight *= if weight > 0.0 { -0.8 } else { -0.3 };
        }
        (weight * self.softening(hit), start)
    }

    /// The negations whose scope reaches a hit: up to three words back, within the clause. Only a refusal ("don't
    /// want", 不要) takes back a wish for a person: who "can't reach a human" wants one.
    fn negators_before(&self, hit: &Hit, head: Head) -> impl Iterator<Item = &Hit> {
        self.hits[Head::Negation].iter().filter(move |negator| {
            let refuses = negator.weight >= 2.0 || head != Head::WantsHuman;
            refuses
                && negator.start < hit.start
                && self.words_between(negator.end.min(hit.start), hit.start).is_some_and(|words| words <= 3)
        })
    }

    /// What is asked or supposed is not stated: the weight that is left within the sentence of an "if" or a "how do I".
    fn softening(&self, hit: &Hit) -> f32 {
        let sentence = self.folded.text[..hit.start].rfind(['.', '!', '?', '\n']).map_or(0, |at| at + 1);
        let end = self.folded.text[hit.end..]
            .find(['.', '!', '?', '\n', ','])
            .map_or(self.folded.text.len(), |at| hit.end + at);
        let softener =
            self.hits[Head::Softener].iter().find(|softener| softener.start >= sentence && softener.end <= end);
        softener.map_or(1.0, |softener| softener.weight)
    }

    /// How many words stand between two places of one clause; `None` across the end of a clause.
    fn words_between(&self, from: usize, to: usize) -> Option<usize> {
        // Three words of a clause are never longer than this.
        if to - from > 60 {
            return None;
        }
        let between = &self.folded.text[from..to];
        if between.contains(['.', ',', '!', '?', ';', ':', '\n']) || between.contains(" but ") || between.contains('但')
        {
            return None;
        }
        // Three Chinese characters count as two words.
        let han = between.chars().filter(|c| super::han::is_han(*c)).count();
        let words =
            between.split(' ').filter(|word| word.chars().any(|c| c.is_alphanumeric() && !super::han::is_han(c)));
        Some(words.count() + (2 * han).div_ceil(3))
    }
}

fn label(score: f32) -> SentimentLabel {
    match score {
        score if score <= -STRONG_TONE => SentimentLabel::VeryNegative,
        score if score <= -TONE => SentimentLabel::Negative,
        score if score < TONE => SentimentLabel::Neutral,
        score if score < STRONG_TONE => SentimentLabel::Positive,
        _ => SentimentLabel::VeryPositive,
    }
}

fn first_terms(weighed: Vec<(f32, String)>) -> Vec<String> {
    let mut terms: Vec<String> = Vec::new();
    for (_, term) in weighed {
        if terms.len() < 5 && !terms.contains(&term) {
            terms.push(term);
        }
    }
    terms
}

#[cfg(test)]
mod tests;
