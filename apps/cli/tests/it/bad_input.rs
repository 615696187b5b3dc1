//! Every wrong value gets one clear message, and changes nothing.

use std::os::unix::fs::PermissionsExt;

use gitlab_sim::{GitlabSim, TokenSpec};
use insta::assert_snapshot;
use serde_json::json;

use crate::place::{Place, steady};
use crate::sim::{Sim, company};

/// What `org add gitlab` says to these flags; nothing may be there afterwards.
#[track_caller]
fn refused(sim: &Sim, code: i32, flags: &[&str]) -> String {
    let place = Place::new();
    let ran = sim.connect(&place, flags);
    ran.code(code);
    assert_eq!(ran.stdout, "");
    nothing_in(&place);
    steady(&ran.stderr)
}

#[track_caller]
fn nothing_in(place: &Place) {
    for noun in ["org", "secret", "repo", "sync"] {
        assert_eq!(place.json(&[noun, "list"])["items"], json!([]), "{noun}");
    }
}

#[test]
fn a_day_is_no_time() {
    let args = ["schedule", "preview", "--from", "2027-03-27"];
    let refused = Place::new().run(&args);
    let told = &refused.code(2).stderr;
    let expected = "write the day and the time with its zone, such as 2027-03-27T12:00:00Z";
    assert!(told.contains(expected), "{told}");
}

