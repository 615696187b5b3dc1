//! Signing in from a terminal: in a browser that comes back to this machine, and by a code.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use gitlab_sim::{ApplicationSpec, DeviceGrant, Fault, FaultKind, GitlabSim, TokenSpec};
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::browser::{
    Browser, CLIENT, Waiting, configured, connect, get, redirect_of, registered, signed_in, try_get,
};
use crate::place::{Place, Ran, steady};
use crate::sim::{PATIENCE, Sim, company};

/// Nothing is there but the attempts, whose reasons are answered.
#[track_caller]
fn only_reasons(place: &Place) -> Vec<String> {
    for noun in ["org", "secret"] {
        assert_eq!(place.json(&[noun, "list"])["items"], json!([]), "{noun}");
    }
    let attempts = place.json(&["org", "attempts"]);
    let attempts = attempts["items"].as_array().expect("a list").iter();
    attempts
        .map(|attempt| {
            assert_eq!(attempt["state"], "failed", "{attempt}");
            steady(attempt["reason"].as_str().expect("a reason"))
        })
        .collect()
}

/// The start of a sign-in whose person opens the address.
fn begin(place: &Place, sim: &Sim) -> Waiting {
    let args = ["org", "add", "gitlab", "--host", sim.url(), "--no-browser"];
    Waiting::start(place, &args)
}

fn secrets(place: &Place) -> usize {
    let list = place.json(&["secret", "list"]);
    list["items"].as_array().expect("a list").len()
}

