//! GitLab's own scalars, and its global ids.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};

/// A moment, ISO 8601 in UTC.
pub(super) struct Time(pub(super) DateTime<Utc>);

#[Scalar(name = "Time")]
impl ScalarType for Time {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => text
                .parse()
                .map(Self)
                .map_err(|_| InputValueError::custom("not a time")),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_rfc3339_opts(SecondsFormat::Secs, true))
    }
}

/// A day.
pub(super) struct Date(pub(super) NaiveDate);

#[Scalar(name = "Date")]
impl ScalarType for Date {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => text
                .parse()
                .map(Self)
                .map_err(|_| InputValueError::custom("not a day")),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// `gid://gitlab/Project/1`.
pub(super) fn gid(kind: &str, id: u64) -> async_graphql::ID {
    format!("gid://gitlab/{kind}/{id}").into()
}

/// The number of a global id of that kind.
pub(super) fn number(kind: &str, id: &str) -> Option<u64> {
    id.strip_prefix(&format!("gid://gitlab/{kind}/"))?
        .parse()
        .ok()
}
