//! `forgehold run`.

use org_core::organization::Organization;
use org_core::use_cases::UseCaseError;
use org_core::use_cases::follow::SyncAnswer;
use runtime::scheduler::{self, Chore, Observer};

use crate::app::{self, App};
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::output::Output;
use crate::output::sync::SyncRun;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Says how each sync ended: on standard output, a line each.
#[derive(Debug)]
struct Watch {
    output: Output,
}

impl Watch {
    fn complain(&self, about: impl std::fmt::Display, error: &UseCaseError) {
        let mut told = CliError::new(error.kind().into(), format!("{about}: {error}"));
        told.hint = error.hint();
        self.output.error(&told);
    }
}

impl Observer for Watch {
    fn ended(
        &self,
        organization: &Organization,
        answer: &std::result::Result<SyncAnswer, UseCaseError>,
    ) {
        match answer {
            Ok(SyncAnswer::Ran { run, .. }) => {
                let run = SyncRun::new(run, organization.name.as_str());
                // The loop goes on when nobody reads any more; what happened is in the history.
                let _ = self.output.line(&run, &run.line());
            }
            Ok(SyncAnswer::Busy { .. }) => {
                self.output.note(format_args!(
                    "{}: another program is synchronizing it",
                    organization.name
                ));
            }
            Err(error) => self.complain(&organization.name, error),
        }
    }

    fn troubled(&self, chore: Chore, error: &UseCaseError) {
        self.complain(chore, error);
    }
}

pub(crate) async fn run(_: Args, app: &App) -> Result {
    let session = app.open().await?;
    let stop = app::stop()?;
    app.output
        .note("synchronizing what is due; stop with Ctrl-C");
    let watch = Watch {
        output: app.output.clone(),
    };
    let runtime = session.runtime();
    let (options, concurrency) = (runtime.sync_options(), runtime.concurrency());
    tokio::select! {
        () = scheduler::run(session.ports(), &options, concurrency, stop, &watch) => {}
        () = runtime.keep_alive() => {}
    }
    app.output.note("stopped");
    // Being stopped is the only way to end, so it is what was wanted.
    Ok(Exit::Ok)
}
