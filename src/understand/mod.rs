//! What a message means: language, tone, urgency, wishes. A seam: the daemon asks a classifier and never
//! waits for one; a classifier that fails leaves every signal unknown.

mod signals;

pub use signals::{Entity, Sentiment, SentimentLabel, Signal, Signals};
