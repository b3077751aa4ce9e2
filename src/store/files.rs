//! Files that stayed with the platform, until they have been fetched.

use async_trait::async_trait;
use contract::{Attachment, AttachmentSource, EntryId, Inbound, MessageId, Timestamp};

use super::StoreError;

/// A file of a message that is still with the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedFile {
    /// The message.
    pub message: MessageId,
    /// Which of its files, from 0.
    pub place: u32,
    /// What the platform calls it.
    pub reference: String,
    /// The sender's name for it.
    pub name: String,
    /// The sender's word for what it is.
    pub media_type: String,
}

impl WantedFile {
    /// Those of a message.
    pub fn of(message: MessageId, inbound: &Inbound) -> impl Iterator<Item = Self> + '_ {
        let files = inbound.content.body().into_iter().flat_map(|body| &body.attachments);
        (0..).zip(files).filter_map(move |(place, file)| match &file.source {
            AttachmentSource::Remote { reference, .. } => Some(Self {
                message,
                place,
                reference: reference.clone(),
                name: file.name.clone(),
                media_type: file.media_type.clone(),
            }),
            AttachmentSource::Stored { .. } | AttachmentSource::Linked { .. } => None,
        })
    }

    /// The entry of its message.
    #[must_use]
    pub fn entry(&self) -> EntryId {
        self.message.into()
    }
}

/// What became of an attempt to fetch a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// It is here.
    Here(Attachment),
    /// Not now.
    Later {
        /// When to try again.
        at: Timestamp,
        /// What went wrong.
        problem: String,
    },
    /// It will never come: what agents are told.
    Never(String),
}

/// Files on their way from platforms. What has come stands in the messages that are read from the journal.
#[async_trait]
pub trait Files: Send + Sync {
    /// Notes files to be fetched; what is noted already stays as it is.
    async fn want(&self, channel: &str, files: Vec<WantedFile>) -> Result<(), StoreError>;

    /// Files of a channel that are due, with how often they were tried before; the longest due first.
    async fn due(&self, channel: &str, now: Timestamp, limit: usize) -> Result<Vec<(WantedFile, u32)>, StoreError>;

    /// When the next file of a channel is due.
    async fn next_file(&self, channel: &str) -> Result<Option<Timestamp>, StoreError>;

    /// Notes what became of an attempt.
    async fn fetched(&self, file: &WantedFile, outcome: Fetched) -> Result<(), StoreError>;
}
