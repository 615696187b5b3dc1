//! The promises of [`VcsHost`](crate::ports::VcsHost), tried on a small world that each host under test sets up in its own way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use secrecy::{ExposeSecret as _, SecretString};

use super::assert_matches;
use crate::host::HostUrl;
use crate::ids::{GroupId, RepositoryId};
use crate::inventory::{Group, Lifecycle, Ownership, Repository, Visibility};
use crate::listing::{
    GroupScope, Listing, ListingBuilder, ListingEvent, ListingReport, PersonalNamespace, Scope,
};
use crate::ports::{Confirmation, HostAccess, HostError, Probe, ProbeStepKind, VcsHost};
use crate::testing::build::{chosen_scope, parsed, whole_scope};
use crate::token::{Capability, Grant, TokenState};

/// Runs the suite of a host; `make` is an expression for a fresh [`HostUnderTest`] that has exactly [`HostWorld::new`].
#[macro_export]
macro_rules! host_contract {
    (run = $run:expr, make = $make:expr $(,)?) => {
        $crate::contract_cases! { host, $run, $make, [
            probe_of_a_good_host_fails_nowhere,
            probe_goes_in_its_order,
            identify_tells_account_token_and_capabilities,
            identify_of_a_weak_token_is_an_answer,
            an_expired_token_is_told_as_such,
            a_revoked_token_is_refused,
            an_unknown_token_is_refused,
            a_weak_token_lacks_a_scope,
            no_error_shows_the_token,
            find_group_ignores_case,
            find_group_tells_what_the_listing_tells,
            find_group_of_what_is_hidden_is_none,
            list_has_every_group_and_repository,
            list_tells_the_facts,
            list_marks_what_is_only_shared_in,
            list_ends_with_its_report,
            list_leaves_out_the_personal_namespace,
            list_of_the_personal_namespace_alone,
            list_of_chosen_groups_has_what_is_below_them,
            list_of_overlapping_groups_is_whole,
            list_reports_a_chosen_group_that_is_hidden,
            list_shows_an_account_what_is_its_own,
            list_may_be_dropped_early,
            list_follows_the_host,
            confirm_answers_each_id,
            confirm_of_nothing_is_empty,
            confirm_of_many_is_whole,
            confirm_of_a_deleted_repository_is_absent,
        ] }
    };
}

/// A host under test, as it was set up with a [`HostWorld`].
#[async_trait]
pub trait HostUnderTest: Send + Sync {
    /// The implementation.
    fn host(&self) -> Arc<dyn VcsHost>;

    /// Where the world is.
    fn url(&self) -> HostUrl;

    /// The value of the token of that name in [`HostWorld::tokens`].
    fn token(&self, name: &str) -> SecretString;

    /// The host's id of a group.
    fn group_id(&self, full_path: &str) -> GroupId;

    /// The host's id of a repository.
    fn repository_id(&self, full_path: &str) -> RepositoryId;

    /// Deletes a repository for good.
    async fn delete_repository(&self, full_path: &str);
}

/// The world that a host under test has, and nothing beside it that its accounts could see.
#[derive(Debug, Clone)]
pub struct HostWorld {
    /// The logins; each has a personal namespace of that path.
    pub accounts: Vec<String>,
    /// The groups; those around others come first.
    pub groups: Vec<GroupSpec>,
    /// The repositories, in groups and in personal namespaces.
    pub repositories: Vec<RepositorySpec>,
    /// Who is a member of which group, with a role that sees all of it; owners of personal namespaces are not named.
    pub members: Vec<(String, String)>,
    /// Which repository is shared into which group.
    pub shares: Vec<(String, String)>,
    /// The tokens.
    pub tokens: Vec<HostToken>,
}

/// A group that shall be there.
#[derive(Debug, Clone)]
pub struct GroupSpec {
    /// Its path.
    pub full_path: String,
    /// Who may see it.
    pub visibility: Visibility,
}

/// A repository that shall be there.
#[derive(Debug, Clone)]
pub struct RepositorySpec {
    /// Its path; its name is the last part of it.
    pub full_path: String,
    /// Who may see it.
    pub visibility: Visibility,
    /// Active or archived.
    pub lifecycle: Lifecycle,
    /// Its topics.
    pub topics: Vec<String>,
}

/// A token that shall be there.
#[derive(Debug, Clone)]
pub struct HostToken {
    /// What the cases call it.
    pub name: String,
    /// Whose it is.
    pub login: String,
    /// Its scopes, in the words of GitLab.
    pub scopes: Vec<String>,
    /// Whether the host accepts it.
    pub state: TokenState,
}

/// How many repositories the largest group has: more than one page of any host.
const MANY: usize = 120;

