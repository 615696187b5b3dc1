//! Accounts: the first administrator, signing in and out, roles, passwords and API tokens.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use futures_executor::block_on;
use secrecy::SecretString;

use crate::accounts::throttle::Throttle;
use crate::accounts::{Level, Role, SessionLifetimes, User};
use crate::event::Actor;
use crate::ports::{AccountPorts, Stale, StoreError};
use crate::testing::build::secret;
use crate::testing::{ManualClock, MemoryStore, account_ports};
use crate::use_cases::accounts::{
    Account, AccountError, Caller, Client, SignedIn, TokenDraft, UserDraft, add_user, by_session,
    by_token, change_own_password, change_role, close, is_set_up, issue_token, remove_user, reopen,
    reset_password, revoke_token, set_up, sign_in, sign_out, sign_out_elsewhere, tokens,
};

const PASSWORD: &str = "correct horse battery staple";

const LIFETIMES: SessionLifetimes = SessionLifetimes {
    idle: TimeDelta::hours(2),
    absolute: TimeDelta::hours(12),
};

/// An installation with its first administrator, `ada`.
struct House {
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    ports: AccountPorts,
    throttle: Mutex<Throttle>,
    ada: SignedIn,
}

fn client() -> Client {
    Client {
        address: "192.0.2.1".to_owned(),
        agent: "Browser/1.0".to_owned(),
    }
}

fn root() -> Actor {
    Actor::Person("ada".to_owned())
}

impl House {
    fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let clock = Arc::new(ManualClock::default());
        let ports = account_ports(&store, &clock);
        let ada = block_on(set_up(
            &ports,
            "Ada",
            &secret(PASSWORD),
            &client(),
            LIFETIMES,
        ));
        let ada = ada.expect("nobody was there");
        Self {
            throttle: Mutex::new(Throttle::new()),
            store,
            clock,
            ports,
            ada,
        }
    }

    fn add(&self, name: &str, role: Role) -> User {
        let draft = UserDraft {
            name: name.to_owned(),
            password: secret(PASSWORD),
            role: role.to_string(),
        };
        block_on(add_user(&self.ports, &draft, &root())).expect("the name is free")
    }

    fn sign_in(&self, name: &str, password: &str) -> Result<SignedIn, AccountError> {
        block_on(sign_in(
            &self.ports,
            &self.throttle,
            name,
            &secret(password),
            &client(),
            LIFETIMES,
        ))
    }

    fn caller(&self, signed_in: &SignedIn) -> Option<Caller> {
        block_on(by_session(&self.ports, &signed_in.token.shown, LIFETIMES)).expect("a store")
    }

    fn program(&self, token: &SecretString) -> Option<Caller> {
        block_on(by_token(&self.ports, token)).expect("a store")
    }
}

#[test]
fn the_first_administrator_is_made_once() {
    let house = House::new();
    assert!(block_on(is_set_up(&house.ports)).expect("a store"));
    let caller = house.caller(&house.ada).expect("signed in");
    assert_eq!(caller.level, Level::Admin);
    assert_eq!(caller.actor(), root());
    let again = block_on(set_up(
        &house.ports,
        "eve",
        &secret(PASSWORD),
        &client(),
        LIFETIMES,
    ));
    assert!(matches!(again, Err(AccountError::SetUpAlready)));
    assert_eq!(
        house.store.event_kinds(),
        ["installation.set_up", "user.added", "user.signed_in"]
    );
}

#[test]
fn every_mistake_is_told_at_its_field() {
    let house = House::new();
    let check = |name: &str, password: &str, role: &str, expected: &str| {
        let draft = UserDraft {
            name: name.to_owned(),
            password: secret(password),
            role: role.to_owned(),
        };
        let error = block_on(add_user(&house.ports, &draft, &root())).expect_err("refused");
        assert_eq!(error.to_string(), expected);
    };
    check(
        "a b",
        "short",
        "boss",
        "name: the name of a user may not contain ' '; allowed are letters a to z, digits, `.`, `_`, `-` and `@`\n\
         role: `boss` is not a known role; known are viewer, operator, administrator\n\
         password: the password has 5 characters; take at least 12, such as four words",
    );
    check(
        "bob",
        "short",
        "viewer",
        "password: the password has 5 characters; take at least 12, such as four words",
    );
    check(
        "bob",
        "aaaaaaaaaaaaaaa",
        "viewer",
        "password: the password is one character, repeated; take several words",
    );
    check(
        "robert.tables",
        "Robert.Tables1",
        "viewer",
        "password: the password is little more than the name; take several words",
    );
    check("ADA", PASSWORD, "viewer", "there is already a user `ada`");
}

