//! Journals. A conversation's is read along its chain, from entry to entry, in one statement: there is no index by
//! conversation, whose keys would be random, and no order of ids, which several clocks do not give.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use contract::{ConversationId, EntryId, Inbound, MessageId};
use tokio_postgres::Row;

use super::{
    PostgresRecord, files,
    outbox::delivery,
    rows::{self, raw},
};
use crate::store::{
    Direction, FullEntry, Page, PastDecision, StoreError,
    conversation::Conversation,
    entry::Entry,
    written::{Decided, Said},
};

/// Each step is a look-up of its own, whatever the planner believes of how many there are.
pub(super) const WALK: &str = "WITH RECURSIVE walk (n, id, conversation, prev, at, entry) AS (
         SELECT 1, e.id, e.conversation, e.prev, e.at, e.entry FROM entries e WHERE e.id = $1
         UNION ALL
         SELECT w.n + 1, e.id, e.conversation, e.prev, e.at, e.entry FROM walk w CROSS JOIN LATERAL
             (SELECT * FROM entries e WHERE e.id = w.prev OFFSET 0) AS e WHERE w.n < $2)
     SELECT w.id, w.conversation, w.prev, w.at, w.entry, i.body, o.state, o.attempts, o.error, o.held_for FROM walk w
     LEFT JOIN LATERAL (SELECT i.body FROM inbound i WHERE i.id = w.id OFFSET 0) AS i ON true
     LEFT JOIN LATERAL (SELECT o.* FROM outbox o WHERE o.id = w.id OFFSET 0) AS o ON true
     ORDER BY w.n";

pub(super) const DECISIONS_FORWARD: &str = "SELECT id, at, conversation, entry FROM entries
     WHERE id >= $1 AND id < $2 AND kind <= 2 ORDER BY id LIMIT $3";
pub(super) const DECISIONS_BACKWARD: &str = "SELECT id, at, conversation, entry FROM entries
     WHERE id >= $1 AND id < $2 AND kind <= 2 ORDER BY id DESC LIMIT $3";
pub(super) const BODIES: &str = "SELECT id, body FROM inbound WHERE id = ANY ($1::bigint[])";

impl PostgresRecord {
    /// Up to `limit` entries backwards from `from`, newest first, and what comes before the last of them.
    async fn walk(&self, from: EntryId, limit: usize) -> Result<(Vec<FullEntry>, Option<EntryId>), StoreError> {
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        let rows = self.database.query(WALK, &[&raw(from.get()), &limit]).await?;
        let prev = rows.last().map(|row| rows::id_or_none(row, 2)).transpose()?.flatten();
        let mut entries = rows.iter().map(full_entry).collect::<Result<Vec<_>, _>>()?;
        files::complete(
            &self.database,
            entries.iter_mut().filter_map(|full| {
                let id = MessageId::from(full.entry.id.get());
                full.inbound.as_mut().map(|inbound| (id, inbound))
            }),
        )
        .await?;
        Ok((entries, prev))
    }

    pub(super) async fn one_entry(&self, id: EntryId) -> Result<Option<FullEntry>, StoreError> {
        Ok(self.walk(id, 1).await?.0.pop())
    }

    pub(super) async fn part_of_journal(
        &self,
        first: Arc<Conversation>,
        before: Option<EntryId>,
        limit: usize,
        thread: bool,
    ) -> Result<Page<FullEntry>, StoreError> {
        let (mut from, mut older) = (first.last_entry, first.before);
        if let Some(before) = before {
            (from, older) = self.place_before(before, &first).await?;
        }
        let mut items: Vec<FullEntry> = Vec::new();
        while items.len() <= limit {
            if let Some(id) = from {
                let (mut part, prev) = self.walk(id, limit + 1 - items.len()).await?;
                // A journal may begin where what is older was dropped.
                from = prev.filter(|_| !part.is_empty());
                items.append(&mut part);
                continue;
            }
            let Some(id) = older.filter(|_| thread) else { break };
            let Some(row) = self.one_conversation(id).await? else { break };
            (from, older) = (row.last_entry, row.before);
        }
        let more = items.len() > limit;
        items.truncate(limit);
        items.reverse();
        Ok(Page { items, more })
    }

