//! One batch of a writer: commits to several conversations, checked together and written together in one transaction,
//! whatever their number in two round trips.
//!
//! The first one locks the rows that the commits change, in the order of their ids, and reads what they depend on. What may
//! not be made is left out. The second one writes the rest by statements that raise an error where somebody else was quicker
//! in what cannot be locked because it is not there yet, and commits: either all of them stand or none does.

use std::future::Future;

use contract::{CustomerId, MessageId};
use deadpool_postgres::Client;
use futures::future::{BoxFuture, join_all};
use hashbrown::{HashMap, HashSet};
use tokio_postgres::{Error, Row, error::SqlState};

use super::{
    database::{Failed, Params},
    letters,
    nodes::LEASES,
    prepared::Prepared,
    rows::{self, plain, raw},
    written_rows,
};
use crate::store::{
    StoreError,
    customer::{Customer, CustomerChange},
    dedup_key::DedupKey,
};

pub(super) const LOCK_CONVERSATIONS: &str =
    "SELECT id, version FROM conversations WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE";
pub(super) const DECIDED: &str = "SELECT id FROM entries WHERE id = ANY ($1::bigint[])";
pub(super) const BURIED: &str = "SELECT id FROM dead WHERE id = ANY ($1::bigint[])";

/// What became of a commit in its transaction.
#[derive(Debug)]
pub(super) enum Outcome {
    Done,
    AlreadyDone,
    Refused(StoreError),
}

/// Writes some commits, which share neither a conversation nor a customer. With `again` the outcome of an earlier attempt
/// is not known, and what stands already counts as done.
///
/// Messages that were decided before are rare: one looks for them only where the database refuses one, or where somebody else
/// has changed its conversation.
///
/// # Errors
/// None of them stands; or, where the connection was lost, nobody knows.
pub(super) async fn write(client: &Client, commits: &[&Prepared], again: bool) -> Result<Vec<Outcome>, Failed> {
    if again {
        return attempt(client, commits, Doubt::Outcome).await;
    }
    let mut outcomes = match attempt(client, commits, Doubt::None).await {
        Err(Failed::Server(error)) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
            return attempt(client, commits, Doubt::Doubles).await;
        }
        outcomes => outcomes?,
    };
    let (doubtful, turns): (Vec<_>, Vec<&Prepared>) = outcomes
        .iter_mut()
        .zip(commits.iter().copied())
        .filter(|(outcome, commit)| matches!(outcome, Outcome::Refused(_)) && commit.turn.is_some())
        .unzip();
    // Without an answer they stay refused, and whoever made them looks again.
    if !turns.is_empty()
        && let Ok(known) = attempt(client, &turns, Doubt::Doubles).await
    {
        doubtful.into_iter().zip(known).for_each(|(outcome, known)| *outcome = known);
    }
    Ok(outcomes)
}

/// What has to be looked up before commits are written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Doubt {
    None,
    /// Some of their messages may have been decided before.
    Doubles,
    /// They may stand themselves.
    Outcome,
}

/// One transaction.
///
/// # Errors
/// None of them stands; or, where the connection was lost, nobody knows.
async fn attempt(client: &Client, commits: &[&Prepared], doubt: Doubt) -> Result<Vec<Outcome>, Failed> {
    let seen = match Seen::read(client, commits, doubt).await {
        Ok(seen) => seen,
        Err(error) => {
            let _ = client.batch_execute("ROLLBACK").await;
            return Err(error);
        }
    };
    let outcomes: Vec<Outcome> = commits.iter().map(|commit| seen.judge(commit)).collect();
    let stand: Vec<&Prepared> = commits
        .iter()
        .zip(&outcomes)
        .filter(|(_, outcome)| matches!(outcome, Outcome::Done))
        .map(|(commit, _)| *commit)
        .filter(|commit| !seen.stood.contains(&raw(commit.id().get())))
        .collect();
    if stand.is_empty() {
        client.batch_execute("ROLLBACK").await?;
        return Ok(outcomes);
    }
    match written_rows::write(client, &stand, doubt > Doubt::None).await {
        Ok(()) => Ok(outcomes),
        Err(error) => {
            let _ = client.batch_execute("ROLLBACK").await;
            Err(error.into())
        }
    }
}

