//! `ETag` and `If-Match`: whoever changes something may say which version of it they looked at, and nothing is lost that they did not see.
//!
//! Organizations and secrets have a version of their own; of people, seats and the policy the tag is a digest of what can be changed.

use axum::http::header::{ETAG, HeaderName, IF_MATCH, IF_NONE_MATCH};
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
        // The digest tells nothing of the password: what is kept of one has a salt in it that nobody else knows.
        let kept = self.password.as_str();
        format!(
            "{} {} {:?} {closed:?} {kept}",
            self.id, self.name, self.role
        )
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
    match if_match(headers)? {
        None | Some(Named::Any) => Ok(false),
        Some(these) if these.has(&found.tag()) => Ok(true),
        Some(_) => Err(changed(T::WHAT)),
    }
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

/// What a header of preconditions names.
#[derive(Debug, PartialEq, Eq)]
enum Named {
    /// `*`: whatever there is.
    Any,
    /// These versions.
    These(Vec<Tag>),
}

/// An entity tag as RFC 9110 has it.
#[derive(Debug, PartialEq, Eq)]
struct Tag {
    weak: bool,
    /// With its quotes.
    opaque: Vec<u8>,
}

impl Named {
    /// The strong comparison of RFC 9110, section 8.8.3.2: a weak tag names nothing that may be changed.
    fn has(&self, tag: &HeaderValue) -> bool {
        match self {
            Self::Any => true,
            Self::These(tags) => {
                let mut strong = tags.iter().filter(|named| !named.weak);
                strong.any(|named| named.opaque == tag.as_bytes())
            }
        }
    }

    /// The weak comparison, which is for reading.
    fn resembles(&self, tag: &HeaderValue) -> bool {
        match self {
            Self::Any => true,
            Self::These(tags) => tags.iter().any(|named| named.opaque == tag.as_bytes()),
        }
    }
}

/// A header that is neither `*` nor a list of entity tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Unreadable;

/// What a header names; `None` where it is not there.
///
/// It is read byte by byte, since a tag may have a comma in it and bytes beyond ASCII.
fn named(headers: &HeaderMap, name: HeaderName) -> Result<Option<Named>, Unreadable> {
    let (mut any, mut tags, mut there) = (false, Vec::new(), false);
    for value in headers.get_all(name) {
        there = true;
        let mut rest = value.as_bytes().trim_ascii();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix(b"*") {
                any = true;
                rest = after;
            } else if !rest.starts_with(b",") {
                let (tag, after) = Tag::first(rest).ok_or(Unreadable)?;
                tags.push(tag);
                rest = after;
            }
            rest = match rest.trim_ascii_start() {
                [] => &[],
                [b',', after @ ..] => after.trim_ascii_start(),
                _ => return Err(Unreadable),
            };
        }
    }
    match (there, any) {
        (false, _) => Ok(None),
        (true, true) if tags.is_empty() => Ok(Some(Named::Any)),
        (true, false) if !tags.is_empty() => Ok(Some(Named::These(tags))),
        (true, _) => Err(Unreadable),
    }
}

impl Tag {
    /// The tag that a text begins with, and what comes after it.
    fn first(text: &[u8]) -> Option<(Self, &[u8])> {
        let (weak, text) = match text.strip_prefix(b"W/") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let inner = text.strip_prefix(b"\"")?;
        let length = inner.iter().position(|&byte| byte == b'"')?;
        let is_fine = |&byte: &u8| byte > b' ' && byte != 0x7f;
        inner[..length].iter().all(is_fine).then(|| {
            let (opaque, rest) = text.split_at(length + 2);
            let opaque = opaque.to_owned();
            (Self { weak, opaque }, rest)
        })
    }
}

/// What `If-Match` names. One that cannot be read is refused: whoever sends it wants to be held back, so it must not count as absent.
fn if_match(headers: &HeaderMap) -> Result<Option<Named>, Problem> {
    named(headers, IF_MATCH).map_err(|Unreadable| {
        let message = "`If-Match` is neither `*` nor a list of entity tags";
        Problem::new(StatusCode::BAD_REQUEST, "malformed", message).hinted(
            "send the `ETag` that was read as it is, with its quotes, such as `If-Match: \"7\"`",
        )
    })
}

/// The answer to whoever has this version already.
pub(crate) fn not_modified(headers: &HeaderMap, organization: &Organization) -> Option<Response> {
    let tag = of_version(organization.version);
    // What cannot be read spares nobody an answer.
    let known = named(headers, IF_NONE_MATCH).ok()??;
    known
        .resembles(&tag)
        .then(|| (StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response())
}

/// The ports through which a change goes only if the organization is still of the version that the request names; those as they are where it names
/// none.
pub(crate) fn guarded(
    ports: &Ports,
    headers: &HeaderMap,
    organization: &Organization,
) -> Result<(Ports, Option<Expecting>), Problem> {
    match if_match(headers)? {
        None | Some(Named::Any) => Ok((ports.clone(), None)),
        Some(these) if these.has(&of_version(organization.version)) => {
            let (ports, expecting) = expecting(ports, organization);
            Ok((ports, Some(expecting)))
        }
        Some(_) => Err(changed(ORGANIZATION)),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What these headers name, and whether the version 7 is among it: for a change, and for reading.
    fn check(values: &[&[u8]], expected: Result<Option<(bool, bool)>, Unreadable>) {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = HeaderValue::from_bytes(value).expect("a header may say so");
            headers.append(IF_MATCH, value);
        }
        let tag = of_version(7);
        let judged = named(&headers, IF_MATCH)
            .map(|named| named.map(|named| (named.has(&tag), named.resembles(&tag))));
        let shown: Vec<_> = values
            .iter()
            .map(|it| String::from_utf8_lossy(it))
            .collect();
        assert_eq!(judged, expected, "{shown:?}");
    }

    #[test]
    fn a_header_names_everything_or_a_list_of_versions() {
        let (both, neither) = (Ok(Some((true, true))), Ok(Some((false, false))));
        check(&[], Ok(None));
        check(&[b"*"], both);
        check(&[b"\"7\""], both);
        check(&[b"\"6\""], neither);
        check(&[b"\"6\", \"7\""], both);
        check(&[b"\"6\"", b"\"7\""], both);
        check(&[b",, \"6\" ,\"7\",\t"], both);
        check(&[b"\"77\""], neither);
        check(&[b"\"\""], neither);
        // A comma within the quotes parts nothing, and bytes beyond ASCII are a tag like any other.
        check(&[b"\"6,\"7\",\""], Err(Unreadable));
        check(&[b"\"6,7\""], neither);
        check(&["\"sieben\u{e4}\"".as_bytes()], neither);
    }

    #[test]
    fn a_weak_version_is_good_for_reading_alone() {
        check(&[b"W/\"7\""], Ok(Some((false, true))));
        check(&[b"W/\"7\", \"7\""], Ok(Some((true, true))));
        check(&[b"w/\"7\""], Err(Unreadable));
    }

    #[test]
    fn what_is_no_version_is_not_taken_for_a_missing_header() {
        for value in [
            &b""[..],
            b" , ",
            b"7",
            b"\"7",
            b"7\"",
            b"\"7\" \"8\"",
            b"\"7\"x",
            b"\"a b\"",
            b"*, \"7\"",
            b"\"7\", *",
            b"**",
            b"W/*",
            "ä".as_bytes(),
            b"\xff",
        ] {
            check(&[value], Err(Unreadable));
        }
    }
}
