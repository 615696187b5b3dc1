//! Changing, pausing, resuming and removing an organization.

use crate::draft::{Field, FieldError, ScheduleDraft, SettingsDraft};
use crate::event::{Actor, Event, FieldChange, Subject};
use crate::license::LicenseState;
use crate::license::Reason;
use crate::license::pool::{Held, Released, SeatKey, SeatWishes};
use crate::listing::{GroupScope, PersonalNamespace, Scope};
use crate::organization::{AutoLicense, GroupProtection, Organization, Settings, Status};
use crate::ports::{OrganizationChange, Ports, Stale, StoreError};
use crate::secret::SecretOwner;
use crate::text::OrganizationName;
use crate::use_cases::credential::{self, Revocation};
use crate::use_cases::licenses::plan_with;
use crate::use_cases::preflight::{self, Candidate};
use crate::use_cases::{STALE_RETRIES, UseCaseError, devices};

/// What shall change, as typed; `None` leaves a setting as it is.
#[derive(Debug, Clone, Default)]
pub struct SettingsPatch {
    /// The name.
    pub name: Option<String>,
    /// The chosen groups; an empty list means all groups.
    pub groups: Option<Vec<String>>,
    /// Whether the personal namespace is covered.
    pub personal: Option<PersonalNamespace>,
    /// Whether groups are inventory of their own.
    pub protect_groups: Option<GroupProtection>,
    /// Whether new repositories get a license by themselves.
    pub auto_license: Option<AutoLicense>,
    /// When the list is synchronized.
    pub schedule: Option<ScheduleDraft>,
    /// The default device.
    pub device: Option<String>,
}

impl SettingsPatch {
    fn parse(
        &self,
        present: &Organization,
    ) -> Result<(OrganizationName, Settings), Vec<FieldError>> {
        let mut errors = Vec::new();
        let mut settings = present.settings.clone();
        let mut name = present.name.clone();
        match self.name.as_deref().map(str::parse::<OrganizationName>) {
            Some(Ok(new)) => name = new,
            Some(Err(error)) => errors.push(FieldError::new(Field::Name, error)),
            None => {}
        }
        if self.groups.is_some() || self.personal.is_some() {
            match self.scope(&present.settings.scope) {
                Ok(scope) => settings.scope = scope,
                Err(more) => errors.extend(more),
            }
        }
        settings.protect_groups = self.protect_groups.unwrap_or(settings.protect_groups);
        settings.auto_license = self.auto_license.unwrap_or(settings.auto_license);
        if let Some(schedule) = &self.schedule {
            match schedule.parse() {
                Ok(schedule) => settings.schedule = schedule,
                Err(more) => errors.extend(more),
            }
        }
        if let Some(device) = &self.device {
            let draft = SettingsDraft {
                device: Some(device.clone()),
                ..SettingsDraft::default()
            };
            match draft.parse() {
                Ok(parsed) => settings.default_device = parsed.default_device,
                Err(more) => errors.extend(more),
            }
        }
        if errors.is_empty() {
            Ok((name, settings))
        } else {
            Err(errors)
        }
    }

    fn scope(&self, present: &Scope) -> Result<Scope, Vec<FieldError>> {
        let groups = match (&self.groups, &present.groups) {
            (Some(groups), _) => groups.clone(),
            (None, GroupScope::All) => Vec::new(),
            (None, GroupScope::Chosen(paths)) => paths.iter().map(ToString::to_string).collect(),
        };
        let personal = self.personal.or(Some(present.personal));
        SettingsDraft {
            groups,
            personal,
            ..SettingsDraft::default()
        }
        .parse_scope()
    }
}

/// Changes settings. A new scope is checked with the host; a new schedule holds from now on.
///
/// A sync is due at once when what it would find changes: the scope, the protection of groups, or whether new repositories get a license. One
/// that is under way ends without applying what it read under the old settings. What the new scope leaves out leaves the inventory, and
/// keeps its license for 30 days, so that a scope that was changed by mistake can be changed back.
pub async fn edit(
    ports: &Ports,
    organization: Organization,
    patch: &SettingsPatch,
    actor: &Actor,
) -> Result<Organization, UseCaseError> {
    Box::pin(change_settings(ports, organization, patch, None, actor)).await
}

/// The same, only as long as the name and the settings are those of `organization`, which a person saw; [`Stale::Organization`] if not.
///
/// Whatever else changes meanwhile, such as a pause, does not stand in the way.
pub async fn edit_seen(
    ports: &Ports,
    organization: Organization,
    patch: &SettingsPatch,
    actor: &Actor,
) -> Result<Organization, UseCaseError> {
    let seen = (organization.name.clone(), organization.settings.clone());
    Box::pin(change_settings(
        ports,
        organization,
        patch,
        Some(seen),
        actor,
    ))
    .await
}

