//! Licenses, bans and sources of everything we depend on, checked by cargo-deny; and a proof that its fence between
//! our own crates holds.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::{Context, Outcome};
use crate::command::Cmd;
use crate::ui;

pub(super) fn run(context: &Context) -> Result<Outcome> {
    let deny = match context.cargo_deny() {
        Ok(deny) => deny,
        Err(missing) => return Ok(Outcome::missing(context, missing)),
    };
    // Duplicate versions are warnings of deny.toml: worth a look now and then, not in every run.
    let check = |words: &str| {
        let deny = Cmd::new(deny, &context.root).limit(context.limit());
        deny.words("--log-level error").words(words).run()
    };
    let mut outcome = Outcome::check(check(
        "--locked check --hide-inclusion-graph bans licenses sources",
    )?);
    if has_advisories() {
        // Offline: the answer must not depend on whether the database can be reached today.
        outcome.add(Outcome::check(check(
            "--locked --offline check advisories",
        )?));
    } else {
        let note = "advisories did not run: their database is not on this machine";
        outcome.notes.push(note.to_owned());
    }
    outcome.add(Outcome::check(planted_edge_is_found(context, deny)?));
    Ok(outcome)
}

fn has_advisories() -> bool {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    home.is_some_and(|home| home.join("advisory-dbs").is_dir() || home.join("advisory-db").is_dir())
}

/// Gives a copy of our `deny.toml` a workspace in which one adapter depends on another.
fn planted_edge_is_found(context: &Context, deny: &Path) -> Result<bool> {
    let root = context.root.join("target/planted-edge");
    let write = |path: &str, text: &str| -> Result<()> {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a file lies in a folder"))?;
        Ok(fs::write(path, text)?)
    };
    fs::create_dir_all(&root)?;
    fs::copy(context.root.join("deny.toml"), root.join("deny.toml"))?;
    write(
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"*-adapter\"]\n",
    )?;
    let package = |name: &str, more: &str| {
        let text = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\nlicense = \"MIT\"\n\
             publish = false\n[dependencies]\n{more}"
        );
        write(&format!("{name}/Cargo.toml"), &text)?;
        write(&format!("{name}/src/lib.rs"), "")
    };
    package("store-adapter", "")?;
    package("vault-adapter", "")?;
    let check = || {
        Cmd::new(deny, &root)
            .limit(context.limit())
            .words("--offline --log-level error check bans")
            .read()
    };
    if let Err(error) = check() {
        bail!("cargo-deny refuses a workspace without a forbidden edge: {error:#}");
    }
    package(
        "vault-adapter",
        "store-adapter = { path = \"../store-adapter\" }\n",
    )?;
    let found = check().is_err_and(|error| error.to_string().contains("store-adapter"));
    ui::say(if found {
        "a planted edge between two adapters was found, as it must be"
    } else {
        "a planted edge between two adapters was NOT found: the fence in deny.toml is broken"
    });
    Ok(found)
}
