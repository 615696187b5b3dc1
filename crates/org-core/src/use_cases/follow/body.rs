//! The work of one sync: read, confirm, plan, apply.

use std::collections::{BTreeSet, HashSet};

use futures_util::StreamExt;
use futures_util::future::{Either, select};

use super::{End, Ended, Failure, Stop, end_run, ended, finished, healthy, held_reason, load};
use super::{status_event, supersede_open_hold};
use crate::event::{Actor, Event, FieldChange, Subject};
use crate::ids::RepositoryId;
use crate::inventory::{Inventory, Ownership, Repository};
use crate::license::LicenseState;
use crate::license::pool::{Held, PoolSnapshot, SeatKey, SeatPlan, SeatWishes};
use crate::listing::{Listing, ListingBuilder, ListingEvent, MissingPart, Scope};
use crate::organization::{ActionReason, Organization, Status};
use crate::ports::{Confirmation, HostAccess, Identity, Ports, RunEnd, Stale, StoreError};
use crate::sync::check::check_plan;
use crate::sync::guard::must_hold;
use crate::sync::plan::{Phase, PlanInput, SyncPlan, missing_repositories, plan_sync};
use crate::sync::run::{Counts, HeldDecision, RunOutcome, SyncRun};
use crate::sync::scope::{Place, ScopeView};
use crate::use_cases::licenses::plan_with;
use crate::use_cases::preflight::{cut, may_list};
use crate::use_cases::{Progress, ProgressEvent, STALE_RETRIES, UseCaseError, credential, expiry};

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
    /// Whether the listing itself was complete, so that it answers what an earlier one made a person look at.
    reads_all: bool,
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
    progress.report(ProgressEvent::Started {
        step: "authenticate",
    });
    let access = credential::access(ports, &organization).await?;
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
    let settings = &organization.settings;
    let view = ScopeView::new(&settings.scope, &identity.account.login, &listing);
    let (mut left_scope, missing) = without_what_left(&known, &listing, view.as_ref());
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
    let reads_all = listing.is_complete();
    let confirmed = confirm(ports, &access, &known, &missing, view.as_ref(), progress)
        .await
        .map_err(failed)?;
    listing.missing.extend(confirmed.unclear);
    left_scope.extend(confirmed.left_scope);
    let mut no_longer = confirmed.gone;
    no_longer.extend(&left_scope);

    let policy = ports
        .licenses
        .policy()
        .await
        .map_err(Failure::from)
        .map_err(failed)?;
    let phase = phase(&organization, &known);
    let input = PlanInput {
        sync: run.id,
        organization: organization.id,
        phase,
        settings: &organization.settings,
        policy: &policy,
        confirmed_gone: &no_longer,
        now: ports.clock.now(),
    };
    let mut plan = Box::new(plan_sync(&input, known, listing));
    plan.left_scope = left_scope;
    let notes = check_plan(&plan);
    if !notes.is_empty() {
        return Err(failed(UseCaseError::BadPlan { notes }.into()));
    }
    let reading = Box::new(Reading {
        organization,
        identity,
        requests,
        reads_all,
    });
    Ok(Ready::Apply { reading, plan })
}

/// What a repository that no sync has seen before is.
fn phase(organization: &Organization, known: &Inventory) -> Phase {
    let seen = known.repositories.iter().map(|known| known.first_seen);
    match (organization.followed_since, seen.min()) {
        (Some(_), _) => Phase::Following,
        (None, Some(since)) => Phase::Completing { since },
        (None, None) => Phase::Connecting,
    }
}

/// The known repositories that a complete listing lacks: those that stand outside of its scope, and those that the host is asked about.
fn without_what_left(
    known: &Inventory,
    listing: &Listing,
    view: Option<&ScopeView<'_>>,
) -> (BTreeSet<RepositoryId>, Vec<RepositoryId>) {
    let left = |id: &RepositoryId| {
        view.is_some_and(|view| find(known, *id).is_some_and(|known| view.left_by_choice(known)))
    };
    let (left, missing): (Vec<_>, Vec<_>) = missing_repositories(known, listing)
        .into_iter()
        .partition(left);
    (left.into_iter().collect(), missing)
}