    /// What comes before an entry: in its own conversation, and behind the end of that.
    async fn place_before(
        &self,
        before: EntryId,
        first: &Conversation,
    ) -> Result<(Option<EntryId>, Option<ConversationId>), StoreError> {
        let sql = "SELECT prev, conversation FROM entries WHERE id = $1";
        let Some(row) = self.database.row(sql, &[&raw(before.get())]).await? else { return Ok((None, first.before)) };
        let (prev, conversation): (_, ConversationId) = (rows::id_or_none(&row, 0)?, rows::id(&row, 1)?);
        if conversation == first.id {
            return Ok((prev, first.before));
        }
        Ok((prev, self.one_conversation(conversation).await?.and_then(|conversation| conversation.before)))
    }

    pub(super) async fn past_decisions(
        &self,
        ids: Range<EntryId>,
        order: Direction,
        limit: usize,
    ) -> Result<Page<PastDecision>, StoreError> {
        /// How many entries are read at once.
        const PART: usize = 500;
        let (mut start, mut end) = (raw(ids.start.get()), raw(ids.end.get()));
        let sql = match order {
            Direction::Forward => DECISIONS_FORWARD,
            Direction::Backward => DECISIONS_BACKWARD,
        };
        let part = (limit + 1).min(PART);
        let mut items = Vec::new();
        loop {
            let rows = self.database.query(sql, &[&start, &end, &rows::limit(part)]).await?;
            let Some(last) = rows.last() else { break };
            match order {
                Direction::Forward => start = rows::get::<i64>(last, 0)? + 1,
                Direction::Backward => end = rows::get(last, 0)?,
            }
            items.extend(self.decided(&rows).await?);
            if items.len() > limit {
                items.truncate(limit);
                return Ok(Page { items, more: true });
            }
            if rows.len() < part {
                break;
            }
        }
        Ok(Page { items, more: false })
    }

    /// The decisions among some entries.
    async fn decided(&self, rows: &[Row]) -> Result<Vec<PastDecision>, StoreError> {
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            let id: EntryId = rows::id(row, 0)?;
            let on = rows::json::<Decided>(row, 3, "entry")?.on(id);
            let Some((message, record, on, after)) = on else { continue };
            let Some(decision) = record.decision else { continue };
            found.push((id, row, message, record.signals, decision, on, after));
        }
        let wanted: Vec<i64> = found.iter().map(|(_, _, message, ..)| raw(message.get())).collect();
        let bodies = self.database.query(BODIES, &[&wanted]).await?;
        let mut messages: BTreeMap<MessageId, Arc<Inbound>> = BTreeMap::new();
        for row in &bodies {
            messages.insert(rows::id(row, 0)?, Arc::new(rows::json(row, 1, "message")?));
        }
        let with_message = found.into_iter().filter_map(|(id, row, message, signals, decision, on, after)| {
            let inbound = Arc::clone(messages.get(&message)?);
            let read = || {
                let (at, conversation) = (rows::time(row, 1)?, rows::id(row, 2)?);
                Ok(PastDecision { id, at, on, after, conversation, message, inbound, signals, decision })
            };
            Some(read())
        });
        with_message.collect()
    }
}

fn full_entry(row: &Row) -> Result<FullEntry, StoreError> {
    let inbound: Option<&str> = rows::get(row, 5)?;
    Ok(FullEntry {
        conversation: rows::id(row, 1)?,
        entry: entry(row, [0, 3, 4])?,
        inbound: inbound.map(|body| rows::parse(body, "message").map(Arc::new)).transpose()?,
        delivery: delivery(row, 6)?,
    })
}

/// Reads the columns `id`, `at`, `entry`, which stand there.
pub(super) fn entry(row: &Row, [id, at, text]: [usize; 3]) -> Result<Entry, StoreError> {
    let Said { author, what } = rows::json(row, text, "entry")?;
    Ok(Entry { id: rows::id(row, id)?, at: rows::time(row, at)?, author, what })
}
