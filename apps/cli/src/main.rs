//! `forgehold`: every use case of Forgehold from a terminal.
//!
//! A command parses, calls one use case and renders its answer. It holds no rule, no SQL and no knowledge of any host.

mod actor;
mod app;
mod args;
mod browser;
mod commands;
#[cfg(test)]
mod docs;
mod error;
mod exit;
mod output;
mod progress;
mod prompt;
mod remote;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::app::App;
use crate::args::Parsed;
use crate::error::CliError;
use crate::exit::Exit;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    ExitCode::from(run(&arguments).code())
}

fn run(arguments: &[OsString]) -> Exit {
    let (globals, command) = match args::parse(arguments) {
        Parsed::Command(cli) => (cli.globals, cli.command),
        Parsed::Done(exit) => return exit,
    };
    let output = globals.output();
    let app = App::new(output.clone(), globals);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            let error =
                CliError::new(Exit::Internal, "the program cannot be started").caused_by(&error);
            return output::failed(&output, error.into());
        }
    };
    let exit = match runtime.block_on(commands::run(command, &app)) {
        Ok(exit) => exit,
        Err(failure) => output::failed(&output, failure),
    };
    // What still runs in the background, such as a look-up of a name, is not worth waiting for.
    runtime.shutdown_background();
    exit
}
