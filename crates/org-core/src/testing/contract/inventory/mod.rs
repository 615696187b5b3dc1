//! The promises of the port [`InventoryStore`](crate::ports::InventoryStore).

use chrono::TimeDelta;

mod orders;

pub use orders::*;

use super::scene::{
    Listed, add, inventory, licensing, listed, projects, start_of, sync, unlicensed,
};
use super::{Stores, assert_matches};
use crate::inventory::{Lifecycle, Presence, Repository, Visibility};
use crate::license::pool::Seats;
use crate::license::{LicenseState, Reason};
use crate::ports::{
    InventoryCounts, PresenceFilter, RepositoryFilter, RepositoryOrder, RepositoryRow,
};
use crate::testing::build::{
    group, group_id, noon, organization_id, parsed, repository, repository_id, seat_key,
};

/// Runs the suite of the inventory; `make` is an expression for fresh [`Stores`].
#[macro_export]
macro_rules! inventory_store_contract {
    (run = $run:expr, make = $make:expr $(,)?) => {
        $crate::contract_cases! { inventory, $run, $make, [
            a_new_inventory_is_empty,
            what_is_not_there_is_none,
            every_field_comes_back,
            the_inventory_is_in_the_order_of_ids,
            organizations_do_not_mix,
            one_repository_is_the_same_as_in_the_inventory,
            one_group_is_the_same_as_in_the_inventory,
            paths_are_those_of_what_was_ever_seen,
            repositories_are_in_the_order_of_paths_without_case,
            equal_paths_are_in_the_order_of_organizations,
            pages_have_each_repository_once,
            the_last_page_has_no_next,
            a_foreign_cursor_is_not_found,
            every_order_has_each_repository_once,
            what_is_not_told_is_the_oldest,
            a_cursor_of_another_order_is_not_found,
            the_default_filter_hides_what_is_gone,
            filters_by_presence,
            filters_by_organization,
            filters_by_license,
            filters_by_lifecycle_and_visibility,
            filters_by_text_without_case,
            filters_text_literally,
            filters_work_together_and_across_pages,
            groups_are_in_the_order_of_paths_and_the_gone_last,
            pages_have_each_group_once,
            counts_tell_what_there_is,
            times_are_kept_to_the_microsecond,
            a_second_program_sees_the_same,
        ] }
    };
}

fn id_of(row: &RepositoryRow) -> u64 {
    row.known.repository.id.get()
}

/// The ids of all that fit, read in pages of `limit`.
async fn all(stores: &Stores, filter: &RepositoryFilter, limit: u32) -> Vec<u64> {
    let mut ids = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = stores
            .inventory
            .repositories(filter, after.as_deref(), limit)
            .await
            .expect("a store");
        assert!(page.items.len() <= limit as usize, "no more than asked for");
        ids.extend(page.items.iter().map(id_of));
        match page.next {
            None => return ids,
            Some(_) if page.items.is_empty() => panic!("an empty page cannot have a next one"),
            Some(next) => {
                assert_ne!(Some(&next), after.as_ref(), "a cursor leads on");
                after = Some(next);
            }
        }
    }
}

async fn fitting(stores: &Stores, filter: RepositoryFilter) -> Vec<u64> {
    all(stores, &filter, 100).await
}

async fn with_text(stores: &Stores, text: &str) -> Vec<u64> {
    let filter = RepositoryFilter {
        text: Some(text.to_owned()),
        ..RepositoryFilter::default()
    };
    fitting(stores, filter).await
}

fn at(id: u64, path: &str) -> Repository {
    repository(id, path).build()
}

/// Before the first sync there is nothing.
pub async fn a_new_inventory_is_empty(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let inventory = inventory(&stores, 1).await;
    assert!(inventory.repositories.is_empty());
    assert!(inventory.groups.is_empty());
    let counts = stores.inventory.counts(organization_id(1)).await;
    assert_matches!(counts, Ok(counts) if counts == InventoryCounts::default());
}

