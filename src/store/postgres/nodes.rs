//! Nodes, and what one of them does for all. Everything here goes by the clock of the database, so that the daemons'
//! clocks may differ.
//!
//! A node has a number as long as it says that it is alive. One that was silent is taken for dead, and is alive again when
//! it says so, unless its number has gone to one that came in the meantime, under a higher incarnation. A lease by name (the desk, a channel that must run once) has an *epoch* that rises
//! whenever its holder changes. Whoever commits by leave of a lease names the epoch, and [`batch`](super::batch) refuses
//! one that is not the present one: a taker waits until the commits of the holder before have ended.

use std::time::Duration;

use contract::{IdClock, MessageId, Timestamp};

use super::{
    database::{Database, store_error},
    rows,
};
use crate::store::{Fence, StoreError};

/// What daemons lock while they take numbers, and who carries a record so that none does.
pub(super) const NUMBERS: i64 = 0x5377_6974_636a;
/// The first half of the key that is locked while a lease is taken or committed under; the second is its name.
pub(super) const LEASES: i32 = 0x5377_6974;

/// What a daemon says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeCard {
    /// What people call it: its host, say.
    pub name: String,
    /// Where other nodes reach it: `http://10.0.0.5:8080`.
    pub address: String,
    /// What it does: `all`, `gateway`, `worker`, `desk`.
    pub roles: String,
    /// Its version.
    pub version: String,
    /// When its process started, by its own clock.
    pub started: Timestamp,
}

/// A daemon that has joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Its number, which its ids have in them; nobody else has it while this node is alive.
    pub number: u8,
    /// Higher than that of whoever had the number before.
    pub incarnation: i64,
    /// When it joined, by the database's clock: its ids begin there at the earliest, so that they cannot be those of
    /// whoever had the number before.
    pub joined: Timestamp,
}

impl Node {
    /// A clock that makes this node's ids.
    #[must_use]
    pub fn clock(&self) -> IdClock {
        let clock = IdClock::new(self.number);
        clock.advance_past(IdClock::lowest::<MessageId>(self.joined).get());
        clock
    }

    pub(super) fn columns(&self) -> (i16, i64) {
        (i16::from(self.number), self.incarnation)
    }
}

/// A node that is alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveNode {
    /// Its number.
    pub number: u8,
    /// Its incarnation.
    pub incarnation: i64,
    /// What it says of itself.
    pub card: NodeCard,
    /// How long it will be taken to be alive if it says nothing more.
    pub left: Duration,
}

/// A lease that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// What for.
    pub name: &'static str,
    /// Rises with every change of its holder.
    pub epoch: u64,
    /// How long it is held unless it is renewed.
    pub ttl: Duration,
}

impl Lease {
    /// What a commit by leave of it carries.
    #[must_use]
    pub const fn fence(&self) -> Fence {
        Fence { lease: self.name, epoch: self.epoch }
    }
}

/// Microseconds of a moment of the database, in SQL.
const NOW: &str = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

