//! Reaching a host, step by step.

use std::time::Duration;

use gitlab_adapter::{GitlabConfig, GitlabHost};
use org_core::host::{HostUrl, PlainHttp};
use org_core::ports::{Credential, Probe, ProbeReport, VcsProbe as _};
use org_core::testing::{InstantTimer, ManualClock};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use std::sync::Arc;
use tokio::net::TcpListener;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::harness::{Scene, builder, config};

async fn probe(config: GitlabConfig, url: &str, token: Option<&str>) -> ProbeReport {
    let clock = Arc::new(ManualClock::default());
    let timer = Arc::new(InstantTimer::new(clock.clone()));
    let rng = StdRng::seed_from_u64(1);
    let host = GitlabHost::new(config, clock, timer, rng).expect("a good config");
    let probe = Probe {
        host: HostUrl::parse(url, PlainHttp::Allowed).expect("a host"),
        credential: token.map(|token| Credential::AccessToken(token.to_owned().into())),
    };
    host.probe(&probe).await
}

/// `DNS ok, TCP ok, TLS: what went wrong`, without what changes from run to run.
fn told(report: &ProbeReport) -> String {
    let steps = report.steps.iter().map(|step| match &step.result {
        Ok(said) => format!("{} ok: {said}", step.kind.as_str()),
        Err(why) => format!("{} FAILED: {why}", step.kind.as_str()),
    });
    steps.collect::<Vec<_>>().join("\n")
}

fn kinds(report: &ProbeReport) -> Vec<(&'static str, bool)> {
    report
        .steps
        .iter()
        .map(|step| (step.kind.as_str(), step.result.is_ok()))
        .collect()
}

#[track_caller]
fn fails(report: &ProbeReport, step: &str, words: &str) {
    let failure = report.failure().expect("a step failed");
    let why = failure.result.as_ref().expect_err("it failed");
    assert_eq!(failure.kind.as_str(), step, "{}", told(report));
    assert!(why.contains(words), "{why}");
    assert_eq!(
        report.steps.last(),
        Some(failure),
        "nothing is tried after a failure"
    );
}

#[tokio::test]
async fn a_host_that_is_there() {
    let scene = Scene::new().await;
    let report = probe(config(), scene.sim.url(), Some(scene.sim.token())).await;
    assert_eq!(
        kinds(&report),
        [
            ("DNS", true),
            ("TCP", true),
            ("HTTP", true),
            ("version", true)
        ]
    );
    assert!(
        told(&report).ends_with("version ok: GitLab 18.8.0-ee"),
        "{}",
        told(&report)
    );
    let report = probe(config(), scene.sim.url(), None).await;
    assert!(
        told(&report).contains("only with a valid access token"),
        "{}",
        told(&report)
    );
    let report = probe(config(), scene.sim.url(), Some("glpat-nobody")).await;
    assert!(
        report.failure().is_none(),
        "whose token it is, is another question: {}",
        told(&report)
    );
}

#[tokio::test]
async fn an_old_host_is_warned_of() {
    let scene = Scene::with(builder().version("15.2.1"), config()).await;
    let report = probe(config(), scene.sim.url(), Some(scene.sim.token())).await;
    assert!(
        report.failure().is_none() && told(&report).contains("warning: it is older than 16.11")
    );
}

#[tokio::test]
async fn tls_is_judged_as_the_requests_judge_it() {
    let scene = Scene::with(builder().tls(), config()).await;
    let unknown = probe(config(), scene.sim.url(), None).await;
    fails(&unknown, "TLS", "extra CA");
    let pem = scene
        .sim
        .ca_pem()
        .expect("it serves TLS")
        .as_bytes()
        .to_vec();
    let trusting = || config().extra_ca_pem(&pem).expect("a certificate");
    let good = probe(trusting(), scene.sim.url(), Some(scene.sim.token())).await;
    assert_eq!(
        kinds(&good),
        [
            ("DNS", true),
            ("TCP", true),
            ("TLS", true),
            ("HTTP", true),
            ("version", true)
        ]
    );
    let port = scene.sim.address().port();
    let plain = probe(trusting(), &format!("http://127.0.0.1:{port}"), None).await;
    fails(&plain, "HTTP", "try https://");
}

