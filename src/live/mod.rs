//! What is happening now and may be forgotten: events on their way to consoles and widgets. A seam: in-process here,
//! over Redis when several daemons share the work. A lost event loses nothing: whoever watches is told that something
//! was missed and reads the record again.

mod local;

use std::sync::Arc;

use contract::{AgentId, Thread, ThreadEvent};
use futures::stream::BoxStream;

pub use local::LocalLive;

/// Whom an event is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Every console of one agent.
    Agent(AgentId),
    /// Every console.
    Consoles,
    /// Every widget that shows this thread.
    Thread(Thread),
}

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// For consoles.
    Frame(Arc<Frame>),
    /// For widgets.
    Thread(Arc<ThreadEvent>),
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
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// Tells everybody who watches a topic. Never waits: a watcher that is too slow is told that it missed something.
    fn publish(&self, topic: &Topic, event: Event);

    /// Whether anybody watches a topic, so that nobody builds what nobody sees.
    fn is_watched(&self, topic: &Topic) -> bool;

    /// Events of these topics from now on.
    fn watch(&self, topics: Vec<Topic>) -> BoxStream<'static, Event>;
}
