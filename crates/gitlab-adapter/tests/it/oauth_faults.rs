//! A token endpoint that is out of order: what was done, what was not, and what nobody knows.

use std::time::Duration;

use gitlab_sim::{Fault, FaultKind, GitlabSim};
use org_core::host::{HostUrl, PlainHttp};
use org_core::oauth::Access;
use org_core::ports::{OauthError, VcsOauth as _};
use tokio::net::TcpListener;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::harness::config;
use crate::signing::{CLIENT, Signing, refresh_token, said, small};

fn oauth(error: &str) -> FaultKind {
    FaultKind::Oauth {
        error: error.to_owned(),
    }
}

/// Strikes the first request for a path and tells what a renewal says then. It is sent once, whatever happens.
async fn renewal_under(signing: &Signing, kind: FaultKind) -> OauthError {
    let token = refresh_token(&signing.sign_in(Access::Read).await);
    let before = signing.count("/oauth/token");
    signing
        .scene
        .sim
        .fault(Fault::new(kind).path("/oauth/token"));
    let refused = signing.refresh(&token).await;
    signing.scene.sim.clear_faults();
    assert_eq!(signing.count("/oauth/token"), before + 1);
    refused.map(|_| ()).expect_err("it went wrong")
}

/// Every way in which a token endpoint may fail.
fn failing() -> Vec<FaultKind> {
    vec![
        oauth("invalid_grant"),
        oauth("invalid_client"),
        oauth("invalid_request"),
        oauth("invalid_scope"),
        oauth("unauthorized_client"),
        oauth("unsupported_grant_type"),
        oauth("access_denied"),
        oauth("expired_token"),
        oauth("temporarily_unavailable"),
        oauth("server_error"),
        FaultKind::Throttled {
            retry_after: Some(30),
        },
        FaultKind::Throttled { retry_after: None },
        FaultKind::EndpointLimit {
            retry_after: Some(7),
        },
        FaultKind::Internal,
        FaultKind::Unavailable,
        FaultKind::Maintenance,
        FaultKind::Gateway { status: 502 },
        FaultKind::Gateway { status: 503 },
        FaultKind::Gateway { status: 522 },
        FaultKind::CloudflareChallenge,
        FaultKind::SignInPage,
        FaultKind::NotFound {
            what: "Page".into(),
        },
        FaultKind::Unauthorized,
        FaultKind::Forbidden { reason: None },
        FaultKind::Redirect {
            status: 302,
            location: "/users/sign_in".into(),
        },
        FaultKind::WrongJson,
        FaultKind::EmptyBody,
        FaultKind::TruncatedJson,
        FaultKind::CutBody { after: 20 },
        FaultKind::CutChunked { after: 20 },
        FaultKind::HugeBody { bytes: 1 << 30 },
        FaultKind::Close,
        FaultKind::CloseUnheard,
    ]
}

