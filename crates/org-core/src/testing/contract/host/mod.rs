//! The promises of the port [`VcsHost`], tried on a small world that each host under test sets up in its own way.

mod confirming;
mod identity;
mod listing;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use secrecy::SecretString;

use crate::host::HostUrl;
use crate::ids::{GroupId, RepositoryId};
use crate::inventory::{Group, Lifecycle, Repository, Visibility};
use crate::listing::{Listing, ListingBuilder, ListingEvent, ListingReport, Scope};
use crate::ports::{Confirmation, HostAccess, HostError, VcsHost};
use crate::testing::build::{parsed, whole_scope};
use crate::token::TokenState;

pub use self::confirming::*;
pub use self::identity::*;
pub use self::listing::*;

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
                token("rotator", "robot", "api", TokenState::Active),
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
    HostAccess::by_token(test.url(), test.token(token))
}

fn unknown_token(test: &dyn HostUnderTest) -> HostAccess {
    HostAccess::by_token(test.url(), SecretString::from("planted-unknown-token"))
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

async fn find_group(test: &dyn HostUnderTest, path: &str) -> Option<Group> {
    let host = test.host();
    let found = host
        .find_group(&access(test, "reader"), &parsed(path))
        .await;
    found.expect("the token is good")
}

async fn confirm(
    test: &dyn HostUnderTest,
    ids: &[RepositoryId],
) -> BTreeMap<RepositoryId, Confirmation> {
    let host = test.host();
    let confirmed = host.confirm(&access(test, "reader"), ids).await;
    confirmed.expect("the token is good")
}