/// Sends statements one behind the other without waiting for answers in between; the first one that failed is what went
/// wrong. They are sent in this order: each is sent when it is first polled, and that is done in order.
pub(super) async fn pipelined<T>(statements: Vec<BoxFuture<'_, Result<T, Error>>>) -> Result<Vec<T>, Error> {
    join_all(statements).await.into_iter().collect()
}

/// What commits depend on, as it is while the rows are locked.
#[derive(Default)]
struct Seen {
    versions: HashMap<i64, i64>,
    /// Conversations in which an earlier attempt of this very commit stands.
    stood: HashSet<i64>,
    settled: HashSet<i64>,
    keys: HashMap<Vec<u8>, i64>,
    once: HashSet<String>,
    threads: HashMap<(String, String), i64>,
    customers: HashMap<i64, (Option<i64>, Customer)>,
    addresses: HashSet<(String, String)>,
    identifiers: HashMap<(String, String), i64>,
    epochs: HashMap<String, i64>,
}

/// What is asked for a batch, in columns.
#[derive(Default)]
struct Asked {
    conversations: Vec<i64>,
    turns: Vec<i64>,
    /// Whether those turns may have been decided before.
    doubles: bool,
    keys: Vec<Vec<u8>>,
    once: Vec<String>,
    threads: (Vec<String>, Vec<String>),
    customers: Vec<i64>,
    addresses: (Vec<String>, Vec<String>),
    identifiers: (Vec<String>, Vec<String>),
    leases: Vec<String>,
    own: Vec<i64>,
}

impl Asked {
    fn of(commits: &[&Prepared], doubt: Doubt) -> Self {
        let mut asked = Self { doubles: doubt > Doubt::None, ..Self::default() };
        for commit in commits {
            asked.conversations.push(raw(commit.id().get()));
            if let Some(turn) = &commit.turn {
                asked.turns.push(raw(turn.id.get()));
                if asked.doubles {
                    asked.keys.extend(turn.key.map(|key| key.to_vec()));
                }
            }
            asked.once.extend(commit.once.iter().map(|(key, _)| key.clone()));
            if commit.is_new() {
                asked.threads.0.push(plain(&commit.after.channel).into_owned());
                asked.threads.1.push(plain(&commit.after.thread).into_owned());
            }
            if doubt == Doubt::Outcome {
                asked.own.extend(commit.own_entry().map(|id| raw(id.get())));
            }
            asked.leases.extend(commit.fence.iter().map(|fence| fence.lease.to_owned()));
            commit.customers.iter().for_each(|change| asked.customer(change));
        }
        asked.customers.sort_unstable();
        asked.customers.dedup();
        asked.leases.sort_unstable();
        asked.leases.dedup();
        asked
    }

    fn customer(&mut self, change: &CustomerChange) {
        match change {
            CustomerChange::Put { now, .. } => self.customers.push(raw(now.id.get())),
            CustomerChange::Merge(merge) => {
                self.customers.extend([raw(merge.from.get()), raw(merge.into.get())]);
            }
            CustomerChange::Link(address, _) => {
                self.addresses.0.push(plain(&address.space).into_owned());
                self.addresses.1.push(plain(&address.handle).into_owned());
            }
            CustomerChange::Identify(identifier, _) if identifier.verified => {
                self.identifiers.0.push(identifier.kind.as_str().to_owned());
                self.identifiers.1.push(plain(&identifier.value).into_owned());
            }
            CustomerChange::Identify(..) => {}
        }
    }
}

/// The questions, in the order in which they are asked.
#[derive(Clone, Copy)]
enum Question {
    Fence,
    Leases,
    Conversations,
    Threads,
    Customers,
    Decided,
    Buried,
    Keys,
    Once,
    Addresses,
    Identifiers,
    Own,
}

