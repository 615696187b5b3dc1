//! The promises of the port [`IdentityStore`].

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join;
use uuid::Uuid;

use super::{Guard, assert_matches};
use crate::accounts::{Arrival, ExternalId, PasswordHash, Role, SecretDigest, User};
use crate::event::{Actor, Event, Subject};
use crate::ids::UserId;
use crate::ports::{
    AccountChange, AccountStore, EndedSessions, EventFilter, EventStore, IdentityStore, Stale,
    StoreError,
};
use crate::testing::build::{noon, parsed};

/// Runs the suite of the store of identities; `make` is an expression for fresh [`IdentityStores`].
#[macro_export]
macro_rules! identity_store_contract {
    (run = $run:expr, make = $make:expr $(,)?) => {
        $crate::contract_cases! { identities, $run, $make, [
            nothing_is_known_at_first,
            an_arrival_comes_back_with_every_field,
            an_arrival_is_taken_once,
            of_two_that_take_an_arrival_one_gets_it,
            the_same_state_twice_is_refused,
            taking_does_not_judge_the_time,
            what_is_over_is_forgotten_when_another_comes,
            beyond_the_limit_the_oldest_gives_way,
            a_link_is_made_with_its_account,
            a_subject_belongs_to_its_issuer,
            an_account_belongs_to_several,
            a_person_has_one_account,
            a_link_on_an_older_generation_leaves_nothing,
            a_link_to_a_taken_name_leaves_nothing,
            removing_an_account_takes_its_links,
        ] }
    };
}

/// The stores of identities and accounts, on one fresh database.
pub struct IdentityStores {
    identities: Arc<dyn IdentityStore>,
    accounts: Arc<dyn AccountStore>,
    events: Arc<dyn EventStore>,
    second: Arc<dyn IdentityStore>,
    guard: Guard,
}

impl IdentityStores {
    /// The stores that one value implements.
    pub fn new<S: IdentityStore + AccountStore + EventStore + 'static>(store: &Arc<S>) -> Self {
        Self {
            identities: store.clone(),
            accounts: store.clone(),
            events: store.clone(),
            second: store.clone(),
            guard: Guard::default(),
        }
    }

    /// With a second handle on the same database, as another program has.
    #[must_use]
    pub fn with_second(mut self, second: Arc<dyn IdentityStore>) -> Self {
        self.second = second;
        self
    }

    /// With something that must live as long as the stores.
    #[must_use]
    pub fn keeping(mut self, guard: impl Any + Send) -> Self {
        self.guard.0.push(Box::new(guard));
        self
    }

    async fn put(&self, arrival: &Arrival) {
        self.put_at(arrival, noon(), 100).await.expect("a store");
    }

    async fn put_at(
        &self,
        arrival: &Arrival,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<(), StoreError> {
        self.identities.put_arrival(arrival, now, limit).await
    }

    async fn take(&self, number: u8) -> Option<Arrival> {
        let state = arrival(number).state;
        self.second.take_arrival(state).await.expect("a store")
    }

    async fn owner(&self, id: &ExternalId) -> Option<UserId> {
        self.second.account_of(id).await.expect("a store")
    }

    async fn link(&self, user: &User, id: &ExternalId) -> Result<u64, StoreError> {
        let generation = self.accounts.accounts().await.expect("a store").generation;
        self.link_on(generation, user, id).await
    }

    async fn link_on(
        &self,
        generation: u64,
        user: &User,
        id: &ExternalId,
    ) -> Result<u64, StoreError> {
        let subject = Subject::User(user.name.to_string());
        let event = Event::new(noon(), Actor::System, subject, "user.linked");
        let change = AccountChange {
            generation,
            user,
            sessions: EndedSessions::None,
            events: &[event],
        };
        self.identities.link_account(&change, id).await
    }

    async fn events(&self) -> usize {
        let page = self.events.oldest(&EventFilter::default(), 100).await;
        page.expect("a store").len()
    }
}

