//! The life of a sign-in afterwards: reconnected, ended, removed; and access tokens that replace themselves.

use gitlab_sim::{Fault, FaultKind, TokenSpec};
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::browser::{CLIENT, configured, connect, registered, signed_in};
use crate::place::{Place, Ran, steady};
use crate::sim::Sim;

fn secrets(place: &Place) -> usize {
    let list = place.json(&["secret", "list"]);
    list["items"].as_array().expect("a list").len()
}

#[test]
fn removing_gives_the_grant_back_and_says_so() {
    let sim = Sim::company();
    let place = registered(&sim);
    connect(&place, &sim, &[]).ok();
    assert_snapshot!(steady(&place.ok(&["org", "remove", "acme", "--confirm", "acme"])), @"
    removed acme: 0 licenses are free again, 1 secrets were deleted; the history stays
    http://127.0.0.1:[port] has ended what the sign-in had granted
    ");
    assert_eq!(sim.get().oauth().stats().revocations, 1);
    assert_eq!(secrets(&place), 0);

    connect(&place, &sim, &[]).ok();
    sim.get()
        .fault(Fault::new(FaultKind::Gateway { status: 502 }).path("/oauth/revoke"));
    let removal = place.json(&["org", "remove", "acme", "--confirm", "acme"]);
    assert_eq!(removal["grant"], "left", "{removal}");
    assert_eq!(secrets(&place), 0);
    let events = place.ok(&["events"]);
    assert!(events.contains("organization.grant_left"), "{events}");
}

/// What stays the same when another credential comes.
fn lasting(place: &Place) -> Value {
    let shown = place.json(&["org", "show", "acme"]);
    let repositories = place.json(&["repo", "list"]);
    let mut rows = repositories["items"].as_array().expect("a list").clone();
    for row in &mut rows {
        row["synced_at"] = Value::Null;
    }
    json!([
        shown["id"],
        shown["counts"],
        shown["settings"],
        shown["created_at"],
        rows
    ])
}

#[test]
fn from_a_token_to_a_sign_in_and_back_everything_else_stays() {
    let sim = Sim::company();
    let place = registered(&sim);
    sim.connect(&place, &["--license-existing", "all"]).ok();
    let before = lasting(&place);
    let reconnect = ["org", "reconnect", "acme"];
    let by_sso: Vec<&str> = reconnect.iter().copied().chain(["--sso"]).collect();
    let ran = signed_in(&place, &sim, "alice", &by_sso);
    assert!(
        ran.stderr
            .ends_with("`acme` is reconnected; a sync starts\n"),
        "{}",
        ran.stderr
    );
    ran.ok();
    assert_eq!(lasting(&place), before);
    let shown = place.json(&["org", "show", "acme"]);
    assert_eq!(shown["authentication"]["method"], "sso");
    assert_eq!(secrets(&place), 1, "the token that was kept for it is gone");

    // Without a flag it signs in again, as it did before; the old grant ends.
    let ran = signed_in(
        &place,
        &sim,
        "alice",
        &["org", "reconnect", "acme", "--sso-access", "restore"],
    );
    ran.ok();
    assert_eq!(sim.get().oauth().stats().revocations, 1);
    assert_eq!(lasting(&place), before);

    let by_token = ["org", "reconnect", "acme", "--token-stdin"];
    place.run_with(&by_token, sim.token()).ok();
    assert_eq!(lasting(&place), before);
    let shown = place.json(&["org", "show", "acme"]);
    assert_eq!(shown["authentication"]["method"], "access_token");
    assert_eq!(sim.get().oauth().stats().revocations, 2);
    assert_eq!(secrets(&place), 1);
}

#[test]
fn an_account_that_sees_nothing_known_is_taken_only_after_a_person_agreed() {
    let sim = Sim::company();
    let place = registered(&sim);
    connect(&place, &sim, &["--license-existing", "all"]).ok();
    let args = ["org", "reconnect", "acme", "--sso"];
    let refused = signed_in(&place, &sim, "bob", &args);
    let last: Vec<&str> = refused.code(7).stderr.lines().rev().take(2).collect();
    assert_snapshot!(last.join("\n"), @"
    hint: use an account that sees them, or repeat with --accept-unseen
    error: the account `bob` sees none of the 4 known repositories of `acme`
    ");
    let shown = place.json(&["org", "show", "acme"]);
    assert_eq!(shown["account"]["login"], "alice");
    assert_eq!(
        sim.get().oauth().stats().revocations,
        1,
        "bob's grant went back"
    );
    place.ok(&["org", "sync", "acme"]);
    let args = [
        "org",
        "reconnect",
        "acme",
        "--sso",
        "--accept-unseen",
        "--no-sync",
    ];
    signed_in(&place, &sim, "bob", &args).ok();
    assert_eq!(
        place.json(&["org", "show", "acme"])["account"]["login"],
        "bob"
    );
}

#[test]
fn a_sign_in_that_the_host_ended_says_what_to_do() {
    let sim = Sim::company();
    let place = registered(&sim);
    connect(&place, &sim, &[]).ok();
    sim.get()
        .oauth()
        .revoke_application(CLIENT, "alice")
        .expect("it was granted");
    place.run(&["org", "sync", "acme"]).code(12);
    let status = &place.json(&["org", "show", "acme"])["status"];
    insta::assert_json_snapshot!(status, @r#"
    {
      "detail": "the sign-in at the host has ended: The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client.",
      "next_step": "sign in again: reconnect the organization",
      "reason": "sign_in_again",
      "since": null,
      "state": "action_required"
    }
    "#);
    // Asking again and again is no use, and is not done.
    let refused = sim.get().oauth().stats().refused_refreshes;
    place.run(&["org", "sync", "acme"]).code(12);
    assert_eq!(sim.get().oauth().stats().refused_refreshes, refused);
    signed_in(
        &place,
        &sim,
        "alice",
        &["org", "reconnect", "acme", "--sso"],
    )
    .ok();
    let status = &place.json(&["org", "show", "acme"])["status"];
    assert_eq!(status["state"], "connected");
}

#[test]
fn an_application_that_is_configured_no_more_is_told_by_the_doctor() {
    let sim = Sim::company();
    let place = registered(&sim);
    connect(&place, &sim, &[]).ok();
    let well = place.ok(&["doctor"]);
    assert!(well.contains("its sign-in renews itself"), "{well}");
    let place = place.env("FORGEHOLD_OAUTH__CLIENTS", "");
    let ran = place.run(&["doctor"]);
    assert!(
        ran.code(8)
            .stdout
            .contains("the configuration does not name"),
        "{}",
        ran.stdout
    );
}

#[test]
fn sign_in_and_token_do_not_mix() {
    let place = configured(&Sim::company());
    let refused = |args: &[&str]| {
        let ran = place.run(args);
        ran.code(2)
            .stderr
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let add = ["org", "add", "gitlab", "--login", "alice", "--token-stdin"];
    for flag in ["--device-code", "--no-browser", "--sso-access=read"] {
        let args: Vec<&str> = add.iter().copied().chain([flag]).collect();
        assert!(refused(&args).contains("cannot be used with"), "{flag}");
    }
    let both = ["org", "add", "gitlab", "--no-browser", "--device-code"];
    assert!(refused(&both).contains("cannot be used with"));
    let unknown = ["org", "add", "gitlab", "--sso-access", "everything"];
    assert_snapshot!(refused(&unknown), @"error: invalid value 'everything' for '--sso-access <ACCESS>': `everything` is not a known access; known are read, restore");
}

#[track_caller]
fn rotations(sim: &Sim) -> usize {
    let requests = sim.get().requests();
    let rotations = requests
        .iter()
        .filter(|request| request.path.ends_with("/rotate"));
    rotations.count()
}

#[test]
fn a_token_is_replaced_by_the_host() {
    let sim = Sim::company();
    let place = registered(&sim);
    let token = TokenSpec::user("alice").scopes(["api", "self_rotate"]);
    let token = sim.world().issue(&token).expect("a token");
    let add = [
        "org",
        "add",
        "gitlab",
        "--host",
        sim.url(),
        "--login",
        "alice",
        "--name",
        "acme",
    ];
    let add: Vec<&str> = add.iter().copied().chain(["--token-stdin"]).collect();
    place.run_with(&add, &token.value).ok();
    let rotated = place.json(&["org", "rotate-token", "acme", "--days", "30"]);
    assert_eq!(
        rotated["authentication"]["token"]["days_left"], 30,
        "{rotated}"
    );
    place.ok(&["org", "sync", "acme"]);
    assert_eq!(rotations(&sim), 1);
    let events = place.ok(&["events"]);
    assert!(events.contains("organization.token_rotated"), "{events}");
    let refused = place.run(&["org", "rotate-token", "acme", "--days", "0"]);
    assert_snapshot!(refused.code(2).stderr, @"
    error: a value is not right; nothing was changed
      --days: the new token can work for 1 to 365 days
    ");
}

#[test]
fn a_rotation_whose_answer_is_lost_is_never_repeated() {
    let sim = Sim::company();
    let place = registered(&sim);
    sim.connect(&place, &[]).ok();
    sim.get()
        .fault(Fault::new(FaultKind::Close).path("/api/v4/personal_access_tokens/self/rotate"));
    let lost = place.run(&["org", "rotate-token", "acme"]);
    assert_snapshot!(steady(&lost.code(5).stderr), @"
    error: whether http://127.0.0.1:[port] replaced the access token of `acme` is unknown: error sending request: client error (SendRequest): connection closed before message completed
    hint: make a new token at the host and reconnect `acme` with it; do not rotate again
    ");
    assert_eq!(rotations(&sim), 1);
    sim.get().clear_faults();
    for _ in 0..3 {
        place.run(&["org", "rotate-token", "acme"]).code(5);
        place.run(&["org", "sync", "acme"]).code(12);
    }
    assert_eq!(rotations(&sim), 1, "it was asked for once");
    let status = &place.json(&["org", "show", "acme"])["status"];
    assert_eq!(status["state"], "action_required");
}

#[test]
fn tokens_of_a_sign_in_need_no_rotation() {
    let sim = Sim::company();
    let place = registered(&sim);
    connect(&place, &sim, &["--no-sync"]).ok();
    let refused: Ran = place.run(&["org", "rotate-token", "acme"]);
    assert_snapshot!(refused.code(4).stderr, @"
    error: `acme` signed in at the host, and its tokens renew themselves; nothing is to be rotated
    hint: if the host takes the sign-in no longer, sign in again: reconnect `acme`
    ");
}
