//! `forgehold org approve`.

use org_core::sync::run::Trigger;
use org_core::use_cases::review::Verdict;

use super::Target;
use super::held::{self, Ask, Decision};
use crate::app::{App, exit_of};
use crate::error::Result;
use crate::exit::Exit;
use crate::output::sync::{Decided, SyncRun};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) target: Target,

    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,

    /// Do not start the sync that lets them vanish; the next one does
    #[arg(long)]
    pub(crate) no_sync: bool,
}

pub(crate) const APPROVE: Decision = Decision {
    verdict: Verdict::Approve,
    question: "Are these repositories really gone?",
    consequence: "approving lets these repositories vanish, each once the host confirms it",
};

pub(crate) async fn run(args: Args, app: &App) -> Result {
    let session = app.open().await?;
    let organization = args.target.find(&session).await?;
    let ask = if args.yes { Ask::No } else { Ask::Yes };
    let held = held::decide(&session, &organization, APPROVE, ask).await?;
    let runs = if args.no_sync {
        Vec::new()
    } else {
        session
            .synchronize(&organization, Trigger::Approval)
            .await?
    };
    let name = organization.name.as_str();
    app.output.one(&Decided {
        decision: "approved".into(),
        held,
        syncs: runs.iter().map(|run| SyncRun::new(run, name)).collect(),
    })?;
    Ok(if args.no_sync {
        Exit::Ok
    } else {
        exit_of(&runs)
    })
}