impl fmt::Debug for IdentityStores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityStores").finish_non_exhaustive()
    }
}

fn arrival(number: u8) -> Arrival {
    Arrival {
        state: SecretDigest::from_bytes([number; 32]),
        browser: SecretDigest::from_bytes([number ^ 0xff; 32]),
        redirect: parsed("https://forgehold.example.com/sign-in/callback"),
        next: format!("/organizations?page={number}"),
        expires_at: noon() + TimeDelta::minutes(i64::from(number)),
    }
}

fn person(id: u128, name: &str) -> User {
    User {
        id: UserId::from_uuid(Uuid::from_u128(id)),
        name: parsed(name),
        role: Role::Operator,
        password: PasswordHash::absent(),
        created_at: noon(),
        disabled_since: None,
        last_sign_in: None,
    }
}

fn external(issuer: &str, subject: &str) -> ExternalId {
    ExternalId {
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
    }
}

fn ada() -> ExternalId {
    external("https://id.example.com", "248289761001")
}

/// Absence is `None` and no error.
pub async fn nothing_is_known_at_first(stores: IdentityStores) {
    assert_eq!(stores.take(1).await, None);
    assert_eq!(stores.owner(&ada()).await, None);
}

/// What is taken is what was put.
pub async fn an_arrival_comes_back_with_every_field(stores: IdentityStores) {
    let mut plain = arrival(2);
    plain.next = String::new();
    plain.redirect = parsed("http://127.0.0.1:8080/sign-in/callback");
    for (number, arrival) in [(1, arrival(1)), (2, plain)] {
        stores.put(&arrival).await;
        assert_eq!(stores.take(number).await, Some(arrival));
    }
}

/// The second time there is none.
pub async fn an_arrival_is_taken_once(stores: IdentityStores) {
    stores.put(&arrival(1)).await;
    stores.put(&arrival(2)).await;
    assert_eq!(stores.take(1).await, Some(arrival(1)));
    assert_eq!(stores.take(1).await, None);
    assert_eq!(stores.take(2).await, Some(arrival(2)));
}

/// A state works once, whoever comes with it at the same time.
pub async fn of_two_that_take_an_arrival_one_gets_it(stores: IdentityStores) {
    stores.put(&arrival(1)).await;
    let state = arrival(1).state;
    let (one, other) = join(
        stores.identities.take_arrival(state),
        stores.second.take_arrival(state),
    )
    .await;
    let got = [one, other].map(|taken| taken.expect("a store").is_some());
    assert_eq!(got.iter().filter(|&&got| got).count(), 1);
}

/// A state that comes twice was not random.
pub async fn the_same_state_twice_is_refused(stores: IdentityStores) {
    stores.put(&arrival(1)).await;
    let again = stores.put_at(&arrival(1), noon(), 100).await;
    assert_matches!(again, Err(_));
    assert_eq!(stores.take(1).await, Some(arrival(1)));
}

/// Whoever takes it judges.
pub async fn taking_does_not_judge_the_time(stores: IdentityStores) {
    let mut old = arrival(1);
    old.expires_at = noon() - TimeDelta::days(1);
    stores.put(&old).await;
    assert_eq!(stores.take(1).await, Some(old));
}

/// Nobody sweeps these: whoever comes does.
pub async fn what_is_over_is_forgotten_when_another_comes(stores: IdentityStores) {
    for number in [1, 5, 9] {
        stores.put(&arrival(number)).await;
    }
    // The fifth is over at this very moment.
    let later = noon() + TimeDelta::minutes(5);
    let put = stores.put_at(&arrival(10), later, 100).await;
    put.expect("a store");
    assert_eq!(stores.take(1).await, None);
    assert_eq!(stores.take(5).await, None);
    assert_eq!(stores.take(9).await, Some(arrival(9)));
    assert_eq!(stores.take(10).await, Some(arrival(10)));
}

