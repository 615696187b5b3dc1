//! One error for everything that can go wrong in a command: what happened, at which fields, and what to do next.

use std::borrow::Cow;
use std::fmt;
use std::io;

use org_core::draft::{Field, FieldError};
use org_core::use_cases::UseCaseError;
use runtime::OpenError;
use runtime::config::{ConfigError, Mistakes};

use crate::exit::Exit;

/// A mistake at one value, with the flag that brought it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// The name of the field, the same in every entry point.
    pub(crate) field: Cow<'static, str>,
    /// What a person types on the command line to give it, or where else it stands.
    pub(crate) flag: Cow<'static, str>,
    pub(crate) message: String,
}

/// Why a command did not do as asked.
#[derive(Debug)]
pub(crate) struct CliError {
    pub(crate) exit: Exit,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    pub(crate) mistakes: Vec<Mistake>,
    pub(crate) causes: Vec<String>,
}

/// What a command answers.
pub(crate) type Result<T = Exit> = std::result::Result<T, Failure>;

/// How a command ends before its time.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A person is told.
    Error(Box<CliError>),
    /// The reader of the output went away, as `head` does: nobody is told.
    BrokenPipe,
    /// A person stopped it at a question.
    Canceled,
}

impl CliError {
    pub(crate) fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self {
            exit,
            message: message.to_string(),
            hint: None,
            mistakes: Vec::new(),
            causes: Vec::new(),
        }
    }

    /// A wrong value or a wrong combination on the command line.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Something that a person must agree to first.
    pub(crate) fn unconfirmed(message: impl fmt::Display, hint: impl fmt::Display) -> Self {
        Self::new(Exit::NeedsConfirmation, message).hinted(hint)
    }

    pub(crate) fn hinted(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    pub(crate) fn caused_by(mut self, error: &dyn std::error::Error) -> Self {
        let mut source = Some(error);
        while let Some(error) = source {
            let text = error.to_string();
            // Some libraries repeat their source in their own words.
            if self.causes.last() != Some(&text) {
                self.causes.push(text);
            }
            source = error.source();
        }
        self
    }

    /// The error with other names for its fields, where a command takes them otherwise than `org add`.
    pub(crate) fn with_flags(mut self, flags: &[(Field, &'static str)]) -> Self {
        for mistake in &mut self.mistakes {
            if let Some((_, flag)) = flags
                .iter()
                .find(|(field, _)| field.as_str() == mistake.field)
            {
                mistake.flag = Cow::Borrowed(flag);
            }
        }
        self
    }
}

/// What a person types to give a field.
pub(crate) const fn flag(field: Field) -> &'static str {
    match field {
        Field::Name => "--name",
        Field::Service => "the service",
        Field::Host => "--host",
        Field::Login => "--login",
        Field::Token => "--token-secret or --token-stdin",
        Field::Groups => "--group",
        Field::Personal => "--personal",
        Field::Schedule => "--sync-every, --sync-at, --sync-cron or --sync-manual",
        Field::Every => "--sync-every",
        Field::At => "--sync-at",
        Field::Zone => "--zone",
        Field::Weekdays => "--weekdays",
        Field::Cron => "--sync-cron",
        Field::Device => "--device",
        Field::Days => "--days",
    }
}

impl From<Vec<FieldError>> for CliError {
    fn from(errors: Vec<FieldError>) -> Self {
        let message = match errors.len() {
            1 => "a value is not right; nothing was changed".to_owned(),
            count => format!("{count} values are not right; nothing was changed"),
        };
        let mistakes = errors
            .into_iter()
            .map(|FieldError { field, message }| Mistake {
                field: Cow::Borrowed(field.as_str()),
                flag: Cow::Borrowed(flag(field)),
                message,
            })
            .collect();
        Self {
            mistakes,
            ..Self::usage(message)
        }
    }
}

impl From<UseCaseError> for CliError {
    fn from(error: UseCaseError) -> Self {
        let exit = error.kind().into();
        let hint = error.hint();
        match error {
            UseCaseError::Invalid { errors } => Self::from(errors),
            error => {
                let new = Self {
                    hint,
                    ..Self::new(exit, &error)
                };
                match std::error::Error::source(&error) {
                    Some(source) => new.caused_by(source),
                    None => new,
                }
            }
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let ConfigError::Mistakes(Mistakes(mistakes)) = error else {
            let told = CliError::usage(&error);
            return match std::error::Error::source(&error) {
                Some(source) => told.caused_by(source).into(),
                None => told.into(),
            };
        };
        let mut told = CliError::usage("the configuration is not right");
        told.mistakes = mistakes
            .into_iter()
            .map(|mistake| Mistake {
                field: mistake.key.clone().into(),
                flag: format!("{}: `{}`", mistake.origin, mistake.key).into(),
                message: mistake.problem,
            })
            .collect();
        told.into()
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let exit = match error {
            OpenError::Store(error) => return UseCaseError::from(error).into(),
            OpenError::Vault(error) => return UseCaseError::from(error).into(),
            OpenError::DataDirectory { .. } => Exit::Denied,
            OpenError::File { .. } | OpenError::Http { .. } | OpenError::Setting { .. } => {
                Exit::Usage
            }
        };
        CliError::new(exit, error).into()
    }
}

impl From<CliError> for Failure {
    fn from(error: CliError) -> Self {
        Self::Error(Box::new(error))
    }
}

impl From<UseCaseError> for Failure {
    fn from(error: UseCaseError) -> Self {
        CliError::from(error).into()
    }
}

impl From<org_core::ports::VaultError> for Failure {
    fn from(error: org_core::ports::VaultError) -> Self {
        UseCaseError::from(error).into()
    }
}

impl From<org_core::ports::StoreError> for Failure {
    fn from(error: org_core::ports::StoreError) -> Self {
        UseCaseError::from(error).into()
    }
}

impl From<Vec<FieldError>> for Failure {
    fn from(errors: Vec<FieldError>) -> Self {
        CliError::from(errors).into()
    }
}

/// Failing to write the output; what is read has errors of its own.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::BrokenPipe
        } else {
            CliError::new(Exit::Internal, "the output cannot be written")
                .caused_by(&error)
                .into()
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::from(io::Error::from(error))
    }
}

impl From<inquire::InquireError> for Failure {
    fn from(error: inquire::InquireError) -> Self {
        match error {
            inquire::InquireError::OperationCanceled
            | inquire::InquireError::OperationInterrupted => Self::Canceled,
            error => CliError::new(Exit::Internal, "the terminal cannot be asked")
                .caused_by(&error)
                .into(),
        }
    }
}
