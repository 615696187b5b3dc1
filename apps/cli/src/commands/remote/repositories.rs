//! Repositories and groups.

use org_core::ids::OrganizationId;
use runtime::remote::Verb;
use serde::Deserialize;

use super::{optional, pages};
use crate::app::App;
use crate::commands::group::list::Cursor;
use crate::commands::paging::next_page;
use crate::commands::{group, repo};
use crate::error::Result;
use crate::exit::Exit;
use crate::output::group::Group;
use crate::output::repository::{Explanation, LicenseChange, Repository, RepositoryDetails};
use crate::remote::{Page, Remote};

/// Where a repository is in the API.
pub(super) async fn found(target: repo::Target, remote: &Remote) -> Result<[String; 2]> {
    #[derive(Deserialize)]
    struct Found {
        id: u64,
        organization: String,
    }
    let mut query = vec![("repository", target.repository)];
    query.extend(optional("organization", target.organization));
    let found: Found = remote.get(&["repositories", "find"], &query).await?;
    Ok([found.organization, found.id.to_string()])
}

pub(super) async fn run(command: repo::Command, app: &App, remote: &Remote) -> Result {
    let path = |[organization, id]: &[String; 2]| {
        [
            "organizations".to_owned(),
            organization.clone(),
            "repositories".to_owned(),
            id.clone(),
        ]
    };
    match command {
        repo::Command::List(args) => {
            let presence = args.presence.as_str().to_owned();
            let mut query = vec![("presence", presence), ("sort", args.sort.to_string())];
            query.extend(optional("organization", args.organization));
            query.extend(optional("text", args.path));
            query.extend(optional(
                "license",
                args.license.map(|word| word.to_string()),
            ));
            query.extend(optional(
                "lifecycle",
                args.lifecycle.map(|word| word.to_string()),
            ));
            query.extend(optional(
                "visibility",
                args.visibility.map(|word| word.to_string()),
            ));
            pages::<Repository>(app, remote, &["repositories"], &query, &args.paging).await
        }
        repo::Command::Show(args) => {
            let path = path(&found(args.target, remote).await?);
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            let details: RepositoryDetails = remote.get(&path, &[]).await?;
            app.output.one(&details)?;
            Ok(Exit::Ok)
        }
        repo::Command::Why(args) => {
            let path = path(&found(args.target, remote).await?);
            let mut path: Vec<&str> = path.iter().map(String::as_str).collect();
            path.push("why");
            let explanation: Explanation = remote.get(&path, &[]).await?;
            app.output.one(&explanation)?;
            Ok(Exit::Ok)
        }
        repo::Command::Assign(args) => {
            let path = path(&found(args.target, remote).await?);
            licensed(&path, Verb::Put, app, remote).await
        }
        repo::Command::Release(args) => {
            let path = path(&found(args.target, remote).await?);
            licensed(&path, Verb::Delete, app, remote).await
        }
    }
}

async fn licensed(path: &[String], verb: Verb, app: &App, remote: &Remote) -> Result {
    let mut path: Vec<&str> = path.iter().map(String::as_str).collect();
    path.push("license");
    let change: LicenseChange = remote.send(verb, &path, &[], None).await?;
    app.output.one(&change)?;
    Ok(Exit::Ok)
}

pub(super) async fn groups(args: group::list::Args, app: &App, remote: &Remote) -> Result {
    #[derive(Deserialize)]
    struct Known {
        id: OrganizationId,
    }
    let mut organizations: Vec<OrganizationId> = if let Some(name) = &args.organization {
        vec![remote.get::<Known>(&["organizations", name], &[]).await?.id]
    } else {
        let page: Page<Known> = remote.get(&["organizations"], &[]).await?;
        page.items.into_iter().map(|known| known.id).collect()
    };
    let cursor = args
        .paging
        .after
        .as_deref()
        .map(Cursor::parse)
        .transpose()?;
    let mut after = None;
    if let Some(cursor) = cursor {
        let known = organizations
            .iter()
            .position(|id| *id == cursor.organization);
        organizations.drain(..known.unwrap_or(organizations.len()));
        after = cursor.after;
    }
    let mut list = app.output.list();
    for (index, organization) in organizations.iter().enumerate() {
        let id = organization.to_string();
        loop {
            let limit = next_page(args.paging.limit, list.len());
            let mut query = vec![("limit", limit.to_string())];
            query.extend(optional("after", after));
            let page: Page<Group> = remote
                .get(&["organizations", &id, "groups"], &query)
                .await?;
            for group in page.items {
                list.push(group);
            }
            list.flush()?;
            after = page.next;
            if args.paging.limit.is_some_and(|limit| list.len() >= limit) {
                let next = match &after {
                    Some(after) => Some(Cursor::format(*organization, Some(after))),
                    None => organizations
                        .get(index + 1)
                        .map(|following| Cursor::format(*following, None)),
                };
                return list.finish(&app.output, ("--after", next));
            }
            if after.is_none() {
                break;
            }
        }
    }
    list.finish(&app.output, ("--after", None))
}
