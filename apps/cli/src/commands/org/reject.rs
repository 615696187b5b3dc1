//! `forgehold org reject`.

use org_core::use_cases::review::Verdict;

use super::Target;
use super::held::{self, Ask, Decision};
use crate::app::App;
use crate::error::Result;
use crate::exit::Exit;
use crate::output::sync::Decided;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) target: Target,

    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

pub(crate) const REJECT: Decision = Decision {
    verdict: Verdict::Reject,
    question: "Are these repositories still there?",
    consequence: "rejecting keeps everything as it is, and the next sync looks again",
};

pub(crate) async fn run(args: Args, app: &App) -> Result {
    let session = app.open().await?;
    let organization = args.target.find(&session).await?;
    let ask = if args.yes { Ask::No } else { Ask::Yes };
    let held = held::decide(&session, &organization, REJECT, ask).await?;
    app.output.one(&Decided {
        decision: "rejected".into(),
        held,
        syncs: Vec::new(),
    })?;
    Ok(Exit::Ok)
}
