//! Which agents have consoles open on this daemon.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use contract::AgentId;

use crate::{desk::DeskHandle, live::Shared};

/// The open consoles of this daemon; every change is said to all of them.
pub struct Consoles {
    open: Mutex<HashMap<AgentId, usize>>,
    shared: Arc<dyn Shared>,
}

impl Consoles {
    /// None yet.
    #[must_use]
    pub fn new(shared: Arc<dyn Shared>) -> Arc<Self> {
        Arc::new(Self { open: Mutex::default(), shared })
    }

    /// A console of an agent opened; it is open until the guard is dropped.
    #[must_use]
    pub fn open(self: &Arc<Self>, agent: AgentId) -> OpenConsole {
        self.count(agent, 1);
        OpenConsole { consoles: Arc::clone(self), agent }
    }

    /// Tells the desk who is there, before whoever opened a console asks it.
    pub async fn tell(&self, desk: &DeskHandle) {
        if let Some(here) = self.shared.here().await {
            desk.here(here);
        }
    }

    fn count(&self, agent: AgentId, change: isize) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let (before, count) = (open.len(), open.entry(agent).or_default());
        *count = count.saturating_add_signed(change);
        if *count == 0 {
            open.remove(&agent);
        }
        // Said under the lock, so that what is said last is what is.
        if open.len() != before {
            self.shared.say_here(open.keys().copied().collect());
        }
    }
}

/// An open console.
pub struct OpenConsole {
    consoles: Arc<Consoles>,
    agent: AgentId,
}

impl Drop for OpenConsole {
    fn drop(&mut self) {
        self.consoles.count(self.agent, -1);
    }
}
