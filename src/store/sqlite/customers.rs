//! Customers on the embedded record.

use async_trait::async_trait;
use contract::{Address, CustomerId, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use super::{SqliteRecord, id_column, json_column, time_column, writer::to_json};
use crate::store::{
    Customers, StoreError,
    customer::{Contact, Customer, Identifier, IdentifierKind, Merge},
};

#[async_trait]
impl Customers for SqliteRecord {
    async fn contact(&self, id: CustomerId) -> Result<Option<Contact>, StoreError> {
        let root = self.states.root(id);
        self.read(move |connection| contact(connection, root)).await
    }

    async fn is_somebodys(&self, kind: IdentifierKind, value: &str) -> Result<bool, StoreError> {
        let value = value.to_owned();
        self.read(move |connection| {
            connection
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM identifiers WHERE kind = ?1 AND value = ?2)")?
                .query_row([kind.as_str(), value.as_str()], |row| row.get(0))
        })
        .await
    }

    async fn tally(&self, name: &str) -> Result<Option<String>, StoreError> {
        let name = name.to_owned();
        self.read(move |connection| {
            connection
                .prepare_cached("SELECT value FROM channel_memory WHERE channel = '' AND key = ?1")?
                .query_row([name], |row| row.get(0))
                .optional()
        })
        .await
    }

    async fn put_tally(&self, name: &str, was: Option<&str>, now: &str) -> Result<bool, StoreError> {
        let (name, was, now) = (name.to_owned(), was.map(str::to_owned), now.to_owned());
        let changed = self.write(move |transaction| match &was {
            Some(was) => transaction
                .prepare_cached("UPDATE channel_memory SET value = ?3 WHERE channel = '' AND key = ?1 AND value = ?2")?
                .execute([&name, was, &now]),
            None => transaction
                .prepare_cached("INSERT OR IGNORE INTO channel_memory (channel, key, value) VALUES ('', ?1, ?2)")?
                .execute([&name, &now]),
        });
        Ok(changed.await? == 1)
    }

    async fn search(&self, text: &str, limit: usize) -> Result<Vec<Contact>, StoreError> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let (glob, like) = (starts_with_glob(text), starts_with_like(text));
        let found: Vec<CustomerId> = self
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT customer FROM identifiers WHERE value GLOB ?1
                         UNION SELECT customer FROM addresses WHERE handle GLOB ?1
                         UNION SELECT id FROM (SELECT id, customer FROM customers ORDER BY id DESC LIMIT 50000)
                               WHERE customer ->> '$.name' LIKE ?2 ESCAPE '\\'
                         LIMIT ?3",
                    )?
                    .query_map(params![glob, like, limit as i64], |row| id_column(row, 0))?
                    .collect()
            })
            .await?;
        let mut roots: Vec<CustomerId> = found.into_iter().map(|id| self.states.root(id)).collect();
        roots.sort_unstable();
        roots.dedup();
        self.read(move |connection| {
            roots.into_iter().filter_map(|id| contact(connection, id).transpose()).collect::<Result<Vec<_>, _>>()
        })
        .await
    }

    async fn put_customer(&self, was: &Customer, now: Customer) -> Result<(), StoreError> {
        let (id, was) = (now.id, was.clone());
        let stands = self
            .write(move |transaction| {
                let is_still = is_still(transaction, id, Some(&was))?;
                if is_still {
                    put(transaction, &now)?;
                }
                Ok(is_still)
            })
            .await?;
        self.states.customer_changed(id);
        if stands { Ok(()) } else { Err(StoreError::Conflict) }
    }

    async fn unmerge(&self, merge: &str, now: Timestamp) -> Result<Merge, StoreError> {
        let Ok(id) = merge.parse::<i64>() else { return Err(StoreError::Missing("merge")) };
        let undone = self
            .write(move |transaction| {
                let changed = transaction
                    .prepare_cached("UPDATE merges SET undone_at = ?2 WHERE id = ?1 AND undone_at IS NULL")?
                    .execute([id, now.as_microsecond()])?;
                if changed == 0 {
                    return Ok(None);
                }
                transaction
                    .prepare_cached(
                        "UPDATE customers SET merged_into = NULL WHERE id = (SELECT from_customer FROM merges WHERE id = ?1)",
                    )?
                    .execute([id])?;
                transaction.prepare_cached(&format!("{MERGES} WHERE id = ?1"))?.query_row([id], merge_row).optional()
            })
            .await?
            .ok_or(StoreError::Missing("merge that stands"))?;
        self.states.merged(undone.from, None);
        Ok(undone)
    }
}

