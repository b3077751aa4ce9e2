//! What a batch of commits writes: for each table the rows of all of them, in columns, by one statement.
//!
//! What must not be there yet is inserted plainly, so that the database refuses the batch where it is. Keys are sorted, so
//! that two batches wait for each other in one order.

use deadpool_postgres::Client;
use futures::future::BoxFuture;
use hashbrown::HashMap;
use tokio_postgres::{Error, types::ToSql};

use super::{
    batch::{boxed, pipelined},
    measures,
    prepared::Prepared,
    rows::{plain, raw},
};
use crate::store::{
    customer::{Customer, CustomerChange},
    outbox::{DeliveryState, Precedence},
    written::to_json,
};

pub(super) type Column = Box<dyn ToSql + Sync + Send>;
pub(super) type Statement = (&'static str, Vec<Column>);

/// Writes them and commits. Where there may be `doubles`, a key that stands for the same message is no trouble.
///
/// # Errors
/// None of them stands; or, where the connection was lost, nobody knows.
pub(super) async fn write(client: &Client, commits: &[&Prepared], doubles: bool) -> Result<(), Error> {
    let mut statements: Vec<Statement> = Vec::new();
    statements.extend(turns(commits, doubles));
    statements.extend(entries(commits));
    statements.extend(conversations(commits));
    statements.extend(released(commits));
    statements.extend(outbox(commits));
    statements.extend(raised(commits));
    statements.extend(once(commits));
    statements.extend(tickets(commits));
    statements.extend(people(commits));
    // Last: whoever waits for a share of them holds nothing that another one waits for.
    statements.extend(measures::add(commits.iter().map(|commit| &*commit.noted)));
    let mut ready = Vec::with_capacity(statements.len());
    for (sql, columns) in &statements {
        let columns: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|column| &**column as &(dyn ToSql + Sync)).collect();
        ready.push((client.prepare_cached(sql).await?, columns));
    }
    let mut sent: Vec<BoxFuture<'_, Result<(), Error>>> = ready
        .iter()
        .map(|(statement, columns)| boxed(async move { client.execute(statement, columns).await.map(drop) }))
        .collect();
    sent.push(boxed(client.batch_execute("COMMIT")));
    pipelined(sent).await.map(drop)
}

pub(super) const KEYS: &str = "INSERT INTO dedup (key, id) SELECT * FROM unnest($1::bytea[], $2::bigint[])";
/// A redriven message has its key already.
pub(super) const NEW_KEYS: &str = "INSERT INTO dedup (key, id)
     SELECT k.key, k.id FROM unnest($1::bytea[], $2::bigint[]) AS k (key, id)
     WHERE NOT EXISTS (SELECT 1 FROM dedup d WHERE d.key = k.key AND d.id = k.id)";
pub(super) const RELEASED: &str = "UPDATE outbox SET state = 0, next_at = 0
     WHERE conversation = ANY ($1::bigint[]) AND state = 7 AND held_for = 1";
pub(super) const RAISED: &str = "UPDATE outbox o SET precedence = u.precedence
     FROM unnest($1::bigint[], $2::smallint[]) AS u (conversation, precedence)
     WHERE o.conversation = u.conversation AND o.state IN (0, 1) AND o.precedence > u.precedence";
pub(super) const CONVERSATIONS: &str =
    "UPDATE conversations c SET customer = u.customer, owner = u.owner, agent = u.agent,
         closed_at = u.closed_at, version = u.version, state = u.state,
         changed = CASE WHEN u.structural THEN pg_current_xact_id() ELSE c.changed END
     FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::bigint[], $5::bigint[], $6::bigint[],
                 $7::text[], $8::boolean[])
         AS u (id, customer, owner, agent, closed_at, version, state, structural)
     WHERE c.id = u.id";

pub(super) fn column<T: ToSql + Sync + Send + 'static>(values: Vec<T>) -> Column {
    Box::new(values)
}

