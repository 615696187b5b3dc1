//! A server that does the work: requests to its API, and what its problems mean here.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use org_core::draft::Field;
use runtime::environment::Environment;
use runtime::remote::{Answer, Remote as Client, RemoteError, Verb};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::error::{CliError, Mistake, Result, flag};
use crate::exit::Exit;

/// The variable with the API token.
const TOKEN: &str = "FORGEHOLD_API_TOKEN";

/// How long is waited before what got lost on the way is asked for again.
pub(crate) const PAUSES: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(8),
];

/// A server that does the work.
#[derive(Debug)]
pub(crate) struct Remote(Client);

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

/// Reads a text that nobody but who needs it may see.
pub(crate) fn secret_text<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
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
        let client = Client::new(server, token(token_file)?).map_err(|error| told(&error))?;
        Ok(Self(client))
    }

    /// Reads something. The parts of the path are encoded here.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<T> {
        self.send(Verb::Get, path, query, None).await
    }

    /// Has something done.
    pub(crate) async fn send<T: DeserializeOwned>(
        &self,
        verb: Verb,
        path: &[&str],
        query: &[(&str, String)],
        body: Option<Value>,
    ) -> Result<T> {
        let body = body.map(|body| body.to_string().into_bytes());
        let answer = self.0.send(verb, path, query, body).await;
        self.read(answer)
    }

    /// Has something begun that must not begin twice: should the answer get lost, it is asked for again.
    pub(crate) async fn begin<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        body: Option<&Value>,
    ) -> Result<T> {
        let machine = Environment::of_machine();
        let key = machine.ids.next_id().to_string();
        let body = body.map(|body| body.to_string().into_bytes());
        let mut pauses = PAUSES.into_iter();
        loop {
            let answer = self
                .0
                .send_keyed(Some(&key), Verb::Post, path, query, body.clone())
                .await;
            let lost = match &answer {
                // What was never reached has begun nothing; the address may be mistyped.
                Err(error) => matches!(error, RemoteError::BrokenOff(_)),
                Ok(answer) => is_under_way(answer),
            };
            match pauses.next().filter(|_| lost) {
                Some(pause) => machine.timer.sleep(pause).await,
                None => return self.read(answer),
            }
        }
    }

    fn read<T: DeserializeOwned>(
        &self,
        answer: std::result::Result<Answer, RemoteError>,
    ) -> Result<T> {
        let answer = answer.map_err(|error| told(&error))?;
        if !answer.is_success() {
            return Err(self.refused(&answer).into());
        }
        serde_json::from_slice(&answer.body).map_err(|error| {
            CliError::new(
                Exit::Unavailable,
                "the server answered something unexpected",
            )
            .caused_by(&error)
            .hinted("is it a Forgehold server, and of the same version?")
            .into()
        })
    }

    /// What a problem that stands in an answer means here.
    pub(crate) fn problem(&self, value: &Value) -> CliError {
        self.refused(&Answer {
            status: 500,
            body: value.to_string().into_bytes(),
        })
    }

    fn refused(&self, answer: &Answer) -> CliError {
        match serde_json::from_slice::<Problem>(&answer.body) {
            Ok(problem) if !problem.code.is_empty() => problem.into(),
            _ => {
                let message = format!(
                    "{} answered with the status {}, and not as a Forgehold server does",
                    self.0.address(),
                    answer.status
                );
                CliError::new(Exit::Unavailable, message).hinted("check the address")
            }
        }
    }
}

/// Whether the same request is being done at this moment.
fn is_under_way(answer: &Answer) -> bool {
    answer.status == 409
        && serde_json::from_slice::<Problem>(&answer.body)
            .is_ok_and(|problem| problem.code == "request_under_way")
}

/// What a request that got no answer means here.
fn told(error: &RemoteError) -> CliError {
    let (exit, hint) = match error {
        RemoteError::Address { .. } => (
            Exit::Usage,
            "write something like https://forgehold.example.com",
        ),
        RemoteError::Setup(_) => (Exit::Internal, "look at the certificates of this machine"),
        RemoteError::Unreachable { .. } => (
            Exit::Unavailable,
            "check the address, and whether the server runs",
        ),
        RemoteError::BrokenOff(_) | RemoteError::TooLarge => (Exit::Unavailable, "try again"),
    };
    let message = match error {
        RemoteError::Address { .. } => format!("--server: {error}"),
        _ => error.to_string(),
    };
    let told = CliError::new(exit, message).hinted(hint);
    match std::error::Error::source(error) {
        Some(source) => told.caused_by(source),
        None => told,
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
        At, Cron, Days, Device, Every, Groups, Host, Login, Name, Personal, Schedule, Service,
        Token, Weekdays, Zone,
    };
    let fields = [
        Name, Service, Host, Login, Token, Groups, Personal, Schedule, Every, At, Zone, Weekdays,
        Cron, Device, Days,
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
