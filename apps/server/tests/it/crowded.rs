//! What takes much of the machine, or of a host, is done so much at a time, and whoever finds no place is told when to come again.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use server::http::limits::Limits;
use tokio::net::TcpListener;

use crate::edge::{cookies, sign_in, token_in};
use crate::support::{Answer, House, TOKEN, simulator};

/// A server with so many places.
async fn house(previews: usize, searches: usize) -> House {
    let mut limits = Limits::default();
    (limits.previews, limits.searches) = (previews, searches);
    limits.turn = Duration::from_millis(50);
    House::with(&[], limits).await
}

fn by_token(house: &House, host: &str) -> reqwest::RequestBuilder {
    let form = json!({"host": host, "token": {"value": TOKEN}, "text": "acme"});
    house.request(Method::POST, "/host-groups").json(&form)
}

fn check_turned_away(answer: &Answer) {
    assert_eq!(answer.problem(), "429 too_many_jobs");
    assert_eq!(answer.header("retry-after"), "5");
}

#[tokio::test]
async fn programs_that_find_no_place_are_told_when_to_come_again() {
    let (house, sim) = (house(0, 0).await, simulator(1).await);
    house.connect(&sim, json!({})).await;
    check_turned_away(&Answer::of(by_token(&house, sim.url())).await);
    let path = "/organizations/Acme/host-groups?text=acm";
    check_turned_away(&house.get(path).await);
    // Everything else goes on.
    assert_eq!(
        house.get("/organizations/Acme").await.status,
        StatusCode::OK
    );
    let rules = json!({"rules": ["include all"]});
    let page = house
        .send(Method::POST, "/licenses/policy/preview", rules)
        .await;
    assert_eq!(page.status, StatusCode::OK, "one page of it is little work");
}

#[tokio::test]
async fn people_who_find_no_place_keep_what_they_chose() {
    let (house, sim) = (house(0, 0).await, simulator(1).await);
    house.connect(&sim, json!({})).await;
    let (page, entered) = sign_in(&house, None, "").await;
    let cookie = [cookies(&page), cookies(&entered)].concat().join("; ");
    let home = house.client.get(house.url("/licenses"));
    let home = Answer::of(home.header("cookie", &cookie)).await;
    let csrf = token_in(&home.text);
    let send = async |path: &str, form: &[(&str, &str)]| {
        let request = house.client.post(house.url(path));
        let request = request
            .header("cookie", &cookie)
            .header("hx-request", "true");
        let form: Vec<_> = form
            .iter()
            .copied()
            .chain([("csrf", csrf.as_str())])
            .collect();
        let answer = Answer::of(request.form(&form)).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{path}");
        assert_eq!(answer.header("retry-after"), "5", "{path}");
        answer.text
    };
    let organizations = house.get("/organizations").await.all("id");
    let settings = format!("/organizations/{}/settings/groups", organizations[0]);
    for path in [settings.as_str(), "/organizations/add/groups"] {
        let form = [
            ("host", sim.url()),
            ("token", TOKEN),
            ("group", "acme"),
            ("group_search", "plat"),
        ];
        let part = send(path, &form).await;
        assert!(part.contains("value=\"acme\" checked"), "{part}");
        assert!(
            part.contains("So many searches for groups are under way"),
            "{part}"
        );
        assert!(!part.contains(TOKEN));
    }
    let part = send("/licenses/policy/preview", &[("policy", "include all")]).await;
    assert!(
        part.contains("So many previews of rules are under way"),
        "{part}"
    );
}

/// A host that takes connections and never says anything.
async fn silent_host() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    (listener, format!("http://{address}"))
}

#[tokio::test]
async fn whoever_goes_away_leaves_their_place() {
    let (house, sim) = (house(0, 1).await, simulator(1).await);
    let (host, url) = silent_host().await;
    let waiting = tokio::spawn(Answer::of(by_token(&house, &url)));
    let asked = host.accept().await.expect("the host is asked");
    check_turned_away(&Answer::of(by_token(&house, sim.url())).await);
    waiting.abort();
    // When the server notices that nobody is there any more is its own affair.
    let found = async {
        loop {
            let answer = Answer::of(by_token(&house, sim.url())).await;
            if answer.status == StatusCode::OK {
                return answer.body;
            }
            check_turned_away(&answer);
        }
    };
    let found: Value = tokio::time::timeout(Duration::from_secs(15), found)
        .await
        .expect("the place is free before the search would have given up");
    assert_eq!(found["paths"], json!(["acme"]));
    drop(asked);
}