impl HostWorld {
    /// The world of all cases.
    #[expect(
        clippy::new_without_default,
        reason = "there is one such world, and it is no default of anything"
    )]
    pub fn new() -> Self {
        use Visibility::{Internal, Private, Public};
        let group = |(full_path, visibility): (&str, _)| GroupSpec {
            full_path: full_path.to_owned(),
            visibility,
        };
        let repository = |full_path: &str, visibility| RepositorySpec {
            full_path: full_path.to_owned(),
            visibility,
            lifecycle: Lifecycle::Active,
            topics: Vec::new(),
        };
        let token = |name: &str, login: &str, scope: &str, state| HostToken {
            name: name.to_owned(),
            login: login.to_owned(),
            scopes: vec![scope.to_owned()],
            state,
        };
        let pair = |(a, b): (&str, &str)| (a.to_owned(), b.to_owned());
        let mut repositories = vec![
            repository("acme/app", Public),
            repository("acme/old", Private),
            repository("acme/platform/api", Internal),
            repository("acme/platform/core/engine", Private),
            repository("globex/site", Private),
            repository("Initech/Tool", Public),
            repository("robot/notes", Private),
            repository("stranger/lib", Private),
            repository("hidden/plans", Private),
        ];
        repositories[1].lifecycle = Lifecycle::Archived;
        repositories[3].topics = vec!["production".to_owned(), "rust".to_owned()];
        let many = (1..=MANY).map(|n| repository(&format!("acme/many/project-{n:03}"), Private));
        repositories.extend(many);
        Self {
            accounts: ["robot", "stranger"].map(str::to_owned).to_vec(),
            groups: [
                ("acme", Public),
                ("acme/platform", Internal),
                ("acme/platform/core", Private),
                ("acme/many", Private),
                ("globex", Private),
                ("Initech", Public),
                ("hidden", Private),
            ]
            .map(group)
            .to_vec(),
            repositories,
            members: [
                ("robot", "acme"),
                ("robot", "globex"),
                ("robot", "Initech"),
                ("stranger", "hidden"),
            ]
            .map(pair)
            .to_vec(),
            shares: vec![pair(("stranger/lib", "acme/platform"))],
            tokens: vec![
                token("reader", "robot", "read_api", TokenState::Active),
                token("weak", "robot", "read_user", TokenState::Active),
                token("expired", "robot", "read_api", TokenState::Expired),
                token("revoked", "robot", "read_api", TokenState::Revoked),
                token("stranger", "stranger", "read_api", TokenState::Active),
            ],
        }
    }

    /// The paths that the account `robot` lists, in order: those that are its own, and what is shared in.
    fn listed(&self) -> Vec<&str> {
        let foreign = "hidden/plans";
        let paths = self.repositories.iter().map(|spec| &*spec.full_path);
        let mut paths: Vec<&str> = paths.filter(|path| *path != foreign).collect();
        paths.sort_unstable();
        paths
    }
}

fn access(test: &dyn HostUnderTest, token: &str) -> HostAccess {
    HostAccess {
        host: test.url(),
        token: test.token(token),
    }
}

fn unknown_token(test: &dyn HostUnderTest) -> HostAccess {
    HostAccess {
        host: test.url(),
        token: SecretString::from("planted-unknown-token"),
    }
}

/// Reads a listing to its end.
async fn read(
    test: &dyn HostUnderTest,
    token: &str,
    scope: &Scope,
) -> Result<(Listing, ListingReport), HostError> {
    let mut stream = test.host().list(&access(test, token), scope);
    let mut builder = ListingBuilder::default();
    let mut report = None;
    while let Some(event) = stream.next().await {
        assert_eq!(report, None, "nothing comes after the report");
        match event? {
            ListingEvent::Groups(groups) => builder.add_groups(groups),
            ListingEvent::Repositories(repositories) => builder.add_repositories(repositories),
            ListingEvent::Waiting(_) => {}
            ListingEvent::Finished(finished) => report = Some(finished),
        }
    }
    let report = report.expect("a stream that was not cut ends with its report");
    Ok((builder.finish(report.missing.clone()), report))
}

async fn list(test: &dyn HostUnderTest, scope: &Scope) -> Listing {
    let (listing, _) = read(test, "reader", scope).await.expect("it may list");
    assert!(listing.missing.is_empty());
    listing
}

fn paths(listing: &Listing) -> Vec<&str> {
    let paths = listing.repositories.iter().map(|r| &*r.full_path);
    let mut paths: Vec<&str> = paths.collect();
    paths.sort_unstable();
    paths
}

fn group_paths(listing: &Listing) -> Vec<&str> {
    let mut paths: Vec<&str> = listing.groups.iter().map(|g| &*g.full_path).collect();
    paths.sort_unstable();
    paths
}

