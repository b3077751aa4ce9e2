//! The outbox on PostgreSQL. A message that is being sent has the node that sends it; when that node is no more, somebody
//! else finds the message and does what a start would do. What a node leased and never heard of, because the answer was lost
//! with its connection, it finds itself: it knows what it has in hand.

use std::sync::{MutexGuard, PoisonError};

use async_trait::async_trait;
use contract::{ConversationId, MessageId, OutboundId, Reached, Timestamp};
use hashbrown::HashSet;
use tokio_postgres::{Row, types::ToSql};

use super::{
    PostgresRecord, entries,
    rows::{self, plain, raw},
};
use crate::store::{
    Outbox, StoreError,
    entry::{Entry, What},
    outbox::{DeadLetter, Delivery, DeliveryState, HeldFor, Leased, Ledger, Precedence, Settled},
};

/// Leases what is due. Whatever else is being leased at this moment is passed over, and of a conversation only what comes
/// first in it is due.
pub(super) const LEASE: &str = "WITH due AS MATERIALIZED (
         SELECT o.id FROM outbox o WHERE o.channel = $1 AND o.state = 0 AND o.precedence = $6 AND o.next_at <= $2
           AND NOT EXISTS (SELECT 1 FROM outbox p WHERE p.conversation = o.conversation AND p.channel = o.channel
                           AND p.place < o.place AND p.state IN (0, 1))
         ORDER BY o.next_at, o.id LIMIT $3 FOR UPDATE OF o SKIP LOCKED),
     taken AS (
         UPDATE outbox o SET state = 1, node = $4, incarnation = $5 FROM due WHERE o.id = due.id
         RETURNING o.id, o.attempts, o.next_at)
     SELECT t.attempts, e.id, e.at, e.entry FROM taken t
     CROSS JOIN LATERAL (SELECT e.id, e.at, e.entry FROM entries e WHERE e.id = t.id OFFSET 0) AS e
     ORDER BY t.next_at, t.id";
pub(super) const NEXT_DUE: &str =
    "SELECT o.next_at FROM outbox o WHERE o.channel = $1 AND o.state = 0 AND o.precedence = $2
       AND NOT EXISTS (SELECT 1 FROM outbox p WHERE p.conversation = o.conversation AND p.channel = o.channel
                       AND p.place < o.place AND p.state IN (0, 1))
     ORDER BY o.next_at LIMIT 1";
pub(super) const SETTLE: &str = "UPDATE outbox o SET
         state = CASE WHEN o.state IN (3, 4, 5) AND u.state = 2 THEN o.state ELSE u.state END,
         attempts = u.attempts, error = u.error, held_for = u.held_for, external_id = COALESCE(u.external_id, o.external_id),
         next_at = u.next_at, node = NULL, incarnation = NULL
     FROM unnest($1::bigint[], $2::smallint[], $3::integer[], $4::text[], $5::text[], $6::bigint[], $7::smallint[])
         AS u (id, state, attempts, error, external_id, next_at, held_for) WHERE o.id = u.id";
/// Leases the oldest that is held for its channel.
pub(super) const PROBE: &str = "WITH held AS MATERIALIZED (
         SELECT o.id FROM outbox o
         WHERE o.channel = $1 AND o.state IN (1, 5, 6, 7) AND o.state = 7 AND o.held_for = 0
         ORDER BY o.id LIMIT 1 FOR UPDATE OF o SKIP LOCKED),
     taken AS (
         UPDATE outbox o SET state = 1, node = $2, incarnation = $3 FROM held WHERE o.id = held.id
         RETURNING o.id, o.attempts, o.precedence)
     SELECT t.attempts, e.id, e.at, e.entry, t.precedence FROM taken t
     CROSS JOIN LATERAL (SELECT e.id, e.at, e.entry FROM entries e WHERE e.id = t.id OFFSET 0) AS e";
pub(super) const RELEASE: &str = "UPDATE outbox SET state = 0, next_at = 0
     WHERE state IN (1, 5, 6, 7) AND state = 7 AND channel = $1 AND held_for = 0";
/// What a node that is no more was sending.
pub(super) const LEFT_BEHIND: &str = "UPDATE outbox SET state = $2, node = NULL, incarnation = NULL
     WHERE state IN (1, 5, 6, 7) AND state = 1 AND channel = $1 AND NOT COALESCE(is_alive(node, incarnation), false)";

