//! What a message means: language, tone, urgency, wishes, intent. Pure: no clock, no network, no file; the weights are
//! compiled in. `training/` makes them.

pub mod answers;
mod automatic;
pub mod dice;
pub mod entities;
pub mod features;
pub mod folded;
pub mod han;
pub mod intents;
mod language;
mod likely;
pub mod model;
mod plain;
mod reader;
mod signals;
mod terms;
mod words;

pub use automatic::is_automatic_mail;
pub use folded::window;
pub use language::UNDETERMINED;
pub use reader::{Prior, Reader, Text, Thresholds};
pub use signals::{Entity, Sentiment, SentimentLabel, Signal, Signals};
