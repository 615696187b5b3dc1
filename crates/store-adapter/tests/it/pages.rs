//! Pages: every row once, in order, read from an index.

use org_core::inventory::Repository;
use org_core::license::LicenseState;
use org_core::license::pool::Seats;
use org_core::ports::{
    InventoryStore, LicenseStore, PresenceFilter, RepositoryFilter, StoreError, SyncStore,
};
use org_core::testing::build;
use sqlx::AssertSqlSafe;
use store_adapter::Store;

use crate::support::{Scratch, connect, plan, repositories, request, started, sync};

async fn walk(store: &Store, filter: &RepositoryFilter, limit: u32) -> Vec<String> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store
            .repositories(filter, after.as_deref(), limit)
            .await
            .expect("a page");
        assert!(page.items.len() <= limit as usize);
        found.extend(page.items.iter().map(|row| {
            format!(
                "{} {}",
                row.known.repository.full_path, row.known.repository.id
            )
        }));
        after = match page.next {
            Some(next) => Some(next),
            None => return found,
        };
    }
}

fn named(id: u64, path: &str) -> Repository {
    build::repository(id, path).build()
}

#[tokio::test]
async fn pages_of_any_size_walk_through_all_organizations_in_one_order() {
    let scratch = Scratch::new().await;
    let (one, two) = (
        connect(&scratch.store, 1).await,
        connect(&scratch.store, 2).await,
    );
    let listing = vec![
        named(1, "b/x"),
        named(2, "A/x"),
        named(3, "a/y"),
        named(9, "Ü/z"),
    ];
    sync(&scratch.store, one, 10, listing).await;
    sync(
        &scratch.store,
        two,
        11,
        vec![named(1, "B/X"), named(7, "a/x"), named(8, "c")],
    )
    .await;
    let expected = ["A/x 2", "a/x 7", "a/y 3", "b/x 1", "B/X 1", "c 8", "Ü/z 9"];
    for limit in 1..9 {
        assert_eq!(
            walk(&scratch.store, &RepositoryFilter::default(), limit).await,
            expected
        );
    }
    let of_one = RepositoryFilter {
        organization: Some(one),
        ..RepositoryFilter::default()
    };
    for limit in 1..5 {
        let expected = ["A/x 2", "a/y 3", "b/x 1", "Ü/z 9"];
        assert_eq!(walk(&scratch.store, &of_one, limit).await, expected);
    }
}

#[tokio::test]
async fn what_a_person_types_is_text_and_no_pattern() {
    let scratch = Scratch::new().await;
    let organization = connect(&scratch.store, 1).await;
    let listing = vec![
        named(1, "acme/a_b"),
        named(2, "acme/axb"),
        named(3, "acme/50%"),
        named(4, "acme/Ärger"),
        named(5, "acme/back\\slash"),
    ];
    sync(&scratch.store, organization, 10, listing).await;
    let search = async |text: &str| {
        let filter = RepositoryFilter {
            text: Some(text.to_owned()),
            ..RepositoryFilter::default()
        };
        walk(&scratch.store, &filter, 10).await.join(", ")
    };
    assert_eq!(search("A_B").await, "acme/a_b 1");
    assert_eq!(search("%").await, "acme/50% 3");
    assert_eq!(search("äRG").await, "acme/Ärger 4");
    assert_eq!(search("k\\s").await, "acme/back\\slash 5");
    assert_eq!(search("acme/a_").await, "acme/a_b 1");
    assert_eq!(search("").await.split(", ").count(), 5);
}

