//! Signing in with an account at an identity provider: sending a browser there, and judging what comes back.
//!
//! Verifier and nonce are made from the state, which is in the address, and from what the cookie of the browser holds. So the store needs neither, a
//! stolen code is worth nothing without the browser, and whoever reads the store can finish nothing.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};

use super::sign_in::begin;
use super::users::keep_an_administrator;
use super::{AccountError, Client, SignedIn, event};
use crate::accounts::throttle::Throttle;
use crate::accounts::{
    ARRIVAL_LIFETIME, Arrival, ExternalId, IdentityPolicy, PasswordHash, Role, SecretDigest,
    SecretToken, SessionLifetimes, User, UserName, VerifiedIdentity,
};
use crate::event::{Actor, Event, FieldChange, Subject};
use crate::ids::UserId;
use crate::oauth::RedirectUri;
use crate::ports::{
    AccountChange, AccountPorts, Accounts, EndedSessions, EntropyError, IdentityAnswer,
    IdentityError, IdentityPorts, IdentityQuestion, StoreError,
};
use crate::use_cases::STALE_RETRIES;

/// How many sign-ins wait for their answer at most; beyond that the oldest gives way.
const WAITING_LIMIT: u32 = 10_000;

/// The longest address to go on to that is kept.
const NEXT_LIMIT: usize = 2000;

/// The longest text of a provider that the history keeps.
const TEXT_LIMIT: usize = 200;

/// What the digests are for; a digest of one kind is never one of another kind.
const STATE: &str = "arrival state";
const BROWSER: &str = "arrival browser";
const NONCE: &str = "arrival nonce";
const VERIFIER: &str = "arrival verifier";

/// A browser that is about to be sent to the provider.
#[derive(Debug)]
pub struct Departure {
    /// Where to.
    pub address: String,
    /// What the browser must show when it comes back, in a cookie of its own.
    pub browser: SecretString,
}

/// What the browser brings back, as it stands in the address. Anything may stand there.
#[derive(Debug, Clone, Default)]
pub struct Returned {
    /// The state.
    pub state: Option<SecretString>,
    /// The code of one use.
    pub code: Option<SecretString>,
    /// Why there is none (RFC 6749, section 4.1.2.1).
    pub error: Option<String>,
    /// The same in words.
    pub error_description: Option<String>,
    /// Who says to have answered (RFC 9207).
    pub issuer: Option<String>,
    /// What the cookie of the browser holds.
    pub browser: Option<SecretString>,
}

