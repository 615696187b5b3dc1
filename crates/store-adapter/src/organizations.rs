//! Organizations, and when each is due.

use async_trait::async_trait;
use chrono::{DateTime, SubsecRound, Utc};
use org_core::ids::OrganizationId;
use org_core::organization::{AuthMethod, Organization, Status};
use org_core::ports::{OrganizationChange, OrganizationStore, Roster, Stale, StoreError};
use org_core::text::OrganizationName;
use org_core::token::Account;

use crate::cells::{Cells, micros, signed};
use crate::dialect::{DbConnection, DbRow};
use crate::error::{During, misuse, store_error};
use crate::store::Store;
use crate::wire::{
    AuthWire, CapabilityWire, SettingsWire, capabilities, capability_table, to_json,
};
use crate::{attempts, events, seats};

const STEP: &str = "writing an organization";

pub(crate) fn organization(row: &DbRow) -> Result<Organization, StoreError> {
    let cells = Cells::new(row, "organizations", &["id"]);
    Ok(Organization {
        id: OrganizationId::from_uuid(cells.get("id")?),
        name: cells.parse("name")?,
        service: cells.parse("service")?,
        host: cells.parse("host")?,
        account: Account {
            id: cells.host_id("account_id")?,
            login: cells.parse("account_login")?,
            kind: cells.parse("account_kind")?,
        },
        auth: AuthMethod::try_from(cells.json::<AuthWire>("auth")?)
            .map_err(|error| cells.unreadable("auth", error))?,
        capabilities: capability_table(cells.json::<Vec<CapabilityWire>>("capabilities")?)
            .map_err(|error| cells.unreadable("capabilities", error))?,
        settings: cells
            .json::<SettingsWire>("settings")?
            .try_into()
            .map_err(|error| cells.unreadable("settings", error))?,
        status: cells.parse("status")?,
        created_at: cells.time("created_at")?,
        followed_since: cells.optional_time("followed_since")?,
        expiry_notice: cells.get("expiry_notice")?,
        version: cells.count("version")?,
    })
}

/// The error for an organization that is not there.
pub(crate) fn not_found(id: OrganizationId) -> StoreError {
    StoreError::NotFound {
        what: format!("organization {id}"),
    }
}

async fn read(
    connection: &mut DbConnection,
    id: OrganizationId,
) -> Result<Option<Organization>, StoreError> {
    let row = sqlx::query("SELECT * FROM organizations WHERE id = $1")
        .bind(id.as_uuid())
        .fetch_optional(connection)
        .await
        .during("reading an organization")?;
    row.as_ref().map(organization).transpose()
}

async fn roster_generation(connection: &mut DbConnection) -> Result<u64, StoreError> {
    let generation: i64 = sqlx::query_scalar("SELECT roster_generation FROM installation")
        .fetch_one(connection)
        .await
        .during("reading the generation of the list of organizations")?;
    Ok(generation.unsigned_abs())
}

async fn grow_roster(tx: &mut DbConnection) -> Result<i64, StoreError> {
    sqlx::query_scalar(
        "UPDATE installation SET roster_generation = roster_generation + 1 RETURNING roster_generation",
    )
    .fetch_one(tx)
    .await
    .during(STEP)
}

async fn expect_roster(tx: &mut DbConnection, expected: Option<u64>) -> Result<(), StoreError> {
    match expected {
        Some(expected) if roster_generation(tx).await? != expected => Err(StoreError::Stale {
            what: Stale::Roster,
        }),
        _ => Ok(()),
    }
}

/// Whether going from one record to the other changes what a rule about all organizations looks at.
fn is_change_of_roster(before: &Organization, after: &Organization) -> bool {
    let removed =
        |organization: &Organization| matches!(organization.status, Status::Removed { .. });
    before.name != after.name
        || before.host != after.host
        || before.account != after.account
        || before.settings.scope != after.settings.scope
        || removed(before) != removed(after)
}

fn to_the_microsecond(status: &Status) -> Status {
    match status {
        Status::Removed { at } => Status::Removed {
            at: at.trunc_subsecs(6),
        },
        status => status.clone(),
    }
}

/// Writes the record of an organization whose version is still the one that was read; answers the new version.
pub(crate) async fn replace(
    tx: &mut DbConnection,
    organization: &Organization,
) -> Result<u64, StoreError> {
    replace_on(tx, organization, None).await
}

