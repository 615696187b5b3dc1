//! The promises of the ports [`AccountStore`] and [`AnswerStore`].

mod answers;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use chrono::TimeDelta;
use uuid::Uuid;

use super::{Guard, assert_matches};
use crate::accounts::{
    ApiToken, Level, PasswordHash, Role, SecretDigest, SecretToken, Session, User,
};
use crate::event::{ChainHash, Event, verify_chain};
use crate::ids::{ApiTokenId, UserId};
use crate::ports::{
    AccountChange, AccountStore, AnswerStore, EndedSessions, EventFilter, EventStore, Stale,
    StoreError,
};
use crate::testing::build::{event, noon, noon_plus, parsed};

pub use answers::*;

/// Runs the suite of the stores of accounts and of kept answers; `make` is an expression for fresh [`AccountStores`].
#[macro_export]
macro_rules! account_store_contract {
    (run = $run:expr, make = $make:expr $(,)?) => {
        $crate::contract_cases! { accounts, $run, $make, [
            nobody_is_there_at_first,
            an_account_keeps_every_field,
            accounts_come_in_the_order_of_names,
            a_name_belongs_to_one,
            a_change_on_an_older_generation_is_refused,
            what_is_refused_leaves_nothing,
            a_session_is_found_with_its_owner,
            sessions_end_as_the_change_says,
            a_session_ends_once,
            of_many_sessions_those_that_are_used_stay,
            what_is_over_is_forgotten,
            a_sign_in_does_not_disturb_a_change,
            a_token_is_found_with_its_owner,
            a_token_is_revoked_once,
            removing_an_account_takes_what_it_had,
            what_belongs_to_nobody_is_refused,
            an_answer_is_given_again,
            a_request_is_done_by_one,
            a_key_means_one_request_of_one_person,
            answers_are_forgotten_in_time,
            of_many_answers_the_newest_of_each_person_stay,
            a_second_program_sees_the_same_accounts,
        ] }
    };
}

/// The stores of accounts, of kept answers and of the history, on one fresh database.
pub struct AccountStores {
    accounts: Arc<dyn AccountStore>,
    answers: Arc<dyn AnswerStore>,
    events: Arc<dyn EventStore>,
    second: Option<Box<Self>>,
    guard: Guard,
}

impl AccountStores {
    /// The stores that one value implements.
    pub fn new<S: AccountStore + AnswerStore + EventStore + 'static>(store: &Arc<S>) -> Self {
        Self {
            accounts: store.clone(),
            answers: store.clone(),
            events: store.clone(),
            second: None,
            guard: Guard::default(),
        }
    }

    /// With second handles on the same database, as another program has.
    #[must_use]
    pub fn with_second(mut self, second: Self) -> Self {
        self.second = Some(Box::new(second));
        self
    }

    /// With something that must live as long as the stores.
    #[must_use]
    pub fn keeping(mut self, guard: impl Any + Send) -> Self {
        self.guard.0.push(Box::new(guard));
        self
    }

    fn second(&self) -> &Self {
        self.second.as_deref().unwrap_or(self)
    }

    async fn generation(&self) -> u64 {
        self.accounts.accounts().await.expect("a store").generation
    }

    async fn change(&self, user: &User, sessions: EndedSessions) -> Result<u64, StoreError> {
        let change = AccountChange {
            generation: self.generation().await,
            user,
            sessions,
            events: &[event("user.changed")],
        };
        self.accounts.change_account(&change).await
    }

    async fn add(&self, id: u128, name: &str) -> User {
        let user = person(id, name);
        self.change(&user, EndedSessions::None)
            .await
            .expect("the name is free");
        user
    }

    async fn begin(&self, number: u8, user: &User) -> Session {
        let session = session(number, user);
        self.accounts
            .begin_session(&session, &[event("user.signed_in")], 100)
            .await
            .expect("a store");
        session
    }

    async fn history(&self) -> Vec<Event> {
        let stored = self.events.oldest(&EventFilter::default(), 1000).await;
        let stored = stored.expect("a store");
        verify_chain((0, ChainHash::GENESIS), &stored).expect("the chain holds");
        stored.into_iter().map(|stored| stored.event).collect()
    }
}

