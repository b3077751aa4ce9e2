//! The people of the company, in memory: names for lists, logins for rules. The record has the truth.

use std::{collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;
use contract::AgentId;

use crate::store::people::Agent;

/// Everybody, as of the last change.
#[derive(Debug, Default)]
pub struct Roster {
    agents: ArcSwap<HashMap<AgentId, Arc<Agent>>>,
}

impl Roster {
    /// Replaces everybody. Answers whether anybody is different.
    pub fn set(&self, agents: impl IntoIterator<Item = Agent>) -> bool {
        let agents: HashMap<_, _> = agents.into_iter().map(|agent| (agent.id, Arc::new(agent))).collect();
        let is_new = **self.agents.load() != agents;
        self.agents.store(Arc::new(agents));
        is_new
    }

    /// Somebody.
    #[must_use]
    pub fn get(&self, id: AgentId) -> Option<Arc<Agent>> {
        self.agents.load().get(&id).cloned()
    }

    /// Somebody by login.
    #[must_use]
    pub fn by_login(&self, login: &str) -> Option<Arc<Agent>> {
        self.agents.load().values().find(|agent| agent.login == login).cloned()
    }

    /// Everybody, by login.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Agent>> {
        let mut all: Vec<_> = self.agents.load().values().cloned().collect();
        all.sort_by(|a, b| a.login.cmp(&b.login));
        all
    }

    /// The name that customers see.
    #[must_use]
    pub fn name(&self, id: AgentId) -> String {
        self.get(id).map_or_else(|| id.to_string(), |agent| agent.name.clone())
    }
}
