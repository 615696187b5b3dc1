//! Following an organization: how syncs end, what a person decides about them, and the loop in the foreground.

use std::io::{BufRead, BufReader};
use std::process::Child;

use gitlab_sim::{Fault, FaultKind, GitlabSim, TokenSpec};
use insta::assert_snapshot;
use rustix::process::{Pid, Signal, kill_process};

use crate::place::{Place, Ran, steady};
use crate::sim::{Sim, grown};

fn signal(child: &Child, signal: Signal) {
    let id = i32::try_from(child.id()).expect("a process id is small");
    let id = Pid::from_raw(id).expect("no process has the number 0");
    kill_process(id, signal).expect("the program is there");
}

fn with_many(projects: u32) -> Sim {
    let world = grown(projects);
    Sim::start(
        GitlabSim::builder()
            .world(world)
            .token(TokenSpec::user("alice")),
    )
}

#[test]
fn each_change_is_told() {
    let (place, sim) = (Place::new(), Sim::company());
    sim.connect(&place, &["--auto-license"]).ok();
    sim.world().change(|world| {
        world.create_project("acme", "new").expect("a new project");
        world
            .rename_project("acme/api", "interface")
            .expect("it is there");
        world
            .transfer_project("acme/web", "acme/platform")
            .expect("both are there");
        world.delete_project("acme/old").expect("it is there");
    });
    assert_snapshot!(steady(&place.ok(&["org", "sync", "acme"])), @"
    Sync:  [id]
    Organization:  acme
    Trigger:  manual
    State:  complete
    Started:  [time]
    Took:  [took]
    Repositories:  4 seen, 1 added, 1 renamed, 1 moved, 1 vanished, 1 licensed
    Requests:  [some]
    ");
    assert_snapshot!(steady(&place.ok(&["repo", "list", "--presence", "any"])), @"
    Path  Organization  Id  Visibility  State  License
    acme/interface  acme  1  private  active  unlicensed
    acme/new  acme  5  private  active  licensed
    acme/old  acme  3  private  gone  unlicensed
    acme/platform/core  acme  4  private  active  unlicensed
    acme/platform/web  acme  2  private  active  unlicensed
    ");
    assert_snapshot!(steady(&place.ok(&["events", "--kind", "repository.", "--limit", "4"])), @"
    Nr  When  Who  What  On  Details
    12  [time]  (system)  repository.added  repository:5  acme/new; full_path: acme/new
    11  [time]  (system)  repository.vanished  repository:3  acme/old; full_path: acme/old -> (none)
    10  [time]  (system)  repository.moved  repository:2  acme/platform/web; full_path: acme/web -> acme/platform/web
    9  [time]  (system)  repository.retitled  repository:1  acme/interface; name: api -> interface
    ");
    let shown = place.json(&["repo", "show", "acme/interface"]);
    let timeline = shown["timeline"].as_array().expect("a list");
    let renamed = timeline
        .iter()
        .find(|event| event["kind"] == "repository.renamed");
    assert_eq!(
        renamed.expect("it was renamed")["changes"][0]["before"],
        "acme/api"
    );
}

#[test]
fn a_token_that_was_revoked_fails_the_sync_and_says_what_to_do() {
    let (place, sim) = (Place::new(), Sim::company());
    sim.connect(&place, &[]).ok();
    let token = sim.get().tokens()[0].id;
    sim.world()
        .change(|world| world.revoke_token(token))
        .expect("it is there");
    let ran = place.run(&["org", "sync", "acme"]);
    assert_snapshot!(steady(&ran.code(12).stdout), @"
    Sync:  [id]
    Organization:  acme
    Trigger:  manual
    State:  failed
    Started:  [time]
    Took:  [took]
    Repositories:  0 seen
    Requests:  0
    Reason:  http://127.0.0.1:[port] refuses the access token: it was revoked (Token was revoked. You have to re-authorize from the user.); make a new token at the host
    ");
    let status = place.json(&["org", "show", "acme"])["status"].clone();
    insta::assert_json_snapshot!(status, @r#"
    {
      "detail": "the host refuses the access token",
      "next_step": "make a new token at the host and reconnect the organization with it",
      "reason": "token_revoked",
      "since": null,
      "state": "action_required"
    }
    "#);
    assert_eq!(
        place.json(&["repo", "list"])["items"]
            .as_array()
            .map(Vec::len),
        Some(4)
    );
    place.run(&["doctor"]).code(8);
}

fn forbidden() -> FaultKind {
    FaultKind::Forbidden { reason: None }
}

#[test]
fn what_cannot_be_seen_makes_a_sync_partial() {
    let (place, sim) = (Place::new(), Sim::company());
    sim.connect(&place, &["--group", "acme"]).ok();
    sim.world()
        .change(|world| world.delete_project("acme/old"))
        .expect("it is there");
    // Neither way to list works to its end, but the host still tells who asks and what is in the groups.
    sim.get()
        .fault(Fault::new(forbidden()).path("/api/graphql"));
    sim.get()
        .fault(Fault::new(forbidden()).path("/api/v4/groups/*/projects"));
    let ran = place.run(&["org", "sync", "acme", "-o", "json"]);
    let answer: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let sync = &answer["syncs"][0];
    assert_eq!(
        (ran.code, &sync["state"]),
        (Some(10), &"partial".into()),
        "{answer}"
    );
    assert_ne!(sync["missing"], serde_json::json!([]));
    assert_eq!(
        place.json(&["repo", "list"])["items"]
            .as_array()
            .map(Vec::len),
        Some(4)
    );
}

/// An organization whose newest sync is held.
fn held() -> (Place, Sim) {
    let (place, sim) = (Place::new(), with_many(16));
    sim.connect(&place, &["--license-existing", "all"]).ok();
    sim.world().change(|world| {
        for number in 0..12 {
            world
                .delete_project(format!("acme/many/project-{number:04}"))
                .expect("it is there");
        }
    });
    let ran = place.run(&["org", "sync", "acme"]);
    assert_eq!(
        ran.stderr,
        "look at what is missing and decide: `forgehold org approve \"acme\"` or `forgehold org reject \"acme\"`\n"
    );
    ran.code(11);
    (place, sim)
}

#[test]
fn a_held_sync_is_shown_and_approved() {
    let (place, _sim) = held();
    let unconfirmed = place.run(&["org", "approve", "acme"]);
    assert_snapshot!(steady(&unconfirmed.code(7).stderr), @"
    Sync:  [id]
    Organization:  acme
    Trigger:  manual
    State:  held
    Started:  [time]
    Took:  [took]
    Repositories:  8 seen
    Requests:  [some]
    Held:  12 of 20 known repositories are missing at once; the decision is open
    Would vanish  Id  License
    acme/many/project-0000  5  licensed
    acme/many/project-0001  6  licensed
    acme/many/project-0002  7  licensed
    acme/many/project-0003  8  licensed
    acme/many/project-0004  9  licensed
    acme/many/project-0005  10  licensed
    acme/many/project-0006  11  licensed
    acme/many/project-0007  12  licensed
    acme/many/project-0008  13  licensed
    acme/many/project-0009  14  licensed
    acme/many/project-0010  15  licensed
    acme/many/project-0011  16  licensed
    error: approving lets these repositories vanish, each once the host confirms it
    hint: repeat with --yes
    ");
    assert_eq!(
        place.json(&["org", "show", "acme"])["status"]["reason"],
        "sync_held"
    );
    let approved = place.run(&["org", "approve", "acme", "--yes"]);
    assert_snapshot!(steady(&approved.ok()), @"
    approved: 12 repositories of acme

    Sync
    Sync:  [id]
    Organization:  acme
    Trigger:  approval
    State:  complete
    Started:  [time]
    Took:  [took]
    Repositories:  8 seen, 12 vanished
    Requests:  [some]
    ");
    let organization = place.json(&["org", "show", "acme"]);
    assert_eq!(organization["status"]["state"], "connected");
    assert_eq!(organization["counts"]["gone"], 12);
}

#[test]
fn a_held_sync_is_rejected() {
    let (place, _sim) = held();
    let decided = place.json(&["org", "reject", "acme", "--yes"]);
    assert_eq!(
        (&decided["decision"], &decided["held"]["total"]),
        (&"rejected".into(), &12.into())
    );
    let organization = place.json(&["org", "show", "acme"]);
    assert_eq!(organization["counts"]["repositories"], 20);
    let newest = place.json(&["sync", "list", "--limit", "1"]);
    assert_eq!(newest["items"][0]["held"]["decision"], "rejected");
    place.run(&["org", "reject", "acme", "--yes"]).code(3);
}

#[test]
fn ctrl_c_ends_a_sync_cleanly() {
    let (place, sim) = (Place::new(), Sim::company());
    sim.connect(&place, &[]).ok();
    sim.world()
        .change(|world| world.create_project("acme", "new"))
        .expect("a new project");
    let hang = sim
        .get()
        .fault(Fault::new(FaultKind::Hang).path("/api/graphql"));
    let child = place.start(&["org", "sync", "acme", "-o", "json"]);
    sim.wait_for(hang);
    signal(&child, Signal::INT);
    let ran = Ran::from(child.wait_with_output().expect("the program ends"));
    let answer: serde_json::Value = serde_json::from_str(&ran.code(130).stdout).expect("JSON");
    assert_eq!(answer["syncs"][0]["state"], "canceled");
    assert_eq!(
        place.json(&["repo", "list"])["items"]
            .as_array()
            .map(Vec::len),
        Some(4)
    );
    sim.get().clear_faults();
    place.ok(&["org", "sync", "acme"]);
    assert_eq!(
        place.json(&["repo", "list"])["items"]
            .as_array()
            .map(Vec::len),
        Some(5)
    );
}

#[test]
fn a_sync_that_another_program_is_at_is_waited_for() {
    let (place, sim) = (Place::new(), Sim::company());
    sim.connect(&place, &[]).ok();
    let hang = sim
        .get()
        .fault(Fault::new(FaultKind::Hang).path("/api/graphql").once());
    let first = place.start(&["org", "sync", "acme"]);
    sim.wait_for(hang);
    // The second one waits for the first, and does what it asked for when that one is stopped.
    let second = place.start(&["org", "sync", "acme", "-o", "json"]);
    signal(&first, Signal::INT);
    let ran = Ran::from(first.wait_with_output().expect("the program ends"));
    ran.code(130);
    let answer = Ran::from(second.wait_with_output().expect("the program ends")).json();
    assert_eq!(answer["syncs"][0]["state"], "complete");
}

#[test]
fn run_synchronizes_what_is_due_until_it_is_stopped() {
    let (place, sim) = (Place::new(), Sim::company());
    sim.connect(&place, &["--no-sync"]).ok();
    let mut child = place.start(&["run", "-o", "json"]);
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let line = lines.next().expect("a sync ends").expect("it is text");
    let run: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(
        (&run["state"], &run["trigger"]),
        (&"complete".into(), &"schedule".into())
    );
    signal(&child, Signal::TERM);
    let ran = Ran::from(child.wait_with_output().expect("the program ends"));
    assert_eq!(
        ran.stderr,
        "synchronizing what is due; stop with Ctrl-C\nstopped\n"
    );
    ran.ok();
}

#[test]
fn the_history_is_followed() {
    let place = Place::new();
    place.run_with(&["secret", "add", "first"], "x").ok();
    let mut child = place.start(&["events", "--follow", "-o", "json"]);
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut next = || {
        let line = lines.next().expect("an event comes").expect("it is text");
        serde_json::from_str::<serde_json::Value>(&line).expect("JSON")["subject"].clone()
    };
    assert_eq!(next(), "secret:first");
    place.run_with(&["secret", "add", "second"], "x").ok();
    assert_eq!(next(), "secret:second");
    signal(&child, Signal::INT);
    Ran::from(child.wait_with_output().expect("the program ends")).code(130);
}
