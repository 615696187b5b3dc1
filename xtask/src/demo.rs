//! The main job on real input: a GitLab organization is connected, synchronized, licensed and looked at, and then
//! changes; and another one is signed in to.
//!
//! The simulator stands in for GitLab. Everything is done as a person would do it, through the program `forgehold`,
//! and shown with the command that did it. At the end the server serves the same data as pages.

mod browser;
mod console;
mod forgehold;
mod script;
mod simulator;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context, Result, bail};

use self::console::Console;
use self::forgehold::Forgehold;
use self::simulator::Simulator;
use crate::command::Cmd;
use crate::test::PROGRAMS;
use crate::ui;
use crate::workspace::Workspace;

/// Which programs are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binaries {
    /// Those that the tests use, which a run of the tests has just built.
    OfTests,
    /// Just the three programs, without anything that only tests need: the shortest build of a fresh clone.
    Build,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Afterwards {
    Remove,
    /// Leaves the data directory for a look.
    Keep,
}

pub(crate) fn run(root: &Path, binaries: Binaries, afterwards: Afterwards) -> Result<()> {
    ui::heading("Building");
    let build = match binaries {
        Binaries::OfTests => PROGRAMS,
        Binaries::Build => "--package cli --package server --package gitlab-sim --bins",
    };
    if !Cmd::cargo(root).words("build --quiet").words(build).run()? {
        bail!("the programs do not build");
    }
    let programs = Workspace::load(root)?.target.join("debug");
    let folder = TemporaryFolder::create(afterwards)?;

    ui::heading("Starting a GitLab to talk to");
    let simulator = Simulator::start(&programs.join("gitlab-sim"), &folder.path)?;
    let data = folder.path.join("data");
    let forgehold = Forgehold::new(&programs.join("forgehold"), &data);
    let redirect = script::play(forgehold, &simulator)?;

    ui::heading("The same in a browser");
    let console = Console::start(&programs.join("forgehold-server"), &data, &simulator)?;
    console.register(&simulator, &redirect)?;
    console.visit(script::GROUP)?;
    match binaries {
        Binaries::OfTests => Ok(()),
        Binaries::Build => console.stay(&simulator),
    }
}

/// A folder of this run, removed at its end, whatever the end is.
struct TemporaryFolder {
    path: PathBuf,
    afterwards: Afterwards,
}

impl TemporaryFolder {
    fn create(afterwards: Afterwards) -> Result<Self> {
        let path = env::temp_dir().join(format!("forgehold-demo-{}", process::id()));
        fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self { path, afterwards })
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        match self.afterwards {
            Afterwards::Keep => ui::say(format_args!("\nKept: {}", self.path.display())),
            Afterwards::Remove => {
                // What cannot be removed lies in the system's temporary folder and goes with it.
                let _ = fs::remove_dir_all(&self.path);
            }
        }
    }
}
