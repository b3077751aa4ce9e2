//! Messages and journals lie in partitions, one a week of their ids, so that what is older than it has to be kept is
//! dropped as a whole. A row whose id is of no week that was made ready (a clock far off) goes to the partition
//! `…_other`, and is never lost for that.

use contract::{EntryId, IdClock, MessageId, Timestamp};
use jiff::{SignedDuration, tz::TimeZone};
use tokio_postgres::Client;

use super::{
    database::{Database, store_error, words},
    rows,
};
use crate::store::StoreError;

/// The tables that have partitions.
pub(super) const TABLES: [&str; 2] = ["inbound", "entries"];
const WEEK: i64 = 7 * 24 * 3600;
/// How many weeks are ready besides the present one.
const AHEAD: i64 = 4;
/// What one daemon locks while it tidies up.
const LOCK: i64 = 0x5377_6974_6369;
/// How many rows are removed at once.
const AT_ONCE: i64 = 5_000;

/// A week: its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Week(Timestamp);

impl Week {
    fn of(moment: Timestamp) -> Self {
        let second = moment.as_second().div_euclid(WEEK) * WEEK;
        Self(Timestamp::from_second(second).unwrap_or_default())
    }

    /// The week in which an id was made.
    pub fn of_id(id: i64) -> Self {
        Self::of(EntryId::from(id.cast_unsigned()).made_at())
    }

    fn plus(self, weeks: i64) -> Self {
        Self(self.0.checked_add(SignedDuration::from_secs(weeks * WEEK)).unwrap_or(self.0))
    }

    fn partition(self, table: &str) -> String {
        format!("{table}_{}", self.0.to_zoned(TimeZone::UTC).strftime("%Y%m%d"))
    }

    /// The week of a partition, by its name.
    fn of_partition(name: &str) -> Option<Self> {
        let (_, digits) = name.rsplit_once('_')?;
        let (year, rest) = digits.split_at_checked(4)?;
        let (month, day) = rest.split_at_checked(2)?;
        let date = jiff::civil::Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()?;
        Some(Self(date.to_zoned(TimeZone::UTC).ok()?.timestamp()))
    }

    fn first_id(self) -> i64 {
        rows::raw(IdClock::lowest::<EntryId>(self.0).get())
    }

    /// What makes its partition of a table.
    fn making(self, table: &str) -> String {
        format!(
            "CREATE TABLE IF NOT EXISTS {name} (LIKE {table} INCLUDING ALL);
             ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({end})",
            name = self.partition(table),
            first = self.first_id(),
            end = self.plus(1).first_id(),
        )
    }
}

/// Makes the partitions of the week before `now` and of the next ones, where they are missing.
pub(super) async fn make_ahead(client: &Client, now: Timestamp) -> Result<(), StoreError> {
    let present = partitions(client).await?;
    for week in (-1..=AHEAD).map(|weeks| Week::of(now).plus(weeks)) {
        for table in TABLES {
            let name = week.partition(table);
            if present.contains(&name) {
                continue;
            }
            // Attached, because making it in place would hold up everybody; `…_other` is looked through meanwhile.
            let making = format!("BEGIN; SET LOCAL lock_timeout = '5s'; {}; COMMIT", week.making(table));
            let made = client.batch_execute(&making).await;
            if let Err(error) = made {
                let _ = client.batch_execute("ROLLBACK").await;
                // Nothing is lost: what it was for goes to the partition of the others.
                tracing::warn!(
                    error = words(&error),
                    partition = name,
                    "A partition of the record could not be made yet."
                );
            }
        }
    }
    Ok(())
}

/// Makes the partitions of one week, past or present, where they are missing. What is later than those of the next weeks was
/// made by a clock far off, and goes to the partition of the others.
pub(super) async fn make(client: &Client, week: Week, now: Timestamp) -> Result<(), StoreError> {
    if week > Week::of(now).plus(AHEAD) {
        return Ok(());
    }
    let present = partitions(client).await?;
    for table in TABLES.into_iter().filter(|table| !present.contains(&week.partition(table))) {
        client.batch_execute(&week.making(table)).await.map_err(|error| store_error(&error))?;
    }
    Ok(())
}

