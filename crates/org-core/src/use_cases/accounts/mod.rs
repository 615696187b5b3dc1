//! Accounts: who may use the installation, how they show who they are, and what they may do.

mod arrival;
mod error;
mod sign_in;
mod tokens;
mod users;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};

use crate::accounts::{ApiToken, Level, Session, User, UserName};
use crate::event::{Actor, Event, Subject};

pub use arrival::{ArrivalError, Departure, Returned, arrive, depart, link_account};
pub use error::{AccountError, AccountField, AccountMistake};
pub use sign_in::{
    Client, SignedIn, by_session, by_token, is_set_up, set_up, sign_in, sign_out,
    sign_out_elsewhere, sweep,
};
pub use tokens::{IssuedToken, TokenDraft, issue_token, revoke_token, tokens};
pub use users::{
    Account, UserDraft, add_user, change_own_password, change_role, close, remove_user, reopen,
    reset_password, user, users,
};

/// Who asks, and what they may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The person.
    pub user: User,
    /// The most that they may do here and now.
    pub level: Level,
    /// How they showed who they are.
    pub via: Via,
}

/// How somebody showed who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    /// In a browser, after signing in.
    Session(Session),
    /// As a program, by an API token.
    Token(ApiToken),
    /// At the machine of the installation, where whoever runs the program is believed.
    Machine,
}

impl Caller {
    /// The name that the history gets.
    pub fn actor(&self) -> Actor {
        Actor::Person(match &self.via {
            Via::Session(_) => self.user.name.to_string(),
            Via::Machine => format!("{} (at the machine)", self.user.name),
            Via::Token(token) => format!("{} (API token {})", self.user.name, token.name),
        })
    }

    /// Refuses whoever may not do so much.
    pub fn require(&self, needed: Level) -> Result<(), AccountError> {
        if self.level >= needed {
            Ok(())
        } else {
            Err(AccountError::NotAllowed { needed })
        }
    }
}

/// The shortest password.
const SHORTEST: usize = 12;

/// The longest password; beyond it nobody types, and hashing costs.
const LONGEST: usize = 1000;

fn parse_password(password: &SecretString, name: Option<&UserName>) -> Result<(), String> {
    let text = password.expose_secret();
    let length = text.chars().count();
    if length < SHORTEST {
        return Err(format!(
            "the password has {length} characters; take at least {SHORTEST}, such as four words"
        ));
    }
    if length > LONGEST {
        return Err(format!("the password is longer than {LONGEST} characters"));
    }
    let first = text.chars().next();
    if text.chars().all(|character| Some(character) == first) {
        return Err("the password is one character, repeated; take several words".to_owned());
    }
    if let Some(name) = name
        && text.to_lowercase().contains(name.as_str())
        && length < SHORTEST + name.as_str().len()
    {
        return Err("the password is little more than the name; take several words".to_owned());
    }
    Ok(())
}

fn event(at: DateTime<Utc>, actor: &Actor, user: &UserName, kind: &str) -> Event {
    Event::new(at, actor.clone(), Subject::User(user.to_string()), kind)
}
