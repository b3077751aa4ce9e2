//! Conversations and their journals on the embedded record.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use async_trait::async_trait;
use contract::{
    Address, AgentId, ConversationId, CustomerId, EntryId, IdClock, Inbound, MessageId, Sender, Thread, Timestamp,
};
use rusqlite::{Connection, OptionalExtension, Row, params, types::Value};

use super::{
    SqliteRecord, entries,
    files::with_files,
    id_column, json_column,
    states::{Glance, Known},
    time_column,
    writer::{Op, Prepared, to_json},
};
use crate::models::Spent;
use crate::store::{
    Commit, Committed, Direction, FullEntry, Journal, ListOf, OfferRecord, Page, PastDecision, Recall, StoreError,
    Ties,
    conversation::Conversation,
    customer::{Customer, Identifier, IdentifierKind},
    outbox::{Delivery, DeliveryState, HeldFor},
};

const DAY: i64 = 24 * 3600;

#[async_trait]
impl Journal for SqliteRecord {
    async fn recall(&self, thread: &Thread, from: &Sender) -> Result<Recall, StoreError> {
        let mut seen = self.states.glance(thread, &from.address);
        if seen.conversation.is_none() || seen.known.is_none() {
            seen = self.look_up(seen, thread, &from.address).await?;
        }
        let Glance { conversation, owner, known, .. } = seen;
        let (customer, ties) = known.map(|known| (known.customer, known.ties)).unzip();
        let ties = ties.unwrap_or_default();
        let identified = self.identified(from, &ties.identifiers).await?;
        let parted = match &customer {
            Some(customer) if !identified.is_empty() => self.parted(customer.id).await?,
            _ => Vec::new(),
        };
        Ok(Recall { conversation, owner: owner.filter(|_| customer.is_some()), customer, ties, identified, parted })
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let prepared = prepare(commit);
        self.ask(|answer| Op::Commit { commit: Box::new(prepared), answer: Some(answer) }).await
    }

    async fn conversation(&self, id: ConversationId) -> Result<Option<Arc<Conversation>>, StoreError> {
        if let Some(conversation) = self.states.conversation(id) {
            return Ok(Some(conversation));
        }
        let read = self.read(move |connection| row_of(connection, id)).await?;
        Ok(read.map(|conversation| self.states.read(conversation)))
    }

    async fn conversation_of(&self, thread: &Thread) -> Result<Option<Arc<Conversation>>, StoreError> {
        if let Some(id) = self.states.thread(thread) {
            return self.conversation(id).await;
        }
        let key = thread.clone();
        let Some(id) = self.read(move |connection| latest_of(connection, &key)).await? else { return Ok(None) };
        self.states.read_thread(thread, id);
        self.conversation(id).await
    }

    async fn conversations(
        &self,
        list: ListOf,
        before: Option<ConversationId>,
        limit: usize,
    ) -> Result<Page<Arc<Conversation>>, StoreError> {
        let (condition, agent) = match list {
            ListOf::Mine(agent) => ("owner IN (1, 2) AND owner = 2 AND agent = ?3", Some(agent)),
            ListOf::Queued => ("owner IN (1, 2) AND owner = 1 AND ?3 IS NULL", None),
            ListOf::Open => ("owner <> 3 AND ?3 IS NULL", None),
            ListOf::Closed => ("owner = 3 AND ?3 IS NULL", None),
        };
        let sql = format!("SELECT state FROM conversations WHERE {condition} AND id < ?1 ORDER BY id DESC LIMIT ?2");
        let before = before.map_or(i64::MAX, |id| id.get().cast_signed());
        let mut items = self.list(sql, before, limit + 1, agent).await?;
        let more = items.len() > limit;
        items.truncate(limit);
        Ok(Page { items, more })
    }

    async fn held(&self) -> Result<Vec<Arc<Conversation>>, StoreError> {
        let sql = "SELECT state FROM conversations WHERE owner IN (1, 2) AND id < ?1 AND ?3 IS NULL LIMIT ?2";
        self.list(sql.to_owned(), i64::MAX, i64::MAX as usize, None).await
    }

