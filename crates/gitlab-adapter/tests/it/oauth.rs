//! Signing in by code, renewing and taking back, over real HTTP.

use gitlab_sim::{ApplicationSpec, World, WorldSpec};
use org_core::host::{HostUrl, PlainHttp};
use org_core::oauth::{Access, Verifier};
use org_core::ports::{
    CodeExchange, Credential, Grant, HostAccess, HostError, OauthError, VcsIdentity as _,
    VcsListing as _, VcsOauth as _,
};
use org_core::token::{AccountKind, Capability, Grant as Granted};
use secrecy::ExposeSecret as _;

use crate::harness::{all, config, gather};
use crate::signing::{CLIENT, Signing, VERIFIER, refresh_token, small};

fn scopes(grant: &Grant) -> String {
    let scopes: Vec<&str> = grant.scopes.iter().map(String::as_str).collect();
    scopes.join(" ")
}

#[tokio::test]
async fn a_person_signs_in_and_the_tokens_open_the_host() {
    for secret in [None, Some("hush&=+ %")] {
        let signing = Signing::with(small(), config(), secret).await;
        let grant = signing.sign_in(Access::Read).await;
        assert_eq!(scopes(&grant), "read_api read_repository read_user");
        assert_eq!(grant.lifetime.expect("it is told").as_secs(), 7200);
        let access = signing.opened_by(&grant.access_token);
        let host = &signing.scene.host;
        let identity = host.identify(&access).await.expect("it is good");
        assert_eq!(identity.account.login.as_str(), "alice");
        assert_eq!(identity.account.kind, AccountKind::Person);
        assert_eq!(identity.token.id, None);
        assert_eq!(identity.token.name, format!("OAuth application {CLIENT}"));
        assert_eq!(identity.token.scopes, grant.scopes);
        assert_eq!(identity.token.expires_on, None);
        let list = identity.capabilities.grant(Capability::List);
        assert_eq!(list, Some(&Granted::Yes));
        let outcome = gather(host.list(&access, &all())).await;
        signing
            .scene
            .check_everything(&outcome.expect("it ends well"));
        assert_eq!(signing.count("/oauth/token"), 1);
    }
}

#[tokio::test]
async fn the_address_says_what_is_asked_for_and_only_the_challenge_of_the_verifier() {
    let signing = Signing::public().await;
    let port = signing.scene.sim.address().port().to_string();
    let shown = |access| signing.address(access).replace(&port, "PORT");
    insta::assert_snapshot!(shown(Access::Read), @"http://127.0.0.1:PORT/oauth/authorize?response_type=code&client_id=0f3c-application&state=the-state-of-this-request&code_challenge=2i0WFA-0AerkjQm4X4oDEhqA17QIAKNjXpagHBXmO_U&code_challenge_method=S256&redirect_uri=http%3A%2F%2F127.0.0.1%3A7171%2Fcallback%2Fhttp%7E3a%7E2f%7E2f127.0.0.1%7E3aPORT&scope=read_api+read_user+read_repository");
    insta::assert_snapshot!(shown(Access::Restore), @"http://127.0.0.1:PORT/oauth/authorize?response_type=code&client_id=0f3c-application&state=the-state-of-this-request&code_challenge=2i0WFA-0AerkjQm4X4oDEhqA17QIAKNjXpagHBXmO_U&code_challenge_method=S256&redirect_uri=http%3A%2F%2F127.0.0.1%3A7171%2Fcallback%2Fhttp%7E3a%7E2f%7E2f127.0.0.1%7E3aPORT&scope=api");
    assert!(!signing.address(Access::Read).contains(VERIFIER));
}

#[tokio::test]
async fn a_host_below_a_path_of_its_own_is_signed_in_at_below_it() {
    let signing = Signing::with(small().prefix("/gitlab"), config(), None).await;
    let grant = signing.sign_in(Access::Restore).await;
    assert_eq!(scopes(&grant), "api");
    let access = signing.opened_by(&grant.access_token);
    let identity = signing.scene.host.identify(&access).await;
    assert!(identity.is_ok(), "{identity:?}");
    let renewed = signing
        .refresh(&refresh_token(&grant))
        .await
        .expect("it is good");
    let revoked = signing
        .scene
        .host
        .revoke(&signing.host, &renewed.access_token)
        .await;
    assert_eq!(revoked, Ok(()));
}

