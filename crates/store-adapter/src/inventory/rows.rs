//! Rows of repositories and groups, read into the domain.

use org_core::ids::OrganizationId;
use org_core::inventory::{Group, KnownGroup, KnownRepository, Presence, Repository};
use org_core::license::LicenseRecord;
use org_core::ports::{RepositoryRow, StoreError};

use crate::cells::Cells;
use crate::dialect::DbRow;

const fn repository_cells(row: &DbRow) -> Cells<'_> {
    Cells::new(row, "repositories", &["organization", "id"])
}

fn presence(cells: &Cells<'_>) -> Result<Presence, StoreError> {
    Ok(match cells.optional_time("gone_since")? {
        None => Presence::Present,
        Some(since) => Presence::Gone { since },
    })
}

/// The topics; nearly every repository has none.
fn topics(cells: &Cells<'_>) -> Result<Box<[Box<str>]>, StoreError> {
    match cells.get::<&str>("topics")? {
        "[]" => Ok(Box::default()),
        _ => cells.json("topics"),
    }
}

pub(super) fn known_repository(row: &DbRow) -> Result<KnownRepository, StoreError> {
    let cells = repository_cells(row);
    Ok(KnownRepository {
        repository: Repository {
            id: cells.host_id("id")?,
            group: cells.optional_host_id("group_id")?,
            full_path: cells.text("full_path")?,
            name: cells.text("name")?,
            visibility: cells.parse("visibility")?,
            lifecycle: cells.parse("lifecycle")?,
            ownership: cells.parse("ownership")?,
            fork: cells.get("fork")?,
            default_branch: cells.get::<Option<&str>>("default_branch")?.map(Into::into),
            topics: topics(&cells)?,
            created_at: cells.time("created_at")?,
            last_activity_at: cells.optional_time("last_activity_at")?,
        },
        presence: presence(&cells)?,
        first_seen: cells.time("first_seen")?,
        license: license(&cells)?,
    })
}

/// Where a repository stands with its license.
pub(crate) fn license(cells: &Cells<'_>) -> Result<LicenseRecord, StoreError> {
    Ok(LicenseRecord {
        state: cells.parse("license_state")?,
        reason: cells.parse("license_reason")?,
        since: cells.time("license_since")?,
    })
}

pub(super) fn repository_row(row: &DbRow) -> Result<RepositoryRow, StoreError> {
    let cells = repository_cells(row);
    Ok(RepositoryRow {
        organization: OrganizationId::from_uuid(cells.get("organization")?),
        organization_name: cells.parse("organization_name")?,
        known: known_repository(row)?,
    })
}

pub(super) fn known_group(row: &DbRow) -> Result<KnownGroup, StoreError> {
    let cells = Cells::new(row, "groups", &["organization", "id"]);
    Ok(KnownGroup {
        group: Group {
            id: cells.host_id("id")?,
            parent: cells.optional_host_id("parent")?,
            full_path: cells.text("full_path")?,
            name: cells.text("name")?,
            visibility: cells.parse("visibility")?,
            lifecycle: cells.parse("lifecycle")?,
        },
        presence: presence(&cells)?,
        first_seen: cells.time("first_seen")?,
    })
}
