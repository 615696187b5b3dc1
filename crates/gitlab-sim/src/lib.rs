//! A small GitLab to run against: REST, GraphQL, tokens, limits and faults on demand, for tests,
//! demos and integrators. It knows nothing of any client; what it answers follows GitLab's
//! documentation and source (about version 18.8).
//!
//! # In a test
//!
//! ```
//! use gitlab_sim::{Fault, FaultKind, GitlabSim, TokenSpec, World, WorldSpec};
//!
//! # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
//! // The same spec always makes the same world. `alice` owns all of it, `bob` sees one subgroup.
//! let spec = WorldSpec::new(7).groups(40).projects(300).depth(4);
//! let sim = GitlabSim::builder()
//!     .world(World::generate(&spec))
//!     .token(TokenSpec::user("alice").scopes(["read_api"]))
//!     .token(TokenSpec::user("bob").scopes(["read_user"]))
//!     .start()
//!     .await?;
//! let api = format!("{}/api/v4", sim.url()); // http://127.0.0.1:PORT
//! let token = sim.token(); // of the first spec; all: sim.tokens()
//!
//! // What the world truly holds, to compare a client's listing with.
//! let paths: Vec<String> = sim
//!     .world()
//!     .read(|world| world.projects().map(|project| world.project_full_path(project)).collect());
//! assert_eq!(paths.len(), 300);
//!
//! // Change it while it runs; groups and projects are named by path or by number.
//! let moved = sim.world().change(|world| world.rename_project(paths[0].as_str(), "new-name"))?;
//! sim.world().change(|world| world.mark_project_for_deletion(moved))?;
//!
//! // Break it, and look at what was asked.
//! let broken = sim.fault(
//!     Fault::new(FaultKind::Gateway { status: 502 }).path("/api/v4/groups/*/projects").nth(3),
//! );
//! assert_eq!(sim.hits(broken), 0);
//! assert!(sim.requests().is_empty());
//! sim.shutdown().await; // or drop it
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # Signing in with OAuth
//!
//! ```
//! use gitlab_sim::{ApplicationSpec, Fault, FaultKind, GitlabSim};
//!
//! # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
//! let redirect = "http://127.0.0.1/callback"; // any port will do, as for GitLab
//! let sim = GitlabSim::builder()
//!     .user("alice", "her password") // for a browser: GET /oauth/authorize
//!     .application(ApplicationSpec::public("My tool", redirect).client_id("my-tool"))
//!     .application(ApplicationSpec::confidential("My server", redirect).secret("hush"))
//!     .start()
//!     .await?;
//! let oauth = sim.oauth();
//!
//! // Without a browser: `alice` opens the address, signs in and agrees, or denies.
//! let url = format!(
//!     "{}/oauth/authorize?client_id=my-tool&redirect_uri=http%3A%2F%2F127.0.0.1%3A9000%2Fcallback\
//!      &response_type=code&scope=read_api&state=s&code_challenge_method=S256\
//!      &code_challenge=2i0WFA-0AerkjQm4X4oDEhqA17QIAKNjXpagHBXmO_U",
//!     sim.url()
//! );
//! let goal = oauth.approve(&url, "alice")?;
//! assert!(goal.starts_with("http://127.0.0.1:9000/callback?code="));
//! assert!(oauth.deny(&url)?.contains("error=access_denied"));
//!
//! // Or begin with tokens, and let things go wrong with them.
//! let tokens = oauth.issue("my-tool", "alice", &["read_api"])?;
//! assert!(tokens.refresh_token.is_some());
//! oauth.expire_access_tokens(); // 401, time to refresh
//! oauth.lag_refresh_tokens(1); // the next good refresh token is refused once
//! sim.fault(Fault::new(FaultKind::Close).path("/oauth/token").nth(3)); // an answer is lost
//! oauth.revoke_application("my-tool", "alice")?; // `alice` takes it all back
//! assert_eq!(oauth.stats().refreshes, 0);
//! # sim.shutdown().await;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # The parts
//!
//! | what | where |
//! |---|---|
//! | set up | [`Builder`]: world, tokens, latency, prefix, TLS with its own authority, clock, budgets, `external_url`, version, GraphQL off |
//! | the world | [`WorldSpec`] and [`World::generate`], or [`World::empty`] and mutations; [`WorldHandle::read`] and [`WorldHandle::change`] on a running simulator |
//! | tokens | [`TokenSpec`]: of a user, a group's or project's bot, a service account; scopes, expiry, revoked, fine-grained; later [`WorldHandle::issue`], [`World::revoke_token`], [`World::set_token_expiry`] |
//! | OAuth | [`ApplicationSpec`] by [`Builder::application`], passwords by [`Builder::user`], rules by [`Builder::pkce`], [`Builder::authorize_errors`], [`Builder::device_grant`]; decisions, expiry, revocation and counts by [`GitlabSim::oauth`] |
//! | faults of OAuth | [`FaultKind::Close`] (the answer is lost), [`FaultKind::CloseUnheard`], [`FaultKind::Oauth`], [`FaultKind::Delay`], [`OauthHandle::lag_refresh_tokens`], [`OauthHandle::revoke_application`], [`OauthHandle::delete_application`] |
//! | a group that silently disappears | [`World::edit_group`] with [`GroupPatch::hidden`] |
//! | rows that move between pages | [`GitlabSim::trigger`] with a [`Trigger`]: a change right after the n-th matching request |
//! | faults | [`GitlabSim::fault`] with a [`Fault`]: a [`FaultKind`] and which requests it strikes |
//! | budgets | [`RateLimits`]: the throttle in front (429 in plain text with headers) and the endpoints' own (429 in JSON without) |
//! | what was asked | [`GitlabSim::requests`], [`GitlabSim::stats`]: never a token, code, verifier, secret or password, but whether one stood in a URL |
//! | time | [`Clock`]: the system's, or a manual one that the test advances |
//!
//! # What it answers
//!
//! REST below `/api/v4`: `version`, `metadata`, `user`, `users`, `users/:id`, `users/:id/projects`,
//! `personal_access_tokens/self` (also `DELETE`), `/associations` and `/rotate`, `/access_tokens/self/rotate`
//! of groups and projects, `groups`, `groups/:id`,
//! `/subgroups`, `/descendant_groups`, `/projects`, `/projects/shared`, `/groups/shared`,
//! `/invited_groups`, `/members[/all]`, `projects`, `projects/:id`, `/repository/branches`,
//! `/languages`, `/groups`, `/members[/all]`, `namespaces`, `namespaces/:id`. Groups and projects are
//! named by number or by path with `%2F`. Pagination is by offset, and for all projects by keyset.
//!
//! GraphQL at `/api/graphql`: `currentUser`, `group`, `groups`, `project`, `projects`, `metadata` and
//! `queryComplexity`, with GitLab's limits of page size, depth, complexity and length.
//!
//! OAuth as Doorkeeper does it: `GET`, `POST` and `DELETE /oauth/authorize` behind
//! `/users/sign_in`, `POST /oauth/token` (codes of ten minutes, refresh tokens of one use, device
//! codes; never passwords), `POST /oauth/authorize_device`, `/oauth/device`, `POST /oauth/revoke`,
//! `GET /oauth/token/info`, `/oauth/userinfo`, `/.well-known/openid-configuration`. Where it is
//! stricter than GitLab without configuration: public applications must prove themselves with S256
//! ([`Pkce`]), and there are no ID tokens.
//!
//! Who sees what follows memberships (direct, inherited, by invitation of a group), visibility and
//! ownership; see [`World`].
//!
//! # As a program
//!
//! The binary `gitlab-sim` serves a generated world, prints one line of JSON with its address and
//! tokens, and can be driven over a second address; its README describes it.