    async fn open_conversations(
        &self,
        after: Option<ConversationId>,
        closed_since: Option<Timestamp>,
        limit: usize,
    ) -> Result<Vec<Arc<Conversation>>, StoreError> {
        let after = after.map_or(0, |id| id.get().cast_signed());
        let since = closed_since.map_or(i64::MAX, Timestamp::as_microsecond);
        let sql = "SELECT state FROM conversations WHERE id > ?1
            AND (owner <> 3 OR json_extract(state, '$.closed_at') >= ?3) ORDER BY id LIMIT ?2";
        let rows = self
            .read(move |connection| {
                connection
                    .prepare_cached(sql)?
                    .query_map(params![after, i64::try_from(limit).unwrap_or(i64::MAX), since], |row| {
                        json_column::<Conversation>(row, 0)
                    })?
                    .collect::<Result<Vec<_>, _>>()
            })
            .await?;
        Ok(self.newest(rows))
    }

    async fn conversations_of(
        &self,
        customers: &[CustomerId],
        limit: usize,
    ) -> Result<Vec<Arc<Conversation>>, StoreError> {
        let ids: Vec<u64> = customers.iter().map(|id| id.get()).collect();
        let rows = self
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT state FROM conversations WHERE customer IN (SELECT value FROM json_each(?1))
                         ORDER BY id DESC LIMIT ?2",
                    )?
                    .query_map(params![to_json(&ids), limit as i64], |row| json_column::<Conversation>(row, 0))?
                    .collect::<Result<Vec<_>, _>>()
            })
            .await?;
        Ok(self.newest(rows))
    }

    async fn entries(
        &self,
        conversation: ConversationId,
        before: Option<EntryId>,
        limit: usize,
        thread: bool,
    ) -> Result<Page<FullEntry>, StoreError> {
        let Some(first) = self.conversation(conversation).await? else {
            return Err(StoreError::Missing("conversation"));
        };
        self.read(move |connection| {
            let (mut from, mut older) = match before {
                Some(before) => place_before(connection, before, &first)?,
                None => (first.last_entry, first.before),
            };
            let mut items = Vec::new();
            while items.len() <= limit {
                let Some(id) = from else {
                    let Some(id) = older.filter(|_| thread) else { break };
                    let Some(row) = row_of(connection, id)? else { break };
                    (from, older) = (row.last_entry, row.before);
                    continue;
                };
                let Some((entry, prev)) = full_entry(connection, id)? else { break };
                items.push(entry);
                from = prev;
            }
            let more = items.len() > limit;
            items.truncate(limit);
            items.reverse();
            Ok(Page { items, more })
        })
        .await
    }

    async fn entry(&self, id: EntryId) -> Result<Option<FullEntry>, StoreError> {
        self.read(move |connection| Ok(full_entry(connection, id)?.map(|(entry, _)| entry))).await
    }

    async fn decisions(
        &self,
        ids: Range<EntryId>,
        order: Direction,
        limit: usize,
    ) -> Result<Page<PastDecision>, StoreError> {
        self.read(move |connection| entries::decisions(connection, &ids, order, limit)).await
    }

    async fn entry_once(&self, writer: AgentId, client_id: &str) -> Result<Option<EntryId>, StoreError> {
        let key = once_key(writer, client_id);
        self.read(move |connection| {
            connection
                .prepare_cached("SELECT entry FROM once WHERE key = ?1")?
                .query_row([key], |row| id_column(row, 0))
                .optional()
        })
        .await
    }

    async fn record_offers(&self, offers: Vec<OfferRecord>) -> Result<(), StoreError> {
        self.write(move |transaction| {
            let mut statement = transaction.prepare_cached(
                "INSERT INTO offers (id, conversation, agent, state, at) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (id) DO UPDATE SET state = excluded.state, at = excluded.at",
            )?;
            for offer in &offers {
                statement.execute(params![
                    offer.id.get().cast_signed(),
                    offer.conversation.get().cast_signed(),
                    offer.agent.get().cast_signed(),
                    offer.state,
                    offer.at.as_microsecond()
                ])?;
            }
            Ok(())
        })
        .await
    }

    async fn declined_since(&self, since: Timestamp) -> Result<Vec<OfferRecord>, StoreError> {
        const LONGEST_OFFER: i64 = 3600;
        let oldest: contract::OfferId = IdClock::lowest(since - jiff::SignedDuration::from_secs(LONGEST_OFFER));
        self.read(move |connection| {
            connection
                .prepare_cached("SELECT id, conversation, agent, state, at FROM offers WHERE id >= ?1 AND at >= ?2")?
                .query_map(params![oldest.get().cast_signed(), since.as_microsecond()], |row| {
                    let state: String = row.get(3)?;
                    Ok(OfferRecord {
                        id: id_column(row, 0)?,
                        conversation: id_column(row, 1)?,
                        agent: id_column::<AgentId>(row, 2)?,
                        state: if state == "declined" {
                            "declined"
                        } else if state == "expired" {
                            "expired"
                        } else {
                            ""
                        },
                        at: time_column(row, 4)?,
                    })
                })?
                .filter(|offer| offer.as_ref().map_or(true, |offer| !offer.state.is_empty()))
                .collect()
        })
        .await
    }

    async fn add_rule_hits(&self, hour: Timestamp, hits: Vec<(Arc<str>, u64)>) -> Result<(), StoreError> {
        const KEPT: jiff::SignedDuration = jiff::SignedDuration::from_hours(100 * 24);
        self.write(move |transaction| {
            let mut add = transaction.prepare_cached(
                "INSERT INTO rule_hits (hour, rule, hits) VALUES (?1, ?2, ?3)
                 ON CONFLICT (hour, rule) DO UPDATE SET hits = hits + excluded.hits",
            )?;
            for (rule, hits) in &hits {
                add.execute(params![hour.as_microsecond(), rule, hits.cast_signed()])?;
            }
            let oldest = (hour - KEPT).as_microsecond();
            transaction.prepare_cached("DELETE FROM rule_hits WHERE hour < ?1")?.execute([oldest]).map(drop)
        })
        .await
    }

    async fn rule_hits(&self, since: Timestamp) -> Result<BTreeMap<String, u64>, StoreError> {
        self.read(move |connection| {
            connection
                .prepare_cached("SELECT rule, SUM(hits) FROM rule_hits WHERE hour >= ?1 GROUP BY rule")?
                .query_map([since.as_microsecond()], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned())))?
                .collect()
        })
        .await
    }

    async fn spend_on_models(&self, day: Timestamp, more: Spent, less: Spent) -> Result<Spent, StoreError> {
        self.write(move |transaction| {
            let [steps, tokens, millis, micros] = more.each_more_than(less);
            transaction
                .prepare_cached(
                    "INSERT INTO model_days (day, steps, tokens, millis, micros)
                     VALUES (?1, MAX(?2, 0), MAX(?3, 0), MAX(?4, 0), MAX(?5, 0))
                     ON CONFLICT (day) DO UPDATE SET steps = MAX(steps + ?2, 0), tokens = MAX(tokens + ?3, 0),
                         millis = MAX(millis + ?4, 0), micros = MAX(micros + ?5, 0)
                     RETURNING steps, tokens, millis, micros",
                )?
                .query_row(params![day.as_microsecond(), steps, tokens, millis, micros], |row| {
                    Ok(Spent::from_columns([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]))
                })
        })
        .await
    }

    async fn keep_rule_set(&self, hash: &str, files: &str) -> Result<(), StoreError> {
        let (hash, files) = (hash.to_owned(), files.to_owned());
        self.write(move |transaction| {
            transaction
                .prepare_cached("INSERT OR IGNORE INTO rule_sets (hash, files, first_seen) VALUES (?1, ?2, ?3)")?
                .execute(params![hash, files, crate::clock::now().as_microsecond()])
                .map(drop)
        })
        .await
    }

    async fn rule_set(&self, hash: &str) -> Result<Option<String>, StoreError> {
        let hash = hash.to_owned();
        self.read(move |connection| {
            connection
                .prepare_cached("SELECT files FROM rule_sets WHERE hash = ?1")?
                .query_row([hash], |row| row.get(0))
                .optional()
        })
        .await
    }
}

