//! `ETag` and `If-Match`: whoever changes an organization may say which version of it they looked at, and nothing is lost that they did not see.

use axum::http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use org_core::organization::Organization;
use org_core::ports::Ports;
use org_core::use_cases::overview;
use org_core::use_cases::precondition::{Expecting, expecting};

use super::body::organization::Organization as Body;
use super::problem::Problem;

/// An organization with its `ETag`.
pub(crate) async fn tagged(
    ports: &Ports,
    organization: Organization,
    status: StatusCode,
) -> Result<Response, Problem> {
    let tag = of_version(organization.version);
    let overview = overview::of(ports, organization).await?;
    Ok((status, [(ETAG, tag)], axum::Json(Body::from(&overview))).into_response())
}

fn of_version(version: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{version}\"")).expect("digits fit into a header")
}

/// The versions that a header names; `None` where it names every one, or is not there.
fn versions(headers: &HeaderMap, name: axum::http::HeaderName) -> Option<Vec<String>> {
    let values: Vec<&str> = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    if values.is_empty() || values.contains(&"*") {
        return None;
    }
    Some(values.into_iter().map(str::to_owned).collect())
}

/// The answer to whoever has this version already.
pub(crate) fn not_modified(headers: &HeaderMap, organization: &Organization) -> Option<Response> {
    let tag = of_version(organization.version);
    let known = versions(headers, IF_NONE_MATCH)?;
    let fits = known
        .iter()
        .any(|known| known.trim_start_matches("W/").as_bytes() == tag.as_bytes());
    fits.then(|| (StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response())
}

/// The ports through which a change goes only if the organization is still of the version that the request names; those as they are where it names
/// none.
pub(crate) fn guarded(
    ports: &Ports,
    headers: &HeaderMap,
    organization: &Organization,
) -> Result<(Ports, Option<Expecting>), Problem> {
    let Some(named) = versions(headers, IF_MATCH) else {
        return Ok((ports.clone(), None));
    };
    let tag = of_version(organization.version);
    if !named.iter().any(|named| named.as_bytes() == tag.as_bytes()) {
        return Err(changed());
    }
    let (ports, expecting) = expecting(ports, organization);
    Ok((ports, Some(expecting)))
}

/// What became of a change that [`guarded`] let through or not.
pub(crate) fn checked<T>(
    result: Result<T, org_core::use_cases::UseCaseError>,
    expecting: Option<&Expecting>,
) -> Result<T, Problem> {
    if expecting.is_some_and(Expecting::failed) {
        return Err(changed());
    }
    result.map_err(Problem::from)
}

fn changed() -> Problem {
    let message = "the organization is not of the version that `If-Match` names";
    Problem::new(StatusCode::PRECONDITION_FAILED, "version_changed", message)
        .hinted("read it again, and decide again")
}
