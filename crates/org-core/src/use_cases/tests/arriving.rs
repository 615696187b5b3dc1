//! Signing in with an account at an identity provider: who gets in, as what, and what is refused.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::TimeDelta;
use futures_executor::block_on;
use secrecy::{ExposeSecret, SecretString};

use crate::accounts::throttle::Throttle;
use crate::accounts::{
    ExternalId, GroupRole, IdentityPolicy, Level, Role, SessionLifetimes, User, VerifiedIdentity,
};
use crate::event::Actor;
use crate::oauth::RedirectUri;
use crate::ports::{
    AccountPorts, IdentityAnswer, IdentityError, IdentityPorts, IdentityProvider, IdentityQuestion,
};
use crate::testing::build::{parsed, secret};
use crate::testing::{ManualClock, MemoryStore, account_ports};
use crate::use_cases::accounts::{
    AccountError, ArrivalError, Client, Departure, Returned, SignedIn, arrive, by_session,
    change_role, close, depart, link_account, set_up, sign_in,
};

const PASSWORD: &str = "correct horse battery staple";
const ISSUER: &str = "https://id.example.com";
const CODE: &str = "code of one use";

const LIFETIMES: SessionLifetimes = SessionLifetimes {
    idle: TimeDelta::hours(2),
    absolute: TimeDelta::hours(12),
};

/// Vouches for whoever the test says, if the answer repeats what the question had.
struct FakeProvider {
    person: Mutex<VerifiedIdentity>,
    asked: Mutex<Vec<(String, String)>>,
}

#[async_trait]
impl IdentityProvider for FakeProvider {
    fn issuer(&self) -> &str {
        ISSUER
    }

    async fn question(&self, question: &IdentityQuestion<'_>) -> Result<String, IdentityError> {
        let text = |secret: &SecretString| secret.expose_secret().to_owned();
        let pair = (text(question.nonce), text(question.verifier));
        self.asked.lock().unwrap().push(pair);
        let state = question.state.expose_secret();
        Ok(format!("{ISSUER}/authorize?state={state}"))
    }

    async fn identify(
        &self,
        answer: &IdentityAnswer<'_>,
    ) -> Result<VerifiedIdentity, IdentityError> {
        if answer.code.expose_secret() != CODE {
            return Err(IdentityError::Refused {
                code: "invalid_grant".to_owned(),
                detail: "the code is spent".to_owned(),
            });
        }
        let repeated = self.asked.lock().unwrap().iter().any(|(nonce, verifier)| {
            nonce == answer.nonce.expose_secret() && verifier == answer.verifier.expose_secret()
        });
        assert!(repeated, "the answer is judged by what the question had");
        Ok(self.person.lock().unwrap().clone())
    }
}

/// An installation with its first administrator, `ada`, who has a password, and a provider that vouches for `bob`.
struct House {
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    ports: AccountPorts,
    identity: IdentityPorts,
    provider: Arc<FakeProvider>,
    throttle: Mutex<Throttle>,
    ada: User,
}

fn client() -> Client {
    Client {
        address: "192.0.2.1".to_owned(),
        agent: "Browser/1.0".to_owned(),
    }
}

fn redirect() -> RedirectUri {
    parsed("https://forgehold.example.com/sign-in/callback")
}

fn bob() -> VerifiedIdentity {
    VerifiedIdentity {
        id: ExternalId {
            issuer: ISSUER.to_owned(),
            subject: "7".to_owned(),
        },
        name: Some("Bob".to_owned()),
        email: Some("bob@example.com".to_owned()),
        email_verified: true,
        groups: vec!["staff".to_owned(), "developers".to_owned()],
    }
}

fn grant(group: &str, role: Role) -> GroupRole {
    GroupRole {
        group: group.to_owned(),
        role,
    }
}

