//! `forgehold completions`.

use clap_complete::Shell;

use crate::args;
use crate::error::Result;
use crate::exit::Exit;
use crate::output::Output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell to write them for
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: &Args) -> Result {
    // Into memory first: the generator panics when its reader goes away.
    let mut script = Vec::new();
    clap_complete::generate(
        args.shell,
        &mut args::definition(),
        "forgehold",
        &mut script,
    );
    Output::raw(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Ok)
}