impl Database {
    /// Takes a number: that of a node of the same name that is dead, or the lowest that nobody has or gave back, or that of
    /// whoever has been dead for longest.
    ///
    /// # Errors
    /// The database does not work, or 256 nodes are alive.
    pub async fn join(&self, card: &NodeCard) -> Result<Node, StoreError> {
        let fault = |error: tokio_postgres::Error| store_error(&error);
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(fault)?;
        transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&NUMBERS]).await.map_err(fault)?;
        // Nobody comes alive again meanwhile.
        transaction.execute("LOCK TABLE nodes IN SHARE ROW EXCLUSIVE MODE", &[]).await.map_err(fault)?;
        let sql = format!(
            "INSERT INTO nodes (number, incarnation, name, address, roles, version, started, expires_at)
             SELECT free.number, nextval('incarnations'), $1::text, $2::text, $3::text, $4::text, $5::bigint,
                    clock_timestamp() + make_interval(secs => $6)
             FROM generate_series(0, 255) AS free (number) LEFT JOIN nodes n ON n.number = free.number
             WHERE n.number IS NULL OR n.expires_at <= clock_timestamp()
             ORDER BY n.name IS NOT DISTINCT FROM $1::text DESC, COALESCE(n.expires_at, '-infinity'), free.number LIMIT 1
             ON CONFLICT (number) DO UPDATE SET incarnation = excluded.incarnation, name = excluded.name,
                 address = excluded.address, roles = excluded.roles, version = excluded.version,
                 started = excluded.started, expires_at = excluded.expires_at
             RETURNING number, incarnation, {NOW}"
        );
        let NodeCard { name, address, roles, version, started } = card;
        let (started, ttl) = (started.as_microsecond(), self.settings.node_ttl.as_secs_f64());
        let row =
            transaction
                .query_opt(&sql, &[name, address, roles, version, &started, &ttl])
                .await
                .map_err(fault)?
                .ok_or_else(|| StoreError::Unavailable("256 nodes are alive, and there are no more numbers".into()))?;
        transaction.commit().await.map_err(fault)?;
        let number = u8::try_from(rows::get::<i16>(&row, 0)?).unwrap_or_default();
        Ok(Node { number, incarnation: rows::get(&row, 1)?, joined: rows::time(&row, 2)? })
    }

    /// Says that a node is alive. Whether it had been silent for so long that it was taken for dead: what it was sending is
    /// sent by others then, and leases that it held may be theirs.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when its number is somebody else's by now, or it has left. It must stop and join again.
    pub async fn beat(&self, node: &Node) -> Result<bool, StoreError> {
        let (number, incarnation) = node.columns();
        let ttl = self.settings.node_ttl.as_secs_f64();
        let beaten = self
            .write(
                "WITH me AS (SELECT number, expires_at <= clock_timestamp() AS dead FROM nodes
                     WHERE number = $1 AND incarnation = $2 AND expires_at > '-infinity' FOR UPDATE)
                 UPDATE nodes n SET expires_at = clock_timestamp() + make_interval(secs => $3)
                 FROM me WHERE n.number = me.number RETURNING me.dead",
                &[&number, &incarnation, &ttl],
            )
            .await?;
        rows::get(beaten.first().ok_or(StoreError::Missing("node any more"))?, 0)
    }

    /// Says that a node is no more: what it holds is free at once.
    ///
    /// # Errors
    /// The database does not work; the node's lease will end by itself.
    pub async fn leave(&self, node: &Node) -> Result<(), StoreError> {
        let (number, incarnation) = node.columns();
        let params: super::database::Params<'_> = &[&number, &incarnation];
        let leases = "UPDATE leases SET expires_at = clock_timestamp() WHERE node = $1 AND incarnation = $2
             AND expires_at > clock_timestamp()";
        self.execute(leases, params).await?;
        let node = "UPDATE nodes SET expires_at = '-infinity' WHERE number = $1 AND incarnation = $2";
        self.execute(node, params).await.map(drop)
    }

    /// The nodes that are alive, by number.
    ///
    /// # Errors
    /// The database does not work.
    pub async fn nodes(&self) -> Result<Vec<LiveNode>, StoreError> {
        let rows = self
            .query(
                "SELECT number, incarnation, name, address, roles, version, started,
                        extract(epoch FROM expires_at - clock_timestamp())::double precision
                 FROM nodes WHERE expires_at > clock_timestamp() ORDER BY number",
                &[],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(LiveNode {
                    number: u8::try_from(rows::get::<i16>(row, 0)?).unwrap_or_default(),
                    incarnation: rows::get(row, 1)?,
                    card: NodeCard {
                        name: rows::get(row, 2)?,
                        address: rows::get(row, 3)?,
                        roles: rows::get(row, 4)?,
                        version: rows::get(row, 5)?,
                        started: rows::time(row, 6)?,
                    },
                    left: Duration::try_from_secs_f64(rows::get(row, 7)?).unwrap_or_default(),
                })
            })
            .collect()
    }

    /// Renews a lease that the node holds, or takes one that is free. `None` while somebody else holds it, and for a
    /// node that is not alive.
    ///
    /// # Errors
    /// The database does not work. A holder that cannot renew must take it that it has lost the lease once `ttl` has
    /// passed since the last renewal began.
    pub async fn lease(&self, name: &'static str, node: &Node, ttl: Duration) -> Result<Option<Lease>, StoreError> {
        let (number, incarnation) = node.columns();
        let seconds = ttl.as_secs_f64();
        let lease = |epoch: i64| Lease { name, epoch: epoch.unsigned_abs(), ttl };
        let renewed = self
            .write(
                "UPDATE leases SET expires_at = clock_timestamp() + make_interval(secs => $4)
                 WHERE name = $1 AND node = $2 AND incarnation = $3 AND expires_at > clock_timestamp()
                   AND is_alive($2::smallint, $3::bigint) RETURNING epoch",
                &[&name, &number, &incarnation, &seconds],
            )
            .await?;
        if let Some(row) = renewed.first() {
            return Ok(Some(lease(rows::get(row, 0)?)));
        }
        let held = "SELECT 1 FROM leases WHERE name = $1 AND expires_at > clock_timestamp()";
        if self.row(held, &[&name]).await?.is_some() {
            return Ok(None);
        }
        self.take(name, node, seconds).await.map(|epoch| epoch.map(lease))
    }

    async fn take(&self, name: &str, node: &Node, seconds: f64) -> Result<Option<i64>, StoreError> {
        let fault = |error: tokio_postgres::Error| store_error(&error);
        let (number, incarnation) = node.columns();
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(fault)?;
        // Waits for the commits that were made by leave of the holder before.
        transaction
            .execute("SELECT pg_advisory_xact_lock($1::integer, hashtext($2::text))", &[&LEASES, &name])
            .await
            .map_err(fault)?;
        let taken = transaction
            .query_opt(
                "INSERT INTO leases (name, node, incarnation, epoch, expires_at)
                 SELECT $1::text, $2::smallint, $3::bigint, 1, clock_timestamp() + make_interval(secs => $4)
                 WHERE is_alive($2::smallint, $3::bigint)
                 ON CONFLICT (name) DO UPDATE SET node = excluded.node, incarnation = excluded.incarnation,
                     epoch = leases.epoch + 1, expires_at = excluded.expires_at
                 WHERE leases.expires_at <= clock_timestamp() RETURNING epoch",
                &[&name, &number, &incarnation, &seconds],
            )
            .await
            .map_err(fault)?;
        transaction.commit().await.map_err(fault)?;
        taken.map(|row| rows::get(&row, 0)).transpose()
    }

    /// The node that holds a lease.
    ///
    /// # Errors
    /// The database does not work.
    pub async fn holder(&self, name: &str) -> Result<Option<u8>, StoreError> {
        let sql = "SELECT node FROM leases WHERE name = $1 AND expires_at > clock_timestamp()";
        let row = self.row(sql, &[&name]).await?;
        row.map(|row| Ok(u8::try_from(rows::get::<i16>(&row, 0)?).unwrap_or_default())).transpose()
    }

    /// The secret of this name, which all nodes have in common: `made`, if nobody has made one yet.
    ///
    /// # Errors
    /// The database does not work.
    pub async fn secret(&self, name: &str, made: [u8; 32]) -> Result<[u8; 32], StoreError> {
        let key = format!("secret/{name}");
        let sql = "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING";
        self.execute(sql, &[&key, &hex::encode(made)]).await?;
        let row = self.row("SELECT value FROM meta WHERE key = $1", &[&key]).await?;
        let value = row.map(|row| rows::get::<String>(&row, 0)).transpose()?.unwrap_or_default();
        hex::decode(value).ok().and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| StoreError::Corrupt {
            what: "secret",
            reason: format!("{name:?} is not 32 bytes in hexadecimal").into(),
        })
    }

    /// Gives a lease back, if the node holds it.
    ///
    /// # Errors
    /// The database does not work; the lease will end by itself.
    pub async fn release(&self, name: &str, node: &Node) -> Result<(), StoreError> {
        let (number, incarnation) = node.columns();
        self.execute(
            "UPDATE leases SET expires_at = clock_timestamp() WHERE name = $1 AND node = $2 AND incarnation = $3
             AND expires_at > clock_timestamp()",
            &[&name, &number, &incarnation],
        )
        .await
        .map(drop)
    }
}
