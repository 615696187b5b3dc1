//! `forgehold schedule preview`.

use chrono::{DateTime, Utc};
use org_core::draft::ScheduleDraft;

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
    #[arg(long, value_name = "TIME")]
    from: Option<DateTime<Utc>>,

    /// Show the runs of this organization; without any of the flags above, those of its present schedule
    #[arg(long, value_name = "NAME")]
    organization: Option<String>,
}

pub(crate) async fn run(args: Args, app: &App) -> Result {
    let draft = ScheduleDraft::from(args.schedule);
    let given = if draft.is_empty() && args.organization.is_some() {
        None
    } else {
        Some(draft.parse()?)
    };
    let (schedule, id) = match &args.organization {
        None => (given, None),
        Some(name) => {
            let organization = app.open().await?.organization(name).await?;
            let schedule = given.unwrap_or(organization.settings.schedule);
            (Some(schedule), Some(organization.id))
        }
    };
    let schedule = match schedule {
        Some(schedule) => schedule,
        None => ScheduleDraft::default().parse()?,
    };
    let from = args.from.unwrap_or_else(app::now);
    let preview = Preview::new(&schedule, id, from, usize::from(args.count));
    app.output.one(&preview)?;
    Ok(Exit::Ok)
}
