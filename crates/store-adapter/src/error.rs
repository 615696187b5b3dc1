//! Errors of the engine, sorted into those of the port by what the caller can do.

use org_core::ports::StoreError;

use crate::dialect::{ErrorClass, classify};

/// Says what was being done when the engine failed.
pub(crate) trait During<T> {
    /// Names the step.
    fn during(self, step: &'static str) -> Result<T, StoreError>;
}

impl<T> During<T> for Result<T, sqlx::Error> {
    fn during(self, step: &'static str) -> Result<T, StoreError> {
        self.map_err(|error| store_error(step, error))
    }
}

/// Sorts an error of the engine that came up while doing `step`.
pub(crate) fn store_error(step: &'static str, error: sqlx::Error) -> StoreError {
    let class = match &error {
        sqlx::Error::Database(error) => classify(error.as_ref()),
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) => {
            ErrorClass::Unavailable
        }
        _ => ErrorClass::Other,
    };
    let detail = |error: &sqlx::Error| match error {
        sqlx::Error::Database(error) => format!("{} while {step}", error.message()),
        error => format!("{error} while {step}"),
    };
    match class {
        ErrorClass::Unavailable => StoreError::Unavailable {
            detail: detail(&error),
        },
        ErrorClass::Denied => StoreError::Denied {
            detail: detail(&error),
        },
        ErrorClass::NotADatabase => StoreError::Denied {
            detail: "it is not a database".to_owned(),
        },
        ErrorClass::Other => StoreError::Other {
            step,
            source: Box::new(error),
        },
    }
}

/// A demand that no planner or use case may make.
pub(crate) fn misuse(step: &'static str, detail: impl Into<String>) -> StoreError {
    StoreError::Other {
        step,
        source: detail.into().into(),
    }
}
