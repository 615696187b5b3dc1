//! `forgehold schedule preview`.

use chrono::{DateTime, Utc};
use org_core::draft::ScheduleDraft;
use org_core::ids::OrganizationId;
use org_core::schedule::Schedule;

use crate::app::{self, App};
use crate::commands::org::ScheduleArgs;
use crate::error::Result;
use crate::exit::Exit;
use crate::output::schedule::Preview;

/// The most runs that are shown: more than a year of hourly ones.
const MOST: i64 = 10_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    schedule: ScheduleArgs,

    /// Show so many runs
    #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=MOST))]
    count: u16,

    /// Show what comes after this time, such as 2027-03-27T12:00:00Z, instead of now
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<DateTime<Utc>>,

    /// Show the runs of this organization; without any of the flags above, those of its present schedule
    #[arg(long, value_name = "NAME")]
    organization: Option<String>,
}

/// A time as a person types it; what the parser of times says of a bare date helps nobody.
fn time(text: &str) -> std::result::Result<DateTime<Utc>, &'static str> {
    text.parse()
        .map_err(|_| "write the day and the time with its zone, such as 2027-03-27T12:00:00Z")
}

impl Args {
    /// The organization whose runs are asked for.
    pub(crate) fn organization(&self) -> Option<&str> {
        self.organization.as_deref()
    }
}

pub(crate) async fn run(args: Args, app: &App) -> Result {
    let known = match &args.organization {
        None => None,
        Some(name) => {
            let organization = app.open().await?.organization(name).await?;
            Some((organization.id, organization.settings.schedule))
        }
    };
    show(args, known, app)
}

/// Shows the next runs: of what the flags say, else of what the organization has, else of what one has that says nothing.
pub(crate) fn show(args: Args, known: Option<(OrganizationId, Schedule)>, app: &App) -> Result {
    let draft = ScheduleDraft::from(args.schedule);
    let (schedule, id) = match known {
        Some((id, schedule)) if draft.is_empty() => (schedule, Some(id)),
        Some((id, _)) => (draft.parse()?, Some(id)),
        None => (draft.parse()?, None),
    };
    let from = args.from.unwrap_or_else(app::now);
    let preview = Preview::new(&schedule, id, from, usize::from(args.count));
    app.output.one(&preview)?;
    Ok(Exit::Ok)
}
