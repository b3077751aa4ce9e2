//! The daemons that share the work: this one's place among them, who else is there, and who runs the desk. PostgreSQL
//! keeps all of it by its own clock; here is what this process knows of it, and what it does when it knows nothing.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use contract::Stop;
use tokio::sync::watch;

use crate::{
    config::Role,
    http::DeskAt,
    store::{
        Fence, StoreError,
        postgres::{Database, Lease, LiveNode, Node},
    },
};

/// How often this node says that it is alive, and looks who else is.
const BEAT: Duration = Duration::from_secs(2);
/// How long the desk stays with a leader that says nothing more.
const DESK_TTL: Duration = Duration::from_secs(6);
/// The lease of the desk.
const DESK: &str = "desk";
/// The longest that leases are handed back when a node stops.
const FAREWELL: Duration = Duration::from_secs(3);

/// The desk is this node's, until it ends.
#[derive(Clone)]
pub struct Term {
    /// What commits by leave of it carry.
    pub fence: Fence,
    /// Cancelled when the desk is another's, or may be.
    pub end: Stop,
}

/// This node among the others.
pub struct Nodes {
    database: Database,
    /// This node.
    pub node: Node,
    role: Role,
    alive: watch::Sender<Arc<[LiveNode]>>,
    workers: watch::Sender<Arc<[u8]>>,
    alike: watch::Sender<bool>,
    desk_at: watch::Sender<DeskAt>,
    term: watch::Sender<Option<Term>>,
}

impl Nodes {
    /// What a node that has joined knows: nobody yet. Until its first beat it takes no part, so that what is others' is not
    /// taken from them and given back.
    #[must_use]
    pub fn new(database: Database, node: Node, role: Role) -> Self {
        Self {
            database,
            node,
            role,
            alive: watch::channel(Arc::default()).0,
            workers: watch::channel(Arc::default()).0,
            alike: watch::channel(false).0,
            desk_at: watch::channel(DeskAt::Nowhere).0,
            term: watch::channel(None).0,
        }
    }

    /// The nodes that give messages their turns, by number.
    #[must_use]
    pub fn workers(&self) -> watch::Receiver<Arc<[u8]>> {
        self.workers.subscribe()
    }

    /// Whether all nodes that are alive are of one version.
    #[must_use]
    pub fn alike(&self) -> watch::Receiver<bool> {
        self.alike.subscribe()
    }

    /// The nodes that are alive, as they were last seen.
    #[must_use]
    pub fn alive(&self) -> Arc<[LiveNode]> {
        Arc::clone(&self.alive.borrow())
    }

    /// Where the desk is.
    #[must_use]
    pub fn desk_at(&self) -> watch::Receiver<DeskAt> {
        self.desk_at.subscribe()
    }

    /// Returns when this node is given the desk.
    pub async fn elected(&self) -> Term {
        let mut term = self.term.subscribe();
        loop {
            let found = term.borrow_and_update().clone().filter(|term| !term.end.is_cancelled());
            if let Some(term) = found {
                return term;
            }
            // The sender is in this very struct.
            let _ = term.changed().await;
        }
    }

    /// Beats until `stop`, then hands back what this node holds.
    ///
    /// # Errors
    /// The others took this node for dead, and its number is somebody else's. The daemon must stop and start again.
    pub async fn keep(&self, stop: Stop) -> Result<(), StoreError> {
        let mut renewed = Instant::now();
        let outcome = loop {
            let began = Instant::now();
            match self.beat().await {
                Ok(()) => renewed = began,
                Err(StoreError::Missing(what)) => break Err(StoreError::Missing(what)),
                Err(error) => {
                    tracing::warn!(%error, "This daemon cannot say that it is alive.");
                    if renewed.elapsed() + BEAT > DESK_TTL {
                        self.resign();
                        self.desk_at.send_if_modified(|at| std::mem::replace(at, DeskAt::Nowhere) != DeskAt::Nowhere);
                    }
                }
            }
            if stop.run_until_cancelled(tokio::time::sleep(BEAT)).await.is_none() {
                break Ok(());
            }
        };
        self.resign();
        let _ = tokio::time::timeout(FAREWELL, self.database.leave(&self.node)).await;
        outcome
    }