impl SqliteRecord {
    async fn list(
        &self,
        sql: String,
        before: i64,
        limit: usize,
        agent: Option<AgentId>,
    ) -> Result<Vec<Arc<Conversation>>, StoreError> {
        let rows = self
            .read(move |connection| {
                let agent = agent.map(|agent| agent.get().cast_signed());
                connection
                    .prepare_cached(&sql)?
                    .query_map(params![before, i64::try_from(limit).unwrap_or(i64::MAX), agent], |row| {
                        json_column::<Conversation>(row, 0)
                    })?
                    .collect::<Result<Vec<_>, _>>()
            })
            .await?;
        Ok(self.newest(rows))
    }

    /// Rows may lag behind; what is in memory does not.
    fn newest(&self, rows: Vec<Conversation>) -> Vec<Arc<Conversation>> {
        rows.into_iter()
            .map(|row| {
                self.states
                    .conversation(row.id)
                    .filter(|known| known.version > row.version)
                    .unwrap_or_else(|| Arc::new(row))
            })
            .collect()
    }

    /// Reads what memory does not know, in one go.
    async fn look_up(&self, mut seen: Glance, thread: &Thread, address: &Address) -> Result<Glance, StoreError> {
        let (states, thread, address) = (Arc::clone(&self.states), thread.clone(), address.clone());
        self.read(move |connection| {
            if seen.conversation_id.is_none() {
                seen.conversation_id = latest_of(connection, &thread)?;
                if let Some(id) = seen.conversation_id {
                    states.read_thread(&thread, id);
                }
            }
            if let (None, Some(id)) = (&seen.conversation, seen.conversation_id) {
                let known = states.conversation(id).map_or_else(|| row_of(connection, id), |known| Ok(Some(known)))?;
                seen.conversation = known.map(|conversation| states.read(conversation));
            }
            if seen.owner.is_none() {
                seen.owner = owner_of(connection, &address)?;
                if let Some(owner) = seen.owner {
                    states.read_address(&address, owner);
                }
            }
            if let (None, Some(owner)) = (&seen.known, seen.owner) {
                seen.known = read_known(connection, states.root(owner), crate::clock::now())?;
                if let Some(known) = &seen.known {
                    states.read_known(known.clone());
                }
            }
            Ok(seen)
        })
        .await
    }

