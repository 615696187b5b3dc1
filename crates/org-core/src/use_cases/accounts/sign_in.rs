//! Signing in and out, and knowing again who did.

use std::sync::{Mutex, PoisonError};

use secrecy::SecretString;

use super::{
    AccountError, AccountField, AccountMistake, Caller, UserDraft, Via, event, parse_password,
};
use crate::accounts::throttle::Throttle;
use crate::accounts::{
    Role, SecretDigest, SecretToken, Session, SessionLifetimes, USE_GRAIN, User, UserName,
};
use crate::event::{Actor, Event, Subject};
use crate::ids::UserId;
use crate::ports::{AccountChange, AccountPorts, Clock, EndedSessions, Stale, StoreError};

/// How many browsers one person is signed in with; a program that signs in again and again pushes out only what is not used.
const SESSIONS_LIMIT: u32 = 100;

/// The longest description of a browser that is kept.
const AGENT_LIMIT: usize = 200;

/// Where somebody comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Client {
    /// The address, as the server sees it.
    pub address: String,
    /// What the browser says it is.
    pub agent: String,
}

/// Somebody who has just signed in. The token goes into the cookie of the browser, and nowhere else.
#[derive(Debug)]
pub struct SignedIn {
    /// Who.
    pub user: User,
    /// The session.
    pub session: Session,
    /// What the browser will show.
    pub token: SecretToken,
}

/// Whether the installation has its first administrator.
pub async fn is_set_up(ports: &AccountPorts) -> Result<bool, AccountError> {
    Ok(!ports.accounts.accounts().await?.users.is_empty())
}

/// Makes the first administrator, and signs them in. The caller has checked the code of the first run.
pub async fn set_up(
    ports: &AccountPorts,
    name: &str,
    password: &SecretString,
    client: &Client,
    lifetimes: SessionLifetimes,
) -> Result<SignedIn, AccountError> {
    let draft = UserDraft {
        name: name.to_owned(),
        password: password.clone(),
        role: Role::Administrator.to_string(),
    };
    let (name, _) = draft.parse()?;
    let accounts = ports.accounts.accounts().await?;
    if !accounts.users.is_empty() {
        return Err(AccountError::SetUpAlready);
    }
    let now = ports.clock.now();
    let user = User {
        id: UserId::from_uuid(ports.ids.next_id()),
        name,
        role: Role::Administrator,
        password: ports.passwords.hash(password).await?,
        created_at: now,
        disabled_since: None,
        last_sign_in: None,
    };
    let actor = Actor::Person(user.name.to_string());
    let events = [
        Event::new(
            now,
            actor.clone(),
            Subject::Installation,
            "installation.set_up",
        ),
        event(now, &actor, &user.name, "user.added").with_message(Role::Administrator.to_string()),
    ];
    let change = AccountChange {
        generation: accounts.generation,
        user: &user,
        sessions: EndedSessions::None,
        events: &events,
    };
    match ports.accounts.change_account(&change).await {
        Ok(_) => begin(ports, user, client, lifetimes, "").await,
        // Of two who came first at once, one did.
        Err(StoreError::Stale {
            what: Stale::Accounts,
        }) => Err(AccountError::SetUpAlready),
        Err(error) => Err(error.into()),
    }
}

/// An attempt to show a password, which counts as failed until it was right: so many attempts at once are counted like many attempts in a row.
pub(super) struct Attempt<'a> {
    throttle: &'a Mutex<Throttle>,
    account: &'a str,
    address: &'a str,
}

impl<'a> Attempt<'a> {
    /// Refused with the time to wait, if there were too many.
    pub(super) fn begin(
        throttle: &'a Mutex<Throttle>,
        (account, address): (&'a str, &'a str),
        clock: &dyn Clock,
    ) -> Result<Self, AccountError> {
        let now = clock.now();
        // A throttle is changed in single steps, so a panic elsewhere leaves it whole.
        let mut counted = throttle.lock().unwrap_or_else(PoisonError::into_inner);
        counted
            .admit(account, address, now)
            .map_err(|wait| AccountError::TooManyAttempts { wait })?;
        counted.failed(account, address, now);
        Ok(Self {
            throttle,
            account,
            address,
        })
    }

    /// The password was right.
    pub(super) fn succeeded(self) {
        self.throttle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .succeeded(self.account, self.address);
    }
}

/// Signs somebody in. Each success is a session of its own, whatever the browser showed before.
pub async fn sign_in(
    ports: &AccountPorts,
    throttle: &Mutex<Throttle>,
    name: &str,
    password: &SecretString,
    client: &Client,
    lifetimes: SessionLifetimes,
) -> Result<SignedIn, AccountError> {
    // A name that nobody can have is guessing too, and is counted as one account.
    let parsed = name.parse::<UserName>().ok();
    let account = parsed.as_ref().map_or("", UserName::as_str);
    let attempt = Attempt::begin(throttle, (account, &client.address), &*ports.clock)?;
    let now = ports.clock.now();
    let user = match &parsed {
        Some(name) => ports.accounts.find_user(name).await?,
        None => None,
    };
    let hash = user.as_ref().and_then(|user| user.password.present());
    let right = ports.passwords.verify(password, hash).await?;
    match user {
        Some(user) if right && user.is_open() => {
            attempt.succeeded();
            begin(ports, user, client, lifetimes, "").await
        }
        Some(user) => {
            let failed = event(now, &Actor::System, &user.name, "user.sign_in_failed")
                .with_message(format!("from {}", client.address));
            ports.accounts.note(&[failed]).await?;
            Err(AccountError::WrongPassword)
        }
        None => Err(AccountError::WrongPassword),
    }
}

