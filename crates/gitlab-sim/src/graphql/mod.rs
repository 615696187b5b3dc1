//! GraphQL at `/api/graphql`.

use std::sync::Arc;

use crate::answer::Answer;
use crate::request::Call;
use crate::shared::Shared;

pub(crate) type Schema = ();

pub(crate) fn schema() -> Schema {}

pub(crate) fn is_graphql(call: &Call) -> bool {
    call.segments.len() == 2 && call.segments[0] == "api" && call.segments[1] == "graphql"
}

#[expect(clippy::unused_async, reason = "execution is asynchronous")]
pub(crate) async fn answer(_shared: &Arc<Shared>, _call: &Call) -> Answer {
    Answer::no_route()
}
