//! Groups and repositories: the whole of an organization to plan on, pages of it to look at.

mod pages;
mod rows;
pub(crate) mod write;

use async_trait::async_trait;
use futures_util::TryStreamExt;
use org_core::ids::{GroupId, OrganizationId, RepositoryId};
use org_core::inventory::{Inventory, KnownGroup};
use org_core::license::pool::SeatKey;
use org_core::ports::{
    InventoryCounts, InventoryStore, Page, RepositoryFilter, RepositoryRow, StoreError,
};
use sqlx::QueryBuilder;

pub(crate) use self::rows::license;
use crate::cells::{Cells, signed};
use crate::dialect::Db;
use crate::error::During;
use crate::remembered::Generations;
use crate::store::Store;

/// Whole rows, each with the name of its organization, of the repositories whose keys the query `page` finds. So `page` reads nothing but an
/// index, however many rows it passes over, and only what is shown is read from the table.
pub(crate) const ROWS_OF_PAGE: &str = "SELECT r.*, o.name AS organization_name FROM page \
    JOIN repositories AS r ON r.organization = page.organization AND r.id = page.id \
    JOIN organizations AS o ON o.id = r.organization";

/// What the inventory is read from: the columns of a repository and nothing else, since there may be 100,000 of them.
const REPOSITORIES: &str = "SELECT organization, id, group_id, full_path, name, visibility, lifecycle, ownership, fork, \
    default_branch, topics, created_at, last_activity_at, first_seen, gone_since, license_state, license_reason, \
    license_since FROM repositories WHERE organization = $1 ORDER BY id";

/// How many paths are asked for in one query.
const PATHS: usize = 500;

#[async_trait]
impl InventoryStore for Store {
    async fn inventory(&self, organization: OrganizationId) -> Result<Inventory, StoreError> {
        const STEP: &str = "reading the inventory";
        let mut tx = self.begin_read().await?;
        let row = sqlx::query("SELECT id, inventory_generation FROM organizations WHERE id = $1")
            .bind(organization.as_uuid())
            .fetch_optional(&mut *tx)
            .await
            .during(STEP)?;
        let Some(row) = row else {
            return Ok(Inventory::default());
        };
        let generation =
            Cells::new(&row, "organizations", &["id"]).count("inventory_generation")?;

        let mut repositories = Vec::new();
        let mut rows = sqlx::query(REPOSITORIES)
            .bind(organization.as_uuid())
            .fetch(&mut *tx);
        while let Some(row) = rows.try_next().await.during(STEP)? {
            repositories.push(rows::known_repository(&row)?);
        }
        drop(rows);

        let mut groups = Vec::new();
        let mut rows = sqlx::query("SELECT * FROM groups WHERE organization = $1 ORDER BY id")
            .bind(organization.as_uuid())
            .fetch(&mut *tx);
        while let Some(row) = rows.try_next().await.during(STEP)? {
            groups.push(rows::known_group(&row)?);
        }
        drop(rows);
        Ok(Inventory {
            generation,
            repositories,
            groups,
        })
    }

    async fn repositories(
        &self,
        filter: &RepositoryFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<RepositoryRow>, StoreError> {
        pages::repositories(self, filter, after, limit).await
    }

    async fn repository(&self, key: SeatKey) -> Result<Option<RepositoryRow>, StoreError> {
        let row = sqlx::query(
            "SELECT r.*, o.name AS organization_name FROM repositories AS r \
             JOIN organizations AS o ON o.id = r.organization WHERE r.organization = $1 AND r.id = $2",
        )
        .bind(key.organization.as_uuid())
        .bind(signed(key.repository.get()))
            .fetch_optional(self.reader())
            .await
            .during("reading a repository")?;
        row.as_ref().map(rows::repository_row).transpose()
    }

    async fn paths(
        &self,
        organization: OrganizationId,
        repositories: &[RepositoryId],
    ) -> Result<Vec<(RepositoryId, Box<str>)>, StoreError> {
        const STEP: &str = "reading the paths of repositories";
        let mut paths = Vec::new();
        for chunk in repositories.chunks(PATHS) {
            let mut query = QueryBuilder::<Db>::new(
                "SELECT id, full_path FROM repositories WHERE organization = ",
            );
            query.push_bind(organization.as_uuid());
            query.push(" AND id IN (");
            let mut ids = query.separated(", ");
            for id in chunk {
                ids.push_bind(signed(id.get()));
            }
            query.push(")");
            let rows = query.build().fetch_all(self.reader()).await.during(STEP)?;
            for row in rows {
                let cells = Cells::new(&row, "repositories", &["id"]);
                paths.push((cells.host_id("id")?, cells.text("full_path")?));
            }
        }
        paths.sort_unstable_by_key(|(id, _)| *id);
        paths.dedup_by_key(|(id, _)| *id);
        Ok(paths)
    }

    async fn groups(
        &self,
        organization: OrganizationId,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<KnownGroup>, StoreError> {
        pages::groups(self, organization, after, limit).await
    }

    async fn group(
        &self,
        organization: OrganizationId,
        id: GroupId,
    ) -> Result<Option<KnownGroup>, StoreError> {
        let row = sqlx::query("SELECT * FROM groups WHERE organization = $1 AND id = $2")
            .bind(organization.as_uuid())
            .bind(signed(id.get()))
            .fetch_optional(self.reader())
            .await
            .during("reading a group")?;
        row.as_ref().map(rows::known_group).transpose()
    }

    async fn counts(&self, organization: OrganizationId) -> Result<InventoryCounts, StoreError> {
        const STEP: &str = "counting the inventory";
        let mut tx = self.begin_read().await?;
        let generations: Option<Generations> = sqlx::query_as(
            "SELECT o.inventory_generation, i.pool_generation FROM organizations AS o, installation AS i \
             WHERE o.id = $1",
        )
        .bind(organization.as_uuid())
        .fetch_optional(&mut *tx)
        .await
        .during(STEP)?;
        let known = generations.and_then(|now| self.remembered().counts(organization, now));
        if let Some(counts) = known {
            return Ok(counts);
        }
        let (repositories, gone, licensed, waiting): (i64, i64, i64, i64) = sqlx::query_as(
            "SELECT count(*) FILTER (WHERE gone_since IS NULL), count(gone_since), \
             count(*) FILTER (WHERE license_state = 'licensed'), count(*) FILTER (WHERE license_state = 'waiting') \
             FROM repositories WHERE organization = $1",
        )
        .bind(organization.as_uuid())
        .fetch_one(&mut *tx)
        .await
        .during(STEP)?;
        let groups: i64 =
            sqlx::query_scalar("SELECT count(*) FROM groups WHERE organization = $1 AND NOT gone")
                .bind(organization.as_uuid())
                .fetch_one(&mut *tx)
                .await
                .during(STEP)?;
        let counts = InventoryCounts {
            repositories: repositories.unsigned_abs(),
            groups: groups.unsigned_abs(),
            licensed: licensed.unsigned_abs(),
            waiting: waiting.unsigned_abs(),
            gone: gone.unsigned_abs(),
        };
        if let Some(now) = generations {
            self.remembered().keep_counts(organization, now, counts);
        }
        Ok(counts)
    }
}