impl Question {
    const fn sql(self) -> &'static str {
        match self {
            // Shared by all who commit under the lease; whoever takes it over waits for them.
            Self::Fence => {
                "SELECT pg_advisory_xact_lock_shared($1::integer, hashtext(name)) FROM unnest($2::text[]) AS name"
            }
            Self::Leases => {
                "SELECT name, epoch FROM leases WHERE name = ANY ($1::text[]) AND expires_at > clock_timestamp()"
            }
            Self::Conversations => LOCK_CONVERSATIONS,
            Self::Threads => {
                "SELECT t.channel, t.thread, t.conversation FROM unnest($1::text[], $2::text[]) AS k (channel, thread)
                 JOIN threads t ON t.channel = k.channel AND t.thread = k.thread
                 ORDER BY t.channel, t.thread FOR NO KEY UPDATE OF t"
            }
            Self::Customers => {
                "SELECT id, merged_into, customer FROM customers WHERE id = ANY ($1::bigint[])
                 ORDER BY id FOR NO KEY UPDATE"
            }
            Self::Decided => DECIDED,
            Self::Buried => BURIED,
            Self::Keys => letters::KNOWN,
            Self::Once => "SELECT key FROM once WHERE key = ANY ($1::text[])",
            Self::Addresses => {
                "SELECT a.space, a.handle FROM unnest($1::text[], $2::text[]) AS k (space, handle)
                 JOIN addresses a ON a.space = k.space AND a.handle = k.handle"
            }
            Self::Identifiers => {
                "SELECT i.kind, i.value, i.customer FROM unnest($1::text[], $2::text[]) AS k (kind, value)
                 JOIN identifiers i ON i.kind = k.kind AND i.value = k.value AND i.verified"
            }
            Self::Own => "SELECT conversation FROM entries WHERE id = ANY ($1::bigint[])",
        }
    }
}