impl House {
    fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let clock = Arc::new(ManualClock::default());
        let ports = account_ports(&store, &clock);
        let ada = block_on(set_up(
            &ports,
            "ada",
            &secret(PASSWORD),
            &client(),
            LIFETIMES,
        ));
        let ada = ada.expect("nobody was there").user;
        let provider = Arc::new(FakeProvider {
            person: Mutex::new(bob()),
            asked: Mutex::default(),
        });
        let identity = IdentityPorts {
            provider: provider.clone(),
            identities: store.clone(),
            policy: IdentityPolicy {
                roles: vec![
                    grant("developers", Role::Operator),
                    grant("staff", Role::Viewer),
                    grant("admins", Role::Administrator),
                ],
                create: true,
            },
        };
        Self {
            store,
            clock,
            ports,
            identity,
            provider,
            throttle: Mutex::new(Throttle::new()),
            ada,
        }
    }

    fn person(&self, change: impl FnOnce(&mut VerifiedIdentity)) {
        change(&mut self.provider.person.lock().unwrap());
    }

    fn depart(&self) -> Departure {
        let (ports, identity) = (&self.ports, &self.identity);
        block_on(depart(ports, identity, &redirect(), "/licenses")).expect("the provider is there")
    }

    fn by_password(&self, name: &str, password: &str) -> Result<SignedIn, AccountError> {
        block_on(sign_in(
            &self.ports,
            &self.throttle,
            name,
            &secret(password),
            &client(),
            LIFETIMES,
        ))
    }

    fn arrive(&self, returned: &Returned) -> Result<(SignedIn, String), ArrivalError> {
        block_on(arrive(
            &self.ports,
            &self.identity,
            &self.throttle,
            returned,
            &client(),
            LIFETIMES,
        ))
    }

    /// The whole way there and back.
    fn enter(&self) -> Result<SignedIn, ArrivalError> {
        let returned = back(&self.depart());
        self.arrive(&returned).map(|(signed_in, _)| signed_in)
    }

    fn link(&self, user: &User, subject: &str) -> Result<User, AccountError> {
        let root = Actor::Person("ada".to_owned());
        block_on(link_account(
            &self.ports,
            &self.identity,
            user.id,
            subject,
            &root,
        ))
    }

    fn level(&self, signed_in: &SignedIn) -> Option<Level> {
        let caller = block_on(by_session(&self.ports, &signed_in.token.shown, LIFETIMES));
        caller.expect("a store").map(|caller| caller.level)
    }

    fn new_events(&self) -> Vec<String> {
        let all = self.store.event_kinds();
        all.into_iter().skip(3).collect()
    }
}

/// What the browser brings back when all went well.
fn back(departure: &Departure) -> Returned {
    let (_, state) = departure.address.split_once("state=").expect("a state");
    Returned {
        state: Some(secret(state)),
        code: Some(secret(CODE)),
        browser: Some(departure.browser.clone()),
        ..Returned::default()
    }
}

#[test]
fn the_first_sign_in_makes_an_account_without_a_password() {
    let house = House::new();
    let (signed_in, next) = house.arrive(&back(&house.depart())).expect("vouched for");
    assert_eq!(next, "/licenses");
    assert_eq!(signed_in.user.name.as_str(), "bob");
    // Of several groups the highest role counts.
    assert_eq!(signed_in.user.role, Role::Operator);
    assert_eq!(house.level(&signed_in), Some(Level::Write));
    assert_eq!(
        house.new_events(),
        ["user.added", "user.linked", "user.signed_in"]
    );
    // Nobody signs in there with a password, whatever it is.
    for password in ["", PASSWORD, "plain "] {
        let refused = house.by_password("bob", password);
        assert!(matches!(refused, Err(AccountError::WrongPassword)));
    }
    let again = house.enter().expect("known by now");
    assert_eq!(again.user.id, signed_in.user.id);
    assert_ne!(again.session.digest, signed_in.session.digest);
}

#[test]
fn a_name_at_the_provider_is_no_identity() {
    let house = House::new();
    let bob = house.enter().expect("vouched for");
    // Somebody else gets the name and the address later.
    house.person(|person| person.id.subject = "8".to_owned());
    let refused = house.enter();
    assert!(
        matches!(&refused, Err(ArrivalError::NameTaken { name, .. }) if name.as_str() == "bob"),
        "{refused:?}"
    );
    // The same person is known under another name.
    house.person(|person| {
        person.id.subject = "7".to_owned();
        person.name = Some("robert".to_owned());
    });
    assert_eq!(house.enter().expect("known").user.id, bob.user.id);
}

