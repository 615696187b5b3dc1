//! What these tests need from outside the repository, and what to do when it is not there.

use std::path::PathBuf;

use serde_json::Value;

/// The folder or file in an environment variable. Without it a test says that it did not run; in CI
/// that is a failure.
pub(crate) fn outside(variable: &str, test: &str) -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(variable) {
        return Some(path.into());
    }
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "{variable} must be set in CI"
    );
    report(&format!("{test} did not run: {variable} is not set"));
    None
}

#[expect(clippy::print_stdout, reason = "a test that did not run must say so")]
fn report(line: &str) {
    println!("{line}");
}

/// A JSON file of GitLab's public samples and schemas.
pub(crate) fn sample(path: &str, who: &str) -> Option<Value> {
    let folder = outside("FORGEHOLD_GITLAB_DATA", who)?;
    let file = folder.join(path);
    let text = std::fs::read_to_string(&file)
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display())))
}
