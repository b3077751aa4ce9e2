//! The outbox, dead letters and the ledger on the embedded record.

use std::sync::Arc;

use async_trait::async_trait;
use contract::{ConversationId, Inbound, MessageId, OutboundId, Reached, Timestamp, truncate_chars};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{
    SqliteRecord, dedup, entries, id_column,
    journal::delivery,
    json_column, time_column,
    writer::{Op, to_json},
};
use crate::store::{
    Outbox, StoreError,
    entry::{Entry, What},
    outbox::{DeadKind, DeadLetter, Delivery, DeliveryState, HeldFor, Leased, Ledger, Precedence, Settled},
};

/// How much of a dead letter is shown in a list.
const SHOWN: usize = 200;

#[async_trait]
impl Outbox for SqliteRecord {
    async fn recover(&self, channel: &str, resend: bool) -> Result<(), StoreError> {
        let channel = channel.to_owned();
        let interrupted = if resend { DeliveryState::Pending } else { DeliveryState::Unknown };
        self.write(move |transaction| {
            transaction
                .prepare_cached(
                    "UPDATE outbox SET state = ?2 WHERE channel = ?1 AND state IN (1, 5, 6, 7) AND state = 1",
                )?
                .execute(params![channel, interrupted as i64])?;
            // The list of states is that of the index, without which the whole outbox would be read.
            transaction
                .prepare_cached(
                    "UPDATE outbox SET state = 0, next_at = 0
                     WHERE channel = ?1 AND state IN (1, 5, 6, 7) AND state = 7",
                )?
                .execute([&channel])
                .map(drop)
        })
        .await
    }

    async fn lease(
        &self,
        channel: &str,
        now: Timestamp,
        limit: usize,
        for_bulk: usize,
    ) -> Result<Vec<Leased>, StoreError> {
        let channel = channel.to_owned();
        self.write(move |transaction| {
            let mut leased = lease_of(transaction, &channel, now, Precedence::Bulk, for_bulk.min(limit))?;
            for precedence in Precedence::ALL {
                let room = limit - leased.len();
                leased.extend(lease_of(transaction, &channel, now, precedence, room)?);
            }
            Ok(leased)
        })
        .await
    }

    async fn probe(&self, channel: &str) -> Result<Option<Leased>, StoreError> {
        let channel = channel.to_owned();
        self.write(move |transaction| {
            let found = transaction
                .prepare_cached(
                    "SELECT o.attempts, o.precedence, e.id, e.at, e.entry FROM outbox o JOIN entries e ON e.id = o.id
                     WHERE o.channel = ?1 AND o.state IN (1, 5, 6, 7) AND o.state = 7 AND o.held_for = ?2
                     ORDER BY o.id LIMIT 1",
                )?
                .query_row(params![channel, HeldFor::Channel as i64], |row| {
                    Ok((row.get(0)?, Precedence::from_number(row.get(1)?), entries::read(row, 2)?))
                })
                .optional()?;
            let Some((attempts, precedence, Entry { what: What::Reply { outbound, .. }, .. })) = found else {
                return Ok(None);
            };
            mark_sending(transaction, outbound.id)?;
            Ok(Some(Leased { outbound: *outbound, attempts, precedence }))
        })
        .await
    }

    async fn release(&self, channel: &str) -> Result<(), StoreError> {
        let channel = channel.to_owned();
        self.write(move |transaction| {
            transaction
                .prepare_cached(
                    "UPDATE outbox SET state = 0, next_at = 0
                     WHERE channel = ?1 AND state IN (1, 5, 6, 7) AND state = 7 AND held_for = ?2",
                )?
                .execute(params![channel, HeldFor::Channel as i64])
                .map(drop)
        })
        .await
    }

