//! What happens, as it happens: whoever watches is woken when the history has grown, by this program or by another one.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::Stream;
use org_core::event::StoredEvent;
use org_core::ports::{EventFilter, Ports};
use org_core::use_cases::follow::Stop;
use tokio::sync::watch;
use tokio::time::Instant;

/// How often the end of the history is looked at while somebody watches: other programs write to the same database.
const LOOK: Duration = Duration::from_millis(500);

/// How many events are read at a time.
const PAGE: u32 = 200;

/// How long one may watch; then the watcher comes again, and is asked again who it is.
const LONGEST: Duration = Duration::from_mins(15);

/// How many may watch at a time.
const MOST: usize = 500;

/// The end of the history, followed.
#[derive(Debug)]
pub struct Feed {
    ports: Ports,
    stop: StopSign,
    end: watch::Sender<u64>,
}

/// A stop, which has no words for itself.
#[derive(Clone)]
struct StopSign(Stop);

impl std::fmt::Debug for StopSign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stop")
    }
}

impl Feed {
    pub(crate) fn new(ports: Ports, stop: Stop) -> Self {
        Self {
            ports,
            stop: StopSign(stop),
            end: watch::Sender::new(0),
        }
    }

    /// Every event that fits, from the first one after `filter.after` on, as it comes; `None` if too many watch already. The stream ends when the
    /// server stops, when the history cannot be read, and after a quarter of an hour; who was at event N goes on with `after: N`.
    pub fn watch(
        &self,
        filter: EventFilter,
    ) -> Option<impl Stream<Item = StoredEvent> + Send + use<>> {
        if self.end.receiver_count() >= MOST {
            return None;
        }
        let watcher = Watcher {
            ports: self.ports.clone(),
            stop: self.stop.0.clone(),
            end: self.end.subscribe(),
            until: Instant::now() + LONGEST,
            filter,
            read: VecDeque::new(),
        };
        Some(futures_util::stream::unfold(
            watcher,
            |mut watcher| async move {
                let event = watcher.next().await?;
                Some((event, watcher))
            },
        ))
    }

    /// Looks at the history as long as somebody watches. One task of the server runs it.
    pub(crate) async fn follow(&self) {
        let mut stop = self.stop.0.clone();
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

struct Watcher {
    ports: Ports,
    stop: Stop,
    end: watch::Receiver<u64>,
    until: Instant,
    filter: EventFilter,
    read: VecDeque<StoredEvent>,
}

impl Watcher {
    async fn next(&mut self) -> Option<StoredEvent> {
        loop {
            if let Some(event) = self.read.pop_front() {
                return Some(event);
            }
            // Whatever comes from here on wakes this watcher, also while it reads.
            self.end.mark_unchanged();
            match self.ports.events.oldest(&self.filter, PAGE).await {
                Ok(events) => {
                    if let Some(last) = events.last() {
                        self.filter.after = Some(last.sequence);
                        self.read.extend(events);
                        continue;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "the history cannot be read");
                    return None;
                }
            }
            tokio::select! {
                () = &mut self.stop => return None,
                () = tokio::time::sleep_until(self.until) => return None,
                changed = self.end.changed() => changed.ok()?,
            }
        }
    }
}
