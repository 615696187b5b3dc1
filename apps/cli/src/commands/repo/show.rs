//! `forgehold repo show`.

use org_core::event::Subject;
use org_core::ports::EventFilter;
use org_core::use_cases::licenses;

use super::Target;
use crate::app::App;
use crate::error::Result;
use crate::exit::Exit;
use crate::output::event::Event;
use crate::output::repository::{Explanation, RepositoryDetails};

/// How much of the timeline is shown.
const TIMELINE: u32 = 100;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) target: Target,
}

pub(crate) async fn run(args: Args, app: &App) -> Result {
    let session = app.open().await?;
    let ports = session.ports();
    let row = args.target.find(&session).await?;
    let explanation = licenses::why(ports, &row).await?;
    let filter = EventFilter {
        organization: Some(row.organization),
        subject: Some(Subject::Repository(row.known.repository.id)),
        ..EventFilter::default()
    };
    let timeline = ports.events.newest(&filter, TIMELINE).await?;
    app.output.one(&RepositoryDetails {
        repository: (&row).into(),
        license: Explanation::new(&row, &explanation),
        timeline: timeline.iter().map(Event::from).collect(),
    })?;
    Ok(Exit::Ok)
}
