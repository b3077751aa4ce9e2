//! What a worker has to know before it looks at a message, in one round trip.

use std::sync::Arc;

use contract::{ConversationId, CustomerId, IdClock, Sender, Thread, Timestamp};
use tokio_postgres::Row;

use super::{
    PostgresRecord,
    database::{Database, Params},
    rows::{self, plain, raw},
};
use crate::store::{
    Recall, StoreError, Ties,
    conversation::Conversation,
    customer::{Customer, Identifier, IdentifierKind},
};

const DAY: i64 = 24 * 3600;

/// The conversations of threads. Here and below the first column is the place of the question, from 1 on.
pub(super) const CONVERSATIONS: &str = "SELECT k.n, c.state
     FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k (channel, thread, n)
     JOIN threads t ON t.channel = k.channel AND t.thread = k.thread
     JOIN conversations c ON c.id = t.conversation";

/// The people behind addresses. `OFFSET 0` has each function called once, and before what depends on it; most people have
/// no merge to follow. What is found is sorted here rather than there, where a sort for each person costs more than it sorts.
/// From whom somebody was parted is told where the channel vouches for who they are.
pub(super) const KNOWN: &str = "SELECT k.n, a.customer,
         CASE WHEN c.merged_into IS NULL THEN c.customer ELSE (SELECT customer FROM customers WHERE id = root.id) END,
         n.open, n.day, n.week,
         ARRAY(SELECT s.space::text FROM addresses s WHERE s.customer = ANY (tree.ids)),
         i.kinds, i.found, i.verified,
         CASE WHEN k.vouched THEN ARRAY(SELECT root_of(p.id) FROM (
             SELECT into_customer AS id FROM merges WHERE from_customer = root.id AND undone_at IS NOT NULL
             UNION SELECT from_customer FROM merges WHERE into_customer = root.id AND undone_at IS NOT NULL) AS p)
         ELSE '{}'::bigint[] END
     FROM unnest($1::text[], $2::text[], $3::boolean[]) WITH ORDINALITY AS k (space, handle, vouched, n)
     JOIN addresses a ON a.space = k.space AND a.handle = k.handle
     JOIN customers c ON c.id = a.customer
     CROSS JOIN LATERAL (
         SELECT CASE WHEN c.merged_into IS NULL THEN c.id ELSE root_of(c.merged_into) END AS id OFFSET 0) AS root
     CROSS JOIN LATERAL (
         SELECT CASE WHEN EXISTS (SELECT FROM customers m WHERE m.merged_into = root.id)
                     THEN tree_of(root.id) ELSE ARRAY[root.id] END AS ids OFFSET 0) AS tree
     CROSS JOIN LATERAL (
         SELECT count(*) FILTER (WHERE owner <> 3) AS open, count(*) FILTER (WHERE id >= $4) AS day,
                count(*) FILTER (WHERE id >= $5) AS week
         FROM conversations WHERE customer = ANY (tree.ids)) AS n
     CROSS JOIN LATERAL (
         SELECT array_agg(kind::text) AS kinds, array_agg(value::text) AS found, array_agg(verified) AS verified
         FROM identifiers WHERE customer = ANY (tree.ids)) AS i";

/// Whom identifiers name that channels vouch for.
pub(super) const IDENTIFIED: &str = "SELECT k.n, i.kind::text, i.value::text, r.customer
     FROM unnest($1::bigint[], $2::text[], $3::text[]) AS k (n, kind, value)
     JOIN identifiers i ON i.kind = k.kind AND i.value = k.value AND i.verified
     CROSS JOIN LATERAL (SELECT root_of(i.customer) AS id OFFSET 0) AS root
     JOIN customers r ON r.id = root.id ORDER BY k.n, i.kind";

/// What is asked for one message.
pub(super) struct Wanted {
    channel: String,
    thread: String,
    space: String,
    handle: String,
    /// What the channel vouches for.
    vouched: Vec<(IdentifierKind, String)>,
}

/// What came of it. A row that cannot be read fails its own question alone; a question that cannot be asked, its batch.
pub(super) type Recalled = Result<Recall, StoreError>;

impl Wanted {
    fn new(thread: &Thread, from: &Sender) -> Self {
        let plain = |text: &str| plain(text).into_owned();
        let vouched = [
            (IdentifierKind::Email, &from.email, from.email_verified),
            (IdentifierKind::Phone, &from.phone, from.phone_verified),
        ];
        Self {
            channel: plain(&thread.channel),
            thread: plain(&thread.key),
            space: plain(&from.address.space),
            handle: plain(&from.address.handle),
            vouched: vouched
                .into_iter()
                .filter(|(.., verified)| *verified)
                .filter_map(|(kind, value, _)| Some((kind, plain(value.as_deref()?))))
                .collect(),
        }
    }
}

impl PostgresRecord {
    pub(super) async fn look_up(&self, thread: &Thread, from: &Sender) -> Recalled {
        let gone = || StoreError::Unavailable("it is closed, or a defect ended what was asked; see the log".into());
        self.recalls.ask(Wanted::new(thread, from)).await.ok_or_else(gone)?
    }
}

/// Asks for what several messages need.
pub(super) async fn recall(database: Database, wanted: Vec<Wanted>) -> Vec<Recalled> {
    match found(&database, &wanted, crate::clock::now()).await {
        Ok(found) => found.into_iter().map(Found::recall).collect(),
        Err(error) => vec![Err(error); wanted.len()],
    }
}