/// The GLOB pattern of what starts with exactly this text.
fn starts_with_glob(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        match c {
            '*' | '?' | '[' => pattern.extend(['[', c, ']']),
            c => pattern.push(c),
        }
    }
    pattern.push('*');
    pattern
}

/// The LIKE pattern of what starts with exactly this text, whatever the case of its letters.
fn starts_with_like(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

const MERGES: &str = "SELECT id, from_customer, into_customer, identifier, at, undone_at FROM merges";

fn merge_row(row: &rusqlite::Row<'_>) -> Result<Merge, rusqlite::Error> {
    let undone: Option<i64> = row.get(5)?;
    Ok(Merge {
        id: row.get::<_, i64>(0)?.to_string(),
        from: id_column(row, 1)?,
        into: id_column(row, 2)?,
        identifier: row.get(3)?,
        at: time_column(row, 4)?,
        undone_at: undone.and_then(|micros| Timestamp::from_microsecond(micros).ok()),
    })
}

/// A customer's own row.
pub(super) fn row(connection: &Connection, id: CustomerId) -> Result<Option<Customer>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT customer FROM customers WHERE id = ?1")?
        .query_row([id.get().cast_signed()], |row| json_column(row, 0))
        .optional()
}

/// Whether a customer's row says this, or is not there.
pub(super) fn is_still(
    connection: &Connection,
    id: CustomerId,
    was: Option<&Customer>,
) -> Result<bool, rusqlite::Error> {
    Ok(row(connection, id)?.as_ref() == was)
}

/// Writes a customer's own row.
pub(super) fn put(connection: &Connection, customer: &Customer) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached(
            "INSERT INTO customers (id, customer) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET customer = excluded.customer",
        )?
        .execute(params![customer.id.get().cast_signed(), to_json(customer)])
        .map(drop)
}

/// All customers that are one person: the root and whoever points at it, however indirectly.
pub(super) fn tree(connection: &Connection, root: CustomerId) -> Result<Vec<CustomerId>, rusqlite::Error> {
    connection
        .prepare_cached(
            "WITH RECURSIVE tree(id) AS (
                 SELECT ?1 UNION SELECT c.id FROM customers c JOIN tree t ON c.merged_into = t.id)
             SELECT id FROM tree ORDER BY id",
        )?
        .query_map([root.get().cast_signed()], |row| id_column(row, 0))?
        .collect()
}

fn contact(connection: &Connection, root: CustomerId) -> Result<Option<Contact>, rusqlite::Error> {
    let Some(customer) = row(connection, root)? else { return Ok(None) };
    let ids = tree(connection, root)?;
    let list = to_json(&ids.iter().map(|id| id.get()).collect::<Vec<_>>());
    let addresses = connection
        .prepare_cached("SELECT space, handle FROM addresses WHERE customer IN (SELECT value FROM json_each(?1))")?
        .query_map([&list], |row| Ok(Address { space: row.get(0)?, handle: row.get(1)? }))?
        .collect::<Result<_, _>>()?;
    let identifiers = identifiers(connection, &list)?;
    let merges = connection
        .prepare_cached(&format!(
            "{MERGES} WHERE into_customer IN (SELECT value FROM json_each(?1))
                OR from_customer IN (SELECT value FROM json_each(?1)) ORDER BY id"
        ))?
        .query_map([&list], merge_row)?
        .collect::<Result<_, _>>()?;
    Ok(Some(Contact { customer, ids, addresses, identifiers, merges }))
}

/// The emails and phones of some customers, given as a JSON array of their ids.
pub(super) fn identifiers(connection: &Connection, customers: &str) -> Result<Vec<Identifier>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT kind, value, MAX(verified) FROM identifiers WHERE customer IN (SELECT value FROM json_each(?1))
             GROUP BY kind, value ORDER BY kind, value",
        )?
        .query_map([customers], |row| {
            let kind: String = row.get(0)?;
            Ok(Identifier {
                kind: if kind == "phone" { IdentifierKind::Phone } else { IdentifierKind::Email },
                value: row.get(1)?,
                verified: row.get(2)?,
            })
        })?
        .collect()
}