/// Absence is `None` or an empty page, and no error.
pub async fn what_is_not_there_is_none(stores: Stores) {
    let of_nobody = organization_id(9);
    assert_matches!(stores.inventory.repository(seat_key(9, 1)).await, Ok(None));
    assert_matches!(
        stores.inventory.group(of_nobody, group_id(1)).await,
        Ok(None)
    );
    assert!(
        fitting(&stores, RepositoryFilter::default())
            .await
            .is_empty()
    );
    add(&stores, &[licensing(1, "Acme")]).await;
    sync(&stores, 1, 1, projects([1]), Seats::Unlimited).await;
    assert_matches!(stores.inventory.repository(seat_key(1, 2)).await, Ok(None));
    assert_matches!(stores.inventory.repository(seat_key(9, 1)).await, Ok(None));
}

/// Repositories and groups that differ in every field that can differ.
fn variety() -> Listed {
    let mut bare = at(4, "robot/bare");
    bare.fork = None;
    bare.default_branch = None;
    Listed {
        repositories: vec![
            repository(1, "Acme/Łódź_%'\"")
                .in_group(7)
                .named("A name, with łódź")
                .visibility(Visibility::Public)
                .lifecycle(Lifecycle::Archived)
                .fork()
                .topics(&["b", "a", "with space, and comma", "\"quoted\""])
                .default_branch("release/1.0")
                .active_at(noon())
                .build(),
            repository(2, "acme/two")
                .visibility(Visibility::Internal)
                .lifecycle(Lifecycle::PendingDeletion)
                .build(),
            repository(i64::MAX as u64, "other/shared")
                .shared_in()
                .build(),
            bare,
        ],
        groups: vec![
            group(7, "Acme")
                .named("Acme, Łódź")
                .visibility(Visibility::Public)
                .lifecycle(Lifecycle::Archived)
                .build(),
            group(8, "Acme/sub").inside(7).build(),
        ],
        missing: Vec::new(),
    }
}

/// What is read is what was listed, with who saw it first and why it has no license.
pub async fn every_field_comes_back(stores: Stores) {
    add(&stores, &[unlicensed(1, "Acme")]).await;
    let prepared = sync(&stores, 1, 1, variety(), Seats::Unlimited).await;
    let found = inventory(&stores, 1).await;
    let mut expected = variety();
    expected
        .repositories
        .sort_by_key(|repository| repository.id);
    let repositories: Vec<_> = found.repositories.iter().map(|k| &k.repository).collect();
    assert_eq!(
        repositories,
        expected.repositories.iter().collect::<Vec<_>>()
    );
    let groups: Vec<_> = found.groups.iter().map(|known| &known.group).collect();
    assert_eq!(groups, expected.groups.iter().collect::<Vec<_>>());
    for known in &found.repositories {
        assert_eq!(known.presence, Presence::Present);
        assert_eq!(known.first_seen, prepared.plan.at);
        assert_eq!(known.license.state, LicenseState::Unlicensed);
        assert_eq!(known.license.since, prepared.plan.at);
    }
    for known in &found.groups {
        assert_eq!(known.presence, Presence::Present);
        assert_eq!(known.first_seen, prepared.plan.at);
    }
}

/// Planners walk it in that order; what is gone stays in it.
pub async fn the_inventory_is_in_the_order_of_ids(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let groups = |ids: &[u64]| {
        ids.iter()
            .map(|&id| group(id, &format!("g{id}")).build())
            .collect()
    };
    let mut first = projects([300, 2, 10]);
    first.groups = groups(&[30, 4]);
    sync(&stores, 1, 1, first, Seats::Unlimited).await;
    let mut second = projects([300, 1, 10]);
    second.groups = groups(&[5, 30]);
    sync(&stores, 1, 2, second, Seats::Unlimited).await;
    let inventory = inventory(&stores, 1).await;
    let ids = inventory.repositories.iter();
    let ids: Vec<u64> = ids.map(|known| known.repository.id.get()).collect();
    assert_eq!(ids, [1, 2, 10, 300]);
    let ids = inventory.groups.iter();
    let ids: Vec<u64> = ids.map(|known| known.group.id.get()).collect();
    assert_eq!(ids, [4, 5, 30]);
    let gone = inventory.repositories[1].presence;
    assert_matches!(gone, Presence::Gone { since } if since > start_of(2));
}

