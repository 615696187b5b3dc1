//! Past syncs and the history.

use std::time::Duration;

use futures_util::future::{Either, select};

use super::repositories::found;
use super::{PAGE, optional, pages};
use crate::app::{self, App};
use crate::commands::paging::Paging;
use crate::commands::{events, repo, sync};
use crate::error::Result;
use crate::exit::Exit;
use crate::output::event::Event;
use crate::output::sync::SyncRun;
use crate::remote::{Page, Remote};

pub(super) async fn syncs(command: sync::Command, app: &App, remote: &Remote) -> Result {
    match command {
        sync::Command::List(args) => {
            let query: Vec<_> = optional("organization", args.organization)
                .into_iter()
                .collect();
            let paging = Paging {
                limit: Some(args.limit),
                after: args.after,
            };
            pages::<SyncRun>(app, remote, &["syncs"], &query, &paging).await
        }
        sync::Command::Show(args) => {
            let run: SyncRun = remote.get(&["syncs", &args.sync.to_string()], &[]).await?;
            app.output.one(&run)?;
            Ok(Exit::Ok)
        }
    }
}

/// How often the history is looked at while it is followed.
const LOOK: Duration = Duration::from_secs(1);

pub(super) async fn run(args: events::Args, app: &App, remote: &Remote) -> Result {
    let (mut organization, mut subject) = (
        args.organization,
        args.subject.map(|subject| subject.to_string()),
    );
    if let Some(repository) = args.repository {
        let target = repo::Target {
            repository,
            organization,
        };
        let [found_in, id] = found(target, remote).await?;
        (organization, subject) = (Some(found_in), Some(format!("repository:{id}")));
    }
    let mut query = Vec::new();
    query.extend(optional("organization", organization));
    query.extend(optional("subject", subject));
    query.extend(optional("kind", args.kind));
    if args.follow {
        return follow(query, (args.after, args.limit), app, remote).await;
    }
    query.extend(optional("after", args.after.map(|after| after.to_string())));
    let mut list = app.output.list();
    let mut before = args.before.map(|before| before.to_string());
    loop {
        let left = args.limit.saturating_sub(list.len());
        if left == 0 {
            break;
        }
        let limit = u32::try_from(left).map_or(PAGE, |left| left.min(PAGE));
        let mut query = query.clone();
        query.push(("limit", limit.to_string()));
        query.extend(optional("before", before));
        let page: Page<Event> = remote.get(&["events"], &query).await?;
        for event in page.items {
            list.push(event);
        }
        list.flush()?;
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    list.finish(&app.output, ("--before", before))
}

async fn follow(
    query: Vec<(&'static str, String)>,
    (mut after, limit): (Option<u64>, u64),
    app: &App,
    remote: &Remote,
) -> Result {
    let mut stop = app::stop()?;
    let limit = u32::try_from(limit).unwrap_or(PAGE).min(PAGE);
    let ask = |order: &str, limit: u32, after: Option<u64>| {
        let mut query = query.clone();
        query.push(("order", order.to_owned()));
        query.push(("limit", limit.to_string()));
        query.extend(optional("after", after.map(|after| after.to_string())));
        query
    };
    let newest = ask("newest", limit, after);
    let mut events: Vec<Event> = remote.get::<Page<Event>>(&["events"], &newest).await?.items;
    events.reverse();
    loop {
        for event in events {
            after = Some(event.sequence());
            app.output.line(&event, &event.line())?;
        }
        let wait = Box::pin(tokio::time::sleep(LOOK));
        events = match select(&mut stop, wait).await {
            Either::Left(_) => return Ok(Exit::Canceled),
            Either::Right(_) => {
                let oldest = ask("oldest", PAGE, after);
                remote.get::<Page<Event>>(&["events"], &oldest).await?.items
            }
        };
    }
}
