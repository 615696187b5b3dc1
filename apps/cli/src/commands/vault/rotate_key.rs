//! `forgehold vault rotate-key`.

use crate::app::App;
use crate::error::Result;
use crate::exit::Exit;
use crate::output::vault::Rotated;

/// Everything is sealed anew in one transaction; programs that run follow by themselves.
///
/// A key that Forgehold made is replaced by another one. A key file or passphrase file of yours is replaced by the one beside it whose name ends with
/// `.next`: put that there first, and move it into its place afterwards. Without one, or with a key on a server, the same key is kept and everything is
/// sealed anew below it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn run(_: Args, app: &App) -> Result {
    let config = app.config()?;
    let session = app.open().await?;
    let runtime = session.runtime();
    let generation = runtime.rotate_vault_key(&config, &session.actor).await?;
    app.output.one(&Rotated::to(generation))?;
    Ok(Exit::Ok)
}