    async fn next_due(&self, channel: &str) -> Result<Option<Timestamp>, StoreError> {
        let channel = channel.to_owned();
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT o.next_at FROM outbox o WHERE o.channel = ?1 AND o.state = 0 AND o.precedence = ?2
                   AND NOT EXISTS (SELECT 1 FROM outbox p WHERE p.conversation = o.conversation AND p.channel = o.channel
                                   AND p.id < o.id AND p.state IN (0, 1))
                 ORDER BY o.next_at LIMIT 1",
            )?;
            let mut earliest = None;
            for precedence in Precedence::ALL {
                let due =
                    statement.query_row(params![channel, precedence as i64], |row| time_column(row, 0)).optional()?;
                earliest = earliest.into_iter().chain(due).min();
            }
            Ok(earliest)
        })
        .await
    }

    async fn settle(&self, settled: Vec<Settled>) -> Result<(), StoreError> {
        self.write(move |transaction| {
            // A receipt that came before the send returned says more than the send does.
            let mut statement = transaction.prepare_cached(
                "UPDATE outbox SET state = CASE WHEN state IN (3, 4, 5) AND ?2 = 2 THEN state ELSE ?2 END,
                     attempts = ?3, error = ?4, external_id = COALESCE(?5, external_id), next_at = ?6, held_for = ?7
                 WHERE id = ?1",
            )?;
            for settled in &settled {
                statement.execute(params![
                    settled.id.get().cast_signed(),
                    settled.delivery.state as i64,
                    settled.delivery.attempts,
                    settled.delivery.error,
                    settled.external_id,
                    settled.next_at.as_microsecond(),
                    settled.delivery.held_for.unwrap_or(HeldFor::Channel) as i64
                ])?;
            }
            Ok(())
        })
        .await
    }

    async fn reached(
        &self,
        id: OutboundId,
        reached: Reached,
    ) -> Result<Option<(ConversationId, Delivery)>, StoreError> {
        let state = match reached {
            Reached::Delivered => DeliveryState::Delivered,
            Reached::Read => DeliveryState::Read,
        };
        self.write(move |transaction| {
            let id = id.get().cast_signed();
            let changed = transaction
                .prepare_cached("UPDATE outbox SET state = ?2 WHERE id = ?1 AND (state < ?2 OR state = 6)")?
                .execute(params![id, state as i64])?;
            if changed == 0 { Ok(None) } else { delivery_of(transaction, id) }
        })
        .await
    }

    async fn bounced(&self, id: OutboundId, reason: &str) -> Result<Option<(ConversationId, Delivery)>, StoreError> {
        let reason = reason.to_owned();
        self.write(move |transaction| {
            let id = id.get().cast_signed();
            let changed = transaction
                .prepare_cached("UPDATE outbox SET state = 5, error = ?2 WHERE id = ?1 AND state <> 5")?
                .execute(params![id, reason])?;
            if changed == 0 { Ok(None) } else { delivery_of(transaction, id) }
        })
        .await
    }

    async fn resend(&self, id: OutboundId) -> Result<String, StoreError> {
        self.write(move |transaction| {
            transaction
                .prepare_cached(
                    "UPDATE outbox SET state = 0, next_at = 0 WHERE id = ?1 AND state IN (5, 6, 7) RETURNING channel",
                )?
                .query_row([id.get().cast_signed()], |row| row.get(0))
                .optional()
        })
        .await?
        .ok_or(StoreError::Conflict)
    }

    async fn dead(&self, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        self.read(move |connection| {
            let mut letters = dead_turns(connection, limit)?;
            letters.extend(dead_outbound(connection, limit)?);
            letters.extend(super::channels::set_aside(connection, limit)?);
            letters.sort_by_key(|letter| std::cmp::Reverse(letter.at));
            letters.truncate(limit);
            Ok(letters)
        })
        .await
    }

    async fn unread_file(&self, id: &str) -> Result<(String, Vec<u8>), StoreError> {
        Self::unread_file(self, id).await
    }

    async fn redrive_turn(&self, id: MessageId) -> Result<MessageId, StoreError> {
        let inbound: Option<Inbound> = self
            .read(move |connection| {
                connection
                    .prepare_cached("SELECT body FROM inbound WHERE id = ?1")?
                    .query_row([id.get().cast_signed()], |row| json_column(row, 0))
                    .optional()
            })
            .await?;
        let inbound = Arc::new(inbound.ok_or(StoreError::Missing("dead letter"))?);
        let body = to_json(&*inbound);
        self.ask(|answer| Op::Redrive { id, inbound, body, answer: Some(answer) }).await
    }

    async fn ledger(&self) -> Result<Ledger, StoreError> {
        self.read(ledger).await
    }
}

