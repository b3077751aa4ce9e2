//! What is happening now and may be forgotten: events on their way to consoles and widgets, who is there, the desk's
//! board, how fast platforms are written to. A seam: in-process here, over Redis when several daemons share the work. A
//! lost event loses nothing: whoever watches is told that something was missed and reads the record again.

mod local;
mod rates;
pub mod redis;
mod shared;

use std::sync::Arc;

use contract::{AgentId, ConversationId, Thread, ThreadEvent};
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};

pub use self::redis::RedisLive;
pub use local::LocalLive;
pub use rates::{Granted, Rates};
pub use shared::{Here, Shared};

/// Whom an event is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Every console of one agent.
    Agent(AgentId),
    /// Every console.
    Consoles,
    /// Every widget that shows this thread.
    Thread(Thread),
    /// Every node: the desk's board is a new one. [`Shared::board`] has it.
    Board,
    /// The desk: conversations changed in what it looks at.
    Desk,
    /// Every node: the people of the company changed.
    People,
    /// Couriers: something may be due in the outbox.
    Outbox,
    /// The desk: consoles were opened or closed. [`Shared::here`] has who is there.
    Presence,
}

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// For consoles.
    Frame(Arc<Frame>),
    /// For widgets.
    Thread(Arc<ThreadEvent>),
    /// A conversation changed.
    Conversation(ConversationId),
    /// What the topic is about changed.
    Changed,
    /// A person wants something sent, whatever was refused before.
    Insisted,
    /// Events were lost.
    Missed,
}

/// One frame of the console's live API, and who may see it.
#[derive(Debug)]
pub struct Frame {
    /// The frame, as JSON.
    pub json: String,
    /// Who may see it.
    pub audience: Audience,
}

/// Who may see something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Everybody who is logged in.
    Everyone,
    /// Supervisors, these agents, and those who serve this queue.
    Conversation {
        /// Its present and its last agent.
        agents: [Option<AgentId>; 2],
        /// The queue that it waits in.
        queue: Option<String>,
    },
}

/// Fan-out of events.
pub trait Live: Send + Sync {
    /// Tells everybody who watches a topic, on every node. Never waits: a watcher that is too slow, or that cannot be
    /// reached now, is told that it missed something.
    fn publish(&self, topic: &Topic, event: Event);

    /// Whether anybody may be watching a topic, so that nobody builds what nobody sees.
    fn is_watched(&self, topic: &Topic) -> bool;

    /// Events of these topics from now on. Where watching takes time to come into force, the stream says
    /// [`Event::Missed`] when it has: watch, read the record, read it again when told, and nothing falls between.
    fn watch(&self, topics: Vec<Topic>) -> BoxStream<'static, Event>;
}