#[tokio::test]
async fn what_is_not_reachable_says_what_to_check() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let refused = probe(config(), &format!("http://127.0.0.1:{port}"), None).await;
    fails(&refused, "TCP", "check the port");
    let unknown = probe(config(), "https://no-such-host.invalid", None).await;
    fails(&unknown, "DNS", "check its spelling");
    let scene = Scene::new().await;
    let plain = scene.sim.url().replace("http://", "https://");
    fails(
        &probe(config(), &plain, None).await,
        "TLS",
        "does not speak TLS",
    );
}

#[tokio::test]
async fn a_port_that_never_answers_is_left() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let quick = || {
        config()
            .request_timeout(Duration::from_millis(200))
            .connect_timeout(Duration::from_millis(200))
    };
    let silent = probe(quick(), &format!("http://127.0.0.1:{port}"), None).await;
    fails(&silent, "HTTP", "no answer comes");
    let silent = probe(quick(), &format!("https://127.0.0.1:{port}"), None).await;
    fails(&silent, "TLS", "no answer within");
}

#[tokio::test]
async fn a_missing_prefix_and_other_services_are_told() {
    let scene = Scene::with(builder().prefix("/gitlab"), config()).await;
    let root = format!("http://{}", scene.sim.address());
    fails(
        &probe(config(), &root, None).await,
        "version",
        "path prefix",
    );
    let good = probe(config(), scene.sim.url(), Some(scene.sim.token())).await;
    assert!(good.failure().is_none(), "{}", told(&good));

    let other = MockServer::start().await;
    let page =
        ResponseTemplate::new(200).set_body_raw("<html><title>Welcome</title></html>", "text/html");
    Mock::given(wiremock::matchers::any())
        .respond_with(page)
        .mount(&other)
        .await;
    fails(
        &probe(config(), &other.uri(), None).await,
        "version",
        "an HTML page (\"Welcome\")",
    );
}

#[tokio::test]
async fn a_redirect_to_another_host_is_told_and_not_followed() {
    let other = MockServer::start().await;
    let away = ResponseTemplate::new(301)
        .insert_header("location", "https://gitlab.example.com/api/v4/version");
    Mock::given(path("/api/v4/version"))
        .respond_with(away)
        .mount(&other)
        .await;
    let report = probe(config(), &other.uri(), Some("glpat-x")).await;
    fails(&report, "HTTP", "sends us on to https://gitlab.example.com");
}

#[tokio::test]
async fn through_a_proxy_the_steps_say_so() {
    let proxy = MockServer::start().await;
    let version =
        ResponseTemplate::new(200).set_body_raw(r#"{"version":"17.3.1"}"#, "application/json");
    Mock::given(path("/api/v4/version"))
        .respond_with(version)
        .mount(&proxy)
        .await;
    let address = proxy.address();
    let through = |except| {
        let url = format!("http://user:hunter2@{address}");
        GitlabConfig::new("test")
            .proxy(&url, except)
            .expect("a proxy")
    };
    let report = probe(
        through(""),
        "http://gitlab.example.invalid",
        Some("glpat-x"),
    )
    .await;
    let told_all = told(&report);
    assert!(report.failure().is_none(), "{told_all}");
    assert!(
        told_all.contains(&format!("through the proxy {address}")),
        "{told_all}"
    );
    assert!(
        told_all.ends_with("GitLab 17.3.1") && !told_all.contains("hunter2"),
        "{told_all}"
    );
    let around = probe(
        through("gitlab.example.invalid"),
        "http://gitlab.example.invalid",
        None,
    )
    .await;
    fails(&around, "DNS", "unknown");
}
