//! What a sync plan changes, in statements of some hundreds of rows.

use chrono::{DateTime, Utc};
use org_core::ids::{GroupId, OrganizationId, RepositoryId};
use org_core::inventory::{Group, Repository};
use org_core::license::LicenseRecord;
use org_core::ports::StoreError;
use org_core::sync::{GroupChange, RepositoryChange, SyncPlan};
use sqlx::QueryBuilder;
use sqlx::query_builder::Separated;

use crate::cells::{micros, signed};
use crate::dialect::{Db, DbConnection, GROUPS_BY_KEY, REPOSITORIES_BY_KEY, rows_per_statement};
use crate::error::{During, misuse};
use crate::wire::to_json;

/// Writes the inventory's part of a plan, and counts it. A plan that changes nothing here writes nothing.
pub(crate) async fn write(
    tx: &mut DbConnection,
    organization: OrganizationId,
    plan: &SyncPlan,
) -> Result<(), StoreError> {
    if plan.repositories.is_empty() && plan.groups.is_empty() {
        return Ok(());
    }
    write_repositories(tx, organization, plan).await?;
    write_groups(tx, organization, plan).await?;
    sqlx::query(
        "UPDATE organizations SET inventory_generation = inventory_generation + 1 WHERE id = $1",
    )
    .bind(organization.as_uuid())
    .execute(tx)
    .await
    .during("counting the changes of the inventory")?;
    Ok(())
}

async fn write_repositories(
    tx: &mut DbConnection,
    organization: OrganizationId,
    plan: &SyncPlan,
) -> Result<(), StoreError> {
    let (mut added, mut updated, mut vanished) = (Vec::new(), Vec::new(), Vec::new());
    for change in &plan.repositories {
        match change {
            RepositoryChange::Added {
                repository,
                license,
            } => added.push((repository, license)),
            // One that returned is present again, and one that was updated is present anyway.
            RepositoryChange::Updated { after, .. } | RepositoryChange::Returned { after, .. } => {
                updated.push(&**after);
            }
            RepositoryChange::Vanished { repository } => vanished.push(repository.id),
        }
    }
    add_repositories(tx, organization, &added, plan.at).await?;
    update_repositories(tx, organization, &updated).await?;
    let vanished: Vec<i64> = vanished
        .into_iter()
        .map(|id: RepositoryId| signed(id.get()))
        .collect();
    mark_gone(
        tx,
        ("repositories", REPOSITORIES_BY_KEY),
        organization,
        &vanished,
        plan.at,
    )
    .await
}

type Row<'q, 'a> = Separated<'q, Db, &'a str>;

/// Binds the thirteen facts of a repository, in the order in which both statements name them.
fn push_facts(row: &mut Row<'_, '_>, repository: &Repository) {
    let topics = if repository.topics.is_empty() {
        "[]".to_owned()
    } else {
        to_json(&repository.topics)
    };
    row.push_bind(signed(repository.id.get()))
        .push_bind(repository.group.map(|id| signed(id.get())))
        .push_bind(String::from(&*repository.full_path))
        .push_bind(repository.full_path.to_lowercase())
        .push_bind(String::from(&*repository.name))
        .push_bind(repository.visibility.as_str())
        .push_bind(repository.lifecycle.as_str())
        .push_bind(repository.ownership.as_str())
        .push_bind(repository.fork)
        .push_bind(repository.default_branch.as_deref().map(String::from))
        .push_bind(topics)
        .push_bind(micros(repository.created_at))
        .push_bind(repository.last_activity_at.map(micros));
}

async fn add_repositories(
    tx: &mut DbConnection,
    organization: OrganizationId,
    added: &[(&Repository, &LicenseRecord)],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let rows = rows_per_statement(18);
    for chunk in added.chunks(rows) {
        let mut insert = QueryBuilder::<Db>::new(
            "INSERT INTO repositories (id, group_id, full_path, path_key, name, visibility, lifecycle, ownership, fork, \
             default_branch, topics, created_at, last_activity_at, organization, first_seen, license_state, \
             license_reason, license_since) ",
        );
        insert.push_values(chunk, |mut row, (repository, license)| {
            push_facts(&mut row, repository);
            row.push_bind(organization.as_uuid())
                .push_bind(micros(at))
                .push_bind(license.state.as_str())
                .push_bind(license.reason.to_string())
                .push_bind(micros(license.since));
        });
        insert
            .build()
            .persistent(chunk.len() == rows)
            .execute(&mut *tx)
            .await
            .during("adding repositories")?;
    }
    Ok(())
}

