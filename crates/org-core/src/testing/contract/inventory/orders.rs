//! Repositories a page at a time, in every order.

use chrono::{DateTime, Utc};

use super::super::scene::{add, licensing, listed, projects, sync};
use super::super::{Stores, assert_matches};
use super::{all, at};
use crate::inventory::Repository;
use crate::license::pool::Seats;
use crate::ports::{RepositoryFilter, RepositoryKey, RepositoryOrder, StoreError};
use crate::testing::build::{group, noon_plus, organization_id, repository};

/// `Zebra` comes after `apple`, and `Ł` is a letter like others.
pub async fn repositories_are_in_the_order_of_paths_without_case(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let repositories = vec![
        at(1, "acme/Zebra"),
        at(2, "acme/apple"),
        at(3, "Acme/Mango"),
        at(4, "acme/ŁÓDŹ-b"),
        at(5, "acme/łódź-a"),
        at(6, "acme/apple/pie"),
    ];
    sync(&stores, 1, 1, listed(repositories), Seats::Unlimited).await;
    for limit in [1, 2, 100] {
        let ids = all(&stores, &RepositoryFilter::default(), limit).await;
        assert_eq!(ids, [2, 6, 3, 1, 5, 4], "pages of {limit}");
    }
}

/// The same path in two organizations, or twice in one while a host moves things, has its order too.
pub async fn equal_paths_are_in_the_order_of_organizations(stores: Stores) {
    add(&stores, &[licensing(2, "Globex"), licensing(1, "Acme")]).await;
    let same = |ids: [u64; 2]| listed(vec![at(ids[0], "same/Path"), at(ids[1], "same/path")]);
    sync(&stores, 2, 1, same([11, 3]), Seats::Unlimited).await;
    sync(&stores, 1, 2, same([12, 4]), Seats::Unlimited).await;
    for limit in [1, 3, 100] {
        let ids = all(&stores, &RepositoryFilter::default(), limit).await;
        assert_eq!(ids, [4, 12, 3, 11], "pages of {limit}");
    }
}

/// Reading page by page is reading all, whatever the size of a page.
pub async fn pages_have_each_repository_once(stores: Stores) {
    add(&stores, &[licensing(1, "Acme"), licensing(2, "Globex")]).await;
    sync(&stores, 1, 1, projects(1..=23), Seats::Unlimited).await;
    sync(&stores, 2, 2, projects(101..=109), Seats::Unlimited).await;
    let whole = all(&stores, &RepositoryFilter::default(), 1000).await;
    assert_eq!(whole.len(), 32);
    for limit in [1, 2, 5, 31, 32, 33] {
        let paged = all(&stores, &RepositoryFilter::default(), limit).await;
        assert_eq!(paged, whole, "pages of {limit}");
    }
}

/// Nobody is sent to an empty page.
pub async fn the_last_page_has_no_next(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let mut listed = projects(1..=4);
    listed.groups = (1..=4)
        .map(|id| group(id, &format!("g{id}")).build())
        .collect();
    sync(&stores, 1, 1, listed, Seats::Unlimited).await;
    for (limit, more) in [(3, true), (4, false), (5, false)] {
        let filter = RepositoryFilter::default();
        let page = stores.inventory.repositories(&filter, None, limit).await;
        assert_matches!(page, Ok(page) if page.next.is_some() == more);
        let page = stores.inventory.groups(organization_id(1), None, limit);
        assert_matches!(page.await, Ok(page) if page.next.is_some() == more);
    }
}

/// Whatever a person put into a URL, it is told and not read.
pub async fn a_foreign_cursor_is_not_found(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    sync(&stores, 1, 1, projects(1..=2), Seats::Unlimited).await;
    for cursor in ["", "2", "nonsense", "ż", "' OR 1=1 --", "e30="] {
        let filter = RepositoryFilter::default();
        let refused = stores.inventory.repositories(&filter, Some(cursor), 5);
        assert_matches!(refused.await, Err(StoreError::NotFound { .. }));
        let refused = stores.inventory.groups(organization_id(1), Some(cursor), 5);
        assert_matches!(refused.await, Err(StoreError::NotFound { .. }));
    }
}