/// What this node leased and has not in hand.
pub(super) const ASTRAY: &str = "UPDATE outbox SET state = 0, node = NULL, incarnation = NULL
     WHERE state IN (1, 5, 6, 7) AND state = 1 AND channel = $1 AND node = $2 AND incarnation = $3
       AND id <> ALL ($4::bigint[])";

impl PostgresRecord {
    async fn lease_of(
        &self,
        channel: &str,
        now: Timestamp,
        precedence: Precedence,
        limit: usize,
    ) -> Result<Vec<Leased>, StoreError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let (node, incarnation) = self.node.columns();
        let (now, limit, of) = (now.as_microsecond(), rows::limit(limit), precedence as i16);
        let rows = self.database.write(LEASE, &[&plain(channel), &now, &limit, &node, &incarnation, &of]).await?;
        let leased = rows.iter().map(|row| leased(row, precedence));
        leased.filter_map(Result::transpose).collect()
    }

    fn in_hand(&self) -> MutexGuard<'_, HashSet<i64>> {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes pending what was leased for a channel and never came here. Nothing of the channel is being leased meanwhile:
    /// whoever sends for it asks for this.
    async fn find_astray(&self, channel: &str) -> Result<(), StoreError> {
        let in_hand: Vec<i64> = self.in_hand().iter().copied().collect();
        let (node, incarnation) = self.node.columns();
        let count = self.database.execute(ASTRAY, &[&plain(channel), &node, &incarnation, &in_hand]).await?;
        if count > 0 {
            tracing::warn!(count, channel, "Messages were leased for this daemon and never arrived here; they go now.");
        }
        Ok(())
    }

    async fn take_over(&self, channel: &str, resend: bool) -> Result<u64, StoreError> {
        let becomes = if resend { DeliveryState::Pending } else { DeliveryState::Unknown } as i16;
        self.database.execute(LEFT_BEHIND, &[&plain(channel), &becomes]).await
    }
}

#[async_trait]
impl Outbox for PostgresRecord {
    async fn recover(&self, channel: &str, resend: bool) -> Result<(), StoreError> {
        self.take_over(channel, resend).await?;
        let sql = "UPDATE outbox SET state = 0, next_at = 0 WHERE state IN (1, 5, 6, 7) AND state = 7 AND channel = $1";
        self.database.execute(sql, &[&plain(channel)]).await.map(drop)
    }

    async fn reclaim(&self, channel: &str, resend: bool) -> Result<u64, StoreError> {
        self.find_astray(channel).await?;
        self.take_over(channel, resend).await
    }

    async fn lease(
        &self,
        channel: &str,
        now: Timestamp,
        limit: usize,
        for_bulk: usize,
    ) -> Result<Vec<Leased>, StoreError> {
        let mut leased = self.lease_of(channel, now, Precedence::Bulk, for_bulk.min(limit)).await?;
        for precedence in Precedence::ALL {
            leased.extend(self.lease_of(channel, now, precedence, limit - leased.len()).await?);
        }
        self.in_hand().extend(leased.iter().map(|leased| raw(leased.outbound.id.get())));
        Ok(leased)
    }

