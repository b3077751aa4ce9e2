//! The people of the company, their sessions, and the tokens of programs.

use std::collections::BTreeMap;

use contract::{AgentId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::routing::Person;

/// What somebody may do. Each includes the ones before it.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
    clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Answers customers.
    #[default]
    Agent,
    /// Sees every conversation, redrives dead letters, undoes merges.
    Supervisor,
    /// Manages people, tokens and rules.
    Admin,
}

/// A person of the company.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    /// Their id.
    pub id: AgentId,
    /// What they log in with, lower-case.
    pub login: String,
    /// The name that customers see.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The argon2 hash of their password, in PHC text form.
    pub password_hash: String,
    /// Languages that they speak, BCP-47; each counts as the skill `lang-…` at level 5.
    #[serde(default)]
    pub languages: Vec<String>,
    /// What they can do, 1 to 5.
    #[serde(default)]
    pub skills: BTreeMap<String, u8>,
    /// The queues that they serve.
    #[serde(default)]
    pub queues: Vec<String>,
    /// How much they can hold, in units; a chat costs 25 by default.
    pub capacity: u32,
    /// The most conversations at once, by kind of channel; a kind that is not named has no cap of its own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub caps: BTreeMap<String, u32>,
    /// Whether they may log in and be offered work.
    pub active: bool,
}

impl<'a> From<&'a Agent> for Person<'a> {
    fn from(agent: &'a Agent) -> Self {
        let Agent { login, active, languages, skills, queues, .. } = agent;
        Self { login, active: *active, languages, skills, queues }
    }
}

/// Somebody logged in at a browser. Only the hash of the token is kept.
#[derive(Debug, Clone)]
pub struct Session {
    /// SHA-256 of the cookie's token.
    pub token_hash: [u8; 32],
    /// Who.
    pub agent: AgentId,
    /// What the browser must send along with every change.
    pub csrf: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A program's token. Only its hash is kept.
#[derive(Debug, Clone)]
pub struct ApiToken {
    /// Its number.
    pub id: i64,
    /// What it is for.
    pub name: String,
    /// What the program may do.
    pub role: Role,
    /// SHA-256 of the token.
    pub token_hash: [u8; 32],
    /// When it was made.
    pub made_at: Timestamp,
}
