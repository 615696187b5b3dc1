//! Licenses from a person's side: assign, release, configure, explain.

use crate::event::{Actor, Event, FieldChange, Subject};
use crate::ids::OrganizationId;
use crate::inventory::{KnownRepository, Ownership};
use crate::license::explain::{Explanation, explain};
use crate::license::policy::{Action, LicensePolicy};
use crate::license::pool::{
    Held, PoolSnapshot, Released, SeatKey, SeatPlan, SeatRequest, SeatWishes, Seats, plan_seats,
};
use crate::license::{LicenseState, Reason};
use crate::organization::Status;
use crate::ports::{Page, PoolSummary, Ports, RepositoryFilter, RepositoryRow, Stale, StoreError};
use crate::use_cases::{STALE_RETRIES, UseCaseError};

/// The pool as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolStatus {
    /// How many seats there are.
    pub seats: Seats,
    /// Who holds them and who waits, in numbers.
    pub summary: PoolSummary,
    /// The rules.
    pub policy: LicensePolicy,
}

/// The pool as it stands.
pub async fn status(ports: &Ports) -> Result<PoolStatus, UseCaseError> {
    Ok(PoolStatus {
        seats: ports.entitlements.seats().await?,
        summary: ports.licenses.summary().await?,
        policy: ports.licenses.policy().await?,
    })
}

/// What assigning or releasing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It has a seat now.
    Assigned,
    /// No seat is free: it waits for one.
    Waits,
    /// Its seat is free again.
    Released,
    /// It waits no longer.
    Withdrawn,
    /// It was so before.
    Unchanged,
}