/// Messages, and the keys by which they are recognised.
fn turns(commits: &[&Prepared], doubles: bool) -> Vec<Statement> {
    let turns: Vec<_> = commits.iter().filter_map(|commit| commit.turn.as_ref()).collect();
    let mut statements = Vec::new();
    if !turns.is_empty() {
        statements.push((
            "INSERT INTO inbound (id, channel, body) SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[])",
            vec![
                column(turns.iter().map(|turn| raw(turn.id.get())).collect()),
                column(turns.iter().map(|turn| plain(&turn.channel).into_owned()).collect()),
                column(turns.iter().map(|turn| turn.body.clone()).collect()),
            ],
        ));
    }
    let mut keys: Vec<_> = turns.iter().filter_map(|turn| Some((turn.key?.to_vec(), raw(turn.id.get())))).collect();
    keys.sort_unstable();
    if !keys.is_empty() {
        let (keys, ids): (Vec<_>, Vec<_>) = keys.into_iter().unzip();
        statements.push((if doubles { NEW_KEYS } else { KEYS }, vec![column(keys), column(ids)]));
    }
    statements
}

fn entries(commits: &[&Prepared]) -> Option<Statement> {
    let entries: Vec<_> =
        commits.iter().flat_map(|commit| commit.entries.iter().map(|entry| (raw(commit.id().get()), entry))).collect();
    (!entries.is_empty()).then(|| {
        (
            "INSERT INTO entries (id, conversation, prev, at, kind, entry) SELECT * FROM
                 unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::smallint[], $6::text[])",
            vec![
                column(entries.iter().map(|(_, entry)| raw(entry.id.get())).collect()),
                column(entries.iter().map(|(conversation, _)| *conversation).collect()),
                column(entries.iter().map(|(_, entry)| entry.prev.map(|id| raw(id.get()))).collect()),
                column(entries.iter().map(|(_, entry)| entry.at).collect()),
                column(entries.iter().map(|(_, entry)| entry.kind).collect()),
                column(entries.iter().map(|(_, entry)| entry.entry.clone()).collect()),
            ],
        )
    })
}

/// The rows of conversations, and the threads of new ones.
fn conversations(commits: &[&Prepared]) -> Vec<Statement> {
    let (new, known): (Vec<&Prepared>, Vec<&Prepared>) = commits.iter().copied().partition(|commit| commit.is_new());
    let mut statements = Vec::new();
    if !new.is_empty() {
        statements.push((
            "INSERT INTO conversations (id, customer, owner, agent, closed_at, version, state) SELECT * FROM
                 unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[])",
            states(&new),
        ));
        statements.extend(threads(&new));
    }
    if !known.is_empty() {
        let mut columns = states(&known);
        columns.push(column(known.iter().map(|commit| commit.structural).collect()));
        statements.push((CONVERSATIONS, columns));
    }
    statements
}

fn states(commits: &[&Prepared]) -> Vec<Column> {
    let all = || commits.iter().map(|commit| &commit.after);
    vec![
        column(all().map(|c| raw(c.id.get())).collect()),
        column(all().map(|c| raw(c.customer.get())).collect()),
        column(all().map(|c| c.owner as i16).collect()),
        column(all().map(|c| c.agent.map(|id| raw(id.get()))).collect()),
        column(all().map(|c| c.closed_at.map(|at| at.as_microsecond())).collect()),
        column(all().map(|c| c.version.cast_signed()).collect()),
        column(commits.iter().map(|commit| commit.state.clone()).collect()),
    ]
}

/// A thread's first conversation makes its row; a later one takes it over, and the row is locked since it was read.
fn threads(new: &[&Prepared]) -> Vec<Statement> {
    let rows = |first: bool| {
        let mut rows: Vec<_> = new
            .iter()
            .filter(|commit| commit.after.before.is_none() == first)
            .map(|commit| {
                let (channel, thread) = (plain(&commit.after.channel), plain(&commit.after.thread));
                (channel.into_owned(), thread.into_owned(), raw(commit.id().get()))
            })
            .collect();
        rows.sort_unstable();
        rows
    };
    let first = "INSERT INTO threads (channel, thread, conversation)
                 SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])";
    let later = "UPDATE threads t SET conversation = u.conversation
                 FROM unnest($1::text[], $2::text[], $3::bigint[]) AS u (channel, thread, conversation)
                 WHERE t.channel = u.channel AND t.thread = u.thread";
    [(first, rows(true)), (later, rows(false))]
        .into_iter()
        .filter(|(_, rows)| !rows.is_empty())
        .map(|(sql, rows)| {
            let columns = vec![
                column(rows.iter().map(|(channel, ..)| channel.clone()).collect()),
                column(rows.iter().map(|(_, thread, _)| thread.clone()).collect()),
                column(rows.iter().map(|(.., id)| *id).collect()),
            ];
            (sql, columns)
        })
        .collect()
}

