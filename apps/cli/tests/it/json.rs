//! Every answer keeps to the documented schema: nothing missing, nothing undocumented.

use std::path::Path;

use gitlab_sim::{Fault, FaultKind};
use serde_json::{Value, json};

use crate::place::Place;
use crate::sim::Sim;

/// The committed schema, with a refusal of what it does not know.
fn schema() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli/json-output.schema.json");
    let text = std::fs::read_to_string(path).expect("the schema is committed");
    let mut schema: Value = serde_json::from_str(&text).expect("it is JSON");
    let definitions = schema["$defs"].as_object_mut().expect("it has definitions");
    for definition in definitions.values_mut() {
        definition["additionalProperties"] = json!(false);
    }
    schema
}

struct Documented {
    schema: Value,
}

impl Documented {
    #[track_caller]
    fn check(&self, command: &str, answer: &Value) {
        let mut schema = self.schema["commands"][command].clone();
        assert!(schema.is_object(), "`{command}` is not documented");
        schema["$defs"] = self.schema["$defs"].clone();
        if let Err(error) = jsonschema::validate(&schema, answer) {
            panic!("{command}: {error}\n{answer:#}");
        }
    }
}

#[test]
fn every_answer_keeps_to_its_schema() {
    let (place, sim) = (Place::new(), Sim::company());
    let documented = Documented { schema: schema() };
    let check = |command: &str, args: &[&str]| {
        documented.check(command, &place.json(args));
    };
    place.ok(&["license", "seats", "2"]);
    let flags = [
        "--protect-groups",
        "--license-existing",
        "all",
        "-o",
        "json",
    ];
    let checked: Vec<&str> = flags.iter().copied().chain(["--check"]).collect();
    documented.check("org add --check", &sim.connect(&place, &checked).json());
    documented.check("org add", &sim.connect(&place, &flags).json());

    check("doctor", &["doctor"]);
    check("events", &["events"]);
    check("group list", &["group", "list"]);
    check("license holders", &["license", "holders"]);
    check("license policy show", &["license", "policy", "show"]);
    check("license policy test", &["license", "policy", "test"]);
    check("license seats", &["license", "seats"]);
    check("license status", &["license", "status"]);
    check("license waiting", &["license", "waiting"]);
    check("org attempts", &["org", "attempts"]);
    check("org edit", &["org", "edit", "acme", "--sync-at", "06:00"]);
    check("org list", &["org", "list"]);
    check("org pause", &["org", "pause", "acme"]);
    check("org resume", &["org", "resume", "acme"]);
    check("org show", &["org", "show", "acme"]);
    check("org sync", &["org", "sync", "acme"]);
    check("repo assign", &["repo", "assign", "acme/api"]);
    check("repo list", &["repo", "list"]);
    check("repo release", &["repo", "release", "acme/api"]);
    check("repo show", &["repo", "show", "acme/api"]);
    check("repo why", &["repo", "why", "acme/api"]);
    for kind in [
        "--sync-manual",
        "--sync-at=06:00",
        "--sync-every=1h",
        "--sync-cron=0 6 * * *",
    ] {
        check("schedule preview", &["schedule", "preview", kind]);
    }
    check("sync list", &["sync", "list"]);
    let syncs = place.json(&["sync", "list"]);
    check(
        "sync show",
        &[
            "sync",
            "show",
            syncs["items"][0]["id"].as_str().expect("an id"),
        ],
    );
    let with_input = |command: &str, args: &[&str], input: &str| {
        let args: Vec<&str> = args.iter().copied().chain(["-o", "json"]).collect();
        documented.check(command, &place.run_with(&args, input).json());
    };
    with_input(
        "license policy set",
        &["license", "policy", "set", "-"],
        "include all",
    );
    with_input("secret add", &["secret", "add", "one"], "x");
    with_input("secret rotate", &["secret", "rotate", "one"], "y");
    check("secret list", &["secret", "list"]);
    check("secret show", &["secret", "show", "one"]);
    check("secret remove", &["secret", "remove", "one", "--yes"]);
    with_input(
        "org reconnect",
        &["org", "reconnect", "acme", "--token-stdin"],
        sim.token(),
    );

    sim.get().fault(Fault::new(FaultKind::TokenRevoked));
    let failed = place.run(&["org", "sync", "acme", "-o", "json"]);
    let answer: Value = serde_json::from_str(&failed.code(12).stdout).expect("JSON");
    documented.check("org sync", &answer);
    check(
        "org remove",
        &["org", "remove", "acme", "--confirm", "acme"],
    );
}

#[test]
fn errors_keep_to_their_schema() {
    let (place, documented) = (Place::new(), Documented { schema: schema() });
    let check = |code, args: &[&str]| {
        let args: Vec<&str> = args.iter().copied().chain(["-o", "json"]).collect();
        let ran = place.run(&args);
        assert_eq!(ran.code(code).stdout, "");
        let error: Value = serde_json::from_str(&ran.stderr).expect("JSON");
        documented.check("any, on failure, to standard error", &error);
        error["error"]["kind"].as_str().expect("a kind").to_owned()
    };
    assert_eq!(check(3, &["org", "show", "nobody"]), "not_found");
    assert_eq!(check(2, &["org", "add", "gitlab"]), "invalid");
    assert_eq!(check(2, &["nonsense"]), "invalid");
    assert_eq!(check(2, &["org", "list", "--nonsense"]), "invalid");
}
