//! Reads rows cell by cell, so that an unreadable one is named with its table, its column and its key.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use org_core::ports::StoreError;
use serde::de::DeserializeOwned;
use sqlx::{Decode, Row, Type};
use uuid::Uuid;

use crate::dialect::{Db, DbRow};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A row together with where it comes from.
pub(crate) struct Cells<'r> {
    row: &'r DbRow,
    table: &'static str,
    key: &'static [&'static str],
}

impl<'r> Cells<'r> {
    /// A row of `table`, whose key is in the columns `key`.
    pub(crate) const fn new(
        row: &'r DbRow,
        table: &'static str,
        key: &'static [&'static str],
    ) -> Self {
        Self { row, table, key }
    }

    /// The value of a column as it is.
    pub(crate) fn get<T>(&self, column: &'static str) -> Result<T, StoreError>
    where
        T: Decode<'r, Db> + Type<Db>,
    {
        self.row
            .try_get(column)
            .map_err(|error| self.unreadable(column, error))
    }

    /// A text.
    pub(crate) fn text(&self, column: &'static str) -> Result<Box<str>, StoreError> {
        self.get::<&str>(column).map(Into::into)
    }

    /// A text of a type of the domain.
    pub(crate) fn parse<T>(&self, column: &'static str) -> Result<T, StoreError>
    where
        T: FromStr<Err: Into<BoxError>>,
    {
        self.get::<&str>(column)?
            .parse()
            .map_err(|error: T::Err| self.unreadable(column, error))
    }

    /// The same, or none.
    pub(crate) fn optional<T>(&self, column: &'static str) -> Result<Option<T>, StoreError>
    where
        T: FromStr<Err: Into<BoxError>>,
    {
        match self.get::<Option<&str>>(column)? {
            None => Ok(None),
            Some(_) => self.parse(column).map(Some),
        }
    }

    /// A hash.
    pub(crate) fn bytes(&self, column: &'static str) -> Result<[u8; 32], StoreError> {
        let bytes: &[u8] = self.get(column)?;
        <[u8; 32]>::try_from(bytes).map_err(|error| self.unreadable(column, error))
    }

    /// A moment.
    pub(crate) fn time(&self, column: &'static str) -> Result<DateTime<Utc>, StoreError> {
        self.optional_time(column)?
            .ok_or_else(|| self.unreadable(column, "it is empty"))
    }

    /// A moment, or none.
    pub(crate) fn optional_time(
        &self,
        column: &'static str,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.get::<Option<i64>>(column)?
            .map(|micros| {
                DateTime::from_timestamp_micros(micros)
                    .ok_or_else(|| self.unreadable(column, "it is no moment of any calendar"))
            })
            .transpose()
    }

    /// A number that counts.
    pub(crate) fn count(&self, column: &'static str) -> Result<u64, StoreError> {
        u64::try_from(self.get::<i64>(column)?).map_err(|error| self.unreadable(column, error))
    }

    /// An id of the host.
    pub(crate) fn host_id<T>(&self, column: &'static str) -> Result<T, StoreError>
    where
        T: TryFrom<u64, Error: Into<BoxError>>,
    {
        T::try_from(self.count(column)?).map_err(|error| self.unreadable(column, error))
    }

    /// An id of the host, or none.
    pub(crate) fn optional_host_id<T>(&self, column: &'static str) -> Result<Option<T>, StoreError>
    where
        T: TryFrom<u64, Error: Into<BoxError>>,
    {
        match self.get::<Option<i64>>(column)? {
            None => Ok(None),
            Some(_) => self.host_id(column).map(Some),
        }
    }

    /// A tree, through its wire type.
    pub(crate) fn json<W: DeserializeOwned>(&self, column: &'static str) -> Result<W, StoreError> {
        serde_json::from_str(self.get::<&str>(column)?)
            .map_err(|error| self.unreadable(column, error))
    }

    /// The error for a cell that holds what no version of this program wrote.
    pub(crate) fn unreadable(
        &self,
        column: &'static str,
        source: impl Into<BoxError>,
    ) -> StoreError {
        StoreError::Inconsistent {
            table: self.table,
            column,
            row: self.key_in_words(),
            source: source.into(),
        }
    }

    fn key_in_words(&self) -> String {
        let cells: Vec<String> = self
            .key
            .iter()
            .map(|&column| {
                let number = self.row.try_get::<i64, _>(column).map(|n| n.to_string());
                let uuid = || self.row.try_get::<Uuid, _>(column).map(|id| id.to_string());
                let value = number.or_else(|_| uuid());
                format!(
                    "{column} {}",
                    value.unwrap_or_else(|_| "unknown".to_owned())
                )
            })
            .collect();
        cells.join(", ")
    }
}

/// A moment as a column keeps it.
pub(crate) fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}

/// A count as a column keeps it. What does not fit was never counted.
pub(crate) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