/// A flood fills nothing up, and does not keep others out.
pub async fn beyond_the_limit_the_oldest_gives_way(stores: IdentityStores) {
    for number in 1..=5 {
        let put = stores.put_at(&arrival(number), noon(), 3).await;
        put.expect("a store");
    }
    for (number, there) in [(1, false), (2, false), (3, true), (4, true), (5, true)] {
        assert_eq!(stores.take(number).await.is_some(), there, "{number}");
    }
}

/// Both are there, and the event.
pub async fn a_link_is_made_with_its_account(stores: IdentityStores) {
    let user = person(1, "ada");
    stores.link(&user, &ada()).await.expect("the name is free");
    assert_eq!(stores.owner(&ada()).await, Some(user.id));
    let kept = stores.accounts.user(user.id).await.expect("a store");
    assert_eq!(kept, Some(user));
    assert_eq!(stores.events().await, 1);
}

/// Two providers may call two people the same; case counts.
pub async fn a_subject_belongs_to_its_issuer(stores: IdentityStores) {
    let user = person(1, "ada");
    stores
        .link(&user, &external("https://a.example", "x"))
        .await
        .expect("free");
    for other in [
        external("https://b.example", "x"),
        external("https://a.example", "X"),
        external("https://a.example/", "x"),
        external("https://a.example", "x "),
    ] {
        assert_eq!(stores.owner(&other).await, None, "{other}");
    }
}

/// One person may come from two providers.
pub async fn an_account_belongs_to_several(stores: IdentityStores) {
    let user = person(1, "ada");
    let other = external("https://b.example", "7");
    stores.link(&user, &ada()).await.expect("free");
    stores.link(&user, &other).await.expect("the same account");
    assert_eq!(stores.owner(&ada()).await, Some(user.id));
    assert_eq!(stores.owner(&other).await, Some(user.id));
}

/// The newer link counts.
pub async fn a_person_has_one_account(stores: IdentityStores) {
    let (one, other) = (person(1, "ada"), person(2, "bob"));
    stores.link(&one, &ada()).await.expect("free");
    stores.link(&other, &ada()).await.expect("linked anew");
    assert_eq!(stores.owner(&ada()).await, Some(other.id));
}

/// Whoever planned on something older is told, and neither account nor link nor event is there.
pub async fn a_link_on_an_older_generation_leaves_nothing(stores: IdentityStores) {
    let user = person(1, "ada");
    stores.link(&user, &ada()).await.expect("free");
    let (late, id) = (person(2, "bob"), external("https://b.example", "7"));
    let refused = stores.link_on(0, &late, &id).await;
    assert_matches!(
        refused,
        Err(StoreError::Stale {
            what: Stale::Accounts
        })
    );
    assert_eq!(stores.owner(&id).await, None);
    assert_matches!(stores.accounts.user(late.id).await, Ok(None));
    assert_eq!(stores.events().await, 1);
}

/// A name belongs to one, whoever vouches.
pub async fn a_link_to_a_taken_name_leaves_nothing(stores: IdentityStores) {
    let user = person(1, "ada");
    stores.link(&user, &ada()).await.expect("free");
    let (thief, id) = (person(2, "ada"), external("https://b.example", "7"));
    let refused = stores.link(&thief, &id).await;
    assert_matches!(refused, Err(StoreError::UserExists { .. }));
    assert_eq!(stores.owner(&id).await, None);
    assert_eq!(stores.owner(&ada()).await, Some(user.id));
    assert_eq!(stores.events().await, 1);
}

/// Whoever is removed is not found again through a provider.
pub async fn removing_an_account_takes_its_links(stores: IdentityStores) {
    let (user, other) = (person(1, "ada"), person(2, "bob"));
    let bob = external("https://id.example.com", "7");
    stores.link(&user, &ada()).await.expect("free");
    let generation = stores.link(&other, &bob).await.expect("free");
    let removed = stores.accounts.remove_account(user.id, generation, &[]);
    removed.await.expect("it is there");
    assert_eq!(stores.owner(&ada()).await, None);
    assert_eq!(stores.owner(&bob).await, Some(other.id));
}