#[test]
fn a_person_signs_in_with_the_browser() {
    let sim = Sim::company();
    let place = registered(&sim);
    let ran = connect(&place, &sim, &["--license-existing", "all"]);
    assert_snapshot!(steady(&ran.stderr), @"
    open http://127.0.0.1:[port]/ in a browser on this machine to sign in
    `acme` is connected; the first sync starts
    ");
    ran.ok();
    let shown = place.json(&["org", "show", "acme"]);
    assert_eq!(shown["account"]["login"], "alice");
    assert_eq!(shown["counts"]["licensed"], 4);
    assert_eq!(shown["status"]["state"], "connected");
    let mut authentication = shown["authentication"].clone();
    authentication["secret"] = Value::Null;
    insta::assert_json_snapshot!(authentication, @r#"
    {
      "access": "read",
      "application": "forgehold-of-the-tests",
      "method": "sso",
      "secret": null,
      "token": {
        "days_left": null,
        "expires_on": null,
        "fine_grained": false,
        "name": "OAuth application forgehold-of-the-tests",
        "scopes": [
          "read_api",
          "read_repository",
          "read_user"
        ]
      }
    }
    "#);
    assert_snapshot!(steady(&place.ok(&["org", "show", "acme"])), @"
    Name:  acme
    Id:  [id]
    Host:  http://127.0.0.1:[port]
    Account:  alice (person)
    Status:  connected
    Authentication:  single sign-on (SSO), read access
    Application:  forgehold-of-the-tests
    Granted scopes:  read_api, read_repository, read_user
    Covers:  all groups and the personal namespace
    Protect groups:  off
    Automatically add new repositories:  off
    License existing repositories:  all
    Repositories list synchronization:  every 6 hours
    Default device:  embedded
    Repositories:  4
    Groups:  0
    Licensed:  4
    Waiting for a license:  0
    Gone:  0
    Next sync:  [time]

    Permissions
    Permission  Granted
    List groups and repositories  granted
    Clone code  granted
    Read metadata  granted
    Restore code  missing scope write_repository or api
    Restore metadata  missing scope api
    Manage webhooks  missing scope api
    ");
    // Later commands use what was stored.
    place.ok(&["org", "sync", "acme"]);
    let stats = sim.get().oauth().stats();
    assert_eq!((stats.exchanges, stats.refreshes), (1, 0));
}

#[test]
fn restoring_is_asked_for_in_so_many_words() {
    let sim = Sim::company();
    let place = registered(&sim);
    connect(&place, &sim, &["--sso-access", "restore", "--no-sync"]).ok();
    let shown = place.json(&["org", "show", "acme"]);
    assert_eq!(shown["authentication"]["access"], "restore");
    let granted = shown["permissions"].as_array().expect("a table").iter();
    assert!(granted.clone().all(|row| row["granted"] != "no"), "{shown}");
}

#[test]
fn a_code_is_typed_in_another_browser() {
    let sim = Sim::company();
    let place = registered(&sim);
    let add = [
        "org",
        "add",
        "gitlab",
        "--host",
        sim.url(),
        "--name",
        "acme",
    ];
    let args: Vec<&str> = add.iter().copied().chain(["--device-code"]).collect();
    let mut waiting = Waiting::start(&place, &args);
    let code = waiting.code();
    sim.get()
        .oauth()
        .approve_device(&code, "alice")
        .expect("it waits");
    let ran = waiting.end();
    let told = ran
        .stderr
        .lines()
        .map(|line| match line.split_once("good until ") {
            Some((before, after)) => format!("{before}good until [time]{}", &after[8..]),
            None => line.to_owned(),
        });
    let told = told.collect::<Vec<_>>().join("\n");
    assert_snapshot!(steady(&told).replace(&code, "[code]"), @"
    open http://127.0.0.1:[port]/oauth/device in any browser and enter this code (or open http://127.0.0.1:[port]/oauth/device?user_code=[code], which has the code in it):

      [code]

    the code is good until [time] UTC; enter it only if you started this yourself
    `acme` is connected; the first sync starts
    ");
    ran.ok();
    assert_eq!(sim.get().oauth().stats().device_exchanges, 1);
    assert_eq!(
        place.json(&["org", "show", "acme"])["account"]["login"],
        "alice"
    );
}

#[test]
fn where_no_browser_can_be_opened_there_is_a_code() {
    let sim = Sim::company();
    let place = registered(&sim);
    let mut waiting = Waiting::start(&place, &["org", "add", "gitlab", "--host", sim.url()]);
    waiting.line(|line| line.starts_with("no browser can be opened here"));
    let code = waiting.code();
    sim.get().oauth().deny_device(&code).expect("it waits");
    let ran = waiting.end();
    ran.code(5);
    let last: Vec<&str> = ran.stderr.lines().rev().take(2).collect();
    assert_snapshot!(steady(&last.join("\n")), @"
    hint: sign in again and agree, or ask whoever runs the host to allow the application
    error: http://127.0.0.1:[port] says that the sign-in was denied
    ");
    assert_eq!(only_reasons(&place).len(), 1);
}

#[test]
fn a_code_that_nobody_types_in_time_ends() {
    let sim = Sim::company();
    let place = registered(&sim);
    sim.get().fault(
        Fault::new(FaultKind::Oauth {
            error: "expired_token".to_owned(),
        })
        .path("/oauth/token"),
    );
    let args = ["org", "add", "gitlab", "--host", sim.url(), "--device-code"];
    let mut waiting = Waiting::start(&place, &args);
    waiting.code();
    waiting.end().code(4);
    assert_snapshot!(only_reasons(&place).join("\n"), @"http://127.0.0.1:[port] says that the time to sign in is over; start the sign-in again");
}

#[test]
fn a_host_without_codes_says_what_else_there_is() {
    let sim = Sim::start(
        GitlabSim::builder()
            .world(company())
            .token(TokenSpec::user("alice"))
            .device_grant(DeviceGrant::Off),
    );
    let place = registered(&sim);
    let args = ["org", "add", "gitlab", "--host", sim.url(), "--device-code"];
    let ran = place.run(&args);
    ran.code(6);
    assert_snapshot!(steady(&ran.stderr), @"
    error: http://127.0.0.1:[port] does not offer signing in with a code on another device; it is there from GitLab 17.3 on
    hint: sign in with a browser on this machine, or use an access token
    ");
    assert_eq!(only_reasons(&place).len(), 1);
}

#[test]
fn whoever_says_no_is_told_what_to_do_and_leaves_nothing() {
    let sim = Sim::company();
    let place = registered(&sim);
    let mut waiting = begin(&place, &sim);
    let page = Browser::open(&waiting.entrance()).deny(&sim);
    assert_eq!(page.status, 400);
    assert_snapshot!(page.page, @r#"
    <!doctype html>
    <html lang="en">
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width">
    <meta name="color-scheme" content="light dark">
    <title>Not signed in - Forgehold</title>
    <h1>Not signed in</h1>
    <p>The sign-in was denied.</p>
    <p>Sign in again and agree, or ask whoever runs the host to allow the application.</p>
    <p>Return to the terminal; it says the same and more. This page can be closed.</p>
    </html>
    "#);
    let ran = waiting.end();
    assert_snapshot!(steady(&ran.code(5).stderr), @"
    open http://127.0.0.1:[port]/ in a browser on this machine to sign in
    error: http://127.0.0.1:[port] did not let you in: the sign-in was denied (The resource owner or authorization server denied the request.)
    hint: sign in again and agree, or ask whoever runs the host to allow the application
    ");
    assert_snapshot!(only_reasons(&place).join("\n"), @"http://127.0.0.1:[port] did not let you in: the sign-in was denied (The resource owner or authorization server denied the request.); sign in again and agree, or ask whoever runs the host to allow the application");
}

#[test]
fn an_application_that_nobody_registered_is_told_with_what_to_register() {
    let (place, sim) = (Place::new(), Sim::company());
    for flag in ["--no-browser", "--device-code"] {
        let ran = place.run(&["org", "add", "gitlab", "--host", sim.url(), flag]);
        assert_eq!(ran.stdout, "");
        assert!(
            ran.code(2).stderr.contains(&redirect_of(&sim)),
            "{}",
            ran.stderr
        );
    }
    let ran = place.run(&["org", "add", "gitlab", "--no-browser"]);
    assert_snapshot!(ran.code(2).stderr, @"
    error: no application is configured for signing in at https://gitlab.com
    hint: register an application at https://gitlab.com (User settings, Applications; not confidential; scopes read_api, read_user, read_repository, and api for restoring) with exactly the redirect URI http://127.0.0.1/callback/gitlab.com, and add its client id to `oauth.clients` of the configuration; or register using login and token
    ");
    assert_eq!(sim.get().requests().len(), 0, "nothing went on the network");
    assert_eq!(only_reasons(&place), Vec::<String>::new());
}

#[test]
fn an_application_with_a_secret() {
    let sim = Sim::company();
    let spec = ApplicationSpec::confidential("Forgehold", &redirect_of(&sim))
        .client_id(CLIENT)
        .secret("gloas-right");
    sim.get()
        .oauth()
        .add_application(&spec)
        .expect("a new application");
    let place = Place::new();
    let secret = place.file("client-secret", "gloas-right\n");
    let private = |mode| {
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(&secret, permissions).expect("it is ours");
    };
    let config = format!(
        "[[oauth.clients]]\nhost = '{}'\nclient_id = '{CLIENT}'\nclient_secret_file = 'client-secret'\n",
        sim.url()
    );
    let config = place.file("forgehold.toml", &config);
    private(0o644);
    let ran = place.run(&["--config", &config, "org", "list"]);
    let told = ran
        .code(2)
        .stderr
        .replace(&place.folder().display().to_string(), "<folder>");
    assert_snapshot!(told, @"error: <folder>/client-secret cannot be read, which oauth.clients of the configuration names: others may read it; make it private with `chmod 600`");
    for (text, wrong) in [("", "it is empty"), ("two words", "white space")] {
        place.file("client-secret", text);
        private(0o600);
        let ran = place.run(&["--config", &config, "org", "list"]);
        assert!(ran.code(2).stderr.contains(wrong), "{}", ran.stderr);
    }
    place.file("client-secret", "gloas-wrong\n");
    let add = [
        "--config",
        &config,
        "org",
        "add",
        "gitlab",
        "--host",
        sim.url(),
        "--name",
        "acme",
    ];
    let browsed: Vec<&str> = add.iter().copied().chain(["--no-browser"]).collect();
    let mut waiting = Waiting::start(&place, &browsed);
    let page = Browser::open(&waiting.entrance()).agree(&sim, "alice");
    assert_eq!(page.status, 400, "{page:?}");
    let ran = waiting.end();
    assert_snapshot!(steady(&ran.code(5).stderr), @"
    open http://127.0.0.1:[port]/ in a browser on this machine to sign in
    error: http://127.0.0.1:[port] refuses: invalid_client: Client authentication failed due to unknown client, no client authentication included, or unsupported authentication method.
    hint: check the application at the host (redirect URI, scopes, whether it is confidential) and its client id and secret in `oauth.clients`
    ");
    place.file("client-secret", "  gloas-right \n");
    signed_in(&place, &sim, "alice", &add).ok();
}

#[test]
fn what_does_not_belong_to_the_sign_in_neither_ends_nor_completes_it() {
    let sim = Sim::company();
    let place = registered(&sim);
    let mut waiting = begin(&place, &sim);
    let entrance = waiting.entrance();
    for path in ["favicon.ico", "callback/gitlab.com?code=c&state=s"] {
        assert_eq!(get(&format!("{entrance}{path}"), &[]).status, 404);
    }
    let rebound = get(&entrance, &[("Host", "gitlab.evil.example")]);
    assert_eq!(rebound.status, 400);
    let browser = Browser::open(&entrance);
    assert_eq!(
        get(&entrance, &[]).status,
        410,
        "only the first browser is let through"
    );
    let oauth = sim.get().oauth();
    let location = oauth
        .approve(&browser.authorization, "alice")
        .expect("an answer");
    // Somebody who saw the answer, without the cookie of the first browser.
    assert_eq!(get(&location, &[]).status, 400);
    let forged = location.replace("state=", "state=x");
    let page = browser.back(&forged);
    assert_eq!(page.status, 400);
    assert!(
        page.page.contains("No sign-in waits for this answer"),
        "{page:?}"
    );
    let mixed = format!("{location}&iss=https%3A%2F%2Fevil.example");
    let page = browser.back(&mixed);
    assert_eq!(page.status, 400);
    assert!(!page.page.contains("evil"), "{page:?}");
    let ran = waiting.end();
    assert_snapshot!(steady(&ran.code(5).stderr), @"
    open http://127.0.0.1:[port]/ in a browser on this machine to sign in
    error: the answer says that it comes from `https://evil.example`, not from http://127.0.0.1:[port]; perhaps another host mixed itself in
    hint: start the sign-in again
    ");
    assert_eq!(only_reasons(&place).len(), 1);
    assert_eq!(sim.get().oauth().stats().exchanges, 0);
}

#[test]
fn the_same_answer_does_not_serve_twice() {
    let sim = Sim::company();
    let place = registered(&sim).env("FORGEHOLD_HTTP__REQUEST_TIMEOUT", "1s");
    let mut waiting = begin(&place, &sim);
    let browser = Browser::open(&waiting.entrance());
    // The answer of the host hangs, so that the second one comes while the first is at work.
    let hang = sim
        .get()
        .fault(Fault::new(FaultKind::Hang).path("/oauth/token"));
    let oauth = sim.get().oauth();
    let location = oauth
        .approve(&browser.authorization, "alice")
        .expect("an answer");
    std::thread::scope(|scope| {
        let first = scope.spawn(|| browser.back(&location));
        sim.wait_for(hang);
        let second = scope.spawn(|| try_get(&location, &[("Cookie", &browser.cookie)]));
        let (first, second) = (
            first.join().expect("a page"),
            second.join().expect("no panic"),
        );
        assert_eq!(first.status, 400, "{first:?}");
        let is_over = second
            .as_ref()
            .is_none_or(|page| page.status == 410 && page.page.contains("is over"));
        assert!(is_over, "{second:?}");
    });
    let ran = waiting.end();
    ran.code(6);
    assert_eq!(only_reasons(&place).len(), 1);
}

#[test]
fn ctrl_c_leaves_nothing_behind() {
    let sim = Sim::company();
    let place = registered(&sim);
    for flag in ["--no-browser", "--device-code"] {
        let mut waiting =
            Waiting::start(&place, &["org", "add", "gitlab", "--host", sim.url(), flag]);
        if flag == "--no-browser" {
            Browser::open(&waiting.entrance());
        } else {
            waiting.code();
        }
        waiting.interrupt();
        let ran = waiting.end();
        ran.code(130);
        assert!(
            ran.stderr.ends_with("canceled; nothing was changed\n"),
            "{}",
            ran.stderr
        );
    }
    let reasons = only_reasons(&place);
    assert_eq!(
        reasons,
        ["the sign-in was stopped before anything was stored"; 2]
    );
}

#[test]
fn the_browser_of_the_person_is_opened() {
    let sim = Sim::company();
    let place = registered(&sim);
    let seen = place.folder().join("seen");
    let script = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$@\" > {0}.new\nmv {0}.new {0}\n",
        seen.display()
    );
    let browser = place.file("browser", &script);
    fs::set_permissions(&browser, fs::Permissions::from_mode(0o700)).expect("it is ours");
    let place = place.env("BROWSER", &browser).env("PATH", "/usr/bin:/bin");
    let args = [
        "org",
        "add",
        "gitlab",
        "--host",
        sim.url(),
        "--name",
        "acme",
        "--no-sync",
    ];
    let mut waiting = Waiting::start(&place, &args);
    let entrance = waiting.entrance();
    let opened = wait_for_file(&seen);
    // The state is on no command line.
    assert_eq!(opened, format!("{entrance}\n"));
    Browser::open(&entrance).agree(&sim, "alice");
    waiting.end().ok();
}

/// The text of a file that another program writes.
#[track_caller]
pub(crate) fn wait_for_file(path: &Path) -> String {
    let (sender, receiver) = std::sync::mpsc::channel();
    let path = path.to_owned();
    std::thread::spawn(move || {
        loop {
            if let Ok(text) = fs::read_to_string(&path) {
                let _ = sender.send(text);
                return;
            }
            std::thread::yield_now();
        }
    });
    receiver
        .recv_timeout(PATIENCE)
        .expect("the browser was started")
}

#[test]
fn a_check_shows_what_would_be_covered_and_gives_the_grant_back() {
    let sim = Sim::company();
    let place = registered(&sim);
    let args = [
        "org",
        "add",
        "gitlab",
        "--host",
        sim.url(),
        "--check",
        "--group",
        "acme",
    ];
    let ran = signed_in(&place, &sim, "alice", &args);
    let shown = steady(&ran.ok());
    let (before, after) = shown
        .split_once("\n\nSynchronization\n")
        .expect("a preview");
    let (_, permissions) = after.split_once("\n\n").expect("permissions");
    assert_snapshot!(format!("{before}\n\n{permissions}"), @"
    Name:  acme
    Host:  http://127.0.0.1:[port]
    Account:  alice (person)
    Authentication:  single sign-on (SSO), read access
    Granted scopes:  read_api, read_repository, read_user
    Covers:  acme
    Protect groups:  off
    Automatically add new repositories:  off
    License existing repositories:  none
    Repositories list synchronization:  every 6 hours
    Default device:  embedded

    Permissions
    Permission  Granted
    List groups and repositories  granted
    Clone code  granted
    Read metadata  granted
    Restore code  missing scope write_repository or api
    Restore metadata  missing scope api
    Manage webhooks  missing scope api

    Would be covered
    Repositories:  4
    Only shared in:  0
    Archived:  1
    Pending deletion:  0
    Groups:  2
    Would get a license:  0
    Group or namespace  Repositories
    acme  4
    ");
    let stats = sim.get().oauth().stats();
    assert_eq!((stats.exchanges, stats.revocations), (1, 1));
    assert_snapshot!(only_reasons(&place).join("\n"), @"the sign-in was only a check, so nothing was stored");
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
      the token: the new token can work for 1 to 365 days
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
    assert_snapshot!(refused.code(2).stderr, @"
    error: a value is not right; nothing was changed
      the token: the organization signed in at the host, and its tokens renew themselves; there is nothing to rotate
    ");
}
