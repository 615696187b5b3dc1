//! `forgehold sync list`.

use crate::app::App;
use crate::commands::paging::{self, Paging};
use crate::error::Result;
use crate::output::sync::SyncRun;

/// How many are shown when nobody says.
const NEWEST: u64 = 20;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Show those of this organization only
    #[arg(long, value_name = "NAME")]
    pub(crate) organization: Option<String>,

    /// Show at most this many
    #[arg(long, value_name = "COUNT", default_value_t = NEWEST, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: u64,

    /// Go on where an earlier list ended: the `next` of its JSON
    #[arg(long, value_name = "CURSOR")]
    pub(crate) after: Option<String>,
}

pub(crate) async fn run(args: Args, app: &App) -> Result {
    let session = app.open().await?;
    let organization = match &args.organization {
        Some(name) => Some(session.organization(name).await?.id),
        None => None,
    };
    let names = session.names().await?;
    let paging = Paging {
        limit: Some(args.limit),
        after: args.after,
    };
    let syncs = &session.ports().syncs;
    let read = |after: Option<String>, limit| async move {
        syncs.list(organization, after.as_deref(), limit).await
    };
    paging::stream(&app.output, &paging, read, |run| {
        SyncRun::named(&run, &names)
    })
    .await
}