impl fmt::Debug for AccountStores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountStores")
            .field("guards", &self.guard.0.len())
            .finish_non_exhaustive()
    }
}

fn user_id(number: u128) -> UserId {
    UserId::from_uuid(Uuid::from_u128(number))
}

fn person(id: u128, name: &str) -> User {
    User {
        id: user_id(id),
        name: parsed(name),
        role: Role::Operator,
        password: PasswordHash::new(format!("hash of {name}")),
        created_at: noon(),
        disabled_since: None,
        last_sign_in: None,
    }
}

fn digest(number: u8) -> SecretDigest {
    SecretToken::session(&[number; 32]).digest
}

fn session(number: u8, user: &User) -> Session {
    Session {
        digest: digest(number),
        user: user.id,
        created_at: noon_plus(number.into()),
        last_used_at: noon_plus(number.into()),
        expires_at: noon_plus(3600 + i64::from(number)),
        address: "2001:db8::1".to_owned(),
        agent: "Łódź/1.0 \"quoted\"".to_owned(),
    }
}

fn token(number: u8, user: &User) -> ApiToken {
    ApiToken {
        id: ApiTokenId::from_uuid(Uuid::from_u128(number.into())),
        user: user.id,
        name: parsed("nightly report"),
        scope: Level::Write,
        digest: SecretToken::api(&[number; 32]).digest,
        created_at: noon_plus(number.into()),
        expires_at: number.is_multiple_of(2).then(|| noon_plus(86_400)),
        last_used_at: None,
    }
}

/// A fresh store has no account, no session and no token.
pub async fn nobody_is_there_at_first(stores: AccountStores) {
    let accounts = stores.accounts.accounts().await.expect("a store");
    assert_eq!((accounts.generation, accounts.users.len()), (0, 0));
    assert_matches!(stores.accounts.user(user_id(1)).await, Ok(None));
    assert_matches!(stores.accounts.find_user(&parsed("ada")).await, Ok(None));
    assert_matches!(stores.accounts.session(digest(1)).await, Ok(None));
    assert_matches!(stores.accounts.token(digest(1)).await, Ok(None));
    assert_matches!(stores.accounts.tokens(None).await, Ok(tokens) if tokens.is_empty());
}

/// What is read is what was stored, with times to the microsecond, and its events are in the history.
pub async fn an_account_keeps_every_field(stores: AccountStores) {
    let mut user = person(1, "ada");
    user.role = Role::Administrator;
    user.created_at = noon() + TimeDelta::nanoseconds(123_456_789);
    user.disabled_since = Some(noon_plus(5));
    stores
        .change(&user, EndedSessions::None)
        .await
        .expect("a store");
    user.created_at = noon() + TimeDelta::nanoseconds(123_456_000);
    assert_eq!(
        stores.accounts.user(user.id).await.expect("a store"),
        Some(user.clone())
    );
    user.role = Role::Viewer;
    user.name = parsed("countess");
    user.password = PasswordHash::new("another".to_owned());
    user.disabled_since = None;
    stores
        .change(&user, EndedSessions::None)
        .await
        .expect("a store");
    let found = stores.accounts.find_user(&parsed("Countess")).await;
    assert_eq!(found.expect("a store"), Some(user));
    assert_eq!(stores.history().await.len(), 2);
}

/// The list is sorted, whatever the order of adding was.
pub async fn accounts_come_in_the_order_of_names(stores: AccountStores) {
    for (id, name) in [(3, "grace"), (1, "linus"), (2, "ada")] {
        stores.add(id, name).await;
    }
    let accounts = stores.accounts.accounts().await.expect("a store");
    let names: Vec<&str> = accounts
        .users
        .iter()
        .map(|user| user.name.as_str())
        .collect();
    assert_eq!(names, ["ada", "grace", "linus"]);
    assert_eq!(accounts.generation, 3);
}

