//! Why a request was not done as asked, as RFC 9457 has it: a stable code for programs, words for people.

use axum::Json;
use axum::http::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use org_core::ports::{HostError, StoreError};
use org_core::use_cases::accounts::AccountError;
use org_core::use_cases::{ErrorKind, UseCaseError};
use runtime::OpenError;
use serde::Serialize;
use utoipa::ToSchema;

/// The media type of problems.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// Why a request was not done as asked.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// `urn:forgehold:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the status means.
    pub title: String,
    /// The status of the answer.
    pub status: u16,
    /// The stable word for what went wrong; docs/api.md lists them.
    pub code: String,
    /// What happened, for a person.
    pub detail: String,
    /// What to do next, for a person.
    pub hint: Option<String>,
    /// Every value that is not right.
    pub errors: Vec<FieldProblem>,
}

/// A value that is not right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldProblem {
    /// The name of the field.
    pub field: String,
    /// What is wrong and what to write instead.
    pub message: String,
}

/// A problem on its way out. The answer carries it as an extension too, so that a page can show it in its own way.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The status of the answer.
    pub status: StatusCode,
    /// The body.
    pub body: Box<ProblemBody>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem with its status, its stable code, and what happened.
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self {
            status,
            body: Box::new(ProblemBody {
                kind: format!("urn:forgehold:problem:{code}"),
                title: status.canonical_reason().unwrap_or("Problem").to_owned(),
                status: status.as_u16(),
                code: code.to_owned(),
                detail: detail.into(),
                hint: None,
                errors: Vec::new(),
            }),
            headers: Vec::new(),
        }
    }

    /// With what to do next.
    #[must_use]
    pub fn hinted(mut self, hint: impl Into<String>) -> Self {
        self.body.hint = Some(hint.into());
        self
    }

    /// With a value that is not right.
    #[must_use]
    pub fn at(mut self, field: &str, message: impl Into<String>) -> Self {
        self.body.errors.push(FieldProblem {
            field: field.to_owned(),
            message: message.into(),
        });
        self
    }

    /// With a header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The answer of a page in place of this one, with the headers that belong to it, such as how long to wait.
    #[must_use]
    pub fn onto(&self, mut response: Response) -> Response {
        for (name, value) in &self.headers {
            response.headers_mut().insert(name, value.clone());
        }
        response
    }

    /// A request that makes no sense, with the one value that does not.
    pub fn invalid(field: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid",
            format!("{field}: {message}"),
        )
        .at(field, message)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        if self.status.is_server_error() {
            tracing::error!(code = %self.body.code, detail = %self.body.detail, "a request failed");
        }
        let mut response = (self.status, Json(&*self.body)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// The status that tells a program what it can do.
const fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Conflict | ErrorKind::NeedsConfirmation => StatusCode::CONFLICT,
        // The host's or the vault's denial is no denial of ours: 403 is for those whom we do not let.
        ErrorKind::Denied => StatusCode::FAILED_DEPENDENCY,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The word of each kind, the same as the exit codes of `forgehold` have.
const fn word(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Invalid => "invalid",
        ErrorKind::NotFound => "not_found",
        ErrorKind::Conflict => "conflict",
        ErrorKind::Denied => "denied",
        ErrorKind::Unavailable => "unavailable",
        ErrorKind::NeedsConfirmation => "needs_confirmation",
        ErrorKind::Internal => "internal",
    }
}

impl From<UseCaseError> for Problem {
    fn from(error: UseCaseError) -> Self {
        let kind = error.kind();
        if kind == ErrorKind::Internal {
            log(&error);
        }
        let mut problem = Self::new(status(kind), word(kind), error.to_string());
        problem.body.hint = error.hint();
        if let UseCaseError::Host(HostError::RateLimited { retry_after, .. }) = &error {
            problem = problem.retry_after(retry_after.as_secs());
        }
        if let UseCaseError::Invalid { errors } = error {
            for error in errors {
                problem = problem.at(error.field.as_str(), error.message);
            }
        }
        problem
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        UseCaseError::from(error).into()
    }
}

impl From<OpenError> for Problem {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Store(error) => error.into(),
            OpenError::Vault(error) => UseCaseError::from(error).into(),
            // What the configuration names is not as it should be, and only at the machine of the server it can be mended.
            error => Self::new(StatusCode::CONFLICT, "conflict", error.to_string())
                .hinted("look at the configuration of the server and the files that it names"),
        }
    }
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        let hint = error.hint();
        let (status, code) = match &error {
            AccountError::Invalid { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
            AccountError::WrongPassword => (StatusCode::UNAUTHORIZED, "wrong_password"),
            AccountError::TooManyAttempts { .. } => {
                (StatusCode::TOO_MANY_REQUESTS, "too_many_attempts")
            }
            AccountError::SetUpAlready | AccountError::LastAdministrator { .. } => {
                (StatusCode::CONFLICT, "conflict")
            }
            AccountError::NotAllowed { .. } => (StatusCode::FORBIDDEN, "not_allowed"),
            AccountError::NotFound { .. } => (StatusCode::NOT_FOUND, "not_found"),
            AccountError::Contention => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            AccountError::Password(_) | AccountError::Entropy(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "internal")
            }
            AccountError::Store(_) => {
                let AccountError::Store(error) = error else {
                    unreachable!("it was one just now")
                };
                return error.into();
            }
        };
        let mut problem = Self::new(status, code, error.to_string());
        problem.body.hint = hint.map(str::to_owned);
        match error {
            AccountError::Invalid { errors } => {
                for error in errors {
                    problem = problem.at(error.field.as_str(), error.message);
                }
            }
            AccountError::TooManyAttempts { wait } => problem = problem.retry_after(wait.as_secs()),
            _ => {}
        }
        problem
    }
}

impl Problem {
    /// With the time after which it is worth trying again.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        self.with_header(RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }
}

/// The whole chain, once, for whoever runs the server.
fn log(error: &dyn std::error::Error) {
    let mut causes = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    tracing::error!(%error, causes = causes.join("; "), "something is broken on our side");
}
