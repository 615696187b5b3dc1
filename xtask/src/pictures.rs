//! The pictures of the console in `docs/console`, made anew by the test that looks at every page.

use std::path::Path;

use anyhow::{Result, bail};

use crate::command::Cmd;

/// Where they are kept.
const FOLDER: &str = "docs/console";

/// Makes them.
pub(crate) fn run(root: &Path) -> Result<()> {
    let made = Cmd::cargo(root)
        .words("test --quiet --locked --package server --test console -- pictures")
        .env("FORGEHOLD_PICTURES", root.join(FOLDER))
        .run()?;
    if !made {
        bail!("the pictures could not be made");
    }
    Ok(())
}