#[tokio::test]
async fn a_host_with_a_certificate_of_its_own_authority_is_signed_in_at() {
    let trusting = |ca: &str| config().extra_ca_pem(ca.as_bytes()).expect("an authority");
    // The authority is known when the simulator runs; so the adapter is made twice.
    let signing = Signing::with(small().tls(), config(), None).await;
    let refused = signing.exchange(&signing.answer("code".into())).await;
    assert!(
        matches!(refused, Err(OauthError::NotSent { .. })),
        "{refused:?}"
    );
    let ca = signing.scene.sim.ca_pem().expect("it has one");
    let client = CLIENT.parse().expect("a client id");
    let config = trusting(ca).oauth_client(signing.host.clone(), client, None);
    let host = crate::harness::host(config);
    let grant = host
        .exchange(
            &signing.host,
            &signing.answer(signing.code(Access::Read)),
            Access::Read,
        )
        .await
        .expect("it is all right");
    let revoked = host.revoke(&signing.host, &grant.access_token).await;
    assert_eq!(revoked, Ok(()));
}

#[tokio::test]
async fn what_does_not_belong_together_is_refused() {
    let signing = Signing::public().await;
    let mut said = Vec::new();
    let mut check = |name: &str, result: Result<Grant, OauthError>| {
        let error = result.map(|_| ()).expect_err(name);
        said.push(format!("{name}: {}", signing.said(&error)));
    };
    let other = CodeExchange {
        verifier: Verifier::kept("x".repeat(43).into()),
        ..signing.answer(signing.code(Access::Read))
    };
    check("another verifier", signing.exchange(&other).await);
    let elsewhere = CodeExchange {
        redirect: "http://127.0.0.1:7171/callback/elsewhere"
            .parse()
            .expect("an address"),
        ..signing.answer(signing.code(Access::Read))
    };
    check("another redirect URI", signing.exchange(&elsewhere).await);
    let short = CodeExchange {
        verifier: Verifier::kept("short".into()),
        ..signing.answer(signing.code(Access::Read))
    };
    check("no verifier at all", signing.exchange(&short).await);
    check(
        "an invented code",
        signing.exchange(&signing.answer("invented".into())).await,
    );
    let replayed = signing.answer(signing.code(Access::Read));
    let grant = signing.exchange(&replayed).await.expect("it is good once");
    check("a code that was used", signing.exchange(&replayed).await);
    let late = signing.answer(signing.code(Access::Read));
    signing
        .scene
        .sim
        .clock()
        .advance(std::time::Duration::from_mins(11));
    check("a code of eleven minutes", signing.exchange(&late).await);
    insta::assert_snapshot!(said.join("\n"), @r"
    another verifier: InvalidGrant: HOST does not accept the grant: The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client.
    another redirect URI: InvalidGrant: HOST does not accept the grant: The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client.
    no verifier at all: InvalidGrant: HOST does not accept the grant: what was kept as the proof of the sign-in is none
    an invented code: InvalidGrant: HOST does not accept the grant: The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client.
    a code that was used: InvalidGrant: HOST does not accept the grant: The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client.
    a code of eleven minutes: InvalidGrant: HOST does not accept the grant: The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client.
    ");
    // GitLab ends what a replayed code gave; see the simulator.
    let opened = signing
        .scene
        .host
        .identify(&signing.opened_by(&grant.access_token))
        .await;
    assert!(
        matches!(opened, Err(HostError::TokenRefused { .. })),
        "{opened:?}"
    );
}

#[tokio::test]
async fn a_code_of_one_host_is_nothing_at_another() {
    let (ours, theirs) = (Signing::public().await, Signing::public().await);
    let code = theirs.code(Access::Read);
    let refused = ours.exchange(&ours.answer(code.clone())).await;
    assert!(
        matches!(refused, Err(OauthError::InvalidGrant { .. })),
        "{refused:?}"
    );
    let granted = theirs.exchange(&theirs.answer(code)).await;
    assert!(granted.is_ok(), "{granted:?}");
}

#[tokio::test]
async fn an_application_that_the_host_does_not_know_is_named() {
    let secret = Signing::with(small(), config(), Some("hush")).await;
    let wrong = secret.host.clone();
    let client = || CLIENT.parse().expect("a client id");
    let mut said = Vec::new();
    for (name, config) in [
        (
            "a wrong secret",
            config().oauth_client(wrong.clone(), client(), Some("guessed".into())),
        ),
        (
            "no secret",
            config().oauth_client(wrong.clone(), client(), None),
        ),
        (
            "another id",
            config().oauth_client(wrong.clone(), "unknown".parse().expect("a client id"), None),
        ),
        ("none", config()),
    ] {
        let host = crate::harness::host(config);
        let answer = secret.answer(secret.code(Access::Read));
        let refused = host.exchange(&wrong, &answer, Access::Read).await;
        let error = refused.map(|_| ()).expect_err(name);
        said.push(format!("{name}: {}", secret.said(&error)));
        assert_eq!(host.client(&wrong).is_some(), name != "none");
    }
    insta::assert_snapshot!(said.join("\n"), @r"
    a wrong secret: Refused: HOST refuses: invalid_client: Client authentication failed due to unknown client, no client authentication included, or unsupported authentication method.
    no secret: Refused: HOST refuses: invalid_client: Client authentication failed due to unknown client, no client authentication included, or unsupported authentication method.
    another id: Refused: HOST refuses: invalid_client: Client authentication failed due to unknown client, no client authentication included, or unsupported authentication method.
    none: NotRegistered: no application of HOST is configured for signing in
    ");
    assert_eq!(
        secret.count("/oauth/token"),
        3,
        "without an application nothing is sent"
    );
}

#[tokio::test]
async fn without_an_application_nothing_is_sent_at_all() {
    let signing = Signing::public().await;
    let host = crate::harness::host(config());
    let (at, token) = (&signing.host, "token".into());
    let expected = || OauthError::NotRegistered {
        host: at.to_string(),
    };
    let request = signing.request(Access::Read);
    assert_eq!(host.client(at), None);
    assert_eq!(
        host.authorization_url(at, &request).map(|_| ()),
        Err(expected())
    );
    assert_eq!(
        host.refresh(at, &token, None).await.map(|_| ()),
        Err(expected())
    );
    assert_eq!(
        host.start_device(at, Access::Read).await.map(|_| ()),
        Err(expected())
    );
    assert_eq!(
        host.poll_device(at, &token, Access::Read).await.map(|_| ()),
        Err(expected())
    );
    assert_eq!(host.revoke(at, &token).await, Err(expected()));
    assert!(signing.scene.sim.requests().is_empty());
    // Another port is another host.
    let other = HostUrl::parse("http://127.0.0.1:1", PlainHttp::LoopbackOnly).expect("a host");
    assert_eq!(signing.scene.host.client(&other), None);
}

#[tokio::test]
async fn a_renewal_ends_the_old_pair_and_keeps_what_was_granted() {
    let signing = Signing::public().await;
    let first = signing.sign_in(Access::Read).await;
    let second = signing
        .refresh(&refresh_token(&first))
        .await
        .expect("it is good");
    assert_eq!(second.scopes, first.scopes);
    assert_ne!(
        second.access_token.expose_secret(),
        first.access_token.expose_secret()
    );
    let host = &signing.scene.host;
    let old = host.identify(&signing.opened_by(&first.access_token)).await;
    assert!(
        matches!(old, Err(HostError::TokenRefused { .. })),
        "{old:?}"
    );
    let new = host
        .identify(&signing.opened_by(&second.access_token))
        .await;
    assert!(new.is_ok(), "{new:?}");
    let again = signing.refresh(&refresh_token(&first)).await;
    assert!(
        matches!(again, Err(OauthError::InvalidGrant { .. })),
        "{again:?}"
    );
    // A device sign-in has no redirect URI to repeat.
    let third = host
        .refresh(&signing.host, &refresh_token(&second), None)
        .await;
    assert!(third.is_ok(), "{third:?}");
}

#[tokio::test]
async fn of_many_renewals_at_once_one_wins() {
    let signing = Signing::public().await;
    let token = refresh_token(&signing.sign_in(Access::Read).await);
    let all = futures_util::future::join_all((0..20).map(|_| signing.refresh(&token))).await;
    let won = all.iter().filter(|result| result.is_ok()).count();
    let lost = all
        .iter()
        .filter(|result| matches!(result, Err(OauthError::InvalidGrant { .. })));
    assert_eq!((won, lost.count()), (1, 19));
}

#[tokio::test]
async fn a_replica_that_lags_refuses_a_good_token_for_a_while() {
    let signing = Signing::public().await;
    let token = refresh_token(&signing.sign_in(Access::Read).await);
    signing.scene.sim.oauth().lag_refresh_tokens(1);
    let refused = signing.refresh(&token).await;
    assert!(
        matches!(refused, Err(OauthError::InvalidGrant { .. })),
        "{refused:?}"
    );
    assert!(
        signing.refresh(&token).await.is_ok(),
        "the token stayed good"
    );
}

#[tokio::test]
async fn a_pair_is_taken_back_by_either_of_its_tokens_and_as_often_as_wanted() {
    let signing = Signing::public().await;
    let host = &signing.scene.host;
    for by_refresh_token in [true, false] {
        let grant = signing.sign_in(Access::Read).await;
        let token = if by_refresh_token {
            refresh_token(&grant)
        } else {
            grant.access_token.clone()
        };
        for _ in 0..2 {
            assert_eq!(host.revoke(&signing.host, &token).await, Ok(()));
        }
        let opened = host.identify(&signing.opened_by(&grant.access_token)).await;
        assert!(
            matches!(opened, Err(HostError::TokenRefused { .. })),
            "{opened:?}"
        );
        let renewed = signing.refresh(&refresh_token(&grant)).await;
        assert!(
            matches!(renewed, Err(OauthError::InvalidGrant { .. })),
            "{renewed:?}"
        );
    }
    let unknown = "never-seen-before".into();
    assert_eq!(host.revoke(&signing.host, &unknown).await, Ok(()));
}

#[tokio::test]
async fn a_pair_of_another_application_is_not_ours_to_take_back() {
    let signing = Signing::public().await;
    let oauth = signing.scene.sim.oauth();
    let spec = ApplicationSpec::public("Another", "http://127.0.0.1/cb").client_id("another");
    oauth.add_application(&spec).expect("a good application");
    let theirs = oauth
        .issue("another", "alice", &["read_api"])
        .expect("a pair");
    let token = theirs.access_token.as_str().into();
    let refused = signing.scene.host.revoke(&signing.host, &token).await;
    let error = refused.expect_err("it is not ours");
    insta::assert_snapshot!(signing.said(&error), @"Refused: HOST refuses: unauthorized_client: You are not authorized to revoke this token");
    let renewed = signing
        .refresh(&theirs.refresh_token.expect("there is one").into())
        .await;
    assert!(
        matches!(renewed, Err(OauthError::InvalidGrant { .. })),
        "{renewed:?}"
    );
}

#[tokio::test]
async fn a_token_of_a_sign_in_is_told_from_an_access_token() {
    let signing = Signing::public().await;
    let host = &signing.scene.host;
    let grant = signing.sign_in(Access::Read).await;
    let as_access_token = HostAccess::by_token(signing.host.clone(), grant.access_token.clone());
    let refused = host
        .identify(&as_access_token)
        .await
        .expect_err("another kind");
    assert!(
        refused
            .to_string()
            .contains("it is no personal, group or project access token"),
        "{refused}"
    );
    let access_token = signing.scene.sim.token().to_owned().into();
    let refused = host.identify(&signing.opened_by(&access_token)).await;
    let refused = refused.expect_err("another kind").to_string();
    assert!(
        refused.ends_with("it is a personal, group or project access token, not one of a sign-in"),
        "{refused}"
    );
    signing.scene.sim.oauth().expire_access_tokens();
    for access in [
        signing.opened_by(&grant.access_token),
        signing.opened_by(&"unknown".into()),
    ] {
        let refused = host.identify(&access).await;
        assert!(
            matches!(
                refused,
                Err(HostError::TokenRefused { .. } | HostError::TokenExpired { .. })
            ),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn a_sign_in_with_too_little_scope_is_an_answer() {
    let world = World::generate(&WorldSpec::new(4).groups(3).projects(5));
    let signing = Signing::with(small().world(world), config(), None).await;
    let oauth = signing.scene.sim.oauth();
    for scope in ["read_user", "read_repository"] {
        let tokens = oauth.issue(CLIENT, "alice", &[scope]).expect("a pair");
        let access = HostAccess {
            host: signing.host.clone(),
            credential: Credential::fresh(tokens.access_token.into()),
        };
        let identity = signing
            .scene
            .host
            .identify(&access)
            .await
            .expect("it is good");
        assert_eq!(identity.account.login.as_str(), "alice", "{scope}");
        let list = identity.capabilities.grant(Capability::List);
        assert!(matches!(list, Some(Granted::Missing { .. })), "{list:?}");
    }
}
