//! Whose a token is, what it may do, and every way in which it is not good.

use chrono::NaiveDate;
use gitlab_sim::{Fault, FaultKind, GitlabSim, Role, TokenSpec, World};
use org_core::ports::{HostError, Identity, VcsIdentity as _};
use org_core::token::{AccountKind, Capability, Grant};

use crate::harness::{Scene, config, spec};

async fn scene(token: TokenSpec) -> Scene {
    let builder = GitlabSim::builder()
        .world(World::generate(&spec()))
        .token(token);
    Scene::with(builder, config()).await
}

async fn identify(token: TokenSpec) -> Result<Identity, HostError> {
    let scene = scene(token).await;
    scene.host.identify(&scene.access).await
}

fn table(identity: &Identity) -> String {
    let rows = identity.capabilities.0.iter();
    let rows: Vec<String> = rows
        .map(|(capability, grant)| format!("{capability}: {grant}"))
        .collect();
    rows.join("\n")
}

#[tokio::test]
async fn a_personal_token_is_described() {
    let day = NaiveDate::from_ymd_opt(2027, 6, 1).expect("a day");
    let token = TokenSpec::user("alice")
        .scopes(["read_api", "read_repository"])
        .expires_at(day);
    let identity = identify(token).await.expect("it is good");
    assert_eq!(identity.account.login.as_str(), "alice");
    assert_eq!(identity.account.kind, AccountKind::Person);
    assert_eq!(identity.token.expires_on, Some(day));
    assert!(!identity.token.fine_grained);
    insta::assert_snapshot!(table(&identity), @r"
    list: granted
    clone: granted
    read_metadata: granted
    restore_code: missing scope write_repository or api
    restore_metadata: missing scope api
    manage_webhooks: missing scope api
    ");
}

#[tokio::test]
async fn bots_and_service_accounts_are_told_apart() {
    for (token, kind) in [
        (
            TokenSpec::group("acme", Role::Reporter),
            AccountKind::GroupBot,
        ),
        (
            TokenSpec::service_account("acme", Role::Reporter),
            AccountKind::ServiceAccount,
        ),
        (TokenSpec::user("root"), AccountKind::Person),
    ] {
        let identity = identify(token).await.expect("it is good");
        assert_eq!(identity.account.kind, kind, "{}", identity.account.login);
        assert_eq!(
            identity.capabilities.grant(Capability::ManageWebhooks),
            Some(&Grant::Yes)
        );
    }
    let world = World::generate(&spec());
    let project = world.projects().next().expect("a project").id;
    let builder = GitlabSim::builder()
        .world(world)
        .token(TokenSpec::project(project, Role::Reporter));
    let scene = Scene::with(builder, config()).await;
    let identity = scene
        .host
        .identify(&scene.access)
        .await
        .expect("it is good");
    assert_eq!(identity.account.kind, AccountKind::ProjectBot);
}

#[tokio::test]
async fn a_token_that_may_do_too_little_is_an_answer() {
    for scopes in [&["read_user"][..], &["read_repository"], &[]] {
        let token = TokenSpec::user("alice").scopes(scopes.iter().copied());
        let identity = identify(token).await.expect("it is good");
        assert_eq!(identity.account.login.as_str(), "alice", "{scopes:?}");
        let missing = Grant::Missing {
            any_of: vec!["read_api".into(), "api".into()],
        };
        assert_eq!(
            identity.capabilities.grant(Capability::List),
            Some(&missing)
        );
    }
    let fine = identify(TokenSpec::user("alice").fine_grained(["read_project"]))
        .await
        .expect("it is good");
    assert!(fine.token.fine_grained);
    assert!(matches!(
        fine.capabilities.grant(Capability::List),
        Some(Grant::Unknown { .. })
    ));
}

#[tokio::test]
async fn tokens_that_are_not_good_say_why() {
    let day = NaiveDate::from_ymd_opt(2027, 3, 1).expect("the day of the clock");
    let error = async |token| {
        identify(token)
            .await
            .expect_err("it is not good")
            .to_string()
    };
    let expired = error(TokenSpec::user("alice").expires_at(day)).await;
    assert!(
        expired.ends_with("says that the access token has expired"),
        "{expired}"
    );
    let revoked = error(TokenSpec::user("alice").revoked()).await;
    assert!(revoked.contains("it was revoked"), "{revoked}");
    let impersonation = error(TokenSpec::user("alice").impersonation_disabled()).await;
    assert!(
        impersonation.contains("impersonation was disabled"),
        "{impersonation}"
    );
    let scene = scene(TokenSpec::user("alice")).await;
    for nonsense in ["glpat-nobody", "two\nlines", "\u{fc}"] {
        let access = crate::harness::access(scene.sim.url(), nonsense);
        let refused = scene.host.identify(&access).await;
        assert!(
            matches!(refused, Err(HostError::TokenRefused { .. })),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn every_refusal_has_its_own_words() {
    let forbidden = |reason: &str| FaultKind::Forbidden {
        reason: Some(reason.into()),
    };
    let mut said = Vec::new();
    for kind in [
        FaultKind::Dpop,
        forbidden("Your account has been blocked"),
        forbidden("IP address is not allowed"),
        FaultKind::CloudflareChallenge,
        FaultKind::SignInPage,
        FaultKind::NotFound {
            what: "Page".into(),
        },
        FaultKind::WrongJson,
        FaultKind::BadRequest {
            reason: "This endpoint requires token type to be a personal access token".into(),
        },
        FaultKind::Redirect {
            status: 302,
            location: "https://elsewhere.example/users/sign_in".into(),
        },
        FaultKind::Internal,
    ] {
        let scene = scene(TokenSpec::user("alice")).await;
        scene.sim.fault(Fault::new(kind));
        let error = scene
            .host
            .identify(&scene.access)
            .await
            .expect_err("it cannot work");
        let name = format!("{error:?}")
            .split(' ')
            .next()
            .expect("a name")
            .to_owned();
        said.push(format!("{name}: {error}").replace(scene.sim.url(), "HOST"));
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    TokenRefused: HOST refuses the access token: the account demands a DPoP proof with every access token, which this program cannot give (DPoP validation error: DPoP header is missing); switch that off for the account, or use a group access token
    Denied: HOST denies reading whose access token it is: 403 Forbidden - Your account has been blocked
    Denied: HOST denies reading whose access token it is: 403 Forbidden - IP address is not allowed
    Denied: HOST denies reading whose access token it is: an HTML page ("Checking your Browser - GitLab") with status 403: something in front of GitLab, such as Cloudflare or a firewall, turns this machine's address away
    Unexpected: HOST answered reading whose access token it is with something unexpected: an HTML page ("Sign in · GitLab") instead of JSON; check the host's address and its path prefix, and that no sign-in page stands in front of the API
    Unexpected: HOST answered reading whose access token it is with something unexpected: 404 Page Not Found; check the host's address, and that it is GitLab 15.5 or newer
    Unexpected: HOST answered reading whose access token it is with something unexpected: JSON of another shape than expected (missing field `id` at line 1 column 24)
    Unsupported: HOST does not support reading whose access token it is: it is no personal, group or project access token (400 Bad request - This endpoint requires token type to be a personal access token); make one of these at the host
    Unexpected: HOST answered reading whose access token it is with something unexpected: a redirect to https://elsewhere.example, which is not followed, since the credential belongs to this host only; check the host's address
    Unavailable: HOST cannot be reached for reading whose access token it is: status 500: 500 Internal Server Error (19 tries)
    "#);
}

#[tokio::test]
async fn what_is_refused_is_not_asked_again() {
    let scene = scene(TokenSpec::user("alice").scopes(["read_api"])).await;
    let fault = scene.sim.fault(Fault::new(FaultKind::TokenRevoked));
    let _ = scene.host.identify(&scene.access).await;
    assert_eq!(scene.sim.hits(fault), 1);
}