fn at<'a>(listing: &'a Listing, path: &str) -> &'a Repository {
    let mut repositories = listing.repositories.iter();
    let found = repositories.find(|repository| &*repository.full_path == path);
    found.expect("it is in the listing")
}

async fn first_error(test: &dyn HostUnderTest, access: &HostAccess) -> HostError {
    let mut stream = test.host().list(access, &whole_scope());
    match stream.next().await {
        Some(Err(error)) => error,
        other => panic!("the listing should be refused: {other:?}"),
    }
}

/// What each of the calls that need a good credential answers to this one.
async fn errors(test: &dyn HostUnderTest, access: &HostAccess) -> Vec<HostError> {
    let host = test.host();
    let group = host.find_group(access, &parsed("acme")).await;
    let ids = [test.repository_id("acme/app")];
    let confirmed = host.confirm(access, &ids).await;
    vec![
        group.expect_err("finding a group should be refused"),
        confirmed.expect_err("confirming should be refused"),
        first_error(test, access).await,
    ]
}

/// A host that is there and answers passes every step.
pub async fn probe_of_a_good_host_fails_nowhere(test: impl HostUnderTest) {
    for token in [None, Some(test.token("reader"))] {
        let probe = Probe {
            host: test.url(),
            token,
        };
        let report = test.host().probe(&probe).await;
        assert_eq!(report.failure(), None);
        assert!(!report.steps.is_empty());
    }
}

/// The steps come in the order in which a connection is made, each at most once, and TLS only where there is some.
pub async fn probe_goes_in_its_order(test: impl HostUnderTest) {
    let probe = Probe {
        host: test.url(),
        token: Some(test.token("reader")),
    };
    let report = test.host().probe(&probe).await;
    let kinds: Vec<_> = report.steps.iter().map(|step| step.kind).collect();
    assert!(kinds.is_sorted_by(|a, b| a < b), "{kinds:?}");
    let encrypted = test.url().is_encrypted();
    assert_eq!(kinds.contains(&ProbeStepKind::Tls), encrypted, "{kinds:?}");
    assert!(kinds.contains(&ProbeStepKind::Version), "{kinds:?}");
}

/// The account in the host's case, the scopes as granted, and a row for every capability.
pub async fn identify_tells_account_token_and_capabilities(test: impl HostUnderTest) {
    let host = test.host();
    let identity = host.identify(&access(&test, "reader")).await;
    let identity = identity.expect("the token is good");
    assert_eq!(identity.account.login.as_str(), "robot");
    assert_eq!(identity.token.state, TokenState::Active);
    assert_eq!(
        identity.token.scopes,
        BTreeSet::from(["read_api".to_owned()])
    );
    let rows: Vec<_> = identity
        .capabilities
        .0
        .iter()
        .map(|(row, _)| *row)
        .collect();
    assert_eq!(rows, Capability::ALL);
    assert_eq!(
        identity.capabilities.grant(Capability::List),
        Some(&Grant::Yes)
    );
    let again = host.identify(&access(&test, "reader")).await;
    assert_eq!(again.expect("the token is good").account, identity.account);
    let other = host.identify(&access(&test, "stranger")).await;
    assert_ne!(other.expect("the token is good").account, identity.account);
}

/// A good token that may do too little is an answer, with that in its capabilities.
pub async fn identify_of_a_weak_token_is_an_answer(test: impl HostUnderTest) {
    let identity = test.host().identify(&access(&test, "weak")).await;
    let identity = identity.expect("the token is good");
    assert_eq!(identity.account.login.as_str(), "robot");
    assert_matches!(
        identity.capabilities.grant(Capability::List),
        Some(Grant::Missing { any_of }) if any_of.contains(&"read_api".to_owned())
    );
}

/// A person reads that the day of the token has come, at the latest when the credential is looked at.
pub async fn an_expired_token_is_told_as_such(test: impl HostUnderTest) {
    let access = access(&test, "expired");
    let error = test.host().identify(&access).await;
    assert_matches!(error, Err(HostError::TokenExpired { .. }));
    for error in errors(&test, &access).await {
        assert_matches!(
            error,
            HostError::TokenExpired { .. } | HostError::TokenRefused { .. }
        );
    }
}

/// What somebody revoked is refused by every call, so that a lost credential never looks like a loss of repositories.
pub async fn a_revoked_token_is_refused(test: impl HostUnderTest) {
    let access = access(&test, "revoked");
    let error = test.host().identify(&access).await;
    assert_matches!(error, Err(HostError::TokenRefused { .. }));
    for error in errors(&test, &access).await {
        assert_matches!(error, HostError::TokenRefused { .. });
    }
}