fn find(known: &Inventory, id: RepositoryId) -> Option<&Repository> {
    let found = known
        .repositories
        .binary_search_by_key(&id, |known| known.repository.id);
    found
        .ok()
        .map(|index| &known.repositories[index].repository)
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

/// How many of the newest runs are looked at for what became of an approval.
const RECENT_RUNS: u32 = 100;

/// The repositories that a person agreed may vanish.
///
/// An approval is for what was lost then. It is used up by the next sync that saw everything or let something vanish, and void once a
/// person rejected a later held sync: should the same repositories come back and be lost again, that is a new question.
async fn approved(ports: &Ports, run: &SyncRun) -> Result<BTreeSet<RepositoryId>, UseCaseError> {
    let held = ports
        .syncs
        .held(run.organization, HeldDecision::Approved)
        .await?;
    let Some((held, ids)) = held else {
        return Ok(BTreeSet::new());
    };
    let recent = ports
        .syncs
        .list(Some(run.organization), None, RECENT_RUNS)
        .await?;
    let settles = |later: &SyncRun| match later.outcome() {
        Some(RunOutcome::Complete) => true,
        Some(RunOutcome::Held { decision, .. }) => *decision == HeldDecision::Rejected,
        Some(_) => later.counts.vanished > 0,
        None => false,
    };
    let settled = recent
        .items
        .iter()
        .any(|later| later.fence > held.fence && settles(later));
    let too_old = recent.items.iter().all(|recent| recent.id != held.id);
    if settled || too_old {
        return Ok(BTreeSet::new());
    }
    Ok(ids.into_iter().collect())
}

/// What became of the repositories that a listing lacked.
#[derive(Default)]
struct Confirmed {
    /// The host has them no longer.
    gone: BTreeSet<RepositoryId>,
    /// The host has them, outside of the scope.
    left_scope: BTreeSet<RepositoryId>,
    /// What the host did not confirm; it makes the listing partial.
    unclear: Vec<MissingPart>,
}

/// Asks the host about each missing repository.
async fn confirm(
    ports: &Ports,
    access: &HostAccess,
    known: &Inventory,
    missing: &[RepositoryId],
    view: Option<&ScopeView<'_>>,
    progress: &dyn Progress,
) -> Result<Confirmed, Failure> {
    let mut confirmed = Confirmed::default();
    let total = missing.len() as u64;
    let mut done = 0;
    for batch in missing.chunks(CONFIRM_BATCH) {
        let mut answers = ports.host.confirm(access, batch).await?;
        for id in batch {
            let repository = find(known, *id);
            // What belongs to somebody else is of the scope only as long as it is listed as shared in.
            let shared_in = repository.is_some_and(|known| known.ownership == Ownership::SharedIn);
            let why = match answers.remove(id) {
                Some(Confirmation::Absent) => {
                    confirmed.gone.insert(*id);
                    continue;
                }
                Some(Confirmation::Present | Confirmation::At { .. }) if shared_in => {
                    confirmed.left_scope.insert(*id);
                    continue;
                }
                Some(Confirmation::At { group, full_path }) => {
                    let now = Place {
                        group,
                        full_path: &full_path,
                    };
                    let (Some(view), Some(repository)) = (view, repository) else {
                        continue;
                    };
                    if view.moved_out(repository, now) {
                        confirmed.left_scope.insert(*id);
                        continue;
                    }
                    format!("the host has it at {full_path}, but did not list it")
                }
                Some(Confirmation::Present) => "the host has it, but did not list it".to_owned(),
                Some(Confirmation::Unknown { why }) => why,
                None => "the host was asked and did not answer".to_owned(),
            };
            let what = match repository {
                Some(repository) => format!("repository {}", repository.full_path),
                None => format!("repository {id}"),
            };
            confirmed.unclear.push(MissingPart { what, why });
        }
        done += batch.len() as u64;
        progress.report(ProgressEvent::Confirmed { done, total });
    }
    Ok(confirmed)
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
        let (organization, mut events) = refreshed(&before, reading, &outcome, now);
        let pool = ports
            .licenses
            .pool()
            .await
            .map_err(|error| failed(error.into()))?;
        // Only what is read after the pool is sure to be of its generation, or of one that the store refuses.
        wishes = look_again(ports, wishes).await.map_err(failed)?;
        let seats = plan_with(ports, &pool, wishes).await;
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
                if reading.reads_all {
                    // It is applied; a question that stays open is answered by the next sync.
                    let _ = supersede_open_hold(ports, run).await;
                }
                return Ok(Ended {
                    run: ended(run, &end),
                    follow_up: applied.follow_up,
                });
            }
            Err(StoreError::Stale {
                what: Stale::Organization | Stale::Pool,
            }) => {}
            Err(error) => return Err(failed(error.into())),
        }
        wishes = wished(seats, &pool);
    }
    Err(failed(UseCaseError::Contention))
}

/// What was wished of the pool, back from a plan that was refused.
fn wished(seats: SeatPlan, pool: &PoolSnapshot) -> SeatWishes {
    let waited: HashSet<SeatKey> = pool.waiting.iter().map(|waiting| waiting.key).collect();
    let mut request = seats.grant;
    request.extend(seats.enqueue);
    request.retain(|request| !waited.contains(&request.key));
    SeatWishes {
        release: seats.release,
        request,
    }
}

/// Whether what was read still belongs to the organization: a new scope or credential makes it void.
fn still_the_same(read: &Organization, now: &Organization) -> bool {
    now.status.is_scheduled()
        && read.settings.scope == now.settings.scope
        && read.settings.protect_groups == now.settings.protect_groups
        && read.settings.auto_license == now.settings.auto_license
        && read.account.id == now.account.id
        && read.auth.secret() == now.auth.secret()
}

/// The organization's record after a sync that went well, and what is worth telling about it.
fn refreshed(
    before: &Organization,
    reading: &Reading,
    outcome: &RunOutcome,
    now: chrono::DateTime<chrono::Utc>,
) -> (Organization, Vec<Event>) {
    let identity = &reading.identity;
    let held = matches!(
        before.status,
        Status::ActionRequired(ActionReason::SyncHeld { .. })
    );
    let mut after = if held && !reading.reads_all {
        // Part of a list says nothing of what a person was asked to look at.
        before.clone()
    } else {
        healthy(before.clone())
    };
    after.account = identity.account.clone();
    after.capabilities = identity.capabilities.clone();
    after.auth = after.auth.with_token(identity.token.clone());
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
    events.extend(expiry::notice(&mut after, now));
    (after, events)
}

/// Looks again at what gives up its seat or place: somebody may have changed it since the inventory was read.
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