#[test]
fn a_wrong_name_and_a_wrong_password_look_the_same() {
    let house = House::new();
    for (name, password) in [
        ("ada", "wrong"),
        ("nobody", PASSWORD),
        ("no body", PASSWORD),
    ] {
        let error = house.sign_in(name, password).expect_err("refused");
        assert_eq!(error.to_string(), "the name or the password is wrong");
    }
    // Only what concerns somebody who exists goes into the history: names that nobody has would fill it.
    let failed = house.store.event_kinds();
    let failed = failed.iter().filter(|kind| *kind == "user.sign_in_failed");
    assert_eq!(failed.count(), 1);
}

#[test]
fn each_sign_in_is_a_session_of_its_own() {
    let house = House::new();
    let again = house.sign_in("ADA", PASSWORD).expect("right");
    assert_ne!(again.session.digest, house.ada.session.digest);
    let caller = house.caller(&again).expect("signed in");
    block_on(sign_out(&house.ports, &caller)).expect("a store");
    assert_eq!(house.caller(&again), None);
    assert!(house.caller(&house.ada).is_some());
}

#[test]
fn a_session_ends_by_itself() {
    let house = House::new();
    for _ in 0..6 {
        house.clock.advance(TimeDelta::minutes(119));
        assert!(house.caller(&house.ada).is_some());
    }
    house.clock.advance(TimeDelta::minutes(6));
    assert_eq!(house.caller(&house.ada), None, "twelve hours are over");
    let again = house.sign_in("ada", PASSWORD).expect("right");
    house.clock.advance(TimeDelta::minutes(120));
    assert_eq!(house.caller(&again), None, "idle for two hours");
}

#[test]
fn guessing_becomes_slow_and_a_right_password_helps_only_after_the_wait() {
    let house = House::new();
    for _ in 0..6 {
        assert!(matches!(
            house.sign_in("ada", "guess"),
            Err(AccountError::WrongPassword)
        ));
    }
    let slowed = house.sign_in("ada", PASSWORD).expect_err("slowed");
    assert_eq!(
        slowed.to_string(),
        "too many failed attempts; wait 1 s and try again"
    );
    assert!(
        matches!(slowed, AccountError::TooManyAttempts { wait } if wait == Duration::from_secs(1))
    );
    house.clock.advance(TimeDelta::seconds(1));
    assert!(house.sign_in("ada", PASSWORD).is_ok());
    house.clock.advance(TimeDelta::seconds(1));
    // The account begins anew, but from here five failures are known still.
    assert!(house.sign_in("ada", "guess").is_err());
    assert!(matches!(
        house.sign_in("ada", PASSWORD),
        Err(AccountError::TooManyAttempts { .. })
    ));
}

#[test]
fn another_role_another_password_and_a_closed_account_end_the_sessions() {
    let house = House::new();
    let bob = house.add("bob", Role::Operator);
    let fresh = || house.sign_in("bob", PASSWORD).expect("right");

    let session = fresh();
    block_on(change_role(&house.ports, bob.id, "viewer", &root())).expect("another");
    assert_eq!(house.caller(&session), None);

    let session = fresh();
    block_on(change_role(&house.ports, bob.id, "viewer", &root())).expect("nothing to do");
    assert!(house.caller(&session).is_some());

    block_on(close(&house.ports, bob.id, &root())).expect("open before");
    assert_eq!(house.caller(&session), None);
    assert!(matches!(
        house.sign_in("bob", PASSWORD),
        Err(AccountError::WrongPassword)
    ));
    block_on(reopen(&house.ports, bob.id, &root())).expect("closed before");

    let session = fresh();
    let other = secret("another password of four words");
    block_on(reset_password(&house.ports, bob.id, &other, &root())).expect("good");
    assert_eq!(house.caller(&session), None);
    assert!(
        house
            .sign_in("bob", "another password of four words")
            .is_ok()
    );
}

