//! Questions to a person at a terminal, and secrets from standard input.
//!
//! Nothing here is asked in a script: every caller looks at [`is_possible`] first.

use std::fmt::Display;
use std::io::{self, IsTerminal, Read};

use inquire::ui::RenderConfig;
use inquire::validator::Validation;
use inquire::{Confirm, Password, PasswordDisplayMode, Select, Text};
use secrecy::{ExposeSecret, SecretString};

use crate::error::{CliError, Failure, Result};
use crate::exit::Exit;
use crate::output::{Colors, Output};

/// More than any secret needs; what is longer is a file by mistake.
const MAX_SECRET: u64 = 64 * 1024;

/// Whether a person is there to be asked.
pub(crate) fn is_possible() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Sets how questions look.
pub(crate) fn dress(output: &Output) {
    inquire::set_global_render_config(match output.stderr {
        Colors::On => RenderConfig::default_colored(),
        Colors::Off => RenderConfig::empty(),
    });
}

/// What is wrong with an answer, in words; `Ok` if it will do.
pub(crate) type Verdict = std::result::Result<(), String>;

fn judged(verdict: Verdict) -> Validation {
    match verdict {
        Ok(()) => Validation::Valid,
        Err(message) => Validation::Invalid(message.into()),
    }
}

/// Asks for a text; each answer is judged at once. An empty answer means `default`.
pub(crate) fn text(
    question: &str,
    help: &str,
    default: &str,
    judge: impl Fn(&str) -> Verdict + Clone + 'static,
) -> Result<String> {
    let mut prompt = Text::new(question).with_validator(move |text: &str| Ok(judged(judge(text))));
    if !help.is_empty() {
        prompt = prompt.with_help_message(help);
    }
    if !default.is_empty() {
        prompt = prompt.with_default(default);
    }
    Ok(prompt.prompt()?)
}

/// Asks for a yes or a no.
pub(crate) fn yes(question: &str, help: &str, default: Answer) -> Result<Answer> {
    let mut prompt = Confirm::new(question).with_default(default == Answer::Yes);
    if !help.is_empty() {
        prompt = prompt.with_help_message(help);
    }
    Ok(if prompt.prompt()? {
        Answer::Yes
    } else {
        Answer::No
    })
}

/// A yes or a no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Yes,
    No,
}

/// Asks for one of several; answers its index.
pub(crate) fn choose<T: Display>(question: &str, options: Vec<T>, start: usize) -> Result<usize> {
    Ok(Select::new(question, options)
        .with_starting_cursor(start)
        .raw_prompt()?
        .index)
}

/// Asks for a secret without showing it.
pub(crate) fn secret(
    question: &str,
    judge: impl Fn(&SecretString) -> Verdict + Clone + 'static,
) -> Result<SecretString> {
    let answer = Password::new(question)
        .with_display_mode(PasswordDisplayMode::Hidden)
        .without_confirmation()
        .with_validator(move |text: &str| Ok(judged(judge(&SecretString::from(text.to_owned())))))
        .prompt()?;
    Ok(SecretString::from(answer))
}

/// Reads a secret: from a question without echo on a terminal, from standard input otherwise. One line end at its end is not part of it.
pub(crate) fn secret_input(question: &str) -> Result<SecretString> {
    if is_possible() {
        return secret(question, |_| Ok(()));
    }
    read_secret(io::stdin().lock())
}

fn read_secret(input: impl Read) -> Result<SecretString> {
    let mut bytes = Vec::new();
    let unreadable = |error: &io::Error| {
        Failure::from(
            CliError::new(Exit::Internal, "standard input cannot be read").caused_by(error),
        )
    };
    input
        .take(MAX_SECRET + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > MAX_SECRET {
        return Err(CliError::usage(format_args!(
            "what came on standard input is longer than {} KiB; give the secret alone",
            MAX_SECRET / 1024
        ))
        .into());
    }
    // The bytes become the secret itself and are wiped with it; a message must not repeat any of them.
    let text = String::from_utf8(bytes)
        .map(SecretString::from)
        .map_err(|_| {
            Failure::from(CliError::usage(
                "what came on standard input is not text in UTF-8",
            ))
        })?;
    let whole = text.expose_secret();
    let value = whole.strip_suffix('\n').unwrap_or(whole);
    let value = value.strip_suffix('\r').unwrap_or(value);
    Ok(SecretString::from(value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &[u8], expected: std::result::Result<&str, &str>) {
        let answer = read_secret(input);
        match (&answer, expected) {
            (Ok(secret), Ok(expected)) => assert_eq!(secret.expose_secret(), expected),
            (Err(Failure::Error(error)), Err(expected)) => assert_eq!(error.message, expected),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_secret_is_all_but_one_line_end() {
        check(b"glpat-1\n", Ok("glpat-1"));
        check(b"glpat-1\r\n", Ok("glpat-1"));
        check(b"glpat-1", Ok("glpat-1"));
        check(b"two\n\n", Ok("two\n"));
        check(b"", Ok(""));
        check(
            b"\xff",
            Err("what came on standard input is not text in UTF-8"),
        );
        let long = vec![b'x'; 70_000];
        check(
            &long,
            Err("what came on standard input is longer than 64 KiB; give the secret alone"),
        );
    }
}
