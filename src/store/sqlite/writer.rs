//! The one thread that writes. It takes whatever is queued, up to a bound, and commits it together: with many
//! producers the cost of an fsync is shared, with one it is not delayed.
//!
//! An operation that fails alone does not fail its batch: the batch is rolled back and run again one by one.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use contract::{Accepted, EntryId, IdClock, Inbound, MessageId, OutboundId};
use rusqlite::{Connection, Transaction};
use tokio::sync::{mpsc, oneshot};

use super::{
    dedup::{self, Dedup, Key},
    measures,
    open::{Changed, Open, Scratch, write_row},
    states::States,
};
use crate::measure::Noted;
use crate::store::{
    Committed, Once, StoreError,
    conversation::Conversation,
    customer::CustomerChange,
    outbox::{DeliveryState, Precedence},
    ticket::TicketNumber,
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
    /// As [`entries::written`](super::entries::written); linked in this order behind `prev`.
    pub entries: Vec<(EntryId, i64, String)>,
    pub prev: Option<u64>,
    pub state: String,
    /// With the channel, where it is another than the conversation's.
    pub outbox: Vec<(OutboundId, DeliveryState, Precedence, Option<String>)>,
    pub customers: Vec<CustomerChange>,
    pub once: Option<Once>,
    /// The number that the conversation is given.
    pub ticket: Option<TicketNumber>,
    pub noted: Arc<Noted>,
}

/// What became of an operation in the transaction; told to whoever waits once the transaction stands.
pub(super) enum Outcome {
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
                self.forget_keys();
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
                self.dedup.rolled_back(&scratch.keys);
                return Err(error);
            }
        };
        self.dedup.committed(&scratch.keys);
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
        let mut open = Open::new(&transaction, &self.states, &self.clock, &self.pending, self.floor)?;
        let mut outcomes = Vec::with_capacity(ops.len());
        for op in ops.iter_mut() {
            outcomes.push(match op {
                Op::Accept { inbound, body, key, .. } => {
                    open.accept(inbound, body, key.as_ref(), &mut self.dedup, scratch)?
                }
                Op::Commit { commit, .. } => open.commit(commit, scratch)?,
                Op::Bury { id, reason, .. } => open.bury(*id, reason, scratch)?,
                Op::Redrive { id, inbound, body, .. } => open.redrive(*id, inbound, body)?,
                Op::Work { work, .. } => {
                    work(&transaction)?;
                    Outcome::Finished
                }
            });
        }
        drop(open);
        dedup::keep(&transaction, &scratch.keys)?;
        measures::add(&transaction, std::mem::take(&mut scratch.counts).into_counts(), &scratch.misses)?;
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

    /// Forgets which messages came before the window.
    fn forget_keys(&mut self) {
        let oldest = oldest(self.dedup_window);
        self.dedup.forget_before(oldest);
        if let Err(error) = dedup::forget_before(&self.connection, oldest) {
            tracing::warn!(%error, "Keys of old messages could not be removed; the next hour tries again.");
        }
    }

    fn begin_flush(&mut self) {
        let oldest_pending = self.pending.first().map(|id| id.get());
        let now: MessageId = self.clock.next(crate::clock::now());
        self.states.begin_flush();
        self.flush = Flush { began: Instant::now(), running: Some(oldest_pending.unwrap_or(now.get())) };
        // From now on the entries that the next recovery may skip are below this; see `Open::commit`.
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

pub(super) use crate::store::written::to_json;

pub(super) fn oldest(window: Duration) -> MessageId {
    let now = crate::clock::now();
    let since = now.checked_sub(jiff::SignedDuration::try_from(window).unwrap_or_default()).unwrap_or_default();
    IdClock::lowest(since)
}

fn is_constraint(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation)
}