async fn update_repositories(
    tx: &mut DbConnection,
    organization: OrganizationId,
    updated: &[&Repository],
) -> Result<(), StoreError> {
    let rows = rows_per_statement(13);
    for chunk in updated.chunks(rows) {
        let mut update = QueryBuilder::<Db>::new(
            "WITH listed (id, group_id, full_path, path_key, name, visibility, lifecycle, ownership, fork, \
             default_branch, topics, created_at, last_activity_at) AS (",
        );
        update.push_values(chunk, |mut row, repository| {
            push_facts(&mut row, repository);
        });
        update.push(
            ") UPDATE repositories SET group_id = listed.group_id, full_path = listed.full_path, \
             path_key = listed.path_key, name = listed.name, visibility = listed.visibility, \
             lifecycle = listed.lifecycle, ownership = listed.ownership, fork = listed.fork, \
             default_branch = listed.default_branch, topics = listed.topics, created_at = listed.created_at, \
             last_activity_at = listed.last_activity_at, gone_since = NULL \
             FROM listed WHERE repositories.id = listed.id AND repositories.organization = ",
        );
        update.push_bind(organization.as_uuid());
        let changed = update
            .build()
            .persistent(chunk.len() == rows)
            .execute(&mut *tx)
            .await
            .during("updating repositories")?
            .rows_affected();
        expect_rows(changed, chunk.len())?;
    }
    Ok(())
}

/// A plan of the right generation fits every row it names.
fn expect_rows(changed: u64, expected: usize) -> Result<(), StoreError> {
    if changed == expected as u64 {
        Ok(())
    } else {
        Err(misuse(
            "applying a sync",
            format!("the plan changes {expected} rows, but fits {changed} of them"),
        ))
    }
}

async fn mark_gone(
    tx: &mut DbConnection,
    (table, by_key): (&'static str, &'static str),
    organization: OrganizationId,
    ids: &[i64],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let rows = rows_per_statement(1);
    for chunk in ids.chunks(rows) {
        let mut query = QueryBuilder::<Db>::new("UPDATE ");
        query.push(table);
        query.push(by_key);
        query.push(" SET gone_since = ");
        query.push_bind(micros(at));
        query.push(" WHERE organization = ");
        query.push_bind(organization.as_uuid());
        query.push(" AND id IN (");
        let mut list = query.separated(", ");
        for &id in chunk {
            list.push_bind(id);
        }
        query.push(")");
        let changed = query
            .build()
            .persistent(chunk.len() == rows)
            .execute(&mut *tx)
            .await
            .during("marking what is gone")?
            .rows_affected();
        expect_rows(changed, chunk.len())?;
    }
    Ok(())
}

async fn write_groups(
    tx: &mut DbConnection,
    organization: OrganizationId,
    plan: &SyncPlan,
) -> Result<(), StoreError> {
    let (mut added, mut updated, mut vanished) = (Vec::new(), Vec::new(), Vec::new());
    for change in &plan.groups {
        match change {
            GroupChange::Added(group) => added.push(group),
            GroupChange::Updated { after: group, .. } | GroupChange::Returned(group) => {
                updated.push(group);
            }
            GroupChange::Vanished(group) => vanished.push(group.id),
        }
    }
    add_groups(tx, organization, &added, plan.at).await?;
    update_groups(tx, organization, &updated).await?;
    let vanished: Vec<i64> = vanished
        .into_iter()
        .map(|id: GroupId| signed(id.get()))
        .collect();
    mark_gone(
        tx,
        ("groups", GROUPS_BY_KEY),
        organization,
        &vanished,
        plan.at,
    )
    .await
}

/// Binds the seven facts of a group, in the order in which both statements name them.
fn push_group(row: &mut Row<'_, '_>, group: &Group) {
    row.push_bind(signed(group.id.get()))
        .push_bind(group.parent.map(|id| signed(id.get())))
        .push_bind(String::from(&*group.full_path))
        .push_bind(group.full_path.to_lowercase())
        .push_bind(String::from(&*group.name))
        .push_bind(group.visibility.as_str())
        .push_bind(group.lifecycle.as_str());
}

async fn add_groups(
    tx: &mut DbConnection,
    organization: OrganizationId,
    added: &[&Group],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let rows = rows_per_statement(9);
    for chunk in added.chunks(rows) {
        let mut insert = QueryBuilder::<Db>::new(
            "INSERT INTO groups (id, parent, full_path, path_key, name, visibility, lifecycle, organization, first_seen) ",
        );
        insert.push_values(chunk, |mut row, group| {
            push_group(&mut row, group);
            row.push_bind(organization.as_uuid()).push_bind(micros(at));
        });
        insert
            .build()
            .persistent(chunk.len() == rows)
            .execute(&mut *tx)
            .await
            .during("adding groups")?;
    }
    Ok(())
}

async fn update_groups(
    tx: &mut DbConnection,
    organization: OrganizationId,
    updated: &[&Group],
) -> Result<(), StoreError> {
    let rows = rows_per_statement(7);
    for chunk in updated.chunks(rows) {
        let mut update = QueryBuilder::<Db>::new(
            "WITH listed (id, parent, full_path, path_key, name, visibility, lifecycle) AS (",
        );
        update.push_values(chunk, |mut row, group| {
            push_group(&mut row, group);
        });
        update.push(
            ") UPDATE groups SET parent = listed.parent, full_path = listed.full_path, path_key = listed.path_key, \
             name = listed.name, visibility = listed.visibility, lifecycle = listed.lifecycle, gone_since = NULL \
             FROM listed WHERE groups.id = listed.id AND groups.organization = ",
        );
        update.push_bind(organization.as_uuid());
        let changed = update
            .build()
            .persistent(chunk.len() == rows)
            .execute(&mut *tx)
            .await
            .during("updating groups")?
            .rows_affected();
        expect_rows(changed, chunk.len())?;
    }
    Ok(())
}
