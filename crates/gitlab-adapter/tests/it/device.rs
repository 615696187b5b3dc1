//! The device grant.

use std::time::Duration;

use gitlab_sim::{DeviceGrant, Fault, FaultKind};
use org_core::oauth::Access;
use org_core::ports::{DevicePoll, DeviceStart, OauthError, VcsIdentity as _, VcsOauth as _};

use crate::harness::config;
use crate::signing::{Signing, refresh_token, small};

async fn start(signing: &Signing) -> DeviceStart {
    let started = signing
        .scene
        .host
        .start_device(&signing.host, Access::Read)
        .await;
    started.expect("it is offered")
}

async fn poll(signing: &Signing, start: &DeviceStart) -> Result<DevicePoll, OauthError> {
    let (host, code) = (&signing.host, &start.device_code);
    signing
        .scene
        .host
        .poll_device(host, code, Access::Read)
        .await
}

fn wait(signing: &Signing, seconds: u64) {
    signing
        .scene
        .sim
        .clock()
        .advance(Duration::from_secs(seconds));
}

#[tokio::test]
async fn a_person_agrees_elsewhere() {
    for secret in [None, Some("hush")] {
        let signing = Signing::with(small(), config(), secret).await;
        let start = start(&signing).await;
        assert_eq!(
            (start.lifetime.as_secs(), start.interval.as_secs()),
            (300, 5)
        );
        assert_eq!(
            start.verification_uri,
            format!("{}/oauth/device", signing.host)
        );
        let complete = start
            .verification_uri_complete
            .clone()
            .expect("there is one");
        assert!(complete.ends_with(&format!("/oauth/device?user_code={}", start.user_code)));
        let oauth = signing.scene.sim.oauth();
        assert_eq!(
            oauth.waiting_devices(),
            std::slice::from_ref(&start.user_code)
        );

        wait(&signing, 5);
        assert!(matches!(
            poll(&signing, &start).await,
            Ok(DevicePoll::Pending)
        ));
        let hasty = poll(&signing, &start).await;
        assert!(matches!(hasty, Ok(DevicePoll::SlowDown)), "{hasty:?}");
        oauth
            .approve_device(&start.user_code, "alice")
            .expect("it waits");
        wait(&signing, 10);
        let granted = poll(&signing, &start).await.expect("she agreed");
        let DevicePoll::Granted(grant) = granted else {
            panic!("{granted:?}");
        };
        let identity = signing
            .scene
            .host
            .identify(&signing.opened_by(&grant.access_token))
            .await;
        let identity = identity.expect("it is good");
        assert_eq!(identity.account.login.as_str(), "alice");
        assert_eq!(identity.token.scopes, grant.scopes);
        let renewed = signing
            .scene
            .host
            .refresh(&signing.host, &refresh_token(&grant), None)
            .await;
        assert!(renewed.is_ok(), "{renewed:?}");

        wait(&signing, 5);
        let again = poll(&signing, &start).await;
        assert!(
            matches!(again, Err(OauthError::InvalidGrant { .. })),
            "{again:?}"
        );
    }
}