    async fn known(&self, id: CustomerId) -> Result<Option<Known>, StoreError> {
        if let Some(known) = self.states.known(id) {
            return Ok(Some(known));
        }
        let known = self.read(move |connection| read_known(connection, id, crate::clock::now())).await?;
        if let Some(known) = &known {
            self.states.read_known(known.clone());
        }
        Ok(known)
    }

    /// Whom a person parted from this customer, by undoing a merge.
    async fn parted(&self, customer: CustomerId) -> Result<Vec<CustomerId>, StoreError> {
        let others: Vec<CustomerId> = self
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT into_customer FROM merges WHERE from_customer = ?1 AND undone_at IS NOT NULL
                         UNION SELECT from_customer FROM merges WHERE into_customer = ?1 AND undone_at IS NOT NULL",
                    )?
                    .query_map([customer.get().cast_signed()], |row| id_column(row, 0))?
                    .collect()
            })
            .await?;
        Ok(others.into_iter().map(|id| self.states.root(id)).collect())
    }

    /// Whom the identifiers that the channel vouches for belong to.
    async fn identified(
        &self,
        from: &Sender,
        known: &[Identifier],
    ) -> Result<Vec<(IdentifierKind, Arc<Customer>)>, StoreError> {
        let mut identified = Vec::new();
        for (kind, value, verified) in [
            (IdentifierKind::Email, &from.email, from.email_verified),
            (IdentifierKind::Phone, &from.phone, from.phone_verified),
        ] {
            let (Some(value), true) = (value.clone(), verified) else { continue };
            if known.iter().any(|known| known.verified && known.kind == kind && known.value == value) {
                continue;
            }
            let owner: Option<CustomerId> = self
                .read(move |connection| {
                    connection
                        .prepare_cached(
                            "SELECT customer FROM identifiers WHERE kind = ?1 AND value = ?2 AND verified = 1",
                        )?
                        .query_row([kind.as_str(), value.as_str()], |row| id_column(row, 0))
                        .optional()
                })
                .await?;
            let Some(owner) = owner else { continue };
            if let Some(known) = self.known(self.states.root(owner)).await? {
                identified.push((kind, known.customer));
            }
        }
        Ok(identified)
    }
}

fn prepare(commit: Commit) -> Prepared {
    let outbox = commit.outbox.iter();
    let outbox =
        outbox.map(|(id, state)| (*id, *state, commit.precedence(*id), commit.elsewhere(*id).map(str::to_owned)));
    let outbox = outbox.collect();
    let ticket = commit.ticket();
    let mut after = commit.conversation;
    let prev = after.last_entry.map(|id| id.get());
    after.version += 1;
    if let Some(last) = commit.entries.last() {
        after.last_entry = Some(last.id);
    }
    Prepared {
        structural: commit.structural,
        turn: commit.turn.map(|taken| taken.id),
        entries: commit.entries.iter().map(entries::written).collect(),
        prev,
        state: to_json(&after),
        outbox,
        customers: commit.customers,
        once: commit.once,
        ticket,
        noted: commit.noted,
        after: Arc::new(after),
    }
}

/// How the table names what is done once.
pub(super) fn once_key(writer: AgentId, client_id: &str) -> String {
    format!("{writer}/{client_id}")
}

fn row_of(connection: &Connection, id: ConversationId) -> Result<Option<Arc<Conversation>>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT state FROM conversations WHERE id = ?1")?
        .query_row([id.get().cast_signed()], |row| json_column(row, 0).map(Arc::new))
        .optional()
}