#[test]
fn whoever_changes_their_own_password_stays_signed_in_here_and_nowhere_else() {
    let house = House::new();
    let elsewhere = house.sign_in("ada", PASSWORD).expect("right");
    let caller = house.caller(&house.ada).expect("signed in");
    let new = secret("a new password of some words");
    let throttle = Mutex::new(Throttle::new());
    let change = |old: &str| {
        block_on(change_own_password(
            &house.ports,
            &throttle,
            (&caller, "192.0.2.1"),
            (&secret(old), &new),
        ))
    };
    let wrong = change("not it at all").expect_err("refused");
    assert_eq!(wrong.to_string(), "old_password: this is not your password");
    change(PASSWORD).expect("right");
    // Whoever sits at a browser that somebody left guesses no faster here than at the sign-in.
    let guesses = (0..100).map(|guess| change(&format!("guess {guess}")));
    let slowed = guesses
        .filter_map(Result::err)
        .find(|error| matches!(error, AccountError::TooManyAttempts { wait } if !wait.is_zero()));
    assert!(slowed.is_some());
    assert!(house.caller(&house.ada).is_some());
    assert_eq!(house.caller(&elsewhere), None);
}

#[test]
fn whoever_signs_out_elsewhere_stays_signed_in_here() {
    let house = House::new();
    let elsewhere = house.sign_in("ada", PASSWORD).expect("right");
    let caller = house.caller(&house.ada).expect("signed in");
    let ended = block_on(sign_out_elsewhere(&house.ports, &caller)).expect("a store");
    assert_eq!(ended, 1);
    assert!(house.caller(&house.ada).is_some());
    assert_eq!(house.caller(&elsewhere), None);
    let again = block_on(sign_out_elsewhere(&house.ports, &caller)).expect("a store");
    assert_eq!(again, 0);
}

#[test]
fn somebody_can_always_manage_the_accounts() {
    let house = House::new();
    let ada = house.ada.user.id;
    let last = |result: Result<User, AccountError>| {
        assert!(matches!(
            result,
            Err(AccountError::LastAdministrator { .. })
        ));
    };
    last(block_on(change_role(
        &house.ports,
        ada,
        "operator",
        &root(),
    )));
    last(block_on(close(&house.ports, ada, &root())));
    last(block_on(remove_user(&house.ports, ada, &root())));
    let grace = house.add("grace", Role::Administrator);
    block_on(close(&house.ports, grace.id, &root())).expect("ada is left");
    last(block_on(close(&house.ports, ada, &root())));
    block_on(reopen(&house.ports, grace.id, &root())).expect("closed before");
    block_on(remove_user(&house.ports, ada, &root())).expect("grace is left");
    assert_eq!(house.caller(&house.ada), None);
}

#[test]
fn a_token_allows_the_lesser_of_its_scope_and_its_owner() {
    let house = House::new();
    let bob = house.add("bob", Role::Operator);
    let session = house.sign_in("bob", PASSWORD).expect("right");
    let caller = house.caller(&session).expect("signed in");
    let issue = |scope: &str, days| {
        let draft = TokenDraft {
            name: "ci".to_owned(),
            scope: scope.to_owned(),
            expires_in_days: days,
        };
        block_on(issue_token(&house.ports, &caller, &draft))
    };
    let wide = issue("admin", None).expect_err("refused");
    assert_eq!(wide.to_string(), "this needs the permission `admin`");
    let issued = issue("write", Some(30)).expect("as much as bob may do");
    let program = house.program(&issued.secret.shown).expect("it works");
    assert_eq!(program.level, Level::Write);
    assert_eq!(
        program.actor(),
        Actor::Person("bob (API token ci)".to_owned())
    );
    let longer = TokenDraft {
        name: "longer".to_owned(),
        scope: "read".to_owned(),
        expires_in_days: Some(31),
    };
    let longer = block_on(issue_token(&house.ports, &program, &longer)).expect_err("refused");
    assert_eq!(
        longer.to_string(),
        "expires_in_days: a token that is made with another one ends no later than that one"
    );
    block_on(change_role(&house.ports, bob.id, "viewer", &root())).expect("another");
    let program = house.program(&issued.secret.shown).expect("it works");
    assert_eq!(program.level, Level::Read);
    block_on(close(&house.ports, bob.id, &root())).expect("open before");
    assert_eq!(house.program(&issued.secret.shown), None);
    block_on(reopen(&house.ports, bob.id, &root())).expect("closed before");
    house.clock.advance(TimeDelta::days(30));
    assert_eq!(house.program(&issued.secret.shown), None, "it expired");
}

