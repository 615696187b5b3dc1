//! What a request says, parsed; what cannot be parsed is a problem with words, never a bare text of the framework.

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// The JSON of a body.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

/// The parts of a path.
#[derive(Debug)]
pub(crate) struct Path<T>(pub(crate) T);

/// What stands behind the question mark.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

fn malformed(what: &str, why: &dyn std::fmt::Display) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "malformed",
        format!("{what} cannot be read: {why}"),
    )
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Self(value)),
            Err(JsonRejection::MissingJsonContentType(_)) => {
                let message = "the body is not said to be JSON";
                let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", message);
                Err(problem.hinted("send the header `Content-Type: application/json`"))
            }
            Err(error) => Err(malformed("the body", &without_values(&innermost(&error)))),
        }
    }
}

/// The innermost reason: the ones around it only say that there is one.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// What serde says, without the value that it says it of: that may be a token in the wrong place. What is left names the field and the place,
/// and what was expected there in words that are not those of our types.
fn without_values(message: &str) -> String {
    let value = ["invalid type: ", "invalid value: "]
        .into_iter()
        .find_map(|prefix| Some((prefix, message.find(prefix)?)));
    let expected = message.rfind(", expected ");
    let (Some((prefix, start)), Some(expected)) = (value, expected) else {
        return message.to_owned();
    };
    let what = &message[start + prefix.len()..expected];
    let kind = match what.split([' ', ',']).next().unwrap_or_default() {
        "string" => "a text",
        "integer" | "floating" => "a number",
        "boolean" => "true or false",
        "sequence" => "a list",
        "map" => "an object",
        "null" | "unit" => "null",
        _ => "something else",
    };
    let rest = &message[expected + ", expected ".len()..];
    let (wanted, place) = rest.split_once(" at line ").unwrap_or((rest, ""));
    let wanted = match wanted.split(' ').next().unwrap_or_default() {
        "struct" | "map" => "an object",
        "u8" | "u16" | "u32" | "u64" | "usize" | "i64" => "a whole number",
        "sequence" => "a list",
        _ => wanted,
    };
    let place = match place {
        "" => String::new(),
        place => format!(" at line {place}"),
    };
    format!(
        "{}{kind} stands where {wanted} was expected{place}",
        &message[..start]
    )
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let found: Result<axum::extract::Path<T>, PathRejection> =
            axum::extract::Path::from_request_parts(parts, state).await;
        match found {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(_) => Err(malformed("the path", &"a part of it is not text in UTF-8")),
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let found: Result<axum::extract::Query<T>, QueryRejection> =
            axum::extract::Query::from_request_parts(parts, state).await;
        match found {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(error) => Err(refused(&innermost(&error))),
        }
    }
}

/// What the parser of queries says, in words for people. It names the parameter before a colon, and says the rest in words of our types.
fn refused(message: &str) -> Problem {
    let (field, why) = message.split_once(": ").unwrap_or(("", message));
    let between = |why: &str| why.split('`').nth(1).unwrap_or_default().to_owned();
    let (field, words) = if why.starts_with("missing field") {
        (between(why), "it is missing")
    } else if why.starts_with("duplicate field") {
        (between(why), "it is there twice")
    } else if why.contains("true") && why.contains("false") {
        (field.to_owned(), "it is neither `true` nor `false`")
    } else if why.contains("too large") || why.contains("too small") {
        (field.to_owned(), "it is too large a number")
    } else if why.contains("digit") || why.contains("integer") {
        (field.to_owned(), "it is not a whole number")
    } else {
        (field.to_owned(), "it cannot be read")
    };
    if field.is_empty() {
        return malformed("the query", &"it is not a list of names with values");
    }
    Problem::invalid(&field, words)
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paging {
    /// Go on where an earlier page ended: its `next`.
    pub(crate) after: Option<String>,
    /// The most that is answered.
    #[param(minimum = 1, maximum = 500, default = 100)]
    pub(crate) limit: Option<u32>,
}

/// How many rows a page has when nobody says, and at most.
const USUAL: u32 = 100;
const MOST: u32 = 500;

impl Paging {
    /// The most that is answered.
    pub(crate) fn limit(&self) -> Result<u32, Problem> {
        limit(self.limit)
    }

    /// Where to go on.
    pub(crate) fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }
}

/// A number of rows that somebody asked for.
pub(crate) fn limit(wanted: Option<u32>) -> Result<u32, Problem> {
    match wanted.unwrap_or(USUAL) {
        limit @ 1..=MOST => Ok(limit),
        other => Err(Problem::invalid(
            "limit",
            format!("{other} is not from 1 to {MOST}"),
        )),
    }
}

/// Parses a word of the query.
pub(crate) fn word<T: std::str::FromStr<Err: std::fmt::Display>>(
    field: &str,
    text: Option<&str>,
) -> Result<Option<T>, Problem> {
    text.map(|text| {
        text.parse()
            .map_err(|error: T::Err| Problem::invalid(field, error.to_string()))
    })
    .transpose()
}

/// A cursor that no list gave is a wrong value, and not a thing that is absent.
pub(crate) fn cursor_refused(error: org_core::ports::StoreError, after: Option<&str>) -> Problem {
    match error {
        org_core::ports::StoreError::NotFound { .. } if after.is_some() => {
            Problem::invalid("after", "it is not the `next` of such a list")
        }
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_refused_in_plain_words() {
        let check = |said: &str, expected: &str| {
            let problem = refused(said);
            assert_eq!(problem.body.detail, expected);
        };
        check(
            "limit: invalid digit found in string",
            "limit: it is not a whole number",
        );
        check(
            "limit: cannot parse integer from empty string",
            "limit: it is not a whole number",
        );
        check(
            "wait: number too large to fit in target type",
            "wait: it is too large a number",
        );
        check(
            "all: provided string was not `true` or `false`",
            "all: it is neither `true` nor `false`",
        );
        check("missing field `confirm`", "confirm: it is missing");
        check("duplicate field `limit`", "limit: it is there twice");
        check(
            "anything else",
            "the query cannot be read: it is not a list of names with values",
        );
    }

    #[test]
    fn a_value_in_the_wrong_place_is_not_repeated() {
        let check = |said: &str, expected: &str| assert_eq!(without_values(said), expected);
        check(
            "token: invalid type: string \"glpat-x, expected y\", expected struct TokenForm at line 1 column 62",
            "token: a text stands where an object was expected at line 1 column 62",
        );
        check(
            "password: invalid type: integer `123456789012`, expected a string at line 2 column 9",
            "password: a number stands where a string was expected at line 2 column 9",
        );
        check(
            "seats: invalid value: integer `-1`, expected u32",
            "seats: a number stands where a whole number was expected",
        );
        check(
            "missing field `name` at line 1 column 2",
            "missing field `name` at line 1 column 2",
        );
    }
}
