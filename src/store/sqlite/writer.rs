//! The one thread that writes. It takes whatever is queued, up to a bound, and commits it together: with many
//! producers the cost of an fsync is shared, with one it is not delayed.
//!
//! An operation that fails alone does not fail its batch: the batch is rolled back and run again one by one.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use contract::{Accepted, ConversationId, CustomerId, EntryId, IdClock, Inbound, MessageId, OutboundId, Timestamp};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Transaction, params};
use tokio::sync::{mpsc, oneshot};

use super::{
    dedup::{Dedup, Key},
    states::States,
};
use crate::store::{
    Committed, StoreError, conversation::Conversation, customer::CustomerChange, outbox::DeliveryState,
};

/// The most operations in one transaction.
const BATCH: usize = 1024;
/// How long a conversation's row may lag behind its journal.
const FLUSH_EVERY: Duration = Duration::from_secs(5);
/// A flush begins at once past this many.
const DIRTY_MOST: usize = 20_000;
/// How many rows a flush writes beside one batch, so that it never holds up the others for long.
const FLUSH_AT_ONCE: usize = 500;

pub(super) type Answer<T> = oneshot::Sender<Result<T, StoreError>>;
type Work = Box<dyn FnMut(&Transaction<'_>) -> Result<(), rusqlite::Error> + Send>;

/// Something to write.
pub(super) enum Op {
    Accept {
        inbound: Arc<Inbound>,
        body: String,
        key: Option<Key>,
        answer: Option<Answer<Accepted>>,
    },
    Commit {
        commit: Box<Prepared>,
        answer: Option<Answer<Committed>>,
    },
    /// A message leaves the queue without a turn.
    Bury {
        id: MessageId,
        reason: String,
        answer: Option<Answer<()>>,
    },
    /// A dead letter is accepted again.
    Redrive {
        id: MessageId,
        inbound: Arc<Inbound>,
        body: String,
        answer: Option<Answer<MessageId>>,
    },
    /// Anything that neither the queue nor a conversation depends on. May run twice.
    Work {
        work: Work,
        answer: Option<Answer<()>>,
    },
}

/// A [`Commit`](crate::store::Commit) with everything serialised, so that the writer only writes.
pub(super) struct Prepared {
    pub after: Arc<Conversation>,
    pub structural: bool,
    pub turn: Option<MessageId>,
    /// id, the entry as JSON; linked in this order behind `prev`.
    pub entries: Vec<(u64, i64, String)>,
    pub prev: Option<u64>,
    pub state: String,
    pub outbox: Vec<(OutboundId, DeliveryState)>,
    pub customers: Vec<CustomerChange>,
    pub once: Option<(String, EntryId)>,
}

/// What became of an operation in the transaction; told to whoever waits once the transaction stands.
enum Outcome {
    Accepted(Accepted),
    Committed,
    AlreadyDone,
    Refused(StoreError),
    Redriven(MessageId),
    Finished,
}

pub(super) struct Writer {
    pub connection: Connection,
    pub states: Arc<States>,
    pub clock: Arc<IdClock>,
    pub dedup: Dedup,
    /// Accepted, not settled.
    pub pending: BTreeSet<MessageId>,
    pub waiting: Arc<AtomicU64>,
    pub deliveries: mpsc::UnboundedSender<(MessageId, Arc<Inbound>)>,
    pub healthy: Arc<AtomicBool>,
    pub dedup_window: Duration,
    /// Entries below this id may be skipped by the next recovery; commits that write one write their row too.
    pub floor: u64,
    pub flush: Flush,
}

pub(super) struct Flush {
    pub began: Instant,
    /// What the floor becomes when the running flush is complete.
    pub running: Option<u64>,
}

impl Writer {
    /// Runs until every sender is gone, then writes what is left.
    pub fn run(mut self, mut ops: mpsc::Receiver<Op>) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut swept = Instant::now();
        while ops.blocking_recv_many(&mut batch, BATCH) > 0 {
            self.write(&mut batch);
            if swept.elapsed() > Duration::from_secs(3600) {
                swept = Instant::now();
                self.dedup.forget_before(oldest(self.dedup_window));
            }
        }
        self.begin_flush();
        while self.flush.running.is_some() {
            if let Err(error) = self.transaction(&mut []) {
                tracing::error!(%error, "The last conversation rows could not be written; they will be rebuilt from the journal.");
                return;
            }
        }
        let _ = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }

    fn write(&mut self, batch: &mut Vec<Op>) {
        if self.flush.running.is_none()
            && (self.flush.began.elapsed() > FLUSH_EVERY || self.states.dirty_count() > DIRTY_MOST)
        {
            self.begin_flush();
        }
        match self.transaction(batch) {
            Ok(()) => self.set_healthy(None),
            Err(_) if batch.len() > 1 => {
                for op in batch.drain(..) {
                    self.write_alone(op);
                }
            }
            Err(error) => {
                for op in batch.drain(..) {
                    self.fail(op, &error);
                }
            }
        }
        batch.clear();
    }

    fn write_alone(&mut self, op: Op) {
        let mut alone = [op];
        match self.transaction(&mut alone) {
            Ok(()) => self.set_healthy(None),
            Err(error) => {
                let [op] = alone;
                self.fail(op, &error);
            }
        }
    }

    fn fail(&mut self, op: Op, error: &rusqlite::Error) {
        let error = if is_constraint(error) {
            StoreError::Conflict
        } else {
            self.set_healthy(Some(error));
            StoreError::Unavailable(error.to_string().into())
        };
        op.answer(Outcome::Refused(error), &None);
    }

    fn set_healthy(&self, error: Option<&rusqlite::Error>) {
        let was = self.healthy.swap(error.is_none(), Ordering::Relaxed);
        match error {
            Some(error) if was => {
                tracing::error!(%error, "Nothing can be written to the record; messages are refused until it works again.");
            }
            None if !was => tracing::info!("The record can be written again."),
            _ => {}
        }
    }

    /// Writes all of `ops` or nothing, and answers when it stands.
    fn transaction(&mut self, ops: &mut [Op]) -> Result<(), rusqlite::Error> {
        let mut scratch = Scratch::default();
        let flush = if self.flush.running.is_some() { self.states.to_flush(FLUSH_AT_ONCE) } else { Vec::new() };
        let outcomes = self.try_transaction(ops, &flush, &mut scratch);
        let outcomes = match outcomes {
            Ok(outcomes) => outcomes,
            Err(error) => {
                for (key, id) in scratch.keys {
                    self.dedup.remove(&key, id);
                }
                return Err(error);
            }
        };
        self.after(ops, outcomes, scratch);
        if self.flush.running.is_some() && self.states.flushed(&flush) {
            self.complete_flush();
        }
        Ok(())
    }

    fn try_transaction(
        &mut self,
        ops: &mut [Op],
        flush: &[Arc<Conversation>],
        scratch: &mut Scratch,
    ) -> Result<Vec<Outcome>, rusqlite::Error> {
        let transaction = self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let mut desk = Desk {
            transaction: &transaction,
            hot: Hot::prepared(&transaction)?,
            states: &self.states,
            clock: &self.clock,
            pending: &self.pending,
            floor: self.floor,
        };
        let mut outcomes = Vec::with_capacity(ops.len());
        for op in ops.iter_mut() {
            outcomes.push(match op {
                Op::Accept { inbound, body, key, .. } => {
                    desk.accept(inbound, body, key.as_ref(), &mut self.dedup, scratch)?
                }
                Op::Commit { commit, .. } => desk.commit(commit, scratch)?,
                Op::Bury { id, reason, .. } => desk.bury(*id, reason, scratch)?,
                Op::Redrive { id, inbound, body, .. } => desk.redrive(*id, inbound, body)?,
                Op::Work { work, .. } => {
                    work(&transaction)?;
                    Outcome::Finished
                }
            });
        }
        drop(desk);
        for conversation in flush {
            write_row(&transaction, conversation, &to_json(&**conversation))?;
        }
        transaction.commit()?;
        Ok(outcomes)
    }

    /// The transaction stands: memory follows, and whoever waits is told.
    fn after(&mut self, ops: &mut [Op], outcomes: Vec<Outcome>, scratch: Scratch) {
        self.states.committed(scratch.committed);
        for change in scratch.customers {
            match change {
                Changed::Customer(id) => self.states.customer_changed(id),
                Changed::Merged(from, into) => self.states.merged(from, Some(into)),
            }
        }
        for (op, outcome) in ops.iter().zip(&outcomes) {
            match (op, outcome) {
                (Op::Accept { inbound, .. }, Outcome::Accepted(Accepted { id, duplicate: false }))
                | (Op::Redrive { inbound, .. }, Outcome::Redriven(id)) => {
                    self.pending.insert(*id);
                    let _ = self.deliveries.send((*id, Arc::clone(inbound)));
                }
                (Op::Commit { commit, .. }, Outcome::Committed | Outcome::AlreadyDone) => {
                    if let Some(turn) = commit.turn {
                        self.pending.remove(&turn);
                    }
                }
                (Op::Bury { id, .. }, _) => {
                    self.pending.remove(id);
                }
                _ => {}
            }
        }
        // Before the answers: who has one finds itself counted.
        self.waiting.store(self.pending.len() as u64, Ordering::Relaxed);
        for (op, outcome) in ops.iter_mut().zip(outcomes) {
            let after = if let Op::Commit { commit, .. } = &*op { Some(Arc::clone(&commit.after)) } else { None };
            op.take().answer(outcome, &after);
        }
    }

    fn begin_flush(&mut self) {
        let oldest_pending = self.pending.first().map(|id| id.get());
        let now: MessageId = self.clock.next(Timestamp::now());
        self.states.begin_flush();
        self.flush = Flush { began: Instant::now(), running: Some(oldest_pending.unwrap_or(now.get())) };
        // From now on the entries that the next recovery may skip are below this; see `Desk::commit`.
        self.floor = self.flush.running.unwrap_or(self.floor);
    }

    fn complete_flush(&mut self) {
        let Some(floor) = self.flush.running.take() else { return };
        let written = self
            .connection
            .execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('floor', ?1)", [floor.to_string()]);
        if let Err(error) = written {
            tracing::warn!(%error, "The recovery mark could not be moved; the next start reads a little more.");
        }
    }
}