#[tokio::test]
async fn a_person_denies_or_takes_too_long() {
    let signing = Signing::public().await;
    let denied = start(&signing).await;
    signing
        .scene
        .sim
        .oauth()
        .deny_device(&denied.user_code)
        .expect("it waits");
    wait(&signing, 5);
    let answer = poll(&signing, &denied).await;
    assert!(
        matches!(answer, Err(OauthError::AccessDenied { .. })),
        "{answer:?}"
    );
    let forgotten = start(&signing).await;
    wait(&signing, 301);
    let answer = poll(&signing, &forgotten).await;
    assert!(
        matches!(answer, Err(OauthError::Expired { .. })),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_lost_answer_has_used_the_code_up() {
    let signing = Signing::public().await;
    let start = start(&signing).await;
    signing
        .scene
        .sim
        .oauth()
        .approve_device(&start.user_code, "alice")
        .expect("it waits");
    wait(&signing, 5);
    signing
        .scene
        .sim
        .fault(Fault::new(FaultKind::Close).path("/oauth/token").once());
    let lost = poll(&signing, &start).await;
    assert!(matches!(lost, Err(OauthError::Lost { .. })), "{lost:?}");
    wait(&signing, 5);
    let void = poll(&signing, &start).await;
    assert!(
        matches!(void, Err(OauthError::InvalidGrant { .. })),
        "{void:?}"
    );
    assert_eq!(signing.count("/oauth/token"), 2);
}

#[tokio::test]
async fn an_old_host_does_not_offer_it() {
    let signing = Signing::with(small().device_grant(DeviceGrant::Off), config(), None).await;
    let refused = signing
        .scene
        .host
        .start_device(&signing.host, Access::Read)
        .await;
    let error = refused.map(|_| ()).expect_err("it is off");
    insta::assert_snapshot!(signing.said(&error), @"Unsupported: HOST does not offer signing in with a code on another device; it is there from GitLab 17.3 on");
    let polled = signing
        .scene
        .host
        .poll_device(&signing.host, &"code".into(), Access::Read)
        .await;
    assert!(
        matches!(polled, Err(OauthError::Unsupported { .. })),
        "{polled:?}"
    );
}

#[tokio::test]
async fn a_sign_in_without_a_refresh_token_is_one() {
    let builder = small().device_grant(DeviceGrant::WithoutRefreshToken);
    let signing = Signing::with(builder, config(), None).await;
    let start = start(&signing).await;
    signing
        .scene
        .sim
        .oauth()
        .approve_device(&start.user_code, "alice")
        .expect("it waits");
    wait(&signing, 5);
    let Ok(DevicePoll::Granted(grant)) = poll(&signing, &start).await else {
        panic!("it is granted");
    };
    assert!(grant.refresh_token.is_none());
}

#[tokio::test]
async fn a_host_that_believes_to_be_elsewhere_sends_nobody_there() {
    let builder = small().external_url("https://elsewhere.example");
    let signing = Signing::with(builder, config(), None).await;
    let refused = signing
        .scene
        .host
        .start_device(&signing.host, Access::Read)
        .await;
    let error = refused.map(|_| ()).expect_err("it is another place");
    insta::assert_snapshot!(signing.said(&error), @"Unexpected: HOST answered with something unexpected: a page of https://elsewhere.example to sign in at, which is another place; check the host's address here and `external_url` there");
}

#[tokio::test]
async fn what_goes_wrong_at_the_start_is_told() {
    let signing = Signing::public().await;
    let mut said = Vec::new();
    for kind in [
        FaultKind::Close,
        FaultKind::Oauth {
            error: "invalid_scope".into(),
        },
        FaultKind::Oauth {
            error: "unauthorized_client".into(),
        },
        FaultKind::Oauth {
            error: "unsupported_grant_type".into(),
        },
        FaultKind::SignInPage,
        FaultKind::WrongJson,
        FaultKind::EmptyBody,
    ] {
        let fault = signing
            .scene
            .sim
            .fault(Fault::new(kind).path("/oauth/authorize_device"));
        let refused = signing
            .scene
            .host
            .start_device(&signing.host, Access::Read)
            .await;
        said.push(signing.said(&refused.map(|_| ()).expect_err("it went wrong")));
        assert_eq!(signing.scene.sim.hits(fault), 1);
        signing.scene.sim.clear_faults();
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    Lost: the answer of HOST is lost: error sending request: client error (SendRequest): connection closed before message completed
    Refused: HOST refuses: invalid_scope: The requested scope is invalid, unknown, or malformed.
    Refused: HOST refuses: unauthorized_client: The client is not authorized to perform this request using this method.
    Unsupported: HOST does not offer signing in with a code on another device; it is there from GitLab 17.3 on
    Unexpected: HOST answered with something unexpected: an HTML page ("Sign in · GitLab") with status 200 instead of JSON; check the host's address and its path prefix, and that no sign-in page stands in front of it
    Unexpected: HOST answered with something unexpected: JSON of another shape than expected
    Lost: the answer of HOST is lost: status 200 and nothing more
    "#);
}
