//! One update told apart into what a person would call it.

use insta::assert_snapshot;

use super::*;

fn repository(path: &str, group: u64) -> Repository {
    Repository {
        id: RepositoryId::new(7).expect("not zero"),
        group: GroupId::new(group),
        full_path: path.into(),
        name: "Api".into(),
        visibility: Visibility::Private,
        lifecycle: Lifecycle::Active,
        ownership: Ownership::Owned,
        fork: Some(false),
        default_branch: Some("main".into()),
        topics: Box::default(),
        created_at: DateTime::UNIX_EPOCH,
        last_activity_at: None,
    }
}

fn told(before: &Repository, after: &Repository) -> String {
    repository_changes(before, after)
        .into_iter()
        .map(|(kind, change)| format!("{kind}: {change}"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_rename_is_not_a_move() {
    assert_snapshot!(
        told(&repository("acme/api", 1), &repository("acme/gateway", 1)),
        @"renamed: full_path: acme/api -> acme/gateway"
    );
}

#[test]
fn a_transfer_is_a_move_and_may_be_a_rename_too() {
    assert_snapshot!(
        told(&repository("acme/api", 1), &repository("acme/core/gateway", 2)),
        @r"
    moved: full_path: acme/api -> acme/core/gateway
    renamed: full_path: acme/api -> acme/core/gateway
    "
    );
}

#[test]
fn a_renamed_ancestor_moves_nothing() {
    assert_snapshot!(
        told(&repository("acme/api", 1), &repository("acme-corp/api", 1)),
        @"path_followed: full_path: acme/api -> acme-corp/api"
    );
}

#[test]
fn the_case_of_a_path_is_a_rename() {
    assert_snapshot!(
        told(&repository("acme/api", 1), &repository("acme/API", 1)),
        @"renamed: full_path: acme/api -> acme/API"
    );
}

#[test]
fn what_a_listing_does_not_tell_is_no_change() {
    let before = repository("acme/api", 1);
    let silent = Repository {
        fork: None,
        default_branch: None,
        ..before.clone()
    };
    assert!(repository_changes(&before, &silent).is_empty());
    assert_eq!(silent.or_known(&before), before);
}

#[test]
fn the_lifecycle_has_words_for_each_step() {
    let mut steps = Vec::new();
    for &before in Lifecycle::ALL {
        for &after in Lifecycle::ALL {
            let word = lifecycle_change(before, after).map_or("-", ChangeKind::as_str);
            steps.push(format!("{before} -> {after}: {word}"));
        }
    }
    assert_snapshot!(steps.join("\n"), @r"
    active -> active: -
    active -> archived: archived
    active -> pending_deletion: marked_for_deletion
    archived -> active: unarchived
    archived -> archived: -
    archived -> pending_deletion: marked_for_deletion
    pending_deletion -> active: deletion_canceled
    pending_deletion -> archived: deletion_canceled
    pending_deletion -> pending_deletion: -
    ");
}
