//! Lists of any length, a page at a time.

use std::future::Future;

use org_core::ports::Page;
use org_core::use_cases::UseCaseError;
use serde::Serialize;

use crate::error::Result;
use crate::output::{Output, Row};

/// How many rows are read at a time.
const PAGE: u32 = 500;

/// Which part of a list is shown.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Paging {
    /// Show at most this many; all of them without it
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,

    /// Go on where an earlier list ended: the `next` of its JSON
    #[arg(long, value_name = "CURSOR")]
    pub(crate) after: Option<String>,
}

/// How many of `limit` are asked for next, when so many were shown.
pub(crate) fn next_page(limit: Option<u64>, shown: u64) -> u32 {
    match limit {
        None => PAGE,
        Some(limit) => {
            u32::try_from(limit.saturating_sub(shown)).map_or(PAGE, |left| left.min(PAGE))
        }
    }
}

/// Writes page after page until the end or the limit.
pub(crate) async fn stream<S, T, E, F>(
    output: &Output,
    paging: &Paging,
    read: impl Fn(Option<String>, u32) -> F,
    show: impl Fn(S) -> T,
) -> Result
where
    T: Serialize + Row,
    E: Into<UseCaseError>,
    F: Future<Output = std::result::Result<Page<S>, E>>,
{
    let mut list = output.list();
    let mut after = paging.after.clone();
    loop {
        let page = read(after, next_page(paging.limit, list.len()))
            .await
            .map_err(|error| cursor_refused(error.into(), paging))?;
        for item in page.items {
            list.push(show(item));
        }
        list.flush()?;
        after = page.next;
        if after.is_none() || paging.limit.is_some_and(|limit| list.len() >= limit) {
            return list.finish(output, ("--after", after));
        }
    }
}

/// The same where the pages come as they are shown.
pub(crate) async fn stream_bodies<T, F>(
    output: &Output,
    paging: &Paging,
    read: impl Fn(Option<String>, u32) -> F,
) -> Result
where
    T: Serialize + Row,
    F: Future<Output = Result<Page<T>>>,
{
    let mut list = output.list();
    let mut after = paging.after.clone();
    loop {
        let page = read(after, next_page(paging.limit, list.len())).await?;
        for item in page.items {
            list.push(item);
        }
        list.flush()?;
        after = page.next;
        if after.is_none() || paging.limit.is_some_and(|limit| list.len() >= limit) {
            return list.finish(output, ("--after", after));
        }
    }
}

/// A cursor that no list gave is a wrong value, and not a thing that is absent.
fn cursor_refused(error: UseCaseError, paging: &Paging) -> crate::error::Failure {
    use org_core::ports::StoreError;

    match error {
        UseCaseError::Store(StoreError::NotFound { .. }) if paging.after.is_some() => {
            crate::error::CliError::usage("the value of --after is not the `next` of such a list")
                .into()
        }
        error => error.into(),
    }
}
