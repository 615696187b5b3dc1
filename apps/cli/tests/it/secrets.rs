//! A planted secret is looked for wherever it could come out.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use gitlab_sim::{Fault, FaultKind, GitlabSim, TokenSpec};

use crate::place::{Place, Ran};
use crate::sim::{Sim, company};

const PLANTED: &str = "glpat-Pl4nt3d-V4lu3-0123456789";
const ROTATED: &str = "glpat-R0t4t3d-V4lu3-9876543210";

#[track_caller]
fn clean(what: &str, bytes: &[u8]) {
    for secret in [PLANTED, ROTATED] {
        let found = bytes
            .windows(secret.len())
            .any(|window| window == secret.as_bytes());
        assert!(!found, "the secret is in {what}");
    }
}

#[track_caller]
fn clean_run(what: &str, ran: &Ran) {
    clean(&format!("the output of {what}"), ran.stdout.as_bytes());
    clean(
        &format!("the errors and logs of {what}"),
        ran.stderr.as_bytes(),
    );
}

pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    entries
        .map(|entry| entry.expect("it is readable").path())
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[test]
fn a_planted_secret_comes_out_nowhere() {
    let token = TokenSpec::user("alice").value(PLANTED);
    let sim = Sim::start(GitlabSim::builder().world(company()).token(token));
    let place = Place::new();
    let run = |args: &[&str], input: &str| {
        for format in ["table", "json"] {
            let logged: Vec<&str> = args.iter().copied().chain(["-vvv", "-o", format]).collect();
            clean_run(&args.join(" "), &place.run_with(&logged, input));
        }
    };
    run(&["secret", "add", "planted"], &format!("{PLANTED}\n"));
    run(&["secret", "add", "second line"], PLANTED);
    run(
        &["secret", "add", "broken"],
        &format!("{PLANTED} {PLANTED}"),
    );
    let add = [
        "org",
        "add",
        "gitlab",
        "--host",
        sim.url(),
        "--login",
        "alice",
        "--token-stdin",
    ];
    let named = |name| {
        add.iter()
            .copied()
            .chain(["--name", name])
            .collect::<Vec<_>>()
    };
    let wrong = add.map(|word| if word == "alice" { "bob" } else { word });
    run(&wrong, PLANTED);
    run(&named("acme"), PLANTED);
    sim.get().fault(Fault::new(FaultKind::TokenRevoked));
    run(&["org", "sync", "acme"], "");
    sim.get().clear_faults();
    sim.get()
        .fault(Fault::new(FaultKind::WrongJson).path("/api/graphql"));
    run(&["org", "sync", "acme"], "");
    sim.get().clear_faults();
    run(
        &["org", "reconnect", "acme", "--token-secret", "planted"],
        "",
    );
    run(&["secret", "rotate", "planted"], ROTATED);
    for args in [
        ["org", "show", "acme"].as_slice(),
        &["secret", "show", "planted"],
        &["secret", "list"],
        &["events", "--limit", "1000"],
        &["org", "attempts"],
        &["doctor"],
        &["sync", "list"],
    ] {
        run(args, "");
    }
    let seen = files(&place.data());
    assert!(seen.len() >= 3, "{seen:?}");
    for file in seen {
        // The vault's own file too: nothing in it is readable.
        clean(
            &file.display().to_string(),
            &fs::read(&file).expect("it is readable"),
        );
    }
    assert!(
        sim.get()
            .requests()
            .iter()
            .all(|request| !request.token_in_url)
    );
}

#[test]
fn a_running_program_shows_no_secret_to_its_neighbors() {
    let token = TokenSpec::user("alice").value(PLANTED);
    let sim = Sim::start(GitlabSim::builder().world(company()).token(token));
    let place = Place::new();
    let hang = sim
        .get()
        .fault(Fault::new(FaultKind::Hang).path("/api/graphql"));
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
        .chain(["--token-stdin", "--check"])
        .collect();
    let mut child = place
        .command(&args)
        .stdin(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(PLANTED.as_bytes()).expect("it is read");
    drop(stdin);
    sim.wait_for(hang);
    for name in ["cmdline", "environ"] {
        let path = format!("/proc/{}/{name}", child.id());
        clean(&path, &fs::read(&path).expect("the program runs"));
    }
    child.kill().expect("it runs");
    child.wait().expect("it ended");
}