/// Why somebody who came back from a provider is not signed in. Nothing of the attempt is left.
#[derive(Debug, thiserror::Error)]
pub enum ArrivalError {
    /// The answer belongs to no question: it was used before, is too old to be remembered, or was never asked for.
    #[error("this sign-in is not known here, or was finished already")]
    Unknown,
    /// The answer came in another browser than the one that asked.
    #[error(
        "this sign-in was begun in another browser, or another one was begun in this browser since"
    )]
    OtherBrowser,
    /// The answer came too late.
    #[error(
        "this sign-in took longer than {} minutes",
        ARRIVAL_LIFETIME.num_minutes()
    )]
    Expired,
    /// Another provider answered.
    #[error("another identity provider answered than the one that was asked")]
    OtherIssuer,
    /// The person, or the provider, said no.
    #[error("the identity provider says that the sign-in was denied")]
    Denied,
    /// The provider could not do as asked.
    #[error("the identity provider answered with the error `{code}`: {detail}")]
    Failed {
        /// The code of the error.
        code: String,
        /// Its words.
        detail: String,
    },
    /// Neither a code nor an error came back.
    #[error("the answer of the identity provider has neither a code nor an error")]
    Incomplete,
    /// Too many failures from this address.
    #[error("too many failed attempts; wait {} s and try again", wait.as_secs().max(1))]
    TooManyAttempts {
        /// How long to wait.
        wait: Duration,
    },
    /// The provider vouches for nobody.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The provider knows the person, and no group of theirs has a role here.
    #[error("{who} is in no group that may use this installation")]
    NoRole {
        /// Who.
        who: String,
    },
    /// The provider knows the person, and accounts are not made at the first sign-in.
    #[error("no account of this installation is linked to {id}")]
    NoAccount {
        /// Who.
        id: ExternalId,
    },
    /// The provider knows the person, and gives no name that an account can have.
    #[error(
        "the identity provider gives {id} no name that an account can have: neither a user name of letters, digits, `.`, `_`, `-` and `@`, nor a verified address of mail"
    )]
    NoName {
        /// Who.
        id: ExternalId,
    },
    /// There is an account of that name already, and it is not known to be the same person's.
    #[error("there is already an account `{name}`, and it is not linked to {id}")]
    NameTaken {
        /// The name.
        name: UserName,
        /// Who wanted it.
        id: ExternalId,
    },
    /// The account is closed.
    #[error("the account `{name}` is closed")]
    Closed {
        /// Which one.
        name: UserName,
    },
    /// The role that the groups say would leave nobody to manage the accounts.
    #[error(
        "`{name}` is the only administrator with a password, and the groups of the identity provider say another role"
    )]
    LastAdministrator {
        /// Who.
        name: UserName,
    },
    /// Others were faster again and again.
    #[error("too many others changed accounts at the same time")]
    Contention,
    /// There is no randomness for the state or the session.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// A store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ArrivalError {
    /// The stable word for what went wrong.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "sign_in_unknown",
            Self::OtherBrowser => "sign_in_elsewhere",
            Self::Expired => "sign_in_expired",
            Self::OtherIssuer => "other_issuer",
            Self::Denied => "sign_in_denied",
            Self::Failed { .. } => "provider_failed",
            Self::Incomplete => "provider_incomplete",
            Self::TooManyAttempts { .. } => "too_many_attempts",
            Self::Identity(IdentityError::Unavailable { .. }) => "provider_unavailable",
            Self::Identity(IdentityError::Refused { .. }) => "provider_refused",
            Self::Identity(IdentityError::Unexpected { .. }) => "provider_unexpected",
            Self::Identity(IdentityError::Invalid { .. }) => "identity_invalid",
            Self::NoRole { .. } => "no_role",
            Self::NoAccount { .. } => "no_account",
            Self::NoName { .. } => "no_name",
            Self::NameTaken { .. } => "name_taken",
            Self::Closed { .. } => "account_closed",
            Self::LastAdministrator { .. } => "last_administrator",
            Self::Contention | Self::Entropy(_) | Self::Store(_) => "unavailable",
        }
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Unknown | Self::OtherBrowser | Self::Expired | Self::Incomplete => {
                "begin again from this page, and allow cookies"
            }
            Self::Denied => "begin again, and agree at the identity provider",
            Self::OtherIssuer | Self::Failed { .. } => {
                "begin again; if it happens again, an administrator can compare the registration at the provider with docs/oidc.md"
            }
            Self::Identity(IdentityError::Unavailable { .. }) | Self::Contention => {
                "try again in a moment; an account with a password can sign in meanwhile"
            }
            Self::Identity(_) => {
                "begin again; if it happens again, an administrator can compare the settings of `server.oidc` with the provider's"
            }
            Self::NoRole { .. } => {
                "ask an administrator for a group that `server.oidc.roles` names, and sign in again"
            }
            Self::NoAccount { id } | Self::NameTaken { id, .. } => {
                return Some(format!(
                    "if it is yours, ask whoever runs the server for `forgehold-server link-account NAME '{}'`",
                    id.subject
                ));
            }
            Self::NoName { .. } => {
                "ask an administrator for an account that is linked to this person"
            }
            Self::Closed { .. } => "ask an administrator to open it again",
            Self::LastAdministrator { .. } => {
                "sign in with the password, and make somebody else an administrator first"
            }
            Self::TooManyAttempts { .. } | Self::Entropy(_) | Self::Store(_) => return None,
        };
        Some(hint.to_owned())
    }
}

