//! How a node learns of what others commit: by asking what has changed since it asked last.

use std::sync::Arc;

use super::{PostgresRecord, rows};
use crate::store::{StoreError, conversation::Conversation};

/// Up to where changes have been read: transactions below it had all ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Horizon(u64);

/// The horizon and the conversations are of one snapshot.
pub(super) const CHANGED: &str = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text, c.state
     FROM (SELECT 1) AS one LEFT JOIN conversations c ON c.changed >= ($1::text)::xid8";

impl PostgresRecord {
    /// The conversations whose structural commits became visible since, and from where to ask next. What was being
    /// committed while one asked comes the next time, so nothing is missed and a conversation may come twice.
    ///
    /// Without a horizon there are no conversations: who reads everything after that misses nothing.
    ///
    /// # Errors
    /// The database does not work: ask again from the same horizon.
    pub async fn changed_since(
        &self,
        horizon: Option<Horizon>,
    ) -> Result<(Vec<Arc<Conversation>>, Horizon), StoreError> {
        let since = horizon.map(|horizon| horizon.0.to_string());
        let rows = self.database.query(CHANGED, &[&since]).await?;
        let mut next = Horizon(0);
        let mut changed = Vec::with_capacity(rows.len());
        for row in &rows {
            next = Horizon(rows::parse(rows::get(row, 0)?, "snapshot")?);
            if let Some(state) = rows::get::<Option<&str>>(row, 1)? {
                changed.push(Arc::new(rows::parse(state, "conversation")?));
            }
        }
        Ok((changed, next))
    }
}
