//! The project's automation. `cargo xtask help` lists what it does.
//!
//! It has few dependencies, because every newcomer builds it first, and it depends on no crate of ours: it starts
//! the programs instead.

mod bench;
mod codegen;
mod command;
mod demo;
mod fences;
mod finding;
mod fixup;
mod new_adapter;
mod pictures;
mod rust_source;
mod test;
mod tidy;
mod tree;
mod ui;
mod workspace;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use lexopt::{Arg, Parser, ValueExt};

const HELP: &str = "\
cargo xtask COMMAND

  test [--quick] [STEP...]   Run every check, or the named steps; `--list` lists them
  ci                         The same as `test`
  demo [--keep]              Run the main job against the simulator, in a temporary folder
  fences                     Check the borders between the crates
  tidy                       Check what every file keeps to
  fixup [--accept-snapshots] Repair what a machine can repair
  codegen                    Write the generated files that are committed
  pictures                   Make the pictures of the console in docs/console
  bench NAME [ARG...]        Run a benchmark program, such as `listing`
  new-adapter NAME           Start the crate of an adapter for another service
  help                       Show this
";

fn main() -> ExitCode {
    match run(Parser::from_env()) {
        Ok(code) => code,
        Err(error) => {
            ui::complain(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(mut args: Parser) -> Result<ExitCode> {
    let root = workspace::root();
    let command = match args.next()? {
        Some(Arg::Value(command)) => command.string()?,
        None | Some(Arg::Long("help") | Arg::Short('h')) => "help".to_owned(),
        Some(other) => return Err(other.unexpected().into()),
    };
    match command.as_str() {
        "test" | "ci" => return test_command(args, &root),
        "demo" => {
            let keep = flag(&mut args, "keep")?;
            let after = if keep {
                demo::Afterwards::Keep
            } else {
                demo::Afterwards::Remove
            };
            demo::run(&root, demo::Binaries::Build, after)?;
        }
        "fences" => {
            end(args)?;
            fences::run(&root)?;
        }
        "tidy" => {
            end(args)?;
            tidy::run(&root)?;
        }
        "fixup" => {
            let accept = flag(&mut args, "accept-snapshots")?;
            let snapshots = if accept {
                fixup::Snapshots::Accept
            } else {
                fixup::Snapshots::Leave
            };
            fixup::run(&root, snapshots)?;
        }
        "codegen" => {
            end(args)?;
            codegen::run(&root)?;
        }
        "pictures" => {
            end(args)?;
            pictures::run(&root)?;
        }
        "bench" => {
            let name = args
                .value()
                .context("which benchmark? For example `listing`")?
                .string()?;
            let rest = args
                .raw_args()?
                .map(ValueExt::string)
                .collect::<Result<Vec<_>, _>>()?;
            bench::run(&root, &name, &rest)?;
        }
        "new-adapter" => {
            let name = args
                .value()
                .context("for which service? For example `github`")?
                .string()?;
            end(args)?;
            new_adapter::run(&root, &name)?;
        }
        "help" => ui::say(HELP.trim_end()),
        unknown => bail!("no command is called `{unknown}`\n\n{HELP}"),
    }
    Ok(ExitCode::SUCCESS)
}

fn test_command(mut args: Parser, root: &Path) -> Result<ExitCode> {
    let mut options = test::Options::default();
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("quick") => options.quick = true,
            Arg::Long("list") => {
                ui::say(test::list().trim_end());
                return Ok(ExitCode::SUCCESS);
            }
            Arg::Value(name) => options.names.push(name.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    test::run(root, &options)
}

/// Takes the one flag that a command knows.
fn flag(args: &mut Parser, name: &str) -> Result<bool> {
    let mut given = false;
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long(flag) if flag == name => given = true,
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(given)
}

fn end(mut args: Parser) -> Result<()> {
    match args.next()? {
        None => Ok(()),
        Some(arg) => Err(arg.unexpected().into()),
    }
}