    async fn probe(&self, channel: &str) -> Result<Option<Leased>, StoreError> {
        let (node, incarnation) = self.node.columns();
        let rows = self.database.write(PROBE, &[&plain(channel), &node, &incarnation]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let probe = leased(row, Precedence::from_number(rows::get::<i16>(row, 4)?.into()))?;
        self.in_hand().extend(probe.iter().map(|probe| raw(probe.outbound.id.get())));
        Ok(probe)
    }

    async fn release(&self, channel: &str) -> Result<(), StoreError> {
        self.database.execute(RELEASE, &[&plain(channel)]).await.map(drop)
    }

    async fn next_due(&self, channel: &str) -> Result<Option<Timestamp>, StoreError> {
        let channel = plain(channel);
        let of: [i16; 3] = Precedence::ALL.map(|precedence| precedence as i16);
        let questions = of.each_ref().map(|of| -> [&(dyn ToSql + Sync); 2] { [&channel, of] });
        let found = self.database.pipelined(&questions.each_ref().map(|params| (NEXT_DUE, &params[..]))).await?;
        let mut earliest = None;
        for row in found.iter().flatten() {
            earliest = earliest.into_iter().chain([rows::time(row, 0)?]).min();
        }
        Ok(earliest)
    }

    async fn settle(&self, settled: Vec<Settled>) -> Result<(), StoreError> {
        let mut settled: Vec<&Settled> = settled.iter().collect();
        settled.sort_by_key(|settled| settled.id);
        let text = |of: fn(&Settled) -> Option<&str>| -> Vec<Option<String>> {
            settled.iter().map(|settled| of(settled).map(|text| plain(text).into_owned())).collect()
        };
        self.database
            .execute(
                SETTLE,
                &[
                    &settled.iter().map(|settled| raw(settled.id.get())).collect::<Vec<_>>(),
                    &settled.iter().map(|settled| settled.delivery.state as i16).collect::<Vec<_>>(),
                    &settled.iter().map(|settled| settled.delivery.attempts.cast_signed()).collect::<Vec<_>>(),
                    &text(|settled| settled.delivery.error.as_deref()),
                    &text(|settled| settled.external_id.as_deref()),
                    &settled.iter().map(|settled| settled.next_at.as_microsecond()).collect::<Vec<_>>(),
                    &settled.iter().map(|settled| held_for(&settled.delivery)).collect::<Vec<_>>(),
                ],
            )
            .await?;
        let mut in_hand = self.in_hand();
        settled.iter().for_each(|settled| _ = in_hand.remove(&raw(settled.id.get())));
        Ok(())
    }

    async fn reached(
        &self,
        id: OutboundId,
        reached: Reached,
    ) -> Result<Option<(ConversationId, Delivery)>, StoreError> {
        let state = match reached {
            Reached::Delivered => DeliveryState::Delivered,
            Reached::Read => DeliveryState::Read,
        } as i16;
        let sql = "UPDATE outbox SET state = $2 WHERE id = $1 AND (state < $2 OR state = 6)
                   RETURNING conversation, state, attempts, error, held_for";
        told(self.database.write(sql, &[&raw(id.get()), &state]).await?.first())
    }

    async fn bounced(&self, id: OutboundId, reason: &str) -> Result<Option<(ConversationId, Delivery)>, StoreError> {
        let sql = "UPDATE outbox SET state = 5, error = $2 WHERE id = $1 AND state <> 5
                   RETURNING conversation, state, attempts, error, held_for";
        told(self.database.write(sql, &[&raw(id.get()), &plain(reason)]).await?.first())
    }

    async fn unread_file(&self, id: &str) -> Result<(String, Vec<u8>), StoreError> {
        self.set_aside_file(id).await
    }

    async fn resend(&self, id: OutboundId) -> Result<String, StoreError> {
        let sql = "UPDATE outbox SET state = 0, next_at = 0 WHERE id = $1 AND state IN (5, 6, 7) RETURNING channel";
        let rows = self.database.write(sql, &[&raw(id.get())]).await?;
        rows.first().map_or(Err(StoreError::Conflict), |row| rows::get(row, 0))
    }

    async fn dead(&self, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        self.dead_letters(limit).await
    }

    async fn redrive_turn(&self, id: MessageId) -> Result<MessageId, StoreError> {
        self.accept_again(id).await
    }

    async fn ledger(&self) -> Result<Ledger, StoreError> {
        super::ledger::ledger(&self.database).await
    }
}

fn told(row: Option<&Row>) -> Result<Option<(ConversationId, Delivery)>, StoreError> {
    let Some(row) = row else { return Ok(None) };
    delivery(row, 1)?.map(|delivery| rows::id(row, 0).map(|id| (id, delivery))).transpose()
}

fn leased(row: &Row, precedence: Precedence) -> Result<Option<Leased>, StoreError> {
    let attempts = rows::get::<i32>(row, 0)?.cast_unsigned();
    Ok(match entries::entry(row, [1, 2, 3])? {
        Entry { what: What::Reply { outbound, .. }, .. } => Some(Leased { outbound: *outbound, attempts, precedence }),
        _ => None,
    })
}

fn held_for(delivery: &Delivery) -> i16 {
    delivery.held_for.unwrap_or(HeldFor::Channel) as i16
}

/// The delivery in four columns, the first of which is null where there is none.
pub(super) fn delivery(row: &Row, first: usize) -> Result<Option<Delivery>, StoreError> {
    let Some(state) = rows::get::<Option<i16>>(row, first)? else { return Ok(None) };
    let Some(state) = DeliveryState::from_number(state.into()) else { return Ok(None) };
    let attempts = rows::get::<i32>(row, first + 1)?.cast_unsigned();
    let held_for = HeldFor::from_number(rows::get::<i16>(row, first + 3)?.into());
    let held_for = (state == DeliveryState::Held).then_some(held_for);
    Ok(Some(Delivery { state, attempts, error: rows::get(row, first + 2)?, held_for }))
}
