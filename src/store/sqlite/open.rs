//! One open transaction of the writer: what each operation does to the tables.

use std::{collections::BTreeSet, sync::Arc};

use contract::{Accepted, ConversationId, CustomerId, IdClock, Inbound, MessageId};
use hashbrown::{HashMap, HashSet};
use rusqlite::{CachedStatement, OptionalExtension, Transaction, params};

use super::{
    customers,
    dedup::{self, Dedup, Key},
    journal::once_key,
    states::States,
    writer::{Outcome, Prepared},
};
use crate::measure::{Miss, Tally};
use crate::store::{
    StoreError,
    conversation::Conversation,
    customer::CustomerChange,
    outbox::{DeliveryState, HeldFor, Precedence},
};

/// What one transaction did to memory, applied once it stands.
#[derive(Default)]
pub(super) struct Scratch {
    /// What was accepted, in the order of the ids.
    pub keys: Vec<dedup::Accepted>,
    /// Messages that it settles.
    turns: HashSet<MessageId>,
    versions: HashMap<ConversationId, u64>,
    pub committed: Vec<(Arc<Conversation>, bool)>,
    pub customers: Vec<Changed>,
    /// What its commits add to the figures.
    pub counts: Tally,
    pub misses: Vec<Miss>,
}

pub(super) enum Changed {
    Customer(CustomerId),
    Merged(CustomerId, CustomerId),
}

/// The statements that every message needs, looked up once a transaction.
struct Hot<'a> {
    inbound: CachedStatement<'a>,
    entry: CachedStatement<'a>,
    outbox: CachedStatement<'a>,
}

impl<'a> Hot<'a> {
    fn prepared(transaction: &'a Transaction<'_>) -> Result<Self, rusqlite::Error> {
        Ok(Self {
            inbound: transaction.prepare_cached("INSERT INTO inbound (id, channel, body) VALUES (?1, ?2, ?3)")?,
            entry: transaction.prepare_cached(
                "INSERT INTO entries (id, conversation, prev, at, entry, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?,
            outbox: transaction.prepare_cached(
                "INSERT INTO outbox (id, channel, conversation, state, precedence) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?,
        })
    }
}

/// One open transaction.
pub(super) struct Open<'a> {
    transaction: &'a Transaction<'a>,
    hot: Hot<'a>,
    states: &'a States,
    clock: &'a IdClock,
    pending: &'a BTreeSet<MessageId>,
    floor: u64,
}

impl<'a> Open<'a> {
    /// `pending` are the messages that are accepted and not settled; entries below `floor` may be skipped by the next
    /// recovery.
    pub fn new(
        transaction: &'a Transaction<'a>,
        states: &'a States,
        clock: &'a IdClock,
        pending: &'a BTreeSet<MessageId>,
        floor: u64,
    ) -> Result<Self, rusqlite::Error> {
        Ok(Self { transaction, hot: Hot::prepared(transaction)?, states, clock, pending, floor })
    }

    pub fn accept(
        &mut self,
        inbound: &Inbound,
        body: &str,
        key: Option<&Key>,
        dedup: &mut Dedup,
        scratch: &mut Scratch,
    ) -> Result<Outcome, rusqlite::Error> {
        if let Some(key) = key
            && let Some(id) = dedup.find(self.transaction, &scratch.keys, key)?
        {
            return Ok(Outcome::Accepted(Accepted { id, duplicate: true }));
        }
        let id: MessageId = self.clock.next(crate::clock::now());
        self.insert_inbound(id, inbound, body)?;
        if let Some(key) = key {
            dedup.insert(key);
            scratch.keys.push((*key, id));
        }
        Ok(Outcome::Accepted(Accepted { id, duplicate: false }))
    }

    fn insert_inbound(&mut self, id: MessageId, inbound: &Inbound, body: &str) -> Result<(), rusqlite::Error> {
        self.hot.inbound.execute(params![id.get().cast_signed(), inbound.channel, body]).map(drop)
    }