    async fn beat(&self) -> Result<(), StoreError> {
        // Each of these may hang as long as the database's time-outs allow: what was not renewed in time is lost by then.
        if self.database.beat(&self.node).await? {
            tracing::warn!(
                "This daemon was silent for so long that the others took it for dead: is its machine overloaded?"
            );
            metrics::counter!("switchboard_node_silent_total").increment(1);
        }
        if self.role.matches() {
            match self.database.lease(DESK, &self.node, DESK_TTL).await? {
                Some(lease) => self.lead(lease),
                None => self.resign(),
            }
        }
        let alive: Arc<[LiveNode]> = self.database.nodes().await?.into();
        let works = |node: &&LiveNode| matches!(&*node.card.roles, "all" | "worker");
        let workers: Arc<[u8]> = alive.iter().filter(works).map(|node| node.number).collect();
        let mut versions = alive.iter().map(|node| node.card.version.as_str());
        let alike = versions.next().is_some_and(|first| versions.all(|other| other == first));
        self.alike.send_if_modified(|known| std::mem::replace(known, alike) != alike);
        metrics::gauge!("switchboard_nodes").set(alive.len() as f64);
        self.database.shared_by(workers.len());
        self.workers.send_if_modified(|known| std::mem::replace(known, Arc::clone(&workers)) != workers);
        let holder = self.database.holder(DESK).await?;
        let desk_at = match holder.and_then(|number| alive.iter().find(|node| node.number == number)) {
            Some(node) if node.number == self.node.number && self.term.borrow().is_some() => DeskAt::Here,
            Some(node) if node.number != self.node.number => DeskAt::There(node.card.address.clone()),
            _ => DeskAt::Nowhere,
        };
        self.alive.send_replace(alive);
        self.desk_at.send_if_modified(|at| {
            let moved = *at != desk_at;
            if moved {
                tracing::info!(?desk_at, "The desk is elsewhere now.");
                *at = desk_at;
            }
            moved
        });
        Ok(())
    }

    fn lead(&self, lease: Lease) {
        self.term.send_if_modified(|term| {
            let fence = lease.fence();
            if term.as_ref().is_some_and(|term| term.fence == fence) {
                return false;
            }
            if let Some(term) = term.take() {
                term.end.cancel();
            }
            tracing::info!(epoch = lease.epoch, "This daemon runs the desk.");
            *term = Some(Term { fence, end: Stop::new() });
            true
        });
        metrics::gauge!("switchboard_desk_leader").set(1.0);
    }

    fn resign(&self) {
        metrics::gauge!("switchboard_desk_leader").set(0.0);
        self.term.send_if_modified(|term| {
            let Some(term) = term.take() else { return false };
            tracing::info!(epoch = term.fence.epoch, "This daemon does not run the desk any more.");
            term.end.cancel();
            true
        });
    }

    /// Runs something that must run on one node at a time, under a lease of this name, whenever it is this node's.
    /// `run` ends when its `Stop` says so.
    pub async fn alone<F: Future<Output = ()>>(&self, name: &'static str, stop: &Stop, run: impl Fn(Stop) -> F) {
        while !stop.is_cancelled() {
            let held = self.database.lease(name, &self.node, DESK_TTL).await;
            if matches!(held, Ok(Some(_))) {
                let end = stop.child_token();
                let holding = async {
                    self.hold(name, &end).await;
                    end.cancel();
                };
                tokio::join!(run(end.clone()), holding);
                let _ = self.database.release(name, &self.node).await;
            }
            if stop.run_until_cancelled(tokio::time::sleep(BEAT)).await.is_none() {
                return;
            }
        }
    }

    /// Renews a lease until it is lost or given up.
    async fn hold(&self, name: &'static str, end: &Stop) {
        let mut renewed = Instant::now();
        while end.run_until_cancelled(tokio::time::sleep(BEAT)).await.is_some() {
            let began = Instant::now();
            match self.database.lease(name, &self.node, DESK_TTL).await {
                Ok(Some(_)) => renewed = began,
                Ok(None) => return,
                Err(_) if renewed.elapsed() + BEAT > DESK_TTL => return,
                Err(_) => {}
            }
        }
    }
}
