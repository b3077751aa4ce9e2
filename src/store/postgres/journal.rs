//! Conversations and their journals on PostgreSQL.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use async_trait::async_trait;
use contract::{AgentId, ConversationId, CustomerId, EntryId, IdClock, OfferId, Sender, Thread, Timestamp};

use super::{
    PostgresRecord,
    database::Params,
    prepared::once_key,
    rows::{self, plain, raw},
};
use crate::models::Spent;
use crate::store::{
    Commit, Committed, Direction, FullEntry, Journal, ListOf, OfferRecord, Page, PastDecision, Recall, StoreError,
    conversation::Conversation,
};

pub(super) const ONE: &str = "SELECT state FROM conversations WHERE id = $1";
pub(super) const OF_THREAD: &str = "SELECT c.state FROM threads t JOIN conversations c ON c.id = t.conversation
     WHERE t.channel = $1 AND t.thread = $2";
pub(super) const MINE: &str = "SELECT state FROM conversations
     WHERE owner IN (1, 2) AND owner = 2 AND agent = $3 AND id < $1 ORDER BY id DESC LIMIT $2";
pub(super) const QUEUED: &str = "SELECT state FROM conversations
     WHERE owner IN (1, 2) AND owner = 1 AND id < $1 ORDER BY id DESC LIMIT $2";
pub(super) const OPEN: &str = "SELECT state FROM conversations WHERE owner <> 3 AND id < $1 ORDER BY id DESC LIMIT $2";
pub(super) const CLOSED: &str = "SELECT state FROM conversations WHERE owner = 3 AND id < $1 ORDER BY id DESC LIMIT $2";
pub(super) const HELD: &str = "SELECT state FROM conversations WHERE owner IN (1, 2)";
/// `OFFSET 0` has those that were closed found by when that was: of all that were ever closed they are few.
pub(super) const MAY_BE_DUE: &str = "SELECT state FROM (
         (SELECT id, state FROM conversations WHERE owner <> 3 AND id > $1 ORDER BY id LIMIT $2)
         UNION ALL
         (SELECT id, state FROM (
              SELECT id, state FROM conversations WHERE owner = 3 AND closed_at >= $3 AND id > $1 OFFSET 0) AS closed
          ORDER BY id LIMIT $2)
     ) AS c ORDER BY id LIMIT $2";
pub(super) const THEIRS: &str =
    "SELECT state FROM conversations WHERE customer = ANY ($1::bigint[]) ORDER BY id DESC LIMIT $2";

impl PostgresRecord {
    pub(super) async fn one_conversation(&self, id: ConversationId) -> Result<Option<Arc<Conversation>>, StoreError> {
        Ok(self.list(ONE, &[&raw(id.get())]).await?.pop())
    }

    async fn list(&self, sql: &str, params: Params<'_>) -> Result<Vec<Arc<Conversation>>, StoreError> {
        let rows = self.database.query(sql, params).await?;
        rows.iter().map(|row| rows::json(row, 0, "conversation").map(Arc::new)).collect()
    }
}

#[async_trait]
impl Journal for PostgresRecord {
    async fn recall(&self, thread: &Thread, from: &Sender) -> Result<Recall, StoreError> {
        self.look_up(thread, from).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.queue(commit).await
    }

    async fn conversation(&self, id: ConversationId) -> Result<Option<Arc<Conversation>>, StoreError> {
        self.one_conversation(id).await
    }

    async fn conversation_of(&self, thread: &Thread) -> Result<Option<Arc<Conversation>>, StoreError> {
        Ok(self.list(OF_THREAD, &[&plain(&thread.channel), &plain(&thread.key)]).await?.pop())
    }