async fn partitions(client: &Client) -> Result<Vec<String>, StoreError> {
    let rows = client
        .query(
            "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
             WHERE i.inhparent IN ('inbound'::regclass, 'entries'::regclass)",
            &[],
        )
        .await
        .map_err(|error| store_error(&error))?;
    rows.iter().map(|row| rows::get(row, 0)).collect()
}

/// Tidies up, unless another daemon is at it: makes partitions, drops those that are older than they have to be kept,
/// forgets the keys of old messages.
pub(super) async fn tidy(database: &Database, now: Timestamp) -> Result<(), StoreError> {
    let mut client = database.client().await?;
    let fault = |error: tokio_postgres::Error| store_error(&error);
    let transaction = client.transaction().await.map_err(fault)?;
    let row = transaction.query_one("SELECT pg_try_advisory_xact_lock($1)", &[&LOCK]).await.map_err(fault)?;
    if !rows::get::<bool>(&row, 0)? {
        return Ok(());
    }
    // The lock is held by this connection's transaction; the work is done on another, a piece at a time.
    let worker = database.client().await?;
    make_ahead(&worker, now).await?;
    let since = |age: std::time::Duration| {
        let age = SignedDuration::try_from(age).unwrap_or_default();
        rows::raw(IdClock::lowest::<MessageId>(now.checked_sub(age).unwrap_or_default()).get())
    };
    prune(&worker, "dedup", "key", "id < $1", since(database.settings.dedup_window)).await?;
    let days = database.settings.retention_days;
    if days > 0 {
        let oldest = now.checked_sub(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or_default();
        drop_before(&worker, oldest).await?;
        let oldest = rows::raw(IdClock::lowest::<MessageId>(Week::of(oldest).0).get());
        prune(&worker, "outbox", "id", "id < $1 AND state NOT IN (0, 1)", oldest).await?;
        prune(&worker, "offers", "id", "id < $1", oldest).await?;
        prune(&worker, "dead", "id", "id < $1 AND published", oldest).await?;
    }
    transaction.commit().await.map_err(fault)
}

/// Drops the partitions that end before a moment.
async fn drop_before(client: &Client, oldest: Timestamp) -> Result<(), StoreError> {
    for name in partitions(client).await? {
        let Some(week) = Week::of_partition(&name) else { continue };
        if week.plus(1).0 > oldest {
            continue;
        }
        let dropped =
            client.batch_execute(&format!("BEGIN; SET LOCAL lock_timeout = '5s'; DROP TABLE {name}; COMMIT")).await;
        match dropped {
            Ok(()) => tracing::info!(partition = name, "Messages older than they have to be kept were dropped."),
            Err(error) => {
                let _ = client.batch_execute("ROLLBACK").await;
                tracing::warn!(error = words(&error), partition = name, "An old partition could not be dropped yet.");
            }
        }
    }
    Ok(())
}

/// Removes rows by their age, some at a time, so that nobody waits for it.
async fn prune(client: &Client, table: &str, key: &str, which: &str, oldest: i64) -> Result<(), StoreError> {
    let sql = format!(
        "DELETE FROM {table} WHERE {key} = ANY (ARRAY(SELECT {key} FROM {table} WHERE {which} ORDER BY id LIMIT {AT_ONCE}))"
    );
    while client.execute(&sql, &[&oldest]).await.map_err(|error| store_error(&error))? == AT_ONCE.unsigned_abs() {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_is_found_by_the_name_of_its_partition() {
        let week = Week::of("2026-11-30T12:00:00Z".parse().unwrap());
        assert_eq!(week.partition("entries"), "entries_20261126");
        assert_eq!(Week::of_partition("entries_20261126"), Some(week));
        assert_eq!(Week::of(week.0), week);
        assert_eq!(Week::of(week.plus(1).0 - SignedDuration::from_nanos(1)), week);
        for name in ["entries_other", "entries_2026", "entries_20261326", "entries"] {
            assert_eq!(Week::of_partition(name), None, "{name}");
        }
        let made: EntryId = IdClock::new(255).next(week.0);
        assert!((week.first_id()..week.plus(1).first_id()).contains(&rows::raw(made.get())));
    }
}
