//! The commands as a server does them: the same arguments, the same output.

mod connecting;
mod history;
mod installation;
mod jobs;
mod licenses;
mod organizations;
mod repositories;
mod secrets;
mod signing_in;

use org_core::draft::ScheduleDraft;
use serde_json::{Value, json};

use super::paging::{self, Paging};
use super::{Command, device, group, here, schedule};
use crate::app::App;
use crate::error::Result;
use crate::output::Output;
use crate::output::device::Device;
use crate::output::organization::Organization;
use crate::remote::{Page, Remote};

pub(crate) use self::connecting::form_of;
pub(crate) use self::secrets::all as secrets_of;

/// How many rows are read at a time; the server gives no more.
pub(super) const PAGE: u32 = 500;

pub(crate) async fn run(command: Command, app: &App, remote: &Remote) -> Result {
    match command {
        Command::Org(command) => organizations::run(command, app, remote).await,
        Command::Repo(command) => repositories::run(command, app, remote).await,
        Command::Group(group::Command::List(args)) => repositories::groups(args, app, remote).await,
        Command::License(command) => licenses::run(command, app, remote).await,
        Command::Secret(command) => secrets::run(command, app, remote).await,
        Command::Sync(command) => history::syncs(command, app, remote).await,
        Command::Events(args) => history::run(args, app, remote).await,
        Command::Doctor(_) => installation::doctor(app, remote).await,
        Command::Run(_) => installation::run(app, remote).await,
        Command::Vault(command) => installation::vault(command, app, remote).await,
        Command::Device(device::Command::List(_)) => {
            whole::<Device>(&app.output, remote, &["devices"], &[]).await
        }
        Command::Schedule(schedule::Command::Preview(args)) => {
            let organization = match args.organization() {
                Some(name) => Some(remote.get(&["organizations", name], &[]).await?),
                None => None,
            };
            let known = organization
                .map(|organization: Organization| organization.scheduled())
                .transpose()?;
            schedule::preview::show(args, known, app)
        }
        // What looks at no installation is the same everywhere.
        other @ (Command::Completions(_) | Command::Man(_)) => here(other, app).await,
    }
}

/// A schedule as programs send it.
fn schedule(draft: &ScheduleDraft) -> Value {
    json!({
        "every": draft.every,
        "at": draft.at,
        "cron": draft.cron,
        "manual": draft.manual,
        "zone": draft.zone,
        "weekdays": draft.weekdays,
    })
}

fn optional(name: &'static str, value: Option<String>) -> Option<(&'static str, String)> {
    value.map(|value| (name, value))
}

/// Shows a list that the server answers whole.
async fn whole<T>(
    output: &Output,
    remote: &Remote,
    path: &[&str],
    query: &[(&str, String)],
) -> Result
where
    T: serde::de::DeserializeOwned + serde::Serialize + crate::output::Row,
{
    let page: Page<T> = remote.get(path, query).await?;
    let mut list = output.list();
    for item in page.items {
        list.push(item);
    }
    list.finish(output, ("--after", None))
}

/// Shows a list page by page.
async fn pages<T>(
    app: &App,
    remote: &Remote,
    path: &[&str],
    query: &[(&'static str, String)],
    paging: &Paging,
) -> Result
where
    T: serde::de::DeserializeOwned + serde::Serialize + crate::output::Row,
{
    let read = |after: Option<String>, limit: u32| {
        let mut query = query.to_vec();
        query.push(("limit", limit.to_string()));
        query.extend(optional("after", after));
        async move {
            let page: Page<T> = remote.get(path, &query).await?;
            Ok(page.into())
        }
    };
    paging::stream_bodies(&app.output, paging, read).await
}
