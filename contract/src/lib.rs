//! Switchboard's nouns, and the one trait that every channel adapter implements.
//!
//! This crate does no I/O. Adapters (`channels/`) depend on it and on nothing else of Switchboard; the
//! daemon (`src/`) depends on it for what a message *is*. It knows no platform, no rule and no store.

mod attachment;
mod card;
mod channel;
mod host;
mod id;
mod memory;
mod message;
mod text;

pub use attachment::{
    Attachment, AttachmentBytes, AttachmentError, AttachmentSource, AttachmentStore, ContentHash, ServedAs,
};
pub use card::{
    Card, MAX_CARD_BUTTON, MAX_CARD_BUTTONS, MAX_CARD_PRICE, MAX_CARD_TEXT, MAX_CARD_TITLE, MAX_CARD_URL, MAX_CARDS,
    MAX_SAYS, said_by,
};
pub use channel::{Channel, ChannelError, Check, Fate, Limits, Receipt, SendError, Stop};
pub use host::{
    Accepted, Host, Inbox, InboxError, Notice, Thread, ThreadAuthor, ThreadEntry, ThreadError, ThreadEvent,
    ThreadOwner, ThreadStatus, ThreadWatch, Threads, Unread,
};
pub use id::{
    AgentId, ChallengeId, ConversationId, CustomerId, EntryId, IdClock, MessageId, OfferId, OutboundId, ParseIdError,
};
pub use memory::{Memory, MemoryError};
pub use message::{
    Address, Author, Body, Button, ButtonAction, Content, Inbound, Location, Outbound, Reached, Rejected, Sender,
    normalise_email, normalise_phone,
};
pub use text::{MAX_TEXT_BYTES, clean_line, clean_text, truncate_chars};

/// A moment, UTC, to the nanosecond. One type for the whole of Switchboard.
pub use jiff::Timestamp;
