//! People: adding them, changing what they may do, and closing their accounts.

use std::sync::Mutex;

use secrecy::SecretString;

use super::sign_in::Attempt;
use super::{AccountError, AccountField, Caller, Via, event, parse_password};
use crate::accounts::throttle::Throttle;
use crate::accounts::{Role, User, UserName};
use crate::event::{Actor, Event, FieldChange};
use crate::ids::UserId;
use crate::ports::{AccountChange, AccountPorts, Accounts, EndedSessions, Stale, StoreError};
use crate::use_cases::STALE_RETRIES;

/// A new account, as typed.
#[derive(Debug, Clone)]
pub struct UserDraft {
    /// The name to sign in with.
    pub name: String,
    /// The first password.
    pub password: SecretString,
    /// What they are here for.
    pub role: String,
}

/// Everybody, in the order of names.
pub async fn users(ports: &AccountPorts) -> Result<Vec<User>, AccountError> {
    Ok(ports.accounts.accounts().await?.users)
}

/// The person of that name, or with that id.
pub async fn user(ports: &AccountPorts, text: &str) -> Result<User, AccountError> {
    let not_found = || AccountError::NotFound {
        what: format!("user `{}`", text.trim()),
    };
    if let Ok(id) = text.trim().parse::<UserId>()
        && let Some(user) = ports.accounts.user(id).await?
    {
        return Ok(user);
    }
    let name: UserName = text.parse().map_err(|_| not_found())?;
    ports.accounts.find_user(&name).await?.ok_or_else(not_found)
}

