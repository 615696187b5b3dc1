//! What is done at the machine itself, beside a running server or without one: the first administrator, a forgotten password, a token for a program
//! that sets everything up. Whoever can run this can read the data directory anyway.

use std::io::Read;

use clap::Subcommand;
use org_core::accounts::Role;
use org_core::event::Actor;
use org_core::use_cases::accounts::{self, AccountError, Caller, TokenDraft, UserDraft, Via};
use runtime::config::Config;
use runtime::{OpenError, Runtime};
use secrecy::{ExposeSecret, SecretString};

/// What can be done at the machine itself.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add an administrator; the password is read from standard input
    AddAdministrator {
        /// The name to sign in with
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Give a person another password, read from standard input, and open their account if it is closed
    ResetPassword {
        /// Whose
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Have an account belong to a person at the identity provider, so that they sign in to it there
    LinkAccount {
        /// The account
        #[arg(value_name = "NAME")]
        name: String,

        /// The person at the provider, as the page says that refuses the sign-in
        #[arg(value_name = "SUBJECT")]
        subject: String,
    },
    /// Make an API token of a person, and write it to standard output
    IssueToken {
        /// Whose
        #[arg(value_name = "NAME")]
        user: String,

        /// What it is called
        #[arg(long, value_name = "TEXT", default_value = "made at the machine")]
        name: String,

        /// The most that it allows: read, write or admin
        #[arg(long, value_name = "SCOPE", default_value = "read")]
        scope: String,

        /// In how many days it stops working; never without it
        #[arg(long, value_name = "COUNT")]
        days: Option<u32>,
    },
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum ManageError {
    /// The installation.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Accounts.
    #[error(transparent)]
    Accounts(#[from] AccountError),
    /// There is nobody to link with.
    #[error("there is no provider: `server.oidc.issuer` is not set")]
    NoProvider,
    /// There is no password.
    #[error("the password cannot be read from standard input")]
    Input(#[source] std::io::Error),
}

/// The longest line that is read as a password.
const LONGEST: u64 = 4096;

/// Does it.
pub async fn run(command: Command, config: &Config) -> Result<(), ManageError> {
    let runtime = Runtime::open(config).await?;
    let done = act(command, &runtime).await;
    runtime.close().await;
    done
}

async fn act(command: Command, runtime: &Runtime) -> Result<(), ManageError> {
    let ports = runtime.accounts();
    let machine = Actor::Person("at the machine".to_owned());
    match command {
        Command::AddAdministrator { name } => {
            let draft = UserDraft {
                name,
                password: password()?,
                role: Role::Administrator.to_string(),
            };
            accounts::add_user(ports, &draft, &machine).await?;
        }
        Command::ResetPassword { name } => {
            let id = accounts::user(ports, &name).await?.id;
            accounts::reset_password(ports, id, &password()?, &machine).await?;
            accounts::reopen(ports, id, &machine).await?;
        }
        Command::LinkAccount { name, subject } => {
            let identity = runtime.identity().ok_or(ManageError::NoProvider)?;
            let id = accounts::user(ports, &name).await?.id;
            accounts::link_account(ports, identity, id, &subject, &machine).await?;
        }
        Command::IssueToken {
            user,
            name,
            scope,
            days,
        } => {
            let user = accounts::user(ports, &user).await?;
            let caller = Caller {
                level: user.role.level(),
                user,
                via: Via::Machine,
            };
            let draft = TokenDraft {
                name,
                scope,
                expires_in_days: days,
            };
            let issued = accounts::issue_token(ports, &caller, &draft).await?;
            tell(issued.secret.shown.expose_secret());
        }
    }
    Ok(())
}

#[expect(
    clippy::print_stdout,
    reason = "the token is the output, shown this once"
)]
fn tell(token: &str) {
    println!("{token}");
}

/// The first line of standard input.
fn password() -> Result<SecretString, ManageError> {
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .take(LONGEST)
        .read_to_string(&mut text)
        .map_err(ManageError::Input)?;
    let line = text.lines().next().unwrap_or_default();
    Ok(SecretString::from(line.to_owned()))
}
