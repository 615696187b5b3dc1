//! Connecting an organization, and looking at it.

use insta::assert_snapshot;

use crate::place::{Place, steady};
use crate::sim::Sim;

const EVERYTHING: [&str; 11] = [
    "--group",
    "acme",
    "--protect-groups",
    "--auto-license",
    "--license-existing",
    "matching",
    "--sync-at",
    "06:00,18:00",
    "--zone",
    "Europe/Warsaw",
    "--weekdays=mon-fri",
];

#[test]
fn a_check_shows_what_would_be_covered_and_stores_nothing() {
    let (place, sim) = (Place::new(), Sim::company());
    let mut flags = vec!["--check"];
    flags.extend(EVERYTHING);
    // The times of the next runs are another test's.
    let shown = sim.connect(&place, &flags).ok();
    let (before, after) = shown.split_once("\nSynchronization\n").expect("a preview");
    assert_snapshot!(steady(before), @"
    Name:  acme
    Host:  http://127.0.0.1:[port]
    Account:  alice (person)
    Token expires:  never
    Covers:  acme
    Protect groups:  on
    Automatically add new repositories:  on
    License existing repositories:  matching
    Repositories list synchronization:  at 06:00 and 18:00 Europe/Warsaw, Monday to Friday
    Default device:  embedded
    ");
    let (_, after) = after.split_once("\nPermissions\n").expect("a table");
    assert_snapshot!(steady(after), @"
    Permission  Granted
    List groups and repositories  granted
    Clone code  granted
    Read metadata  granted
    Restore code  granted
    Restore metadata  granted
    Manage webhooks  granted

    Would be covered
    Repositories:  4
    Only shared in:  0
    Archived:  1
    Pending deletion:  0
    Groups:  2
    Would get a license:  3
    Group or namespace  Repositories
    acme  4
    ");
    assert_eq!(place.json(&["org", "list"])["items"], serde_json::json!([]));
    assert_eq!(
        place.json(&["org", "attempts"])["items"],
        serde_json::json!([])
    );
    assert_eq!(
        place.json(&["secret", "list"])["items"],
        serde_json::json!([])
    );
    assert_eq!(place.json(&["events"])["items"], serde_json::json!([]));
}

#[test]
fn everything_is_connected_synchronized_and_licensed() {
    let (place, sim) = (Place::new(), Sim::company());
    let connected = sim.connect(&place, &EVERYTHING);
    assert_eq!(
        connected.stderr,
        "`acme` is connected; the first sync starts\n"
    );
    assert_snapshot!(steady(&connected.ok()), @"
    Name:  acme
    Id:  [id]
    Host:  http://127.0.0.1:[port]
    Account:  alice (person)
    Status:  connected
    Token:  sim
    Token expires:  never
    Covers:  acme
    Protect groups:  on
    Automatically add new repositories:  on
    License existing repositories:  matching
    Repositories list synchronization:  at 06:00 and 18:00 Europe/Warsaw, Monday to Friday
    Default device:  embedded
    Repositories:  4
    Groups:  2
    Licensed:  3
    Waiting for a license:  0
    Gone:  0
    Next sync:  [time]

    Permissions
    Permission  Granted
    List groups and repositories  granted
    Clone code  granted
    Read metadata  granted
    Restore code  granted
    Restore metadata  granted
    Manage webhooks  granted

    Sync
    Sync:  [id]
    Organization:  acme
    Trigger:  connect
    State:  complete
    Started:  [time]
    Took:  [took]
    Repositories:  4 seen, 4 added, 3 licensed
    Groups:  2 seen, 2 changed
    Requests:  [some]
    ");
    assert_snapshot!(steady(&place.ok(&["org", "list"])), @"
    Name  Host  Account  Status  Repositories  Licensed  Next sync
    acme  http://127.0.0.1:[port]  alice  connected  4  3  [time]
    ");
    assert_snapshot!(steady(&place.ok(&["group", "list"])), @"
    Path  Organization  Id  Visibility  State
    acme  acme  4  private  active
    acme/platform  acme  5  private  active
    ");
    assert_snapshot!(steady(&place.ok(&["repo", "list"])), @"
    Path  Organization  Id  Visibility  State  License
    acme/api  acme  1  private  active  licensed
    acme/old  acme  3  private  archived  unlicensed
    acme/platform/core  acme  4  private  active  licensed
    acme/web  acme  2  private  active  licensed
    ");
    assert_snapshot!(steady(&place.ok(&["license", "status"])), @"
    Seats:  unlimited
    Taken:  3
    Waiting:  0
    Policy:  exclude archived
      exclude pending-deletion
      include all

    By organization
    Organization  Licensed  Waiting
    acme  3  0
    ");
    assert_snapshot!(steady(&place.ok(&["sync", "list"])), @"
    Sync  Organization  Started  Trigger  State  Took  Result
    [id]  acme  [time]  connect  complete  [took]  4 seen, 4 added, 3 licensed
    ");
}

#[test]
fn what_was_connected_can_be_looked_at() {
    let (place, sim) = (Place::new(), Sim::company());
    sim.connect(&place, &EVERYTHING).ok();
    assert_snapshot!(steady(&place.ok(&["org", "attempts"])), @"
    Started  Name  Host  Login  State  Reason
    [time]  acme  http://127.0.0.1:[port]  alice  succeeded
    ");
    assert_snapshot!(steady(&place.ok(&["events", "--kind", "organization."])), @"
    Nr  When  Who  What  On  Details
    2  [time]  jane  organization.connected  organization  acme; host: http://127.0.0.1:[port]; account: alice; method: access_token; scope: acme; protect_groups: on; auto_license: on; license_existing: matching; schedule: at 06:00 and 18:00 Europe/Warsaw, Monday to Friday
    ");
    assert_snapshot!(steady(&place.ok(&["secret", "list"])), @"
    Name  Vault  Version  Owner  Used by  Changed  Expires  Last used
    token-[id]  embedded  1  organization  acme  [time]  [time]
    ");
    assert_snapshot!(steady(&place.ok(&["repo", "show", "acme/old"])), @"
    Path:  acme/old
    Name:  old
    Id:  3
    Organization:  acme
    State:  archived
    Visibility:  private
    Default branch:  (not told)
    Topics:  (none)
    Fork:  no
    Created:  [time]
    Last activity:  [time]
    First seen:  [time]
    License:  unlicensed since [time]
    By:  excluded:exclude archived

    License
    acme/old: unlicensed
    It has no license, because the rule `exclude archived` kept it out when a sync looked at it on [time].
    The rule `exclude archived` of today's policy would keep it out too; a license can be assigned by hand.

    Timeline
    Nr  When  Who  What  On  Details
    5  [time]  (system)  repository.added  repository:3  acme/old; full_path: acme/old
    ");
    assert_snapshot!(place.ok(&["repo", "why", "acme/platform/core"]).replace(char::is_numeric, "0"), @"
    acme/platform/core: licensed
    It has a license since 0000-00-00T00:00:00Z, because it was there when the organization was connected, and of the matching ones that were chosen the rule `include all` lets it in.
    ");
}

#[test]
fn without_a_first_sync_one_is_due() {
    let (place, sim) = (Place::new(), Sim::company());
    let connected = sim.connect(&place, &["--no-sync"]);
    assert_eq!(
        connected.stderr,
        "a sync is due now: `forgehold run` does it, or `forgehold org sync \"acme\"`\n"
    );
    assert_eq!(
        place.json(&["sync", "list"])["items"],
        serde_json::json!([])
    );
}

#[test]
fn a_secret_of_the_password_manager_is_used_and_outlives_the_organization() {
    let (place, sim) = (Place::new(), Sim::company());
    place
        .run_with(&["secret", "add", "gitlab"], sim.token())
        .ok();
    let args = [
        "org",
        "add",
        "gitlab",
        "--host",
        sim.url(),
        "--login",
        "@Alice",
    ];
    let args: Vec<&str> = args
        .into_iter()
        .chain(["--token-secret", "gitlab", "--name", "acme"])
        .collect();
    place.ok(&args);
    let secret = place.json(&["secret", "show", "gitlab"]);
    assert_eq!(secret["used_by"], serde_json::json!(["acme"]));
    let refused = place.run(&["secret", "remove", "gitlab", "--yes"]);
    assert_snapshot!(refused.code(4).stderr, @"
    error: the secret `gitlab` is used by `acme`
    hint: reconnect or remove what uses it first, or rotate its value
    ");
    place.run(&["org", "remove", "acme"]).code(7);
    place
        .run(&["org", "remove", "acme", "--confirm", "acne"])
        .code(7);
    assert_snapshot!(place.ok(&["org", "remove", "acme", "--confirm", "acme"]), @"removed acme: 0 licenses are free again, 0 secrets were deleted; the history stays");
    place.ok(&["secret", "remove", "gitlab", "--yes"]);
    place.run(&["org", "show", "acme"]).code(3);
    assert_eq!(
        place.json(&["org", "list", "--all"])["items"][0]["status"]["state"],
        "removed"
    );
}

#[test]
fn settings_are_changed_one_by_one() {
    let (place, sim) = (Place::new(), Sim::company());
    sim.connect(&place, &["--no-sync"]).ok();
    let edited = place.json(&[
        "org",
        "edit",
        "acme",
        "--name",
        "Acme Corp",
        "--group",
        "acme/platform",
        "--no-personal",
        "--protect-groups",
        "--auto-license",
        "--sync-cron",
        "30 5 * * mon-fri",
        "--zone",
        "Europe/Warsaw",
    ]);
    assert_eq!(edited["name"], "Acme Corp");
    insta::assert_json_snapshot!(edited["settings"], @r#"
    {
      "auto_license": true,
      "device": "embedded",
      "groups": [
        "acme/platform"
      ],
      "license_existing": "none",
      "personal": false,
      "protect_groups": true,
      "schedule": {
        "description": "by cron \"30 5 * * mon-fri\", Europe/Warsaw",
        "expression": "30 5 * * mon-fri",
        "kind": "cron",
        "seconds": null,
        "times": null,
        "weekdays": null,
        "zone": "Europe/Warsaw"
      }
    }
    "#);
    let back = place.json(&[
        "org",
        "edit",
        "acme corp",
        "--all-groups",
        "--sync-manual",
        "--no-auto-license",
    ]);
    insta::assert_json_snapshot!(back["settings"], @r#"
    {
      "auto_license": false,
      "device": "embedded",
      "groups": null,
      "license_existing": "none",
      "personal": false,
      "protect_groups": true,
      "schedule": {
        "description": "only when asked for",
        "expression": null,
        "kind": "manual",
        "seconds": null,
        "times": null,
        "weekdays": null,
        "zone": null
      }
    }
    "#);
    assert_snapshot!(place.run(&["org", "edit", "acme corp"]).code(2).stderr, @"
    error: nothing to change was given
    hint: `forgehold org edit --help` tells what can be changed
    ");
    let wrong = place.run(&[
        "org",
        "edit",
        "acme corp",
        "--sync-every",
        "10s",
        "--group",
        "https://x",
    ]);
    assert_snapshot!(wrong.code(2).stderr, @"
    error: 2 values are not right; nothing was changed
      --group: `https://x` is not a group path; write it as in the address bar after the host, like `company/platform`
      --sync-every: an interval of 10 seconds is too short; choose one from 5 minutes to 31 days
    ");
}

#[test]
fn a_paused_organization_is_left_alone_until_it_is_resumed() {
    let (place, sim) = (Place::new(), Sim::company());
    sim.connect(&place, &[]).ok();
    let paused = place.json(&["org", "pause", "acme"]);
    assert_eq!(
        (&paused["status"]["state"], &paused["next_sync"]),
        (&"paused".into(), &serde_json::Value::Null)
    );
    assert_snapshot!(place.run(&["org", "sync", "acme"]).code(4).stderr, @"error: the organization `acme` is paused, so it cannot be synchronized");
    assert_snapshot!(place.run(&["org", "pause", "acme"]).code(4).stderr, @"error: the organization `acme` is paused, so it cannot be paused");
    assert_eq!(
        place.json(&["org", "resume", "acme"])["status"]["state"],
        "connected"
    );
    place.ok(&["org", "sync", "acme"]);
}

#[test]
fn another_credential_keeps_everything_else() {
    use gitlab_sim::TokenSpec;

    let (place, sim) = (Place::new(), Sim::company());
    sim.connect(&place, &["--license-existing", "all"]).ok();
    let before = place.json(&["org", "show", "acme"]);
    let token = sim
        .world()
        .issue(&TokenSpec::user("alice").scopes(["read_api"]))
        .expect("a token");
    let reconnected = place.run_with(&["org", "reconnect", "acme", "--token-stdin"], &token.value);
    assert_eq!(reconnected.stderr, "`acme` is reconnected; a sync starts\n");
    reconnected.ok();
    let after = place.json(&["org", "show", "acme"]);
    assert_eq!(
        (&after["id"], &after["counts"]),
        (&before["id"], &before["counts"])
    );
    assert_eq!(after["permissions"][1]["granted"], "no");

    let stranger = sim.world().issue(&TokenSpec::user("bob")).expect("a token");
    let args = [
        "org",
        "reconnect",
        "acme",
        "--login",
        "bob",
        "--token-stdin",
    ];
    let refused = place.run_with(&args, &stranger.value);
    assert_snapshot!(refused.code(7).stderr, @"
    error: the account `bob` sees none of the 4 known repositories of `acme`
    hint: use an account that sees them, or repeat with --accept-unseen
    ");
    let unasked = place.run(&["org", "reconnect", "acme"]);
    assert_snapshot!(unasked.code(2).stderr, @"
    error: a value is not right; nothing was changed
      --token-secret or --token-stdin: there is no access token; give the token itself, name a secret of the password manager, or sign in at the host with `--sso`
    ");
}

#[test]
fn a_token_that_ends_soon_tells_how_it_is_rotated() {
    use gitlab_sim::TokenSpec;

    let (place, sim) = (Place::new(), Sim::company());
    let clock = runtime::environment::Environment::of_machine().clock;
    let day = clock.now().date_naive() + chrono::Days::new(10);
    let token = sim
        .world()
        .issue(&TokenSpec::user("alice").expires_at(day))
        .expect("a token");
    sim.connect(&place, &["--no-sync"]).ok();
    let shown = place.ok(&["org", "show", "acme"]);
    assert!(!shown.contains("Rotate it with"), "{shown}");
    place
        .run_with(&["org", "reconnect", "acme", "--token-stdin"], &token.value)
        .ok();
    let shown = place.ok(&["org", "show", "acme"]);
    assert!(shown.contains("forgehold org rotate-token acme"), "{shown}");
}
