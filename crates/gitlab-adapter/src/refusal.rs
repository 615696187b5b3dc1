//! What GitLab means when it says no (GitLab docs, REST API, "Status codes"; `lib/api/api_guard.rb` of its source).

use serde::Deserialize;
use serde_json::Value;

use crate::capabilities::least_powerful_first;
use crate::failure::Failure;
use crate::http::Answer;
use crate::http::words::tame;

/// The shapes in which REST says what is wrong.
#[derive(Debug, Default, Deserialize)]
struct Said {
    #[serde(default)]
    message: Value,
    #[serde(default)]
    error: Value,
    #[serde(default)]
    error_description: Value,
    #[serde(default)]
    scope: Value,
}

impl Said {
    fn of(answer: &Answer) -> Option<Self> {
        serde_json::from_slice(&answer.body).ok()
    }

    fn words(&self) -> String {
        let parts = [&self.message, &self.error_description, &self.error];
        let said = parts.into_iter().map(flat).find(|text| !text.is_empty());
        tame(&said.unwrap_or_default())
    }
}

/// `message` is a string, an object of arrays, or an object with `error`.
fn flat(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(flat).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| format!("{name}: {}", flat(value)))
            .collect::<Vec<_>>()
            .join("; "),
        other => other.to_string(),
    }
}

/// Sorts a refusal of the REST API.
pub(crate) fn of_rest(answer: &Answer) -> Failure {
    let said = Said::of(answer);
    let words = match &said {
        Some(said) if !said.words().is_empty() => said.words(),
        _ if answer.is_html() => format!("an HTML page{}", html_title(&answer.body)),
        _ => tame(&String::from_utf8_lossy(&answer.body)),
    };
    let code = said
        .as_ref()
        .map(|said| flat(&said.error))
        .unwrap_or_default();
    match answer.status {
        401 => {
            let lower = words.to_lowercase();
            if lower.contains("expired") {
                Failure::Expired
            } else if code == "dpop_error" || lower.contains("dpop") {
                Failure::Refused(format!(
                    "the account demands a DPoP proof with every access token, which this program cannot give ({words}); switch that off for the account, or use a group access token"
                ))
            } else if lower.contains("revoked") {
                Failure::Refused(format!("it was revoked ({words})"))
            } else {
                Failure::Refused(words)
            }
        }
        403 if code == "insufficient_scope" => {
            let scope = said.map(|said| flat(&said.scope)).unwrap_or_default();
            let mut any_of: Vec<String> = scope
                .split([' ', ','])
                .filter(|scope| !scope.is_empty())
                .map(tame)
                .collect();
            least_powerful_first(&mut any_of);
            Failure::Scope(any_of)
        }
        403 if answer.is_html() => Failure::Denied(format!(
            "{words} with status 403: something in front of GitLab, such as Cloudflare or a firewall, turns this machine's address away"
        )),
        403 => Failure::Denied(words),
        404 => Failure::Missing(if answer.is_html() {
            format!("{words} with status 404; check the host's address and its path prefix")
        } else {
            words
        }),
        status => Failure::Status {
            status,
            said: words,
        },
    }
}

/// Whether an answer blames the token itself, so that another one may get a better answer: it is unknown, was revoked, or its time is over.
/// A token without the proof that its account demands is not helped by another one.
pub(crate) fn is_bad_token(answer: &Answer) -> bool {
    answer.status == 401
        && !Said::of(answer).is_some_and(|said| {
            flat(&said.error) == "dpop_error" || said.words().to_lowercase().contains("dpop")
        })
}

/// Sorts a refusal of GraphQL: it says `Invalid token` also to a good token with too little scope, so only REST can tell.
pub(crate) fn of_graphql(answer: &Answer) -> Failure {
    #[derive(Deserialize)]
    struct Body {
        errors: Vec<Message>,
    }
    #[derive(Deserialize)]
    struct Message {
        message: String,
    }
    let said = serde_json::from_slice::<Body>(&answer.body)
        .ok()
        .and_then(|body| body.errors.into_iter().next())
        .map_or_else(|| of_rest(answer).words(), |error| tame(&error.message));
    Failure::NoGraphql(format!(
        "GraphQL is refused with status {}: {said}",
        answer.status
    ))
}

/// Whether GraphQL limits the rate, which it says with status 200.
pub(crate) fn is_graphql_limit(body: &[u8]) -> bool {
    // Such a body holds one short error; a page of projects that happen to speak of it is longer.
    body.len() < 2048
        && std::str::from_utf8(body).is_ok_and(|text| {
            text.contains("\"errors\"") && text.contains("requested too many times")
        })
}

/// What to say of an answer that only means trouble on the other side.
pub(crate) fn broken_words(answer: &Answer) -> String {
    let said = Said::of(answer)
        .map(|said| said.words())
        .filter(|words| !words.is_empty());
    match said {
        Some(words) => format!("status {}: {words}", answer.status),
        None if answer.is_html() => {
            format!("status {}{}", answer.status, html_title(&answer.body))
        }
        None => format!("status {}", answer.status),
    }
}

/// The title of an HTML page in brackets, with a space before it.
pub(crate) fn html_title(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..body.len().min(16 * 1024)).unwrap_or(body));
    let lower = text.to_ascii_lowercase();
    let title = lower.find("<title>").and_then(|open| {
        let start = open + "<title>".len();
        let length = lower.get(start..)?.find("</title>")?;
        text.get(start..start + length)
    });
    match title.map(tame) {
        Some(title) if !title.is_empty() => format!(" (\"{title}\")"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests;