fn active(id: u64, path: &str, at: DateTime<Utc>) -> Repository {
    repository(id, path).active_at(at).build()
}

fn in_order(text: &str) -> RepositoryFilter {
    RepositoryFilter {
        order: text.parse().expect("an order"),
        ..RepositoryFilter::default()
    }
}

/// Reading page by page is reading all, in every order, of one organization and of all; and descending is the opposite of ascending.
pub async fn every_order_has_each_repository_once(stores: Stores) {
    add(&stores, &[licensing(1, "Acme"), licensing(2, "Globex")]).await;
    // Many are alike, so that the order is decided by what comes after the key.
    let of = |from: u64| {
        let ids = from..from + 12;
        ids.map(|id| {
            active(
                id,
                &format!("g/p{}-{id}", id % 3),
                noon_plus(60 * (3 - i64::try_from(id % 4).unwrap_or(0))),
            )
        })
        .chain([at(from + 50, "g/untold")])
        .collect::<Vec<_>>()
    };
    sync(&stores, 1, 1, listed(of(100)), Seats::Unlimited).await;
    sync(&stores, 2, 2, listed(of(200)), Seats::Unlimited).await;
    for organization in [None, Some(organization_id(1))] {
        for by in RepositoryKey::ALL {
            let filter = |descending: bool| RepositoryFilter {
                organization,
                order: RepositoryOrder { by, descending },
                ..RepositoryFilter::default()
            };
            let whole = all(&stores, &filter(false), 1000).await;
            assert_eq!(whole.len(), if organization.is_some() { 13 } else { 26 });
            let mut opposite = all(&stores, &filter(true), 1000).await;
            opposite.reverse();
            assert_eq!(opposite, whole, "{by:?}");
            for limit in [1, 2, 5, 12, 13] {
                for descending in [false, true] {
                    let mut paged = all(&stores, &filter(descending), limit).await;
                    if descending {
                        paged.reverse();
                    }
                    assert_eq!(paged, whole, "{by:?}, {descending}, pages of {limit}");
                }
            }
        }
    }
}

/// Who asks for the latest sees what the host tells of first.
pub async fn what_is_not_told_is_the_oldest(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let first = vec![
        active(1, "a/old", noon_plus(1)),
        at(2, "a/untold"),
        active(3, "a/new", noon_plus(3)),
    ];
    sync(&stores, 1, 1, listed(first.clone()), Seats::Unlimited).await;
    let mut later = first;
    later.push(active(4, "a/newest", noon_plus(4)));
    sync(&stores, 1, 2, listed(later), Seats::Unlimited).await;
    assert_eq!(all(&stores, &in_order("-activity"), 2).await, [4, 3, 1, 2]);
    assert_eq!(all(&stores, &in_order("activity"), 2).await, [2, 1, 3, 4]);
    assert_eq!(
        all(&stores, &in_order("-first_seen"), 3).await,
        [4, 3, 2, 1]
    );
    assert_eq!(all(&stores, &in_order("-path"), 3).await, [2, 1, 4, 3]);
}

/// It would begin somewhere else.
pub async fn a_cursor_of_another_order_is_not_found(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    sync(&stores, 1, 1, projects(1..=3), Seats::Unlimited).await;
    let inventory = &stores.inventory;
    let page = inventory
        .repositories(&in_order("first_seen"), None, 1)
        .await;
    let cursor = page.expect("a store").next;
    for other in ["path", "-first_seen", "activity"] {
        let filter = in_order(other);
        let refused = inventory.repositories(&filter, cursor.as_deref(), 1);
        assert_matches!(refused.await, Err(StoreError::NotFound { .. }));
    }
}
