//! What adapters remember, on PostgreSQL.

use std::collections::BTreeMap;

use async_trait::async_trait;
use contract::{Memory, MemoryError};

use super::{
    PostgresRecord,
    rows::{self, plain},
};
use crate::store::StoreError;

fn unavailable(error: StoreError) -> MemoryError {
    MemoryError(Box::new(error))
}

#[async_trait]
impl Memory for PostgresRecord {
    async fn get(&self, channel: &str, key: &str) -> Result<Option<String>, MemoryError> {
        let sql = "SELECT value FROM channel_memory WHERE channel = $1 AND key = $2";
        let row = self.database.row(sql, &[&plain(channel), &plain(key)]).await.map_err(unavailable)?;
        row.map(|row| rows::get(&row, 0)).transpose().map_err(unavailable)
    }

    async fn beginning(
        &self,
        channel: &str,
        prefix: &str,
        limit: usize,
    ) -> Result<BTreeMap<String, String>, MemoryError> {
        let sql = "SELECT key::text, value FROM channel_memory
                   WHERE channel = $1 AND key >= $2 AND key <= $2 || U&'\\+10FFFF' AND starts_with(key, $2)
                   ORDER BY key LIMIT $3";
        let params: super::database::Params<'_> = &[&plain(channel), &plain(prefix), &rows::limit(limit)];
        let rows = self.database.query(sql, params).await.map_err(unavailable)?;
        let pairs = rows.iter().map(|row| Ok((rows::get(row, 0)?, rows::get(row, 1)?)));
        pairs.collect::<Result<_, StoreError>>().map_err(unavailable)
    }

    async fn put(&self, channel: &str, key: &str, value: Option<&str>) -> Result<(), MemoryError> {
        let (channel, key) = (plain(channel), plain(key));
        let done = match value {
            Some(value) => {
                let sql = "INSERT INTO channel_memory (channel, key, value) VALUES ($1, $2, $3)
                           ON CONFLICT (channel, key) DO UPDATE SET value = excluded.value";
                self.database.execute(sql, &[&channel, &key, &plain(value)]).await
            }
            None => {
                let sql = "DELETE FROM channel_memory WHERE channel = $1 AND key = $2";
                self.database.execute(sql, &[&channel, &key]).await
            }
        };
        done.map(drop).map_err(unavailable)
    }
}