#[test]
fn one_revokes_ones_own_tokens_and_an_administrator_everybodys() {
    let house = House::new();
    house.add("bob", Role::Viewer);
    house.add("eve", Role::Viewer);
    let caller = |name: &str| {
        let session = house.sign_in(name, PASSWORD).expect("right");
        house.caller(&session).expect("signed in")
    };
    let (ada, bob, eve) = (caller("ada"), caller("bob"), caller("eve"));
    let draft = TokenDraft {
        name: "ci".to_owned(),
        scope: "read".to_owned(),
        expires_in_days: None,
    };
    let issue = || block_on(issue_token(&house.ports, &bob, &draft)).expect("allowed");
    let (first, second) = (issue(), issue());
    assert_ne!(first.token.digest, second.token.digest);
    let count = |caller: &Caller| {
        block_on(tokens(&house.ports, caller))
            .expect("a store")
            .len()
    };
    assert_eq!((count(&ada), count(&bob), count(&eve)), (2, 2, 0));
    let revoke = |caller: &Caller, issued: &super::super::accounts::IssuedToken| {
        block_on(revoke_token(&house.ports, caller, issued.token.id))
    };
    assert!(matches!(
        revoke(&eve, &first),
        Err(AccountError::NotFound { .. })
    ));
    revoke(&bob, &first).expect("one's own");
    revoke(&ada, &second).expect("an administrator");
    assert_eq!(house.program(&first.secret.shown), None);
    let bad = TokenDraft {
        name: String::new(),
        scope: "all".to_owned(),
        expires_in_days: Some(0),
    };
    let error = block_on(issue_token(&house.ports, &bob, &bad)).expect_err("refused");
    assert_eq!(
        error.to_string(),
        "name: the name of an API token is empty\n\
         scope: `all` is not a known scope; known are read, write, admin\n\
         expires_in_days: a token lasts from 1 to 3660 days, or for ever"
    );
}

#[test]
fn of_two_who_change_accounts_at_once_none_is_lost() {
    let house = House::new();
    let generation = block_on(house.ports.accounts.accounts())
        .expect("a store")
        .generation;
    house.add("bob", Role::Viewer);
    let stale = block_on(
        house
            .ports
            .accounts
            .remove_account(house.ada.user.id, generation, &[]),
    );
    assert!(matches!(stale, Err(StoreError::Stale { .. })));
}

#[test]
fn nobody_changes_an_account_that_looks_otherwise_than_they_saw_it() {
    let house = House::new();
    let seen = house.add("bob", Role::Viewer);
    let ports = &house.ports;
    block_on(change_role(ports, seen.id, "operator", &root())).expect("it is there");
    let account = || Account::as_seen(seen.clone());
    let stale = |done: Result<User, AccountError>| match done {
        Err(AccountError::Store(StoreError::Stale { what })) => assert_eq!(what, Stale::Accounts),
        other => panic!("{other:?}"),
    };
    stale(block_on(change_role(ports, account(), "viewer", &root())));
    stale(block_on(close(ports, account(), &root())));
    stale(block_on(reopen(ports, account(), &root())));
    stale(block_on(reset_password(
        ports,
        account(),
        &secret("another horse battery"),
        &root(),
    )));
    stale(block_on(remove_user(ports, account(), &root())));
    // Signing in is no change: what was seen is still so.
    let now = block_on(ports.accounts.user(seen.id)).expect("a store");
    let now = now.expect("it is there");
    house.sign_in("bob", PASSWORD).expect("it is open");
    block_on(close(ports, Account::as_seen(now), &root())).expect("it was seen");
}
