//! `forgehold secret test`.

use org_core::host::HostUrl;
use org_core::use_cases::vaults;

use crate::app::App;
use crate::error::Result;
use crate::exit::Exit;
use crate::output::secret::Tested;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which secret
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// Ask this host, besides those of the organizations that use the secret
    #[arg(long, value_name = "URL")]
    pub(crate) host: Option<HostUrl>,
}

pub(crate) async fn run(args: Args, app: &App) -> Result {
    let session = app.open().await?;
    let ports = session.ports();
    let (facts, rows) = vaults::test(ports, &args.name, args.host).await?;
    let tested = Tested::new(&facts, &rows, ports.clock.now());
    app.output.one(&tested)?;
    Ok(if tested.is_good() {
        Exit::Ok
    } else {
        Exit::ProblemFound
    })
}
