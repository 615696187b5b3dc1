//! The listing is whole, and says so.

use futures_util::StreamExt as _;

use super::{HostUnderTest, HostWorld, access, at, group_paths, list, paths, read};
use crate::inventory::Ownership;
use crate::listing::{GroupScope, PersonalNamespace, Scope};
use crate::testing::build::{chosen_scope, whole_scope};

/// Each that the account covers is there, by the host's own id, and no other.
pub async fn list_has_every_group_and_repository(test: impl HostUnderTest) {
    let listing = list(&test, &whole_scope()).await;
    assert_eq!(paths(&listing), HostWorld::new().listed());
    for repository in &listing.repositories {
        assert_eq!(repository.id, test.repository_id(&repository.full_path));
    }
    let mut groups: Vec<String> = HostWorld::new()
        .groups
        .into_iter()
        .map(|spec| spec.full_path)
        .filter(|path| path != "hidden")
        .collect();
    groups.sort_unstable();
    assert_eq!(group_paths(&listing), groups);
    for group in &listing.groups {
        assert_eq!(group.id, test.group_id(&group.full_path));
    }
}

/// Visibility, lifecycle, topics, names and places are those of the host.
pub async fn list_tells_the_facts(test: impl HostUnderTest) {
    let listing = list(&test, &whole_scope()).await;
    for spec in HostWorld::new().repositories {
        if spec.full_path == "hidden/plans" {
            continue;
        }
        let found = at(&listing, &spec.full_path);
        assert_eq!(found.visibility, spec.visibility, "{}", spec.full_path);
        assert_eq!(found.lifecycle, spec.lifecycle, "{}", spec.full_path);
        let topics: Vec<&str> = found.topics.iter().map(|topic| &**topic).collect();
        assert_eq!(topics, spec.topics, "{}", spec.full_path);
        assert_ne!(found.fork, Some(true), "{}", spec.full_path);
        let parent = found.parent_path();
        let personal = matches!(parent, "robot" | "stranger");
        let group = (!personal).then(|| test.group_id(parent));
        assert_eq!(found.group, group, "{}", spec.full_path);
    }
    for spec in HostWorld::new().groups {
        let mut groups = listing.groups.iter();
        if let Some(found) = groups.find(|group| *group.full_path == *spec.full_path) {
            assert_eq!(found.visibility, spec.visibility, "{}", spec.full_path);
            let parent = spec.full_path.rsplit_once('/');
            let parent = parent.map(|(parent, _)| test.group_id(parent));
            assert_eq!(found.parent, parent, "{}", spec.full_path);
        }
    }
}

/// What belongs to somebody else is never taken for the organization's own.
pub async fn list_marks_what_is_only_shared_in(test: impl HostUnderTest) {
    let listing = list(&test, &whole_scope()).await;
    for repository in &listing.repositories {
        let expected = match &*repository.full_path {
            "stranger/lib" => Ownership::SharedIn,
            _ => Ownership::Owned,
        };
        assert_eq!(repository.ownership, expected, "{}", repository.full_path);
    }
}

/// The last event, and only that, says that nothing is missing, and what it took.
pub async fn list_ends_with_its_report(test: impl HostUnderTest) {
    let (_, report) = read(&test, "reader", &whole_scope())
        .await
        .expect("it may list");
    assert!(report.missing.is_empty());
    assert!(report.requests > 0);
}

/// A person who leaves it out does not get it.
pub async fn list_leaves_out_the_personal_namespace(test: impl HostUnderTest) {
    let scope = Scope {
        personal: PersonalNamespace::Excluded,
        ..whole_scope()
    };
    let world = HostWorld::new();
    let mut expected = world.listed();
    expected.retain(|path| *path != "robot/notes");
    assert_eq!(paths(&list(&test, &scope).await), expected);
}

/// A person may want nothing else.
pub async fn list_of_the_personal_namespace_alone(test: impl HostUnderTest) {
    let scope = Scope {
        groups: GroupScope::Chosen(Vec::new()),
        personal: PersonalNamespace::Included,
    };
    let listing = list(&test, &scope).await;
    assert_eq!(paths(&listing), ["robot/notes"]);
    assert_eq!(group_paths(&listing), Vec::<&str>::new());
    assert_eq!(listing.repositories[0].ownership, Ownership::Owned);
}

/// The group itself, the groups below it, all that stands in them and what is shared into them; typed in any case.
pub async fn list_of_chosen_groups_has_what_is_below_them(test: impl HostUnderTest) {
    for typed in ["acme/platform", "ACME/Platform"] {
        let listing = list(&test, &chosen_scope(&[typed])).await;
        assert_eq!(
            paths(&listing),
            [
                "acme/platform/api",
                "acme/platform/core/engine",
                "stranger/lib"
            ]
        );
        assert_eq!(
            group_paths(&listing),
            ["acme/platform", "acme/platform/core"]
        );
        let shared = at(&listing, "stranger/lib").ownership;
        assert_eq!(shared, Ownership::SharedIn);
    }
}

/// A group inside another chosen one changes nothing.
pub async fn list_of_overlapping_groups_is_whole(test: impl HostUnderTest) {
    let listing = list(&test, &chosen_scope(&["acme/platform", "acme", "globex"])).await;
    let world = HostWorld::new();
    let mut expected = world.listed();
    expected.retain(|path| !path.starts_with("robot/") && !path.starts_with("Initech/"));
    assert_eq!(paths(&listing), expected);
}

/// Absence from such a listing means nothing, and the report says why; the rest is there.
pub async fn list_reports_a_chosen_group_that_is_hidden(test: impl HostUnderTest) {
    let scope = chosen_scope(&["hidden", "globex"]);
    let (listing, report) = read(&test, "reader", &scope).await.expect("it may list");
    assert!(!listing.is_complete());
    let named = |part: &crate::listing::MissingPart| part.what.contains("hidden");
    assert!(report.missing.iter().any(named), "{:?}", report.missing);
    assert_eq!(paths(&listing), ["globex/site"]);
}

/// The same host shows another account other things.
pub async fn list_shows_an_account_what_is_its_own(test: impl HostUnderTest) {
    let (listing, _) = read(&test, "stranger", &whole_scope())
        .await
        .expect("it may list");
    assert_eq!(paths(&listing), ["hidden/plans", "stranger/lib"]);
    assert_eq!(group_paths(&listing), ["hidden"]);
    for repository in &listing.repositories {
        assert_eq!(repository.ownership, Ownership::Owned);
    }
}

/// Whoever has seen enough stops reading, and the host is as good as before.
pub async fn list_may_be_dropped_early(test: impl HostUnderTest) {
    for events in 0..3 {
        let mut stream = test.host().list(&access(&test, "reader"), &whole_scope());
        for _ in 0..events {
            stream.next().await.expect("an event").expect("it may list");
        }
        drop(stream);
    }
    let listing = list(&test, &whole_scope()).await;
    assert_eq!(paths(&listing), HostWorld::new().listed());
}

/// What was deleted is not listed any more.
pub async fn list_follows_the_host(test: impl HostUnderTest) {
    test.delete_repository("acme/app").await;
    let world = HostWorld::new();
    let mut expected = world.listed();
    expected.retain(|path| *path != "acme/app");
    assert_eq!(paths(&list(&test, &whole_scope()).await), expected);
}
