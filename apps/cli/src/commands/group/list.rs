//! `forgehold group list`.

use org_core::ids::OrganizationId;
use org_core::organization::Status;

use crate::app::App;
use crate::commands::paging::{Paging, next_page};
use crate::error::{CliError, Failure, Result};
use crate::output::group::Group;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Show those of this organization only
    #[arg(long, value_name = "NAME")]
    pub(crate) organization: Option<String>,

    #[command(flatten)]
    pub(crate) paging: Paging,
}

/// Where a list over several organizations goes on: in which of them, and behind what.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) organization: OrganizationId,
    pub(crate) after: Option<String>,
}

impl Cursor {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let refused = || {
            Failure::from(CliError::usage(
                "the value of --after is not the `next` of such a list",
            ))
        };
        let (organization, after) = text.split_once('/').ok_or_else(refused)?;
        Ok(Self {
            organization: organization.parse().map_err(|_| refused())?,
            after: (!after.is_empty()).then(|| after.to_owned()),
        })
    }

    pub(crate) fn format(organization: OrganizationId, after: Option<&str>) -> String {
        format!("{organization}/{}", after.unwrap_or_default())
    }
}

pub(crate) async fn run(args: Args, app: &App) -> Result {
    let session = app.open().await?;
    let ports = session.ports();
    let mut organizations = match &args.organization {
        Some(name) => vec![session.organization(name).await?],
        None => ports.organizations.roster().await?.organizations,
    };
    organizations.retain(|organization| !matches!(organization.status, Status::Removed { .. }));
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
            .position(|organization| organization.id == cursor.organization);
        organizations.drain(..known.unwrap_or(organizations.len()));
        after = cursor.after;
    }
    let mut list = app.output.list();
    for (index, organization) in organizations.iter().enumerate() {
        loop {
            let limit = next_page(args.paging.limit, list.len());
            let page = ports
                .inventory
                .groups(organization.id, after.as_deref(), limit)
                .await?;
            for group in &page.items {
                list.push(Group::new(organization, group));
            }
            list.flush()?;
            after = page.next;
            if args.paging.limit.is_some_and(|limit| list.len() >= limit) {
                let next = match &after {
                    Some(after) => Some(Cursor::format(organization.id, Some(after))),
                    None => organizations
                        .get(index + 1)
                        .map(|following| Cursor::format(following.id, None)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_names_the_organization_and_the_place_in_it() {
        let id = "0192f0c1-2345-7000-8000-000000000001";
        let parsed = Cursor::parse(&format!("{id}/a/b")).expect("a cursor");
        assert_eq!(parsed.after.as_deref(), Some("a/b"));
        assert_eq!(parsed.organization.to_string(), id);
        assert_eq!(
            Cursor::parse(&format!("{id}/")).expect("a cursor").after,
            None
        );
        for bad in ["", "x", "x/y"] {
            assert!(Cursor::parse(bad).is_err(), "{bad:?}");
        }
    }
}