    async fn conversations(
        &self,
        list: ListOf,
        before: Option<ConversationId>,
        limit: usize,
    ) -> Result<Page<Arc<Conversation>>, StoreError> {
        let (before, most) = (before.map_or(i64::MAX, |id| raw(id.get())), rows::limit(limit + 1));
        let mut items = match list {
            ListOf::Mine(agent) => self.list(MINE, &[&before, &most, &raw(agent.get())]).await?,
            ListOf::Queued => self.list(QUEUED, &[&before, &most]).await?,
            ListOf::Open => self.list(OPEN, &[&before, &most]).await?,
            ListOf::Closed => self.list(CLOSED, &[&before, &most]).await?,
        };
        let more = items.len() > limit;
        items.truncate(limit);
        Ok(Page { items, more })
    }

    async fn held(&self) -> Result<Vec<Arc<Conversation>>, StoreError> {
        self.list(HELD, &[]).await
    }

    async fn open_conversations(
        &self,
        after: Option<ConversationId>,
        closed_since: Option<Timestamp>,
        limit: usize,
    ) -> Result<Vec<Arc<Conversation>>, StoreError> {
        let after = after.map_or(0, |id| raw(id.get()));
        let since = closed_since.map_or(i64::MAX, Timestamp::as_microsecond);
        self.list(MAY_BE_DUE, &[&after, &rows::limit(limit), &since]).await
    }

    async fn conversations_of(
        &self,
        customers: &[CustomerId],
        limit: usize,
    ) -> Result<Vec<Arc<Conversation>>, StoreError> {
        let ids: Vec<i64> = customers.iter().map(|id| raw(id.get())).collect();
        self.list(THEIRS, &[&ids, &rows::limit(limit)]).await
    }

    async fn entries(
        &self,
        conversation: ConversationId,
        before: Option<EntryId>,
        limit: usize,
        thread: bool,
    ) -> Result<Page<FullEntry>, StoreError> {
        let first = self.one_conversation(conversation).await?.ok_or(StoreError::Missing("conversation"))?;
        self.part_of_journal(first, before, limit, thread).await
    }

    async fn entry(&self, id: EntryId) -> Result<Option<FullEntry>, StoreError> {
        self.one_entry(id).await
    }

    async fn decisions(
        &self,
        ids: Range<EntryId>,
        order: Direction,
        limit: usize,
    ) -> Result<Page<PastDecision>, StoreError> {
        self.past_decisions(ids, order, limit).await
    }

    async fn entry_once(&self, writer: AgentId, client_id: &str) -> Result<Option<EntryId>, StoreError> {
        let sql = "SELECT entry FROM once WHERE key = $1";
        let row = self.database.row(sql, &[&once_key(writer, client_id)]).await?;
        row.map(|row| rows::id(&row, 0)).transpose()
    }

