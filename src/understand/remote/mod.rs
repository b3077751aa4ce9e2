//! A second opinion: an endpoint elsewhere that is asked about messages of which the embedded classifier is not sure.
//! Routing does not wait for it, or only as long as it is told to; what it says later are new signals of the same
//! message.

mod answer;
mod budget;
mod endpoint;
#[cfg(test)]
mod tests;

use std::{
    num::NonZeroUsize,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lru::LruCache;
use reqwest::Url;
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use tokio::{sync::Semaphore, time::Instant};
use understand::{Signals, Text, Thresholds, intents::Intent, window};

pub use self::endpoint::Protocol;
use crate::breaker::{Asked, Breaker};

use self::{
    answer::{Answer, differ},
    budget::Budget,
    endpoint::{Endpoint, Failure, Question},
};

/// The most messages that wait for one of the places at the endpoint; the next ones are not asked about.
const WAITING: usize = 1000;
/// The longest subject that is sent, in characters.
const SUBJECT: usize = 200;

/// The signals that can be doubted.
pub const HEADS: [&str; 9] =
    ["language", "sentiment", "urgency", "complaint", "churn_risk", "wants_human", "thanks", "spam", "intent"];

/// Whom to ask, when, and how much.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the endpoint speaks.
    pub protocol: Protocol,
    /// Where it is; see [`Protocol::address`].
    pub url: Url,
    /// Sent as a bearer token.
    pub key: Option<SecretString>,
    /// What a chat endpoint is asked for, and the name under which its signals are kept.
    pub model: String,
    /// A message is asked about when one of these of [`HEADS`] is less sure than `below`.
    pub signals: Vec<String>,
    /// See `signals`.
    pub below: f32,
    /// How long an answer may take, the wait for a place at the endpoint included.
    pub deadline: Duration,
    /// How many questions may be under way.
    pub at_once: NonZeroUsize,
    /// How many questions a minute.
    pub per_minute: u32,
    /// How many questions a day, UTC.
    pub per_day: u32,
    /// How many answers are remembered.
    pub remembered: NonZeroUsize,
}

/// Why there is no opinion, in a word for the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silence(&'static str);

impl Silence {
    const FAILED: Self = Self("failed");
    const UNREADABLE: Self = Self("unreadable");
    const BROKEN: Self = Self("broken");
    const OVER_BUDGET: Self = Self("over_budget");
    const TOO_MANY: Self = Self("too_many");
}

/// Asks for second opinions.
pub struct Remote {
    settings: Settings,
    thresholds: Thresholds,
    endpoint: Endpoint,
    places: Semaphore,
    waiting: Semaphore,
    breaker: Mutex<Breaker>,
    budget: Mutex<Budget>,
    /// By question; `None` where what came could not be read.
    remembered: Mutex<LruCache<[u8; 32], Option<Answer>>>,
}

impl Remote {
    /// Nothing is asked yet. `thresholds` are those of the embedded classifier.
    ///
    /// # Errors
    /// No HTTP client can be made.
    pub fn new(settings: Settings, thresholds: Thresholds) -> Result<Self, String> {
        let endpoint = Endpoint::new(settings.protocol, settings.url.clone(), settings.key.clone(), &settings.model)?;
        Ok(Self {
            thresholds,
            endpoint,
            places: Semaphore::new(settings.at_once.get()),
            waiting: Semaphore::new(WAITING),
            breaker: Mutex::default(),
            budget: Mutex::new(Budget::new(settings.per_minute, settings.per_day)),
            remembered: Mutex::new(LruCache::new(settings.remembered)),
            settings,
        })
    }

