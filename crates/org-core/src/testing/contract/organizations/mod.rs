//! The promises of the port [`OrganizationStore`](crate::ports::OrganizationStore).

mod due;
mod inserting;
mod reading;
mod updating;

use super::Stores;
use super::scene::start_of;
use crate::event::{Actor, Event, Subject};
use crate::license::Reason;
use crate::license::pool::{Held, Released};
use crate::organization::{
    ActionReason, AuthMethod, AutoLicense, ExistingRepositories, GroupProtection, Organization,
    Status,
};
use crate::ports::{Stale, StoreError};
use crate::testing::build::{
    self, account, chosen_scope, noon, noon_plus, organization, organization_id, parsed, seat_key,
    sync_id, token_facts,
};

pub use self::due::*;
pub use self::inserting::*;
pub use self::reading::*;
pub use self::updating::*;

/// Runs the suite of the store of organizations; `make` is an expression for fresh [`Stores`].
#[macro_export]
macro_rules! organization_store_contract {
    (run = $run:expr, make = $make:expr $(,)?) => {
        $crate::contract_cases! { organizations, $run, $make, [
            what_is_not_there_is_none,
            insert_keeps_every_field,
            insert_keeps_version_one,
            insert_refuses_a_taken_name_without_regard_to_case,
            insert_refuses_a_stale_roster,
            a_refused_insert_leaves_nothing,
            insert_stores_what_comes_with_it,
            find_ignores_case,
            find_never_answers_a_removed_one,
            a_removed_name_is_free_again,
            the_roster_has_all_in_the_order_of_creation,
            the_roster_counts_names_scopes_comings_and_goings,
            update_answers_the_new_version,
            update_keeps_every_field,
            update_of_nothing_is_not_found,
            update_refuses_another_version,
            update_refuses_a_stale_roster,
            update_refuses_a_taken_name,
            update_may_write_its_own_name_in_another_case,
            a_refused_update_leaves_nothing,
            update_stores_what_comes_with_it,
            update_frees_licenses_in_the_same_step,
            update_refuses_a_stale_pool,
            the_next_run_is_kept_apart_from_the_record,
            due_are_those_whose_time_has_come,
            due_begins_with_the_longest_wait,
            due_leaves_out_the_paused_and_the_removed,
            due_leaves_out_what_somebody_is_at,
            due_has_what_was_asked_for_during_a_sync,
            next_due_is_never_too_late,
            times_are_kept_to_the_microsecond,
            a_second_program_sees_the_same,
            of_two_with_one_name_one_is_refused,
            of_two_changes_on_one_version_one_is_refused,
        ] }
    };
}

fn stale<T>(answer: &Result<T, StoreError>, what: Stale) -> bool {
    matches!(answer, Err(StoreError::Stale { what: found }) if *found == what)
}

async fn due(stores: &Stores, seconds: i64) -> Vec<u128> {
    let due = stores.organizations.due(noon_plus(seconds), 10).await;
    let number = |id: crate::ids::OrganizationId| id.as_uuid().as_u128() & 0xFFFF;
    due.expect("a store").into_iter().map(number).collect()
}

async fn plan_at(stores: &Stores, id: u64, seconds: i64) {
    stores
        .organizations
        .set_next_run(organization_id(id), Some(noon_plus(seconds)))
        .await
        .expect("it is there");
}

async fn next_due(stores: &Stores) -> Option<i64> {
    let at = stores.organizations.next_due().await.expect("a store");
    at.map(|at| (at - noon()).num_seconds())
}

fn pick<T: Copy>(all: &[T], index: usize) -> T {
    all[index % all.len()]
}

/// Organizations that differ in every field that can differ.
fn variety() -> Vec<Organization> {
    let statuses = [
        Status::Connected,
        Status::Paused,
        Status::Removed { at: noon_plus(7) },
        Status::ActionRequired(ActionReason::TokenExpired),
        Status::ActionRequired(ActionReason::ScopeMissing {
            scope: "read_api".to_owned(),
        }),
        Status::ActionRequired(ActionReason::HostUnreachable {
            detail: "no route: łódź, 100 %".to_owned(),
        }),
        Status::ActionRequired(ActionReason::SyncHeld { sync: sync_id(9) }),
    ];
    let schedules = [
        "manual",
        "every 6h",
        "at 06:00,18:00 Europe/Warsaw mon-fri",
        "cron 0 6 * * 1 @ UTC",
    ];
    let scopes = [
        build::whole_scope(),
        chosen_scope(&["acme", "Globex/platform"]),
    ];
    (1..)
        .zip(statuses)
        .map(|(id, status)| {
            let index = usize::try_from(id).expect("small numbers");
            let mut organization = organization(id, &format!("Ünïque \"{id}\" 'n%_"))
                .scope(scopes[index % scopes.len()].clone())
                .schedule(parsed(schedules[index % schedules.len()]))
                .account(account(id, &format!("robot-{id}")))
                .status(status)
                .created_at(noon_plus(index.try_into().expect("small numbers")))
                .build();
            organization.host = parsed("http://git.example.com:8080/gitlab");
            let settings = &mut organization.settings;
            settings.license_existing = pick(ExistingRepositories::ALL, index);
            settings.auto_license = pick(AutoLicense::ALL, index);
            settings.protect_groups = pick(GroupProtection::ALL, index);
            let mut token = token_facts(&["read_api", "read_repository"]);
            token.expires_on = (id % 2 == 0).then(|| noon().date_naive());
            token.fine_grained = id % 3 == 0;
            token.id = (id % 2 == 0).then_some(77);
            organization.auth = AuthMethod::AccessToken {
                login: parsed("Robot"),
                secret: build::secret_ref(id),
                token,
            };
            organization.expiry_notice = (id % 2 == 0).then_some(14);
            organization.followed_since = (id % 2 == 0).then(|| noon_plus(50));
            organization
        })
        .collect()
}

fn released(repository: u64) -> Released {
    Released {
        key: seat_key(1, repository),
        from: Held::Seat,
        reason: Reason::OrganizationRemoved,
    }
}

fn removal() -> Event {
    Event::new(
        start_of(2),
        Actor::Person("jane".to_owned()),
        Subject::Organization,
        "organization.removed",
    )
    .of(organization_id(1))
}