fn outbox(commits: &[&Prepared]) -> Option<Statement> {
    /// More than a commit has.
    const REPLIES: i64 = 1 << 12;
    let place = |commit: &Prepared, nth: usize| commit.after.version.cast_signed() * REPLIES + nth as i64;
    let rows: Vec<_> = commits
        .iter()
        .flat_map(|commit| {
            let replies = commit.outbox.iter().enumerate();
            replies.map(|(nth, (id, state, precedence, elsewhere))| {
                let channel = elsewhere.as_ref().unwrap_or(&commit.after.channel);
                (*commit, *id, channel, *state, *precedence, place(commit, nth))
            })
        })
        .collect();
    (!rows.is_empty()).then(|| {
        (
            "INSERT INTO outbox (id, channel, conversation, state, precedence, place) SELECT * FROM
                 unnest($1::bigint[], $2::text[], $3::bigint[], $4::smallint[], $5::smallint[], $6::bigint[])",
            vec![
                column(rows.iter().map(|(_, id, ..)| *id).collect()),
                column(rows.iter().map(|(_, _, channel, ..)| plain(channel).into_owned()).collect()),
                column(rows.iter().map(|(commit, ..)| raw(commit.id().get())).collect()),
                column(rows.iter().map(|(_, _, _, state, ..)| *state).collect()),
                column(rows.iter().map(|(.., precedence, _)| *precedence).collect()),
                column(rows.iter().map(|(.., place)| *place).collect()),
            ],
        )
    })
}

/// The customer wrote: what waited for that goes.
fn released(commits: &[&Prepared]) -> Option<Statement> {
    let of: Vec<i64> =
        commits.iter().filter(|commit| commit.turn.is_some()).map(|commit| raw(commit.id().get())).collect();
    (!of.is_empty()).then(|| (RELEASED, vec![column(of)]))
}

/// What is more urgent does not wait behind what is less, and order stays.
fn raised(commits: &[&Prepared]) -> Option<Statement> {
    let pending = DeliveryState::Pending as i16;
    let (of, to): (Vec<i64>, Vec<i16>) = commits
        .iter()
        .filter_map(|commit| {
            let replies = commit.outbox.iter().filter(|(_, state, ..)| *state == pending);
            let most = replies.map(|(_, _, precedence, _)| *precedence).min()?;
            (most < Precedence::Bulk as i16).then(|| (raw(commit.id().get()), most))
        })
        .unzip();
    (!of.is_empty()).then(|| (RAISED, vec![column(of), column(to)]))
}

fn once(commits: &[&Prepared]) -> Option<Statement> {
    let mut rows: Vec<_> = commits.iter().filter_map(|commit| commit.once.clone()).collect();
    rows.sort_unstable();
    (!rows.is_empty()).then(|| {
        let (keys, entries): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        (
            "INSERT INTO once (key, entry) SELECT * FROM unnest($1::text[], $2::bigint[])",
            vec![column(keys), column(entries)],
        )
    })
}

fn tickets(commits: &[&Prepared]) -> Option<Statement> {
    let mut rows: Vec<_> = commits.iter().filter_map(|commit| Some((commit.ticket?, raw(commit.id().get())))).collect();
    rows.sort_unstable();
    (!rows.is_empty()).then(|| {
        let (numbers, conversations): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        (
            "INSERT INTO tickets (number, conversation) SELECT * FROM unnest($1::bigint[], $2::bigint[])",
            vec![column(numbers), column(conversations)],
        )
    })
}

