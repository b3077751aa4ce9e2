//! Columns, as the record's own types.

use std::borrow::Cow;

use contract::Timestamp;
use serde::de::DeserializeOwned;
use tokio_postgres::{Row, types::FromSql};

use super::database::store_error;
use crate::store::StoreError;

pub(super) fn get<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<T, StoreError> {
    row.try_get(column).map_err(|error| store_error(&error))
}

pub(super) fn id<T: From<u64>>(row: &Row, column: usize) -> Result<T, StoreError> {
    Ok(T::from(get::<i64>(row, column)?.cast_unsigned()))
}

pub(super) fn id_or_none<T: From<u64>>(row: &Row, column: usize) -> Result<Option<T>, StoreError> {
    Ok(get::<Option<i64>>(row, column)?.map(|id| T::from(id.cast_unsigned())))
}

pub(super) fn time(row: &Row, column: usize) -> Result<Timestamp, StoreError> {
    Ok(Timestamp::from_microsecond(get(row, column)?).unwrap_or_default())
}

pub(super) fn count(row: &Row, column: usize) -> Result<u64, StoreError> {
    Ok(get::<i64>(row, column)?.cast_unsigned())
}

/// JSON; `what` names it where it cannot be read.
pub(super) fn json<T: DeserializeOwned>(row: &Row, column: usize, what: &'static str) -> Result<T, StoreError> {
    parse(get(row, column)?, what)
}

pub(super) fn parse<T: DeserializeOwned>(text: &str, what: &'static str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt { what, reason: error.to_string().into() })
}

/// An id as its column has it.
pub(super) const fn raw(id: u64) -> i64 {
    id.cast_signed()
}

pub(super) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// A text as a column can have it: PostgreSQL keeps no NUL outside of JSON. Whoever looks for it asks in the same way.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}