/// Neither adding nor renaming takes a name that somebody has.
pub async fn a_name_belongs_to_one(stores: AccountStores) {
    let ada = stores.add(1, "ada").await;
    let taken = stores.change(&person(2, "ada"), EndedSessions::None).await;
    assert_matches!(taken, Err(StoreError::UserExists { name }) if name == ada.name);
    let mut grace = stores.add(2, "grace").await;
    grace.name = ada.name;
    let taken = stores.change(&grace, EndedSessions::None).await;
    assert_matches!(taken, Err(StoreError::UserExists { .. }));
}

/// Of two changes that were decided on the same accounts the second one is refused.
pub async fn a_change_on_an_older_generation_is_refused(stores: AccountStores) {
    let ada = stores.add(1, "ada").await;
    let change = AccountChange {
        generation: 0,
        user: &ada,
        sessions: EndedSessions::None,
        events: &[],
    };
    let stale = stores.accounts.change_account(&change).await;
    assert_matches!(
        stale,
        Err(StoreError::Stale {
            what: Stale::Accounts
        })
    );
    let stale = stores.accounts.remove_account(ada.id, 0, &[]).await;
    assert_matches!(
        stale,
        Err(StoreError::Stale {
            what: Stale::Accounts
        })
    );
    assert_matches!(stores.accounts.remove_account(ada.id, 1, &[]).await, Ok(()));
}

/// A refused change counts no generation, ends no session and writes no event.
pub async fn what_is_refused_leaves_nothing(stores: AccountStores) {
    let ada = stores.add(1, "ada").await;
    let session = stores.begin(1, &ada).await;
    let before = stores.history().await.len();
    let mut grace = stores.add(2, "grace").await;
    grace.name = ada.name.clone();
    let refused = stores.change(&grace, EndedSessions::All).await;
    assert!(refused.is_err());
    let gone = stores
        .accounts
        .remove_account(user_id(9), 2, &[event("user.removed")])
        .await;
    assert_matches!(gone, Err(StoreError::NotFound { .. }));
    assert_eq!(stores.generation().await, 2);
    assert_eq!(stores.history().await.len(), before + 1);
    let found = stores.accounts.session(session.digest).await;
    assert_matches!(found, Ok(Some(_)));
}

/// A session is kept with every field, and its beginning is noted on the account.
pub async fn a_session_is_found_with_its_owner(stores: AccountStores) {
    let ada = stores.add(1, "ada").await;
    let (first, second) = (stores.begin(1, &ada).await, stores.begin(2, &ada).await);
    let found = stores.accounts.session(first.digest).await;
    let (found, owner) = found.expect("a store").expect("it was begun");
    assert_eq!(found, first);
    assert_eq!(owner.last_sign_in, Some(second.created_at));
    stores
        .accounts
        .use_session(first.digest, noon_plus(99))
        .await
        .expect("a store");
    let sessions = stores.accounts.sessions(ada.id).await.expect("a store");
    let used: Vec<_> = sessions
        .iter()
        .map(|session| session.last_used_at)
        .collect();
    assert_eq!(used, [second.last_used_at, noon_plus(99)]);
    let unknown = stores.accounts.use_session(digest(9), noon()).await;
    assert_matches!(unknown, Ok(()));
}

/// A change of an account ends the sessions that it names, and nobody else's.
pub async fn sessions_end_as_the_change_says(stores: AccountStores) {
    let (ada, grace) = (stores.add(1, "ada").await, stores.add(2, "grace").await);
    for number in [1, 2, 3] {
        stores.begin(number, &ada).await;
    }
    stores.begin(4, &grace).await;
    let count = async |user: &User| {
        let sessions = stores.accounts.sessions(user.id).await;
        sessions.expect("a store").len()
    };
    stores
        .change(&ada, EndedSessions::None)
        .await
        .expect("a store");
    assert_eq!(count(&ada).await, 3);
    stores
        .change(&ada, EndedSessions::AllBut(digest(2)))
        .await
        .expect("a store");
    assert_eq!(count(&ada).await, 1);
    assert_matches!(stores.accounts.session(digest(2)).await, Ok(Some(_)));
    stores
        .change(&ada, EndedSessions::All)
        .await
        .expect("a store");
    assert_eq!((count(&ada).await, count(&grace).await), (0, 1));
}