/// Changes settings, those that were `seen` alone if any were.
async fn change_settings(
    ports: &Ports,
    mut organization: Organization,
    patch: &SettingsPatch,
    seen: Option<(OrganizationName, Settings)>,
    actor: &Actor,
) -> Result<Organization, UseCaseError> {
    for _ in 0..STALE_RETRIES {
        // Looked at in each round: what another one changed in between was not seen either.
        if let Some((name, settings)) = &seen
            && (*name != organization.name || *settings != organization.settings)
        {
            let what = Stale::Organization;
            return Err(StoreError::Stale { what }.into());
        }
        organization.refuse_removed("changed")?;
        let before = organization.clone();
        let (name, settings) = patch
            .parse(&before)
            .map_err(|errors| UseCaseError::Invalid { errors })?;
        let rescoped = settings.scope != before.settings.scope;
        organization.name = name;
        organization.settings = settings;
        let changes = changes(&before, &organization);
        if changes.is_empty() {
            return Ok(organization);
        }
        if before.settings.default_device != organization.settings.default_device {
            devices::ready(ports, organization.settings.default_device).await?;
        }
        if rescoped {
            let access = credential::access(ports, &before).await?;
            preflight::groups_exist(ports, &access, &organization.settings.scope).await?;
        }
        let candidate = Candidate {
            name: &organization.name,
            host: &organization.host,
            login: &organization.account.login,
            scope: &organization.settings.scope,
            except: Some(before.id),
        };
        let roster = preflight::not_connected_twice(ports, &candidate).await?;
        let now = ports.clock.now();
        let kind = "organization.edited";
        let mut event = Event::new(now, actor.clone(), Subject::Organization, kind)
            .of(organization.id)
            .with_message(organization.name.to_string());
        event.changes = changes;
        let (old, new) = (&before.settings, &organization.settings);
        let anew = rescoped
            || old.protect_groups != new.protect_groups
            || old.auto_license != new.auto_license;
        let next_run = if anew {
            Some(Some(now))
        } else if organization.settings.schedule == before.settings.schedule {
            None
        } else {
            Some(
                organization
                    .settings
                    .schedule
                    .next_after(organization.id, now),
            )
        };
        let events = [event];
        let change = OrganizationChange {
            roster: Some(roster),
            next_run,
            ..OrganizationChange::new(&organization, &events)
        };
        match ports.organizations.update(&change).await {
            Ok(version) => {
                organization.version = version;
                return Ok(organization);
            }
            Err(StoreError::Stale { .. }) => organization = reload(ports, &before).await?,
            Err(StoreError::NameTaken { name }) => return Err(UseCaseError::NameTaken { name }),
            Err(error) => return Err(error.into()),
        }
    }
    Err(UseCaseError::Contention)
}

fn changes(before: &Organization, after: &Organization) -> Vec<FieldChange> {
    let (old, new) = (&before.settings, &after.settings);
    [
        ("name", before.name.to_string(), after.name.to_string()),
        ("scope", old.scope.to_string(), new.scope.to_string()),
        (
            "protect_groups",
            old.protect_groups.to_string(),
            new.protect_groups.to_string(),
        ),
        (
            "auto_license",
            old.auto_license.to_string(),
            new.auto_license.to_string(),
        ),
        (
            "schedule",
            old.schedule.to_string(),
            new.schedule.to_string(),
        ),
        (
            "default_device",
            old.default_device.to_string(),
            new.default_device.to_string(),
        ),
    ]
    .into_iter()
    .filter(|(_, before, after)| before != after)
    .map(|(field, before, after)| FieldChange::new(field, &before, &after))
    .collect()
}

/// Stops an organization from being followed; its licenses stay.
pub async fn pause(
    ports: &Ports,
    organization: Organization,
    actor: &Actor,
) -> Result<Organization, UseCaseError> {
    transition(
        ports,
        organization,
        actor,
        "organization.paused",
        Organization::pause,
    )
    .await
}

/// Has an organization followed again. What was missed is made up by one sync, which is due at once.
pub async fn resume(
    ports: &Ports,
    organization: Organization,
    actor: &Actor,
) -> Result<Organization, UseCaseError> {
    transition(
        ports,
        organization,
        actor,
        "organization.resumed",
        Organization::resume,
    )
    .await
}

async fn transition(
    ports: &Ports,
    organization: Organization,
    actor: &Actor,
    kind: &str,
    step: impl Fn(Organization) -> Result<Organization, crate::organization::TransitionError>,
) -> Result<Organization, UseCaseError> {
    let mut before = organization;
    for _ in 0..STALE_RETRIES {
        let mut after = step(before.clone())?;
        let now = ports.clock.now();
        let event = Event::new(now, actor.clone(), Subject::Organization, kind)
            .of(after.id)
            .with_message(after.name.to_string())
            .with_change(FieldChange::new(
                "status",
                before.status.as_str(),
                after.status.as_str(),
            ));
        let events = [event];
        let next_run = match after.status {
            Status::Connected => Some(Some(now)),
            _ => Some(None),
        };
        let change = OrganizationChange {
            next_run,
            ..OrganizationChange::new(&after, &events)
        };
        match ports.organizations.update(&change).await {
            Ok(version) => {
                after.version = version;
                return Ok(after);
            }
            Err(StoreError::Stale { .. }) => before = reload(ports, &before).await?,
            Err(error) => return Err(error.into()),
        }
    }
    Err(UseCaseError::Contention)
}

