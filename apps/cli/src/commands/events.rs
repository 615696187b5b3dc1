//! `forgehold events`.

use std::time::Duration;

use futures_util::future::{Either, select};
use org_core::event::Subject;
use org_core::ports::EventFilter;
use org_core::use_cases::lookup;

use crate::app::{self, App, Session};
use crate::error::Result;
use crate::exit::Exit;
use crate::output::event::Event;

/// How many are shown when nobody says.
const NEWEST: u64 = 50;

/// How many are read at a time.
const PAGE: u32 = 500;

/// How often the history is looked at while it is followed.
const LOOK: Duration = Duration::from_millis(500);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Show those of this organization only
    #[arg(long, value_name = "NAME")]
    pub(crate) organization: Option<String>,

    /// Show those on this repository only: its path at the host, or the host's id
    #[arg(long, value_name = "REPOSITORY", conflicts_with = "subject")]
    pub(crate) repository: Option<String>,

    /// Show those on this subject only, such as `license-pool` or `secret:NAME`
    #[arg(long, value_name = "SUBJECT")]
    pub(crate) subject: Option<Subject>,

    /// Show those only whose kind begins with this text, such as `repository.`
    #[arg(long, value_name = "TEXT")]
    pub(crate) kind: Option<String>,

    /// Show those only before this number of the history: the `next` of the JSON of an earlier list
    #[arg(long, value_name = "NUMBER", conflicts_with = "follow")]
    pub(crate) before: Option<u64>,

    /// Show those only after this number of the history
    #[arg(long, value_name = "NUMBER")]
    pub(crate) after: Option<u64>,

    /// Show at most this many of the newest
    #[arg(long, value_name = "COUNT", default_value_t = NEWEST, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: u64,

    /// Show the oldest first, then what comes, until stopped; with `--output json` an event a line
    #[arg(long, short)]
    pub(crate) follow: bool,
}

pub(crate) async fn run(args: Args, app: &App) -> Result {
    let session = app.open().await?;
    let filter = filter(&args, &session).await?;
    if args.follow {
        follow(&args, filter, &session, app).await
    } else {
        list(&args, filter, &session, app).await
    }
}

async fn filter(args: &Args, session: &Session) -> Result<EventFilter> {
    let mut filter = EventFilter {
        organization: None,
        subject: args.subject.clone(),
        kind: args.kind.clone(),
        after: args.after,
        before: args.before,
    };
    if let Some(name) = &args.organization {
        filter.organization = Some(session.organization(name).await?.id);
    }
    if let Some(text) = &args.repository {
        let row = lookup::repository(session.ports(), text, filter.organization).await?;
        filter.organization = Some(row.organization);
        filter.subject = Some(Subject::Repository(row.known.repository.id));
    }
    Ok(filter)
}

async fn list(args: &Args, mut filter: EventFilter, session: &Session, app: &App) -> Result {
    let mut list = app.output.list();
    let mut next = None;
    loop {
        let left = args.limit.saturating_sub(list.len());
        if left == 0 {
            break;
        }
        let limit = u32::try_from(left).map_or(PAGE, |left| left.min(PAGE));
        let page = session.ports().events.newest(&filter, limit).await?;
        next = page.last().map(|last| last.sequence);
        let is_last = page.len() < limit as usize;
        for event in &page {
            list.push(Event::from(event));
        }
        list.flush()?;
        if is_last || next == Some(1) {
            next = None;
            break;
        }
        filter.before = next;
    }
    list.finish(&app.output, ("--before", next.map(|next| next.to_string())))
}

async fn follow(args: &Args, mut filter: EventFilter, session: &Session, app: &App) -> Result {
    let ports = session.ports();
    let mut stop = app::stop()?;
    let limit = u32::try_from(args.limit).unwrap_or(u32::MAX).min(PAGE);
    let mut events = ports.events.newest(&filter, limit).await?;
    events.reverse();
    loop {
        for event in events.iter().map(Event::from) {
            filter.after = Some(event.sequence());
            app.output.line(&event, &event.line())?;
        }
        let wait = ports.timer.sleep(LOOK);
        match select(&mut stop, wait).await {
            Either::Left(_) => return Ok(Exit::Canceled),
            Either::Right(_) => events = ports.events.oldest(&filter, PAGE).await?,
        }
    }
}
