//! What happens, as it happens: whoever watches is woken when the history has grown, by this program or by another one.

use std::time::Duration;

use org_core::ports::{EventFilter, Ports};
use org_core::use_cases::follow::Stop;
use tokio::sync::watch;

/// How often the end of the history is looked at while somebody watches: other programs write to the same database.
const LOOK: Duration = Duration::from_secs(1);

/// The end of the history, followed.
pub(crate) struct Feed {
    ports: Ports,
    stop: Stop,
    end: watch::Sender<u64>,
}

impl Feed {
    pub(crate) fn new(ports: Ports, stop: Stop) -> Self {
        Self {
            ports,
            stop,
            end: watch::Sender::new(0),
        }
    }

    /// Sees the place of the newest event, and changes whenever it does. It closes when the server stops.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.end.subscribe()
    }

    /// Looks at the history as long as somebody watches. One task of the server runs it.
    pub(crate) async fn follow(&self) {
        let mut stop = self.stop.clone();
        loop {
            let pause = self.ports.timer.sleep(LOOK);
            tokio::select! {
                () = &mut stop => return,
                () = pause => {}
            }
            if self.end.receiver_count() == 0 {
                continue;
            }
            match self.ports.events.newest(&EventFilter::default(), 1).await {
                Ok(newest) => {
                    let end = newest.first().map_or(0, |event| event.sequence);
                    self.end
                        .send_if_modified(|known| std::mem::replace(known, end) != end);
                }
                Err(error) => tracing::warn!(%error, "the history cannot be followed"),
            }
        }
    }
}