fn latest_of(connection: &Connection, thread: &Thread) -> Result<Option<ConversationId>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT conversation FROM threads WHERE channel = ?1 AND thread = ?2")?
        .query_row([&thread.channel, &thread.key], |row| id_column(row, 0))
        .optional()
}

fn owner_of(connection: &Connection, address: &Address) -> Result<Option<CustomerId>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT customer FROM addresses WHERE space = ?1 AND handle = ?2")?
        .query_row([&address.space, &address.handle], |row| id_column(row, 0))
        .optional()
}

/// What comes before an entry: in its own conversation, and behind the end of that.
fn place_before(
    connection: &Connection,
    before: EntryId,
    first: &Conversation,
) -> Result<(Option<EntryId>, Option<ConversationId>), rusqlite::Error> {
    let found: Option<(Option<i64>, ConversationId)> = connection
        .prepare_cached("SELECT prev, conversation FROM entries WHERE id = ?1")?
        .query_row([before.get().cast_signed()], |row| Ok((row.get(0)?, id_column(row, 1)?)))
        .optional()?;
    let Some((prev, conversation)) = found else { return Ok((None, first.before)) };
    let older = if conversation == first.id {
        first.before
    } else {
        row_of(connection, conversation)?.and_then(|conversation| conversation.before)
    };
    Ok((prev.map(|id| EntryId::from(id.cast_unsigned())), older))
}

fn full_entry(connection: &Connection, id: EntryId) -> Result<Option<(FullEntry, Option<EntryId>)>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT e.conversation, e.prev, i.body, o.state, o.attempts, o.error, o.held_for, e.id, e.at, e.entry FROM entries e
             LEFT JOIN inbound i ON i.id = e.id LEFT JOIN outbox o ON o.id = e.id WHERE e.id = ?1",
        )?
        .query_row([id.get().cast_signed()], |row| {
            let full = FullEntry {
                conversation: id_column(row, 0)?,
                entry: entries::read(row, 7)?,
                inbound: match row.get_ref(2)? {
                    rusqlite::types::ValueRef::Null => None,
                    _ => Some(with_files(connection, MessageId::from(id.get()), json_column::<Inbound>(row, 2)?)?),
                },
                delivery: delivery(row, 3)?,
            };
            let prev: Option<i64> = row.get(1)?;
            Ok((full, prev.map(|id| EntryId::from(id.cast_unsigned()))))
        })
        .optional()
}

/// The delivery in four columns, the first of which is null where there is none.
pub(super) fn delivery(row: &Row<'_>, first: usize) -> Result<Option<Delivery>, rusqlite::Error> {
    let Value::Integer(state) = row.get(first)? else { return Ok(None) };
    Ok(DeliveryState::from_number(state).map(|state| Delivery {
        state,
        attempts: row.get(first + 1).unwrap_or(0),
        error: row.get(first + 2).unwrap_or(None),
        held_for: (state == DeliveryState::Held).then(|| HeldFor::from_number(row.get(first + 3).unwrap_or(0))),
    }))
}

fn read_known(connection: &Connection, id: CustomerId, now: Timestamp) -> Result<Option<Known>, rusqlite::Error> {
    let Some(customer) = super::customers::row(connection, id)? else { return Ok(None) };
    let ids = to_json(&super::customers::tree(connection, id)?.iter().map(|id| id.get()).collect::<Vec<_>>());
    let since = |seconds| {
        let id: ConversationId = IdClock::lowest(now - jiff::SignedDuration::from_secs(seconds));
        id.get().cast_signed()
    };
    let (open, day, week): (Option<u32>, Option<u32>, Option<u32>) = connection
        .prepare_cached(
            "SELECT SUM(owner <> 3), SUM(id >= ?2), SUM(id >= ?3) FROM conversations
             WHERE customer IN (SELECT value FROM json_each(?1))",
        )?
        .query_row(params![&ids, since(DAY), since(7 * DAY)], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let spaces = connection
        .prepare_cached(
            "SELECT DISTINCT space FROM addresses WHERE customer IN (SELECT value FROM json_each(?1)) ORDER BY space",
        )?
        .query_map([&ids], |row| row.get(0))?
        .collect::<Result<Vec<String>, _>>()?;
    let identifiers = super::customers::identifiers(connection, &ids)?;
    let ties = Ties {
        identifiers,
        open_conversations: open.unwrap_or(0),
        contacts: (day.unwrap_or(0), week.unwrap_or(0)),
        spaces,
    };
    Ok(Some(Known { customer: Arc::new(customer), ties: Arc::new(ties) }))
}
