//! What the inbox on RabbitMQ asks of the record: the record is what several daemons share and do not forget, so it knows
//! which messages were processed, keeps those that cannot be, and says which ones are to be processed after all.

use std::sync::Arc;

use async_trait::async_trait;
use contract::{Inbound, MessageId, Unread};

use crate::store::{StoreError, dedup_key::DedupKey};

/// The record, as the inbox sees it.
///
/// While it answers with errors, messages are accepted all the same: what comes twice then is recognised by the commit of
/// its turn.
#[async_trait]
pub trait Letters: Send + Sync {
    /// The messages that were committed under these keys within the time for which doubles are recognised, one answer a
    /// key, in their order. A message that is accepted and has not had its turn yet need not be known.
    ///
    /// # Errors
    /// The record cannot be read now.
    async fn known(&self, keys: &[DedupKey]) -> Result<Vec<Option<MessageId>>, StoreError>;

    /// Keeps a message that cannot be processed, with its reason, until a person redrives it. The same id twice is one
    /// letter, and a message whose turn was committed is none: the queue may give up what it was not yet told of. The letter
    /// must be durable when this returns, because the queue forgets the message then.
    ///
    /// # Errors
    /// It could not be kept; the queue will deliver the message again.
    async fn bury(&self, id: MessageId, inbound: &Inbound, reason: &str) -> Result<(), StoreError>;

    /// Keeps something that is no message: one of its (channel, external id), an empty external id being none.
    ///
    /// # Errors
    /// It could not be kept, and will be brought again.
    async fn set_aside(&self, unread: Unread) -> Result<(), StoreError>;

    /// Messages that are to be in the queue and are not known to be, oldest first, at most `limit`: those that a person redrove,
    /// under their new ids, and those that waited in the record of an embedded daemon that was carried here.
    ///
    /// # Errors
    /// The record cannot be read now.
    async fn to_publish(&self, limit: usize) -> Result<Vec<(MessageId, Arc<Inbound>)>, StoreError>;

    /// Notes that these are in the queue. A crash before this publishes them once more, under the same ids, and the
    /// commit of their turns recognises that.
    ///
    /// # Errors
    /// The record cannot be written now.
    async fn published(&self, ids: &[MessageId]) -> Result<(), StoreError>;
}