/// The same, while the roster is still the expected one.
async fn replace_on(
    tx: &mut DbConnection,
    organization: &Organization,
    roster: Option<u64>,
) -> Result<u64, StoreError> {
    let before = read(tx, organization.id)
        .await?
        .ok_or_else(|| not_found(organization.id))?;
    if before.version != organization.version {
        return Err(StoreError::Stale {
            what: Stale::Organization,
        });
    }
    expect_roster(tx, roster).await?;
    let version = organization.version + 1;
    let bound = bind_record(
        sqlx::query(
            "UPDATE organizations SET name = $2, unique_name = $3, service = $4, host = $5, account_id = $6, \
             account_login = $7, account_kind = $8, auth = $9, capabilities = $10, settings = $11, status = $12, \
             created_at = $13, followed_since = $14, expiry_notice = $15, scheduled = $16, version = $17 WHERE id = $1",
        ),
        organization,
    )?;
    bound
        .bind(signed(version))
        .execute(&mut *tx)
        .await
        .map_err(|error| name_taken(error, organization))?;
    if is_change_of_roster(&before, organization) {
        grow_roster(tx).await?;
    }
    Ok(version)
}

async fn add(tx: &mut DbConnection, organization: &Organization) -> Result<(), StoreError> {
    if read(tx, organization.id).await?.is_some() {
        return Err(misuse(STEP, format!("{} is there", organization.id)));
    }
    let position = grow_roster(tx).await?;
    let bound = bind_record(
        sqlx::query(
            "INSERT INTO organizations (id, name, unique_name, service, host, account_id, account_login, account_kind, \
             auth, capabilities, settings, status, created_at, followed_since, expiry_notice, scheduled, position, version, \
             inventory_generation) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, 1, 0)",
        ),
        organization,
    )?;
    bound
        .bind(position)
        .execute(&mut *tx)
        .await
        .map_err(|error| name_taken(error, organization))?;
    Ok(())
}

type Query = sqlx::query::Query<
    'static,
    crate::dialect::Db,
    <crate::dialect::Db as sqlx::Database>::Arguments,
>;

/// Binds $1 to $16.
fn bind_record(query: Query, organization: &Organization) -> Result<Query, StoreError> {
    let present = !matches!(organization.status, Status::Removed { .. });
    let auth = AuthWire::try_from(&organization.auth)
        .map_err(|source| StoreError::Other { step: STEP, source })?;
    Ok(query
        .bind(organization.id.as_uuid())
        .bind(organization.name.as_str().to_owned())
        .bind(present.then(|| organization.name.key()))
        .bind(organization.service.to_string())
        .bind(organization.host.to_string())
        .bind(signed(organization.account.id.get()))
        .bind(organization.account.login.as_str().to_owned())
        .bind(organization.account.kind.as_str())
        .bind(to_json(&auth))
        .bind(to_json(&capabilities(&organization.capabilities)))
        .bind(to_json(&SettingsWire::from(&organization.settings)))
        .bind(to_the_microsecond(&organization.status).to_string())
        .bind(micros(organization.created_at))
        .bind(organization.followed_since.map(micros))
        .bind(organization.expiry_notice)
        .bind(organization.status.is_scheduled()))
}

/// The only unique value of the table besides its id is the name.
fn name_taken(error: sqlx::Error, organization: &Organization) -> StoreError {
    match &error {
        sqlx::Error::Database(database) if database.is_unique_violation() => {
            StoreError::NameTaken {
                name: organization.name.clone(),
            }
        }
        _ => store_error(STEP, error),
    }
}

async fn write_next_run(
    tx: &mut DbConnection,
    id: OrganizationId,
    at: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    let changed = sqlx::query("UPDATE organizations SET next_run = $2 WHERE id = $1")
        .bind(id.as_uuid())
        .bind(at.map(micros))
        .execute(tx)
        .await
        .during("planning the next run")?
        .rows_affected();
    if changed == 0 {
        return Err(not_found(id));
    }
    Ok(())
}

