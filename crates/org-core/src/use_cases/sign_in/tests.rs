//! Which answers of a browser are believed.

use chrono::TimeDelta;
use insta::assert_snapshot;
use secrecy::ExposeSecret as _;

use super::answer::{BrowserAnswer, judge};
use crate::oauth::Initiator;
use crate::testing::build::{noon, secret, sign_in};

fn who() -> Initiator {
    Initiator::of_secret(&secret("the one who began"))
}

fn told_at(path: &str, query: &str, initiator: Initiator, minutes: i64) -> String {
    let answer = BrowserAnswer::parse(path, query);
    match judge(
        &sign_in(1),
        &answer,
        initiator,
        noon() + TimeDelta::minutes(minutes),
    ) {
        Ok(judged) => format!("the code {}", judged.0.expose_secret()),
        Err(error) => error.to_string(),
    }
}

fn told(query: &str) -> String {
    told_at(sign_in(1).redirect.path(), query, who(), 1)
}

#[test]
fn a_code_is_believed() {
    assert_snapshot!(told("code=abc&state=1"), @"the code abc");
    assert_snapshot!(told("code=a%2Bb&state=1&iss=https%3A%2F%2Fgit.example.com"), @"the code a+b");
    assert_snapshot!(told("code=abc&state=1&iss=https%3A%2F%2Fgit.example.com%2F"), @"the code abc");
}

#[test]
fn errors_of_the_host_are_told_in_words() {
    assert_snapshot!(told("error=access_denied&error_description=The+owner+said+no"), @"https://git.example.com did not let you in: the sign-in was denied (The owner said no)");
    assert_snapshot!(told("error=invalid_scope"), @"https://git.example.com did not let you in: the application was not registered with the scopes that are asked for");
    assert_snapshot!(told("error=strange%1b%5b31m&error_description=odd%0Awords"), @"https://git.example.com did not let you in: oddwords");
    assert_snapshot!(told("error=access_denied&code=abc"), @"https://git.example.com did not let you in: the sign-in was denied");
    let long = told(&format!("error={}", "x".repeat(5000)));
    assert!(long.len() < 400, "{}", long.len());
}

#[test]
fn an_answer_of_somebody_or_somewhere_else_is_refused() {
    let path = sign_in(1).redirect.path().to_owned();
    let other = Initiator::of_secret(&secret("another session"));
    assert_snapshot!(told_at(&path, "code=abc", other, 1), @"the answer came to another session than the one that began the sign-in");
    assert_snapshot!(told_at("/callback/evil.example", "code=abc", who(), 1), @"the answer arrived at `/callback/evil.example` instead of `/callback/git.example.com`; perhaps another host mixed itself in");
    assert_snapshot!(told("code=abc&iss=https%3A%2F%2Fevil.example"), @"the answer says that it comes from `https://evil.example`, not from https://git.example.com; perhaps another host mixed itself in");
}

#[test]
fn ten_minutes_are_ten_minutes() {
    let path = sign_in(1).redirect.path().to_owned();
    assert_snapshot!(told_at(&path, "code=abc", who(), 9), @"the code abc");
    assert_snapshot!(told_at(&path, "code=abc", who(), 10), @"the sign-in took longer than ten minutes");
}

#[test]
fn what_comes_twice_or_not_at_all_is_not_believed() {
    assert_snapshot!(told(""), @"the answer of the browser has neither a code nor an error");
    assert_snapshot!(told("code=abc&code=def"), @"the answer of the browser has neither a code nor an error");
    assert_snapshot!(told("code="), @"the answer of the browser has neither a code nor an error");
    assert!(BrowserAnswer::parse("/", "state=a&state=b").state.is_none());
    let shown = format!(
        "{:?}",
        BrowserAnswer::parse("/x", "code=planted-code&state=planted-state")
    );
    assert!(!shown.contains("planted"), "{shown}");
}
