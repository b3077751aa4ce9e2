//! The figures as the record keeps them: counts by the hour, and the questions without an answer. Each commit brings its
//! own ([`Commit::noted`](super::Commit::noted)), so they stand exactly where it does.

use std::ops::Range;

use async_trait::async_trait;
use contract::MessageId;

use super::{Page, StoreError};
use crate::measure::{Count, Miss};

/// Reads the figures.
#[async_trait]
pub trait Measures: Send + Sync {
    /// The counts of some hours, those of a day as one: a day has 24 hours, and is named by its first one. `hours` begins
    /// with the first hour of a day.
    async fn counts(&self, hours: Range<i64>) -> Result<Vec<Count>, StoreError>;

    /// The questions without an answer whose messages have ids in `ids`, the newest first, at most `limit`.
    async fn misses(&self, ids: Range<MessageId>, limit: usize) -> Result<Page<Miss>, StoreError>;

    /// Forgets all figures, to [count anew](crate::measure::rebuild).
    async fn forget_figures(&self) -> Result<(), StoreError>;
}