/// What the host never heard of is refused by every call.
pub async fn an_unknown_token_is_refused(test: impl HostUnderTest) {
    let access = unknown_token(&test);
    let error = test.host().identify(&access).await;
    assert_matches!(error, Err(HostError::TokenRefused { .. }));
    for error in errors(&test, &access).await {
        assert_matches!(error, HostError::TokenRefused { .. });
    }
}

/// The scopes that would do are named.
pub async fn a_weak_token_lacks_a_scope(test: impl HostUnderTest) {
    for error in errors(&test, &access(&test, "weak")).await {
        assert_matches!(
            error,
            HostError::ScopeMissing { any_of, .. } if any_of.contains(&"read_api".to_owned())
        );
    }
}

/// What went wrong, and with what, is told without the credential.
pub async fn no_error_shows_the_token(test: impl HostUnderTest) {
    for access in [
        unknown_token(&test),
        access(&test, "revoked"),
        access(&test, "expired"),
        access(&test, "weak"),
    ] {
        let token = access.token.expose_secret();
        let mut errors = errors(&test, &access).await;
        errors.extend(test.host().identify(&access).await.err());
        for error in errors {
            let shown = format!("{error} {error:?} {access:?}");
            assert!(!shown.contains(token), "{shown}");
        }
    }
}

async fn find_group(test: &dyn HostUnderTest, path: &str) -> Option<Group> {
    let host = test.host();
    let found = host
        .find_group(&access(test, "reader"), &parsed(path))
        .await;
    found.expect("the token is good")
}

/// A path is compared as hosts do, and comes back as the host writes it.
pub async fn find_group_ignores_case(test: impl HostUnderTest) {
    for (typed, path) in [
        ("acme", "acme"),
        ("ACME/Platform", "acme/platform"),
        ("initech", "Initech"),
    ] {
        let group = find_group(&test, typed).await.expect("it is there");
        assert_eq!(&*group.full_path, path);
        assert_eq!(group.id, test.group_id(path));
    }
}

/// A group is the same, however it was asked for.
pub async fn find_group_tells_what_the_listing_tells(test: impl HostUnderTest) {
    for listed in list(&test, &whole_scope()).await.groups {
        let found = find_group(&test, &listed.full_path).await;
        assert_eq!(found, Some(listed));
    }
}

/// Hosts do not tell apart what is not there and what may not be seen.
pub async fn find_group_of_what_is_hidden_is_none(test: impl HostUnderTest) {
    for path in ["hidden", "nowhere", "acme/nowhere", "acme/app"] {
        assert_eq!(find_group(&test, path).await, None, "{path}");
    }
}

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

async fn confirm(
    test: &dyn HostUnderTest,
    ids: &[RepositoryId],
) -> BTreeMap<RepositoryId, Confirmation> {
    let host = test.host();
    let confirmed = host.confirm(&access(test, "reader"), ids).await;
    confirmed.expect("the token is good")
}

/// Every id asked for is in the answer; what may not be seen never counts as present.
pub async fn confirm_answers_each_id(test: impl HostUnderTest) {
    let here = test.repository_id("acme/platform/core/engine");
    let personal = test.repository_id("robot/notes");
    let nowhere = RepositoryId::new(999_999_999).expect("not zero");
    let hidden = test.repository_id("hidden/plans");
    let answer = confirm(&test, &[nowhere, here, hidden, personal]).await;
    assert_eq!(answer.len(), 4);
    assert_eq!(answer[&here], Confirmation::Present);
    assert_eq!(answer[&personal], Confirmation::Present);
    assert_eq!(answer[&nowhere], Confirmation::Absent);
    assert_matches!(
        &answer[&hidden],
        Confirmation::Absent | Confirmation::Unknown { .. }
    );
}

/// Nothing asked, nothing answered.
pub async fn confirm_of_nothing_is_empty(test: impl HostUnderTest) {
    assert!(confirm(&test, &[]).await.is_empty());
}

/// More ids than fit into one request are no trouble.
pub async fn confirm_of_many_is_whole(test: impl HostUnderTest) {
    let ids: Vec<RepositoryId> = (1..=MANY)
        .map(|n| test.repository_id(&format!("acme/many/project-{n:03}")))
        .collect();
    let answer = confirm(&test, &ids).await;
    assert_eq!(answer.len(), MANY);
    for id in ids {
        assert_eq!(answer[&id], Confirmation::Present);
    }
}

/// What the host deleted for good is absent, and what stands beside it is not.
pub async fn confirm_of_a_deleted_repository_is_absent(test: impl HostUnderTest) {
    let (gone, stays) = (
        test.repository_id("acme/app"),
        test.repository_id("acme/old"),
    );
    test.delete_repository("acme/app").await;
    let answer = confirm(&test, &[gone, stays]).await;
    assert_eq!(answer[&gone], Confirmation::Absent);
    assert_eq!(answer[&stays], Confirmation::Present);
}
