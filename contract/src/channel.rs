//! The one trait that an adapter implements.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Address, AttachmentError, Host, MemoryError, Outbound};

/// Cancelled when the daemon is told to stop.
pub type Stop = tokio_util::sync::CancellationToken;

/// One configured connection to a platform.
///
/// An adapter translates and nothing else: it verifies, decodes, accepts, sends. It never decides what happens to a
/// message. Platforms that push implement [`routes`](Self::routes); platforms that are polled implement
/// [`run`](Self::run).
#[async_trait]
pub trait Channel: Send + Sync {
    /// The kind of channel: `email`, `telegram`, …
    fn kind(&self) -> &'static str;

    /// What the platform can carry. Constant for the life of the channel.
    fn limits(&self) -> Limits;

    /// Whether a pressed button comes back as a [`Postback`](crate::Content::Postback). Where it does not, a choice is better
    /// sent as a link.
    fn buttons_come_back(&self) -> bool {
        true
    }

    /// The HTTP routes of a pushed channel, mounted under `/channels/<name>`. A route answers success only after
    /// [`Inbox::accept`](crate::Inbox::accept) has returned.
    fn routes(&self, host: Host) -> Option<axum::Router> {
        let _ = host;
        None
    }

    /// The loop of a pulled channel, until `stop`. The platform's cursor moves only after the inbox has accepted.
    ///
    /// # Errors
    /// What ended the loop. The daemon says it and calls `run` again after a growing pause.
    async fn run(&self, host: Host, stop: Stop) -> Result<(), ChannelError> {
        let _ = host;
        stop.cancelled().await;
        Ok(())
    }

    /// Hands one message to the platform. Called again for the same id after a retry, so a platform that can drop
    /// doubles is given the id.
    ///
    /// # Errors
    /// The caller only asks for its [`fate`](SendError::fate).
    async fn send(&self, outbound: &Outbound, host: &Host) -> Result<Receipt, SendError>;

    /// The bytes of a file that stayed with the platform: what
    /// [`AttachmentSource::Remote`](crate::AttachmentSource::Remote) names.
    ///
    /// # Errors
    /// The caller only asks for its [`fate`](SendError::fate).
    async fn fetch(&self, reference: &str) -> Result<Bytes, SendError> {
        Err(SendError::Permanent(format!("this kind of channel keeps no files, so there is no {reference:?}")))
    }

    /// Shows the customer that somebody writes, for some seconds. May be lost.
    async fn typing(&self, to: &Address, thread: &str) {
        let _ = (to, thread);
    }

    /// Logs in for real, changes nothing, and says what works and what does not.
    async fn check(&self) -> Vec<Check> {
        Vec::new()
    }
}

/// One thing that was tried out with a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was tried, and what was found: `IMAP login to mail.example.com as support`.
    pub what: String,
    /// What is wrong and what to do, where something is.
    pub problem: Option<String>,
}

impl Check {
    /// It works.
    #[must_use]
    pub fn fine(what: impl Into<String>) -> Self {
        Self { what: what.into(), problem: None }
    }

    /// It does not.
    #[must_use]
    pub fn wrong(what: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { what: what.into(), problem: Some(problem.into()) }
    }
}

/// What a platform can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest text of one message in characters; longer ones are split.
    pub text_chars: usize,
    /// Whether files can be sent.
    pub attachments: bool,
    /// Whether [`Button`](crate::Button)s can be sent; else they become numbered lines.
    pub buttons: bool,
    /// How long after the customer's last message the platform lets the company write, if it limits that.
    pub reply_window: Option<Duration>,
    /// The most messages a second that the platform takes from this channel, if it says.
    pub per_second: Option<u32>,
    /// Whether customers fetch replies from Switchboard itself: a committed reply counts as sent, and
    /// [`Channel::send`] is never called.
    pub kept: bool,
    /// Whether a message that the platform may or may not have taken is sent again: because the receiver drops doubles by
    /// its id, or because the configuration would rather say it twice. Else it is left to a person.
    pub resends_unknown: bool,
}

/// The platform took the message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// The platform's id for it, by which later receipts name it.
    pub external_id: Option<String>,
}

/// What is to become of a message whose send failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Try again, not before this long; `None` leaves the pause to the courier's backoff.
    Retry(Option<Duration>),
    /// It will never succeed: a dead letter.
    GiveUp,
    /// The channel as a whole cannot send now (wrong token, account blocked): keep everything for it, tell an admin.
    Suspend,
    /// The platform may or may not have taken it.
    Unknown,
}

/// Why a send failed. Named by its consequence, because that is all that a sender of messages can act on.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// A passing fault before the platform took anything: refused connection, 429, 503.
    #[error("{reason}")]
    Temporary {
        /// What happened, in words.
        reason: String,
        /// The platform's own `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// The platform refuses this message for good: blocked by the recipient, malformed, 4xx.
    #[error("{0}")]
    Permanent(String),
    /// The platform refuses the channel: credentials, account.
    #[error("{0}")]
    ChannelRefused(String),
    /// The answer was lost after the message was handed over.
    #[error("{0}")]
    Unanswered(String),
}

impl SendError {
    /// What is to become of the message.
    #[must_use]
    pub fn fate(&self) -> Fate {
        match self {
            Self::Temporary { retry_after, .. } => Fate::Retry(*retry_after),
            Self::Permanent(_) => Fate::GiveUp,
            Self::ChannelRefused(_) => Fate::Suspend,
            Self::Unanswered(_) => Fate::Unknown,
        }
    }
}

/// The record may work later.
impl From<MemoryError> for SendError {
    fn from(error: MemoryError) -> Self {
        Self::Temporary { reason: error.to_string(), retry_after: None }
    }
}

/// A file that is refused stays refused; a store may work later.
impl From<AttachmentError> for SendError {
    fn from(error: AttachmentError) -> Self {
        match error {
            AttachmentError::Refused(why) => Self::Permanent(why),
            AttachmentError::Unavailable(_) => Self::Temporary { reason: error.to_string(), retry_after: None },
        }
    }
}

/// What ended the loop of a pulled channel.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ChannelError(pub String);
