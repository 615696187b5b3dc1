//! The work of one sync: read, confirm, plan, apply.

use std::collections::BTreeSet;

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use secrecy::SecretString;

use super::{End, Ended, Failure, Stop, end_run, ended, finished, healthy, held_reason, load};
use super::{status_event, supersede_open_hold};
use crate::event::{Actor, Event, FieldChange, Subject};
use crate::ids::RepositoryId;
use crate::inventory::Inventory;
use crate::license::LicenseState;
use crate::license::pool::{Held, SeatPlan, SeatWishes, plan_seats};
use crate::listing::{Listing, ListingBuilder, ListingEvent, MissingPart, Scope};
use crate::organization::{AuthMethod, Organization};
use crate::ports::{Confirmation, HostAccess, Identity, Ports, RunEnd, Stale, StoreError};
use crate::sync::check::check_plan;
use crate::sync::guard::must_hold;
use crate::sync::plan::{Phase, PlanInput, SyncPlan, missing_repositories, plan_sync};
use crate::sync::run::{Counts, HeldDecision, RunOutcome, SyncRun};
use crate::use_cases::preflight::{cut, may_list};
use crate::use_cases::{Progress, ProgressEvent, STALE_RETRIES, UseCaseError};

/// How many repositories the host is asked about at a time, so that a stop or a lost lease is noticed in between.
const CONFIRM_BATCH: usize = 100;

pub(super) async fn run(
    ports: &Ports,
    run: &SyncRun,
    mut stop: Stop,
    progress: &dyn Progress,
) -> Result<Ended, Failure> {
    let prepared = prepare(ports, run, progress);
    futures_util::pin_mut!(prepared);
    let ready = match select(prepared, &mut stop).await {
        Either::Left((ready, _)) => ready?,
        Either::Right(_) => return Err(Failure::Stopped),
    };
    // What is stored from here on is one transaction: a stop comes too late, and the person is told what was done.
    match ready {
        Ready::Hold {
            organization,
            vanishing,
            known,
            counts,
            requests,
        } => {
            hold(
                ports,
                run,
                &organization,
                (vanishing, known),
                counts,
                requests,
            )
            .await
        }
        Ready::Apply { reading, plan } => {
            progress.report(ProgressEvent::Applying {
                changes: plan.repositories.len() as u64,
            });
            apply(ports, run, &reading, plan).await
        }
    }
}

/// What was read, and under which settings.
struct Reading {
    organization: Organization,
    identity: Identity,
    requests: u64,
}

enum Ready {
    Hold {
        organization: Box<Organization>,
        vanishing: Vec<RepositoryId>,
        known: u64,
        counts: Counts,
        requests: u64,
    },
    Apply {
        reading: Box<Reading>,
        plan: Box<SyncPlan>,
    },
}

/// Everything that only reads.
async fn prepare(ports: &Ports, run: &SyncRun, progress: &dyn Progress) -> Result<Ready, Failure> {
    let organization = load(ports, run.organization).await?;
    let access = HostAccess {
        host: organization.host.clone(),
        token: credential(ports, &organization).await?,
    };
    progress.report(ProgressEvent::Started {
        step: "authenticate",
    });
    let identity = ports.host.identify(&access).await?;
    if identity.account.id != organization.account.id {
        return Err(UseCaseError::LoginMismatch {
            given: organization.account.login.clone(),
            actual: identity.account.login,
        }
        .into());
    }
    may_list(&identity)?;

    progress.report(ProgressEvent::Started { step: "list" });
    let (mut listing, requests) =
        read_listing(ports, &access, &organization.settings.scope, progress).await?;
    let failed = |failure| match failure {
        Failure::Error { error, .. } => Failure::Error { error, requests },
        other => other,
    };
    let known = ports.inventory.inventory(organization.id).await?;
    let missing = missing_repositories(&known, &listing);
    let approved = approved(ports, run).await?;
    let unexpected = missing.iter().filter(|id| !approved.contains(id)).count() as u64;
    let present = known
        .repositories
        .iter()
        .filter(|known| known.presence.is_present())
        .count() as u64;
    if must_hold(unexpected, present) {
        let counts = Counts {
            seen: listing.repositories.len() as u64,
            ..Counts::default()
        };
        let organization = Box::new(organization);
        return Ok(Ready::Hold {
            organization,
            vanishing: missing,
            known: present,
            counts,
            requests,
        });
    }
    let confirmed_gone = confirm(ports, &access, &known, &missing, &mut listing, progress)
        .await
        .map_err(failed)?;

    let policy = ports
        .licenses
        .policy()
        .await
        .map_err(Failure::from)
        .map_err(failed)?;
    let phase = match organization.followed_since {
        None => Phase::Connecting,
        Some(_) => Phase::Following,
    };
    let input = PlanInput {
        sync: run.id,
        organization: organization.id,
        phase,
        settings: &organization.settings,
        policy: &policy,
        confirmed_gone: &confirmed_gone,
        now: ports.clock.now(),
    };
    let plan = Box::new(plan_sync(&input, known, listing));
    let notes = check_plan(&plan);
    if !notes.is_empty() {
        return Err(failed(UseCaseError::BadPlan { notes }.into()));
    }
    let reading = Box::new(Reading {
        organization,
        identity,
        requests,
    });
    Ok(Ready::Apply { reading, plan })
}

