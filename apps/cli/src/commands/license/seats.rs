//! `forgehold license seats`.

use org_core::license::pool::Seats as CoreSeats;
use org_core::use_cases::licenses;

use crate::app::App;
use crate::error::Result;
use crate::exit::Exit;
use crate::output::license::Seats;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The number of seats from now on, or `unlimited`; without it the present number is shown
    #[arg(value_name = "COUNT")]
    pub(crate) seats: Option<CoreSeats>,
}

pub(crate) async fn run(args: Args, app: &App) -> Result {
    let session = app.open().await?;
    let ports = session.ports();
    let answer = match args.seats {
        None => Seats::as_is(licenses::status(ports).await?.seats),
        Some(seats) => {
            let plan = licenses::configure_seats(ports, seats, &session.actor).await?;
            Seats::changed(seats, &plan)
        }
    };
    app.output.one(&answer)?;
    Ok(Exit::Ok)
}