    async fn record_offers(&self, offers: Vec<OfferRecord>) -> Result<(), StoreError> {
        // The same offer twice: what is said last stands.
        let offers: BTreeMap<OfferId, OfferRecord> = offers.into_iter().map(|offer| (offer.id, offer)).collect();
        let column =
            |of: fn(&OfferRecord) -> u64| -> Vec<i64> { offers.values().map(|offer| raw(of(offer))).collect() };
        let states: Vec<&str> = offers.values().map(|offer| offer.state).collect();
        let at: Vec<i64> = offers.values().map(|offer| offer.at.as_microsecond()).collect();
        self.database
            .execute(
                "INSERT INTO offers (id, conversation, agent, state, at)
                 SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[])
                 ON CONFLICT (id) DO UPDATE SET state = excluded.state, at = excluded.at",
                &[
                    &column(|offer| offer.id.get()),
                    &column(|offer| offer.conversation.get()),
                    &column(|offer| offer.agent.get()),
                    &states,
                    &at,
                ],
            )
            .await
            .map(drop)
    }

    async fn declined_since(&self, since: Timestamp) -> Result<Vec<OfferRecord>, StoreError> {
        const LONGEST_OFFER: i64 = 3600;
        let oldest: OfferId = IdClock::lowest(since - jiff::SignedDuration::from_secs(LONGEST_OFFER));
        let rows = self
            .database
            .query(
                "SELECT id, conversation, agent, state = 'declined', at FROM offers
                 WHERE id >= $1 AND at >= $2 AND state IN ('declined', 'expired')",
                &[&raw(oldest.get()), &since.as_microsecond()],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(OfferRecord {
                    id: rows::id(row, 0)?,
                    conversation: rows::id(row, 1)?,
                    agent: rows::id(row, 2)?,
                    state: if rows::get(row, 3)? { "declined" } else { "expired" },
                    at: rows::time(row, 4)?,
                })
            })
            .collect()
    }

    async fn add_rule_hits(&self, hour: Timestamp, hits: Vec<(Arc<str>, u64)>) -> Result<(), StoreError> {
        const KEPT: jiff::SignedDuration = jiff::SignedDuration::from_hours(100 * 24);
        let mut sums: BTreeMap<String, i64> = BTreeMap::new();
        for (rule, hits) in &hits {
            *sums.entry(plain(rule).into_owned()).or_default() += hits.cast_signed();
        }
        let (rules, sums): (Vec<String>, Vec<i64>) = sums.into_iter().unzip();
        // Both in one transaction, as hits must not be added twice where the second one fails.
        self.database
            .execute(
                "WITH old AS (DELETE FROM rule_hits WHERE hour < $4)
                 INSERT INTO rule_hits (hour, rule, hits) SELECT $1::bigint, * FROM unnest($2::text[], $3::bigint[])
                 ON CONFLICT (hour, rule) DO UPDATE SET hits = rule_hits.hits + excluded.hits",
                &[&hour.as_microsecond(), &rules, &sums, &(hour - KEPT).as_microsecond()],
            )
            .await
            .map(drop)
    }

    async fn rule_hits(&self, since: Timestamp) -> Result<BTreeMap<String, u64>, StoreError> {
        let sql = "SELECT rule::text, SUM(hits)::bigint FROM rule_hits WHERE hour >= $1 GROUP BY rule";
        let rows = self.database.query(sql, &[&since.as_microsecond()]).await?;
        rows.iter().map(|row| Ok((rows::get(row, 0)?, rows::count(row, 1)?))).collect()
    }

    async fn spend_on_models(&self, day: Timestamp, more: Spent, less: Spent) -> Result<Spent, StoreError> {
        let [steps, tokens, millis, micros] = more.each_more_than(less);
        let sql = "INSERT INTO model_days AS d (day, steps, tokens, millis, micros)
                   VALUES ($1, GREATEST($2::bigint, 0), GREATEST($3::bigint, 0), GREATEST($4::bigint, 0), GREATEST($5::bigint, 0))
                   ON CONFLICT (day) DO UPDATE SET steps = GREATEST(d.steps + $2, 0), tokens = GREATEST(d.tokens + $3, 0),
                       millis = GREATEST(d.millis + $4, 0), micros = GREATEST(d.micros + $5, 0)
                   RETURNING steps, tokens, millis, micros";
        let row = self.database.row(sql, &[&day.as_microsecond(), &steps, &tokens, &millis, &micros]).await?;
        let row = row.ok_or(StoreError::Missing("day"))?;
        Ok(Spent::from_columns([rows::get(&row, 0)?, rows::get(&row, 1)?, rows::get(&row, 2)?, rows::get(&row, 3)?]))
    }

    async fn keep_rule_set(&self, hash: &str, files: &str) -> Result<(), StoreError> {
        let now = crate::clock::now().as_microsecond();
        let sql = "INSERT INTO rule_sets (hash, files, first_seen) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        self.database.execute(sql, &[&hash, &plain(files), &now]).await.map(drop)
    }

    async fn rule_set(&self, hash: &str) -> Result<Option<String>, StoreError> {
        let row = self.database.row("SELECT files FROM rule_sets WHERE hash = $1", &[&hash]).await?;
        row.map(|row| rows::get(&row, 0)).transpose()
    }
}