/// Gives a repository a license, or a place in the queue when no seat is free.
pub async fn assign(
    ports: &Ports,
    row: &RepositoryRow,
    actor: &Actor,
) -> Result<Outcome, UseCaseError> {
    let key = SeatKey {
        organization: row.organization,
        repository: row.known.repository.id,
    };
    for _ in 0..STALE_RETRIES {
        // Only what is read after the pool is sure to be of its generation, or of one that the store refuses.
        let pool = ports.licenses.pool().await?;
        let known = reload(ports, key).await?;
        let repository = &known.repository;
        if let Some(why) = obstacle(ports, key, &known).await? {
            return Err(UseCaseError::NotLicensable {
                path: repository.full_path.to_string(),
                why: why.to_owned(),
            });
        }
        if known.license.state != LicenseState::Unlicensed {
            return Ok(Outcome::Unchanged);
        }
        let request = SeatRequest {
            key,
            created_at: repository.created_at,
            reason: Reason::AssignedBy { who: who(actor) },
        };
        let wishes = SeatWishes {
            request: vec![request],
            release: Vec::new(),
        };
        let plan = plan_seats(&pool, ports.entitlements.seats().await?, wishes);
        let granted = plan.grant.iter().any(|granted| granted.key == key);
        let outcome = if granted {
            Outcome::Assigned
        } else {
            Outcome::Waits
        };
        match commit(ports, &plan, row, actor, "license.assign_requested").await {
            Ok(()) => return Ok(outcome),
            Err(StoreError::Stale { what: Stale::Pool }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(UseCaseError::Contention)
}

/// Takes the license of a repository away, or its place in the queue; whoever waits gets the seat.
pub async fn release(
    ports: &Ports,
    row: &RepositoryRow,
    actor: &Actor,
) -> Result<Outcome, UseCaseError> {
    let key = SeatKey {
        organization: row.organization,
        repository: row.known.repository.id,
    };
    for _ in 0..STALE_RETRIES {
        let pool = ports.licenses.pool().await?;
        let (from, outcome) = match reload(ports, key).await?.license.state {
            LicenseState::Licensed => (Held::Seat, Outcome::Released),
            LicenseState::Waiting => (Held::Place, Outcome::Withdrawn),
            LicenseState::Unlicensed => return Ok(Outcome::Unchanged),
        };
        let reason = Reason::ReleasedBy { who: who(actor) };
        let wishes = SeatWishes {
            release: vec![Released { key, from, reason }],
            request: Vec::new(),
        };
        let plan = plan_with(ports, &pool, wishes).await;
        match commit(ports, &plan, row, actor, "license.release_requested").await {
            Ok(()) => return Ok(outcome),
            Err(StoreError::Stale { what: Stale::Pool }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(UseCaseError::Contention)
}

fn who(actor: &Actor) -> String {
    match actor {
        Actor::Person(name) => name.clone(),
        Actor::System => "system".to_owned(),
    }
}

/// Plans the seats. Whoever waits gets what became free meanwhile, also where nothing is wished.
///
/// An entitlement that cannot be told is no reason to stop following or to keep what shall go: then nobody gets a seat, and who asks for one
/// waits until the next sync.
pub(super) async fn plan_with(ports: &Ports, pool: &PoolSnapshot, wishes: SeatWishes) -> SeatPlan {
    match ports.entitlements.seats().await {
        Ok(seats) => plan_seats(pool, seats, wishes),
        Err(_) => SeatPlan {
            notice: None,
            ..plan_seats(pool, Seats::Limited(0), wishes)
        },
    }
}

async fn commit(
    ports: &Ports,
    plan: &SeatPlan,
    row: &RepositoryRow,
    actor: &Actor,
    kind: &str,
) -> Result<(), StoreError> {
    let now = ports.clock.now();
    let subject = Subject::Repository(row.known.repository.id);
    let event = Event::new(now, actor.clone(), subject, kind)
        .of(row.organization)
        .with_message(&*row.known.repository.full_path);
    ports.licenses.apply(plan, now, &[event]).await
}

async fn reload(ports: &Ports, key: SeatKey) -> Result<KnownRepository, UseCaseError> {
    let row = ports.inventory.repository(key).await?;
    row.map(|row| row.known)
        .ok_or_else(|| UseCaseError::NotFound {
            what: format!("repository {}", key.repository),
        })
}

/// Why no license can be assigned to a repository; `None` if one can.
async fn obstacle(
    ports: &Ports,
    key: SeatKey,
    known: &KnownRepository,
) -> Result<Option<&'static str>, UseCaseError> {
    let organization = ports.organizations.get(key.organization).await?;
    let stands = organization
        .is_some_and(|organization| !matches!(organization.status, Status::Removed { .. }));
    Ok(if !stands {
        Some("its organization was removed")
    } else if !known.presence.is_present() {
        Some("it is gone from the host, or out of the scope of its organization")
    } else if known.repository.ownership == Ownership::SharedIn {
        Some("it is only shared into this organization and belongs to another one")
    } else {
        None
    })
}

/// Says how many seats there are; those who wait get what becomes free.
///
/// Fewer than are held is refused: which licenses go is a person's decision.
pub async fn configure_seats(
    ports: &Ports,
    seats: Seats,
    actor: &Actor,
) -> Result<SeatPlan, UseCaseError> {
    configure_seats_seen(ports, None, seats, actor).await
}

/// The same, only if what was configured is still as a person saw it; [`Stale::Pool`] if not.
pub async fn configure_seats_seen(
    ports: &Ports,
    seen: Option<Seats>,
    seats: Seats,
    actor: &Actor,
) -> Result<SeatPlan, UseCaseError> {
    for _ in 0..STALE_RETRIES {
        let pool = ports.licenses.pool().await?;
        if let Seats::Limited(wanted) = seats
            && u64::from(wanted) < pool.held
        {
            return Err(UseCaseError::SeatsBelowHeld {
                held: pool.held,
                seats: wanted,
            });
        }
        let plan = plan_seats(&pool, seats, SeatWishes::default());
        let before = ports.licenses.configured_seats().await?;
        if seen.is_some_and(|seen| seen != before) {
            return Err(StoreError::Stale { what: Stale::Pool }.into());
        }
        let now = ports.clock.now();
        let change = FieldChange::new("seats", &before.to_string(), &seats.to_string());
        let event = Event::new(
            now,
            actor.clone(),
            Subject::LicensePool,
            "license_pool.configured",
        )
        .with_change(change);
        match ports
            .licenses
            .configure_seats(seats, &plan, now, &[event])
            .await
        {
            Ok(()) => return Ok(plan),
            Err(StoreError::Stale { what: Stale::Pool }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(UseCaseError::Contention)
}

/// Sets the policy. It decides on what is found from now on; who has a license keeps it.
pub async fn set_policy(
    ports: &Ports,
    policy: &LicensePolicy,
    actor: &Actor,
) -> Result<(), UseCaseError> {
    for _ in 0..STALE_RETRIES {
        let before = ports.licenses.policy().await?;
        match replace_policy(ports, &before, policy, actor).await {
            Err(UseCaseError::Store(StoreError::Stale { .. })) => {}
            answer => return answer,
        }
    }
    Err(UseCaseError::Contention)
}

/// The same, only if the policy is still the one that a person saw; [`Stale::Policy`] if not.
pub async fn replace_policy(
    ports: &Ports,
    seen: &LicensePolicy,
    policy: &LicensePolicy,
    actor: &Actor,
) -> Result<(), UseCaseError> {
    if seen == policy {
        return Ok(());
    }
    let change = FieldChange::new("policy", &seen.to_string(), &policy.to_string());
    let now = ports.clock.now();
    let event = Event::new(
        now,
        actor.clone(),
        Subject::LicensePool,
        "license_pool.policy_set",
    )
    .with_change(change);
    Ok(ports.licenses.set_policy(seen, policy, &[event]).await?)
}

/// What a policy says about one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// The repository.
    pub row: RepositoryRow,
    /// Whether the policy would let it have a license.
    pub action: Action,
    /// What decides: the rule in its own words, or that a rule never licenses it.
    pub by: String,
}

/// What a policy says about the repositories that are there, a page at a time; nothing changes.
pub async fn try_policy(
    ports: &Ports,
    policy: &LicensePolicy,
    organization: Option<OrganizationId>,
    after: Option<&str>,
    limit: u32,
) -> Result<Page<Trial>, UseCaseError> {
    let filter = RepositoryFilter {
        organization,
        ..RepositoryFilter::default()
    };
    let page = ports.inventory.repositories(&filter, after, limit).await?;
    let trial = |row: RepositoryRow| {
        let repository = &row.known.repository;
        let (action, by) = match repository.ownership {
            Ownership::SharedIn => (Action::Exclude, "only shared in".to_owned()),
            Ownership::Owned => {
                let (action, rule) = policy.verdict(repository);
                (action, rule.to_string())
            }
        };
        Trial { row, action, by }
    };
    Ok(Page {
        items: page.items.into_iter().map(trial).collect(),
        next: page.next,
    })
}

/// Why a repository is, or is not, licensed.
pub async fn why(ports: &Ports, row: &RepositoryRow) -> Result<Explanation, UseCaseError> {
    let pool: PoolSnapshot = ports.licenses.pool().await?;
    let seats = ports.entitlements.seats().await?;
    let policy = ports.licenses.policy().await?;
    Ok(explain(&row.known, row.organization, &pool, seats, &policy))
}
