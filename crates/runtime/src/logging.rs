//! Logs: to standard error, for people or as JSON lines, never with a secret in them.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::ChronoUtc;

use crate::config::{LogConfig, LogFormat};

/// Starts writing logs to standard error. `verbosity` counts how often a person asked for more, and wins over the configured level.
///
/// A second call changes nothing.
pub fn init(log: &LogConfig, verbosity: u8) {
    let level = match verbosity {
        0 => log.level.word(),
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    // What libraries say at these levels is of no use to an administrator, and some of it is a flood.
    let filter = if verbosity > 2 || level == "trace" {
        EnvFilter::new("trace")
    } else {
        EnvFilter::new(format!(
            "{level},hyper=warn,h2=warn,rustls=warn,reqwest=warn,sqlx=warn"
        ))
    };
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
