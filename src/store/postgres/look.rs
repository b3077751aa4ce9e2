//! A look at the server from outside of any daemon, whatever is in its database: what it is, who follows it, what its clock
//! says, and how far its schema is. Changes nothing there.

use std::time::{Duration, Instant};

use contract::Timestamp;
use jiff::SignedDuration;
use tokio_postgres::Client;

use super::{
    database::store_error,
    rows,
    schema::{self, Standing},
    settings::PostgresSettings,
};
use crate::store::StoreError;

/// How often the clock is asked: the quickest answer says most.
const ASKED: usize = 5;

/// What was seen.
#[derive(Debug, Clone)]
pub struct Look {
    /// As the server has it: 150004 is 15.4.
    pub version: i32,
    /// How its text is encoded: it must be `UTF8`.
    pub encoding: String,
    /// Whether it follows another server and cannot be written.
    pub is_standby: bool,
    /// Who receives its log.
    pub receivers: Vec<Receiver>,
    /// This machine's clock beside its own.
    pub skew: Skew,
    /// How far the schema is.
    pub schema: Standing,
}

/// A server that receives the log of this one.
#[derive(Debug, Clone, PartialEq)]
pub struct Receiver {
    /// What it calls itself, or where it is.
    pub name: String,
    /// `streaming` when it has all or nearly all; `None` where this user may not know.
    pub state: Option<String>,
    /// Whether commits wait for it.
    pub is_waited_for: bool,
    /// How many bytes of the log it has not applied.
    pub bytes: Option<i64>,
    /// By how much later it applies what is committed; `None` while nothing is.
    pub late: Option<Duration>,
}

/// How two clocks differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skew {
    /// By how much this machine's clock is ahead.
    pub ahead: SignedDuration,
    /// By how much that may be wrong: half of the time that the question took.
    pub give_or_take: SignedDuration,
}

impl Skew {
    /// The question was asked at `asked` and the answer was `said` on the other clock; both ways took `took`.
    fn new(asked: Timestamp, said: Timestamp, took: Duration) -> Self {
        let half = SignedDuration::try_from(took / 2).unwrap_or(SignedDuration::MAX);
        Self { ahead: asked.duration_since(said).saturating_add(half), give_or_take: half }
    }

    /// By how much the clocks differ at least.
    #[must_use]
    pub fn at_least(self) -> Duration {
        self.ahead.unsigned_abs().saturating_sub(self.give_or_take.unsigned_abs())
    }
}

/// Looks at a server.
///
/// # Errors
/// It cannot be reached, or does not let this user in.
pub async fn look(settings: &PostgresSettings) -> Result<Look, StoreError> {
    let client = schema::connect(&settings.server(true)?).await?;
    let sql = "SELECT current_setting('server_version_num')::integer, current_setting('server_encoding'), pg_is_in_recovery()";
    let row = client.query_one(sql, &[]).await.map_err(|error| store_error(&error))?;
    let is_standby = rows::get(&row, 2)?;
    Ok(Look {
        version: rows::get(&row, 0)?,
        encoding: rows::get(&row, 1)?,
        is_standby,
        receivers: if is_standby { Vec::new() } else { receivers(&client).await? },
        skew: skew(&client).await?,
        schema: schema::standing(&client).await?,
    })
}

async fn receivers(client: &Client) -> Result<Vec<Receiver>, StoreError> {
    let sql = "SELECT COALESCE(NULLIF(application_name, ''), client_addr::text, 'process ' || pid), state,
                      COALESCE(sync_state IN ('sync', 'quorum'), false),
                      pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint,
                      extract(epoch FROM replay_lag)::double precision
               FROM pg_stat_replication ORDER BY pid";
    let rows = client.query(sql, &[]).await.map_err(|error| store_error(&error))?;
    rows.iter()
        .map(|row| {
            let late: Option<f64> = rows::get(row, 4)?;
            Ok(Receiver {
                name: rows::get(row, 0)?,
                state: rows::get(row, 1)?,
                is_waited_for: rows::get(row, 2)?,
                bytes: rows::get(row, 3)?,
                late: late.and_then(|late| Duration::try_from_secs_f64(late).ok()),
            })
        })
        .collect()
}

async fn skew(client: &Client) -> Result<Skew, StoreError> {
    let fault = |error: tokio_postgres::Error| store_error(&error);
    let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
    let statement = client.prepare(sql).await.map_err(fault)?;
    let mut found: Vec<Skew> = Vec::with_capacity(ASKED);
    for _ in 0..ASKED {
        let (asked, began) = (crate::clock::now(), Instant::now());
        let row = client.query_one(&statement, &[]).await.map_err(fault)?;
        found.push(Skew::new(asked, rows::time(&row, 0)?, began.elapsed()));
    }
    let closest = found.into_iter().min_by_key(|skew| skew.give_or_take);
    closest.ok_or_else(|| StoreError::Unavailable("its clock says nothing".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_way_is_allowed_for() {
        let (asked, millis) = (Timestamp::UNIX_EPOCH, SignedDuration::from_millis);
        let skew = |said: i64, took| Skew::new(asked, asked + millis(said), Duration::from_millis(took));
        assert_eq!(skew(50, 100), Skew { ahead: millis(0), give_or_take: millis(50) });
        assert_eq!(skew(-1_950, 100).at_least(), Duration::from_millis(1_950), "this machine is ahead");
        assert_eq!(skew(3_000, 1_000).at_least(), Duration::from_millis(2_000), "or behind");
        assert_eq!(skew(900, 1_000).at_least(), Duration::ZERO, "who knows?");
    }
}