#[test]
fn schedules() {
    let sim = Sim::company();
    let check = |flags: &[&str]| refused(&sim, 2, flags);
    assert_snapshot!(check(&["--sync-at", "06:00", "--zone", "Europe/Warsawa"]), @r#"
    error: a value is not right; nothing was changed
      --zone: there is no time zone "Europe/Warsawa"; did you mean Europe/Warsaw?
    "#);
    assert_snapshot!(check(&["--sync-at", "25:00"]), @r#"
    error: a value is not right; nothing was changed
      --sync-at: the hour of "25:00" is out of range; hours go from 00 to 23
    "#);
    assert_snapshot!(check(&["--sync-at", "06:00,06:00"]), @"
    error: a value is not right; nothing was changed
      --sync-at: the time 06:00 was given twice; leave one of them out
    ");
    assert_snapshot!(check(&["--sync-every", "10s"]), @"
    error: a value is not right; nothing was changed
      --sync-every: an interval of 10 seconds is too short; choose one from 5 minutes to 31 days
    ");
    assert_snapshot!(check(&["--sync-cron", "0 30 5 * * *"]), @"
    error: a value is not right; nothing was changed
      --sync-cron: the cron expression has 6 fields instead of five; leave out seconds and years: minute, hour, day of month, month, day of week
    ");
    assert_snapshot!(check(&["--sync-cron", "now and then"]), @"
    error: a value is not right; nothing was changed
      --sync-cron: the cron expression has 3 of its five fields; write minute, hour, day of month, month and day of week, such as 0 6 * * *
    ");
    assert_snapshot!(check(&["--sync-every", "6h", "--sync-manual"]), @"
    error: a value is not right; nothing was changed
      --sync-every, --sync-at, --sync-cron or --sync-manual: choose one of an interval, times of day, a cron expression and manual
    ");
    assert_snapshot!(check(&["--sync-every", "6h", "--weekdays", "mon", "--zone", "UTC"]), @"
    error: 2 values are not right; nothing was changed
      --zone: a time zone goes with times of day or a cron expression only
      --weekdays: days of the week go with times of day only
    ");
    assert_eq!(sim.get().requests().len(), 0, "nothing went on the network");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let place = Place::new();
    let ran = place.run(&[
        "org",
        "add",
        "gitlab",
        "--host",
        "gitlab.example.com",
        "--login",
        "a b",
        "--group",
        "a//b",
        "--sync-at",
        "25:00",
        "--zone",
        "Mars/Base",
        "--device",
        "laptop",
    ]);
    assert_snapshot!(ran.code(2).stderr, @r#"
    error: 7 values are not right; nothing was changed
      --host: the host `gitlab.example.com` has no scheme; write https://gitlab.example.com
      --login: the login may not contain ' '; allowed are letters, digits, `.`, `_` and `-`
      --token-secret or --token-stdin: there is no access token; give the token itself, or name a secret of the password manager
      --group: `a//b` is not a group path; write it as in the address bar after the host, like `company/platform`
      --zone: there is no time zone "Mars/Base"; write an IANA name such as Europe/Warsaw or UTC
      --sync-at: the hour of "25:00" is out of range; hours go from 00 to 23
      --device: there is no device `laptop`; give the id of one, or `embedded` for this installation itself
    "#);
    nothing_in(&place);
}

#[test]
fn a_script_is_never_asked() {
    let place = Place::new();
    let ran = place.run(&["org", "add", "gitlab"]);
    assert_snapshot!(ran.code(2).stderr, @"
    error: no application is configured for signing in at https://gitlab.com
    hint: register an application at https://gitlab.com (User settings, Applications; not confidential; scopes read_api, read_user, read_repository, and api for restoring) with exactly the redirect URI http://127.0.0.1/callback/gitlab.com, and add its client id to `oauth.clients` of the configuration; or register using login and token
    ");
    let ran = place.run(&["org", "add", "gitlab", "-o", "json"]);
    let error: serde_json::Value = serde_json::from_str(&ran.code(2).stderr).expect("JSON");
    insta::assert_json_snapshot!(error, @r#"
    {
      "error": {
        "causes": [],
        "fields": [],
        "hint": "register an application at https://gitlab.com (User settings, Applications; not confidential; scopes read_api, read_user, read_repository, and api for restoring) with exactly the redirect URI http://127.0.0.1/callback/gitlab.com, and add its client id to `oauth.clients` of the configuration; or register using login and token",
        "kind": "invalid",
        "message": "no application is configured for signing in at https://gitlab.com"
      }
    }
    "#);
}

#[test]
fn addresses() {
    let check = |host: &str| {
        let place = Place::new();
        let args = [
            "org",
            "add",
            "gitlab",
            "--host",
            host,
            "--login",
            "alice",
            "--token-stdin",
        ];
        let ran = place.run_with(&args, "glpat-something");
        ran.code(2);
        nothing_in(&place);
        ran.stderr
    };
    assert_snapshot!(check("gitlab.example.com"), @"
    error: a value is not right; nothing was changed
      --host: the host `gitlab.example.com` has no scheme; write https://gitlab.example.com
    ");
    assert_snapshot!(check("https://alice:hunter2@gitlab.example.com"), @"
    error: a value is not right; nothing was changed
      --host: the host address holds credentials; remove everything between `://` and `@`, and give the token as a secret
    ");
    assert_snapshot!(check("http://gitlab.example.com"), @"
    error: a value is not right; nothing was changed
      --host: plain http to `gitlab.example.com` would send the token unencrypted; use https, or allow plain http for this host in so many words
    hint: --allow-http allows it
    ");
    assert_snapshot!(check("ftp://gitlab.example.com"), @"
    error: a value is not right; nothing was changed
      --host: the scheme `ftp` is not supported; use https
    ");
    assert_snapshot!(check("https://gitlab.example.com/?page=2"), @"
    error: a value is not right; nothing was changed
      --host: the host address has a query or a fragment; end it after the path
    ");
}

#[test]
fn plain_http_to_another_machine_is_taken_only_in_so_many_words() {
    let place = Place::new();
    let args = [
        "org",
        "add",
        "gitlab",
        "--host",
        "http://gitlab.invalid",
        "--login",
        "alice",
    ];
    let args: Vec<&str> = args
        .into_iter()
        .chain(["--token-stdin", "--allow-http"])
        .collect();
    let ran = place.run_with(&args, "glpat-something");
    ran.code(6);
    assert!(
        ran.stderr
            .starts_with("error: http://gitlab.invalid cannot be reached: DNS failed"),
        "{}",
        ran.stderr
    );
}

#[test]
fn logins_and_groups() {
    let sim = Sim::company();
    let place = Place::new();
    let args = [
        "org",
        "add",
        "gitlab",
        "--host",
        sim.url(),
        "--login",
        "bob",
    ];
    let args: Vec<&str> = args.into_iter().chain(["--token-stdin"]).collect();
    assert_snapshot!(place.run_with(&args, sim.token()).code(2).stderr, @"
    error: the access token belongs to `alice`, not to `bob`
    hint: give the login `alice`, or a token of the right account
    ");
    nothing_in(&place);
    assert_snapshot!(refused(&sim, 2, &["--group", "acme", "nowhere"]), @"
    error: a value is not right; nothing was changed
      --group: there is no group `nowhere` at http://127.0.0.1:[port], or this account cannot see it; check the path, or ask for access
    ");
    assert_snapshot!(refused(&sim, 2, &["--group", "acme", "acme/platform"]), @"
    error: a value is not right; nothing was changed
      --group: of `acme` and `acme/platform` one lies inside the other; leave the inner one out
    ");
    assert_snapshot!(refused(&sim, 2, &["--license-existing", "some"]), @"
    error: invalid value 'some' for '--license-existing <WHICH>': `some` is not a known choice of existing repositories; known are none, all, matching

    For more information, try '--help'.
    ");
}

/// What is said to a token of that kind.
#[track_caller]
fn with_token(spec: TokenSpec) -> String {
    let sim = Sim::start(GitlabSim::builder().world(company()).token(spec));
    refused(&sim, 5, &[])
}

#[test]
fn tokens() {
    let alice = || TokenSpec::user("alice");
    assert_snapshot!(with_token(alice().expires_at("2020-01-01".parse().expect("a day"))), @"
    error: http://127.0.0.1:[port] says that the access token has expired
    hint: make a new token at the host
    ");
    assert_snapshot!(with_token(alice().revoked()), @"
    error: http://127.0.0.1:[port] refuses the access token: it was revoked (Token was revoked. You have to re-authorize from the user.)
    hint: make a new token at the host
    ");
    assert_snapshot!(with_token(alice().scopes(["read_user"])), @"
    error: the access token lacks a scope for listing groups and repositories: read_api or api would do
    hint: make a token with the scope read_api
    ");
    let sim = Sim::company();
    let place = Place::new();
    let args = [
        "org",
        "add",
        "gitlab",
        "--host",
        sim.url(),
        "--login",
        "alice",
        "--token-stdin",
    ];
    assert_snapshot!(steady(&place.run_with(&args, "glpat-of-nobody").code(5).stderr), @"
    error: http://127.0.0.1:[port] refuses the access token: 401 Unauthorized
    hint: make a new token at the host
    ");
    assert_snapshot!(place.run_with(&args, "").code(2).stderr, @"
    error: a value is not right; nothing was changed
      --token-secret or --token-stdin: the access token is empty
    ");
    assert_snapshot!(place.run_with(&args, "two words").code(2).stderr, @"
    error: a value is not right; nothing was changed
      --token-secret or --token-stdin: the access token has white space or other characters that no token has; give the token alone
    ");
    let args = [
        "org",
        "add",
        "gitlab",
        "--host",
        sim.url(),
        "--login",
        "alice",
    ];
    let args: Vec<&str> = args
        .into_iter()
        .chain(["--token-secret", "nothing"])
        .collect();
    assert_snapshot!(place.run(&args).code(2).stderr, @"
    error: a value is not right; nothing was changed
      --token-secret or --token-stdin: there is no secret `nothing` in the password manager; add it first
    ");
    nothing_in(&place);
}

#[test]
fn a_failed_attempt_stays_visible_with_its_reason() {
    let (place, sim) = (Place::new(), Sim::company());
    let args = [
        "org",
        "add",
        "gitlab",
        "--host",
        sim.url(),
        "--login",
        "bob",
        "--token-stdin",
    ];
    place.run_with(&args, sim.token()).code(2);
    let attempts = place.json(&["org", "attempts"]);
    assert_eq!(attempts["items"][0]["state"], "failed");
    assert_snapshot!(attempts["items"][0]["reason"].as_str().expect("a reason"), @"the access token belongs to `alice`, not to `bob`; give the login `alice`, or a token of the right account");
}

#[test]
fn the_same_organization_twice() {
    let (place, sim) = (Place::new(), Sim::company());
    sim.connect(&place, &["--no-sync"]).ok();
    assert_snapshot!(steady(&sim.connect(&place, &[]).code(4).stderr), @"
    error: there is already an organization `acme`
    hint: choose another name
    ");
    let args = [
        "org",
        "add",
        "gitlab",
        "--host",
        sim.url(),
        "--login",
        "alice",
        "--token-stdin",
        "--name",
        "other",
    ];
    assert_snapshot!(steady(&place.run_with(&args, sim.token()).code(4).stderr), @"
    error: alice at http://127.0.0.1:[port] is already connected as `acme`, which covers all groups and the personal namespace
    hint: edit `acme`, or choose groups that it does not cover and leave the personal namespace out
    ");
    assert_eq!(
        place.json(&["org", "list"])["items"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
}

#[test]
fn a_host_that_is_not_there() {
    let mut sim = Sim::company();
    let url = sim.url().to_owned();
    sim.stop();
    let place = Place::new();
    let args = [
        "org",
        "add",
        "gitlab",
        "--host",
        &url,
        "--login",
        "alice",
        "--token-stdin",
    ];
    let ran = place.run_with(&args, "glpat-something");
    ran.code(6);
    let first = steady(&ran.stderr);
    assert!(
        first.starts_with("error: http://127.0.0.1:[port] cannot be reached: TCP failed"),
        "{first}"
    );
    nothing_in(&place);
}

#[test]
fn a_data_directory_that_is_not_one() {
    let place = Place::new();
    let file = place.file("a-file", "");
    let ran = place.run(&["org", "list", "--data-dir", &file]);
    assert_snapshot!(ran.code(5).stderr.replace(&file, "[file]"), @"error: the data directory [file] cannot be used: it is not a directory; choose another one with --data-dir");
}

#[test]
fn a_data_directory_that_is_not_writable() {
    let place = Place::new();
    let locked = place.folder().join("locked");
    std::fs::create_dir(&locked).expect("a new folder");
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o500)).expect("it is ours");
    let path = locked.to_str().expect("text");
    let ran = place.run(&["org", "list", "--data-dir", path]);
    assert_snapshot!(ran.code(5).stderr.replace(path, "[folder]"), @"error: the data directory [folder] cannot be used: it is read-only; choose another one with --data-dir or make it writable");
}

/// A database that says it is of version 9000, and has nothing else in it.
const NEWER: &[u8] = include_bytes!("newer.sqlite");

#[test]
fn a_database_from_a_newer_version() {
    let place = Place::new();
    std::fs::create_dir(place.data()).expect("a new folder");
    let database = place.data().join("forgehold.sqlite");
    std::fs::write(&database, NEWER).expect("the folder is writable");
    let ran = place.run(&["org", "list"]);
    assert_snapshot!(ran.code(5).stderr, @"error: the database is of version 9000, newer than this program's 6; use a program at least as new as the one that wrote it");
    place.run(&["doctor"]).code(8);
    assert_eq!(place.run(&["org", "list"]), ran, "nothing was changed");
}

#[test]
fn a_configuration_with_mistakes_tells_all_of_them() {
    let place = Place::new().env("FORGEHOLD_SYNC__CONCURRENCY", "many");
    let file = place.file("bad.toml", "[http]\nmax_concurrency = 1000\n");
    let ran = place.run(&["org", "list", "--config", &file]);
    assert_snapshot!(ran.code(2).stderr.replace(&file, "[file]"), @"
    error: the configuration is not right
      [file]: `http.max_concurrency`: `1000` is not from 1 to 64
      environment variable FORGEHOLD_SYNC__CONCURRENCY: `sync.concurrency`: `many` is not a whole number
    ");
}

#[test]
fn what_is_not_there_or_not_possible() {
    let (place, sim) = (Place::new(), Sim::company());
    sim.connect(&place, &[]).ok();
    let check = |code, args: &[&str]| place.run(args).code(code).stderr.clone();
    assert_snapshot!(check(3, &["org", "show", "nobody"]), @"error: there is no organization `nobody`");
    assert_snapshot!(check(3, &["repo", "show", "acme/nothing"]), @"error: there is no repository `acme/nothing`");
    assert_snapshot!(check(3, &["secret", "show", "nothing"]), @"error: there is no secret `nothing`");
    assert_snapshot!(check(3, &["sync", "show", "01a20727-b618-70b7-b410-0c2f2804b86e"]), @"error: there is no sync 01a20727-b618-70b7-b410-0c2f2804b86e");
    assert_snapshot!(check(3, &["org", "approve", "acme", "--yes"]), @"error: no sync of `acme` waits for a decision");
    assert_snapshot!(check(2, &["repo", "list", "--after", "nonsense"]), @"error: the value of --after is not the `next` of such a list");
    assert_snapshot!(check(2, &["group", "list", "--after", "nonsense"]), @"error: the value of --after is not the `next` of such a list");
    assert_snapshot!(check(2, &["license", "seats", "-5"]), @"
    error: unexpected argument '-5' found

      tip: to pass '-5' as a value, use '-- -5'

    Usage: forgehold license seats [OPTIONS] [COUNT]

    For more information, try '--help'.
    ");
    assert_snapshot!(check(2, &["license", "policy", "set", "nowhere.txt"]), @"
    error: the policy cannot be read from nowhere.txt
      caused by: No such file or directory (os error 2)
    ");
    let policy = place.file("policy.txt", "allow all\nexclude fork yes\nexclude fork\n");
    assert_snapshot!(check(2, &["license", "policy", "set", &policy]).replace(&policy, "[file]"), @"
    error: [file] is no policy: 3 things are wrong with it
      rules: line 1: `allow all` starts with neither `include` nor `exclude`
      rules: line 2: `fork` takes no value, but `yes` follows it
      rules: the policy leaves open what happens to the rest; end it with `include all` or `exclude all`
    hint: `forgehold license policy set --help` tells what a rule looks like
    ");
    let policy = place.file("policy.txt", "include all\nexclude fork\n");
    assert_snapshot!(check(2, &["license", "policy", "set", &policy]).replace(&policy, "[file]"), @"
    error: [file] is no policy: line 2 is never reached, because `include all` before it fits everything
    hint: `forgehold license policy set --help` tells what a rule looks like
    ");
    assert_snapshot!(check(2, &["orgs"]), @"
    error: unrecognized subcommand 'orgs'

      tip: a similar subcommand exists: 'org'

    Usage: forgehold [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
    assert_snapshot!(check(2, &["orgs", "-o", "json"]), @r#"{"error":{"kind":"invalid","message":"unrecognized subcommand 'orgs'","hint":"`forgehold --help` and `forgehold COMMAND --help` tell what there is","fields":[],"causes":[]}}"#);
    let args = ["secret", "add", "a secret"];
    assert_snapshot!(place.run_with(&args, "x").code(2).stderr, @"
    error: a value is not right; nothing was changed
      NAME: the secret's name may not contain ' '; allowed are letters, digits, `.`, `_` and `-`, and at least one that is not a dot
    ");
    place.run_with(&["secret", "add", "one"], "x").ok();
    assert_snapshot!(place.run_with(&["secret", "add", "one"], "x").code(4).stderr, @"error: there is already a secret `one`; choose another name, or rotate that one");
    assert_snapshot!(place.run_with(&["secret", "add", "two"], "").code(2).stderr, @"
    error: a value is not right; nothing was changed
      the value: the access token is empty
    ");
}