    /// Asks about a message of no customer: whether the endpoint works, and how long it takes.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn try_out(&self) -> Result<Duration, String> {
        let started = Instant::now();
        let question = Question { text: "Thank you, the parcel arrived today.", subject: None, intents: Vec::new() };
        match tokio::time::timeout(self.settings.deadline, self.endpoint.ask(&question)).await {
            Ok(Ok(_)) => Ok(started.elapsed()),
            Ok(Err(failure)) => Err(failure.to_string()),
            Err(_elapsed) => Err(format!("it took longer than {:?}", self.settings.deadline)),
        }
    }

    /// Whether a message should be asked about: what it means is not sure, and no machine or advertiser wrote it.
    #[must_use]
    pub fn doubts(&self, text: &str, signals: &Signals) -> bool {
        let is_spam = signals.spam.known().is_some_and(|spam| *spam >= 0.5);
        if text.is_empty() || signals.automatic || is_spam {
            return false;
        }
        self.settings.signals.iter().any(|head| confidence(signals, head) < self.settings.below)
    }

    /// What the endpoint makes of a message; `None` where it says nothing else than the embedded classifier.
    ///
    /// # Errors
    /// It said nothing at all.
    pub async fn refine(
        &self,
        message: &Text<'_>,
        signals: &Signals,
        intents: &[Intent],
    ) -> Result<Option<Signals>, Silence> {
        let answer = self.answer(message, intents).await;
        let refined = answer.map(|answer| {
            let refined = answer.applied(signals, &self.thresholds, intents, &self.settings.model);
            differ(signals, &refined).then_some(refined)
        });
        let outcome = match &refined {
            Ok(Some(_)) => "changed",
            Ok(None) => "confirmed",
            Err(silence) => silence.0,
        };
        metrics::counter!("switchboard_second_opinions_total", "outcome" => outcome).increment(1);
        refined
    }

    async fn answer(&self, message: &Text<'_>, intents: &[Intent]) -> Result<Answer, Silence> {
        let text = window(message.text);
        let subject = message.subject.map(|subject| contract::truncate_chars(subject, SUBJECT));
        let question = Question {
            text: &text,
            subject: subject.filter(|subject| !subject.is_empty()),
            intents: intents.iter().map(|intent| intent.name.as_str()).collect(),
        };
        let key = key_of(&question);
        if let Some(answer) = lock(&self.remembered).get(&key) {
            return answer.clone().ok_or(Silence::UNREADABLE);
        }
        let until = Instant::now() + self.settings.deadline;
        let _waits = self.waiting.try_acquire().map_err(|_| Silence::TOO_MANY)?;
        let place = tokio::time::timeout_at(until, self.places.acquire()).await;
        let _place = place.map_err(|_elapsed| Silence::TOO_MANY)?;
        let asked = self.may_ask()?;
        let answered = tokio::time::timeout_at(until, self.endpoint.ask(&question)).await;
        match answered.unwrap_or_else(|_elapsed| Err(Failure::new("it took too long"))) {
            Ok(answer) => {
                asked.went_well();
                lock(&self.remembered).put(key, Some(answer.clone()));
                Ok(answer)
            }
            Err(failure @ Failure::Unreadable(_)) => {
                asked.went_well();
                lock(&self.remembered).put(key, None);
                tracing::debug!(%failure, "There is no second opinion.");
                Err(Silence::UNREADABLE)
            }
            Err(Failure::Broken { reason, retry_after }) => {
                let pause = asked.failed(retry_after);
                match pause.map(|pause| pause.as_secs()) {
                    Some(pause) => tracing::warn!(
                        reason,
                        pause,
                        "The endpoint for second opinions fails; it is not asked for some seconds."
                    ),
                    None => tracing::debug!(reason, "There is no second opinion."),
                }
                Err(Silence::FAILED)
            }
        }
    }

    fn may_ask(&self) -> Result<Asked<'_>, Silence> {
        let mut budget = lock(&self.budget);
        if !budget.is_left(crate::clock::now()) {
            return Err(Silence::OVER_BUDGET);
        }
        let asked = Asked::begin(&self.breaker).ok_or(Silence::BROKEN)?;
        budget.take();
        Ok(asked)
    }
}

/// How sure one of [`HEADS`] is.
fn confidence(signals: &Signals, head: &str) -> f32 {
    let wish = signals.wishes().into_iter().find(|(name, _)| *name == head).map(|(_, wish)| wish.confidence);
    wish.unwrap_or(match head {
        "language" => signals.language.confidence,
        "sentiment" => signals.sentiment.label.confidence,
        // Without intents there is nothing to doubt.
        _ => signals.intent.as_ref().map_or(1.0, |intent| intent.confidence),
    })
}

fn key_of(question: &Question<'_>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in
        [question.subject.unwrap_or_default(), question.text].into_iter().chain(question.intents.iter().copied())
    {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
