//! `forgehold man`.

use std::path::{Path, PathBuf};

use crate::args;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::output::Output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write a page for each command into this directory instead of the first one to standard output
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result {
    let mut command = args::definition().disable_help_flag(true);
    command.build();
    match &args.dir {
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command).render(&mut page)?;
            Output::raw(&String::from_utf8_lossy(&page))?;
        }
        Some(dir) => {
            write(command, dir).map_err(|error| {
                CliError::new(
                    Exit::Denied,
                    format_args!("the manual pages cannot be written to {}", dir.display()),
                )
                .caused_by(&error)
            })?;
        }
    }
    Ok(Exit::Ok)
}

fn write(command: clap::Command, dir: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(dir)?;
    clap_mangen::generate_to(command, dir)
}
