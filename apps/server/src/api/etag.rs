//! `ETag` and `If-Match`: whoever changes something may say which version of it they looked at, and nothing is lost that they did not see.
//!
//! Organizations and secrets have a version of their own; of people, seats and the policy the tag is a digest of what can be changed.

use axum::http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use org_core::accounts::User;
use org_core::license::policy::LicensePolicy;
use org_core::license::pool::Seats;
use org_core::organization::Organization;
use org_core::ports::{Ports, StoreError, VaultError};
use org_core::secret::SecretFacts;
use org_core::use_cases::accounts::AccountError;
use org_core::use_cases::precondition::{Expecting, expecting};
use org_core::use_cases::{UseCaseError, overview};
use serde::Serialize;
use sha2::{Digest, Sha256};

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

/// What stands for a text that somebody looked at.
pub(crate) fn digest(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    URL_SAFE_NO_PAD.encode(&digest[..12])
}

/// Something that can be changed, and what its `ETag` is.
pub(crate) trait Tagged {
    /// What it is called in "... is not of the version that `If-Match` names".
    const WHAT: &'static str;

    /// What the tag is made of.
    fn seen(&self) -> String;

    /// Its `ETag`.
    fn tag(&self) -> HeaderValue {
        let text = format!("\"{}\"", digest(&self.seen()));
        HeaderValue::from_str(&text).expect("base64 fits into a header")
    }
}

impl Tagged for User {
    const WHAT: &'static str = "the account";

    fn seen(&self) -> String {
        let closed = self.disabled_since.map(|at| at.timestamp_micros());
        format!("{} {} {:?} {closed:?}", self.id, self.name, self.role)
    }
}

impl Tagged for LicensePolicy {
    const WHAT: &'static str = "the license policy";

    fn seen(&self) -> String {
        self.to_string()
    }
}

impl Tagged for Seats {
    const WHAT: &'static str = "the number of seats";

    fn seen(&self) -> String {
        self.to_string()
    }
}

impl Tagged for SecretFacts {
    const WHAT: &'static str = "the secret";

    fn seen(&self) -> String {
        format!("{} {}", self.reference, self.version)
    }
}

/// An answer with its `ETag`.
pub(crate) fn with_tag<T: Serialize>(tagged: &impl Tagged, body: T) -> Response {
    ([(ETAG, tagged.tag())], axum::Json(body)).into_response()
}

/// Whether the request asks for a certain version, which this one is; another one is refused.
pub(crate) fn expected<T: Tagged>(headers: &HeaderMap, found: &T) -> Result<bool, Problem> {
    let Some(named) = versions(headers, IF_MATCH) else {
        return Ok(false);
    };
    let tag = found.tag();
    if named.iter().any(|named| named.as_bytes() == tag.as_bytes()) {
        return Ok(true);
    }
    Err(changed(T::WHAT))
}

/// What became of a change that was only to be made on what was seen.
pub(crate) fn unless_changed<T: Tagged, R>(
    result: Result<R, impl Into<Problem> + Outdated>,
) -> Result<R, Problem> {
    result.map_err(|error| {
        if error.is_outdated() {
            changed(T::WHAT)
        } else {
            error.into()
        }
    })
}

/// An error that may say that somebody else was faster.
pub(crate) trait Outdated {
    fn is_outdated(&self) -> bool;
}

impl Outdated for UseCaseError {
    fn is_outdated(&self) -> bool {
        matches!(
            self,
            Self::Store(StoreError::Stale { .. }) | Self::Vault(VaultError::VersionConflict { .. })
        )
    }
}

impl Outdated for AccountError {
    fn is_outdated(&self) -> bool {
        matches!(self, Self::Store(StoreError::Stale { .. }))
    }
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
        return Err(changed(ORGANIZATION));
    }
    let (ports, expecting) = expecting(ports, organization);
    Ok((ports, Some(expecting)))
}

/// What became of a change that [`guarded`] let through or not.
pub(crate) fn checked<T>(
    result: Result<T, UseCaseError>,
    expecting: Option<&Expecting>,
) -> Result<T, Problem> {
    if expecting.is_some_and(Expecting::failed) {
        return Err(changed(ORGANIZATION));
    }
    result.map_err(Problem::from)
}

const ORGANIZATION: &str = "the organization";

fn changed(what: &str) -> Problem {
    let message = format!("{what} is not of the version that `If-Match` names");
    Problem::new(StatusCode::PRECONDITION_FAILED, "version_changed", message)
        .hinted("read it again, and decide again")
}
