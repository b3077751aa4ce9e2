//! Agents, sessions and tokens on the embedded record.

use async_trait::async_trait;
use contract::{AgentId, Timestamp};
use rusqlite::{OptionalExtension, params};

use super::{SqliteRecord, id_column, json_column, time_column, writer::to_json};
use crate::store::{
    People, StoreError,
    people::{Agent, ApiToken, Role, Session},
};

#[async_trait]
impl People for SqliteRecord {
    async fn agents(&self) -> Result<Vec<Agent>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT agent FROM agents ORDER BY login")?
                .query_map([], |row| json_column(row, 0))?
                .collect()
        })
        .await
    }

    async fn put_agent(&self, agent: Agent) -> Result<(), StoreError> {
        self.write(move |transaction| {
            transaction
                .prepare_cached(
                    "INSERT INTO agents (id, login, agent) VALUES (?1, ?2, ?3)
                     ON CONFLICT (id) DO UPDATE SET login = excluded.login, agent = excluded.agent",
                )?
                .execute(params![agent.id.get().cast_signed(), agent.login, to_json(&agent)])
                .map(drop)
        })
        .await
    }

    async fn put_presence(&self, agent: AgentId, presence: &'static str) -> Result<(), StoreError> {
        self.write(move |transaction| {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO presences (agent, presence) VALUES (?1, ?2)")?
                .execute(params![agent.get().cast_signed(), presence])
                .map(drop)
        })
        .await
    }

    async fn presences(&self) -> Result<Vec<(AgentId, String)>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT agent, presence FROM presences")?
                .query_map([], |row| Ok((id_column(row, 0)?, row.get(1)?)))?
                .collect()
        })
        .await
    }

    async fn put_session(&self, session: Session) -> Result<(), StoreError> {
        self.write(move |transaction| {
            transaction
                .prepare_cached("DELETE FROM sessions WHERE expires_at < ?1")?
                .execute([crate::clock::now().as_microsecond()])?;
            transaction
                .prepare_cached("INSERT INTO sessions (token_hash, agent, csrf, expires_at) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![
                    session.token_hash,
                    session.agent.get().cast_signed(),
                    session.csrf,
                    session.expires_at.as_microsecond()
                ])
                .map(drop)
        })
        .await
    }

    async fn session(&self, token_hash: [u8; 32], now: Timestamp) -> Result<Option<Session>, StoreError> {
        self.read(move |connection| {
            connection
                .prepare_cached(
                    "SELECT agent, csrf, expires_at FROM sessions WHERE token_hash = ?1 AND expires_at > ?2",
                )?
                .query_row(params![token_hash, now.as_microsecond()], |row| {
                    Ok(Session {
                        token_hash,
                        agent: id_column(row, 0)?,
                        csrf: row.get(1)?,
                        expires_at: time_column(row, 2)?,
                    })
                })
                .optional()
        })
        .await
    }

    async fn end_sessions(&self, token_hash: Option<[u8; 32]>, agent: AgentId) -> Result<(), StoreError> {
        self.write(move |transaction| {
            transaction
                .prepare_cached("DELETE FROM sessions WHERE agent = ?1 AND (?2 IS NULL OR token_hash = ?2)")?
                .execute(params![agent.get().cast_signed(), token_hash])
                .map(drop)
        })
        .await
    }

    async fn tokens(&self) -> Result<Vec<ApiToken>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT id, name, role, token_hash, made_at FROM tokens ORDER BY id")?
                .query_map([], |row| {
                    let role: String = row.get(2)?;
                    Ok(ApiToken {
                        id: row.get(0)?,
                        name: row.get(1)?,
                        role: serde_json::from_value::<Role>(role.into()).unwrap_or_default(),
                        token_hash: row.get(3)?,
                        made_at: time_column(row, 4)?,
                    })
                })?
                .collect()
        })
        .await
    }

    async fn put_token(&self, token: ApiToken) -> Result<i64, StoreError> {
        self.write(move |transaction| {
            let role = to_json(&token.role);
            transaction
                .prepare_cached("INSERT INTO tokens (name, role, token_hash, made_at) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![
                    token.name,
                    role.trim_matches('"'),
                    token.token_hash,
                    token.made_at.as_microsecond()
                ])?;
            Ok(transaction.last_insert_rowid())
        })
        .await
    }

    async fn end_token(&self, id: i64) -> Result<(), StoreError> {
        self.write(move |transaction| {
            transaction.prepare_cached("DELETE FROM tokens WHERE id = ?1")?.execute([id]).map(drop)
        })
        .await
    }
}