#[tokio::test]
async fn a_cursor_of_another_list_is_refused() {
    let scratch = Scratch::new().await;
    let organization = connect(&scratch.store, 1).await;
    sync(&scratch.store, organization, 10, repositories(1, 3)).await;
    let filter = RepositoryFilter::default();
    let page = scratch
        .store
        .repositories(&filter, None, 1)
        .await
        .expect("a page");
    let cursor = page.next.as_deref();
    assert!(cursor.is_some());
    let of_groups = scratch
        .store
        .groups(organization, cursor, 1)
        .await
        .map(drop);
    let of_syncs = scratch.store.list(None, cursor, 1).await.map(drop);
    let of_seats = scratch
        .store
        .holders(LicenseState::Licensed, cursor, 1)
        .await
        .map(drop);
    let of_nothing = scratch
        .store
        .repositories(&filter, Some("x"), 1)
        .await
        .map(drop);
    for answer in [of_groups, of_syncs, of_seats, of_nothing] {
        assert!(
            matches!(answer, Err(StoreError::NotFound { .. })),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn groups_come_by_path_and_the_gone_ones_last() {
    let scratch = Scratch::new().await;
    let store = &scratch.store;
    let organization = connect(store, 1).await;
    let group = |id, path: &str| build::group(id, path).build();
    for (number, listing) in [
        (
            10,
            vec![group(1, "b"), group(2, "A"), group(3, "a/x"), group(4, "0")],
        ),
        (11, vec![group(1, "b"), group(3, "a/x")]),
    ] {
        let run = started(store, &request(organization, number, build::noon())).await;
        let planned = plan(store, run, Vec::new(), listing, Seats::Unlimited).await;
        planned.apply(store).await.expect("applied");
    }
    for limit in 1..6 {
        let (mut found, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = store
                .groups(organization, after.as_deref(), limit)
                .await
                .expect("a page");
            found.extend(
                page.items
                    .iter()
                    .map(|known| known.group.full_path.to_string()),
            );
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, ["a/x", "b", "0", "A"]);
    }
}

/// The plans of the engine: a page must never sort, nor read rows that it does not show.
#[tokio::test]
async fn pages_are_read_in_the_order_of_an_index() {
    let scratch = Scratch::new().await;
    let mut beside = scratch.beside().await;
    let path = "FROM repositories INDEXED BY repositories_by_path WHERE path_key >= '' \
        AND (path_key, organization, id) > ('a', x'00', 1) AND gone_since IS NULL AND license_state = 'waiting' \
        AND path_key LIKE '%x%' ESCAPE '\\' ORDER BY path_key, organization, id LIMIT 50";
    let within = "FROM repositories INDEXED BY repositories_by_organization WHERE organization = x'00' \
        AND (path_key, organization, id) > ('a', x'00', 1) AND lifecycle = 'active' ORDER BY path_key, organization, id LIMIT 50";
    let active = "FROM repositories INDEXED BY repositories_by_activity WHERE organization = x'00' \
        AND (coalesce(last_activity_at, 0), organization, id) < (7, x'00', 1) AND path_key LIKE '%x%' ESCAPE '\\' \
        ORDER BY coalesce(last_activity_at, 0) DESC, organization DESC, id DESC LIMIT 50";
    let seen = "FROM repositories INDEXED BY repositories_by_first_seen WHERE organization = x'00' \
        AND gone_since IS NULL ORDER BY first_seen, organization, id LIMIT 50";
    let queue = "FROM repositories WHERE license_state = 'waiting' AND (created_at, id, organization) > (1, 2, x'00') \
        ORDER BY created_at, id, organization LIMIT 50";
    let groups = "FROM groups WHERE organization = x'00' AND (gone, path_key, id) > (0, 'a', 1) \
        ORDER BY gone, path_key, id LIMIT 50";
    let due = "FROM organizations WHERE ready_at <= 5 LIMIT 50";
    let counts = "FROM repositories WHERE organization = x'00'";
    let keys = "organization, id";
    let waiting = "count(*) FILTER (WHERE gone_since IS NULL AND license_state = 'waiting')";
    for (columns, query, index) in [
        (keys, path, "COVERING INDEX repositories_by_path"),
        (keys, within, "COVERING INDEX repositories_by_organization"),
        (keys, active, "COVERING INDEX repositories_by_activity"),
        (keys, seen, "COVERING INDEX repositories_by_first_seen"),
        (keys, queue, "COVERING INDEX repositories_by_license"),
        (
            waiting,
            counts,
            // Each of those that begin with the organization has what is counted.
            "COVERING INDEX repositories_by_",
        ),
        ("*", groups, "INDEX groups_by_path"),
        ("*", due, "INDEX organizations_by_ready"),
    ] {
        let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(AssertSqlSafe(format!(
            "EXPLAIN QUERY PLAN SELECT {columns} {query}"
        )))
        .fetch_all(&mut beside)
        .await
        .expect("a plan");
        let steps: Vec<&str> = plan.iter().map(|(.., step)| step.as_str()).collect();
        assert!(
            matches!(steps[..], [step] if step.starts_with("SEARCH") && step.contains(index)),
            "{query}\n{steps:?}"
        );
    }
}

/// The plans of what a sync writes, in statements of as many rows as the store sends: each row must be found by its key, or a first sync
/// takes time with the square of its size.
#[tokio::test]
async fn rows_are_changed_by_their_keys() {
    let scratch = Scratch::new().await;
    let mut beside = scratch.beside().await;
    let ids = vec!["?"; 400].join(", ");
    let pairs = vec!["(?, ?)"; 400].join(", ");
    let by_list = |table: &str, condition: &str| {
        format!(
            "UPDATE {table} INDEXED BY sqlite_autoindex_{table}_1 SET name = 'x' \
             WHERE organization = ? {condition} AND id IN ({ids})"
        )
    };
    let from_list = |table: &str| {
        format!(
            "WITH listed (id, name) AS (VALUES {pairs}) UPDATE {table} SET name = listed.name \
             FROM listed WHERE {table}.id = listed.id AND {table}.organization = ?"
        )
    };
    for statement in [
        by_list("repositories", ""),
        by_list("repositories", "AND license_state = 'waiting'"),
        by_list("repositories", "AND license_state <> 'licensed'"),
        by_list("groups", ""),
        from_list("repositories"),
        from_list("groups"),
    ] {
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}")))
                .fetch_all(&mut beside)
                .await
                .expect("a plan");
        let last = plan
            .last()
            .map(|(.., step)| step.as_str())
            .unwrap_or_default();
        assert!(
            last.contains("USING PRIMARY KEY (organization=? AND id=?)"),
            "{statement}\n{plan:?}"
        );
    }
}

#[tokio::test]
async fn gone_repositories_are_shown_only_when_asked_for() {
    let scratch = Scratch::new().await;
    let organization = connect(&scratch.store, 1).await;
    sync(&scratch.store, organization, 10, repositories(1, 3)).await;
    sync(&scratch.store, organization, 11, repositories(2, 2)).await;
    for (presence, expected) in [
        (
            PresenceFilter::Present,
            "acme/app-000002 2, acme/app-000003 3",
        ),
        (PresenceFilter::Gone, "acme/app-000001 1"),
        (
            PresenceFilter::Any,
            "acme/app-000001 1, acme/app-000002 2, acme/app-000003 3",
        ),
    ] {
        let filter = RepositoryFilter {
            presence,
            ..RepositoryFilter::default()
        };
        assert_eq!(walk(&scratch.store, &filter, 10).await.join(", "), expected);
    }
}
