//! Signing in for a server: by a code that it gets, and with a browser of the person's own machine.

use serde_json::Value;

use crate::browser::{Browser, CLIENT, registered};
use crate::served::Served;
use crate::sim::Sim;

#[test]
fn a_person_signs_in_by_a_code_that_the_server_gets() {
    let sim = Sim::company();
    let place = registered(&sim);
    let clients = format!("{} {CLIENT}", sim.url());
    let served = Served::with(&place, &[("FORGEHOLD_OAUTH__CLIENTS", &clients)]);
    let start = |args: &[&str]| served.waiting(&place, args);
    let add = [
        "org",
        "add",
        "gitlab",
        "--host",
        sim.url(),
        "--name",
        "acme",
        "--device-code",
        "-o",
        "json",
    ];
    // Who thinks better of it leaves nothing behind.
    let mut waiting = start(&add);
    waiting.code();
    waiting.interrupt();
    assert_eq!(waiting.end().code, Some(130));
    let attempts = served
        .run(&place, &["org", "attempts", "-o", "json"])
        .json();
    assert_eq!(attempts["items"][0]["state"], "failed", "{attempts}");
    assert_eq!(attempts["items"][1], Value::Null, "{attempts}");

    let mut waiting = start(&add);
    let code = waiting.code();
    let oauth = sim.get().oauth();
    oauth.approve_device(&code, "alice").expect("it waits");
    let ran = waiting.end();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let connected = ran.json();
    assert_eq!(connected["organization"]["authentication"]["method"], "sso");
    assert_eq!(connected["syncs"][0]["state"], "complete", "{connected}");

    let mut waiting = start(&["org", "reconnect", "acme", "--device-code", "-o", "json"]);
    let code = waiting.code();
    oauth.deny_device(&code).expect("it waits");
    let denied = waiting.end();
    assert_eq!(denied.code, Some(5), "{}", denied.stderr);
}

#[test]
fn a_person_signs_in_with_a_browser_of_their_own_machine() {
    let sim = Sim::company();
    let place = registered(&sim);
    let clients = format!("{} {CLIENT}", sim.url());
    let served = Served::with(&place, &[("FORGEHOLD_OAUTH__CLIENTS", &clients)]);
    let start = |args: &[&str]| served.waiting(&place, args);
    let add = [
        "org",
        "add",
        "gitlab",
        "--host",
        sim.url(),
        "--name",
        "acme",
        "--no-browser",
        "-o",
        "json",
    ];
    let with = |flags: &[&'static str]| {
        let mut args = add.to_vec();
        args.extend(flags);
        start(&args)
    };

    // What would be covered is shown, and nothing stays.
    let mut waiting = with(&["--check"]);
    let page = Browser::open(&waiting.entrance()).agree(&sim, "alice");
    assert!(page.page.contains("Return to the terminal"), "{page:?}");
    let ran = waiting.end();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let check = ran.json();
    assert_eq!(check["method"], "sso", "{check}");
    assert!(check["coverage"].is_object(), "{check}");

    // A denial and a change of mind leave nothing either.
    let mut waiting = with(&[]);
    let page = Browser::open(&waiting.entrance()).deny(&sim);
    assert!(
        page.page.contains("The sign-in did not succeed"),
        "{page:?}"
    );
    let ran = waiting.end();
    assert_eq!(ran.code, Some(5), "{}", ran.stderr);
    assert!(ran.stderr.contains("denied"), "{}", ran.stderr);
    let mut waiting = with(&[]);
    waiting.entrance();
    waiting.interrupt();
    assert_eq!(waiting.end().code, Some(130));
    let list = served.run(&place, &["org", "list", "-o", "json"]).json();
    assert_eq!(list["items"], serde_json::json!([]));

    let mut waiting = with(&[]);
    Browser::open(&waiting.entrance()).agree(&sim, "alice");
    let ran = waiting.end();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let connected = ran.json();
    assert_eq!(connected["organization"]["authentication"]["method"], "sso");
    assert_eq!(connected["syncs"][0]["state"], "complete", "{connected}");

    let reconnect = ["org", "reconnect", "acme", "--no-browser", "-o", "json"];
    let mut waiting = start(&reconnect);
    Browser::open(&waiting.entrance()).agree(&sim, "alice");
    let ran = waiting.end();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}
