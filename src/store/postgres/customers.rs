//! Customers on PostgreSQL.

use async_trait::async_trait;
use contract::{Address, CustomerId, Timestamp};
use tokio_postgres::Row;

use super::{
    PostgresRecord,
    database::store_error,
    recall,
    rows::{self, plain, raw},
};
use crate::store::{
    Customers, StoreError,
    customer::{Contact, Customer, IdentifierKind, Merge},
    written::to_json,
};

pub(super) const CONTACT: &str = "SELECT r.customer, tree.ids, a.spaces, a.handles, i.kinds, i.found, i.verified
     FROM (SELECT root_of($1) AS id OFFSET 0) AS root
     CROSS JOIN LATERAL (SELECT tree_of(root.id) AS ids OFFSET 0) AS tree
     JOIN customers r ON r.id = root.id
     CROSS JOIN LATERAL (
         SELECT array_agg(space::text ORDER BY space, handle) AS spaces,
                array_agg(handle::text ORDER BY space, handle) AS handles
         FROM addresses WHERE customer = ANY (tree.ids)) AS a
     CROSS JOIN LATERAL (
         SELECT array_agg(kind::text) AS kinds, array_agg(value::text) AS found, array_agg(verified) AS verified
         FROM identifiers WHERE customer = ANY (tree.ids)) AS i";
pub(super) const MERGES: &str = "SELECT id, from_customer, into_customer, identifier, at, undone_at FROM merges
     WHERE into_customer = ANY ($1::bigint[]) OR from_customer = ANY ($1::bigint[]) ORDER BY id";
/// What begins with a text lies between it and the same text with the last of all characters behind it.
pub(super) const SEARCH: &str = "SELECT DISTINCT root_of(id) FROM (
         (SELECT customer AS id FROM identifiers
          WHERE value >= $1 AND value <= $1 || U&'\\+10FFFF' AND starts_with(value, $1) LIMIT $2)
         UNION
         (SELECT customer FROM addresses
          WHERE handle >= $1 AND handle <= $1 || U&'\\+10FFFF' AND starts_with(handle, $1) LIMIT $2)
         UNION
         (SELECT id FROM customers
          WHERE lower(name) COLLATE \"C\" >= lower($1) AND lower(name) COLLATE \"C\" <= lower($1) || U&'\\+10FFFF'
            AND starts_with(lower(name), lower($1)) LIMIT $2)
     ) AS found LIMIT $2";

#[async_trait]
impl Customers for PostgresRecord {
    async fn is_somebodys(&self, kind: IdentifierKind, value: &str) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT FROM identifiers WHERE kind = $1 AND value = $2)";
        let row = self.database.row(sql, &[&kind.as_str(), &plain(value)]).await?;
        row.map_or(Ok(false), |row| rows::get(&row, 0))
    }

    async fn tally(&self, name: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT value FROM channel_memory WHERE channel = '' AND key = $1";
        self.database.row(sql, &[&plain(name)]).await?.map(|row| rows::get(&row, 0)).transpose()
    }

    async fn put_tally(&self, name: &str, was: Option<&str>, now: &str) -> Result<bool, StoreError> {
        let (name, now) = (plain(name), plain(now));
        let changed = match was {
            Some(was) => {
                let sql = "UPDATE channel_memory SET value = $3 WHERE channel = '' AND key = $1 AND value = $2";
                self.database.execute(sql, &[&name, &plain(was), &now]).await?
            }
            None => {
                let sql = "INSERT INTO channel_memory (channel, key, value) VALUES ('', $1, $2) ON CONFLICT DO NOTHING";
                self.database.execute(sql, &[&name, &now]).await?
            }
        };
        Ok(changed == 1)
    }

    async fn contact(&self, id: CustomerId) -> Result<Option<Contact>, StoreError> {
        let Some(row) = self.database.row(CONTACT, &[&raw(id.get())]).await? else { return Ok(None) };
        let ids: Vec<i64> = rows::get(&row, 1)?;
        let spaces: Vec<String> = rows::get::<Option<_>>(&row, 2)?.unwrap_or_default();
        let handles: Vec<String> = rows::get::<Option<_>>(&row, 3)?.unwrap_or_default();
        let merges = self.database.query(MERGES, &[&ids]).await?;
        Ok(Some(Contact {
            customer: rows::json(&row, 0, "customer")?,
            addresses: spaces.into_iter().zip(handles).map(|(space, handle)| Address { space, handle }).collect(),
            identifiers: recall::identifiers(&row, 4)?,
            merges: merges.iter().map(merge).collect::<Result<_, _>>()?,
            ids: ids.into_iter().map(|id| CustomerId::from(id.cast_unsigned())).collect(),
        }))
    }

    async fn search(&self, text: &str, limit: usize) -> Result<Vec<Contact>, StoreError> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.database.query(SEARCH, &[&plain(text), &rows::limit(limit)]).await?;
        let mut roots: Vec<CustomerId> = rows.iter().map(|row| rows::id(row, 0)).collect::<Result<_, _>>()?;
        roots.sort_unstable();
        let mut contacts = Vec::with_capacity(roots.len());
        for id in roots {
            contacts.extend(self.contact(id).await?);
        }
        Ok(contacts)
    }

    async fn put_customer(&self, was: &Customer, now: Customer) -> Result<(), StoreError> {
        let fault = |error: tokio_postgres::Error| store_error(&error);
        let mut client = self.database.client().await?;
        let transaction = client.transaction().await.map_err(fault)?;
        let id = raw(now.id.get());
        let sql = "SELECT customer FROM customers WHERE id = $1 FOR NO KEY UPDATE";
        let row = transaction.query_opt(sql, &[&id]).await.map_err(fault)?;
        let is: Option<Customer> = row.map(|row| rows::json(&row, 0, "customer")).transpose()?;
        if is.as_ref() != Some(was) {
            return Err(StoreError::Conflict);
        }
        let name = now.name.as_deref().map(plain);
        transaction
            .execute("UPDATE customers SET name = $2, customer = $3 WHERE id = $1", &[&id, &name, &to_json(&now)])
            .await
            .map_err(fault)?;
        transaction.commit().await.map_err(fault)
    }

    async fn unmerge(&self, merge_id: &str, now: Timestamp) -> Result<Merge, StoreError> {
        let Ok(id) = merge_id.parse::<i64>() else { return Err(StoreError::Missing("merge")) };
        let undone = self
            .database
            .write(
                "WITH undone AS (
                     UPDATE merges SET undone_at = $2 WHERE id = $1 AND undone_at IS NULL
                     RETURNING id, from_customer, into_customer, identifier, at, undone_at),
                 parted AS (UPDATE customers c SET merged_into = NULL FROM undone WHERE c.id = undone.from_customer)
                 SELECT * FROM undone",
                &[&id, &now.as_microsecond()],
            )
            .await?;
        undone.first().map_or(Err(StoreError::Missing("merge that stands")), merge)
    }
}

fn merge(row: &Row) -> Result<Merge, StoreError> {
    let undone: Option<i64> = rows::get(row, 5)?;
    Ok(Merge {
        id: rows::get::<i64>(row, 0)?.to_string(),
        from: rows::id(row, 1)?,
        into: rows::id(row, 2)?,
        identifier: rows::get(row, 3)?,
        at: rows::time(row, 4)?,
        undone_at: undone.and_then(|micros| Timestamp::from_microsecond(micros).ok()),
    })
}