/// The second end of a session is none, and has no event.
pub async fn a_session_ends_once(stores: AccountStores) {
    let ada = stores.add(1, "ada").await;
    let session = stores.begin(1, &ada).await;
    let events = [event("user.signed_out")];
    let end = || stores.accounts.end_session(session.digest, &events);
    assert_matches!(end().await, Ok(true));
    let before = stores.history().await.len();
    assert_matches!(end().await, Ok(false));
    assert_eq!(stores.history().await.len(), before);
    assert_matches!(stores.accounts.session(session.digest).await, Ok(None));
}

/// Whoever signs in again and again fills no disk, and signs out nobody who is there.
pub async fn of_many_sessions_those_that_are_used_stay(stores: AccountStores) {
    let (ada, bob) = (stores.add(1, "ada").await, stores.add(2, "bob").await);
    stores.begin(1, &ada).await;
    stores.begin(2, &bob).await;
    let used = stores.accounts.use_session(digest(1), noon_plus(500)).await;
    used.expect("a store");
    for number in 3..20 {
        let one = session(number, &ada);
        let one = Session {
            created_at: noon_plus(number.into()),
            last_used_at: noon_plus(number.into()),
            ..one
        };
        let begun = stores.accounts.begin_session(&one, &[], 3).await;
        begun.expect("a store");
    }
    let there = async |user: &User| {
        let sessions = stores.accounts.sessions(user.id).await.expect("a store");
        let mut all: Vec<_> = sessions.into_iter().map(|one| one.digest).collect();
        all.sort_unstable();
        all
    };
    let mut expected = [digest(1), digest(18), digest(19)];
    expected.sort_unstable();
    assert_eq!(there(&ada).await, expected);
    assert_eq!(there(&bob).await, [digest(2)]);
}

/// Sessions that expired or were idle go; the others stay.
pub async fn what_is_over_is_forgotten(stores: AccountStores) {
    let ada = stores.add(1, "ada").await;
    for number in [1, 50, 100] {
        stores.begin(number, &ada).await;
    }
    let left = async || {
        let sessions = stores.accounts.sessions(ada.id).await.expect("a store");
        sessions.len()
    };
    let forget = async |now, idle| {
        let done = stores
            .accounts
            .forget_sessions(noon_plus(now), noon_plus(idle));
        done.await.expect("a store");
    };
    forget(3600, 1).await;
    assert_eq!(left().await, 3);
    forget(3601, 1).await;
    assert_eq!(left().await, 2);
    forget(3601, 51).await;
    assert_eq!(left().await, 1);
}

/// What a sign-in notes is not undone by a change that was decided before it.
pub async fn a_sign_in_does_not_disturb_a_change(stores: AccountStores) {
    let ada = stores.add(1, "ada").await;
    let session = stores.begin(1, &ada).await;
    stores
        .change(&ada, EndedSessions::None)
        .await
        .expect("a sign-in counts no generation");
    let found = stores.accounts.user(ada.id).await.expect("a store");
    let found = found.expect("it was added");
    assert_eq!(found.last_sign_in, Some(session.created_at));
}

