//! Parameters of a query that nobody knows are refused: a misspelt `limt` that is ignored gives an answer to another question.
//!
//! Which ones an operation knows is read from the description of the API, so that no handler has to say it a second time.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::{OpenApi, RefOr};

use super::openapi;
use super::problem::Problem;

/// The most of an unknown name that is repeated.
const LONGEST: usize = 64;

/// The parameters of the queries of each operation.
#[derive(Debug, Clone)]
pub(super) struct Known(Arc<HashMap<(Method, String), BTreeSet<String>>>);

impl Known {
    pub(super) fn of(document: &OpenApi) -> Self {
        let mut document = document.clone();
        let mut known = HashMap::new();
        for (path, item) in &mut document.paths.paths {
            for (method, operation) in openapi::operations(item) {
                let method = method.to_ascii_uppercase();
                let method = method.parse().expect("the word of a method is one");
                known.insert((method, path.clone()), parameters(operation));
            }
        }
        Self(Arc::new(known))
    }

    /// Those of the operation that a request asks for; `None` where no operation is described.
    fn at(&self, request: &Request) -> Option<&BTreeSet<String>> {
        let path = request.extensions().get::<MatchedPath>()?.as_str();
        let method = match *request.method() {
            Method::HEAD => Method::GET,
            ref other => other.clone(),
        };
        self.0.get(&(method, path.to_owned()))
    }
}

fn parameters(operation: &Operation) -> BTreeSet<String> {
    let all = operation.parameters.iter().flatten();
    all.filter_map(|parameter| match parameter {
        RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query => {
            Some(parameter.name.clone())
        }
        // The description names every parameter where it is taken, and refers to none.
        RefOr::T(_) | RefOr::Ref(_) => None,
    })
    .collect()
}

/// Refuses what the operation does not know.
pub(super) async fn refuse_unknown(
    State(known): State<Known>,
    request: Request,
    next: Next,
) -> Response {
    if let (Some(known), Some(query)) = (known.at(&request), request.uri().query()) {
        let names = url::form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name);
        let unknown: BTreeSet<_> = names.filter(|name| !known.contains(&**name)).collect();
        if !unknown.is_empty() {
            let unknown = unknown.iter().map(|name| {
                let name: String = name.chars().take(LONGEST).collect();
                name.escape_debug().to_string()
            });
            return problem(unknown.collect(), known).into_response();
        }
    }
    next.run(request).await
}

fn problem(unknown: Vec<String>, known: &BTreeSet<String>) -> Problem {
    let quoted = |name: &String| format!("`{name}`");
    let words = |names: Vec<String>| names.join(", ");
    let known = if known.is_empty() {
        "it takes none".to_owned()
    } else {
        format!("known are {}", words(known.iter().map(quoted).collect()))
    };
    let detail = format!(
        "the request has parameters that are not known here: {}; {known}",
        words(unknown.iter().map(quoted).collect())
    );
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail);
    unknown.into_iter().fold(problem, |problem, name| {
        problem.at(&name, format!("there is no such parameter here; {known}"))
    })
}