async fn credential(
    ports: &Ports,
    organization: &Organization,
) -> Result<SecretString, UseCaseError> {
    match ports.vault.get(organization.auth.secret()).await? {
        Some((_, value)) => Ok(value),
        None => Err(UseCaseError::SecretGone {
            name: organization.name.clone(),
        }),
    }
}

async fn read_listing(
    ports: &Ports,
    access: &HostAccess,
    scope: &Scope,
    progress: &dyn Progress,
) -> Result<(Listing, u64), UseCaseError> {
    let mut builder = ListingBuilder::default();
    let mut groups = 0;
    let mut stream = ports.host.list(access, scope);
    while let Some(event) = stream.next().await {
        match event? {
            ListingEvent::Groups(page) => {
                groups += page.len() as u64;
                builder.add_groups(page);
            }
            ListingEvent::Repositories(page) => builder.add_repositories(page),
            ListingEvent::Waiting(wait) => {
                progress.report(ProgressEvent::Waiting(wait));
                continue;
            }
            ListingEvent::Finished(report) => {
                return Ok((builder.finish(report.missing), report.requests));
            }
        }
        let repositories = builder.repositories_so_far() as u64;
        progress.report(ProgressEvent::Listed {
            repositories,
            groups,
        });
    }
    Err(cut(access))
}

/// The repositories that a person agreed may vanish.
async fn approved(ports: &Ports, run: &SyncRun) -> Result<BTreeSet<RepositoryId>, UseCaseError> {
    let approved = ports
        .syncs
        .held(run.organization, HeldDecision::Approved)
        .await?;
    Ok(approved
        .map(|(_, ids)| ids.into_iter().collect())
        .unwrap_or_default())
}

/// Asks the host about each missing repository; what it does not confirm makes the listing partial.
async fn confirm(
    ports: &Ports,
    access: &HostAccess,
    known: &Inventory,
    missing: &[RepositoryId],
    listing: &mut Listing,
    progress: &dyn Progress,
) -> Result<BTreeSet<RepositoryId>, Failure> {
    let mut gone = BTreeSet::new();
    let total = missing.len() as u64;
    let mut unconfirmed = Vec::new();
    for batch in missing.chunks(CONFIRM_BATCH) {
        let answers = ports.host.confirm(access, batch).await?;
        for &id in batch {
            let why = match answers.get(&id) {
                Some(Confirmation::Absent) => {
                    gone.insert(id);
                    continue;
                }
                Some(Confirmation::Present) => "the host has it, but did not list it".to_owned(),
                Some(Confirmation::Unknown { why }) => why.clone(),
                None => "the host was asked and did not answer".to_owned(),
            };
            unconfirmed.push((id, why));
        }
        progress.report(ProgressEvent::Confirmed {
            done: (gone.len() + unconfirmed.len()) as u64,
            total,
        });
    }
    listing
        .missing
        .extend(unconfirmed.into_iter().map(|(id, why)| {
            let found = known
                .repositories
                .binary_search_by_key(&id, |known| known.repository.id);
            let what = match found {
                Ok(index) => format!(
                    "repository {}",
                    known.repositories[index].repository.full_path
                ),
                Err(_) => format!("repository {id}"),
            };
            MissingPart { what, why }
        }));
    Ok(gone)
}

async fn hold(
    ports: &Ports,
    run: &SyncRun,
    organization: &Organization,
    (vanishing, known): (Vec<RepositoryId>, u64),
    counts: Counts,
    requests: u64,
) -> Result<Ended, Failure> {
    supersede_open_hold(ports, run).await?;
    let outcome = RunOutcome::Held {
        decision: HeldDecision::Open,
        vanishing: vanishing.len() as u64,
        known,
    };
    let end = End {
        outcome,
        counts,
        requests,
        vanishing,
    };
    let scope = &organization.settings.scope;
    let ended = end_run(ports, run, end, |organization| {
        // Whoever changed the scope meanwhile made the question pointless; the next sync asks it anew.
        if organization.settings.scope == *scope {
            organization.with_health(Some(held_reason(run)))
        } else {
            organization
        }
    });
    Ok(ended.await?)
}

