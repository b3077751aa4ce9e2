//! Connections: one pool for whoever reads, one for the writers, so that neither starves the other.

use std::{error::Error as _, sync::Arc};

use deadpool_postgres::{Client, Manager, ManagerConfig, Pool, QueueMode, RecyclingMethod, Runtime};
use futures::future::try_join_all;
use tokio::sync::watch;
use tokio_postgres::{Error, NoTls, Row, error::SqlState, types::ToSql};

use super::{
    WRITERS, schema,
    settings::{PostgresSettings, Server},
};
use crate::store::StoreError;

/// What a statement is given.
pub(super) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// A PostgreSQL database that has the schema of this version. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    pub(super) settings: Arc<PostgresSettings>,
    readers: Pool,
    pub(super) writers: Pool,
    /// How many daemons give messages their turns, as far as this one knows.
    pub(super) at_work: Arc<watch::Sender<usize>>,
}

impl Database {
    /// Connects, and brings the schema up to date. Several daemons may do so at once.
    ///
    /// # Errors
    /// The server cannot be reached, does not let us in, is too old, or has a schema that a newer Switchboard made and that
    /// this one does not understand.
    pub async fn connect(settings: PostgresSettings) -> Result<Self, StoreError> {
        let server = settings.server(false)?;
        schema::migrate(&server).await?;
        Self::pooled(settings, &server)
    }

    /// Connects for reading only, beside daemons that may be at work.
    ///
    /// # Errors
    /// As [`connect`](Self::connect); a database without the schema is not given one.
    pub async fn peek(settings: PostgresSettings) -> Result<Self, StoreError> {
        let server = settings.server(true)?;
        schema::check(&server).await?;
        Self::pooled(settings, &server)
    }

    fn pooled(settings: PostgresSettings, server: &Server) -> Result<Self, StoreError> {
        let pool = |size: usize| {
            let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
            let config = server.config.clone();
            let manager = match &server.tls {
                Some(tls) => Manager::from_config(config, tls.clone(), manager),
                None => Manager::from_config(config, NoTls, manager),
            };
            Pool::builder(manager)
                .max_size(size)
                // A server process that has just worked has at hand what it needs; the others rest.
                .queue_mode(QueueMode::Lifo)
                .runtime(Runtime::Tokio1)
                .wait_timeout(Some(settings.statement_timeout))
                .build()
                .map_err(|error| StoreError::Unavailable(error.to_string().into()))
        };
        let (readers, writers) = (pool(settings.readers.max(4))?, pool(WRITERS)?);
        Ok(Self { settings: Arc::new(settings), readers, writers, at_work: Arc::new(watch::Sender::new(1)) })
    }

    /// So many daemons give messages their turns, this one among them or not.
    pub fn shared_by(&self, workers: usize) {
        self.at_work.send_if_modified(|known| std::mem::replace(known, workers) != workers);
    }

    /// A connection for reading, and for writes of their own.
    pub(super) async fn client(&self) -> Result<Client, StoreError> {
        self.readers.get().await.map_err(|error| pool_error(&error))
    }

    /// Reads. A connection that turns out to be dead is replaced once: the server may have been restarted.
    pub(super) async fn query(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, StoreError> {
        match self.try_query(sql, params).await {
            Err(Failed::Server(error)) if is_lost(&error) => {}
            outcome => return outcome.map_err(Into::into),
        }
        self.try_query(sql, params).await.map_err(Into::into)
    }

    async fn try_query(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, Failed> {
        let client = self.client().await?;
        let statement = client.prepare_cached(sql).await?;
        Ok(client.query(&statement, params).await?)
    }

    /// Asks several questions in one round trip.
    pub(super) async fn pipelined(&self, questions: &[(&str, Params<'_>)]) -> Result<Vec<Vec<Row>>, StoreError> {
        match self.try_pipelined(questions).await {
            Err(Failed::Server(error)) if is_lost(&error) => {}
            outcome => return outcome.map_err(Into::into),
        }
        self.try_pipelined(questions).await.map_err(Into::into)
    }

    async fn try_pipelined(&self, questions: &[(&str, Params<'_>)]) -> Result<Vec<Vec<Row>>, Failed> {
        let client = self.client().await?;
        let mut statements = Vec::with_capacity(questions.len());
        for (sql, _) in questions {
            statements.push(client.prepare_cached(sql).await?);
        }
        let asked = statements.iter().zip(questions).map(|(statement, (_, params))| client.query(statement, params));
        Ok(try_join_all(asked).await?)
    }

    /// Reads at most one row.
    pub(super) async fn row(&self, sql: &str, params: Params<'_>) -> Result<Option<Row>, StoreError> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    /// Writes, in a transaction of its own, and answers how many rows it concerned.
    pub(super) async fn execute(&self, sql: &str, params: Params<'_>) -> Result<u64, StoreError> {
        let client = self.client().await?;
        let statement = client.prepare_cached(sql).await.map_err(|error| store_error(&error))?;
        client.execute(&statement, params).await.map_err(|error| store_error(&error))
    }

    /// Writes, in a transaction of its own, and answers the rows that the statement returns. Never tried twice.
    pub(super) async fn write(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, StoreError> {
        self.try_query(sql, params).await.map_err(Into::into)
    }

    /// Closes every connection once it is not in use.
    pub(super) fn close(&self) {
        self.readers.close();
        self.writers.close();
    }
}

/// What went wrong, before it is known what that means.
pub(super) enum Failed {
    Server(Error),
    Store(StoreError),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Server(error)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Failed> for StoreError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Server(error) => store_error(&error),
            Failed::Store(error) => error,
        }
    }
}

/// Whether the connection went away, or the server is going away or coming up: nobody knows what became of what was on
/// its way.
pub(super) fn is_lost(error: &Error) -> bool {
    match error.code() {
        Some(code) => {
            code.code().starts_with("57P")
                || code.code().starts_with("08")
                || *code == SqlState::CRASH_SHUTDOWN
                || *code == SqlState::TOO_MANY_CONNECTIONS
        }
        // Neither what is sent nor what is received is in doubt there.
        None => !has_column_fault(error),
    }
}

/// A value of ours that has not the type of its column, or the other way round.
fn has_column_fault(error: &Error) -> bool {
    let text = error.to_string();
    text.contains("serializing parameter") || text.contains("deserializing column") || text.contains("invalid column")
}

/// Whether the database ended it because of others: tried again it may well go through.
pub(super) fn is_race(error: &Error) -> bool {
    error.code().is_some_and(|code| code.code().starts_with("40"))
}

/// What an error of PostgreSQL means to whoever uses the record.
pub(super) fn store_error(error: &Error) -> StoreError {
    let class = error.code().map(|code| code.code().get(..2).unwrap_or_default().to_owned());
    match class.as_deref() {
        Some("23" | "40") => StoreError::Conflict,
        // A value that cannot be kept, or not in an index: whoever brought it is to blame, not the record.
        Some("22" | "54") => StoreError::Corrupt { what: "value", reason: words(error).into() },
        None if has_column_fault(error) => StoreError::Corrupt { what: "row", reason: words(error).into() },
        _ => StoreError::Unavailable(words(error).into()),
    }
}

/// An error with its causes.
pub(super) fn words(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

pub(super) fn pool_error(error: &deadpool_postgres::PoolError) -> StoreError {
    match error {
        deadpool_postgres::PoolError::Backend(error) => StoreError::Unavailable(words(error).into()),
        error => StoreError::Unavailable(error.to_string().into()),
    }
}
