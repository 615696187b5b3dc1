//! The API does what its description says: Schemathesis reads the description and tries whatever it allows, and what it does not.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::json;

use crate::support::{House, simulator};

/// The Python of `xtask`, which has Schemathesis beside it; without it the test says so, and fails under CI.
fn schemathesis() -> Option<PathBuf> {
    const VARIABLE: &str = "FORGEHOLD_PYTHON";
    if let Some(python) = std::env::var_os(VARIABLE) {
        let python = PathBuf::from(python);
        return Some(python.with_file_name("schemathesis"));
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "{VARIABLE} must name the Python of `cargo xtask test`"
    );
    report(&format!("the API was not tried: {VARIABLE} is not set"));
    None
}

#[expect(clippy::print_stdout, reason = "a test that did not run must say so")]
fn report(line: &str) {
    println!("{line}");
}

/// What is tried: answers that are not described, and our own faults. No 5xx but 503, which says that a host cannot be reached.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,unsupported_method,ignored_auth";

fn configuration(folder: &Path) {
    let text = "\
[headers]
Authorization = \"Bearer ${FORGEHOLD_API_TOKEN}\"
";
    std::fs::write(folder.join("schemathesis.toml"), text).expect("the folder is writable");
}

#[expect(
    clippy::disallowed_methods,
    reason = "the program that tries the API is started here"
)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_does_what_its_description_says() {
    let Some(schemathesis) = schemathesis() else {
        return;
    };
    let (house, sim) = (House::new().await, simulator(20).await);
    house
        .connect(&sim, json!({"license_existing": "all"}))
        .await;
    let folder = tempfile::tempdir().expect("a folder");
    configuration(folder.path());
    let mut command = tokio::process::Command::new(schemathesis);
    command
        .arg("run")
        .arg(house.url("/api/v1/openapi.json"))
        .args(["--checks", CHECKS])
        .args(["--phases", "examples,coverage,fuzzing"])
        .args([
            "--max-examples",
            "20",
            "--seed",
            "1",
            "--generation-deterministic",
        ])
        .args(["--workers", "1", "--no-color", "--continue-on-failure"])
        // The stream has no end. The second ones speak to whatever host they are given, and the third would take away the token that
        // all of this is done with: each has tests of its own.
        .args(["--exclude-path", "/api/v1/events/stream"])
        .args(["--exclude-path-regex", "/probe$|/check$|/reconnect$|/sync$"])
        .args(["--exclude-operation-id", "post_organizations"])
        .args(["--exclude-operation-id", "delete_tokens_by_token"])
        .args(["--exclude-operation-id", "delete_users_by_user"])
        .args(["--exclude-operation-id", "patch_users_by_user"])
        .current_dir(folder.path())
        .env("FORGEHOLD_API_TOKEN", &house.token)
        .env("NO_PROXY", "127.0.0.1")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = command.output().await.expect("it starts");
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{report}\n{errors}");
    // What was tried with a token that is refused would prove nothing.
    assert_eq!(house.get("/me").await.body["level"], "admin");
    assert!(!report.contains("Authentication failed"), "{report}");
}