/// The same numbers at two hosts are different repositories and groups.
pub async fn organizations_do_not_mix(stores: Stores) {
    add(&stores, &[licensing(1, "Acme"), unlicensed(2, "Globex")]).await;
    let mut one = listed(vec![at(1, "acme/one")]);
    one.groups = vec![group(1, "acme").build()];
    let mut two = listed(vec![at(1, "globex/two")]);
    two.groups = vec![group(1, "globex").build()];
    sync(&stores, 1, 1, one, Seats::Unlimited).await;
    sync(&stores, 2, 2, two, Seats::Unlimited).await;
    sync(&stores, 2, 3, Listed::default(), Seats::Unlimited).await;
    let (acme, globex) = (inventory(&stores, 1).await, inventory(&stores, 2).await);
    let (acme, globex) = (&acme.repositories[0], &globex.repositories[0]);
    assert_eq!(&*acme.repository.full_path, "acme/one");
    assert!(acme.presence.is_present());
    assert_eq!(acme.license.state, LicenseState::Licensed);
    assert_eq!(&*globex.repository.full_path, "globex/two");
    assert!(!globex.presence.is_present());
    assert_eq!(globex.license.state, LicenseState::Unlicensed);
    let group = stores
        .inventory
        .group(organization_id(1), group_id(1))
        .await;
    assert_matches!(group, Ok(Some(known)) if &*known.group.full_path == "acme");
}

/// A single row says the same as the whole.
pub async fn one_repository_is_the_same_as_in_the_inventory(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    sync(&stores, 1, 1, variety(), Seats::Unlimited).await;
    sync(&stores, 1, 2, projects([2]), Seats::Unlimited).await;
    for known in inventory(&stores, 1).await.repositories {
        let key = seat_key(1, known.repository.id.get());
        let row = stores.inventory.repository(key).await.expect("a store");
        let expected = RepositoryRow {
            organization: organization_id(1),
            organization_name: parsed("Acme"),
            known,
        };
        assert_eq!(row, Some(expected));
    }
}

/// A single row says the same as the whole.
pub async fn one_group_is_the_same_as_in_the_inventory(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    sync(&stores, 1, 1, variety(), Seats::Unlimited).await;
    for known in inventory(&stores, 1).await.groups {
        let found = stores.inventory.group(organization_id(1), known.group.id);
        assert_eq!(found.await.expect("a store"), Some(known));
    }
}

/// A person who asks for nothing special sees what is there.
pub async fn the_default_filter_hides_what_is_gone(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    sync(&stores, 1, 1, projects(1..=3), Seats::Unlimited).await;
    sync(&stores, 1, 2, projects([1, 3]), Seats::Unlimited).await;
    assert_eq!(fitting(&stores, RepositoryFilter::default()).await, [1, 3]);
}

/// What is there, what is gone, or both.
pub async fn filters_by_presence(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    sync(&stores, 1, 1, projects(1..=3), Seats::Unlimited).await;
    sync(&stores, 1, 2, projects([1, 3]), Seats::Unlimited).await;
    for (presence, expected) in [
        (PresenceFilter::Present, &[1, 3][..]),
        (PresenceFilter::Gone, &[2]),
        (PresenceFilter::Any, &[1, 2, 3]),
    ] {
        let filter = RepositoryFilter {
            presence,
            ..RepositoryFilter::default()
        };
        assert_eq!(fitting(&stores, filter).await, expected, "{presence:?}");
    }
}

