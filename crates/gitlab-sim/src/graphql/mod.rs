//! GraphQL at `/api/graphql`: what comes before a query runs, and what it may cost.

mod complexity;
mod connection;
mod groups;
mod projects;
mod query;
mod scalars;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_graphql::{EmptyMutation, EmptySubscription, Name, Request, Value, Variables};
use serde::Deserialize;
use serde_json::json;

use crate::answer::Answer;
use crate::auth::{self, Who};
use crate::fault_kind::FINE_GRAINED;
use crate::request::Call;
use crate::shared::Shared;
use crate::world::{Access, TokenKind};

pub(crate) type Schema = async_graphql::Schema<query::Query, EmptyMutation, EmptySubscription>;

const MAX_CHARACTERS: usize = 10_000;
const MAX_DEPTH: u64 = 20;
const MAX_COMPLEXITY: u64 = 250;
const MAX_COMPLEXITY_ANONYMOUS: u64 = 200;
const MAX_COMPLEXITY_ADMIN: u64 = 300;
/// More brackets inside each other than any query has; keeps the parser's stack shallow.
const MAX_BRACKETS: usize = 120;

pub(crate) fn schema() -> Schema {
    async_graphql::Schema::build(query::Query, EmptyMutation, EmptySubscription).finish()
}

pub(crate) fn is_graphql(call: &Call) -> bool {
    matches!(call.segments.as_slice(), [api, graphql] if api == "api" && graphql == "graphql")
}

/// What resolvers look at: the state and whose eyes it is seen with.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) shared: Arc<Shared>,
    pub(crate) who: Who,
    pub(crate) access: Arc<Access>,
    pub(crate) score: u64,
    pub(crate) limit: u64,
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    query: String,
    #[serde(default)]
    variables: Option<serde_json::Value>,
    #[serde(default, rename = "operationName")]
    operation_name: Option<String>,
}

/// Answers a request to `/api/graphql`.
pub(crate) async fn answer(shared: &Arc<Shared>, call: &Call) -> Answer {
    match run(shared, call).await {
        Ok(answer) | Err(answer) => answer,
    }
}

async fn run(shared: &Arc<Shared>, call: &Call) -> Result<Answer, Answer> {
    if !shared.config.graphql {
        return Err(Answer::no_route());
    }
    if call.method != "POST" {
        return Err(Answer::no_route());
    }
    let now = shared.clock.now();
    let (who, access) = {
        let world = shared.world();
        // Whatever is wrong with the token, too small a scope included, has one answer here.
        let invalid = |_| Answer::graphql_errors(401, "Invalid token");
        let who = auth::authenticate(&world, call, now).map_err(invalid)?;
        let token = who.token.and_then(|id| world.tokens.get(&id));
        auth::allow(token, &["api", "read_api"], None).map_err(invalid)?;
        if token.is_some_and(|token| matches!(token.kind, TokenKind::FineGrained(_))) {
            return Err(Answer::graphql_errors(200, FINE_GRAINED));
        }
        (who, shared.access(&world, who.user))
    };
    let body = read_body(call)?;
    if body.query.trim().is_empty() {
        return Err(Answer::graphql_errors(200, "No query string was present"));
    }
    if body.query.chars().count() > MAX_CHARACTERS {
        return Err(Answer::graphql_errors(422, "Query too large"));
    }
    if deepest_bracket(&body.query) > MAX_BRACKETS {
        let text = format!(
            "Query has depth of over {MAX_BRACKETS}, which exceeds max depth of {MAX_DEPTH}"
        );
        return Err(Answer::graphql_errors(200, &text));
    }
    let variables = Variables::from_json(body.variables.unwrap_or(json!({})));
    let document = async_graphql::parser::parse_query(&body.query)
        .map_err(|error| Answer::graphql_errors(200, &error.to_string()))?;
    let given: BTreeMap<Name, Value> = variables
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let cost = complexity::of(&document, body.operation_name.as_deref(), &given);
    if cost.depth > MAX_DEPTH {
        let text = format!(
            "Query has depth of {}, which exceeds max depth of {MAX_DEPTH}",
            cost.depth
        );
        return Err(Answer::graphql_errors(200, &text));
    }
    let limit = match (who.user, access.admin) {
        (None, _) => MAX_COMPLEXITY_ANONYMOUS,
        (Some(_), false) => MAX_COMPLEXITY,
        (Some(_), true) => MAX_COMPLEXITY_ADMIN,
    };
    if cost.complexity > limit {
        let text = format!(
            "Query has complexity of {}, which exceeds max complexity of {limit}",
            cost.complexity
        );
        return Err(Answer::graphql_errors(200, &text));
    }
    let view = View {
        shared: Arc::clone(shared),
        who,
        access,
        score: cost.complexity,
        limit,
    };
    let mut request = Request::new(body.query).variables(variables).data(view);
    if let Some(name) = body.operation_name {
        request = request.operation_name(name);
    }
    let response = shared.schema.execute(request).await;
    let text =
        serde_json::to_string(&response).unwrap_or_else(|_| json!({ "errors": [] }).to_string());
    Ok(Answer::text(200, crate::answer::JSON, text))
}

fn read_body(call: &Call) -> Result<Body, Answer> {
    if call.is_json {
        return serde_json::from_str(&call.body).map_err(|_| {
            Answer::graphql_errors(400, "There was a problem parsing the request body")
        });
    }
    let mut body = Body {
        query: String::new(),
        variables: None,
        operation_name: None,
    };
    for (name, value) in url::form_urlencoded::parse(call.body.as_bytes()) {
        match name.as_ref() {
            "query" => body.query = value.into_owned(),
            "variables" => body.variables = serde_json::from_str(&value).ok(),
            "operationName" => body.operation_name = Some(value.into_owned()),
            _ => {}
        }
    }
    Ok(body)
}

fn deepest_bracket(query: &str) -> usize {
    let (mut open, mut deepest) = (0_usize, 0);
    for letter in query.bytes() {
        match letter {
            b'{' | b'[' | b'(' => open += 1,
            b'}' | b']' | b')' => open = open.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(open);
    }
    deepest
}
