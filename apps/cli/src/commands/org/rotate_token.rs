//! `forgehold org rotate-token`.

use org_core::draft::Field;
use org_core::use_cases::rotate;

use super::{Target, by_now};
use crate::app::App;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::output::organization::Organization;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) target: Target,

    /// For how many days the new token works, from 1 to 365; 90 when nothing is said
    #[arg(long, value_name = "DAYS")]
    pub(crate) days: Option<u64>,
}

pub(crate) async fn run(args: Args, app: &App) -> Result {
    let session = app.open().await?;
    let organization = args.target.find(&session).await?;
    let rotated = {
        let progress = session.progress();
        let (ports, actor) = (session.ports(), &session.actor);
        rotate::rotate(ports, organization, args.days, actor, &progress)
            .await
            .map_err(|error| CliError::from(error).with_flags(&[(Field::Token, "the token")]))?
    };
    app.output.note(format_args!(
        "the host has replaced the token of `{}`; the old one stopped working",
        rotated.name
    ));
    let overview = by_now(&session, rotated).await?;
    app.output.one(&Organization::from(&overview))?;
    Ok(Exit::Ok)
}