/// Sends a browser to the provider. Each time is an attempt of its own, with a cookie of its own.
pub async fn depart(
    ports: &AccountPorts,
    identity: &IdentityPorts,
    redirect: &RedirectUri,
    next: &str,
) -> Result<Departure, ArrivalError> {
    let now = ports.clock.now();
    let state = SecretToken::session(&ports.random()?).shown;
    let browser = SecretToken::session(&ports.random()?).shown;
    let address = identity
        .provider
        .question(&IdentityQuestion {
            redirect,
            state: &state,
            nonce: &derived(NONCE, &state, &browser),
            verifier: &derived(VERIFIER, &state, &browser),
        })
        .await?;
    let arrival = Arrival {
        state: SecretDigest::of(STATE, &state),
        browser: SecretDigest::of(BROWSER, &browser),
        redirect: redirect.clone(),
        next: if next.len() <= NEXT_LIMIT { next } else { "" }.to_owned(),
        expires_at: now + ARRIVAL_LIFETIME,
    };
    let identities = &identity.identities;
    identities.put_arrival(&arrival, now, WAITING_LIMIT).await?;
    Ok(Departure { address, browser })
}

/// 64 digits that nobody can know without both.
fn derived(purpose: &str, state: &SecretString, browser: &SecretString) -> SecretString {
    let both = format!("{} {}", state.expose_secret(), browser.expose_secret());
    SecretString::from(SecretDigest::of(purpose, &SecretString::from(both)).to_hex())
}

/// Signs in whoever comes back, and answers the page that they wanted. Each success is a session of its own, whatever the browser showed before.
pub async fn arrive(
    ports: &AccountPorts,
    identity: &IdentityPorts,
    throttle: &Mutex<Throttle>,
    returned: &Returned,
    client: &Client,
    lifetimes: SessionLifetimes,
) -> Result<(SignedIn, String), ArrivalError> {
    let now = ports.clock.now();
    // Nobody is known yet: what is slowed is the address, and no account of anybody.
    let account = format!("provider {}", client.address);
    {
        // A throttle is changed in single steps, so a panic elsewhere leaves it whole.
        let mut throttle = throttle.lock().unwrap_or_else(PoisonError::into_inner);
        throttle
            .admit(&account, &client.address, now)
            .map_err(|wait| ArrivalError::TooManyAttempts { wait })?;
        throttle.failed(&account, &client.address, now);
    }
    let judged = judged(identity, returned, now).await;
    // Whoever changes their mind, or is slow, guesses nothing: the answer belonged to a question of this very browser.
    if let Ok(_) | Err(ArrivalError::Denied | ArrivalError::Expired) = &judged {
        throttle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .succeeded(&account, &client.address);
    }
    let (arrival, found) = judged?;
    let entered = enter(ports, identity, &found).await;
    let user = match entered {
        Ok(user) => user,
        Err(error) => {
            ports
                .accounts
                .note(&[refused(now, &found, &error, client)])
                .await?;
            return Err(error);
        }
    };
    let how = format!(", by {}", short(&found.id.issuer));
    let signed_in = begin(ports, user, client, lifetimes, &how).await;
    match signed_in {
        Ok(signed_in) => Ok((signed_in, arrival.next)),
        Err(AccountError::Store(error)) => Err(error.into()),
        Err(AccountError::Entropy(error)) => Err(error.into()),
        Err(_) => Err(ArrivalError::Contention),
    }
}