/// Those that are asked for, gone or not, of that organization alone, each once.
pub async fn paths_are_those_of_what_was_ever_seen(stores: Stores) {
    add(&stores, &[licensing(1, "Acme"), licensing(2, "Globex")]).await;
    sync(&stores, 1, 1, projects(1..=3), Seats::Unlimited).await;
    sync(&stores, 2, 2, projects(4..=5), Seats::Unlimited).await;
    sync(&stores, 1, 3, projects([1, 3]), Seats::Unlimited).await;
    let ids = [3, 2, 4, 9, 3].map(repository_id);
    let paths = stores.inventory.paths(organization_id(1), &ids).await;
    let paths = paths.expect("a store");
    let known: Vec<u64> = paths.iter().map(|(id, _)| id.get()).collect();
    assert_eq!(known, [2, 3]);
    for (id, path) in paths {
        let key = seat_key(1, id.get());
        let row = stores.inventory.repository(key).await.expect("a store");
        let row = row.expect("it was seen");
        assert_eq!(path, row.known.repository.full_path);
    }
    let many: Vec<_> = (1..=1_200).map(repository_id).collect();
    let paths = stores.inventory.paths(organization_id(2), &many).await;
    assert_eq!(paths.expect("a store").len(), 2);
    let none = stores.inventory.paths(organization_id(3), &many).await;
    assert_eq!(none.expect("a store"), []);
}

/// Only those of one organization, with its name.
pub async fn filters_by_organization(stores: Stores) {
    add(&stores, &[licensing(1, "Acme"), licensing(2, "Globex")]).await;
    sync(&stores, 1, 1, projects(1..=2), Seats::Unlimited).await;
    sync(&stores, 2, 2, projects(2..=3), Seats::Unlimited).await;
    for (organization, name, expected) in [
        (1, "Acme", &[1, 2][..]),
        (2, "Globex", &[2, 3]),
        (3, "", &[]),
    ] {
        let filter = RepositoryFilter {
            organization: Some(organization_id(organization)),
            ..RepositoryFilter::default()
        };
        let page = stores.inventory.repositories(&filter, None, 9).await;
        let rows = page.expect("a store").items;
        assert_eq!(rows.iter().map(id_of).collect::<Vec<_>>(), expected);
        for row in rows {
            assert_eq!(row.organization, organization_id(organization));
            assert_eq!(row.organization_name.as_str(), name);
        }
    }
}

/// Only those with a seat, in the queue, or without.
pub async fn filters_by_license(stores: Stores) {
    add(&stores, &[licensing(1, "Acme"), unlicensed(2, "Globex")]).await;
    sync(&stores, 1, 1, projects(1..=3), Seats::Limited(2)).await;
    sync(&stores, 2, 2, projects(4..=5), Seats::Limited(2)).await;
    for (license, expected) in [
        (LicenseState::Licensed, &[1, 2][..]),
        (LicenseState::Waiting, &[3]),
        (LicenseState::Unlicensed, &[4, 5]),
    ] {
        let filter = RepositoryFilter {
            license: Some(license),
            ..RepositoryFilter::default()
        };
        assert_eq!(fitting(&stores, filter).await, expected, "{license}");
    }
}

/// Only those of one lifecycle, or one visibility.
pub async fn filters_by_lifecycle_and_visibility(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let mut id = 0;
    let mut repositories = Vec::new();
    for &lifecycle in Lifecycle::ALL {
        for &visibility in Visibility::ALL {
            id += 1;
            let builder = repository(id, &format!("acme/{id}"));
            repositories.push(builder.lifecycle(lifecycle).visibility(visibility).build());
        }
    }
    sync(
        &stores,
        1,
        1,
        listed(repositories.clone()),
        Seats::Unlimited,
    )
    .await;
    let expected = |fits: &dyn Fn(&Repository) -> bool| -> Vec<u64> {
        let fitting = repositories.iter().filter(|repository| fits(repository));
        fitting.map(|repository| repository.id.get()).collect()
    };
    for &lifecycle in Lifecycle::ALL {
        let filter = RepositoryFilter {
            lifecycle: Some(lifecycle),
            ..RepositoryFilter::default()
        };
        let expected = expected(&|repository| repository.lifecycle == lifecycle);
        assert_eq!(fitting(&stores, filter).await, expected, "{lifecycle}");
    }
    for &visibility in Visibility::ALL {
        let filter = RepositoryFilter {
            visibility: Some(visibility),
            ..RepositoryFilter::default()
        };
        let expected = expected(&|repository| repository.visibility == visibility);
        assert_eq!(fitting(&stores, filter).await, expected, "{visibility}");
    }
}

