//! The command line as a whole: what every command takes, and the list of commands.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::error::ErrorKind;
use clap::{ArgAction, Args, ColorChoice, CommandFactory, FromArgMatches, Parser};

use crate::commands::Command;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Colors, Format, Notes, Output};

/// Keep the Git organizations of a company safe
///
/// Forgehold connects a GitLab organization once and from then on knows every group and repository in it: it follows each rename, transfer,
/// archive and deletion, and gives new repositories a license by rule.
#[derive(Debug, Parser)]
#[command(
    name = "forgehold",
    version,
    max_term_width = 100,
    disable_help_subcommand = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Globals {
    /// Keep everything in this directory; `FORGEHOLD_DATA_DIR` says the same
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Read the configuration from this file instead of `config.toml` in the data directory
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Have a server do it, at this address, with the API token in `FORGEHOLD_API_TOKEN` or in the file of `--api-token-file`
    #[arg(long, global = true, value_name = "URL", conflicts_with_all = ["data_dir", "config"])]
    pub(crate) server: Option<String>,

    /// Read the API token for `--server` from this file
    #[arg(long, global = true, value_name = "FILE", requires = "server")]
    pub(crate) api_token_file: Option<PathBuf>,

    /// Write data in this format
    #[arg(long, short, global = true, value_enum, default_value_t)]
    pub(crate) output: Format,

    /// Log more to standard error; repeat for even more
    #[arg(long, short, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    pub(crate) verbose: u8,

    /// Write neither progress nor notes to standard error
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,

    /// Write without colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected too
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
}

impl Globals {
    pub(crate) fn output(&self) -> Output {
        output(self.format_and_color(), self.quiet)
    }

    const fn format_and_color(&self) -> (Format, bool) {
        (self.output, self.no_color)
    }
}

fn output((format, no_color): (Format, bool), quiet: bool) -> Output {
    let environment = Environment::read();
    Output {
        format,
        stdout: colors(no_color, &environment, std::io::stdout().is_terminal()),
        stderr: colors(no_color, &environment, std::io::stderr().is_terminal()),
        notes: if quiet { Notes::Hidden } else { Notes::Shown },
    }
}

/// What the environment says about colors.
#[derive(Debug, Default)]
struct Environment {
    no_color: bool,
    force: bool,
    dumb: bool,
}

impl Environment {
    fn read() -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        Self {
            no_color: set("NO_COLOR"),
            force: std::env::var_os("CLICOLOR_FORCE")
                .is_some_and(|value| !value.is_empty() && value != "0"),
            dumb: std::env::var_os("TERM").is_some_and(|term| term == "dumb")
                || std::env::var_os("CLICOLOR").is_some_and(|value| value == "0"),
        }
    }
}

/// A wish not to see colors is stronger than one to see them; without any, a terminal has them.
const fn colors(no_color: bool, environment: &Environment, terminal: bool) -> Colors {
    let on = if no_color || environment.no_color {
        false
    } else if environment.force {
        true
    } else {
        terminal && !environment.dumb
    };
    if on { Colors::On } else { Colors::Off }
}

/// What the command line came to.
pub(crate) enum Parsed {
    Command(Box<Cli>),
    /// Help was shown, or what is wrong with it was told.
    Done(Exit),
}

/// The command line as clap knows it; help, manual pages, completions and the reference come from it.
pub(crate) fn definition() -> clap::Command {
    let command = Cli::command().styles(
        Styles::styled()
            .header(AnsiColor::Green.on_default().bold())
            .usage(AnsiColor::Green.on_default().bold())
            .literal(AnsiColor::Cyan.on_default().bold())
            .placeholder(AnsiColor::Cyan.on_default()),
    );
    command.after_long_help(crate::exit::help())
}

pub(crate) fn parse(arguments: &[OsString]) -> Parsed {
    let raw = Raw::read(arguments);
    let output = output((raw.format, raw.no_color), false);
    let choice = match output.stderr {
        Colors::On => ColorChoice::Auto,
        Colors::Off => ColorChoice::Never,
    };
    let parsed = definition()
        .color(choice)
        .try_get_matches_from(arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let error = match parsed {
        Ok(cli) => return Parsed::Command(Box::new(cli)),
        Err(error) => error,
    };
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A reader that went away needs no help.
            let _ = error.print();
            Parsed::Done(Exit::Ok)
        }
        _ if output.format == Format::Json => {
            output.error(&in_one_line(&error));
            Parsed::Done(Exit::Usage)
        }
        _ => {
            let _ = error.print();
            Parsed::Done(Exit::Usage)
        }
    }
}

/// What clap says, without its colors, usage and tips.
fn in_one_line(error: &clap::Error) -> CliError {
    let text = error.render().to_string();
    let first: Vec<&str> = text
        .lines()
        .take_while(|line| !line.trim().is_empty())
        .map(str::trim)
        .collect();
    let message = first.join(" ");
    CliError::usage(message.strip_prefix("error: ").unwrap_or(&message))
        .hinted("`forgehold --help` and `forgehold COMMAND --help` tell what there is")
}

/// What must be known of the command line even when it is wrong.
struct Raw {
    format: Format,
    no_color: bool,
}

impl Raw {
    fn read(arguments: &[OsString]) -> Self {
        let mut raw = Self {
            format: Format::Table,
            no_color: false,
        };
        let mut texts = arguments.iter().skip(1).filter_map(|text| text.to_str());
        while let Some(text) = texts.next() {
            match text {
                "--" => break,
                "--no-color" => raw.no_color = true,
                "--output" | "-o" if texts.next() == Some("json") => raw.format = Format::Json,
                "--output=json" | "-ojson" | "-o=json" => raw.format = Format::Json,
                _ => {}
            }
        }
        raw
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_contradicts_itself_nowhere() {
        definition().debug_assert();
    }

    #[test]
    fn colors_follow_the_wishes_in_their_order() {
        let environment = |no_color, force, dumb| Environment {
            no_color,
            force,
            dumb,
        };
        let check = |flag, environment: Environment, terminal, expected| {
            assert_eq!(colors(flag, &environment, terminal), expected);
        };
        check(false, environment(false, false, false), true, Colors::On);
        check(false, environment(false, false, false), false, Colors::Off);
        check(false, environment(false, true, false), false, Colors::On);
        check(false, environment(true, true, false), true, Colors::Off);
        check(true, environment(false, true, false), true, Colors::Off);
        check(false, environment(false, false, true), true, Colors::Off);
    }

    #[test]
    fn the_format_of_errors_is_known_even_when_the_rest_is_wrong() {
        let check = |line: &str, expected| {
            let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(Raw::read(&arguments).format, expected, "{line}");
        };
        check("forgehold nonsense -o json", Format::Json);
        check("forgehold --output=json nonsense", Format::Json);
        check("forgehold org add -- --output=json", Format::Table);
        check("forgehold org list", Format::Table);
    }
}
