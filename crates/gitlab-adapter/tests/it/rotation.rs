//! Access tokens that take the place of others.

use std::time::Duration;

use chrono::{Days, NaiveDate};
use gitlab_sim::{Fault, FaultKind, GitlabSim, Role, TokenSpec, World};
use org_core::host::{HostUrl, PlainHttp};
use org_core::oauth::Access;
use org_core::ports::{
    Clock as _, HostAccess, HostError, RotateError, RotatedToken, VcsIdentity as _,
    VcsRotation as _,
};
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;

use crate::harness::{Scene, access, config, spec};
use crate::signing::Signing;

const PATH: &str = "/api/v4/personal_access_tokens/self/rotate";

async fn scene(token: TokenSpec) -> Scene {
    let builder = GitlabSim::builder()
        .world(World::generate(&spec()))
        .token(token);
    Scene::with(builder, config()).await
}

fn in_days(scene: &Scene, days: u64) -> NaiveDate {
    let today = scene.clock.now().date_naive();
    today.checked_add_days(Days::new(days)).expect("a day")
}

async fn rotate(scene: &Scene) -> Result<RotatedToken, RotateError> {
    scene.host.rotate(&scene.access, in_days(scene, 90)).await
}

fn sent(scene: &Scene) -> usize {
    let requests = scene.sim.requests();
    requests
        .iter()
        .filter(|asked| asked.method == "POST")
        .count()
}

fn said(scene: &Scene, error: &RotateError) -> String {
    let name = match error {
        RotateError::Refused(error) => {
            let shown = format!("{error:?}");
            format!("Refused {}", shown.split(' ').next().expect("a name"))
        }
        RotateError::Lost { .. } => "Lost".to_owned(),
    };
    format!("{name}: {error}").replace(scene.sim.url(), "HOST")
}

#[tokio::test]
async fn a_token_makes_way_for_another_whoever_it_belongs_to() {
    let world = World::generate(&spec());
    let project = world.projects().next().expect("a project").id;
    for token in [
        TokenSpec::user("alice"),
        TokenSpec::user("alice").scopes(["read_api", "self_rotate"]),
        TokenSpec::group("acme", Role::Reporter),
        TokenSpec::project(project, Role::Reporter),
        TokenSpec::service_account("acme", Role::Reporter),
    ] {
        let scene = scene(token).await;
        let before = scene
            .host
            .identify(&scene.access)
            .await
            .expect("it is good");
        let rotated = rotate(&scene).await.expect("it may");
        assert_eq!(rotated.expires_on, Some(in_days(&scene, 90)));
        let old = scene.host.identify(&scene.access).await;
        assert!(
            matches!(old, Err(HostError::TokenRefused { .. })),
            "{old:?}"
        );
        let new = access(scene.sim.url(), rotated.token.expose_secret());
        let after = scene.host.identify(&new).await.expect("it is good");
        assert_eq!(after.account, before.account);
        assert_eq!(after.token.scopes, before.token.scopes);
        assert_eq!(after.token.expires_on, rotated.expires_on);
        assert_eq!(sent(&scene), 1);
    }
}

