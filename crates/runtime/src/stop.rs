//! Stopping: one signal ends the work cleanly, a second one ends the program at once.

use futures_util::FutureExt;
use org_core::use_cases::follow::Stop;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The exit code of a program that a second signal ended: 128 and the number of SIGINT, as shells expect.
const INTERRUPTED: i32 = 130;

/// Comes when the person presses Ctrl-C or the system says SIGTERM. A second signal ends the program at once.
///
/// Must be called inside a tokio runtime.
pub fn on_signal() -> std::io::Result<Stop> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
    tokio::spawn(async move {
        either(&mut interrupt, &mut terminate).await;
        // Nobody listens any more when the work is over already: then there is nothing to stop.
        let _ = sender.send(());
        either(&mut interrupt, &mut terminate).await;
        std::process::exit(INTERRUPTED);
    });
    let stop = async move {
        if receiver.await.is_err() {
            // The watcher is gone with its runtime; a stop that never comes is right then.
            std::future::pending::<()>().await;
        }
    };
    Ok(stop.boxed().shared())
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