/// Who the answer is about, if it belongs to a question of this very browser.
async fn judged(
    identity: &IdentityPorts,
    returned: &Returned,
    now: DateTime<Utc>,
) -> Result<(Arrival, VerifiedIdentity), ArrivalError> {
    let state = returned.state.as_ref().ok_or(ArrivalError::Unknown)?;
    let digest = SecretDigest::of(STATE, state);
    // Taken first, so that it works once whatever comes of it.
    let arrival = identity.identities.take_arrival(digest).await?;
    let arrival = arrival.ok_or(ArrivalError::Unknown)?;
    let browser = returned.browser.as_ref();
    let browser = browser.filter(|shown| SecretDigest::of(BROWSER, shown) == arrival.browser);
    let browser = browser.ok_or(ArrivalError::OtherBrowser)?;
    if now >= arrival.expires_at {
        return Err(ArrivalError::Expired);
    }
    let issuer = returned.issuer.as_deref();
    if issuer.is_some_and(|issuer| issuer != identity.provider.issuer()) {
        return Err(ArrivalError::OtherIssuer);
    }
    if let Some(code) = &returned.error {
        return Err(match code.as_str() {
            "access_denied" => ArrivalError::Denied,
            code => ArrivalError::Failed {
                code: short(code),
                detail: match returned.error_description.as_deref().map(short) {
                    Some(words) if !words.is_empty() => words,
                    _ => "it does not say more".to_owned(),
                },
            },
        });
    }
    let code = returned.code.as_ref().ok_or(ArrivalError::Incomplete)?;
    let found = identity
        .provider
        .identify(&IdentityAnswer {
            code,
            issuer,
            redirect: &arrival.redirect,
            nonce: &derived(NONCE, state, browser),
            verifier: &derived(VERIFIER, state, browser),
        })
        .await?;
    Ok((arrival, found))
}

/// What is to be done with the accounts before somebody gets in.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    /// Nothing.
    AsIs(User),
    /// The account gets another role.
    Changed(User, Event),
    /// The account is made.
    Added(User, [Event; 2]),
}

/// Decides who somebody is here, and as what.
fn plan(
    accounts: &Accounts,
    owner: Option<UserId>,
    found: &VerifiedIdentity,
    policy: &IdentityPolicy,
    (now, new): (DateTime<Utc>, UserId),
) -> Result<Entry, ArrivalError> {
    let actor = Actor::System;
    let known = owner.and_then(|owner| accounts.users.iter().find(|user| user.id == owner));
    if let Some(user) = known
        && !user.is_open()
    {
        return Err(ArrivalError::Closed {
            name: user.name.clone(),
        });
    }
    let role = policy
        .role(&found.groups)
        .ok_or_else(|| ArrivalError::NoRole {
            who: known.map_or_else(|| found.id.to_string(), |user| format!("`{}`", user.name)),
        })?;
    let Some(before) = known else {
        return add(accounts, found, policy, (now, new, role));
    };
    if before.role == role {
        return Ok(Entry::AsIs(before.clone()));
    }
    let user = User {
        role,
        ..before.clone()
    };
    keep_an_administrator(accounts, before, Some(&user)).map_err(|_| {
        ArrivalError::LastAdministrator {
            name: before.name.clone(),
        }
    })?;
    let changed = FieldChange::new("role", before.role.as_str(), role.as_str());
    let event = event(now, &actor, &user.name, "user.role_changed")
        .with_message(format!("by the groups of {}", short(&found.id.issuer)))
        .with_change(changed);
    Ok(Entry::Changed(user, event))
}

fn add(
    accounts: &Accounts,
    found: &VerifiedIdentity,
    policy: &IdentityPolicy,
    (now, id, role): (DateTime<Utc>, UserId, Role),
) -> Result<Entry, ArrivalError> {
    if !policy.create {
        return Err(ArrivalError::NoAccount {
            id: found.id.clone(),
        });
    }
    let email = found.email.as_ref().filter(|_| found.email_verified);
    let name = [found.name.as_ref(), email]
        .into_iter()
        .flatten()
        .find_map(|text| text.parse::<UserName>().ok())
        .ok_or_else(|| ArrivalError::NoName {
            id: found.id.clone(),
        })?;
    if accounts.users.iter().any(|user| user.name == name) {
        return Err(ArrivalError::NameTaken {
            name,
            id: found.id.clone(),
        });
    }
    let events = [
        event(now, &Actor::System, &name, "user.added").with_message(role.to_string()),
        linked(now, &Actor::System, &name, &found.id),
    ];
    let user = User {
        id,
        name,
        role,
        password: PasswordHash::absent(),
        created_at: now,
        disabled_since: None,
        last_sign_in: None,
    };
    Ok(Entry::Added(user, events))
}