#[tokio::test]
async fn a_refusal_leaves_the_token_as_it_was_and_says_why() {
    let mut told = Vec::new();
    let mut note = |scene: &Scene, result: Result<RotatedToken, RotateError>| {
        let error = result.map(|_| ()).expect_err("it is refused");
        told.push(said(scene, &error));
        assert!(sent(scene) <= 1);
    };
    let narrow = scene(TokenSpec::user("alice").scopes(["read_api"])).await;
    note(&narrow, rotate(&narrow).await);
    let expired = scene(TokenSpec::user("alice").expires_at(NaiveDate::MIN)).await;
    note(&expired, rotate(&expired).await);
    let revoked = scene(TokenSpec::user("alice").revoked()).await;
    note(&revoked, rotate(&revoked).await);
    let good = scene(TokenSpec::user("alice")).await;
    note(
        &good,
        good.host.rotate(&good.access, in_days(&good, 400)).await,
    );
    let odd = access(good.sim.url(), "two\nlines");
    note(&good, good.host.rotate(&odd, in_days(&good, 90)).await);
    for kind in [
        FaultKind::Forbidden { reason: None },
        FaultKind::CloudflareChallenge,
        FaultKind::NotFound {
            what: "Personal Access Token".into(),
        },
        FaultKind::Dpop,
        FaultKind::Throttled {
            retry_after: Some(30),
        },
        FaultKind::EndpointLimit { retry_after: None },
        FaultKind::Redirect {
            status: 307,
            location: "https://elsewhere.example/x".into(),
        },
    ] {
        let good = scene(TokenSpec::user("alice")).await;
        good.sim.fault(Fault::new(kind).path(PATH));
        note(&good, rotate(&good).await);
        let still = good.host.identify(&good.access).await;
        assert!(still.is_ok(), "{still:?}");
    }
    insta::assert_snapshot!(told.join("\n"), @r#"
    Refused ScopeMissing: the access token lacks a scope for rotating the access token: self_rotate or api would do
    Refused TokenExpired: HOST says that the access token has expired
    Refused TokenRefused: HOST refuses the access token: it was revoked (Token was revoked. You have to re-authorize from the user.)
    Refused Denied: HOST denies rotating the access token: status 400: 400 Bad request - Expires at must be before 2028-02-29
    Refused TokenRefused: HOST refuses the access token: it holds characters that no access token has
    Refused Denied: HOST denies rotating the access token: 403 Forbidden
    Refused Denied: HOST denies rotating the access token: an HTML page ("Checking your Browser - GitLab") with status 403: something in front of GitLab, such as Cloudflare or a firewall, turns this machine's address away
    Refused Unsupported: HOST does not support rotating the access token: it is there from GitLab 16.10 on (404 Personal Access Token Not Found); check the host's address and its version
    Refused TokenRefused: HOST refuses the access token: the account demands a DPoP proof with every access token, which this program cannot give (DPoP validation error: DPoP header is missing); switch that off for the account, or use a group access token
    Refused RateLimited: HOST limits the rate of requests; try again in 30 s
    Refused RateLimited: HOST limits the rate of requests; try again in 60 s
    Refused Unexpected: HOST answered rotating the access token with something unexpected: a redirect with status 307, which is not followed, since the credential belongs to this host only; check the host's address
    "#);
}

#[tokio::test]
async fn an_answer_that_nobody_got_is_lost_and_not_asked_for_again() {
    let mut told = Vec::new();
    for kind in [
        FaultKind::Close,
        FaultKind::CloseUnheard,
        FaultKind::Internal,
        FaultKind::Maintenance,
        FaultKind::Gateway { status: 502 },
        FaultKind::Gateway { status: 504 },
        FaultKind::Gateway { status: 524 },
        FaultKind::SignInPage,
        FaultKind::WrongJson,
        FaultKind::EmptyBody,
        FaultKind::TruncatedJson,
        FaultKind::CutBody { after: 20 },
        FaultKind::HugeBody { bytes: 1 << 30 },
        FaultKind::Hang,
    ] {
        let token = TokenSpec::user("alice");
        let builder = GitlabSim::builder()
            .world(World::generate(&spec()))
            .token(token);
        let config = config().request_timeout(Duration::from_millis(300));
        let scene = Scene::with(builder, config).await;
        scene.sim.fault(Fault::new(kind).path(PATH));
        let error = rotate(&scene).await.map(|_| ()).expect_err("nobody knows");
        assert!(matches!(error, RotateError::Lost { .. }), "{error:?}");
        assert_eq!(sent(&scene), 1);
        told.push(said(&scene, &error));
    }
    insta::assert_snapshot!(told.join("\n"), @r#"
    Lost: the answer of HOST is lost: error sending request: client error (SendRequest): connection closed before message completed
    Lost: the answer of HOST is lost: error sending request: client error (SendRequest): connection closed before message completed
    Lost: the answer of HOST is lost: status 500: 500 Internal Server Error
    Lost: the answer of HOST is lost: status 503: GitLab Maintenance: system is in maintenance mode
    Lost: the answer of HOST is lost: status 502 ("502 Bad Gateway")
    Lost: the answer of HOST is lost: status 504 ("504 Gateway Time-out")
    Lost: the answer of HOST is lost: status 524
    Lost: the answer of HOST is lost: status 200 without a new token that can be read
    Lost: the answer of HOST is lost: status 200 without a new token that can be read
    Lost: the answer of HOST is lost: status 200 without a new token that can be read
    Lost: the answer of HOST is lost: status 200 without a new token that can be read
    Lost: the answer of HOST is lost: the answer broke off after 20 bytes (error decoding response body: error reading a body from connection: end of file before message length reached)
    Lost: the answer of HOST is lost: an answer without end, with status 200
    Lost: the answer of HOST is lost: no full answer within 0.3 s
    "#);
}

#[tokio::test]
async fn what_was_not_sent_is_no_loss() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let closed = listener.local_addr().expect("an address");
    drop(listener);
    let scene = scene(TokenSpec::user("alice")).await;
    let host = HostUrl::parse(&format!("http://{closed}"), PlainHttp::LoopbackOnly);
    let nobody = HostAccess {
        host: host.expect("a host"),
        ..scene.access.clone()
    };
    let refused = scene.host.rotate(&nobody, in_days(&scene, 90)).await;
    let Err(RotateError::Refused(HostError::Unavailable { .. })) = refused else {
        panic!("{refused:?}");
    };
}

#[tokio::test]
async fn tokens_of_a_sign_in_are_not_rotated() {
    let signing = Signing::public().await;
    let grant = signing.sign_in(Access::Restore).await;
    let scene = &signing.scene;
    let signed_in = signing.opened_by(&grant.access_token);
    let before = scene.sim.requests().len();
    let refused = scene.host.rotate(&signed_in, in_days(scene, 90)).await;
    let unsupported = |result| {
        matches!(
            result,
            Err(RotateError::Refused(HostError::Unsupported { .. }))
        )
    };
    assert!(unsupported(refused));
    assert_eq!(scene.sim.requests().len(), before, "nothing was sent");
    // Given as something else, the host tells.
    let given = access(scene.sim.url(), grant.access_token.expose_secret());
    let refused = scene.host.rotate(&given, in_days(scene, 90)).await;
    assert!(unsupported(refused));
    assert!(scene.host.identify(&signed_in).await.is_ok());
}
