//! The history: as a list, and as a stream that can be resumed.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use futures_util::{Stream, StreamExt};
use org_core::event::Subject;
use org_core::ports::EventFilter;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::Page;
use super::body::event::Event;
use super::extract::{Query, limit, word};
use super::inventory::id_of;
use super::problem::Problem;
use crate::auth::Reader;
use crate::state::AppState;

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(stream))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct EventQuery {
    /// Only those of this organization: its name or id.
    organization: Option<String>,
    /// Only those on this subject, such as `repository:42`, `license-pool` or `user:ada`.
    subject: Option<String>,
    /// Only those whose kind begins with this text, such as `repository.`.
    kind: Option<String>,
    /// Only those after this place in the history.
    after: Option<u64>,
    /// Only those before this place in the history: the `next` of an earlier page.
    before: Option<u64>,
    /// `newest` (without a word) or `oldest`: which come first.
    order: Option<String>,
    /// The most that is answered.
    #[param(minimum = 1, maximum = 500, default = 100)]
    limit: Option<u32>,
}

impl EventQuery {
    async fn filter(&self, state: &AppState) -> Result<EventFilter, Problem> {
        Ok(EventFilter {
            organization: id_of(state, self.organization.as_deref()).await?,
            subject: word::<Subject>("subject", self.subject.as_deref())?,
            kind: self.kind.clone(),
            after: self.after,
            before: self.before,
        })
    }
}

/// List events: the newest first, with `before` for more; or the oldest first, with `after` for more
#[utoipa::path(get, path = "/events", tag = "history", params(EventQuery), responses((status = 200, body = Page<Event>)))]
async fn list(
    _: Reader,
    State(state): State<AppState>,
    Query(query): Query<EventQuery>,
) -> Result<axum::Json<Page<Event>>, Problem> {
    let (limit, filter) = (limit(query.limit)?, query.filter(&state).await?);
    let events = match query.order.as_deref() {
        None | Some("newest") => state.ports().events.newest(&filter, limit).await?,
        Some("oldest") => state.ports().events.oldest(&filter, limit).await?,
        Some(_) => return Err(Problem::invalid("order", "it is neither newest nor oldest")),
    };
    let last = events.last().map(|last| last.sequence);
    let full = events.len() == limit as usize;
    let next = last.filter(|&last| full && (query.order.as_deref() == Some("oldest") || last > 1));
    Ok(axum::Json(Page {
        items: events.iter().map(Event::from).collect(),
        next: next.map(|next| next.to_string()),
    }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct StreamQuery {
    /// Only those of this organization: its name or id.
    organization: Option<String>,
    /// Only those on this subject.
    subject: Option<String>,
    /// Only those whose kind begins with this text.
    kind: Option<String>,
    /// Begin after this place in the history; without it, and without the header `Last-Event-ID`, with what comes from now on.
    after: Option<u64>,
}

/// How long a client waits before it comes again.
const RETRY: Duration = Duration::from_secs(2);

/// How often a sign of life is sent.
const ALIVE: Duration = Duration::from_secs(15);

/// Follow the history: server-sent events, each with its place as the id
///
/// Whoever loses the connection comes again with the header `Last-Event-ID`, and misses nothing. A stream ends after a quarter of an hour.
#[utoipa::path(get, path = "/events/stream", tag = "history",
    params(StreamQuery, ("Last-Event-ID" = Option<u64>, Header, description = "the place of the last event that was seen")),
    responses((status = 200, content_type = "text/event-stream", body = String)))]
async fn stream(
    _: Reader,
    State(state): State<AppState>,
    Query(query): Query<StreamQuery>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<SseEvent, Infallible>>>, Problem> {
    let resumed = match headers.get("last-event-id") {
        None => None,
        Some(value) => {
            let number = value
                .to_str()
                .ok()
                .and_then(|text| text.trim().parse::<u64>().ok());
            let wrong = || Problem::invalid("Last-Event-ID", "it is not the id of an event");
            Some(number.ok_or_else(wrong)?)
        }
    };
    let after = if let Some(after) = resumed.or(query.after) {
        after
    } else {
        let newest = state
            .ports()
            .events
            .newest(&EventFilter::default(), 1)
            .await?;
        newest.first().map_or(0, |newest| newest.sequence)
    };
    let filter = EventFilter {
        organization: id_of(&state, query.organization.as_deref()).await?,
        subject: word::<Subject>("subject", query.subject.as_deref())?,
        kind: query.kind,
        after: Some(after),
        before: None,
    };
    let Some(events) = state.feed().watch(filter) else {
        let message = "so many follow the history that no more can";
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message);
        return Err(problem.retry_after(30));
    };
    let events = events.map(|stored| {
        let data = serde_json::to_string(&Event::from(&stored))
            .expect("texts and numbers always serialize");
        let event = SseEvent::default().id(stored.sequence.to_string());
        Ok(event.event("event").retry(RETRY).data(data))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE)))
}
