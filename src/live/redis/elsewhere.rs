//! Whether consoles may be open on other nodes, so that nobody builds what nobody sees.
//!
//! Redis says how many subscriptions heard what was published, and a node has one for consoles only while some are open on it.
//! What is not built while nobody listens is remembered as left out. Whoever begins to listen says so, and is told that
//! something was missed; so is, a little later, whoever was overlooked.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tokio::sync::Notify;

/// What one node knows of the consoles of others.
#[derive(Default)]
pub(super) struct Elsewhere {
    /// Whether nobody else heard what was published last.
    is_nobody: AtomicBool,
    left_out: AtomicBool,
    /// Rung when somebody may have begun to listen.
    pub(super) appeared: Notify,
}

impl Elsewhere {
    /// Whether anybody may listen to what is about to be said. Where not, it is left out.
    pub(super) fn may_listen(&self) -> bool {
        let may_listen = !self.is_nobody.load(Relaxed);
        if !may_listen {
            self.left_out.store(true, Relaxed);
        }
        may_listen
    }

    /// Somebody may have begun to listen.
    pub(super) fn appear(&self) {
        self.is_nobody.store(false, Relaxed);
        self.appeared.notify_one();
    }

    /// So many subscriptions of others heard what was said just now.
    pub(super) fn heard(&self, count: u64) {
        self.is_nobody.store(count == 0, Relaxed);
    }

    /// Whether something was left out since this was asked last: it is to be said then, whoever listens.
    pub(super) fn take_left_out(&self) -> bool {
        self.left_out.swap(false, Relaxed)
    }
}
