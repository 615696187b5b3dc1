//! The license pool and its policy.

use org_core::license::LicenseState;
use runtime::remote::Verb;
use serde_json::{Value, json};

use super::{optional, pages};
use crate::app::App;
use crate::commands::license;
use crate::commands::paging::{self, Paging};
use crate::error::Result;
use crate::exit::Exit;
use crate::output::license::{Holder, Policy, Pool, Seats};
use crate::output::repository::Verdict;
use crate::remote::{Page, Remote};

pub(super) async fn run(command: license::Command, app: &App, remote: &Remote) -> Result {
    use license::policy::Command as PolicyCommand;

    match command {
        license::Command::Status(_) => {
            let pool: Pool = remote.get(&["licenses"], &[]).await?;
            app.output.one(&pool)?;
            Ok(Exit::Ok)
        }
        license::Command::Seats(args) => {
            let path = ["licenses", "seats"];
            let seats: Seats = match args.seats {
                None => remote.get(&path, &[]).await?,
                Some(seats) => {
                    let form = json!({"seats": crate::output::license::limit(seats)});
                    remote.send(Verb::Put, &path, &[], Some(form)).await?
                }
            };
            app.output.one(&seats)?;
            Ok(Exit::Ok)
        }
        license::Command::Waiting(args) => {
            holders(&args.paging, LicenseState::Waiting, app, remote).await
        }
        license::Command::Holders(args) => {
            holders(&args.paging, LicenseState::Licensed, app, remote).await
        }
        license::Command::Policy(PolicyCommand::Show(_)) => {
            let policy: Policy = remote.get(&["licenses", "policy"], &[]).await?;
            app.output.one(&policy)?;
            Ok(Exit::Ok)
        }
        license::Command::Policy(PolicyCommand::Set(args)) => {
            let form = rules(&license::policy::read(&args.file)?);
            let policy: Policy = remote
                .send(Verb::Put, &["licenses", "policy"], &[], Some(form))
                .await?;
            app.output.one(&policy)?;
            Ok(Exit::Ok)
        }
        license::Command::Policy(PolicyCommand::Test(args)) => {
            let form = match &args.file {
                Some(file) => rules(&license::policy::read(file)?),
                None => remote.get::<Value>(&["licenses", "policy"], &[]).await?,
            };
            let read = |after: Option<String>, limit: u32| {
                let mut query = vec![("limit", limit.to_string())];
                query.extend(optional("after", after));
                query.extend(optional("organization", args.organization.clone()));
                let form = form.clone();
                async move {
                    let path = ["licenses", "policy", "preview"];
                    let page: Page<Verdict> =
                        remote.send(Verb::Post, &path, &query, Some(form)).await?;
                    Ok(page.into())
                }
            };
            paging::stream_bodies(&app.output, &args.paging, read).await
        }
    }
}

fn rules(policy: &org_core::license::policy::LicensePolicy) -> Value {
    let rules: Vec<String> = policy.rules().iter().map(ToString::to_string).collect();
    json!({ "rules": rules })
}

async fn holders(paging: &Paging, state: LicenseState, app: &App, remote: &Remote) -> Result {
    let query = [("state", state.to_string())];
    pages::<Holder>(app, remote, &["licenses", "holders"], &query, paging).await
}
