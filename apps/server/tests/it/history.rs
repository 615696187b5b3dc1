//! The history as a stream.

use futures_util::StreamExt;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, Events, House};

async fn secret(house: &House, name: &str) {
    let form = json!({"name": name, "value": "a-value-of-it"});
    let added = house.send(Method::POST, "/secrets", form).await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.text);
}

#[tokio::test]
async fn whoever_loses_the_stream_goes_on_where_they_were() {
    let house = House::new().await;
    let mut events = Events::open(&house, "?kind=secret.", None).await;
    secret(&house, "one").await;
    let (first, data) = events.next().await.expect("it comes");
    assert_eq!(
        (&data["kind"], &data["subject"]),
        (&json!("secret.added"), &json!("secret:one"))
    );
    drop(events);
    secret(&house, "two").await;
    secret(&house, "three").await;
    let mut events = Events::open(&house, "?kind=secret.", Some(first)).await;
    let (second, data) = events.next().await.expect("it was missed");
    assert_eq!(data["subject"], "secret:two");
    let (third, data) = events.next().await.expect("it was missed too");
    assert_eq!(data["subject"], "secret:three");
    assert!(first < second && second < third);
    secret(&house, "four").await;
    let (_, data) = events.next().await.expect("it comes");
    assert_eq!(data["subject"], "secret:four");
    let wrong = house
        .request(Method::GET, "/events/stream")
        .header("last-event-id", "x");
    assert_eq!(
        Answer::of(wrong).await.problem(),
        "422 invalid Last-Event-ID"
    );
}

#[tokio::test]
async fn streams_end_when_the_server_stops() {
    let mut house = House::new().await;
    let mut events = Events::open(&house, "", None).await;
    let end = tokio::spawn(async move { while events.next().await.is_some() {} });
    house.stop().await;
    end.await.expect("the stream ended");
}

#[tokio::test]
async fn the_history_is_read_in_both_directions() {
    let house = House::new().await;
    for name in ["a", "b", "c"] {
        secret(&house, name).await;
    }
    let newest = house.get("/events?kind=secret.&limit=2").await;
    assert_eq!(newest.all("subject"), ["secret:c", "secret:b"]);
    let next = newest.body["next"].as_str().expect("there is more");
    let rest = house
        .get(&format!("/events?kind=secret.&limit=2&before={next}"))
        .await;
    assert_eq!(rest.all("subject"), ["secret:a"]);
    assert_eq!(rest.body["next"], Value::Null);
    let oldest = house.get("/events?kind=secret.&limit=2&order=oldest").await;
    assert_eq!(oldest.all("subject"), ["secret:a", "secret:b"]);
    for (query, problem) in [
        ("order=best", "422 invalid order"),
        ("subject=x", "422 invalid subject"),
        ("before=x", "422 invalid before"),
    ] {
        assert_eq!(
            house.get(&format!("/events?{query}")).await.problem(),
            problem
        );
    }
    let many = futures_util::stream::iter(0..20);
    many.for_each_concurrent(20, |number| {
        let house = &house;
        async move { secret(house, &format!("many-{number}")).await }
    })
    .await;
    assert_eq!(
        house
            .get("/events?kind=secret.added&limit=500")
            .await
            .all("subject")
            .len(),
        23
    );
}