impl Op {
    /// Leaves an empty operation behind and takes this one out of its batch.
    fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Work { work: Box::new(|_| Ok(())), answer: None })
    }

    fn answer(self, outcome: Outcome, after: &Option<Arc<Conversation>>) {
        fn send<T>(answer: Option<Answer<T>>, result: Result<T, StoreError>) {
            if let Some(answer) = answer {
                // Whoever asked may have gone; what was written stands all the same.
                let _ = answer.send(result);
            }
        }
        match (self, outcome) {
            (Self::Accept { answer, .. }, Outcome::Accepted(accepted)) => send(answer, Ok(accepted)),
            (Self::Accept { answer, .. }, Outcome::Refused(error)) => send(answer, Err(error)),
            (Self::Commit { answer, .. }, Outcome::AlreadyDone) => send(answer, Ok(Committed::AlreadyDone)),
            (Self::Commit { answer, .. }, Outcome::Refused(error)) => send(answer, Err(error)),
            (Self::Commit { answer, .. }, _) => {
                if let Some(after) = after {
                    send(answer, Ok(Committed::Done(Arc::clone(after))));
                }
            }
            (Self::Redrive { answer, .. }, Outcome::Redriven(id)) => send(answer, Ok(id)),
            (Self::Redrive { answer, .. }, Outcome::Refused(error)) => send(answer, Err(error)),
            (Self::Bury { answer, .. } | Self::Work { answer, .. }, Outcome::Refused(error)) => {
                send(answer, Err(error))
            }
            (Self::Bury { answer, .. } | Self::Work { answer, .. }, _) => send(answer, Ok(())),
            (Self::Accept { .. } | Self::Redrive { .. }, _) => {}
        }
    }
}