#[test]
fn an_account_with_a_password_is_not_taken_over() {
    let house = House::new();
    house.person(|person| {
        person.name = Some("ADA".to_owned());
        person.groups.push("admins".to_owned());
    });
    let refused = house.enter().expect_err("the name is taken");
    assert_eq!(refused.code(), "name_taken");
    assert!(
        refused
            .hint()
            .expect("a hint")
            .contains("link-account NAME '7'")
    );
    assert_eq!(house.new_events(), ["user.sign_in_refused"]);
    // Whoever runs the server knows that both are the same.
    house.link(&house.ada, " 7 ").expect("linked");
    let signed_in = house.enter().expect("linked");
    assert_eq!(signed_in.user.id, house.ada.id);
    assert!(
        house.by_password("ada", PASSWORD).is_ok(),
        "the password works as before"
    );
}

#[test]
fn whoever_is_in_no_group_does_not_get_in() {
    let house = House::new();
    house.person(|person| person.groups = vec!["Developers".to_owned(), "others".to_owned()]);
    let refused = house.enter().expect_err("no group has a role");
    assert_eq!(refused.code(), "no_role");
    let users = block_on(house.ports.accounts.accounts()).expect("a store");
    assert_eq!(users.users.len(), 1, "nothing is left of it");
    assert_eq!(house.new_events(), ["user.sign_in_refused"]);
}

#[test]
fn a_role_follows_the_groups_at_the_next_sign_in() {
    let house = House::new();
    let first = house.enter().expect("vouched for");
    house.person(|person| person.groups = vec!["staff".to_owned()]);
    assert_eq!(house.level(&first), Some(Level::Write));
    let second = house.enter().expect("vouched for");
    assert_eq!(second.user.role, Role::Viewer);
    assert_eq!(house.level(&second), Some(Level::Read));
    assert_eq!(
        house.level(&first),
        None,
        "nothing goes on with the old role"
    );
    house.person(|person| person.groups.clear());
    assert_eq!(house.enter().expect_err("no group").code(), "no_role");
}

#[test]
fn the_last_administrator_with_a_password_stays_one() {
    let house = House::new();
    house.link(&house.ada, "7").expect("linked");
    let refused = house.enter().expect_err("the groups say operator");
    assert_eq!(refused.code(), "last_administrator");
    // One who needs the provider does not count.
    house.person(|person| {
        person.id.subject = "9".to_owned();
        person.groups = vec!["admins".to_owned()];
    });
    let other = house.enter().expect("vouched for");
    assert_eq!(other.user.role, Role::Administrator);
    let by = Actor::Person("bob".to_owned());
    let demoted = block_on(change_role(&house.ports, house.ada.id, "viewer", &by));
    assert!(matches!(
        demoted,
        Err(AccountError::LastAdministrator { .. })
    ));
    // And may lose the role at any time.
    house.person(|person| person.groups = vec!["staff".to_owned()]);
    assert_eq!(house.enter().expect("vouched for").user.role, Role::Viewer);
}

#[test]
fn a_closed_account_stays_closed() {
    let house = House::new();
    let bob = house.enter().expect("vouched for").user;
    let root = Actor::Person("ada".to_owned());
    block_on(close(&house.ports, bob.id, &root)).expect("it was open");
    assert_eq!(house.enter().expect_err("closed").code(), "account_closed");
}

#[test]
fn without_making_accounts_only_linked_ones_get_in() {
    let mut house = House::new();
    house.identity.policy.create = false;
    assert_eq!(house.enter().expect_err("not linked").code(), "no_account");
    house.person(|person| person.groups = vec!["admins".to_owned()]);
    house.link(&house.ada, "7").expect("linked");
    assert_eq!(house.enter().expect("linked").user.id, house.ada.id);
}

#[test]
fn an_account_is_named_by_what_the_provider_is_sure_of() {
    #[track_caller]
    fn check(name: Option<&str>, email: Option<&str>, verified: bool, expected: &str) {
        let house = House::new();
        house.person(|person| {
            person.name = name.map(str::to_owned);
            person.email = email.map(str::to_owned);
            person.email_verified = verified;
        });
        let named = match house.enter() {
            Ok(signed_in) => signed_in.user.name.to_string(),
            Err(error) => error.code().to_owned(),
        };
        assert_eq!(named, expected);
    }
    let mail = Some("bob@example.com");
    check(Some("Bob.B"), mail, true, "bob.b");
    check(Some("Bob Builder"), mail, true, "bob@example.com");
    check(None, mail, true, "bob@example.com");
    check(None, mail, false, "no_name");
    check(Some("<script>"), None, true, "no_name");
    check(None, None, true, "no_name");
}