    fn version(&self, id: ConversationId, scratch: &Scratch) -> Result<u64, rusqlite::Error> {
        if let Some(version) = scratch.versions.get(&id) {
            return Ok(*version);
        }
        if let Some(conversation) = self.states.conversation(id) {
            return Ok(conversation.version);
        }
        let version: Option<i64> = self
            .transaction
            .prepare_cached("SELECT version FROM conversations WHERE id = ?1")?
            .query_row([id.get().cast_signed()], |row| row.get(0))
            .optional()?;
        Ok(version.map_or(0, i64::cast_unsigned))
    }

    pub fn commit(&mut self, commit: &Prepared, scratch: &mut Scratch) -> Result<Outcome, rusqlite::Error> {
        if let Some(turn) = commit.turn {
            // Who is pending is not settled, unless it is by this very transaction.
            let known = self.pending.contains(&turn) && !scratch.turns.contains(&turn);
            if !known && self.is_settled(turn)? {
                return Ok(Outcome::AlreadyDone);
            }
        }
        if let Some(once) = &commit.once
            && self
                .transaction
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM once WHERE key = ?1)")?
                .query_row([once_key(once.writer, &once.client_id)], |row| row.get(0))?
        {
            return Ok(Outcome::AlreadyDone);
        }
        let id = commit.after.id;
        if self.version(id, scratch)? + 1 != commit.after.version || !self.customers_are_as_seen(&commit.customers)? {
            return Ok(Outcome::Refused(StoreError::Conflict));
        }
        if let Some(once) = &commit.once {
            self.transaction
                .prepare_cached("INSERT INTO once (key, entry) VALUES (?1, ?2)")?
                .execute(params![once_key(once.writer, &once.client_id), once.entry.get().cast_signed()])?;
        }
        if let Some(number) = commit.ticket {
            self.transaction
                .prepare_cached("INSERT INTO tickets (number, conversation) VALUES (?1, ?2)")?
                .execute([number.get().cast_signed(), id.get().cast_signed()])?;
        }
        let mut prev = commit.prev;
        for (at, (entry, moment, json)) in commit.entries.iter().enumerate() {
            let state = (at + 1 == commit.entries.len()).then_some(commit.state.as_str());
            self.hot.entry.execute(params![
                entry.get().cast_signed(),
                id.get().cast_signed(),
                prev.map(u64::cast_signed),
                moment,
                json,
                state
            ])?;
            prev = Some(entry.get());
        }
        // A row is behind its journal only where the next recovery will see the journal.
        let below_floor = commit.entries.last().is_none_or(|(entry, _, _)| entry.get() < self.floor);
        let row_written = commit.structural || commit.after.version == 1 || below_floor;
        if row_written {
            write_row(self.transaction, &commit.after, &commit.state)?;
        }
        if commit.after.version == 1 {
            self.transaction
                .prepare_cached("INSERT OR REPLACE INTO threads (channel, thread, conversation) VALUES (?1, ?2, ?3)")?
                .execute(params![commit.after.channel, commit.after.thread, id.get().cast_signed()])?;
        }
        if commit.turn.is_some() {
            self.release(id)?;
        }
        for (outbound, state, precedence, channel) in &commit.outbox {
            self.hot.outbox.execute(params![
                outbound.get().cast_signed(),
                channel.as_ref().unwrap_or(&commit.after.channel),
                id.get().cast_signed(),
                *state as i64,
                *precedence as i64
            ])?;
            if *precedence < Precedence::Bulk && *state == DeliveryState::Pending {
                self.raise(id, *precedence)?;
            }
        }
        for change in &commit.customers {
            self.change_customer(change, scratch)?;
        }
        scratch.counts.add(commit.noted.counts.iter().cloned());
        scratch.misses.extend(commit.noted.misses.iter().cloned());
        scratch.versions.insert(id, commit.after.version);
        scratch.turns.extend(commit.turn);
        scratch.committed.push((Arc::clone(&commit.after), row_written));
        Ok(Outcome::Committed)
    }