impl Seen {
    async fn read(client: &Client, commits: &[&Prepared], doubt: Doubt) -> Result<Self, Failed> {
        let asked = Asked::of(commits, doubt);
        let questions: [(Question, Params<'_>); 12] = [
            (Question::Fence, &[&LEASES, &asked.leases]),
            (Question::Leases, &[&asked.leases]),
            (Question::Conversations, &[&asked.conversations]),
            (Question::Threads, &[&asked.threads.0, &asked.threads.1]),
            (Question::Customers, &[&asked.customers]),
            // Behind the locks: what was waited for is seen.
            (Question::Decided, &[&asked.turns]),
            (Question::Buried, &[&asked.turns]),
            (Question::Keys, &[&asked.keys]),
            (Question::Once, &[&asked.once]),
            (Question::Addresses, &[&asked.addresses.0, &asked.addresses.1]),
            (Question::Identifiers, &[&asked.identifiers.0, &asked.identifiers.1]),
            (Question::Own, &[&asked.own]),
        ];
        let mut statements = Vec::with_capacity(questions.len());
        for (question, params) in questions {
            if asked.wants(question) {
                statements.push((question, client.prepare_cached(question.sql()).await?, params));
            }
        }
        let mut sent: Vec<BoxFuture<'_, Result<Vec<Row>, Error>>> =
            vec![boxed(async { client.batch_execute("BEGIN").await.map(|()| Vec::new()) })];
        sent.extend(statements.iter().map(|(_, statement, params)| boxed(client.query(statement, params))));
        let answers = pipelined(sent).await?;
        let mut seen = Self::default();
        for ((question, ..), rows) in statements.iter().zip(answers.into_iter().skip(1)) {
            for row in rows {
                seen.note(*question, &row)?;
            }
        }
        Ok(seen)
    }

    fn note(&mut self, question: Question, row: &Row) -> Result<(), StoreError> {
        let pair = |row: &Row| -> Result<(String, String), StoreError> { Ok((rows::get(row, 0)?, rows::get(row, 1)?)) };
        match question {
            Question::Fence => {}
            Question::Leases => _ = self.epochs.insert(rows::get(row, 0)?, rows::get(row, 1)?),
            Question::Conversations => _ = self.versions.insert(rows::get(row, 0)?, rows::get(row, 1)?),
            Question::Threads => _ = self.threads.insert(pair(row)?, rows::get(row, 2)?),
            Question::Customers => {
                let known = (rows::get(row, 1)?, rows::json(row, 2, "customer")?);
                self.customers.insert(rows::get(row, 0)?, known);
            }
            Question::Decided | Question::Buried => _ = self.settled.insert(rows::get(row, 0)?),
            Question::Keys => _ = self.keys.insert(rows::get(row, 0)?, rows::get(row, 1)?),
            Question::Once => _ = self.once.insert(rows::get(row, 0)?),
            Question::Addresses => _ = self.addresses.insert(pair(row)?),
            Question::Identifiers => _ = self.identifiers.insert(pair(row)?, rows::get(row, 2)?),
            Question::Own => _ = self.stood.insert(rows::get(row, 0)?),
        }
        Ok(())
    }

    /// Whether a commit may be made.
    fn judge(&self, commit: &Prepared) -> Outcome {
        let id = raw(commit.id().get());
        if self.stood.contains(&id) {
            return Outcome::Done;
        }
        if let Some(turn) = &commit.turn
            && (self.settled.contains(&raw(turn.id.get())) || self.is_double(turn.id, turn.key))
        {
            return Outcome::AlreadyDone;
        }
        if commit.once.as_ref().is_some_and(|(key, _)| self.once.contains(key)) {
            return Outcome::AlreadyDone;
        }
        let version = self.versions.get(&id).copied().unwrap_or(0);
        let stands = version + 1 == commit.after.version.cast_signed()
            && self.is_led(commit)
            && self.goes_on(commit)
            && commit.customers.iter().all(|change| self.is_as_seen(change));
        if stands { Outcome::Done } else { Outcome::Refused(StoreError::Conflict) }
    }

    /// Whether the platform's message was committed under another id.
    fn is_double(&self, id: MessageId, key: Option<DedupKey>) -> bool {
        key.and_then(|key| self.keys.get(&key[..])).is_some_and(|known| *known != raw(id.get()))
    }

    /// Whether the lease by whose leave it is made is still the same.
    fn is_led(&self, commit: &Prepared) -> bool {
        commit
            .fence
            .is_none_or(|fence| self.epochs.get(fence.lease).is_some_and(|epoch| epoch.cast_unsigned() == fence.epoch))
    }

    /// Whether a new conversation follows the one that its thread has now.
    fn goes_on(&self, commit: &Prepared) -> bool {
        let thread = (plain(&commit.after.channel).into_owned(), plain(&commit.after.thread).into_owned());
        !commit.is_new() || self.threads.get(&thread).copied() == commit.after.before.map(|id| raw(id.get()))
    }

    /// Somebody may have been met, or learned about, on two threads at once: the second commit has to look again.
    fn is_as_seen(&self, change: &CustomerChange) -> bool {
        let customer = |id: CustomerId| self.customers.get(&raw(id.get()));
        match change {
            CustomerChange::Put { was, now } => customer(now.id).map(|(_, customer)| customer) == was.as_deref(),
            CustomerChange::Link(address, _) => {
                !self.addresses.contains(&(plain(&address.space).into_owned(), plain(&address.handle).into_owned()))
            }
            CustomerChange::Identify(identifier, owner) => {
                let key = (identifier.kind.as_str().to_owned(), plain(&identifier.value).into_owned());
                !identifier.verified || self.identifiers.get(&key).is_none_or(|known| *known == raw(owner.get()))
            }
            CustomerChange::Merge(merge) => {
                [merge.from, merge.into].iter().all(|id| customer(*id).is_none_or(|(into, _)| into.is_none()))
            }
        }
    }
}

impl Asked {
    /// Whether a question has to be asked for this batch.
    fn wants(&self, question: Question) -> bool {
        match question {
            Question::Fence | Question::Leases => !self.leases.is_empty(),
            Question::Conversations => true,
            Question::Threads => !self.threads.0.is_empty(),
            Question::Customers => !self.customers.is_empty(),
            Question::Decided => self.doubles && !self.turns.is_empty(),
            Question::Buried => !self.turns.is_empty(),
            Question::Keys => !self.keys.is_empty(),
            Question::Once => !self.once.is_empty(),
            Question::Addresses => !self.addresses.0.is_empty(),
            Question::Identifiers => !self.identifiers.0.is_empty(),
            Question::Own => !self.own.is_empty(),
        }
    }
}

pub(super) fn boxed<'a, T>(future: impl Future<Output = T> + Send + 'a) -> BoxFuture<'a, T> {
    Box::pin(future)
}