/// Reads, plans and stores, until nobody else was faster.
async fn enter(
    ports: &AccountPorts,
    identity: &IdentityPorts,
    found: &VerifiedIdentity,
) -> Result<User, ArrivalError> {
    let new = UserId::from_uuid(ports.ids.next_id());
    for _ in 0..STALE_RETRIES {
        let now = ports.clock.now();
        let accounts = ports.accounts.accounts().await?;
        // A link that is made after this makes the generation another one, and the change is refused.
        let owner = identity.identities.account_of(&found.id).await?;
        let entry = plan(&accounts, owner, found, &identity.policy, (now, new))?;
        let generation = accounts.generation;
        let done = match &entry {
            Entry::AsIs(user) => return Ok(user.clone()),
            Entry::Changed(user, event) => {
                let change = AccountChange {
                    generation,
                    user,
                    sessions: EndedSessions::All,
                    events: std::slice::from_ref(event),
                };
                ports.accounts.change_account(&change).await
            }
            Entry::Added(user, events) => {
                let change = AccountChange {
                    generation,
                    user,
                    sessions: EndedSessions::None,
                    events,
                };
                identity.identities.link_account(&change, &found.id).await
            }
        };
        match (done, entry) {
            (Ok(_), Entry::AsIs(user) | Entry::Changed(user, _) | Entry::Added(user, _)) => {
                return Ok(user);
            }
            (Err(StoreError::Stale { .. }), _) => {}
            (Err(error), _) => return Err(error.into()),
        }
    }
    Err(ArrivalError::Contention)
}

/// Has an account belong to a person at a provider. For whoever knows that both are the same.
pub async fn link_account(
    ports: &AccountPorts,
    identity: &IdentityPorts,
    user: UserId,
    subject: &str,
    actor: &Actor,
) -> Result<User, AccountError> {
    let subject = subject.trim();
    let fits =
        (1..=SUBJECT_LIMIT).contains(&subject.len()) && !subject.chars().any(char::is_control);
    if !fits {
        return Err(AccountError::NotFound {
            what: format!(
                "person of that subject: it has 1 to {SUBJECT_LIMIT} characters, as the page says that refuses the sign-in"
            ),
        });
    }
    let id = ExternalId {
        issuer: identity.provider.issuer().to_owned(),
        subject: subject.to_owned(),
    };
    for _ in 0..STALE_RETRIES {
        let accounts = ports.accounts.accounts().await?;
        let found = accounts.users.iter().find(|known| known.id == user);
        let found = found.ok_or_else(|| AccountError::NotFound {
            what: format!("user {user}"),
        })?;
        let event = linked(ports.clock.now(), actor, &found.name, &id);
        let change = AccountChange {
            generation: accounts.generation,
            user: found,
            sessions: EndedSessions::None,
            events: std::slice::from_ref(&event),
        };
        match identity.identities.link_account(&change, &id).await {
            Ok(_) => return Ok(found.clone()),
            Err(StoreError::Stale { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(AccountError::Contention)
}

/// The longest subject (`OpenID` Connect Core, section 2).
const SUBJECT_LIMIT: usize = 255;

fn linked(now: DateTime<Utc>, actor: &Actor, name: &UserName, id: &ExternalId) -> Event {
    event(now, actor, name, "user.linked").with_message(format!("to {}", short(&id.to_string())))
}

/// Somebody whom the provider knows was not let in. Anybody with an account there can make such an entry, and nobody else.
fn refused(
    now: DateTime<Utc>,
    found: &VerifiedIdentity,
    error: &ArrivalError,
    client: &Client,
) -> Event {
    let subject = match error {
        ArrivalError::Closed { name } | ArrivalError::LastAdministrator { name } => {
            Subject::User(name.to_string())
        }
        _ => Subject::Installation,
    };
    Event::new(now, Actor::System, subject, "user.sign_in_refused").with_message(format!(
        "{} from {}: {}",
        short(&found.id.to_string()),
        client.address,
        error.code()
    ))
}

/// A text of the provider, fit for a message.
fn short(text: &str) -> String {
    let plain = text.chars().filter(|character| !character.is_control());
    plain.take(TEXT_LIMIT).collect()
}
