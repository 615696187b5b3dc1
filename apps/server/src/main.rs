//! `forgehold-server`: the web console and the JSON API, with the workers inside.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgAction, Parser};
use runtime::config::{Config, ConfigSources};
use server::manage::{self, Command};

/// Serve the web console and the JSON API of Forgehold, and synchronize what is due
#[derive(Debug, Parser)]
#[command(name = "forgehold-server", version, max_term_width = 100)]
struct Args {
    /// Keep everything in this directory; `FORGEHOLD_DATA_DIR` says the same
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// Read the configuration from this file instead of `config.toml` in the data directory
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Log more to standard error; repeat for even more
    #[arg(long, short, action = ArgAction::Count)]
    verbose: u8,

    #[command(subcommand)]
    command: Option<Command>,
}

/// The code of a program that was started wrong.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let args = Args::parse();
    let sources = ConfigSources {
        data_dir: args.data_dir,
        file: args.config,
        ..ConfigSources::from_process()
    };
    let config = match Config::load(&sources) {
        Ok(config) => config,
        Err(error) => return failed(&error, USAGE),
    };
    runtime::logging::init(&config.log, args.verbose);
    // Two threads answer requests; what blocks has threads of its own.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error, 1),
    };
    let code = match args.command {
        None => ended(runtime.block_on(server::run(&config))),
        Some(command) => ended(runtime.block_on(manage::run(command, &config))),
    };
    runtime.shutdown_background();
    code
}

fn ended<E: std::error::Error + 'static>(done: Result<(), E>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error, 1),
    }
}

#[expect(
    clippy::print_stderr,
    reason = "why the program does not start is told to whoever starts it"
)]
fn failed(error: &dyn std::error::Error, code: u8) -> ExitCode {
    eprintln!("error: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        eprintln!("  caused by: {cause}");
        source = cause.source();
    }
    ExitCode::from(code)
}