/// Leases up to `limit` due messages of one precedence.
fn lease_of(
    transaction: &Transaction<'_>,
    channel: &str,
    now: Timestamp,
    precedence: Precedence,
    limit: usize,
) -> Result<Vec<Leased>, rusqlite::Error> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let leased = transaction
        .prepare_cached(
            "SELECT o.attempts, e.id, e.at, e.entry FROM outbox o JOIN entries e ON e.id = o.id
             WHERE o.channel = ?1 AND o.state = 0 AND o.precedence = ?2 AND o.next_at <= ?3
               AND NOT EXISTS (SELECT 1 FROM outbox p WHERE p.conversation = o.conversation AND p.channel = o.channel
                               AND p.id < o.id AND p.state IN (0, 1))
             ORDER BY o.next_at, o.id LIMIT ?4",
        )?
        .query_map(params![channel, precedence as i64, now.as_microsecond(), limit as i64], |row| {
            Ok((entries::read(row, 1)?, row.get::<_, u32>(0)?))
        })?
        .filter_map(|row| match row {
            Ok((Entry { what: What::Reply { outbound, .. }, .. }, attempts)) => {
                Some(Ok(Leased { outbound: *outbound, attempts, precedence }))
            }
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        })
        .collect::<Result<Vec<_>, _>>()?;
    for lease in &leased {
        mark_sending(transaction, lease.outbound.id)?;
    }
    Ok(leased)
}

fn mark_sending(transaction: &Transaction<'_>, id: OutboundId) -> Result<(), rusqlite::Error> {
    transaction.prepare_cached("UPDATE outbox SET state = 1 WHERE id = ?1")?.execute([id.get().cast_signed()]).map(drop)
}

fn dead_turns(connection: &Connection, limit: usize) -> Result<Vec<DeadLetter>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT d.id, d.at, d.reason, i.body FROM dead d JOIN inbound i ON i.id = d.id
             WHERE d.redriven IS NULL ORDER BY d.id DESC LIMIT ?1",
        )?
        .query_map([limit as i64], |row| {
            let inbound: Inbound = json_column(row, 3)?;
            Ok(DeadLetter {
                id: id_column::<MessageId>(row, 0)?.to_string(),
                at: time_column(row, 1)?,
                kind: DeadKind::Turn,
                reason: row.get(2)?,
                text: truncate_chars(inbound.content.text(), SHOWN).to_owned(),
                channel: inbound.channel,
            })
        })?
        .collect()
}

fn dead_outbound(connection: &Connection, limit: usize) -> Result<Vec<DeadLetter>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT e.id, e.at, e.entry, COALESCE(o.error, 'the platform did not say why'), o.channel FROM outbox o
             JOIN entries e ON e.id = o.id WHERE o.state IN (1, 5, 6, 7) AND o.state = 5
             ORDER BY o.id DESC LIMIT ?1",
        )?
        .query_map([limit as i64], |row| {
            let entry = entries::read(row, 0)?;
            let text = match &entry.what {
                What::Reply { outbound, .. } => truncate_chars(&outbound.body.text, SHOWN).to_owned(),
                _ => String::new(),
            };
            Ok(DeadLetter {
                id: OutboundId::from(entry.id.get()).to_string(),
                at: entry.at,
                kind: DeadKind::Outbound,
                reason: row.get(3)?,
                channel: row.get(4)?,
                text,
            })
        })?
        .collect()
}

