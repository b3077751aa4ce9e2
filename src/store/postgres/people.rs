//! Agents, sessions and tokens on PostgreSQL.

use async_trait::async_trait;
use contract::{AgentId, Timestamp};

use super::{
    PostgresRecord,
    rows::{self, plain, raw},
};
use crate::store::{
    People, StoreError,
    people::{Agent, ApiToken, Role, Session},
    written::to_json,
};

#[async_trait]
impl People for PostgresRecord {
    async fn agents(&self) -> Result<Vec<Agent>, StoreError> {
        let rows = self.database.query("SELECT agent FROM agents ORDER BY login", &[]).await?;
        rows.iter().map(|row| rows::json(row, 0, "agent")).collect()
    }

    async fn put_agent(&self, agent: Agent) -> Result<(), StoreError> {
        let sql = "INSERT INTO agents (id, login, agent) VALUES ($1, $2, $3)
                   ON CONFLICT (id) DO UPDATE SET login = excluded.login, agent = excluded.agent";
        let params: super::database::Params<'_> = &[&raw(agent.id.get()), &plain(&agent.login), &to_json(&agent)];
        self.database.execute(sql, params).await.map(drop)
    }

    async fn put_presence(&self, agent: AgentId, presence: &'static str) -> Result<(), StoreError> {
        let sql = "INSERT INTO presences (agent, presence) VALUES ($1, $2)
                   ON CONFLICT (agent) DO UPDATE SET presence = excluded.presence";
        self.database.execute(sql, &[&raw(agent.get()), &presence]).await.map(drop)
    }

    async fn presences(&self) -> Result<Vec<(AgentId, String)>, StoreError> {
        let rows = self.database.query("SELECT agent, presence FROM presences", &[]).await?;
        rows.iter().map(|row| Ok((rows::id(row, 0)?, rows::get(row, 1)?))).collect()
    }

    async fn put_session(&self, session: Session) -> Result<(), StoreError> {
        let Session { token_hash, agent, csrf, expires_at } = &session;
        let now = crate::clock::now().as_microsecond();
        self.database
            .execute(
                "WITH over AS (DELETE FROM sessions WHERE expires_at < $5)
                 INSERT INTO sessions (token_hash, agent, csrf, expires_at) VALUES ($1, $2, $3, $4)",
                &[&&token_hash[..], &raw(agent.get()), csrf, &expires_at.as_microsecond(), &now],
            )
            .await
            .map(drop)
    }

    async fn session(&self, token_hash: [u8; 32], now: Timestamp) -> Result<Option<Session>, StoreError> {
        let sql = "SELECT agent, csrf, expires_at FROM sessions WHERE token_hash = $1 AND expires_at > $2";
        let row = self.database.row(sql, &[&&token_hash[..], &now.as_microsecond()]).await?;
        let Some(row) = row else { return Ok(None) };
        let (agent, csrf, expires_at) = (rows::id(&row, 0)?, rows::get(&row, 1)?, rows::time(&row, 2)?);
        Ok(Some(Session { token_hash, agent, csrf, expires_at }))
    }

    async fn end_sessions(&self, token_hash: Option<[u8; 32]>, agent: AgentId) -> Result<(), StoreError> {
        let token = token_hash.map(|hash| hash.to_vec());
        let sql = "DELETE FROM sessions WHERE agent = $1 AND ($2::bytea IS NULL OR token_hash = $2)";
        self.database.execute(sql, &[&raw(agent.get()), &token]).await.map(drop)
    }

    async fn tokens(&self) -> Result<Vec<ApiToken>, StoreError> {
        let rows =
            self.database.query("SELECT id, name, role, token_hash, made_at FROM tokens ORDER BY id", &[]).await?;
        rows.iter()
            .map(|row| {
                let (role, hash): (String, Vec<u8>) = (rows::get(row, 2)?, rows::get(row, 3)?);
                let corrupt = || StoreError::Corrupt { what: "token", reason: "its hash has not 32 bytes".into() };
                Ok(ApiToken {
                    id: rows::get(row, 0)?,
                    name: rows::get(row, 1)?,
                    role: serde_json::from_value::<Role>(role.into()).unwrap_or_default(),
                    token_hash: hash.try_into().map_err(|_| corrupt())?,
                    made_at: rows::time(row, 4)?,
                })
            })
            .collect()
    }

    async fn put_token(&self, token: ApiToken) -> Result<i64, StoreError> {
        let role = to_json(&token.role);
        let sql = "INSERT INTO tokens (name, role, token_hash, made_at) VALUES ($1, $2, $3, $4) RETURNING id";
        let params: super::database::Params<'_> =
            &[&plain(&token.name), &role.trim_matches('"'), &&token.token_hash[..], &token.made_at.as_microsecond()];
        let rows = self.database.write(sql, params).await?;
        rows.first().map_or(Err(StoreError::Missing("token")), |row| rows::get(row, 0))
    }

    async fn end_token(&self, id: i64) -> Result<(), StoreError> {
        self.database.execute("DELETE FROM tokens WHERE id = $1", &[&id]).await.map(drop)
    }
}
