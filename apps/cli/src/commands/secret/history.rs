//! `forgehold secret history`.

use org_core::use_cases::vaults;

use crate::app::App;
use crate::error::Result;
use crate::output::secret::Access;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which secret
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// Show at most this many of the newest
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
}

pub(crate) async fn run(args: Args, app: &App) -> Result {
    let session = app.open().await?;
    let mut list = app.output.list();
    for row in &vaults::accesses(session.ports(), &args.name, args.limit).await? {
        list.push(Access::from(row));
    }
    list.finish(&app.output, ("--after", None))
}