#[test]
fn an_answer_counts_once_in_time_and_in_its_browser() {
    let house = House::new();
    let codes = |returned: &Returned| match house.arrive(returned) {
        Ok(_) => "in",
        Err(error) => error.code(),
    };
    let good = back(&house.depart());
    assert_eq!(codes(&good), "in");
    assert_eq!(codes(&good), "sign_in_unknown", "a state works once");

    // Login CSRF: the answer of an attacker's sign-in in the browser of somebody else, with a cookie of their own or none.
    let (mine, theirs) = (house.depart(), house.depart());
    let mut foreign = back(&mine);
    foreign.browser = Some(theirs.browser.clone());
    assert_eq!(codes(&foreign), "sign_in_elsewhere");
    assert_eq!(codes(&back(&mine)), "sign_in_unknown", "and is spent by it");
    let mut bare = back(&theirs);
    bare.browser = None;
    assert_eq!(codes(&bare), "sign_in_elsewhere");

    let mut made_up = back(&house.depart());
    made_up.state = Some(secret("0".repeat(64).as_str()));
    assert_eq!(codes(&made_up), "sign_in_unknown");
    made_up.state = None;
    assert_eq!(codes(&made_up), "sign_in_unknown");

    let late = back(&house.depart());
    house.clock.advance(TimeDelta::minutes(10));
    assert_eq!(codes(&late), "sign_in_expired");
}

#[test]
fn what_the_provider_says_is_told_apart() {
    #[track_caller]
    fn check(expected: &str, change: impl FnOnce(&mut Returned)) {
        let house = House::new();
        let mut returned = back(&house.depart());
        change(&mut returned);
        let error = house.arrive(&returned).expect_err("refused");
        assert_eq!(error.code(), expected);
        let users = block_on(house.ports.accounts.accounts()).expect("a store");
        assert_eq!(users.users.len(), 1, "nobody was made");
        assert!(house.new_events().is_empty(), "nobody is known yet");
        let again = house.arrive(&back_again(&returned)).expect_err("spent");
        assert_eq!(again.code(), "sign_in_unknown", "nothing is left of it");
    }
    fn back_again(returned: &Returned) -> Returned {
        Returned {
            error: None,
            issuer: None,
            code: Some(secret(CODE)),
            ..returned.clone()
        }
    }
    check("sign_in_denied", |returned| {
        returned.error = Some("access_denied".to_owned());
    });
    check("provider_failed", |returned| {
        returned.error = Some("server_error".to_owned());
        returned.code = None;
    });
    check("provider_incomplete", |returned| returned.code = None);
    check("provider_refused", |returned| {
        returned.code = Some(secret("another code"));
    });
    check("other_issuer", |returned| {
        returned.issuer = Some("https://evil.example".to_owned());
    });
    // An error of somebody else is no error of the provider.
    check("other_issuer", |returned| {
        returned.issuer = Some("https://evil.example".to_owned());
        returned.error = Some("access_denied".to_owned());
    });
}

#[test]
fn failures_slow_the_address_and_no_account() {
    let house = House::new();
    let mut refused = None;
    for _ in 0..50 {
        let error = house.arrive(&Returned::default()).expect_err("no state");
        if matches!(error, ArrivalError::TooManyAttempts { .. }) {
            refused = Some(error);
            break;
        }
    }
    assert!(refused.is_some(), "guessing is slowed");
    let other = Client {
        address: "198.51.100.7".to_owned(),
        ..client()
    };
    let signed_in = block_on(arrive(
        &house.ports,
        &house.identity,
        &house.throttle,
        &back(&house.depart()),
        &other,
        LIFETIMES,
    ));
    assert!(signed_in.is_ok());
}

#[test]
fn what_the_store_keeps_finishes_nothing() {
    let house = House::new();
    let departure = house.depart();
    let kept = format!("{:?}", house.store);
    let returned = back(&departure);
    for secret in [
        &departure.browser,
        returned.state.as_ref().expect("a state"),
    ] {
        assert!(!kept.contains(secret.expose_secret()));
    }
    for (nonce, verifier) in house.provider.asked.lock().unwrap().iter() {
        assert!(!kept.contains(nonce) && !kept.contains(verifier));
        assert_ne!(nonce, verifier);
    }
}
