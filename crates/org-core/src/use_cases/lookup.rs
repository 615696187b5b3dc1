//! Finding what a person names.

use crate::ids::{OrganizationId, RepositoryId};
use crate::license::pool::SeatKey;
use crate::organization::Organization;
use crate::ports::{Ports, PresenceFilter, RepositoryFilter, RepositoryRow};
use crate::text::OrganizationName;
use crate::use_cases::UseCaseError;

/// The organization of that name, or with that id.
pub async fn organization(ports: &Ports, text: &str) -> Result<Organization, UseCaseError> {
    let not_found = || UseCaseError::NotFound {
        what: format!("organization `{}`", text.trim()),
    };
    let name: OrganizationName = text.parse().map_err(|_| not_found())?;
    if let Some(organization) = ports.organizations.find(&name).await? {
        return Ok(organization);
    }
    match text.trim().parse::<OrganizationId>() {
        Ok(id) => ports.organizations.get(id).await?.ok_or_else(not_found),
        Err(_) => Err(not_found()),
    }
}

/// The organization with that id.
pub async fn by_id(ports: &Ports, id: OrganizationId) -> Result<Organization, UseCaseError> {
    let organization = ports.organizations.get(id).await?;
    organization.ok_or_else(|| UseCaseError::NotFound {
        what: format!("organization {id}"),
    })
}

/// How many repositories of one path are looked at before a name counts as ambiguous.
const CANDIDATES: u32 = 100;

/// The repository that a person names by its path or by the host's id, in one organization or in any.
///
/// What is gone is found only when nothing present fits.
pub async fn repository(
    ports: &Ports,
    text: &str,
    organization: Option<OrganizationId>,
) -> Result<RepositoryRow, UseCaseError> {
    let text = text.trim().trim_matches('/');
    let mut found = Vec::new();
    if let Ok(id) = text.parse::<RepositoryId>() {
        let organizations = if let Some(one) = organization {
            vec![one]
        } else {
            let roster = ports.organizations.roster().await?;
            roster
                .organizations
                .iter()
                .map(|organization| organization.id)
                .collect()
        };
        for organization in organizations {
            let key = SeatKey {
                organization,
                repository: id,
            };
            found.extend(ports.inventory.repository(key).await?);
        }
    }
    for presence in [PresenceFilter::Present, PresenceFilter::Gone] {
        if found.is_empty() {
            found = by_path(ports, text, organization, presence).await?;
        }
    }
    match found.len() {
        0 => Err(UseCaseError::NotFound {
            what: format!("repository `{text}`"),
        }),
        1 => Ok(found.remove(0)),
        _ => Err(UseCaseError::Ambiguous {
            text: text.to_owned(),
            candidates: found
                .iter()
                .map(|row| {
                    let repository = &row.known.repository;
                    let name = &row.organization_name;
                    format!(
                        "{} (id {} in `{name}`)",
                        repository.full_path, repository.id
                    )
                })
                .collect(),
        }),
    }
}

async fn by_path(
    ports: &Ports,
    path: &str,
    organization: Option<OrganizationId>,
    presence: PresenceFilter,
) -> Result<Vec<RepositoryRow>, UseCaseError> {
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let filter = RepositoryFilter {
        organization,
        text: Some(path.to_owned()),
        presence,
        ..RepositoryFilter::default()
    };
    let mut fitting: Vec<RepositoryRow> = Vec::new();
    let mut after = None;
    loop {
        let page = ports
            .inventory
            .repositories(&filter, after.as_deref(), CANDIDATES)
            .await?;
        fitting.extend(page.items.into_iter().filter(|row| {
            let repository = &row.known.repository;
            repository.full_path.to_lowercase() == path.to_lowercase()
        }));
        after = page.next;
        if after.is_none() || fitting.len() >= CANDIDATES as usize {
            break;
        }
    }
    // The exact case wins: two paths that differ by case are two repositories.
    if let Some(exact) = fitting
        .iter()
        .position(|row| &*row.known.repository.full_path == path)
        && fitting
            .iter()
            .filter(|row| &*row.known.repository.full_path == path)
            .count()
            == 1
    {
        return Ok(vec![fitting.swap_remove(exact)]);
    }
    Ok(fitting)
}
