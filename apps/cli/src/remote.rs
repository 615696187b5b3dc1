//! A server that does the work: requests to its API, and what its problems mean here.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use org_core::draft::Field;
use reqwest::{Method, Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{CliError, Mistake, Result, flag};
use crate::exit::Exit;

/// The variable with the API token.
const TOKEN: &str = "FORGEHOLD_API_TOKEN";

/// How long an answer may take; the server itself waits at most a minute for its work.
const PATIENCE: Duration = Duration::from_secs(100);

/// The largest answer: a page of 500 rows is about a megabyte.
const ANSWER_LIMIT: usize = 64 * 1024 * 1024;

/// A server, and the token to be let in.
pub(crate) struct Remote {
    base: Url,
    token: SecretString,
    client: reqwest::Client,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<String>,
}

impl<T> From<Page<T>> for org_core::ports::Page<T> {
    fn from(page: Page<T>) -> Self {
        Self {
            items: page.items,
            next: page.next,
        }
    }
}

/// A problem, as RFC 9457 has it.
#[derive(Debug, Deserialize)]
struct Problem {
    #[serde(default)]
    code: String,
    #[serde(default)]
    detail: String,
    hint: Option<String>,
    #[serde(default)]
    errors: Vec<FieldProblem>,
}

#[derive(Debug, Deserialize)]
struct FieldProblem {
    field: String,
    message: String,
}

impl Remote {
    pub(crate) fn new(server: &str, token_file: Option<&Path>) -> Result<Self> {
        let wrong = |why: &str| {
            CliError::usage(format_args!("--server: `{server}` {why}"))
                .hinted("write something like https://forgehold.example.com")
        };
        let base = Url::parse(server).map_err(|_| wrong("is no address"))?;
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(wrong("is no http or https address").into());
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(
                CliError::usage("--server: a user or a password does not belong into it").into(),
            );
        }
        let local = base
            .host_str()
            .is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"));
        if base.scheme() == "http" && !local {
            let error = wrong("is not https, so that the API token would travel in the clear");
            return Err(error.into());
        }
        let client = reqwest::Client::builder()
            .user_agent(concat!("forgehold/", env!("CARGO_PKG_VERSION")))
            .timeout(PATIENCE)
            // The token goes to the server that was named, and nowhere else.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| {
                CliError::new(Exit::Internal, "requests cannot be made").caused_by(&error)
            })?;
        Ok(Self {
            base,
            token: token(token_file)?,
            client,
        })
    }

    /// Reads something. The parts of the path are encoded here.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<T> {
        self.send(Method::GET, path, query, None).await
    }

    /// Has something done.
    pub(crate) async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
        body: Option<Value>,
    ) -> Result<T> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .expect("an http address has a path")
            .pop_if_empty()
            .extend(["api", "v1"])
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self
            .client
            .request(method, url)
            .bearer_auth(self.token.expose_secret());
        if let Some(body) = body {
            request = request.json(&body);
        }
        let unreachable = |error: &reqwest::Error| {
            let message = format!("the server at {} cannot be reached", self.base);
            CliError::new(Exit::Unavailable, message)
                .caused_by(error)
                .hinted("check the address, and whether the server runs")
        };
        let response = request
            .send()
            .await
            .map_err(|error| unreachable(&error.without_url()))?;
        let status = response.status();
        let bytes = self.read(response).await?;
        if status.is_success() {
            return serde_json::from_slice(&bytes).map_err(|error| {
                CliError::new(
                    Exit::Unavailable,
                    "the server answered something unexpected",
                )
                .caused_by(&error)
                .hinted("is it a Forgehold server, and of the same version?")
                .into()
            });
        }
        Err(self.refused(status, &bytes).into())
    }

    async fn read(&self, mut response: Response) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let broken = |error: &dyn std::error::Error| {
            CliError::new(Exit::Unavailable, "the answer of the server broke off").caused_by(error)
        };
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| broken(&error.without_url()))?
        {
            if bytes.len() + chunk.len() > ANSWER_LIMIT {
                let message = "the answer of the server is too large";
                return Err(CliError::new(Exit::Unavailable, message).into());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// What a problem that stands in an answer means here.
    pub(crate) fn problem(&self, value: &Value) -> CliError {
        self.refused(
            StatusCode::INTERNAL_SERVER_ERROR,
            value.to_string().as_bytes(),
        )
    }

    fn refused(&self, status: StatusCode, bytes: &[u8]) -> CliError {
        match serde_json::from_slice::<Problem>(bytes) {
            Ok(problem) if !problem.code.is_empty() => problem.into(),
            _ => CliError::new(
                Exit::Unavailable,
                format_args!(
                    "{} answered {status}, and not as a Forgehold server does",
                    self.base
                ),
            )
            .hinted("check the address"),
        }
    }
}

impl From<Problem> for CliError {
    fn from(problem: Problem) -> Self {
        let exit = exit(&problem.code);
        let Problem {
            code,
            detail,
            hint,
            errors,
        } = problem;
        if code == "invalid" && errors.iter().any(|error| error.field == "after") {
            return Self::usage("the value of --after is not the `next` of such a list");
        }
        let mut error = Self::new(exit, detail);
        if code == "invalid" && !errors.is_empty() {
            error.message = match errors.len() {
                1 => "a value is not right; nothing was changed".to_owned(),
                count => format!("{count} values are not right; nothing was changed"),
            };
        }
        error.hint = hint;
        error.mistakes = errors.into_iter().map(Mistake::from).collect();
        error
    }
}

impl From<FieldProblem> for Mistake {
    fn from(FieldProblem { field, message }: FieldProblem) -> Self {
        Self {
            flag: flag_of(&field).map_or_else(|| Cow::Owned(field.clone()), Cow::Borrowed),
            field: Cow::Owned(field),
            message,
        }
    }
}

/// What a person types to give a field of that name.
fn flag_of(name: &str) -> Option<&'static str> {
    use Field::{
        At, Cron, Device, Every, Groups, Host, Login, Name, Personal, Schedule, Service, Token,
        Weekdays, Zone,
    };
    let fields = [
        Name, Service, Host, Login, Token, Groups, Personal, Schedule, Every, At, Zone, Weekdays,
        Cron, Device,
    ];
    let found = fields.into_iter().find(|field| field.as_str() == name);
    found.map(flag)
}

/// The exit code of a problem; its word is the same where both have one.
fn exit(code: &str) -> Exit {
    match code {
        "not_found" => Exit::NotFound,
        "conflict" | "version_changed" | "request_under_way" => Exit::Conflict,
        "denied" | "unauthenticated" | "token_refused" | "not_allowed" | "unknown_host" => {
            Exit::Denied
        }
        "unavailable" | "too_many_jobs" | "too_many_attempts" | "body_too_slow" => {
            Exit::Unavailable
        }
        "needs_confirmation" => Exit::NeedsConfirmation,
        "internal" => Exit::Internal,
        _ => Exit::Usage,
    }
}

/// The API token, from its file or from the environment. It is no argument, since others can read those.
fn token(file: Option<&Path>) -> Result<SecretString> {
    let text = match file {
        Some(file) => std::fs::read_to_string(file).map_err(|error| {
            let message = format!("the API token cannot be read from {}", file.display());
            CliError::usage(message).caused_by(&error)
        })?,
        None => std::env::var(TOKEN).unwrap_or_default(),
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(CliError::usage("--server needs an API token")
            .hinted(format_args!(
                "make one in the console, and give it in {TOKEN} or with --api-token-file"
            ))
            .into());
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(CliError::usage("the API token has characters that no token has").into());
    }
    Ok(SecretString::from(text.to_owned()))
}
