//! What an adapter remembers over restarts.

use std::collections::BTreeMap;

use async_trait::async_trait;

/// Small values by key, apart for each channel: how far a mailbox has been read, who takes part in a thread.
///
/// Keys are at most 200 bytes, values 64 KiB. What is here never decides whether a message is new: the inbox knows that.
#[async_trait]
pub trait Memory: Send + Sync {
    /// The value of a key, if there is one.
    ///
    /// # Errors
    /// The record does not work now.
    async fn get(&self, channel: &str, key: &str) -> Result<Option<String>, MemoryError>;

    /// The keys that begin so, with their values, at most `limit` of them, in order.
    ///
    /// # Errors
    /// The record does not work now.
    async fn beginning(
        &self,
        channel: &str,
        prefix: &str,
        limit: usize,
    ) -> Result<BTreeMap<String, String>, MemoryError>;

    /// Keeps a value durably, or forgets the key.
    ///
    /// # Errors
    /// The record does not work now.
    async fn put(&self, channel: &str, key: &str, value: Option<&str>) -> Result<(), MemoryError>;
}

/// The record does not work now.
#[derive(Debug, thiserror::Error)]
#[error("the channel's memory cannot be used at the moment")]
pub struct MemoryError(#[source] pub Box<dyn std::error::Error + Send + Sync>);