    /// The customer wrote: what waited for that goes.
    fn release(&self, id: ConversationId) -> Result<(), rusqlite::Error> {
        self.transaction
            .prepare_cached(
                "UPDATE outbox SET state = 0, next_at = 0 WHERE conversation = ?1 AND state = 7 AND held_for = ?2",
            )?
            .execute(params![id.get().cast_signed(), HeldFor::Customer as i64])
            .map(drop)
    }

    /// What is more urgent does not wait behind what is less, and order stays.
    fn raise(&self, id: ConversationId, precedence: Precedence) -> Result<(), rusqlite::Error> {
        self.transaction
            .prepare_cached(
                "UPDATE outbox SET precedence = ?2 WHERE conversation = ?1 AND state IN (0, 1) AND precedence > ?2",
            )?
            .execute(params![id.get().cast_signed(), precedence as i64])
            .map(drop)
    }

    fn is_settled(&self, turn: MessageId) -> Result<bool, rusqlite::Error> {
        self.transaction
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM entries WHERE id = ?1) OR EXISTS (SELECT 1 FROM dead WHERE id = ?1)",
            )?
            .query_row([turn.get().cast_signed()], |row| row.get(0))
    }

    /// Somebody may have been met, or learned about, on two threads at once: the second commit has to look again.
    fn customers_are_as_seen(&self, changes: &[CustomerChange]) -> Result<bool, rusqlite::Error> {
        for change in changes {
            if let CustomerChange::Put { was, now } = change
                && !customers::is_still(self.transaction, now.id, was.as_deref())?
            {
                self.states.customer_changed(now.id);
                return Ok(false);
            }
            let taken: Option<i64> = match change {
                CustomerChange::Link(address, _) => self
                    .transaction
                    .prepare_cached("SELECT customer FROM addresses WHERE space = ?1 AND handle = ?2")?
                    .query_row(params![address.space, address.handle], |row| row.get(0))
                    .optional()?,
                CustomerChange::Identify(identifier, customer) if identifier.verified => self
                    .transaction
                    .prepare_cached(
                        "SELECT customer FROM identifiers WHERE kind = ?1 AND value = ?2 AND verified = 1 AND customer <> ?3",
                    )?
                    .query_row(params![identifier.kind.as_str(), identifier.value, customer.get().cast_signed()], |row| row.get(0))
                    .optional()?,
                CustomerChange::Merge(merge) => self
                    .transaction
                    .prepare_cached("SELECT merged_into FROM customers WHERE id IN (?1, ?2) AND merged_into IS NOT NULL")?
                    .query_row([merge.from.get().cast_signed(), merge.into.get().cast_signed()], |row| row.get(0))
                    .optional()?,
                _ => None,
            };
            if taken.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn change_customer(&self, change: &CustomerChange, scratch: &mut Scratch) -> Result<(), rusqlite::Error> {
        match change {
            CustomerChange::Put { now, .. } => {
                customers::put(self.transaction, now)?;
                scratch.customers.push(Changed::Customer(now.id));
            }
            CustomerChange::Link(address, customer) => {
                self.transaction
                    .prepare_cached("INSERT INTO addresses (space, handle, customer) VALUES (?1, ?2, ?3)")?
                    .execute(params![address.space, address.handle, customer.get().cast_signed()])?;
                scratch.customers.push(Changed::Customer(*customer));
            }
            CustomerChange::Identify(identifier, customer) => {
                self.transaction
                    .prepare_cached(
                        "INSERT INTO identifiers (kind, value, customer, verified) VALUES (?1, ?2, ?3, ?4)
                         ON CONFLICT (kind, value, customer) DO UPDATE SET verified = MAX(verified, excluded.verified)",
                    )?
                    .execute(params![
                        identifier.kind.as_str(),
                        identifier.value,
                        customer.get().cast_signed(),
                        identifier.verified
                    ])?;
                scratch.customers.push(Changed::Customer(*customer));
            }
            CustomerChange::Merge(merge) => {
                let id: MessageId = self.clock.next(merge.at);
                self.transaction
                    .prepare_cached("INSERT INTO merges (id, from_customer, into_customer, identifier, at) VALUES (?1, ?2, ?3, ?4, ?5)")?
                    .execute(params![
                        id.get().cast_signed(),
                        merge.from.get().cast_signed(),
                        merge.into.get().cast_signed(),
                        merge.identifier,
                        merge.at.as_microsecond()
                    ])?;
                self.transaction
                    .prepare_cached("UPDATE customers SET merged_into = ?2 WHERE id = ?1")?
                    .execute([merge.from.get().cast_signed(), merge.into.get().cast_signed()])?;
                scratch.customers.push(Changed::Merged(merge.from, merge.into));
            }
        }
        Ok(())
    }

    pub fn bury(&self, id: MessageId, reason: &str, scratch: &mut Scratch) -> Result<Outcome, rusqlite::Error> {
        scratch.turns.insert(id);
        if !self.is_settled(id)? {
            self.transaction
                .prepare_cached("INSERT INTO dead (id, at, reason) VALUES (?1, ?2, ?3)")?
                .execute(params![id.get().cast_signed(), crate::clock::now().as_microsecond(), reason])?;
        }
        Ok(Outcome::Finished)
    }

    pub fn redrive(&mut self, id: MessageId, inbound: &Inbound, body: &str) -> Result<Outcome, rusqlite::Error> {
        let new: MessageId = self.clock.next(crate::clock::now());
        let changed = self
            .transaction
            .prepare_cached("UPDATE dead SET redriven = ?2 WHERE id = ?1 AND redriven IS NULL")?
            .execute([id.get().cast_signed(), new.get().cast_signed()])?;
        if changed == 0 {
            return Ok(Outcome::Refused(StoreError::Missing("dead letter")));
        }
        self.insert_inbound(new, inbound, body)?;
        Ok(Outcome::Redriven(new))
    }
}

/// Writes a conversation's row, unless a newer one is there: a flush may carry a state that a commit of the same
/// transaction has overtaken.
pub(super) fn write_row(
    transaction: &Transaction<'_>,
    conversation: &Conversation,
    state: &str,
) -> Result<(), rusqlite::Error> {
    transaction
        .prepare_cached(
            "INSERT INTO conversations (id, customer, owner, agent, version, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (id) DO UPDATE SET customer = excluded.customer, owner = excluded.owner, agent = excluded.agent,
                 version = excluded.version, state = excluded.state
             WHERE excluded.version > conversations.version",
        )?
        .execute(params![
            conversation.id.get().cast_signed(),
            conversation.customer.get().cast_signed(),
            conversation.owner as i64,
            conversation.agent.map(|agent| agent.get().cast_signed()),
            conversation.version.cast_signed(),
            state
        ])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use contract::{Address, Thread};

    use super::{
        super::{in_memory, writer::to_json},
        *,
    };

    #[test]
    fn a_late_flush_does_not_undo_what_was_committed_since() {
        let mut connection = in_memory();
        let thread = Thread { channel: "shop".into(), key: "v1".into() };
        let address = Address { space: "webchat:shop".into(), handle: "v1".into() };
        let mut flushed =
            Conversation::open(1.into(), &thread, "webchat", address, 1.into(), contract::Timestamp::UNIX_EPOCH);
        flushed.version = 1;
        let mut committed = flushed.clone();
        committed.close(contract::Timestamp::UNIX_EPOCH);
        committed.version = 2;
        let transaction = connection.transaction().unwrap();
        for conversation in [&flushed, &committed, &flushed] {
            write_row(&transaction, conversation, &to_json(conversation)).unwrap();
        }
        let row: (i64, i64) = transaction
            .query_row("SELECT owner, version FROM conversations", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!(row, (contract::ThreadOwner::Closed as i64, 2));
    }
}
