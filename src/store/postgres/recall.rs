//! What a worker has to know before it looks at a message, in one round trip.

use std::sync::Arc;

use contract::{ConversationId, CustomerId, IdClock, Sender, Thread, Timestamp};
use tokio_postgres::Row;

use super::{
    PostgresRecord,
    database::Params,
    rows::{self, plain, raw},
};
use crate::store::{
    Recall, StoreError, Ties,
    conversation::Conversation,
    customer::{Customer, Identifier, IdentifierKind},
};

const DAY: i64 = 24 * 3600;

pub(super) const CONVERSATION: &str = "SELECT c.state FROM threads t JOIN conversations c ON c.id = t.conversation
     WHERE t.channel = $1 AND t.thread = $2";

/// The person behind an address. `OFFSET 0` has each function called once, and before what depends on it.
pub(super) const KNOWN: &str = "SELECT a.customer, r.customer, n.open, n.day, n.week,
         ARRAY(SELECT DISTINCT s.space::text FROM addresses s WHERE s.customer = ANY (tree.ids) ORDER BY 1),
         i.kinds, i.found, i.verified,
         ARRAY(SELECT root_of(p.id) FROM (
             SELECT into_customer AS id FROM merges WHERE from_customer = root.id AND undone_at IS NOT NULL
             UNION SELECT from_customer FROM merges WHERE into_customer = root.id AND undone_at IS NOT NULL) AS p)
     FROM addresses a
     CROSS JOIN LATERAL (SELECT root_of(a.customer) AS id OFFSET 0) AS root
     CROSS JOIN LATERAL (SELECT tree_of(root.id) AS ids OFFSET 0) AS tree
     JOIN customers r ON r.id = root.id
     CROSS JOIN LATERAL (
         SELECT count(*) FILTER (WHERE owner <> 3) AS open, count(*) FILTER (WHERE id >= $3) AS day,
                count(*) FILTER (WHERE id >= $4) AS week
         FROM conversations WHERE customer = ANY (tree.ids)) AS n
     CROSS JOIN LATERAL (
         SELECT array_agg(kind::text) AS kinds, array_agg(value::text) AS found, array_agg(verified) AS verified
         FROM (SELECT kind, value, bool_or(verified) AS verified FROM identifiers
               WHERE customer = ANY (tree.ids) GROUP BY kind, value ORDER BY kind, value) AS each) AS i
     WHERE a.space = $1 AND a.handle = $2";

pub(super) const IDENTIFIED: &str = "SELECT i.kind::text, i.value::text, r.customer
     FROM (SELECT kind, value, customer FROM identifiers WHERE verified AND kind = 'email' AND value = $1
           UNION ALL
           SELECT kind, value, customer FROM identifiers WHERE verified AND kind = 'phone' AND value = $2) AS i
     CROSS JOIN LATERAL (SELECT root_of(i.customer) AS id OFFSET 0) AS root
     JOIN customers r ON r.id = root.id ORDER BY i.kind";

impl PostgresRecord {
    pub(super) async fn look_up(&self, thread: &Thread, from: &Sender, now: Timestamp) -> Result<Recall, StoreError> {
        let since = |seconds: i64| {
            let id: ConversationId = IdClock::lowest(now - jiff::SignedDuration::from_secs(seconds));
            raw(id.get())
        };
        let vouched = |value: &Option<String>, verified: bool| {
            value.as_deref().filter(|_| verified).map(|value| plain(value).into_owned())
        };
        let (email, phone) = (vouched(&from.email, from.email_verified), vouched(&from.phone, from.phone_verified));
        let (channel, key) = (plain(&thread.channel), plain(&thread.key));
        let (space, handle) = (plain(&from.address.space), plain(&from.address.handle));
        let (day, week) = (since(DAY), since(7 * DAY));
        let questions: [(&str, Params<'_>); 3] = [
            (CONVERSATION, &[&channel, &key]),
            (KNOWN, &[&space, &handle, &day, &week]),
            (IDENTIFIED, &[&email, &phone]),
        ];
        let asked = if email.is_some() || phone.is_some() { &questions[..] } else { &questions[..2] };
        let answers = self.database.pipelined(asked).await?;
        let answer = |at: usize| answers.get(at).map_or(&[][..], Vec::as_slice);
        let conversation =
            answer(0).first().map(|row| rows::json::<Conversation>(row, 0, "conversation")).transpose()?;
        let known = answer(1).first().map(known).transpose()?.unwrap_or_default();
        let identified = answer(2).iter().map(identified).collect::<Result<Vec<_>, _>>()?;
        let news: Vec<_> = identified
            .into_iter()
            .filter(|(kind, value, _)| {
                !known
                    .ties
                    .identifiers
                    .iter()
                    .any(|known| known.verified && known.kind == *kind && known.value == *value)
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
    Ok(Known {
        owner: Some(rows::id(row, 0)?),
        customer: Some(Arc::new(rows::json(row, 1, "customer")?)),
        ties: Ties {
            identifiers: identifiers(row, 6)?,
            open_conversations: number(2)?,
            contacts: (number(3)?, number(4)?),
            spaces: rows::get(row, 5)?,
        },
        parted: rows::get::<Vec<i64>>(row, 9)?.into_iter().map(|id| CustomerId::from(id.cast_unsigned())).collect(),
    })
}

/// Identifiers in three columns of arrays, which are null where there is none.
pub(super) fn identifiers(row: &Row, first: usize) -> Result<Vec<Identifier>, StoreError> {
    let kinds: Vec<&str> = rows::get::<Option<_>>(row, first)?.unwrap_or_default();
    let values: Vec<String> = rows::get::<Option<_>>(row, first + 1)?.unwrap_or_default();
    let verified: Vec<bool> = rows::get::<Option<_>>(row, first + 2)?.unwrap_or_default();
    let all = kinds.into_iter().zip(values).zip(verified);
    Ok(all.map(|((name, value), verified)| Identifier { kind: kind(name), value, verified }).collect())
}

fn kind(name: &str) -> IdentifierKind {
    if name == IdentifierKind::Phone.as_str() { IdentifierKind::Phone } else { IdentifierKind::Email }
}

fn identified(row: &Row) -> Result<(IdentifierKind, String, Arc<Customer>), StoreError> {
    Ok((kind(rows::get(row, 0)?), rows::get(row, 1)?, Arc::new(rows::json(row, 2, "customer")?)))
}