/// A person types in any case, in every alphabet, any part of the path.
pub async fn filters_by_text_without_case(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let repositories = vec![
        at(1, "Acme/Payments"),
        at(2, "acme/łódź-tram"),
        at(3, "acme/ŁÓDŹ-bus"),
        at(4, "globex/pay"),
    ];
    sync(&stores, 1, 1, listed(repositories), Seats::Unlimited).await;
    assert_eq!(with_text(&stores, "PAY").await, [1, 4]);
    assert_eq!(with_text(&stores, "me/pay").await, [1]);
    assert_eq!(with_text(&stores, "Łódź").await, [3, 2]);
    assert!(with_text(&stores, "nothing").await.is_empty());
}

/// No character of the wanted text stands for another one.
pub async fn filters_text_literally(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let repositories = vec![
        at(1, "acme/a_b"),
        at(2, "acme/axb"),
        at(3, "acme/a%b"),
        at(4, "acme/a\\b"),
        at(5, "acme/a*b"),
        at(6, "acme/a'b"),
    ];
    sync(&stores, 1, 1, listed(repositories), Seats::Unlimited).await;
    for (text, expected) in [("a_b", 1), ("a%b", 3), ("a\\b", 4), ("a*b", 5), ("a'b", 6)] {
        assert_eq!(with_text(&stores, text).await, [expected], "{text}");
    }
}

/// All parts of a filter hold on every page.
pub async fn filters_work_together_and_across_pages(stores: Stores) {
    add(&stores, &[licensing(1, "Acme"), licensing(2, "Globex")]).await;
    sync(&stores, 1, 1, projects(1..=30), Seats::Limited(20)).await;
    sync(&stores, 2, 2, projects(1..=30), Seats::Limited(20)).await;
    let filter = RepositoryFilter {
        organization: Some(organization_id(1)),
        text: Some("project-1".to_owned()),
        license: Some(LicenseState::Licensed),
        lifecycle: Some(Lifecycle::Active),
        visibility: Some(Visibility::Private),
        presence: PresenceFilter::Present,
        order: RepositoryOrder::default(),
    };
    let expected = [1, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19];
    for limit in [1, 3, 100] {
        assert_eq!(all(&stores, &filter, limit).await, expected);
    }
}

async fn groups(stores: &Stores, limit: u32) -> Vec<u64> {
    let mut ids = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = stores
            .inventory
            .groups(organization_id(1), after.as_deref(), limit)
            .await
            .expect("a store");
        assert!(page.items.len() <= limit as usize, "no more than asked for");
        ids.extend(page.items.iter().map(|known| known.group.id.get()));
        match page.next {
            None => return ids,
            Some(next) => {
                assert_ne!(Some(&next), after.as_ref(), "a cursor leads on");
                after = Some(next);
            }
        }
    }
}

/// Those that are there, then those that are gone, each in the order of their paths.
pub async fn groups_are_in_the_order_of_paths_and_the_gone_last(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let all = [
        group(1, "zebra").build(),
        group(2, "Apple").build(),
        group(3, "mango").build(),
        group(4, "aaa").build(),
        group(5, "BBB").build(),
        group(6, "bbb").build(),
    ];
    let with = |groups: &[crate::inventory::Group]| Listed {
        groups: groups.to_vec(),
        ..Listed::default()
    };
    sync(&stores, 1, 1, with(&all), Seats::Unlimited).await;
    assert_eq!(groups(&stores, 100).await, [4, 2, 5, 6, 3, 1]);
    sync(&stores, 1, 2, with(&all[..3]), Seats::Unlimited).await;
    for limit in [1, 2, 100] {
        assert_eq!(groups(&stores, limit).await, [2, 3, 1, 4, 5, 6]);
    }
}

