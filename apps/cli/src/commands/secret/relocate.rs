//! `forgehold secret move`.

use org_core::use_cases::vaults;
use org_core::vaults::Moved;

use crate::app::App;
use crate::error::Result;
use crate::output::secret::Relocation;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which secret
    #[arg(
        value_name = "NAME",
        required_unless_present = "all",
        conflicts_with = "all"
    )]
    pub(crate) name: Option<String>,

    /// Move every secret that does not live there yet
    #[arg(long)]
    pub(crate) all: bool,

    /// The vault that it shall live in; `forgehold vault list` shows them
    #[arg(long, value_name = "VAULT")]
    pub(crate) to: String,
}

pub(crate) async fn run(args: Args, app: &App) -> Result {
    let session = app.open().await?;
    let ports = session.ports();
    let to = vaults::named(ports, Some(&args.to))?;
    let mut list = app.output.list();
    if let Some(name) = &args.name {
        let moved = vaults::move_one(ports, name, to, &session.actor).await?;
        list.push(Relocation::from(&moved));
    } else {
        let mut trouble = Ok(());
        let done = vaults::move_all(ports, to, &session.actor, |moved: &Moved| {
            list.push(Relocation::from(moved));
            // What was moved is told even when a later one fails.
            if trouble.is_ok() {
                trouble = list.flush();
            }
        })
        .await;
        trouble?;
        if let Err(error) = done {
            list.finish(&app.output, ("--after", None))?;
            return Err(error.into());
        }
    }
    list.finish(&app.output, ("--after", None))
}