/// A token is kept with every field, and found by its digest alone.
pub async fn a_token_is_found_with_its_owner(stores: AccountStores) {
    let (ada, grace) = (stores.add(1, "ada").await, stores.add(2, "grace").await);
    let mut tokens = [token(1, &ada), token(2, &ada), token(3, &grace)];
    for token in &tokens {
        stores
            .accounts
            .add_token(token, &[event("api_token.issued")])
            .await
            .expect("a store");
    }
    stores
        .accounts
        .use_token(tokens[1].id, noon_plus(77))
        .await
        .expect("a store");
    tokens[1].last_used_at = Some(noon_plus(77));
    for token in &tokens {
        let found = stores.accounts.token(token.digest).await;
        let (found, owner) = found.expect("a store").expect("it was added");
        assert_eq!((&found, owner.id), (token, token.user));
    }
    let ids = async |owner| {
        let tokens = stores.accounts.tokens(owner).await.expect("a store");
        let ids = tokens.into_iter().map(|(token, _)| token.id);
        ids.collect::<Vec<_>>()
    };
    assert_eq!(ids(Some(ada.id)).await, [tokens[1].id, tokens[0].id]);
    assert_eq!(ids(None).await.len(), 3);
}

/// The second revocation is none, and has no event.
pub async fn a_token_is_revoked_once(stores: AccountStores) {
    let ada = stores.add(1, "ada").await;
    let token = token(1, &ada);
    stores
        .accounts
        .add_token(&token, &[])
        .await
        .expect("a store");
    let events = [event("api_token.revoked")];
    let revoke = || stores.accounts.revoke_token(token.id, &events);
    assert_matches!(revoke().await, Ok(true));
    let before = stores.history().await.len();
    assert_matches!(revoke().await, Ok(false));
    assert_eq!(stores.history().await.len(), before);
    assert_matches!(stores.accounts.token(token.digest).await, Ok(None));
}

/// Sessions and tokens go with their owner, and nobody else's do.
pub async fn removing_an_account_takes_what_it_had(stores: AccountStores) {
    let (ada, grace) = (stores.add(1, "ada").await, stores.add(2, "grace").await);
    for (number, user) in [(1, &ada), (2, &grace)] {
        stores.begin(number, user).await;
        let added = stores.accounts.add_token(&token(number, user), &[]).await;
        added.expect("a store");
    }
    stores
        .accounts
        .remove_account(ada.id, 2, &[event("user.removed")])
        .await
        .expect("a store");
    assert_matches!(stores.accounts.user(ada.id).await, Ok(None));
    assert_matches!(stores.accounts.session(digest(1)).await, Ok(None));
    assert_matches!(stores.accounts.session(digest(2)).await, Ok(Some(_)));
    assert_matches!(stores.accounts.tokens(None).await, Ok(tokens) if tokens.len() == 1);
    assert_eq!(stores.generation().await, 3);
    stores.add(3, "ada").await;
}

/// A session or token of somebody who is gone is not kept.
pub async fn what_belongs_to_nobody_is_refused(stores: AccountStores) {
    let nobody = person(9, "nobody");
    let begun = stores
        .accounts
        .begin_session(&session(1, &nobody), &[event("user.signed_in")], 100)
        .await;
    assert_matches!(begun, Err(StoreError::NotFound { .. }));
    let added = stores.accounts.add_token(&token(1, &nobody), &[]).await;
    assert_matches!(added, Err(StoreError::NotFound { .. }));
    assert!(stores.history().await.is_empty());
}

/// What one program stored, another one reads, and a change of one is stale for the other.
pub async fn a_second_program_sees_the_same_accounts(stores: AccountStores) {
    let ada = stores.add(1, "ada").await;
    let session = stores.begin(1, &ada).await;
    let second = stores.second();
    let found = second.accounts.session(session.digest).await;
    assert_matches!(found, Ok(Some((found, _))) if found == session);
    second
        .change(&ada, EndedSessions::All)
        .await
        .expect("a store");
    assert_matches!(stores.accounts.session(session.digest).await, Ok(None));
    let change = AccountChange {
        generation: 1,
        user: &ada,
        sessions: EndedSessions::None,
        events: &[],
    };
    let stale = stores.accounts.change_account(&change).await;
    assert_matches!(stale, Err(StoreError::Stale { .. }));
}
