//! `forgehold org attempts`.

use crate::app::App;
use crate::error::Result;
use crate::output::attempt::Attempt;

/// How many are shown when nobody says.
const NEWEST: u32 = 20;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Show at most this many
    #[arg(long, value_name = "COUNT", default_value_t = NEWEST, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
}

pub(crate) async fn run(args: Args, app: &App) -> Result {
    let session = app.open().await?;
    let ports = session.ports();
    let now = ports.clock.now();
    let mut list = app.output.list();
    for attempt in &ports.attempts.list(args.limit).await? {
        list.push(Attempt::new(attempt, now));
    }
    list.finish(&app.output, ("--after", None))
}