/// What one transaction did to memory, applied once it stands.
#[derive(Default)]
struct Scratch {
    keys: Vec<(Key, MessageId)>,
    /// Messages that it settles.
    turns: HashSet<MessageId>,
    versions: HashMap<ConversationId, u64>,
    committed: Vec<(Arc<Conversation>, bool)>,
    customers: Vec<Changed>,
}

enum Changed {
    Customer(CustomerId),
    Merged(CustomerId, CustomerId),
}

/// The statements that every message needs, looked up once a transaction.
struct Hot<'a> {
    inbound: CachedStatement<'a>,
    dedup: CachedStatement<'a>,
    entry: CachedStatement<'a>,
    outbox: CachedStatement<'a>,
}

impl<'a> Hot<'a> {
    fn prepared(transaction: &'a Transaction<'_>) -> Result<Self, rusqlite::Error> {
        Ok(Self {
            inbound: transaction.prepare_cached("INSERT INTO inbound (id, channel, body) VALUES (?1, ?2, ?3)")?,
            dedup: transaction.prepare_cached("INSERT INTO dedup (id, key) VALUES (?1, ?2)")?,
            entry: transaction.prepare_cached(
                "INSERT INTO entries (id, conversation, prev, at, entry, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?,
            outbox: transaction
                .prepare_cached("INSERT INTO outbox (id, channel, conversation, state) VALUES (?1, ?2, ?3, ?4)")?,
        })
    }
}

/// One open transaction.
struct Desk<'a> {
    transaction: &'a Transaction<'a>,
    hot: Hot<'a>,
    states: &'a States,
    clock: &'a IdClock,
    pending: &'a BTreeSet<MessageId>,
    floor: u64,
}