/// Reading page by page is reading all, whatever the size of a page.
pub async fn pages_have_each_group_once(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let group = |id| group(id, &format!("group-{id:02}")).build();
    let listed = Listed {
        groups: (1..=17).map(group).collect(),
        ..Listed::default()
    };
    sync(&stores, 1, 1, listed, Seats::Unlimited).await;
    for limit in [1, 4, 17, 18] {
        let ids = groups(&stores, limit).await;
        assert_eq!(ids, (1..=17).collect::<Vec<u64>>(), "pages of {limit}");
    }
}

/// The numbers are those of the rows.
pub async fn counts_tell_what_there_is(stores: Stores) {
    add(&stores, &[licensing(1, "Acme"), licensing(2, "Globex")]).await;
    let mut first = projects(1..=6);
    first.groups = vec![group(1, "a").build(), group(2, "b").build()];
    sync(&stores, 1, 1, first, Seats::Limited(3)).await;
    sync(&stores, 2, 2, projects(1..=2), Seats::Limited(3)).await;
    let mut second = projects(1..=5);
    second.groups = vec![group(2, "b").build()];
    sync(&stores, 1, 3, second, Seats::Limited(3)).await;
    let counts = stores.inventory.counts(organization_id(1)).await;
    assert_eq!(
        counts.expect("a store"),
        InventoryCounts {
            repositories: 5,
            groups: 1,
            licensed: 3,
            waiting: 2,
            gone: 1,
        }
    );
}

/// Nanoseconds are cut off, wherever a time stands.
pub async fn times_are_kept_to_the_microsecond(stores: Stores) {
    add(&stores, &[unlicensed(1, "Acme")]).await;
    let fine = noon() + TimeDelta::nanoseconds(123_456_789);
    let coarse = noon() + TimeDelta::nanoseconds(123_456_000);
    let mut prepared = super::scene::prepare(
        &stores,
        1,
        1,
        listed(vec![
            repository(1, "acme/one")
                .created_at(fine)
                .active_at(fine)
                .build(),
        ]),
        Seats::Unlimited,
    )
    .await;
    prepared.plan.at = fine;
    prepared.apply(&stores).await.expect("it is current");
    let known = &inventory(&stores, 1).await.repositories[0];
    assert_eq!(known.repository.created_at, coarse);
    assert_eq!(known.repository.last_activity_at, Some(coarse));
    assert_eq!(known.first_seen, coarse);

    let prepared = super::scene::prepare(&stores, 1, 2, Listed::default(), Seats::Unlimited);
    let mut prepared = prepared.await;
    prepared.plan.at = fine;
    prepared.apply(&stores).await.expect("it is current");
    let known = &inventory(&stores, 1).await.repositories[0];
    assert_eq!(known.presence, Presence::Gone { since: coarse });
    assert_eq!(known.license.reason, Reason::ExistingNone);
}

/// What one program stored, another one reads; a cursor of one is good for the other.
pub async fn a_second_program_sees_the_same(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    sync(&stores, 1, 1, projects(1..=4), Seats::Unlimited).await;
    let second = stores.second();
    assert_eq!(inventory(&stores, 1).await, inventory(second, 1).await);
    let filter = RepositoryFilter::default();
    let page = stores.inventory.repositories(&filter, None, 2).await;
    let next = page.expect("a store").next;
    let page = second.inventory.repositories(&filter, next.as_deref(), 9);
    let ids: Vec<u64> = page
        .await
        .expect("a store")
        .items
        .iter()
        .map(id_of)
        .collect();
    assert_eq!(ids, [3, 4]);
}
