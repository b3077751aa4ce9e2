//! What the daemon offers to an adapter: a durable inbox, files, and the threads of its own channel.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};

use crate::{AttachmentStore, Body, EntryId, Inbound, Memory, MessageId, OutboundId, Reached, Timestamp};

/// Everything that an adapter may ask of the daemon. Cheap to clone.
#[derive(Clone)]
pub struct Host {
    /// Where messages go.
    pub inbox: Arc<dyn Inbox>,
    /// Where the bytes of files go.
    pub attachments: Arc<dyn AttachmentStore>,
    /// What was said, for channels whose platform is Switchboard itself (web chat).
    pub threads: Arc<dyn Threads>,
    /// What the adapter remembers over restarts.
    pub memory: Arc<dyn Memory>,
}

/// The durable queue, seen by an adapter.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// Keeps one message. When it returns `Ok`, the message survives a crash of this machine, and the platform may
    /// be told so.
    ///
    /// # Errors
    /// The message was not kept, and the platform must not be acknowledged. [`InboxError::Busy`] and
    /// [`InboxError::Unavailable`] are answered 503 with `Retry-After`; a pulled channel pauses.
    async fn accept(&self, inbound: Inbound) -> Result<Accepted, InboxError>;

    /// Keeps something of the platform that cannot be read as a message, with the reason, for a person to look at. The
    /// same (channel, external id) is kept once.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    async fn set_aside(&self, unread: Unread) -> Result<(), InboxError>;
}

/// Something that a platform delivered and that is no message: kept as it came, never decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// The name of the configured channel.
    pub channel: String,
    /// The platform's id of it.
    pub external_id: String,
    /// Why it cannot be read, and what to do.
    pub reason: String,
    /// A name for the file that it is kept as: `4711.eml`.
    pub name: String,
    /// As it came.
    pub bytes: Bytes,
}

/// A message is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// Its id.
    pub id: MessageId,
    /// Whether it had been accepted before: the same channel and external id.
    pub duplicate: bool,
}

/// Why a message was not kept.
#[derive(Debug, thiserror::Error)]
pub enum InboxError {
    /// More messages wait than the configured bound.
    #[error("too many messages are waiting; try again in {} s", retry_after.as_secs())]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// The queue cannot keep anything now: disk full, disk gone, broker gone.
    #[error("messages cannot be kept at the moment")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Names one thread: the unit that belongs to one conversation at a time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Thread {
    /// The name of the configured channel.
    pub channel: String,
    /// The thread's key on the platform.
    pub key: String,
}

/// What was said in the threads of a channel, and what happens in them now.
#[async_trait]
pub trait Threads: Send + Sync {
    /// What the customer may see of a thread, oldest first: at most `limit` entries after `after`, or the last
    /// `limit` ones.
    ///
    /// # Errors
    /// The record cannot be read now.
    async fn read(
        &self,
        thread: &Thread,
        after: Option<EntryId>,
        limit: usize,
    ) -> Result<Vec<ThreadEntry>, ThreadError>;

    /// Who speaks for the company in this thread now.
    ///
    /// # Errors
    /// The record cannot be read now.
    async fn status(&self, thread: &Thread) -> Result<ThreadStatus, ThreadError>;

    /// What happens in a thread from now on. Subscribe, then read: nothing falls between.
    fn watch(&self, thread: &Thread) -> ThreadWatch;

    /// Something passing that a customer did. May be lost; never blocks.
    fn notice(&self, thread: &Thread, notice: Notice);
}

/// A live view of one thread; ends when the daemon stops.
pub type ThreadWatch = BoxStream<'static, ThreadEvent>;

/// The record cannot be read now.
#[derive(Debug, thiserror::Error)]
#[error("the conversation cannot be read at the moment")]
pub struct ThreadError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// One thing that a customer sees in a thread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThreadEntry {
    /// Names it: the cursor for reading on. Entries come in the order of their commits, which is not always that of
    /// their ids; a reader that may see one twice drops it by id.
    pub id: EntryId,
    /// When it was committed.
    pub at: Timestamp,
    /// Who said it.
    pub author: ThreadAuthor,
    /// What was said.
    pub body: Body,
    /// For the customer's own messages: the id that the platform gave them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
}

/// Who said something in a thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ThreadAuthor {
    /// The customer.
    Customer,
    /// The bot.
    Bot,
    /// A person of the company.
    Agent {
        /// The name that customers see.
        name: String,
    },
    /// Switchboard itself.
    System,
}

/// Something that happens in a thread.
#[expect(clippy::large_enum_variant, reason = "most of them are entries")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ThreadEvent {
    /// Something was said.
    Entry(ThreadEntry),
    /// Someone of the company is writing.
    Typing {
        /// The name that customers see.
        name: String,
    },
    /// The bot is writing.
    Writing {
        /// All that it has written so far; empty where it gave up. What it says in the end is an entry.
        text: String,
    },
    /// Another owner, or another position in the queue.
    Status(ThreadStatus),
    /// Events were lost: read the thread again from your cursor.
    Missed,
}

/// Who speaks for the company in a thread now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadStatus {
    /// The owner.
    pub owner: ThreadOwner,
    /// The agent's name that customers see, while an agent is the owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// How many are to be served up to this one, 1 being next, while a queue is the owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u32>,
}

/// Who speaks for the company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThreadOwner {
    /// The bot; also before the first message.
    Bot,
    /// Nobody yet: waiting for a person.
    Queue,
    /// A person.
    Agent,
    /// Nobody any more; the next message opens a new conversation.
    Closed,
}

/// Something passing that a customer did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Notice {
    /// They are writing, or have stopped.
    Typing {
        /// Whether they are writing.
        on: bool,
    },
    /// A platform's receipt for one of our messages.
    Reached {
        /// Which one.
        outbound: OutboundId,
        /// How far it has come.
        reached: Reached,
    },
}
