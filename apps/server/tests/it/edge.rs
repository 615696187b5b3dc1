//! What is refused before any handler sees it, and what every answer carries.

use std::time::Duration;

use chrono::TimeDelta;
use reqwest::{Method, StatusCode};
use serde_json::json;
use server::http::limits::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Answer, House, Machine, PASSWORD, client};

/// Sends bytes as they are, and reads until the server closes the connection.
async fn raw(house: &House, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(house.address).await.expect("it listens");
    stream.write_all(bytes).await.expect("it takes them");
    let mut answer = Vec::new();
    // A connection that is cut is an end too.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// A server without patience.
async fn hasty() -> House {
    let mut limits = Limits::default();
    limits.head = Duration::from_millis(300);
    limits.body = Duration::from_millis(300);
    House::with(&[], limits).await
}

#[tokio::test]
async fn requests_to_another_name_are_refused() {
    let house = House::new().await;
    for path in ["/", "/sign-in", "/api/v1/organizations", "/metrics"] {
        let request = house.client.get(house.url(path)).bearer_auth(&house.token);
        let answer = Answer::of(request.header("host", "evil.example")).await;
        assert_eq!(answer.problem(), "421 unknown_host", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY");
    }
    // Somebody who is no proxy says for whom they ask.
    let request = house
        .client
        .get(house.url("/api/v1/me"))
        .bearer_auth(&house.token);
    let answer = Answer::of(request.header("x-forwarded-host", "evil.example")).await;
    assert_eq!(answer.status, StatusCode::OK);
    let health = house
        .client
        .get(house.url("/healthz"))
        .header("host", "10.1.2.3");
    assert_eq!(Answer::of(health).await.text, "ok\n");
}

#[tokio::test]
async fn every_answer_carries_what_protects_it() {
    let house = House::new().await;
    for path in [
        "/",
        "/sign-in",
        "/healthz",
        "/api/v1/organizations",
        "/api/v1/nothing",
        "/nothing",
    ] {
        let answer = Answer::of(house.client.get(house.url(path))).await;
        let policy = answer.header("content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "frame-ancestors 'none'",
            "form-action 'self'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "same-origin");
        assert_eq!(answer.header("x-request-id").len(), 32);
    }
    let me = house.get("/me").await;
    assert_eq!(me.header("cache-control"), "no-store");
    assert_eq!(
        me.header("strict-transport-security"),
        "",
        "plain http makes no promise"
    );
    let forged = house
        .request(Method::GET, "/me")
        .header("x-request-id", "mine");
    assert_ne!(Answer::of(forged).await.header("x-request-id"), "mine");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_whatever_it_says_of_itself() {
    let house = House::new().await;
    let body = "x".repeat(1024 * 1024 + 1);
    for path in ["/api/v1/secrets", "/sign-in", "/webhooks/gitlab/x"] {
        let request = house.client.post(house.url(path)).bearer_auth(&house.token);
        let answer = Answer::of(request.body(body.clone())).await;
        assert_eq!(answer.problem(), "413 body_too_large", "{path}");
    }
    let mut chunked = b"POST /api/v1/secrets HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n".to_vec();
    let host = format!("host: {}", house.address);
    let text = String::from_utf8(chunked)
        .expect("ASCII")
        .replace("host: 127.0.0.1", &host);
    chunked = text.into_bytes();
    for _ in 0..17 {
        chunked.extend_from_slice(b"10000\r\n");
        chunked.extend(std::iter::repeat_n(b'x', 0x10000));
        chunked.extend_from_slice(b"\r\n");
    }
    let answer = raw(&house, &chunked).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer:.200}");
}

#[tokio::test]
async fn who_dawdles_is_cut_off() {
    let house = hasty().await;
    let silent = raw(&house, b"").await;
    assert_eq!(silent, "");
    let half_a_head = raw(&house, b"GET / HTTP/1.1\r\nhost: x\r\n").await;
    assert!(
        half_a_head.is_empty() || half_a_head.starts_with("HTTP/1.1 408"),
        "{half_a_head}"
    );
    let head = format!(
        "POST /api/v1/secrets HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: 20\r\n\r\n{{\"name\":",
        house.address
    );
    let half_a_body = raw(&house, head.as_bytes()).await;
    assert!(half_a_body.starts_with("HTTP/1.1 408"), "{half_a_body}");
    assert!(half_a_body.contains("body_too_slow"), "{half_a_body}");
    assert_eq!(house.get("/me").await.status, StatusCode::OK);
}

#[tokio::test]
async fn nonsense_is_answered_or_closed_and_never_ends_the_server() {
    let house = hasty().await;
    let many: Vec<String> = (0..100).map(|number| format!("x-{number}: y")).collect();
    let many = many.join("\r\n");
    let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(70_000));
    for bytes in [
        "\x16\x03\x01 this is TLS",
        "GET / HTTP/9.9\r\n\r\n",
        "FETCH\r\n\r\n",
        &format!("GET / HTTP/1.1\r\n{many}\r\n\r\n"),
        &long,
        "GET / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
    ] {
        let answer = raw(&house, bytes.as_bytes()).await;
        let refused = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
        assert!(refused, "{bytes:.60}: {answer:.100}");
    }
    assert_eq!(house.get("/me").await.status, StatusCode::OK);
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there_are_problems() {
    let house = House::new().await;
    for (method, path, expected) in [
        (Method::GET, "", "404 not_found"),
        (Method::GET, "/nothing", "404 not_found"),
        (Method::GET, "/organizations/a/b/c", "404 not_found"),
        (Method::PUT, "/organizations", "405 method_not_allowed"),
        (Method::GET, "/organizations/%FF", "400 malformed"),
    ] {
        let answer = Answer::of(house.request(method, path)).await;
        assert_eq!(answer.problem(), expected, "{path}");
    }
    let text = house.request(Method::POST, "/secrets").body("name=x");
    assert_eq!(Answer::of(text).await.problem(), "415 not_json");
    let broken = house
        .request(Method::POST, "/secrets")
        .header("content-type", "application/json");
    assert_eq!(
        Answer::of(broken.body("{\"name\":")).await.problem(),
        "400 malformed"
    );
}

/// What a page holds in its hidden field.
pub(crate) fn token_in(page: &str) -> String {
    field_in(page, "csrf")
}

/// What a page holds in the hidden field of that name.
pub(crate) fn field_in(page: &str, name: &str) -> String {
    let (_, rest) = page
        .split_once(&format!("name=\"{name}\""))
        .expect("a form");
    let (_, rest) = rest.split_once("value=\"").expect("a value");
    rest.split('"').next().expect("it ends").to_owned()
}

/// The cookies that an answer sets, as a browser would send them back.
pub(crate) fn cookies(answer: &Answer) -> Vec<String> {
    let set = answer.headers.get_all("set-cookie").iter();
    let pair = |value: &reqwest::header::HeaderValue| {
        let text = value.to_str().expect("ASCII");
        text.split(';').next().expect("a pair").to_owned()
    };
    set.map(pair).filter(|pair| !pair.ends_with('=')).collect()
}

/// Opens the page where one signs in, and signs in.
pub(crate) async fn sign_in(house: &House, planted: Option<&str>, next: &str) -> (Answer, Answer) {
    let mut request = house.client.get(house.url("/sign-in"));
    if let Some(planted) = planted {
        request = request.header("cookie", format!("forgehold_session={planted}"));
    }
    let page = Answer::of(request).await;
    let mut cookie = cookies(&page).join("; ");
    if let Some(planted) = planted {
        cookie = format!("forgehold_session={planted}; {cookie}");
    }
    let form = [
        ("csrf", token_in(&page.text)),
        ("name", "ada".to_owned()),
        ("password", PASSWORD.to_owned()),
        ("next", next.to_owned()),
    ];
    let request = house
        .client
        .post(house.url("/sign-in"))
        .header("cookie", cookie);
    let entered = Answer::of(request.form(&form)).await;
    (page, entered)
}

#[tokio::test]
async fn a_form_that_is_not_from_here_is_refused() {
    let house = House::new().await;
    let (page, _) = sign_in(&house, None, "").await;
    let cookie = cookies(&page).join("; ");
    let good = token_in(&page.text);
    let send = async |cookie: &str, token: &str, origin: Option<&str>, site: Option<&str>| {
        let mut request = house
            .client
            .post(house.url("/sign-in"))
            .header("cookie", cookie);
        for (name, value) in [("origin", origin), ("sec-fetch-site", site)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        let form = [("csrf", token), ("name", "ada"), ("password", "wrong")];
        Answer::of(request.form(&form)).await.status.as_u16()
    };
    let own = house.url("");
    let wrong_password = send(&cookie, &good, Some(&own), Some("same-origin")).await;
    assert!(matches!(wrong_password, 401 | 422), "{wrong_password}");
    for (cookie, token, origin, site) in [
        ("", good.as_str(), None, None),
        (cookie.as_str(), "", None, None),
        (&cookie, "0000", None, None),
        (&cookie, &good, Some("https://evil.example"), None),
        (&cookie, &good, Some("null"), None),
        (&cookie, &good, Some(own.as_str()), Some("cross-site")),
        (&cookie, &good, None, Some("same-site")),
        (
            "forgehold_visitor=0000000000000000000000000000000000000000000000000000000000000000",
            &good,
            None,
            None,
        ),
    ] {
        assert_eq!(
            send(cookie, token, origin, site).await,
            403,
            "{cookie} {origin:?} {site:?}"
        );
    }
}

#[tokio::test]
async fn signing_in_makes_a_new_session_whatever_the_browser_showed() {
    let house = House::new().await;
    let planted = "ab".repeat(32);
    let (_, entered) = sign_in(&house, Some(&planted), "/organizations").await;
    assert_eq!(entered.status, StatusCode::SEE_OTHER, "{}", entered.text);
    assert_eq!(entered.header("location"), "/organizations");
    let session = cookies(&entered).join("; ");
    assert!(
        session.contains("forgehold_session=") && !session.contains(&planted),
        "{session}"
    );
    let all: Vec<&str> = entered
        .headers
        .get_all("set-cookie")
        .iter()
        .map(|value| value.to_str().expect("ASCII"))
        .collect();
    let set = all
        .iter()
        .find(|set| set.starts_with("forgehold_session="))
        .expect("a session");
    for promise in ["Path=/", "HttpOnly", "SameSite=Lax"] {
        assert!(set.contains(promise), "{set}");
    }
    let open = async |cookie: &str| {
        let request = house
            .client
            .get(house.url("/organizations"))
            .header("cookie", cookie);
        Answer::of(request).await
    };
    assert_eq!(open(&session).await.status, StatusCode::OK);
    let planted = open(&format!("forgehold_session={planted}")).await;
    assert_eq!(planted.status, StatusCode::SEE_OTHER);
    assert_eq!(planted.header("location"), "/sign-in?next=%2Forganizations");
    // Two cookies of one name: one of them is somebody else's.
    let both = open(&format!("{session}; forgehold_session={}", "cd".repeat(32))).await;
    assert_eq!(both.status, StatusCode::SEE_OTHER);
    // The API takes no cookie at all.
    let api = house
        .client
        .get(house.url("/api/v1/me"))
        .header("cookie", &session);
    assert_eq!(Answer::of(api).await.problem(), "401 unauthenticated");

    let page = open(&session).await;
    let out = house
        .client
        .post(house.url("/sign-out"))
        .header("cookie", &session);
    let out = Answer::of(out.form(&[("csrf", token_in(&page.text))])).await;
    assert_eq!(out.status, StatusCode::SEE_OTHER, "{}", out.text);
    assert_eq!(open(&session).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn nobody_is_sent_elsewhere_after_signing_in() {
    let house = House::new().await;
    for elsewhere in [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
    ] {
        let (_, entered) = sign_in(&house, None, elsewhere).await;
        let location = entered.header("location").to_owned();
        assert!(
            location.starts_with('/') && !location.contains("evil"),
            "{elsewhere} -> {location}"
        );
    }
}

#[tokio::test]
async fn a_trusted_proxy_is_believed_and_cookies_then_demand_https() {
    let settings = [
        (
            "FORGEHOLD_SERVER__PUBLIC_URL",
            "https://forgehold.example.com",
        ),
        ("FORGEHOLD_SERVER__TRUSTED_PROXIES", "127.0.0.1"),
    ];
    let house = House::with(&settings, Limits::default()).await;
    let request = house.client.get(house.url("/sign-in"));
    let request = request
        .header("x-forwarded-host", "forgehold.example.com")
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-for", "203.0.113.5")
        .header("x-request-id", "from-the-proxy");
    let page = Answer::of(request).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert_eq!(page.header("strict-transport-security"), "max-age=31536000");
    assert_eq!(page.header("x-request-id"), "from-the-proxy");
    let cookie = page.header("set-cookie");
    assert!(
        cookie.starts_with("__Host-forgehold_visitor=") && cookie.contains("; Secure"),
        "{cookie}"
    );
    let direct = Answer::of(house.client.get(house.url("/sign-in"))).await;
    assert_eq!(direct.problem(), "421 unknown_host");
}

#[tokio::test]
async fn who_speaks_with_the_proxy_in_the_clear_is_told_where_it_is_safe() {
    for (public, hint) in [
        (
            "https://forgehold.example.com",
            "use https://forgehold.example.com/; if you did, have the proxy set `X-Forwarded-Proto` to what the browser speaks with it",
        ),
        (
            "http://forgehold.example.com",
            "whoever runs the server gives the proxy a certificate, has it set `X-Forwarded-Proto` to what the browser speaks with it, \
             and sets `server.public_url` to the https address",
        ),
    ] {
        let settings = [
            ("FORGEHOLD_SERVER__PUBLIC_URL", public),
            ("FORGEHOLD_SERVER__TRUSTED_PROXIES", "127.0.0.1"),
            ("FORGEHOLD_SERVER__METRICS", "open"),
        ];
        let house = House::with(&settings, Limits::default()).await;
        let ask = async |path: &str, scheme: &str, address: &str| {
            let request = house.client.get(house.url(path));
            let request = request
                .bearer_auth(&house.token)
                .header("x-forwarded-host", "forgehold.example.com")
                .header("x-forwarded-proto", scheme)
                .header("x-forwarded-for", address);
            Answer::of(request).await
        };
        for path in ["/sign-in", "/api/v1/me", "/metrics", "/webhooks/gitlab/x"] {
            let refused = ask(path, "http", "203.0.113.5").await;
            assert_eq!(refused.problem(), "403 not_encrypted", "{path}");
            assert_eq!(refused.body["hint"], hint);
            assert_eq!(refused.header("set-cookie"), "");
        }
        for (path, scheme, address) in [
            ("/healthz", "http", "203.0.113.5"),
            ("/readyz", "http", "203.0.113.5"),
            ("/api/v1/me", "https", "203.0.113.5"),
            ("/metrics", "https", "203.0.113.5"),
            ("/api/v1/me", "http", "127.0.0.1"),
        ] {
            let heard = ask(path, scheme, address).await;
            assert_eq!(heard.status, StatusCode::OK, "{path} {scheme} {address}");
        }
    }
}

/// A client that trusts this certificate and no other.
fn trusting(certificate: &str, house: &House) -> reqwest::Client {
    let root = reqwest::Certificate::from_pem(certificate.as_bytes()).expect("a certificate");
    reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([root])
        .resolve("localhost", house.address)
        .build()
        .expect("a client")
}

#[tokio::test]
async fn a_renewed_certificate_is_used_without_a_restart() {
    let made = || {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]);
        let made = made.expect("a certificate");
        (made.cert.pem(), made.signing_key.serialize_pem())
    };
    let folder = tempfile::tempdir().expect("a folder");
    let (chain, key) = (
        folder.path().join("cert.pem"),
        folder.path().join("key.pem"),
    );
    let write = |pair: &(String, String)| {
        std::fs::write(&chain, &pair.0).expect("written");
        std::fs::write(&key, &pair.1).expect("written");
    };
    let (old, new) = (made(), made());
    write(&old);
    let settings = [
        ("FORGEHOLD_SERVER__TLS_CERTIFICATE", chain.to_str()),
        ("FORGEHOLD_SERVER__TLS_KEY", key.to_str()),
    ]
    .map(|(name, path)| (name, path.expect("a path")));
    let machine = Machine::default();
    let house = House::on_with(&machine, &settings).await;
    let url = format!("https://localhost:{}/healthz", house.address.port());
    let answers = async |pair: &(String, String)| {
        let client = trusting(&pair.0, &house);
        client.get(&url).send().await.is_ok()
    };
    assert!(answers(&old).await && !answers(&new).await);
    write(&new);
    let renewed = async {
        while !answers(&new).await {
            // It may not have gone to sleep before the minute was over.
            machine.clock.advance(TimeDelta::minutes(1));
        }
    };
    let renewed = tokio::time::timeout(Duration::from_secs(30), renewed).await;
    renewed.expect("the new certificate is used");
    assert!(!answers(&old).await);
}

#[tokio::test]
async fn tls_is_spoken_with_the_certificate_of_the_configuration() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let folder = tempfile::tempdir().expect("a folder");
    let (certificate, key) = (
        folder.path().join("cert.pem"),
        folder.path().join("key.pem"),
    );
    std::fs::write(&certificate, made.cert.pem()).expect("written");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
    let (certificate, key) = (certificate.display().to_string(), key.display().to_string());
    let settings = [
        ("FORGEHOLD_SERVER__TLS_CERTIFICATE", certificate.as_str()),
        ("FORGEHOLD_SERVER__TLS_KEY", key.as_str()),
    ];
    let house = House::with(&settings, Limits::default()).await;
    let trusting = trusting(&made.cert.pem(), &house);
    let url = format!("https://localhost:{}/sign-in", house.address.port());
    let page = Answer::of(trusting.get(&url)).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert!(
        page.header("set-cookie").starts_with("__Host-"),
        "{}",
        page.header("set-cookie")
    );
    assert!(
        client().get(&url).send().await.is_err(),
        "nobody vouches for it"
    );
    let plain = raw(&house, b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert!(!plain.contains("200 OK"), "{plain}");
}

#[tokio::test]
async fn guessing_is_slowed_for_the_account_and_for_the_address() {
    let house = House::new().await;
    let page = Answer::of(house.client.get(house.url("/sign-in"))).await;
    let cookie = cookies(&page).join("; ");
    let csrf = token_in(&page.text);
    let guess = async |name: &str| {
        let request = house
            .client
            .post(house.url("/sign-in"))
            .header("cookie", &cookie);
        let form = [
            ("csrf", csrf.as_str()),
            ("name", name),
            ("password", "a guess of words"),
        ];
        Answer::of(request.form(&form)).await
    };
    let mut slowed = None;
    for _ in 0..8 {
        let answer = guess("ada").await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            slowed = Some(answer);
            break;
        }
    }
    let slowed = slowed.expect("at the latest the seventh attempt has to wait");
    assert!(!slowed.header("retry-after").is_empty());
    assert_eq!(
        guess("grace").await.status,
        StatusCode::TOO_MANY_REQUESTS,
        "from here everybody waits"
    );
    let kinds = house
        .get("/events?kind=user.sign_in_failed")
        .await
        .all("subject");
    assert_eq!(kinds.len(), 6);
}

#[tokio::test]
async fn figures_are_for_those_who_may_look() {
    let house = House::new().await;
    let anonymous = Answer::of(house.client.get(house.url("/metrics"))).await;
    assert_eq!(anonymous.problem(), "401 unauthenticated");
    house.get("/organizations").await;
    house
        .send(Method::PUT, "/licenses/seats", json!({"seats": 7}))
        .await;
    let request = house
        .client
        .get(house.url("/metrics"))
        .bearer_auth(&house.token);
    let figures = Answer::of(request).await;
    assert!(figures.header("content-type").starts_with("text/plain"));
    for line in [
        "forgehold_http_requests_total{method=\"GET\",route=\"/api/v1/organizations\",status=\"200\"} 1",
        "forgehold_seats_total 7",
        "forgehold_seats_held 0",
        "forgehold_organizations{status=\"connected\"} 0",
        "forgehold_syncs_due 0",
        "forgehold_syncs_running 0",
    ] {
        assert!(
            figures.text.lines().any(|found| found == line),
            "{line} is not in:\n{}",
            figures.text
        );
    }
    let open = House::with(&[("FORGEHOLD_SERVER__METRICS", "open")], Limits::default()).await;
    assert_eq!(
        Answer::of(open.client.get(open.url("/metrics")))
            .await
            .status,
        StatusCode::OK
    );
    assert_eq!(
        Answer::of(open.client.get(open.url("/readyz"))).await.text,
        "ready\n"
    );
}

/// A misspelt parameter that is ignored would give the answer to another question.
#[tokio::test]
async fn no_operation_takes_a_parameter_that_it_does_not_know() {
    let house = House::new().await;
    let document = house.get("/openapi.json").await.body;
    let mut tried = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let Ok(method) = method.to_ascii_uppercase().parse::<Method>() else {
                continue;
            };
            let parts = path.trim_start_matches("/api/v1").split('/');
            let parts: Vec<&str> = parts
                .map(|part| if part.starts_with('{') { "x" } else { part })
                .collect();
            let path = format!("{}?nonsense=1", parts.join("/"));
            let answer = Answer::of(house.request(method.clone(), &path)).await;
            assert_eq!(answer.problem(), "422 invalid nonsense", "{method} {path}");
            let detail = answer.body["detail"].as_str().expect("a text");
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            for parameter in parameters.filter(|parameter| parameter["in"] == "query") {
                let name = parameter["name"].as_str().expect("a name");
                assert!(detail.contains(&format!("`{name}`")), "{name}: {detail}");
            }
            tried += 1;
        }
    }
    assert!(tried > 40, "{tried}");
    let limit = house.get("/organizations?limit=0").await;
    assert_eq!(limit.problem(), "422 invalid limit");
    let all = house.get("/organizations?all=perhaps").await;
    assert_eq!(all.problem(), "422 invalid all");
}
