//! The schema: brought up to date under a lock, because several daemons start at once.

use tokio_postgres::{Client, NoTls};

use super::{
    database::{store_error, words},
    partitions,
    settings::Server,
};
use crate::store::StoreError;

mod migrations {
    refinery::embed_migrations!("src/store/postgres/migrations");
}

/// The oldest server that has all that the schema needs: its number for 14.0.
pub const OLDEST_SERVER: i32 = 140_000;
/// What daemons lock while they change the schema.
const LOCK: i64 = 0x5377_6974_6368;

/// Brings the schema up to date, and makes the partitions that messages of today and of the next weeks need.
pub(super) async fn migrate(server: &Server) -> Result<(), StoreError> {
    let mut client = connect(server).await?;
    let run = async {
        suits(&client).await?;
        let fault = |error: &tokio_postgres::Error| store_error(error);
        client
            .batch_execute("SET statement_timeout = 0; SET client_min_messages = warning")
            .await
            .map_err(|e| fault(&e))?;
        client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await.map_err(|e| fault(&e))?;
        let (found, compatible_from) = version(&client).await?;
        if found > known() {
            return newer(found, compatible_from);
        }
        migrations::migrations::runner().run_async(&mut client).await.map_err(|error| {
            StoreError::Unavailable(format!("its schema cannot be brought up to date: {error}").into())
        })?;
        partitions::make_ahead(&client, crate::clock::now()).await
    };
    // The lock goes with the connection.
    run.await
}

/// Checks that there is a schema and that this version understands it.
pub(super) async fn check(server: &Server) -> Result<(), StoreError> {
    let client = connect(server).await?;
    suits(&client).await?;
    let (found, compatible_from) = version(&client).await?;
    match found {
        0 => Err(StoreError::Unavailable("the database has no record of Switchboard yet: start a daemon on it".into())),
        found if found > known() => newer(found, compatible_from),
        found if found < known() => Err(StoreError::Unavailable(
            format!("the schema is at {found}, and this version needs {}: start a daemon of this version", known())
                .into(),
        )),
        _ => Ok(()),
    }
}

fn newer(found: i32, compatible_from: i32) -> Result<(), StoreError> {
    if compatible_from <= known() {
        tracing::info!(found, known = known(), "The schema of the record is newer than this version, and does for it.");
        return Ok(());
    }
    Err(StoreError::Unavailable(
        format!(
            "a newer Switchboard has brought the schema to {found}, which needs a version that knows {compatible_from}; \
             this one knows {}: install the newer one",
            known()
        )
        .into(),
    ))
}

/// How far the schema of a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The last migration that it has seen; 0 is no record at all.
    pub found: i32,
    /// The oldest one that a version must know to work with it.
    pub compatible_from: i32,
    /// The last one that this version has.
    pub known: i32,
    /// Those of this version that it has not seen, by name.
    pub pending: Vec<String>,
}

/// Looks how far it is.
pub(super) async fn standing(client: &Client) -> Result<Standing, StoreError> {
    let (found, compatible_from) = version(client).await?;
    let runner = migrations::migrations::runner();
    let pending = runner.get_migrations().iter().filter(|migration| migration.version() > found);
    let pending = pending.map(ToString::to_string).collect();
    Ok(Standing { found, compatible_from, known: known(), pending })
}

/// The last migration that this version has.
fn known() -> i32 {
    migrations::migrations::runner().get_migrations().iter().map(refinery::Migration::version).max().unwrap_or(0)
}

/// The last migration that the database has seen, and the oldest whose binary still works with it.
async fn version(client: &Client) -> Result<(i32, i32), StoreError> {
    let fault = |error: tokio_postgres::Error| store_error(&error);
    let there =
        client.query_one("SELECT to_regclass('refinery_schema_history') IS NOT NULL", &[]).await.map_err(fault)?;
    if !there.try_get(0).map_err(fault)? {
        return Ok((0, 0));
    }
    let found = client
        .query_one("SELECT COALESCE(MAX(version), 0)::integer FROM refinery_schema_history", &[])
        .await
        .map_err(fault)?
        .try_get(0)
        .map_err(fault)?;
    if found == 0 {
        return Ok((0, 0));
    }
    let row =
        client.query_opt("SELECT value::integer FROM meta WHERE key = 'compatible_from'", &[]).await.map_err(fault)?;
    Ok((found, row.map_or(Ok(found), |row| row.try_get(0)).map_err(fault)?))
}

async fn suits(client: &Client) -> Result<(), StoreError> {
    let row = client
        .query_one("SELECT current_setting('server_version_num')::integer, current_setting('server_encoding')", &[])
        .await
        .map_err(|error| store_error(&error))?;
    let (version, encoding): (i32, String) = (row.get(0), row.get(1));
    if version < OLDEST_SERVER {
        return Err(StoreError::Unavailable(
            format!("PostgreSQL {}.{} is too old: 14 or newer is needed", version / 10_000, version % 10_000).into(),
        ));
    }
    if encoding != "UTF8" {
        return Err(StoreError::Unavailable(
            format!("the database keeps text in {encoding}: make one with ENCODING 'UTF8'").into(),
        ));
    }
    Ok(())
}

pub(super) async fn connect(server: &Server) -> Result<Client, StoreError> {
    let unreachable =
        |error: tokio_postgres::Error| StoreError::Unavailable(format!("PostgreSQL: {}", words(&error)).into());
    let client = match &server.tls {
        Some(tls) => {
            let (client, connection) = server.config.connect(tls.clone()).await.map_err(unreachable)?;
            tokio::spawn(connection);
            client
        }
        None => {
            let (client, connection) = server.config.connect(NoTls).await.map_err(unreachable)?;
            tokio::spawn(connection);
            client
        }
    };
    Ok(client)
}
