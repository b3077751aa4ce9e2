//! The tasks that commit. Each takes whatever is queued, up to a bound, leaves for the next batch what shares a conversation
//! or a customer with it, and commits the rest together: with many producers the cost of a round trip and of a flush to disk
//! is shared, with one it is not delayed.
//!
//! A commit that fails alone does not fail its batch: the batch is taken apart. When the connection is lost, what was on its
//! way is tried again until patience ends: a commit that stands already is recognised.

use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use deadpool_postgres::{Client, Pool};
use futures::FutureExt;
use hashbrown::HashSet;
use tokio::sync::{Semaphore, oneshot};

use super::{
    batch::{self, Outcome},
    crowd::Crowd,
    database::{Failed, is_lost, is_race, pool_error},
    prepared::Prepared,
    rows::raw,
};
use crate::store::{Committed, StoreError};

/// How often a commit is tried that lost a race which the database had to end.
const TRIES: u32 = 5;
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// A commit, and who waits for it.
pub(super) struct Op {
    pub commit: Prepared,
    pub answer: oneshot::Sender<Result<Committed, StoreError>>,
}

impl Op {
    fn answer(self, outcome: Outcome) {
        let result = match outcome {
            Outcome::Done => Ok(Committed::Done(self.commit.after)),
            Outcome::AlreadyDone => Ok(Committed::AlreadyDone),
            Outcome::Refused(error) => Err(error),
        };
        // Whoever asked may have gone; what was written stands all the same.
        let _ = self.answer.send(result);
    }
}

pub(super) struct Writer {
    pub pool: Pool,
    pub ops: Arc<Crowd<Op>>,
    /// Whoever has one of these writes.
    pub places: Arc<Semaphore>,
    pub patience: Duration,
}

impl Writer {
    /// Runs until every sender is gone and everything is written.
    pub async fn run(self) {
        let mut waiting: Vec<Op> = Vec::new();
        loop {
            let Ok(_place) = self.places.acquire().await else { return };
            if !self.ops.gather(&mut waiting).await {
                return;
            }
            let (batch, rest) = apart(waiting);
            waiting = rest;
            self.write(batch).await;
        }
    }

    async fn write(&self, batch: Vec<Op>) {
        let outcomes = match self.settled(&batch, false).await {
            Ok(outcomes) => outcomes,
            Err(failed) => {
                let error = StoreError::from(failed);
                if batch.len() > 1 && !matches!(error, StoreError::Unavailable(_)) {
                    for op in batch {
                        self.write_alone(op).await;
                    }
                    return;
                }
                batch.iter().map(|_| Outcome::Refused(error.clone())).collect()
            }
        };
        batch.into_iter().zip(outcomes).for_each(|(op, outcome)| op.answer(outcome));
    }

    async fn write_alone(&self, op: Op) {
        let alone = [op];
        let mut tries = 1;
        let outcome = loop {
            // Its batch may have stood after all, where a connection was lost.
            match self.settled(&alone, true).await {
                Ok(mut outcomes) => break outcomes.pop().unwrap_or(Outcome::Refused(StoreError::Conflict)),
                Err(Failed::Server(error)) if is_race(&error) && tries < TRIES => tries += 1,
                Err(error) => break Outcome::Refused(error.into()),
            }
        };
        let [op] = alone;
        op.answer(outcome);
    }

    /// Writes a batch, over lost connections; `again` where it may stand already.
    async fn settled(&self, batch: &[Op], mut again: bool) -> Result<Vec<Outcome>, Failed> {
        let commits: Vec<&Prepared> = batch.iter().map(|op| &op.commit).collect();
        let began = Instant::now();
        let mut pause = SHORTEST_PAUSE;
        loop {
            let lost = match self.pool.get().await {
                Ok(client) => match AssertUnwindSafe(batch::write(&client, &commits, again)).catch_unwind().await {
                    Ok(Err(Failed::Server(error))) if is_lost(&error) => {
                        again = true;
                        discard(client);
                        Failed::Server(error)
                    }
                    Ok(outcome) => return outcome,
                    Err(_panic) => {
                        discard(client);
                        let reason = "a defect of the daemon; see the log".into();
                        return Err(StoreError::Corrupt { what: "turn", reason }.into());
                    }
                },
                Err(error) => Failed::Store(pool_error(&error)),
            };
            if began.elapsed() > self.patience {
                return Err(lost);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Not to be used again, whatever is left of it.
fn discard(client: Client) {
    drop(Client::take(client));
}

/// What can be written together, and what has to wait for it.
fn apart(waiting: Vec<Op>) -> (Vec<Op>, Vec<Op>) {
    let mut concerned = HashSet::new();
    waiting.into_iter().partition(|op| {
        let of: Vec<i64> =
            std::iter::once(op.commit.id().get()).chain(op.commit.people().map(|id| id.get())).map(raw).collect();
        let free = of.iter().all(|id| !concerned.contains(id));
        // What waits holds up what comes behind it, so that nobody is overtaken for ever.
        concerned.extend(of);
        free
    })
}