/// Who is who, in the order in which it depends on each other.
fn people(commits: &[&Prepared]) -> Vec<Statement> {
    let (mut new, mut known, mut links, mut merges) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut identifiers: HashMap<(&'static str, String, i64), bool> = HashMap::new();
    for change in commits.iter().flat_map(|commit| &commit.customers) {
        match change {
            CustomerChange::Put { was: None, now } => new.push(now),
            CustomerChange::Put { was: Some(_), now } => known.push(now),
            CustomerChange::Link(address, id) => {
                let (space, handle) = (plain(&address.space), plain(&address.handle));
                links.push((space.into_owned(), handle.into_owned(), raw(id.get())));
            }
            CustomerChange::Identify(identifier, id) => {
                let key = (identifier.kind.as_str(), plain(&identifier.value).into_owned(), raw(id.get()));
                *identifiers.entry(key).or_default() |= identifier.verified;
            }
            CustomerChange::Merge(merge) => merges.push(merge),
        }
    }
    let mut statements = Vec::new();
    for (rows, sql) in [(new, NEW_CUSTOMERS), (known, KNOWN_CUSTOMERS)] {
        if !rows.is_empty() {
            statements.push((sql, customer_columns(&rows)));
        }
    }
    links.sort_unstable();
    if !links.is_empty() {
        statements.push((
            "INSERT INTO addresses (space, handle, customer) SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])",
            vec![
                column(links.iter().map(|(space, ..)| space.clone()).collect()),
                column(links.iter().map(|(_, handle, _)| handle.clone()).collect()),
                column(links.iter().map(|(.., id)| *id).collect()),
            ],
        ));
    }
    let mut identifiers: Vec<_> = identifiers.into_iter().collect();
    identifiers.sort_unstable();
    if !identifiers.is_empty() {
        statements.push((
            "INSERT INTO identifiers (kind, value, customer, verified)
             SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::boolean[])
             ON CONFLICT (kind, value, customer) DO UPDATE SET verified = identifiers.verified OR excluded.verified",
            vec![
                column(identifiers.iter().map(|((kind, ..), _)| *kind).collect()),
                column(identifiers.iter().map(|((_, value, _), _)| value.clone()).collect()),
                column(identifiers.iter().map(|((.., id), _)| *id).collect()),
                column(identifiers.iter().map(|(_, verified)| *verified).collect()),
            ],
        ));
    }
    if !merges.is_empty() {
        let ids = |of: fn(&crate::store::customer::Merge) -> contract::CustomerId| -> Column {
            column(merges.iter().map(|merge| raw(of(merge).get())).collect())
        };
        statements.push((
            "INSERT INTO merges (from_customer, into_customer, identifier, at)
             SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[])",
            vec![
                ids(|merge| merge.from),
                ids(|merge| merge.into),
                column(merges.iter().map(|merge| plain(&merge.identifier).into_owned()).collect()),
                column(merges.iter().map(|merge| merge.at.as_microsecond()).collect()),
            ],
        ));
        statements.push((
            "UPDATE customers c SET merged_into = u.into_customer
             FROM unnest($1::bigint[], $2::bigint[]) AS u (id, into_customer) WHERE c.id = u.id",
            vec![ids(|merge| merge.from), ids(|merge| merge.into)],
        ));
    }
    statements
}

const NEW_CUSTOMERS: &str =
    "INSERT INTO customers (id, name, customer) SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[])";
const KNOWN_CUSTOMERS: &str = "UPDATE customers c SET name = u.name, customer = u.customer
     FROM unnest($1::bigint[], $2::text[], $3::text[]) AS u (id, name, customer) WHERE c.id = u.id";

fn customer_columns(customers: &[&Customer]) -> Vec<Column> {
    vec![
        column(customers.iter().map(|customer| raw(customer.id.get())).collect()),
        column(
            customers.iter().map(|customer| customer.name.as_deref().map(|name| plain(name).into_owned())).collect(),
        ),
        column(customers.iter().map(|customer| to_json(*customer)).collect()),
    ]
}