#[tokio::test]
async fn every_answer_says_whether_something_may_have_been_done() {
    let signing = Signing::public().await;
    let mut told = Vec::new();
    for kind in failing() {
        let name = serde_json::to_value(&kind).expect("JSON");
        let error = renewal_under(&signing, kind).await;
        told.push(format!("{name}\n  {}", signing.said(&error)));
    }
    insta::assert_snapshot!(told.join("\n"), @r#"
    {"error":"invalid_grant","kind":"oauth"}
      InvalidGrant: HOST does not accept the grant: The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client.
    {"error":"invalid_client","kind":"oauth"}
      Refused: HOST refuses: invalid_client: Client authentication failed due to unknown client, no client authentication included, or unsupported authentication method.
    {"error":"invalid_request","kind":"oauth"}
      Refused: HOST refuses: invalid_request: The request is missing a required parameter, includes an unsupported parameter value, or is otherwise malformed.
    {"error":"invalid_scope","kind":"oauth"}
      Refused: HOST refuses: invalid_scope: The requested scope is invalid, unknown, or malformed.
    {"error":"unauthorized_client","kind":"oauth"}
      Refused: HOST refuses: unauthorized_client: The client is not authorized to perform this request using this method.
    {"error":"unsupported_grant_type","kind":"oauth"}
      Refused: HOST refuses: unsupported_grant_type: The authorization grant type is not supported by the authorization server.
    {"error":"access_denied","kind":"oauth"}
      AccessDenied: HOST says that the sign-in was denied
    {"error":"expired_token","kind":"oauth"}
      Expired: HOST says that the time to sign in is over
    {"error":"temporarily_unavailable","kind":"oauth"}
      NotSent: HOST cannot be reached: it says that it is overloaded or under maintenance
    {"error":"server_error","kind":"oauth"}
      Lost: the answer of HOST is lost: The authorization server encountered an unexpected condition which prevented it from fulfilling the request.
    {"kind":"throttled","retry_after":30}
      RateLimited: HOST limits the rate of requests; try again in 30 s
    {"kind":"throttled","retry_after":null}
      RateLimited: HOST limits the rate of requests; try again in 60 s
    {"kind":"endpoint_limit","retry_after":7}
      RateLimited: HOST limits the rate of requests; try again in 7 s
    {"kind":"internal"}
      Lost: the answer of HOST is lost: status 500: 500 Internal Server Error
    {"kind":"unavailable"}
      Lost: the answer of HOST is lost: status 503: 503 Service Unavailable
    {"kind":"maintenance"}
      Lost: the answer of HOST is lost: status 503: GitLab Maintenance: system is in maintenance mode
    {"kind":"gateway","status":502}
      Lost: the answer of HOST is lost: status 502 ("502 Bad Gateway")
    {"kind":"gateway","status":503}
      Lost: the answer of HOST is lost: status 503
    {"kind":"gateway","status":522}
      Lost: the answer of HOST is lost: status 522
    {"kind":"cloudflare_challenge"}
      Unexpected: HOST answered with something unexpected: an HTML page ("Checking your Browser - GitLab") with status 403: something in front of GitLab, such as Cloudflare or a firewall, turns this machine's address away
    {"kind":"sign_in_page"}
      Unexpected: HOST answered with something unexpected: an HTML page ("Sign in · GitLab") with status 200 instead of JSON; check the host's address and its path prefix, and that no sign-in page stands in front of it
    {"kind":"not_found","what":"Page"}
      Unsupported: HOST does not offer /oauth/token; check the host's address and its path prefix
    {"kind":"unauthorized"}
      Unexpected: HOST answered with something unexpected: status 401: 401 Unauthorized
    {"kind":"forbidden","reason":null}
      Unexpected: HOST answered with something unexpected: status 403: 403 Forbidden
    {"kind":"redirect","location":"/users/sign_in","status":302}
      Unexpected: HOST answered with something unexpected: a redirect with status 302, which is not followed, since it would take secrets along; check the host's address
    {"kind":"wrong_json"}
      Unexpected: HOST answered with something unexpected: JSON of another shape than expected
    {"kind":"empty_body"}
      Lost: the answer of HOST is lost: status 200 and nothing more
    {"kind":"truncated_json"}
      Lost: the answer of HOST is lost: it ends in the middle
    {"after":20,"kind":"cut_body"}
      Lost: the answer of HOST is lost: the answer broke off after 20 bytes (error decoding response body: error reading a body from connection: end of file before message length reached)
    {"after":20,"kind":"cut_chunked"}
      Lost: the answer of HOST is lost: the answer broke off after 20 bytes (error decoding response body: error reading a body from connection: unexpected EOF during chunk size line)
    {"bytes":1073741824,"kind":"huge_body"}
      Unexpected: HOST answered with something unexpected: an answer without end, with status 200
    {"kind":"close"}
      Lost: the answer of HOST is lost: error sending request: client error (SendRequest): connection closed before message completed
    {"kind":"close_unheard"}
      Lost: the answer of HOST is lost: error sending request: client error (SendRequest): connection closed before message completed
    "#);
}

#[tokio::test]
async fn a_lost_answer_and_a_request_that_was_not_heard_look_alike_and_are_not() {
    let signing = Signing::public().await;
    for (kind, is_done) in [(FaultKind::Close, true), (FaultKind::CloseUnheard, false)] {
        let token = refresh_token(&signing.sign_in(Access::Read).await);
        signing
            .scene
            .sim
            .fault(Fault::new(kind.clone()).path("/oauth/token").once());
        let lost = signing.refresh(&token).await;
        assert!(matches!(lost, Err(OauthError::Lost { .. })), "{lost:?}");
        let again = signing.refresh(&token).await;
        assert_eq!(again.is_err(), is_done, "{kind:?} {again:?}");
    }
    let answer = signing.answer(signing.code(Access::Read));
    signing
        .scene
        .sim
        .fault(Fault::new(FaultKind::Close).path("/oauth/token").once());
    let lost = signing.exchange(&answer).await;
    assert!(matches!(lost, Err(OauthError::Lost { .. })), "{lost:?}");
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_lost() {
    let config = config().request_timeout(Duration::from_millis(150));
    let signing = Signing::with(small(), config, None).await;
    for kind in [
        FaultKind::Hang,
        FaultKind::Drip {
            bytes: 1,
            every_ms: 50,
        },
    ] {
        let error = renewal_under(&signing, kind.clone()).await;
        assert!(
            matches!(error, OauthError::Lost { .. }),
            "{kind:?} {error:?}"
        );
    }
}

#[tokio::test]
async fn what_found_no_connection_was_not_sent() {
    let signing = Signing::public().await;
    let answer = signing.answer(signing.code(Access::Read));
    // A port that was free a moment ago.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let closed = listener.local_addr().expect("an address");
    drop(listener);
    let plain = signing.scene.sim.address();
    let mut told = Vec::new();
    for address in [
        format!("http://{closed}"),
        format!("https://{plain}"),
        "http://no-such-host.invalid".to_owned(),
    ] {
        let host = HostUrl::parse(&address, PlainHttp::Allowed).expect("a host");
        let client = CLIENT.parse().expect("a client id");
        let adapter = crate::harness::host(config().oauth_client(host.clone(), client, None));
        let refused = adapter.exchange(&host, &answer, Access::Read).await;
        let error = refused.map(|_| ()).expect_err("nobody is there");
        assert!(matches!(error, OauthError::NotSent { .. }), "{error:?}");
        told.push(error.to_string().replace(&address, "HOST"));
    }
    assert!(told[0].contains("nothing listens there"), "{told:?}");
    assert!(told[1].contains("does not speak TLS"), "{told:?}");
    // Nothing was used up.
    assert!(signing.exchange(&answer).await.is_ok());
}

#[tokio::test]
async fn no_secret_follows_a_redirect() {
    let elsewhere = GitlabSim::builder().start().await.expect("it starts");
    let signing = Signing::with(small(), config(), Some("hush")).await;
    for status in [301, 302, 303, 307, 308] {
        for location in [
            format!("{}/oauth/token", elsewhere.url()),
            "/oauth/token?again".to_owned(),
        ] {
            let kind = FaultKind::Redirect { status, location };
            let error = renewal_under(&signing, kind).await;
            assert!(matches!(error, OauthError::Unexpected { .. }), "{error:?}");
        }
        let location = format!("{}/oauth/revoke", elsewhere.url());
        let kind = FaultKind::Redirect { status, location };
        signing
            .scene
            .sim
            .fault(Fault::new(kind).path("/oauth/revoke").once());
        let refused = signing
            .scene
            .host
            .revoke(&signing.host, &"token".into())
            .await;
        assert!(
            matches!(refused, Err(OauthError::Unexpected { .. })),
            "{refused:?}"
        );
    }
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn taking_back_is_not_believed_on_the_word_of_something_else() {
    let signing = Signing::public().await;
    let grant = signing.sign_in(Access::Read).await;
    let mut told = Vec::new();
    for kind in [
        FaultKind::SignInPage,
        FaultKind::Gateway { status: 502 },
        FaultKind::CloudflareChallenge,
        FaultKind::Throttled {
            retry_after: Some(30),
        },
        FaultKind::Close,
    ] {
        signing
            .scene
            .sim
            .fault(Fault::new(kind).path("/oauth/revoke").once());
        let refused = signing
            .scene
            .host
            .revoke(&signing.host, &grant.access_token)
            .await;
        told.push(signing.said(&refused.expect_err("it was not done")));
    }
    insta::assert_snapshot!(told.join("\n"), @r#"
    Unexpected: HOST answered with something unexpected: an HTML page ("Sign in · GitLab") with status 200 instead of JSON; check the host's address and its path prefix, and that no sign-in page stands in front of it
    Lost: the answer of HOST is lost: status 502 ("502 Bad Gateway")
    Unexpected: HOST answered with something unexpected: an HTML page ("Checking your Browser - GitLab") with status 403: something in front of GitLab, such as Cloudflare or a firewall, turns this machine's address away
    RateLimited: HOST limits the rate of requests; try again in 30 s
    Lost: the answer of HOST is lost: error sending request: client error (SendRequest): connection closed before message completed
    "#);
    // It may be repeated, although the last one was heard.
    let revoked = signing
        .scene
        .host
        .revoke(&signing.host, &grant.access_token)
        .await;
    assert_eq!(revoked, Ok(()));
}

/// A server that says what no GitLab says.
async fn saying(template: ResponseTemplate) -> (MockServer, Result<(), OauthError>) {
    let server = MockServer::start().await;
    Mock::given(path("/oauth/token"))
        .respond_with(template)
        .expect(1)
        .mount(&server)
        .await;
    let host = HostUrl::parse(&server.uri(), PlainHttp::LoopbackOnly).expect("a host");
    let client = CLIENT.parse().expect("a client id");
    let config = config().oauth_client(host.clone(), client, Some("the-client-secret".into()));
    let adapter = crate::harness::host(config);
    let token = "the-refresh-token".into();
    let answered = adapter.refresh(&host, &token, None).await;
    (server, answered.map(|_| ()))
}

#[tokio::test]
async fn a_host_that_repeats_secrets_does_not_get_them_into_a_message() {
    let echo = serde_json::json!({
        "error": "invalid_grant",
        "error_description": "no the-refresh-token\u{1b}[2J of\nthe-client-secret",
    });
    let (server, said_so) = saying(ResponseTemplate::new(400).set_body_json(echo)).await;
    let error = said_so.expect_err("it said no");
    insta::assert_snapshot!(said(&error, &server.uri()), @"InvalidGrant: HOST does not accept the grant: no [REDACTED][2J of [REDACTED]");
    let page = "<html><title>the-refresh-token is odd</title></html>";
    let page = ResponseTemplate::new(200).set_body_raw(page, "text/html");
    let (server, said_so) = saying(page).await;
    insta::assert_snapshot!(said(&said_so.expect_err("a page"), &server.uri()), @r#"Unexpected: HOST answered with something unexpected: an HTML page ("[REDACTED] is odd") with status 200 instead of JSON; check the host's address and its path prefix, and that no sign-in page stands in front of it"#);
    // What the parser of the answer quotes is not in the message either.
    for body in [
        r#"{"access_token":["planted-token"],"token_type":"bearer"}"#,
        r#"{"access_token":"planted token","token_type":"bearer"}"#,
        r#"{"access_token":"planted-token","token_type":"bearer","scope":{"planted-token":1}}"#,
        r#""planted-token""#,
    ] {
        let answer = ResponseTemplate::new(200).set_body_raw(body, "application/json");
        let (_server, said_so) = saying(answer).await;
        let error = said_so.expect_err("no tokens");
        assert!(matches!(error, OauthError::Unexpected { .. }), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("planted"), "{error}");
    }
}

#[tokio::test]
async fn sloppy_but_clear_answers_are_taken() {
    for body in [
        r#"{"access_token":"a","token_type":"BEARER","expires_in":-5,"scope":null}"#,
        r#"{"access_token":"a","token_type":"bearer","expires_in":1e99,"unknown":[{"x":null}]}"#,
    ] {
        for kind in ["application/json", "application/json; charset=utf-8"] {
            let answer = ResponseTemplate::new(200).set_body_raw(body, kind);
            let (_server, granted) = saying(answer).await;
            assert_eq!(granted, Ok(()), "{body}");
        }
    }
    let mac = r#"{"access_token":"a","token_type":"mac"}"#;
    let (_server, granted) =
        saying(ResponseTemplate::new(200).set_body_raw(mac, "application/json")).await;
    assert!(
        matches!(granted, Err(OauthError::Unexpected { .. })),
        "{granted:?}"
    );
    // Neither tokens nor a refusal: `201` is no answer of RFC 6749.
    let (_server, granted) =
        saying(ResponseTemplate::new(201).set_body_json(serde_json::json!({}))).await;
    assert!(
        matches!(granted, Err(OauthError::Unexpected { .. })),
        "{granted:?}"
    );
}
