//! Keeps the committed pages true that are made from the code.
//!
//! With `FORGEHOLD_UPDATE_DOCS=1` in the environment the tests write the pages instead of comparing them.

use std::path::Path;

/// Compares a page of `docs/cli` with what it should be.
#[track_caller]
pub(crate) fn check(page: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/cli")
        .join(page);
    if std::env::var_os("FORGEHOLD_UPDATE_DOCS").is_some() {
        std::fs::write(&path, expected).expect("the folder of the documentation is writable");
        return;
    }
    let actual = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        actual == expected,
        "docs/cli/{page} is not up to date; run `cargo xtask codegen`"
    );
}
