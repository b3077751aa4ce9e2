//! The shared durable queue, from its daemon side. Adapters see [`contract::Inbox`] only.
//!
//! Guarantees of every backend, held by one conformance suite:
//! - `accept` returns after the message is durable; the same (channel, external id) is accepted once;
//! - messages come out of [`Queue::next`] in the order of acceptance;
//! - a message whose delivery was not settled is delivered again, at the latest after a restart;
//! - past the bound on waiting messages `accept` answers busy, and loses nothing.

pub mod rabbitmq;
pub mod spool;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use contract::{Accepted, Inbound, InboxError, MessageId};

use crate::store::StoreError;

/// The queue as the worker sees it.
#[async_trait]
pub trait Queue: contract::Inbox {
    /// The next message, in the order of acceptance. `None` when the queue has been closed.
    async fn next(&self) -> Option<Delivery>;

    /// Settles a message whose turn is committed.
    ///
    /// # Errors
    /// The queue could not be told; it may deliver the message again, and the commit will be recognised.
    async fn done(&self, delivery: Delivery) -> Result<(), StoreError>;

    /// Settles a message that cannot be processed: kept as a dead letter, with the reason, until a person redrives it.
    ///
    /// # Errors
    /// The letter could not be kept; the message will be delivered again.
    async fn dead(&self, delivery: &Delivery, reason: &str) -> Result<(), StoreError>;

    /// How many accepted messages are not settled.
    fn waiting(&self) -> u64;

    /// How many of them the record's [`Ledger`](crate::store::outbox::Ledger) does not see, as far as can be told from
    /// here: those that wait in a broker or are in this daemon's hands.
    ///
    /// # Errors
    /// Why nobody knows, in words.
    async fn beside_record(&self) -> Result<u64, String> {
        Ok(0)
    }

    /// Whether a message could be kept now.
    ///
    /// # Errors
    /// Why not.
    async fn ready(&self) -> Result<(), StoreError>;
}

/// Counts what became of a message that a platform brought.
pub(crate) fn count_accepted<E>(channel: String, accepted: &Result<Accepted, E>) {
    let outcome = match accepted {
        Ok(Accepted { duplicate: false, .. }) => "new",
        Ok(_) => "duplicate",
        Err(_) => "failed",
    };
    metrics::counter!("switchboard_accepted_total", "channel" => channel, "outcome" => outcome).increment(1);
}

/// Refuses a message because too many wait.
pub(crate) fn busy(channel: String, retry_after: Duration) -> InboxError {
    metrics::counter!("switchboard_busy_total", "channel" => channel).increment(1);
    InboxError::Busy { retry_after }
}

/// One message to process. Being done with it consumes it, so that it cannot be settled twice; dropping it leaves it to
/// be delivered again.
#[derive(Debug)]
pub struct Delivery {
    /// Its id.
    pub id: MessageId,
    /// The message.
    pub inbound: Arc<Inbound>,
    /// By what its backend knows this delivery.
    pub tag: u64,
}

impl Delivery {
    /// For backends.
    #[must_use]
    pub fn new(id: MessageId, inbound: Arc<Inbound>) -> Self {
        Self { id, inbound, tag: 0 }
    }

    /// The same, known to its backend by `tag`.
    #[must_use]
    pub fn with_tag(self, tag: u64) -> Self {
        Self { tag, ..self }
    }
}
