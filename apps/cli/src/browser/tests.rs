//! The listener, spoken to over real sockets.

use org_core::oauth::RedirectUri;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

const TICKET: &str = "7ac1";

async fn serving() -> (SocketAddr, Visits) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let loopback = Loopback {
        listener,
        address,
        ticket: SecretString::from(TICKET),
    };
    let host = "https://gitlab.example.com".parse().unwrap();
    let redirect = RedirectUri::loopback(address.port(), &host);
    let url = SecretString::from("https://gitlab.example.com/oauth/authorize?state=s");
    (address, loopback.serve(url, redirect.path()))
}

/// Sends a request and reads until the other side closes.
async fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    // A connection that is cut off answers nothing.
    let _ = stream.read_to_string(&mut answer).await;
    answer
}

fn get(address: SocketAddr, path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{fields}\r\n")
}

fn back(address: SocketAddr) -> String {
    let cookie = format!("Cookie: forgehold_sign_in_{}={TICKET}\r\n", address.port());
    get(
        address,
        "/callback/gitlab.example.com?code=c&state=s",
        &cookie,
    )
}

#[tokio::test]
async fn one_browser_goes_to_the_host_and_comes_back() {
    let (address, mut visits) = serving().await;
    let sent = ask(address, &get(address, "/", "")).await;
    assert!(sent.starts_with("HTTP/1.1 302 Found\r\n"), "{sent}");
    assert!(
        sent.contains("location: https://gitlab.example.com/oauth/authorize?state=s\r\n"),
        "{sent}"
    );
    assert!(sent.contains("; HttpOnly; SameSite=Lax\r\n"), "{sent}");
    let browser = tokio::spawn(async move { ask(address, &back(address)).await });
    let visit = visits.next().await.expect("the answer comes");
    assert!(visit.answer.code.is_some() && visit.answer.state.is_some());
    visit
        .show(Page::done("alice", "https://gitlab.example.com"))
        .await;
    // The page is on its way before anything ends.
    drop(visits);
    let page = browser.await.unwrap();
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert!(page.contains("Return to the terminal"), "{page}");
    assert!(
        page.to_lowercase().contains("\r\nconnection: close\r\n"),
        "{page}"
    );
    assert!(
        TcpStream::connect(address).await.is_err(),
        "nobody listens any more"
    );
}

#[tokio::test]
async fn an_answer_that_nobody_waits_for_hears_so() {
    let (address, mut visits) = serving().await;
    let first = tokio::spawn(async move { ask(address, &back(address)).await });
    let visit = visits.next().await.expect("the answer comes");
    drop(visit);
    let page = first.await.unwrap();
    assert!(page.starts_with("HTTP/1.1 410 Gone\r\n"), "{page}");
}

#[tokio::test]
async fn what_is_no_browser_is_turned_away_and_ends_nothing() {
    let (address, mut visits) = serving().await;
    // A connection that never says anything is in nobody's way.
    let idle = TcpStream::connect(address).await.unwrap();
    let long = format!("X-Long: {}\r\n", "x".repeat(2 * MAX_HEAD));
    let long = ask(address, &get(address, "/", &long)).await;
    assert!(
        long.is_empty() || long.starts_with("HTTP/1.1 431"),
        "{long}"
    );
    let many = ask(
        address,
        &get(address, "/", &"A: b\r\n".repeat(MAX_FIELDS + 1)),
    )
    .await;
    assert!(
        many.is_empty() || many.starts_with("HTTP/1.1 431"),
        "{many}"
    );
    let garbage = ask(address, "\u{16}\u{3}\u{1} hello\r\n\r\n").await;
    assert!(
        garbage.is_empty() || garbage.starts_with("HTTP/1.1 400"),
        "{garbage}"
    );
    let rebound = ask(address, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n").await;
    assert!(rebound.starts_with("HTTP/1.1 400"), "{rebound}");
    let icon = ask(address, &get(address, "/favicon.ico", "")).await;
    assert!(icon.starts_with("HTTP/1.1 404"), "{icon}");
    let sent = ask(address, &get(address, "/", "")).await;
    assert!(sent.starts_with("HTTP/1.1 302 Found\r\n"), "{sent}");
    let browser = tokio::spawn(async move { ask(address, &back(address)).await });
    visits.next().await.expect("the answer comes all the same");
    browser.abort();
    drop(idle);
}

#[tokio::test]
async fn a_flood_ends() {
    let (address, mut visits) = serving().await;
    for _ in 0..MAX_REQUESTS {
        let answer = ask(address, &get(address, "/favicon.ico", "")).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    }
    assert!(visits.next().await.is_none());
    assert!(
        TcpStream::connect(address).await.is_err(),
        "nobody listens any more"
    );
}