impl Desk<'_> {
    fn accept(
        &mut self,
        inbound: &Inbound,
        body: &str,
        key: Option<&Key>,
        dedup: &mut Dedup,
        scratch: &mut Scratch,
    ) -> Result<Outcome, rusqlite::Error> {
        if let Some(key) = key
            && let Some(id) = dedup.find(key, |id| self.holds(id, key))
        {
            return Ok(Outcome::Accepted(Accepted { id, duplicate: true }));
        }
        let id: MessageId = self.clock.next(Timestamp::now());
        self.insert_inbound(id, inbound, body)?;
        if let Some(key) = key {
            self.hot.dedup.execute(params![id.get().cast_signed(), key])?;
            dedup.insert(key, id);
            scratch.keys.push((*key, id));
        }
        Ok(Outcome::Accepted(Accepted { id, duplicate: false }))
    }

    fn holds(&self, id: MessageId, key: &Key) -> bool {
        self.transaction
            .prepare_cached("SELECT key FROM dedup WHERE id = ?1")
            .and_then(|mut statement| statement.query_row([id.get().cast_signed()], |row| row.get::<_, Key>(0)))
            .is_ok_and(|stored| stored == *key)
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

    fn commit(&mut self, commit: &Prepared, scratch: &mut Scratch) -> Result<Outcome, rusqlite::Error> {
        if let Some(turn) = commit.turn {
            // Who is pending is not settled, unless it is by this very transaction.
            let known = self.pending.contains(&turn) && !scratch.turns.contains(&turn);
            if !known && self.is_settled(turn)? {
                return Ok(Outcome::AlreadyDone);
            }
        }
        if let Some((key, _)) = &commit.once
            && self
                .transaction
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM once WHERE key = ?1)")?
                .query_row([key], |row| row.get(0))?
        {
            return Ok(Outcome::AlreadyDone);
        }
        let id = commit.after.id;
        if self.version(id, scratch)? + 1 != commit.after.version || !self.addresses_are_free(&commit.customers)? {
            return Ok(Outcome::Refused(StoreError::Conflict));
        }
        if let Some((key, entry)) = &commit.once {
            self.transaction
                .prepare_cached("INSERT INTO once (key, entry) VALUES (?1, ?2)")?
                .execute(params![key, entry.get().cast_signed()])?;
        }
        let mut prev = commit.prev;
        for (at, (entry, moment, json)) in commit.entries.iter().enumerate() {
            let state = (at + 1 == commit.entries.len()).then_some(commit.state.as_str());
            self.hot.entry.execute(params![
                entry.cast_signed(),
                id.get().cast_signed(),
                prev.map(u64::cast_signed),
                moment,
                json,
                state
            ])?;
            prev = Some(*entry);
        }
        // A row is behind its journal only where the next recovery will see the journal.
        let below_floor = commit.entries.last().is_none_or(|(entry, _, _)| *entry < self.floor);
        let row_written = commit.structural || commit.after.version == 1 || below_floor;
        if row_written {
            write_row(self.transaction, &commit.after, &commit.state)?;
        }
        if commit.after.version == 1 {
            self.transaction
                .prepare_cached("INSERT OR REPLACE INTO threads (channel, thread, conversation) VALUES (?1, ?2, ?3)")?
                .execute(params![commit.after.channel, commit.after.thread, id.get().cast_signed()])?;
        }
        for (outbound, state) in &commit.outbox {
            self.hot.outbox.execute(params![
                outbound.get().cast_signed(),
                commit.after.channel,
                id.get().cast_signed(),
                *state as i64
            ])?;
        }
        for change in &commit.customers {
            self.change_customer(change, scratch)?;
        }
        scratch.versions.insert(id, commit.after.version);
        scratch.turns.extend(commit.turn);
        scratch.committed.push((Arc::clone(&commit.after), row_written));
        Ok(Outcome::Committed)
    }

    fn is_settled(&self, turn: MessageId) -> Result<bool, rusqlite::Error> {
        self.transaction
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM entries WHERE id = ?1) OR EXISTS (SELECT 1 FROM dead WHERE id = ?1)",
            )?
            .query_row([turn.get().cast_signed()], |row| row.get(0))
    }

    /// Somebody may have been met on two threads at once: the second commit has to look again.
    fn addresses_are_free(&self, changes: &[CustomerChange]) -> Result<bool, rusqlite::Error> {
        for change in changes {
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
            CustomerChange::Put(customer) => {
                put_customer(self.transaction, customer.id, &to_json(customer))?;
                scratch.customers.push(Changed::Customer(customer.id));
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

    fn bury(&self, id: MessageId, reason: &str, scratch: &mut Scratch) -> Result<Outcome, rusqlite::Error> {
        scratch.turns.insert(id);
        if !self.is_settled(id)? {
            self.transaction
                .prepare_cached("INSERT INTO dead (id, at, reason) VALUES (?1, ?2, ?3)")?
                .execute(params![id.get().cast_signed(), Timestamp::now().as_microsecond(), reason])?;
        }
        Ok(Outcome::Finished)
    }

    fn redrive(&mut self, id: MessageId, inbound: &Inbound, body: &str) -> Result<Outcome, rusqlite::Error> {
        let new: MessageId = self.clock.next(Timestamp::now());
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

pub(super) fn put_customer(transaction: &Transaction<'_>, id: CustomerId, json: &str) -> Result<(), rusqlite::Error> {
    transaction
        .prepare_cached(
            "INSERT INTO customers (id, customer) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET customer = excluded.customer",
        )?
        .execute(params![id.get().cast_signed(), json])?;
    Ok(())
}

/// Writes a conversation's row, unless a newer one is there: a flush may carry a state that a commit of the same
/// transaction has overtaken.
fn write_row(transaction: &Transaction<'_>, conversation: &Conversation, state: &str) -> Result<(), rusqlite::Error> {
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

#[expect(clippy::expect_used, reason = "rows are plain structs with string keys")]
pub(super) fn to_json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("plain structs with string keys always serialise")
}

pub(super) fn oldest(window: Duration) -> MessageId {
    let now = Timestamp::now();
    let since = now.checked_sub(jiff::SignedDuration::try_from(window).unwrap_or_default()).unwrap_or_default();
    id_at(since)
}

/// The smallest id that could have been made at this moment.
pub(super) fn id_at<T: From<u64>>(moment: Timestamp) -> T {
    IdClock::new(0).next(moment)
}

fn is_constraint(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation)
}

#[cfg(test)]
mod tests {
    use contract::{Address, Thread};

    use super::*;

    #[test]
    fn a_late_flush_does_not_undo_what_was_committed_since() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("migrations/V1__spine.sql")).unwrap();
        let thread = Thread { channel: "shop".into(), key: "v1".into() };
        let address = Address { space: "webchat:shop".into(), handle: "v1".into() };
        let mut flushed = Conversation::open(1.into(), &thread, "webchat", address, 1.into(), Timestamp::UNIX_EPOCH);
        flushed.version = 1;
        let mut committed = flushed.clone();
        committed.close(Timestamp::UNIX_EPOCH);
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