/// What removing did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// The organization as it is now.
    pub organization: Organization,
    /// How many licenses it gave back.
    pub freed: u64,
    /// What became of the grant of its sign-in at the host.
    pub revocation: Revocation,
    /// How many secrets were deleted.
    pub secrets: u64,
    /// How many secrets the vault did not delete; at least one if it could not even tell. Cleaning up deletes them as soon as it can.
    pub secrets_left: u64,
}

/// Removes an organization: frees its licenses, takes back at the host what a sign-in granted, deletes the secrets that were made for it; the
/// history stays.
///
/// `typed` is what a person typed to confirm: it must be the name.
pub async fn remove(
    ports: &Ports,
    organization: Organization,
    typed: &str,
    actor: &Actor,
) -> Result<Removal, UseCaseError> {
    if typed.trim() != organization.name.as_str() {
        return Err(UseCaseError::NotConfirmed {
            typed: typed.trim().to_owned(),
        });
    }
    let mut before = organization;
    for _ in 0..STALE_RETRIES {
        let now = ports.clock.now();
        let mut after = before.clone().remove(now)?;
        // Only what is read after the pool is sure to be of its generation, or of one that the store refuses.
        let pool = ports.licenses.pool().await?;
        let wishes = everything_of(ports, &before).await?;
        let seats = plan_with(ports, &pool, wishes).await;
        let freed = seats
            .release
            .iter()
            .filter(|released| released.from == Held::Seat)
            .count() as u64;
        let roster = ports.organizations.roster().await?.generation;
        let event = Event::new(
            now,
            actor.clone(),
            Subject::Organization,
            "organization.removed",
        )
        .of(after.id)
        .with_message(format!("{}; {freed} licenses are free again", after.name));
        let events = [event];
        let change = OrganizationChange {
            roster: Some(roster),
            next_run: Some(None),
            seats: Some(&seats),
            ..OrganizationChange::new(&after, &events)
        };
        match ports.organizations.update(&change).await {
            Ok(version) => {
                after.version = version;
                let revocation = end_grant(ports, &after, actor).await;
                let (secrets, secrets_left) = delete_secrets(ports, &after).await;
                return Ok(Removal {
                    organization: after,
                    freed,
                    revocation,
                    secrets,
                    secrets_left,
                });
            }
            Err(StoreError::Stale {
                what: Stale::Organization,
            }) => {
                before = reload(ports, &before).await?;
            }
            Err(StoreError::Stale { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(UseCaseError::Contention)
}

/// Has the host end what the sign-in granted, and puts down when that failed: then a person must do it there.
async fn end_grant(ports: &Ports, organization: &Organization, actor: &Actor) -> Revocation {
    let revocation = credential::revoke(ports, &organization.auth).await;
    let (kind, message) = match &revocation {
        Revocation::NotGranted => return revocation,
        Revocation::Revoked => (
            "organization.grant_revoked",
            format!("{} ended the grant", organization.host),
        ),
        Revocation::Failed(why) => (
            "organization.grant_left",
            format!(
                "{} did not end the grant: {why}; revoke the application there (User settings, Applications)",
                organization.host
            ),
        ),
    };
    let now = ports.clock.now();
    let event = Event::new(now, actor.clone(), Subject::Organization, kind)
        .of(organization.id)
        .with_message(message);
    // The organization is removed by now; that this is not in the history is no reason to say otherwise.
    let _ = ports.events.append(&[event]).await;
    revocation
}

async fn everything_of(
    ports: &Ports,
    organization: &Organization,
) -> Result<SeatWishes, UseCaseError> {
    let inventory = ports.inventory.inventory(organization.id).await?;
    let release = inventory
        .repositories
        .iter()
        .filter_map(|known| {
            let from = match known.license.state {
                LicenseState::Licensed => Held::Seat,
                LicenseState::Waiting => Held::Place,
                LicenseState::Unlicensed => return None,
            };
            let key = SeatKey {
                organization: organization.id,
                repository: known.repository.id,
            };
            Some(Released {
                key,
                from,
                reason: Reason::OrganizationRemoved,
            })
        })
        .collect();
    Ok(SeatWishes {
        release,
        request: Vec::new(),
    })
}

/// Deletes what was made for the organization; answers how many went, and how many did not.
///
/// The organization is removed by now, so a vault that fails is no reason to say that it is not.
async fn delete_secrets(ports: &Ports, organization: &Organization) -> (u64, u64) {
    let Ok(secrets) = ports.vault.list().await else {
        return (0, 1);
    };
    let (mut deleted, mut left) = (0, 0);
    for facts in secrets {
        if facts.owner == SecretOwner::Organization(organization.id) {
            match ports.vault.delete(facts.reference).await {
                Ok(_) => deleted += 1,
                Err(_) => left += 1,
            }
        }
    }
    (deleted, left)
}

async fn reload(ports: &Ports, organization: &Organization) -> Result<Organization, UseCaseError> {
    let id = organization.id;
    let found = ports.organizations.get(id).await?;
    found.ok_or_else(|| UseCaseError::NotFound {
        what: format!("organization {id}"),
    })
}
