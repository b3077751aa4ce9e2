//! What a message means: a seam. The daemon asks a classifier and never waits for one; a classifier that fails leaves
//! every signal unknown. The embedded one is the crate `understand`, a [`Reader`].

mod mood;
mod remote;

use std::{panic::AssertUnwindSafe, time::Duration};

use async_trait::async_trait;
use futures::FutureExt;
pub use mood::Mood;
pub use remote::{HEADS, Protocol, Remote, Settings as RemoteSettings};
pub use understand::{Entity, Reader, Sentiment, SentimentLabel, Signal, Signals, Text};
use understand::{
    Prior, Thresholds, UNDETERMINED,
    entities::Patterns,
    intents::{Intent, Intents},
};
pub(crate) use understand::{han, window};

/// Says what a message means.
///
/// The same text and the same [`model`](Self::model) give the same signals, so that a decision can be replayed.
#[async_trait]
pub trait Classifier: Send + Sync {
    /// The signals of one message. What the classifier cannot judge it leaves unknown; that is not an error.
    ///
    /// # Errors
    /// The classifier could not work at all. Callers that must not depend on it use [`classify_within`].
    async fn classify(&self, message: &Text<'_>) -> Result<Signals, ClassifyError>;

    /// Its name and version, as it stands in [`Signals::model`].
    fn model(&self) -> &str;
}

/// How the embedded classifier is set up in this deployment.
#[derive(Debug, Clone)]
pub struct Settings {
    /// From which confidence on signals are known.
    pub thresholds: Thresholds,
    /// How often messages are negative, neutral, positive here.
    pub prior: Prior,
    /// What entities look like.
    pub patterns: Patterns,
}

impl Default for Settings {
    fn default() -> Self {
        let patterns = Patterns::built_in();
        Self { thresholds: Thresholds::default(), prior: Prior::default(), patterns }
    }
}

impl Settings {
    /// The embedded classifier, with the intents of a rule set. Learns them: up to about a second.
    #[must_use]
    pub fn reader(&self, intents: &[Intent]) -> Reader {
        Reader::new(self.thresholds, self.prior, Intents::learned(intents), self.patterns.clone())
    }
}

#[async_trait]
impl Classifier for Reader {
    async fn classify(&self, message: &Text<'_>) -> Result<Signals, ClassifyError> {
        Ok(self.read(*message))
    }

    fn model(&self) -> &str {
        self.name()
    }
}

/// Why a classifier said nothing.
#[derive(Debug, thiserror::Error)]
#[error("the classifier failed")]
pub struct ClassifyError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// The signals of a message, or unknown ones when the classifier fails, panics or takes longer than `deadline`.
///
/// A classifier that computes without awaiting is not interrupted; such a one bounds its own work.
pub async fn classify_within(classifier: &dyn Classifier, deadline: Duration, message: &Text<'_>) -> Signals {
    let attempt = AssertUnwindSafe(classifier.classify(message)).catch_unwind();
    let failure = match tokio::time::timeout(deadline, attempt).await {
        Ok(Ok(Ok(signals))) => return signals,
        Ok(Ok(Err(error))) => error.0.to_string(),
        Ok(Err(_panic)) => "it panicked".to_owned(),
        Err(_elapsed) => format!("it took longer than {deadline:?}"),
    };
    tracing::warn!(model = classifier.model(), failure, "A message could not be classified; its signals are unknown.");
    unknown(classifier.model())
}

/// Nothing is known of a message.
fn unknown(model: &str) -> Signals {
    let mut signals = Signals { model: model.to_owned(), ..Signals::default() };
    signals.language.value = UNDETERMINED.to_owned();
    signals
}

#[cfg(test)]
mod tests {
    use super::*;

    enum Broken {
        Fails,
        Panics,
        Hangs,
    }

    #[async_trait]
    impl Classifier for Broken {
        async fn classify(&self, _: &Text<'_>) -> Result<Signals, ClassifyError> {
            match self {
                Self::Fails => Err(ClassifyError("no memory".into())),
                Self::Panics => panic!("a defect"),
                Self::Hangs => std::future::pending().await,
            }
        }

        fn model(&self) -> &str {
            "broken 1"
        }
    }

    #[tokio::test]
    async fn a_broken_classifier_leaves_signals_unknown() {
        for broken in [Broken::Fails, Broken::Panics, Broken::Hangs] {
            let signals = classify_within(&broken, Duration::ZERO, &"refund".into()).await;
            assert_eq!(signals.language.value, "und");
            assert_eq!(signals.language.known(), None);
            assert_eq!(signals.sentiment.label.known(), None);
            assert_eq!(signals.wants_human.known(), None);
            assert_eq!(signals.model, "broken 1");
        }
    }
}