/// Plans the seats and applies everything, again and again while others are faster.
async fn apply(
    ports: &Ports,
    run: &SyncRun,
    reading: &Reading,
    mut plan: Box<SyncPlan>,
) -> Result<Ended, Failure> {
    let failed = |error: UseCaseError| match Failure::from(error) {
        Failure::Error { error, .. } => Failure::Error {
            error,
            requests: reading.requests,
        },
        other => other,
    };
    let outcome = if plan.missing.is_empty() {
        RunOutcome::Complete
    } else {
        RunOutcome::Partial {
            missing: plan.missing.clone(),
        }
    };
    let mut wishes = std::mem::take(&mut plan.seats);
    for _ in 0..STALE_RETRIES {
        let before = load(ports, run.organization).await?;
        if !still_the_same(&reading.organization, &before) {
            return Err(failed(UseCaseError::Store(StoreError::Stale {
                what: Stale::Organization,
            })));
        }
        let now = ports.clock.now();
        let (organization, mut events) = refreshed(&before, &reading.identity, &outcome, now);
        let seats = if wishes.is_empty() {
            SeatPlan::default()
        } else {
            let pool = ports
                .licenses
                .pool()
                .await
                .map_err(|error| failed(error.into()))?;
            let available = ports.entitlements.seats().await;
            let available = available.map_err(|error| failed(error.into()))?;
            plan_seats(&pool, available, wishes.clone())
        };
        let counts = Counts {
            licensed: seats.grant.len() as u64,
            waiting: seats.enqueue.len() as u64,
            ..plan.counts
        };
        // A sync that changed nothing is kept as a run; it is no event.
        if counts.changes() + counts.licensed + counts.waiting > 0
            || outcome != RunOutcome::Complete
        {
            events.insert(0, finished(run, &outcome, &counts, now));
        }
        let end = RunEnd {
            run,
            at: now,
            outcome: outcome.clone(),
            counts,
            requests: reading.requests,
            organization: &organization,
            vanishing: &[],
            events: &events,
        };
        match ports.syncs.apply(&plan, &seats, &end).await {
            Ok(applied) => {
                supersede_open_hold(ports, run).await?;
                return Ok(Ended {
                    run: ended(run, &end),
                    follow_up: applied.follow_up,
                });
            }
            Err(StoreError::Stale {
                what: Stale::Organization,
            }) => {}
            Err(StoreError::Stale { what: Stale::Pool }) => {
                wishes = look_again(ports, wishes).await.map_err(failed)?;
            }
            Err(error) => return Err(failed(error.into())),
        }
    }
    Err(failed(UseCaseError::Contention))
}

/// Whether what was read still belongs to the organization: a new scope or credential makes it void.
fn still_the_same(read: &Organization, now: &Organization) -> bool {
    now.status.is_scheduled()
        && read.settings.scope == now.settings.scope
        && read.settings.protect_groups == now.settings.protect_groups
        && read.account.id == now.account.id
        && read.auth.secret() == now.auth.secret()
}

/// The organization's record after a sync that went well, and what is worth telling about it.
fn refreshed(
    before: &Organization,
    identity: &Identity,
    outcome: &RunOutcome,
    now: chrono::DateTime<chrono::Utc>,
) -> (Organization, Vec<Event>) {
    let mut after = healthy(before.clone());
    after.account = identity.account.clone();
    after.capabilities = identity.capabilities.clone();
    let AuthMethod::AccessToken { token, .. } = &mut after.auth;
    *token = identity.token.clone();
    if *outcome == RunOutcome::Complete {
        after.followed_since = after.followed_since.or(Some(now));
    }
    let mut events: Vec<Event> = status_event(before, &after, now).into_iter().collect();
    if before.account.login != after.account.login {
        let change = FieldChange::new(
            "account",
            before.account.login.as_str(),
            after.account.login.as_str(),
        );
        let kind = "organization.account_renamed";
        let event = Event::new(now, Actor::System, Subject::Organization, kind);
        events.push(event.of(after.id).with_change(change));
    }
    let due = identity.token.notice_due(now);
    if let Some(days) = due
        && before.expiry_notice.is_none_or(|told| days < told)
    {
        let left = identity.token.days_left(now).unwrap_or_default();
        let kind = "organization.token_expires";
        let event = Event::new(now, Actor::System, Subject::Organization, kind);
        events.push(event.of(after.id).with_message(format!(
            "the access token stops working in {left} days; make a new one and reconnect"
        )));
    }
    after.expiry_notice = due;
    (after, events)
}

/// Looks at what is wished of the pool again, after somebody else changed it.
async fn look_again(ports: &Ports, wishes: SeatWishes) -> Result<SeatWishes, UseCaseError> {
    let mut release = Vec::with_capacity(wishes.release.len());
    for mut released in wishes.release {
        let known = ports.inventory.repository(released.key).await?;
        let from = match known.map(|row| row.known.license.state) {
            Some(LicenseState::Licensed) => Held::Seat,
            Some(LicenseState::Waiting) => Held::Place,
            Some(LicenseState::Unlicensed) | None => continue,
        };
        // What was to leave the queue may have got a seat meanwhile: that is an older right, and it keeps it.
        if released.from == Held::Place && from == Held::Seat {
            continue;
        }
        released.from = from;
        release.push(released);
    }
    Ok(SeatWishes {
        release,
        request: wishes.request,
    })
}
