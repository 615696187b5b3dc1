//! What the API answers: the same fields as the JSON of `forgehold`, so that a program may read either.
//!
//! Each type is converted by hand from its namesake in the domain.

pub mod account;
pub mod attempt;
pub mod check;
pub mod dashboard;
pub mod doctor;
pub mod event;
pub mod group;
pub mod hidden;
pub mod job;
pub mod license;
pub mod organization;
pub mod repository;
pub mod request;
pub mod schedule;
pub mod secret;
pub mod sync;
pub mod time;

use serde::Serialize;
use utoipa::ToSchema;

/// Some rows of a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Give this as `after` to get what follows; null at the end.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A list that is answered whole.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }

    /// A page of the domain, each row converted.
    pub fn of<S>(page: org_core::ports::Page<S>, convert: impl Fn(&S) -> T) -> Self {
        Self {
            items: page.items.iter().map(convert).collect(),
            next: page.next,
        }
    }

    /// The same where a row has one obvious body.
    pub fn from_rows<S>(page: &org_core::ports::Page<S>) -> Self
    where
        for<'a> T: From<&'a S>,
    {
        Self {
            items: page.items.iter().map(T::from).collect(),
            next: page.next.clone(),
        }
    }
}
