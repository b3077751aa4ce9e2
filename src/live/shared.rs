//! What the nodes of a fleet know of each other for the moment: who has consoles open, and how the desk looks.

use std::collections::BTreeSet;

use async_trait::async_trait;
use bytes::Bytes;
use contract::AgentId;

/// Which agents have consoles open, on any node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Here {
    /// They are there.
    pub agents: BTreeSet<AgentId>,
    /// Whether everybody else is not: false while some nodes may not have been heard yet. Until then, keep what you knew
    /// of the others.
    pub complete: bool,
}

/// What is kept for all nodes, and forgotten when nobody repeats it.
#[async_trait]
pub trait Shared: Send + Sync {
    /// The agents that have consoles open on this node, all of them. Never waits; repeated until something else is said,
    /// and forgotten some seconds after this node has stopped without a word. [`Topic::Presence`](super::Topic::Presence) hears of
    /// changes, but not of what is forgotten: who needs that looks now and then.
    fn say_here(&self, agents: BTreeSet<AgentId>);

    /// Which agents have consoles open on some node. `None` while nobody can know: keep what you knew.
    async fn here(&self) -> Option<Here>;

    /// The desk's board, from the leader of this epoch; one of an older epoch is refused. Never waits: what is replaced
    /// before it was written is never seen. [`Topic::Board`](super::Topic::Board) hears when it can be read.
    fn put_board(&self, epoch: u64, board: Bytes);

    /// The board that was put last. `None` where there is none, or nobody can know.
    async fn board(&self) -> Option<Bytes>;
}
