//! The promises of the port [`AnswerStore`](crate::ports::AnswerStore).

use super::{AccountStores, assert_matches, digest, user_id};
use crate::ports::{Begun, KeptAnswer, KeyedRequest};
use crate::testing::build::{noon, noon_plus};

fn request(owner: u128, key: &str, what: u8) -> KeyedRequest {
    KeyedRequest {
        owner: user_id(owner),
        key: key.to_owned(),
        fingerprint: digest(what),
    }
}

fn kept_answer(body: &str) -> KeptAnswer {
    KeptAnswer {
        status: 201,
        headers: vec![("etag".to_owned(), "\"7\"".to_owned())],
        body: body.as_bytes().to_vec(),
    }
}

/// Whoever repeats a request gets the answer of the first time, byte by byte.
pub async fn an_answer_is_given_again(stores: AccountStores) {
    let request = request(1, "key", 1);
    let begin = |now| {
        stores
            .answers
            .begin(&request, noon_plus(now), noon_plus(now + 60), 100)
    };
    assert_matches!(begin(0).await, Ok(Begun::New));
    assert_matches!(begin(1).await, Ok(Begun::UnderWay));
    let answer = kept_answer("{\"name\":\"Łódź\"}\u{0}");
    stores
        .answers
        .answer(&request, &answer, noon_plus(1000))
        .await
        .expect("a store");
    assert_matches!(begin(999).await, Ok(Begun::Answered(kept)) if kept == answer);
}

/// A request that was given up is new again; one that was answered is not.
pub async fn a_request_is_done_by_one(stores: AccountStores) {
    let request = request(1, "key", 1);
    let begin = || stores.answers.begin(&request, noon(), noon_plus(60), 100);
    assert_matches!(begin().await, Ok(Begun::New));
    stores.answers.give_up(&request).await.expect("a store");
    assert_matches!(begin().await, Ok(Begun::New));
    stores
        .answers
        .answer(&request, &kept_answer("x"), noon_plus(60))
        .await
        .expect("a store");
    stores.answers.give_up(&request).await.expect("a store");
    assert_matches!(begin().await, Ok(Begun::Answered(_)));
}

/// The same key of somebody else is another one, and another request under a used key is told.
pub async fn a_key_means_one_request_of_one_person(stores: AccountStores) {
    let begin = async |request: &KeyedRequest| {
        let begun = stores
            .answers
            .begin(request, noon(), noon_plus(60), 100)
            .await;
        begun.expect("a store")
    };
    assert_eq!(begin(&request(1, "key", 1)).await, Begun::New);
    assert_eq!(begin(&request(1, "key", 2)).await, Begun::AnotherRequest);
    assert_eq!(begin(&request(2, "key", 2)).await, Begun::New);
    assert_eq!(begin(&request(1, "Key", 2)).await, Begun::New);
}

/// What expired is as if it never was, swept or not.
pub async fn answers_are_forgotten_in_time(stores: AccountStores) {
    let (one, other) = (request(1, "one", 1), request(1, "other", 1));
    let begin = async |request: &KeyedRequest, now| {
        let begun = stores
            .answers
            .begin(request, noon_plus(now), noon_plus(now + 60), 100)
            .await;
        begun.expect("a store")
    };
    assert_eq!(begin(&one, 0).await, Begun::New);
    assert_eq!(begin(&other, 0).await, Begun::New);
    stores
        .answers
        .answer(&other, &kept_answer("x"), noon_plus(500))
        .await
        .expect("a store");
    assert_eq!(begin(&one, 59).await, Begun::UnderWay);
    assert_eq!(begin(&one, 60).await, Begun::New);
    stores
        .answers
        .forget_answers(noon_plus(499))
        .await
        .expect("a store");
    assert_matches!(begin(&other, 499).await, Begun::Answered(_));
    stores
        .answers
        .forget_answers(noon_plus(500))
        .await
        .expect("a store");
    assert_eq!(begin(&other, 499).await, Begun::New);
}

/// Whoever chooses a new key each time fills no disk, and takes nothing from anybody else.
pub async fn of_many_answers_the_newest_of_each_person_stay(stores: AccountStores) {
    let begin = async |request: &KeyedRequest| {
        let begun = stores
            .answers
            .begin(request, noon(), noon_plus(60), 3)
            .await;
        begun.expect("a store")
    };
    let under_way = request(1, "under way", 1);
    let others = request(2, "0", 1);
    assert_eq!(begin(&under_way).await, Begun::New);
    let done = async |request: &KeyedRequest, until| {
        assert_eq!(begin(request).await, Begun::New);
        let answer = kept_answer(&request.key);
        let kept = stores
            .answers
            .answer(request, &answer, noon_plus(until))
            .await;
        kept.expect("a store");
    };
    done(&others, 100).await;
    for number in 0..20_i64 {
        done(&request(1, &number.to_string(), 1), 100 + number).await;
    }
    // The newest came when there were two others, so that it is the third.
    for number in 17..20_i64 {
        let again = begin(&request(1, &number.to_string(), 1)).await;
        assert_matches!(again, Begun::Answered(kept) if kept == kept_answer(&number.to_string()));
    }
    assert_eq!(begin(&under_way).await, Begun::UnderWay);
    assert_matches!(begin(&others).await, Begun::Answered(_));
    assert_eq!(begin(&request(1, "16", 1)).await, Begun::New);
}
