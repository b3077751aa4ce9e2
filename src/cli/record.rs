//! The record that a command reads: the data folder's, or the one that several daemons share.

use std::sync::Arc;

use crate::{
    config::{Config, Mode},
    home::Home,
    store::{Store, postgres::PostgresRecord, sqlite::SqliteRecord},
    wiring::postgres_settings,
};

/// Opens the record for reading, beside whatever daemon is at work.
///
/// # Errors
/// There is none, or it cannot be read.
pub(super) async fn read_record(config: &Config) -> anyhow::Result<Arc<dyn Store>> {
    match config.mode {
        Mode::Embedded => Ok(SqliteRecord::peek(&record_home(config)?.record())?),
        Mode::Distributed => Ok(PostgresRecord::peek(postgres_settings(config)?).await?),
    }
}

/// The data folder, with a record in it where it is the record's.
///
/// # Errors
/// There is none.
pub(super) fn record_home(config: &Config) -> anyhow::Result<Home> {
    let data = &config.data;
    match config.mode {
        Mode::Embedded => Home::with_record(data).ok_or_else(|| {
            anyhow::anyhow!(
                "there is no record in {}; start the daemon first, or name its folder with --data",
                data.display()
            )
        }),
        Mode::Distributed => Home::at(data),
    }
}