/// Writes what goes with a change of a record.
async fn write_rest(
    tx: &mut DbConnection,
    change: &OrganizationChange<'_>,
) -> Result<(), StoreError> {
    if let Some(next_run) = change.next_run {
        write_next_run(tx, change.organization.id, next_run).await?;
    }
    if let Some(attempt) = change.attempt {
        attempts::save(tx, attempt).await?;
    }
    if let Some(plan) = change.seats {
        let now = moment(change);
        seats::write(tx, plan, now).await?;
        events::append(tx, plan.events(now)).await?;
    }
    events::append(tx, change.events.iter().cloned()).await
}

/// When a change happens: its events say so, and else its record.
fn moment(change: &OrganizationChange<'_>) -> DateTime<Utc> {
    match (change.events.first(), &change.organization.status) {
        (Some(event), _) => event.at,
        (None, Status::Removed { at }) => *at,
        (None, _) => change.organization.created_at,
    }
}

async fn expect_pool(
    tx: &mut DbConnection,
    change: &OrganizationChange<'_>,
) -> Result<(), StoreError> {
    match change.seats {
        Some(plan) => seats::expect_generation(tx, plan).await,
        None => Ok(()),
    }
}

#[async_trait]
impl OrganizationStore for Store {
    async fn roster(&self) -> Result<Roster, StoreError> {
        let mut tx = self.begin_read().await?;
        let generation = roster_generation(&mut tx).await?;
        let rows = sqlx::query("SELECT * FROM organizations ORDER BY position")
            .fetch_all(&mut *tx)
            .await
            .during("listing the organizations")?;
        let organizations = rows.iter().map(organization).collect::<Result<_, _>>()?;
        Ok(Roster {
            generation,
            organizations,
        })
    }

    async fn get(&self, id: OrganizationId) -> Result<Option<Organization>, StoreError> {
        let mut tx = self.begin_read().await?;
        read(&mut tx, id).await
    }

    async fn find(&self, name: &OrganizationName) -> Result<Option<Organization>, StoreError> {
        let row = sqlx::query("SELECT * FROM organizations WHERE unique_name = $1")
            .bind(name.key())
            .fetch_optional(self.reader())
            .await
            .during("looking for an organization")?;
        row.as_ref().map(organization).transpose()
    }

    async fn insert(&self, change: &OrganizationChange<'_>) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await?;
        expect_roster(&mut tx, change.roster).await?;
        expect_pool(&mut tx, change).await?;
        add(&mut tx, change.organization).await?;
        write_rest(&mut tx, change).await?;
        tx.commit().await.during(STEP)
    }

    async fn update(&self, change: &OrganizationChange<'_>) -> Result<u64, StoreError> {
        let mut tx = self.begin_write().await?;
        let version = replace_on(&mut tx, change.organization, change.roster).await?;
        expect_pool(&mut tx, change).await?;
        write_rest(&mut tx, change).await?;
        tx.commit().await.during(STEP)?;
        Ok(version)
    }

    async fn next_run(&self, id: OrganizationId) -> Result<Option<DateTime<Utc>>, StoreError> {
        let row = sqlx::query("SELECT id, next_run FROM organizations WHERE id = $1")
            .bind(id.as_uuid())
            .fetch_optional(self.reader())
            .await
            .during("reading the next run")?;
        match row {
            None => Ok(None),
            Some(row) => Cells::new(&row, "organizations", &["id"]).optional_time("next_run"),
        }
    }

    async fn set_next_run(
        &self,
        id: OrganizationId,
        at: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await?;
        write_next_run(&mut tx, id, at).await?;
        tx.commit().await.during("planning the next run")
    }

    async fn due(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<OrganizationId>, StoreError> {
        let rows = sqlx::query(
            "SELECT id FROM organizations WHERE ready_at <= $1 ORDER BY wanted_at, id LIMIT $2",
        )
        .bind(micros(now))
        .bind(i64::from(limit))
        .fetch_all(self.reader())
        .await
        .during("looking for due organizations")?;
        rows.iter()
            .map(|row| {
                Cells::new(row, "organizations", &[])
                    .get("id")
                    .map(OrganizationId::from_uuid)
            })
            .collect()
    }

    async fn next_due(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let row = sqlx::query("SELECT min(ready_at) AS ready_at FROM organizations")
            .fetch_one(self.reader())
            .await
            .during("looking for the next due organization")?;
        Cells::new(&row, "organizations", &[]).optional_time("ready_at")
    }
}