/// Adds a person.
pub async fn add_user(
    ports: &AccountPorts,
    draft: &UserDraft,
    actor: &Actor,
) -> Result<User, AccountError> {
    let (name, role) = draft.parse()?;
    let now = ports.clock.now();
    let user = User {
        id: UserId::from_uuid(ports.ids.next_id()),
        password: ports.passwords.hash(&draft.password).await?,
        name,
        role,
        created_at: now,
        disabled_since: None,
        last_sign_in: None,
    };
    let added = event(now, actor, &user.name, "user.added").with_message(role.to_string());
    for _ in 0..STALE_RETRIES {
        let generation = ports.accounts.accounts().await?.generation;
        let change = AccountChange {
            generation,
            user: &user,
            sessions: EndedSessions::None,
            events: std::slice::from_ref(&added),
        };
        match ports.accounts.change_account(&change).await {
            Ok(_) => return Ok(user),
            Err(StoreError::Stale { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(AccountError::Contention)
}

/// Whose account is changed, and as what they were seen, if that matters.
#[derive(Debug, Clone)]
pub struct Account {
    id: UserId,
    seen: Option<User>,
}

impl From<UserId> for Account {
    fn from(id: UserId) -> Self {
        Self { id, seen: None }
    }
}

impl Account {
    /// Only as long as name, role, password and state of the account are as here; [`Stale::Accounts`] if not.
    pub fn as_seen(user: User) -> Self {
        Self {
            id: user.id,
            seen: Some(user),
        }
    }

    fn find(&self, accounts: &Accounts) -> Result<User, AccountError> {
        let found = accounts.users.iter().find(|user| user.id == self.id);
        let found = found.cloned().ok_or_else(|| AccountError::NotFound {
            what: format!("user {}", self.id),
        })?;
        let is_as = |seen: &User| {
            (&seen.name, seen.role, seen.disabled_since, &seen.password)
                == (
                    &found.name,
                    found.role,
                    found.disabled_since,
                    &found.password,
                )
        };
        match &self.seen {
            Some(seen) if !is_as(seen) => Err(StoreError::Stale {
                what: Stale::Accounts,
            }
            .into()),
            _ => Ok(found),
        }
    }
}

/// What one change of an account is.
struct Step {
    sessions: EndedSessions,
    event: Event,
}

/// Reads, has `step` change the account, and stores it, until nobody else was faster; the rule about the last administrator holds for each try.
async fn change(
    ports: &AccountPorts,
    account: &Account,
    mut step: impl FnMut(&mut User) -> Option<Step>,
) -> Result<User, AccountError> {
    for _ in 0..STALE_RETRIES {
        let accounts = ports.accounts.accounts().await?;
        let mut user = account.find(&accounts)?;
        let before = user.clone();
        let Some(Step { sessions, event }) = step(&mut user) else {
            return Ok(user);
        };
        keep_an_administrator(&accounts, &before, Some(&user))?;
        let change = AccountChange {
            generation: accounts.generation,
            user: &user,
            sessions,
            events: &[event],
        };
        match ports.accounts.change_account(&change).await {
            Ok(_) => return Ok(user),
            Err(StoreError::Stale { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(AccountError::Contention)
}

/// Refuses what would leave nobody to manage the accounts. Whoever needs an identity provider to sign in does not count: it may be gone.
pub(super) fn keep_an_administrator(
    accounts: &Accounts,
    before: &User,
    after: Option<&User>,
) -> Result<(), AccountError> {
    let manages = User::is_local_administrator;
    let others = accounts.users.iter().filter(|user| user.id != before.id);
    if manages(before) && !after.is_some_and(manages) && !others.clone().any(manages) {
        return Err(AccountError::LastAdministrator {
            name: before.name.clone(),
        });
    }
    Ok(())
}

/// Gives a person another role; their sessions end, so that nothing goes on with the old one.
pub async fn change_role(
    ports: &AccountPorts,
    account: impl Into<Account>,
    role: &str,
    actor: &Actor,
) -> Result<User, AccountError> {
    let role: Role = role
        .parse()
        .map_err(|error| AccountError::at(AccountField::Role, error))?;
    let now = ports.clock.now();
    change(ports, &account.into(), |user| {
        if user.role == role {
            return None;
        }
        let changed = FieldChange::new("role", user.role.as_str(), role.as_str());
        let event = event(now, actor, &user.name, "user.role_changed").with_change(changed);
        user.role = role;
        Some(Step {
            sessions: EndedSessions::All,
            event,
        })
    })
    .await
}

/// Closes an account: nobody signs in with it, its sessions end, its API tokens stop working until it is open again.
pub async fn close(
    ports: &AccountPorts,
    account: impl Into<Account>,
    actor: &Actor,
) -> Result<User, AccountError> {
    let now = ports.clock.now();
    change(ports, &account.into(), |user| {
        if !user.is_open() {
            return None;
        }
        user.disabled_since = Some(now);
        Some(Step {
            sessions: EndedSessions::All,
            event: event(now, actor, &user.name, "user.closed"),
        })
    })
    .await
}

/// Opens a closed account again.
pub async fn reopen(
    ports: &AccountPorts,
    account: impl Into<Account>,
    actor: &Actor,
) -> Result<User, AccountError> {
    let now = ports.clock.now();
    change(ports, &account.into(), |user| {
        if user.is_open() {
            return None;
        }
        user.disabled_since = None;
        Some(Step {
            sessions: EndedSessions::None,
            event: event(now, actor, &user.name, "user.reopened"),
        })
    })
    .await
}

/// Gives a person another password, as an administrator; all their sessions end.
pub async fn reset_password(
    ports: &AccountPorts,
    account: impl Into<Account>,
    password: &SecretString,
    actor: &Actor,
) -> Result<User, AccountError> {
    let account = account.into();
    let user = account.find(&ports.accounts.accounts().await?)?;
    let owner = (&account, &user.name);
    put_password(ports, owner, password, EndedSessions::All, actor).await
}

/// Gives whoever asks another password; all their sessions end but the one that they ask with.
///
/// The present password is asked for, and guessing it is slowed like guessing it at a sign-in from that address.
pub async fn change_own_password(
    ports: &AccountPorts,
    throttle: &Mutex<Throttle>,
    (caller, address): (&Caller, &str),
    (old, new): (&SecretString, &SecretString),
) -> Result<User, AccountError> {
    let attempt = Attempt::begin(
        throttle,
        (caller.user.name.as_str(), address),
        &*ports.clock,
    )?;
    let present = caller.user.password.present();
    if !ports.passwords.verify(old, present).await? {
        let message = "this is not your password";
        return Err(AccountError::at(AccountField::OldPassword, message));
    }
    attempt.succeeded();
    let sessions = match &caller.via {
        Via::Session(session) => EndedSessions::AllBut(session.digest),
        Via::Token(_) | Via::Machine => EndedSessions::All,
    };
    let account = Account::from(caller.user.id);
    let owner = (&account, &caller.user.name);
    put_password(ports, owner, new, sessions, &caller.actor()).await
}

async fn put_password(
    ports: &AccountPorts,
    (account, name): (&Account, &UserName),
    password: &SecretString,
    sessions: EndedSessions,
    actor: &Actor,
) -> Result<User, AccountError> {
    parse_password(password, Some(name))
        .map_err(|message| AccountError::at(AccountField::Password, message))?;
    let hash = ports.passwords.hash(password).await?;
    let now = ports.clock.now();
    change(ports, account, |user| {
        user.password = hash.clone();
        Some(Step {
            sessions,
            event: event(now, actor, &user.name, "user.password_changed"),
        })
    })
    .await
}

/// Removes an account with its sessions and API tokens; the history stays.
pub async fn remove_user(
    ports: &AccountPorts,
    account: impl Into<Account>,
    actor: &Actor,
) -> Result<User, AccountError> {
    let account = account.into();
    for _ in 0..STALE_RETRIES {
        let accounts = ports.accounts.accounts().await?;
        let user = account.find(&accounts)?;
        keep_an_administrator(&accounts, &user, None)?;
        let removed = event(ports.clock.now(), actor, &user.name, "user.removed");
        let done = ports
            .accounts
            .remove_account(user.id, accounts.generation, &[removed])
            .await;
        match done {
            Ok(()) => return Ok(user),
            Err(StoreError::Stale { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(AccountError::Contention)
}
