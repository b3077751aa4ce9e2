//! Tickets' numbers. Whoever reserves some holds the one row of the counter for the moment of that.

use std::sync::Arc;

use async_trait::async_trait;

use super::{PostgresRecord, rows};
use crate::store::{
    Journal, StoreError,
    conversation::Conversation,
    ticket::{TicketNumber, Tickets, numbers},
};

/// Behind the largest that is there too: a record that was carried here brings no counter.
pub(super) const RESERVE: &str = "INSERT INTO meta AS m (key, value)
     VALUES ('tickets', (GREATEST($1::bigint, (SELECT MAX(number) + 1 FROM tickets)) + $2::bigint)::text)
     ON CONFLICT (key) DO UPDATE SET value =
         (GREATEST($1::bigint, m.value::bigint, (SELECT MAX(number) + 1 FROM tickets)) + $2::bigint)::text
     RETURNING value::bigint - $2::bigint";
pub(super) const OF_TICKET: &str = "SELECT conversation FROM tickets WHERE number = $1";

#[async_trait]
impl Tickets for PostgresRecord {
    async fn reserve_tickets(&self, count: u32) -> Result<Vec<TicketNumber>, StoreError> {
        let (first, many) = (TicketNumber::FIRST.get().cast_signed(), i64::from(count));
        let row = self.database.write(RESERVE, &[&first, &many]).await?;
        let row = row.first().ok_or_else(|| StoreError::Unavailable("it reserved no number".into()))?;
        Ok(numbers(rows::get(row, 0)?, count))
    }

    async fn conversation_of_ticket(&self, number: TicketNumber) -> Result<Option<Arc<Conversation>>, StoreError> {
        let row = self.database.row(OF_TICKET, &[&number.get().cast_signed()]).await?;
        match row {
            Some(row) => self.conversation(rows::id(&row, 0)?).await,
            None => Ok(None),
        }
    }
}