mod answer;
mod auth;
mod clock;
mod control;
mod cursor;
mod fault;
mod fault_kind;
mod graphql;
mod limits;
mod log;
mod mask;
mod oauth;
mod paginate;
mod params;
mod request;
mod rest;
mod secret;
mod serve;
mod server;
mod shared;
mod tls;
mod world;

pub use clock::Clock;
pub use control::Control;
pub use fault::{Fault, FaultId, Trigger};
pub use fault_kind::FaultKind;
pub use limits::{Budget, Endpoint, RateLimits};
pub use log::{RequestRecord, Stats};
pub use oauth::{
    Application, ApplicationSpec, AuthorizeErrors, DeviceGrant, OauthHandle, OauthRefused,
    OauthStats, OauthTokens, Pkce,
};
pub use request::AuthKind;
pub use secret::Secret;
pub use server::{Builder, GitlabSim, StartError};
pub use shared::WorldHandle;
pub use tls::TlsError;
pub use world::{
    Account, Group, GroupId, GroupPatch, IssuedToken, MadeApplication, Mutation, NamespaceId,
    Outcome, Project, ProjectId, ProjectPatch, Ref, Role, Share, Source, Token, TokenId, TokenKind,
    TokenSpec, User, UserId, Visibility, World, WorldError, WorldSpec,
};
