//! Logs: to standard error, for people or as JSON lines, never with a secret in them.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::ChronoUtc;

use crate::config::{LogConfig, LogFormat, LogLevel};

/// What libraries say is of no use to an administrator, and some of it is a flood.
const LIBRARIES: [&str; 5] = ["hyper", "h2", "rustls", "reqwest", "sqlx"];

/// Starts writing logs to standard error. `verbosity` counts how often a person asked for more, and wins over the configured level.
///
/// A second call changes nothing.
pub fn init(log: &LogConfig, verbosity: u8) {
    let filter = EnvFilter::new(directives(log.level, verbosity));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_timer(ChronoUtc::rfc_3339())
        .with_writer(std::io::stderr);
    // The only error is that logs are written already, which is what was asked for.
    let _ = match log.format {
        LogFormat::Text => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}

/// Which messages are written. Libraries may say what goes wrong in them, where that much is wanted at all; everything they say comes at the
/// level `trace` alone.
fn directives(level: LogLevel, verbosity: u8) -> String {
    let level = match verbosity {
        0 => level,
        1 => LogLevel::Info,
        2 => LogLevel::Debug,
        _ => LogLevel::Trace,
    };
    let libraries = match level {
        LogLevel::Info | LogLevel::Debug => LIBRARIES.as_slice(),
        _ => &[],
    };
    let mut directives = vec![level.word().to_owned()];
    directives.extend(libraries.iter().map(|library| format!("{library}=warn")));
    directives.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(level: LogLevel, verbosity: u8, expected: &str) {
        assert_eq!(directives(level, verbosity), expected);
    }

    #[test]
    fn libraries_never_say_more_than_was_asked_for() {
        let capped =
            |level| format!("{level},hyper=warn,h2=warn,rustls=warn,reqwest=warn,sqlx=warn");
        check(LogLevel::Off, 0, "off");
        check(LogLevel::Error, 0, "error");
        check(LogLevel::Warn, 0, "warn");
        check(LogLevel::Info, 0, &capped("info"));
        check(LogLevel::Debug, 0, &capped("debug"));
        check(LogLevel::Trace, 0, "trace");
    }

    #[test]
    fn a_person_who_asks_for_more_gets_it() {
        check(
            LogLevel::Off,
            1,
            "info,hyper=warn,h2=warn,rustls=warn,reqwest=warn,sqlx=warn",
        );
        check(
            LogLevel::Trace,
            2,
            "debug,hyper=warn,h2=warn,rustls=warn,reqwest=warn,sqlx=warn",
        );
        check(LogLevel::Off, 3, "trace");
        check(LogLevel::Off, 200, "trace");
    }
}