/// Begins a session. `how` says for the history how the person showed who they are, unless it was by their password.
pub(super) async fn begin(
    ports: &AccountPorts,
    user: User,
    client: &Client,
    lifetimes: SessionLifetimes,
    how: &str,
) -> Result<SignedIn, AccountError> {
    let now = ports.clock.now();
    let token = SecretToken::session(&ports.random()?);
    let session = Session {
        digest: token.digest,
        user: user.id,
        created_at: now,
        last_used_at: now,
        expires_at: now + lifetimes.absolute,
        address: client.address.clone(),
        agent: client.agent.chars().take(AGENT_LIMIT).collect(),
    };
    let actor = Actor::Person(user.name.to_string());
    let signed_in = event(now, &actor, &user.name, "user.signed_in")
        .with_message(format!("from {}{how}", client.address));
    let (store, limit) = (&ports.accounts, SESSIONS_LIMIT);
    store.begin_session(&session, &[signed_in], limit).await?;
    Ok(SignedIn {
        user,
        session,
        token,
    })
}

/// Ends the session of whoever asks; nothing happens where there is none.
pub async fn sign_out(ports: &AccountPorts, caller: &Caller) -> Result<(), AccountError> {
    if let Via::Session(session) = &caller.via {
        let now = ports.clock.now();
        let signed_out = event(now, &caller.actor(), &caller.user.name, "user.signed_out");
        ports
            .accounts
            .end_session(session.digest, &[signed_out])
            .await?;
    }
    Ok(())
}

/// Signs whoever asks out everywhere but where they ask. Answers how many sessions ended.
pub async fn sign_out_elsewhere(
    ports: &AccountPorts,
    caller: &Caller,
) -> Result<u64, AccountError> {
    let here = match &caller.via {
        Via::Session(session) => Some(session.digest),
        Via::Token(_) | Via::Machine => None,
    };
    let mut ended = 0;
    for session in ports.accounts.sessions(caller.user.id).await? {
        if Some(session.digest) == here {
            continue;
        }
        let now = ports.clock.now();
        let signed_out = event(now, &caller.actor(), &caller.user.name, "user.signed_out")
            .with_message(format!("from {}, from elsewhere", session.address));
        let was_there = ports
            .accounts
            .end_session(session.digest, &[signed_out])
            .await?;
        ended += u64::from(was_there);
    }
    Ok(ended)
}

/// Who shows this in a browser; `None` if nobody does, or no longer.
pub async fn by_session(
    ports: &AccountPorts,
    shown: &SecretString,
    lifetimes: SessionLifetimes,
) -> Result<Option<Caller>, AccountError> {
    let digest = SecretDigest::of(SecretToken::SESSION, shown);
    let Some((mut session, user)) = ports.accounts.session(digest).await? else {
        return Ok(None);
    };
    let now = ports.clock.now();
    if !user.is_open() || !session.is_alive(now, lifetimes) {
        return Ok(None);
    }
    if now - session.last_used_at >= USE_GRAIN {
        ports.accounts.use_session(digest, now).await?;
        session.last_used_at = now;
    }
    Ok(Some(Caller {
        level: user.role.level(),
        user,
        via: Via::Session(session),
    }))
}

/// Who shows this as an API token; `None` if nobody does, or no longer.
pub async fn by_token(
    ports: &AccountPorts,
    shown: &SecretString,
) -> Result<Option<Caller>, AccountError> {
    let digest = SecretDigest::of(SecretToken::API, shown);
    let Some((mut token, user)) = ports.accounts.token(digest).await? else {
        return Ok(None);
    };
    let now = ports.clock.now();
    if !user.is_open() || !token.is_alive(now) {
        return Ok(None);
    }
    if token
        .last_used_at
        .is_none_or(|last| now - last >= USE_GRAIN)
    {
        ports.accounts.use_token(token.id, now).await?;
        token.last_used_at = Some(now);
    }
    Ok(Some(Caller {
        level: token.scope.min(user.role.level()),
        user,
        via: Via::Token(token),
    }))
}

/// Forgets the sessions that are over. For whoever runs the installation, now and then.
pub async fn sweep(ports: &AccountPorts, lifetimes: SessionLifetimes) -> Result<(), AccountError> {
    let now = ports.clock.now();
    ports
        .accounts
        .forget_sessions(now, now - lifetimes.idle)
        .await?;
    Ok(())
}

impl UserDraft {
    /// The name and the role, or every mistake.
    pub fn parse(&self) -> Result<(UserName, Role), AccountError> {
        let mut errors = Vec::new();
        let name = self
            .name
            .parse::<UserName>()
            .map_err(|error| errors.push(AccountMistake::new(AccountField::Name, error)));
        let role = self
            .role
            .parse::<Role>()
            .map_err(|error| errors.push(AccountMistake::new(AccountField::Role, error)));
        if let Err(message) = parse_password(&self.password, name.as_ref().ok()) {
            errors.push(AccountMistake::new(AccountField::Password, message));
        }
        match (name, role) {
            (Ok(name), Ok(role)) if errors.is_empty() => Ok((name, role)),
            _ => Err(AccountError::Invalid { errors }),
        }
    }
}
