//! What takes much of the machine, or of a host, is done so much at a time; more waits for its turn for a moment, and is then asked to come again.

use std::time::Duration;

use axum::http::StatusCode;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::api::problem::Problem;
use crate::http::limits::Limits;

/// Lets so many in at a time.
#[derive(Debug)]
pub(crate) struct Gate {
    room: Semaphore,
    turn: Duration,
    what: &'static str,
}

/// The gates of a server.
#[derive(Debug)]
pub(crate) struct Gates {
    /// Looking what other rules would say of every repository.
    pub(crate) previews: Gate,
    /// Searching groups at hosts.
    pub(crate) searches: Gate,
    /// Examining the whole installation.
    pub(crate) examinations: Gate,
}

impl Gates {
    pub(crate) fn new(limits: &Limits) -> Self {
        let gate = |at_a_time, what| Gate {
            room: Semaphore::new(at_a_time),
            turn: limits.turn,
            what,
        };
        Self {
            previews: gate(limits.previews, "previews of rules"),
            searches: gate(limits.searches, "searches for groups"),
            examinations: gate(1, "examinations"),
        }
    }
}

impl Gate {
    /// A place, which is free again once it is dropped: with the answer, or with a request that nobody waits for any more.
    pub(crate) async fn enter(&self) -> Result<SemaphorePermit<'_>, Problem> {
        if let Ok(Ok(place)) = tokio::time::timeout(self.turn, self.room.acquire()).await {
            return Ok(place);
        }
        let message = format!("so many {} are under way that no more are begun", self.what);
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_jobs", message);
        Err(problem.hinted("try again in a moment").retry_after(5))
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use futures_util::FutureExt as _;

    use super::*;

    fn gates() -> Gates {
        Gates::new(&Limits {
            searches: 2,
            ..Limits::default()
        })
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_finds_no_place_in_time_is_told_when_to_come_again() {
        let gates = gates();
        let _places = [
            gates.searches.enter().await.expect("there is room"),
            gates.searches.enter().await.expect("there is room"),
        ];
        let start = tokio::time::Instant::now();
        let refused = gates.searches.enter().await.expect_err("it is full");
        assert_eq!(start.elapsed(), Limits::default().turn);
        assert_eq!(refused.body.code, "too_many_jobs");
        let response = refused.into_response();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()["retry-after"], "5");
        assert!(gates.previews.enter().await.is_ok(), "that is another gate");
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_that_is_given_up_goes_to_whoever_waits() {
        let gates = gates();
        let first = gates.searches.enter().await.expect("there is room");
        let _second = gates.searches.enter().await.expect("there is room");
        // One that gives up waiting takes no place with it.
        assert!(gates.searches.enter().now_or_never().is_none());
        let waiting = gates.searches.enter();
        let giving_up = async {
            tokio::task::yield_now().await;
            drop(first);
        };
        let (place, ()) = tokio::join!(waiting, giving_up);
        assert!(place.is_ok(), "one went");
    }
}