async fn found(database: &Database, wanted: &[Wanted], now: Timestamp) -> Result<Vec<Found>, StoreError> {
    let since = |seconds: i64| {
        let id: ConversationId = IdClock::lowest(now - jiff::SignedDuration::from_secs(seconds));
        raw(id.get())
    };
    let column = |of: fn(&Wanted) -> &str| -> Vec<&str> { wanted.iter().map(of).collect() };
    let (channels, threads) = (column(|wanted| &wanted.channel), column(|wanted| &wanted.thread));
    let (spaces, handles) = (column(|wanted| &wanted.space), column(|wanted| &wanted.handle));
    let are_vouched: Vec<bool> = wanted.iter().map(|wanted| !wanted.vouched.is_empty()).collect();
    let (mut places, mut kinds, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for (place, wanted) in (1_i64..).zip(wanted) {
        for (kind, value) in &wanted.vouched {
            places.push(place);
            kinds.push(kind.as_str());
            values.push(value.as_str());
        }
    }
    let (day, week) = (since(DAY), since(7 * DAY));
    let questions: [(&str, Params<'_>); 3] = [
        (CONVERSATIONS, &[&channels, &threads]),
        (KNOWN, &[&spaces, &handles, &are_vouched, &day, &week]),
        (IDENTIFIED, &[&places, &kinds, &values]),
    ];
    let asked = if places.is_empty() { &questions[..2] } else { &questions[..] };
    let mut answers = database.pipelined(asked).await?.into_iter();
    let mut found: Vec<Found> = wanted.iter().map(|_| Found::default()).collect();
    let mut each = |note: fn(&mut Found, Row)| -> Result<(), StoreError> {
        for row in answers.next().into_iter().flatten() {
            let place = usize::try_from(rows::get::<i64>(&row, 0)? - 1).unwrap_or(usize::MAX);
            if let Some(found) = found.get_mut(place) {
                note(found, row);
            }
        }
        Ok(())
    };
    each(|found, row| found.conversation = Some(row))?;
    each(|found, row| found.known = Some(row))?;
    each(|found, row| found.identified.push(row))?;
    Ok(found)
}

/// What the database has of one message's thread and sender.
#[derive(Default)]
struct Found {
    conversation: Option<Row>,
    known: Option<Row>,
    identified: Vec<Row>,
}

impl Found {
    fn recall(self) -> Recalled {
        let conversation =
            self.conversation.map(|row| rows::json::<Conversation>(&row, 1, "conversation")).transpose()?;
        let known = self.known.map(|row| known(&row)).transpose()?.unwrap_or_default();
        let identified = self.identified.iter().map(identified).collect::<Result<Vec<_>, _>>()?;
        let news: Vec<_> = identified
            .into_iter()
            .filter(|(kind, value, _)| {
                let is_this = |known: &Identifier| known.verified && known.kind == *kind && known.value == *value;
                !known.ties.identifiers.iter().any(is_this)
            })
            .map(|(kind, _, customer)| (kind, customer))
            .collect();
        Ok(Recall {
            conversation: conversation.map(Arc::new),
            owner: known.owner,
            customer: known.customer,
            ties: Arc::new(known.ties),
            parted: if news.is_empty() { Vec::new() } else { known.parted },
            identified: news,
        })
    }
}

#[derive(Default)]
struct Known {
    owner: Option<CustomerId>,
    customer: Option<Arc<Customer>>,
    ties: Ties,
    parted: Vec<CustomerId>,
}

fn known(row: &Row) -> Result<Known, StoreError> {
    let number = |column| Ok::<_, StoreError>(u32::try_from(rows::get::<i64>(row, column)?).unwrap_or(u32::MAX));
    let mut spaces: Vec<String> = rows::get(row, 6)?;
    spaces.sort_unstable();
    spaces.dedup();
    Ok(Known {
        owner: Some(rows::id(row, 1)?),
        customer: Some(Arc::new(rows::json(row, 2, "customer")?)),
        ties: Ties {
            identifiers: identifiers(row, 7)?,
            open_conversations: number(3)?,
            contacts: (number(4)?, number(5)?),
            spaces,
        },
        parted: rows::get::<Vec<i64>>(row, 10)?.into_iter().map(|id| CustomerId::from(id.cast_unsigned())).collect(),
    })
}

/// Identifiers in three columns of arrays, which are null where there is none: each once, in their order, and verified where one of
/// those who are one person has it verified.
pub(super) fn identifiers(row: &Row, first: usize) -> Result<Vec<Identifier>, StoreError> {
    let kinds: Vec<&str> = rows::get::<Option<_>>(row, first)?.unwrap_or_default();
    let values: Vec<String> = rows::get::<Option<_>>(row, first + 1)?.unwrap_or_default();
    let verified: Vec<bool> = rows::get::<Option<_>>(row, first + 2)?.unwrap_or_default();
    let all = kinds.into_iter().zip(values).zip(verified);
    let mut all: Vec<_> =
        all.map(|((name, value), verified)| Identifier { kind: kind(name), value, verified }).collect();
    all.sort_unstable_by(|a, b| (a.kind, &a.value, !a.verified).cmp(&(b.kind, &b.value, !b.verified)));
    all.dedup_by(|again, first| (again.kind, &again.value) == (first.kind, &first.value));
    Ok(all)
}

fn kind(name: &str) -> IdentifierKind {
    if name == IdentifierKind::Phone.as_str() { IdentifierKind::Phone } else { IdentifierKind::Email }
}

fn identified(row: &Row) -> Result<(IdentifierKind, String, Arc<Customer>), StoreError> {
    Ok((kind(rows::get(row, 1)?), rows::get(row, 2)?, Arc::new(rows::json(row, 3, "customer")?)))
}
