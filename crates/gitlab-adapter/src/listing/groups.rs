//! The groups of a scope.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use futures_util::{StreamExt as _, stream};
use org_core::listing::MissingPart;
use org_core::text::GroupPath;

use super::offset::read_all;
use crate::failure::Failure;
use crate::http::{Api, Call, Patience};
use crate::identity::account_of;
use crate::wire::rest::{Group, User};

/// The groups of a scope, each once.
#[derive(Debug)]
pub(crate) struct GroupsRead {
    pub(crate) groups: Vec<Group>,
    /// Whose groups they are.
    pub(crate) account: User,
    /// Why some may be missing, in words.
    pub(crate) missing: Option<String>,
}

/// Every group that the account is a member of, with everything below.
///
/// One flat listing instead of one listing for each top-level group: a member of a subgroup alone does not see the root, and a thousand
/// small roots would be a thousand requests. Level 10 is a guest: it leaves out strangers' public groups (GitLab docs, groups API).
pub(crate) async fn of_account(api: Api) -> Result<GroupsRead, Failure> {
    let call = Call::get("/groups").with("min_access_level", 10);
    let calls = [call];
    let (account, groups) = futures_util::join!(account_of(&api, None), read(&api, vec![], &calls));
    let (groups, missing) = groups?;
    Ok(GroupsRead {
        groups,
        account: account?,
        missing,
    })
}

/// The chosen groups, already found, with everything below them.
pub(crate) async fn below(
    api: Api,
    account: User,
    chosen: Vec<Group>,
) -> Result<GroupsRead, Failure> {
    let calls: Vec<Call> = chosen
        .iter()
        .map(|group| {
            Call::get(format!("/groups/{}/descendant_groups", group.id))
                // Without this, groups that one is no member of are left out, although the scope covers them.
                .with("all_available", true)
        })
        .collect();
    let (groups, missing) = read(&api, chosen, &calls).await?;
    Ok(GroupsRead {
        groups,
        account,
        missing,
    })
}

async fn read(
    api: &Api,
    found: Vec<Group>,
    calls: &[Call],
) -> Result<(Vec<Group>, Option<String>), Failure> {
    let groups: Mutex<HashMap<u64, Group>> =
        Mutex::new(found.into_iter().map(|group| (group.id, group)).collect());
    let lock = || groups.lock().unwrap_or_else(PoisonError::into_inner);
    let mut lists = stream::iter(calls.to_vec())
        .map(|call| {
            let call = call.with("order_by", "id").with("sort", "asc");
            async move {
                read_all(
                    api,
                    &call,
                    |group: &Group| group.id,
                    async |page: Vec<Group>| {
                        // A group that comes again is newer than what is known of it.
                        lock().extend(page.into_iter().map(|group| (group.id, group)));
                        Ok(())
                    },
                )
                .await
            }
        })
        .buffer_unordered(api.max_concurrency());
    let mut missing = None;
    while let Some(doubt) = lists.next().await {
        match doubt {
            Ok(doubt) => missing = missing.or(doubt),
            Err(failure) if failure.ends_everything() => return Err(failure),
            // Half a list of groups is better than none: it names the owner of most repositories.
            Err(failure) => missing = missing.or(Some(failure.words())),
        }
    }
    drop(lists);
    let groups = std::mem::take(&mut *lock());
    Ok((groups.into_values().collect(), missing))
}

/// What a path may hold unencoded (RFC 3986, "unreserved").
const SEGMENT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The group at a path; `None` if there is none or it is hidden.
pub(crate) async fn at_path(api: &Api, path: &GroupPath) -> Result<Option<Group>, Failure> {
    let encoded = percent_encoding::utf8_percent_encode(path.as_str(), SEGMENT);
    let found = single(api, &encoded.to_string()).await?;
    // A path of digits alone is taken for a number by the host.
    Ok(found.filter(|group| path.matches(&group.full_path)))
}

/// The group with a number; `None` if there is none or it is hidden.
pub(crate) async fn with_id(api: &Api, id: u64) -> Result<Option<Group>, Failure> {
    single(api, &id.to_string()).await
}

async fn single(api: &Api, segment: &str) -> Result<Option<Group>, Failure> {
    // By default the answer holds a hundred projects besides.
    let call = Call::get(format!("/groups/{segment}")).with("with_projects", false);
    match api.json::<Group>(&call, Patience::Full).await {
        Ok((group, _)) => Ok(Some(group)),
        // In front of a GitLab that is not there, or below another prefix, stands an HTML page: that says nothing of the group.
        Err(Failure::Missing(said)) if said.contains("HTML") => Err(Failure::Strange(said)),
        Err(Failure::Missing(_)) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Finds the chosen groups, leaving out those inside of another chosen one.
pub(crate) async fn find_chosen(
    api: &Api,
    paths: &[GroupPath],
) -> Result<(Vec<Group>, Vec<MissingPart>), Failure> {
    let tops: Vec<&GroupPath> = paths
        .iter()
        .enumerate()
        .filter(|(n, path)| {
            let lower = path.as_str().to_lowercase();
            !paths.iter().enumerate().any(|(m, other)| {
                let other = other.as_str().to_lowercase();
                lower.starts_with(&format!("{other}/")) || (other == lower && m < *n)
            })
        })
        .map(|(_, path)| path)
        .collect();
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    let mut answers = Vec::new();
    for batch in tops.chunks(api.max_concurrency()) {
        let asked = batch.iter().map(|path| at_path(api, path));
        answers.extend(
            batch
                .iter()
                .zip(futures_util::future::join_all(asked).await),
        );
    }
    for (path, answer) in answers {
        let why = match answer {
            Ok(Some(group)) => {
                found.push(group);
                continue;
            }
            Ok(None) => "there is no such group, or the access token may not see it".to_owned(),
            Err(failure) if failure.ends_everything() => return Err(failure),
            Err(failure) => failure.words(),
        };
        missing.push(MissingPart {
            what: format!("group {path}"),
            why,
        });
    }
    Ok((found, missing))
}
