//! Policies as people write them.

use chrono::DateTime;
use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::ids::{GroupId, RepositoryId};
use crate::inventory::Ownership;

fn repository(path: &str) -> Repository {
    Repository {
        id: RepositoryId::new(1).expect("not zero"),
        group: GroupId::new(1),
        full_path: path.into(),
        name: "x".into(),
        visibility: Visibility::Private,
        lifecycle: Lifecycle::Active,
        ownership: Ownership::Owned,
        fork: None,
        default_branch: None,
        topics: Box::new(["Production".into()]),
        created_at: DateTime::UNIX_EPOCH,
        last_activity_at: None,
    }
}

#[track_caller]
fn check(policy: &str, repository: &Repository, expected: &str) {
    let policy: LicensePolicy = policy.parse().expect("a valid policy");
    assert_eq!(policy.deciding_rule(repository).to_string(), expected);
}

#[test]
fn the_first_rule_that_fits_decides() {
    let api = repository("acme/core/api");
    check("exclude path acme/*\ninclude all", &api, "include all");
    check(
        "exclude path acme/**\ninclude all",
        &api,
        "exclude path acme/**",
    );
    check(
        "exclude path ACME/core/A*\ninclude all",
        &api,
        "exclude path ACME/core/A*",
    );
    check(
        "include topic production\nexclude all",
        &api,
        "include topic production",
    );
    check(
        "exclude group acme\ninclude all",
        &api,
        "exclude group acme",
    );
    check("exclude group acme/cor\ninclude all", &api, "include all");
    check(
        "exclude group acme/core/api\ninclude all",
        &api,
        "include all",
    );
    check("exclude fork\nexclude all", &api, "exclude all");
    check(
        "exclude visibility private\ninclude all",
        &api,
        "exclude visibility private",
    );
}

#[test]
fn the_default_leaves_out_what_is_not_in_use() {
    let policy = LicensePolicy::default();
    let verdicts: Vec<String> = Lifecycle::ALL
        .iter()
        .map(|&lifecycle| {
            let (_, rule) = policy.verdict(&Repository {
                lifecycle,
                ..repository("a/b")
            });
            format!("{lifecycle}: {rule}")
        })
        .collect();
    assert_snapshot!(verdicts.join("\n"), @r"
    active: include all
    archived: exclude archived
    pending_deletion: exclude pending-deletion
    ");
}

#[test]
fn each_mistake_names_its_line() {
    let error = |text: &str| {
        text.parse::<LicensePolicy>()
            .expect_err("refused")
            .to_string()
    };
    let told: Vec<String> = [
        "",
        "exclude archived",
        "include all\nexclude fork",
        "allow all",
        "# comment\n\nexclude sometimes\ninclude all",
        "exclude topic\ninclude all",
        "exclude fork yes\ninclude all",
        "exclude visibility secret\ninclude all",
        "exclude path a[\ninclude all",
        "exclude group a//b\ninclude all",
        "allow all\nexclude fork\nexclude sometimes",
        "exclude topic\nexclude fork\nexclude visibility secret\ninclude all\nexclude fork\nexclude archived",
        "exclude topic\nexclude fork",
    ]
    .into_iter()
    .map(error)
    .collect();
    assert_snapshot!(told.join("\n"), @r"
    the policy leaves open what happens to the rest; end it with `include all` or `exclude all`
    the policy leaves open what happens to the rest; end it with `include all` or `exclude all`
    line 2 is never reached, because `include all` before it fits everything
    line 1: `allow all` starts with neither `include` nor `exclude`
    line 3: `sometimes` is not a known condition; known are all, archived, pending-deletion, fork, visibility, topic, group, path
    line 1: `topic` needs a value, like `topic production`
    line 1: `fork` takes no value, but `yes` follows it
    line 1: `secret` is not a known visibility; known are private, internal, public
    line 1: `a[` is not a valid pattern: unclosed character class; missing ']'
    line 1: `a//b` is not a group path; write it as in the address bar after the host, like `company/platform`
    line 1: `allow all` starts with neither `include` nor `exclude`; line 3: `sometimes` is not a known condition; known are all, archived, pending-deletion, fork, visibility, topic, group, path
    line 1: `topic` needs a value, like `topic production`; line 3: `secret` is not a known visibility; known are private, internal, public; line 5 is never reached, because `include all` before it fits everything; line 6 is never reached, because `include all` before it fits everything
    line 1: `topic` needs a value, like `topic production`; the policy leaves open what happens to the rest; end it with `include all` or `exclude all`
    ");
}

proptest! {
    #[test]
    fn no_text_panics_and_a_policy_is_its_text(text in "((include|exclude) (all|fork|path|topic|group|archived) ?[a-z*/\\[{]{0,6}\n){0,5}(in|ex)clude all") {
        if let Ok(policy) = text.parse::<LicensePolicy>() {
            prop_assert_eq!(policy.to_string().parse::<LicensePolicy>(), Ok(policy));
        }
    }
}
