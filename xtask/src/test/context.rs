//! What the steps know about this run: where, under CI or not, and with which tools.

use std::cell::OnceCell;
use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};

use super::tools;
use crate::command::Cmd;

/// The folder with GitLab's published schemas and samples, against which the simulator is held.
pub(crate) const GITLAB_DATA: &str = "FORGEHOLD_GITLAB_DATA";
/// The Python that has the clients of other people with which the simulator is tried.
pub(crate) const PYTHON: &str = "FORGEHOLD_PYTHON";

/// The server program of `OpenBao`, against which the vault is tried.
pub(crate) const OPENBAO: &str = "FORGEHOLD_BAO";
/// The browser in which the console is tried, and the program that drives it.
pub(crate) const CHROMIUM: &str = "FORGEHOLD_CHROMIUM";
pub(crate) const CHROMEDRIVER: &str = "FORGEHOLD_CHROMEDRIVER";

/// No step of ours takes this long; a run that nobody watches ends one that hangs, and says so.
const LONGEST_STEP: Duration = Duration::from_mins(30);

#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) root: PathBuf,
    /// Under CI whatever is missing is a failure; elsewhere it is left out with a line that says so.
    pub(crate) ci: bool,
    pub(crate) gitlab_data: Option<PathBuf>,
    python: OnceCell<Result<PathBuf, String>>,
    openbao: OnceCell<Result<PathBuf, String>>,
    cargo_deny: OnceCell<Result<PathBuf, String>>,
    browser: OnceCell<Result<tools::Browser, String>>,
}

impl Context {
    pub(crate) fn from_environment(root: &Path) -> Result<Self> {
        let mut gitlab_data = env::var_os(GITLAB_DATA).map(PathBuf::from);
        if let Some(folder) = &mut gitlab_data {
            if !folder.is_dir() {
                bail!(
                    "{GITLAB_DATA} names {}, which is no folder",
                    folder.display()
                );
            }
            // Tests run in the folder of their crate, where a relative path leads elsewhere.
            *folder = folder.canonicalize()?;
        }
        Ok(Self {
            root: root.to_owned(),
            ci: env::var_os("CI").is_some_and(|ci| ci == "true"),
            gitlab_data,
            python: OnceCell::new(),
            openbao: OnceCell::new(),
            cargo_deny: OnceCell::new(),
            browser: OnceCell::new(),
        })
    }

    /// Found or installed at first use; an error says in words what is missing.
    pub(crate) fn python(&self) -> &Result<PathBuf, String> {
        self.python
            .get_or_init(|| tools::python(&self.root).map_err(|error| format!("{error:#}")))
    }

    /// Found or installed at first use; an error says in words what is missing.
    pub(crate) fn openbao(&self) -> &Result<PathBuf, String> {
        self.openbao.get_or_init(|| {
            let python = self.python().as_ref().map_err(Clone::clone)?;
            tools::openbao(&self.root, python).map_err(|error| format!("{error:#}"))
        })
    }

    /// Found or installed at first use; an error says in words what is missing.
    pub(crate) fn cargo_deny(&self) -> &Result<PathBuf, String> {
        self.cargo_deny
            .get_or_init(|| tools::cargo_deny(&self.root).map_err(|error| format!("{error:#}")))
    }

    /// Found or installed at first use; an error says in words what is missing.
    pub(super) fn browser(&self) -> &Result<tools::Browser, String> {
        self.browser
            .get_or_init(|| tools::browser(&self.root).map_err(|error| format!("{error:#}")))
    }

    /// Cargo from the root, with what the tests want to know in the environment.
    pub(crate) fn cargo(&self) -> Cmd {
        let mut cargo = Cmd::cargo(&self.root).limit(self.limit());
        if let Some(folder) = &self.gitlab_data {
            cargo = cargo.env(GITLAB_DATA, folder);
        }
        if let Some(Ok(python)) = self.python.get() {
            cargo = cargo.env(PYTHON, python);
        }
        if let Some(Ok(program)) = self.openbao.get() {
            cargo = cargo.env(OPENBAO, program);
        }
        if let Some(Ok(browser)) = self.browser.get() {
            cargo = cargo
                .env(CHROMIUM, &browser.chromium)
                .env(CHROMEDRIVER, &browser.driver);
        }
        cargo
    }

    pub(crate) fn limit(&self) -> Option<Duration> {
        self.ci.then_some(LONGEST_STEP)
    }
}
