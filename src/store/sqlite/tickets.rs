//! Tickets' numbers.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{OptionalExtension, params};

use super::{SqliteRecord, id_column};
use crate::store::{
    Journal, StoreError,
    conversation::Conversation,
    ticket::{TicketNumber, Tickets, numbers},
};

#[async_trait]
impl Tickets for SqliteRecord {
    async fn reserve_tickets(&self, count: u32) -> Result<Vec<TicketNumber>, StoreError> {
        let first: i64 = self
            .write(move |transaction| {
                transaction
                    .prepare_cached(
                        // Behind the largest that is there too: a record that was carried here brings no counter.
                        "WITH next (number) AS (
                             SELECT MAX(?1, COALESCE((SELECT MAX(number) + 1 FROM tickets), 0),
                                        COALESCE((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'tickets'), 0)))
                         INSERT OR REPLACE INTO meta (key, value) SELECT 'tickets', number + ?2 FROM next
                         RETURNING CAST(value AS INTEGER) - ?2",
                    )?
                    .query_row(params![TicketNumber::FIRST.get().cast_signed(), count], |row| row.get(0))
            })
            .await?;
        Ok(numbers(first, count))
    }

    async fn conversation_of_ticket(&self, number: TicketNumber) -> Result<Option<Arc<Conversation>>, StoreError> {
        let found = self.read(move |connection| {
            connection
                .prepare_cached("SELECT conversation FROM tickets WHERE number = ?1")?
                .query_row([number.get().cast_signed()], |row| id_column(row, 0))
                .optional()
        });
        match found.await? {
            Some(id) => self.conversation(id).await,
            None => Ok(None),
        }
    }
}