/// Counts every message once, from the rows alone, and looks for what cannot be. All of it at one moment: beside a
/// daemon at work, counts of different moments would not add up.
fn ledger(connection: &Connection) -> Result<Ledger, rusqlite::Error> {
    count(&*connection.unchecked_transaction()?)
}

/// The same where nobody else writes. A journal may begin behind an entry that was not kept any more by daemons who had the
/// record before.
pub(super) fn count(connection: &Connection) -> Result<Ledger, rusqlite::Error> {
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned);
    let mut ledger = Ledger {
        accepted: count("SELECT COUNT(*) FROM inbound")?,
        decided: count("SELECT COUNT(*) FROM inbound i WHERE EXISTS (SELECT 1 FROM entries e WHERE e.id = i.id)")?,
        dead: count("SELECT COUNT(*) FROM dead WHERE redriven IS NULL")?,
        redriven: count("SELECT COUNT(*) FROM dead WHERE redriven IS NOT NULL")?,
        waiting: count(
            "SELECT COUNT(*) FROM inbound i WHERE NOT EXISTS (SELECT 1 FROM entries e WHERE e.id = i.id)
               AND NOT EXISTS (SELECT 1 FROM dead d WHERE d.id = i.id)",
        )?,
        ..Ledger::default()
    };
    for (number, counted) in ledger.outbound.iter_mut().enumerate() {
        *counted = count(&format!("SELECT COUNT(*) FROM outbox WHERE state = {number}"))?;
    }
    if ledger.accepted != ledger.decided + ledger.dead + ledger.redriven + ledger.waiting {
        ledger.findings.push(format!(
            "{} messages were accepted, but {} are decided, {} dead, {} redriven and {} waiting",
            ledger.accepted, ledger.decided, ledger.dead, ledger.redriven, ledger.waiting
        ));
    }
    for (sql, finding) in [
        (
            "SELECT COUNT(*) FROM dead d WHERE EXISTS (SELECT 1 FROM entries e WHERE e.id = d.id)",
            "messages are both decided and dead",
        ),
        (
            "SELECT COUNT(*) FROM entries e WHERE e.prev >= (SELECT MIN(id) FROM entries)
               AND NOT EXISTS (SELECT 1 FROM entries p WHERE p.id = e.prev AND p.conversation = e.conversation)",
            "entries follow one that is not in their conversation",
        ),
        (
            "SELECT COUNT(*) FROM (SELECT prev FROM entries WHERE prev IS NOT NULL GROUP BY prev HAVING COUNT(*) > 1)",
            "entries are followed by two",
        ),
        (
            "SELECT COUNT(*) FROM outbox o WHERE o.id >= (SELECT MIN(id) FROM entries)
               AND NOT EXISTS (SELECT 1 FROM entries e WHERE e.id = o.id)",
            "outbound messages are not in any conversation",
        ),
        (
            "SELECT COUNT(*) FROM entries e WHERE e.entry LIKE '%\"what\":{\"reply\":%'
               AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.id = e.id)",
            "replies are not in the outbox",
        ),
    ] {
        let wrong = count(sql)?;
        if wrong > 0 {
            ledger.findings.push(format!("{wrong} {finding}"));
        }
    }
    let doubled = dedup::doubled(connection)?;
    if doubled > 0 {
        ledger.findings.push(format!("{doubled} platform messages were accepted more than once"));
    }
    Ok(ledger)
}

fn delivery_of(transaction: &Transaction<'_>, id: i64) -> rusqlite::Result<Option<(ConversationId, Delivery)>> {
    transaction
        .prepare_cached("SELECT conversation, state, attempts, error, held_for FROM outbox WHERE id = ?1")?
        .query_row([id], |row| Ok(delivery(row, 1)?.map(|delivery| (row.get::<_, i64>(0), delivery))))
        .map(|found| found.and_then(|(id, delivery)| Some((ConversationId::from(id.ok()?.cast_unsigned()), delivery))))
}
