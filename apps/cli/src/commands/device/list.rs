//! `forgehold device list`.

use org_core::use_cases::devices;

use crate::app::App;
use crate::error::Result;
use crate::output::device::Device;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn run(_: Args, app: &App) -> Result {
    let session = app.open().await?;
    let mut list = app.output.list();
    for row in &devices::list(session.ports()).await? {
        list.push(Device::from(row));
    }
    list.finish(&app.output, ("--after", None))
}
