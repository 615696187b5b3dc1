//! Probes, tokens and groups.

use std::collections::BTreeSet;

use secrecy::ExposeSecret as _;

use super::{HostUnderTest, access, errors, find_group, list, unknown_token};
use crate::ports::{Credential, HostError, Probe, ProbeStepKind};
use crate::testing::build::whole_scope;
use crate::testing::contract::assert_matches;
use crate::token::{Capability, Grant, TokenState};

/// A host that is there and answers passes every step.
pub async fn probe_of_a_good_host_fails_nowhere(test: impl HostUnderTest) {
    for token in [None, Some(test.token("reader"))] {
        let probe = Probe {
            host: test.url(),
            credential: token.map(Credential::AccessToken),
        };
        let report = test.host().probe(&probe).await;
        assert_eq!(report.failure(), None);
        assert!(!report.steps.is_empty());
    }
}

/// The steps come in the order in which a connection is made, each at most once, and TLS only where there is some.
pub async fn probe_goes_in_its_order(test: impl HostUnderTest) {
    let probe = Probe {
        host: test.url(),
        credential: Some(Credential::AccessToken(test.token("reader"))),
    };
    let report = test.host().probe(&probe).await;
    let kinds: Vec<_> = report.steps.iter().map(|step| step.kind).collect();
    assert!(kinds.is_sorted_by(|a, b| a < b), "{kinds:?}");
    let encrypted = test.url().is_encrypted();
    assert_eq!(kinds.contains(&ProbeStepKind::Tls), encrypted, "{kinds:?}");
    assert!(kinds.contains(&ProbeStepKind::Version), "{kinds:?}");
}

/// The account in the host's case, the scopes as granted, and a row for every capability.
pub async fn identify_tells_account_token_and_capabilities(test: impl HostUnderTest) {
    let host = test.host();
    let identity = host.identify(&access(&test, "reader")).await;
    let identity = identity.expect("the token is good");
    assert_eq!(identity.account.login.as_str(), "robot");
    assert_eq!(identity.token.state, TokenState::Active);
    assert_eq!(
        identity.token.scopes,
        BTreeSet::from(["read_api".to_owned()])
    );
    let rows: Vec<_> = identity
        .capabilities
        .0
        .iter()
        .map(|(row, _)| *row)
        .collect();
    assert_eq!(rows, Capability::ALL);
    assert_eq!(
        identity.capabilities.grant(Capability::List),
        Some(&Grant::Yes)
    );
    let again = host.identify(&access(&test, "reader")).await;
    assert_eq!(again.expect("the token is good").account, identity.account);
    let other = host.identify(&access(&test, "stranger")).await;
    assert_ne!(other.expect("the token is good").account, identity.account);
}

/// A good token that may do too little is an answer, with that in its capabilities.
pub async fn identify_of_a_weak_token_is_an_answer(test: impl HostUnderTest) {
    let identity = test.host().identify(&access(&test, "weak")).await;
    let identity = identity.expect("the token is good");
    assert_eq!(identity.account.login.as_str(), "robot");
    assert_matches!(
        identity.capabilities.grant(Capability::List),
        Some(Grant::Missing { any_of }) if any_of.contains(&"read_api".to_owned())
    );
}

/// A person reads that the day of the token has come, at the latest when the credential is looked at.
pub async fn an_expired_token_is_told_as_such(test: impl HostUnderTest) {
    let access = access(&test, "expired");
    let error = test.host().identify(&access).await;
    assert_matches!(error, Err(HostError::TokenExpired { .. }));
    for error in errors(&test, &access).await {
        assert_matches!(
            error,
            HostError::TokenExpired { .. } | HostError::TokenRefused { .. }
        );
    }
}

/// What somebody revoked is refused by every call, so that a lost credential never looks like a loss of repositories.
pub async fn a_revoked_token_is_refused(test: impl HostUnderTest) {
    let access = access(&test, "revoked");
    let error = test.host().identify(&access).await;
    assert_matches!(error, Err(HostError::TokenRefused { .. }));
    for error in errors(&test, &access).await {
        assert_matches!(error, HostError::TokenRefused { .. });
    }
}

/// What the host never heard of is refused by every call.
pub async fn an_unknown_token_is_refused(test: impl HostUnderTest) {
    let access = unknown_token(&test);
    let error = test.host().identify(&access).await;
    assert_matches!(error, Err(HostError::TokenRefused { .. }));
    for error in errors(&test, &access).await {
        assert_matches!(error, HostError::TokenRefused { .. });
    }
}

/// The scopes that would do are named.
pub async fn a_weak_token_lacks_a_scope(test: impl HostUnderTest) {
    for error in errors(&test, &access(&test, "weak")).await {
        assert_matches!(
            error,
            HostError::ScopeMissing { any_of, .. } if any_of.contains(&"read_api".to_owned())
        );
    }
}

/// What went wrong, and with what, is told without the credential.
pub async fn no_error_shows_the_token(test: impl HostUnderTest) {
    for access in [
        unknown_token(&test),
        access(&test, "revoked"),
        access(&test, "expired"),
        access(&test, "weak"),
    ] {
        let token = access.credential.current().await.expect("a fixed token");
        let token = token.expose_secret();
        let mut errors = errors(&test, &access).await;
        errors.extend(test.host().identify(&access).await.err());
        for error in errors {
            let shown = format!("{error} {error:?} {access:?}");
            assert!(!shown.contains(token), "{shown}");
        }
    }
}

/// A path is compared as hosts do, and comes back as the host writes it.
pub async fn find_group_ignores_case(test: impl HostUnderTest) {
    for (typed, path) in [
        ("acme", "acme"),
        ("ACME/Platform", "acme/platform"),
        ("initech", "Initech"),
    ] {
        let group = find_group(&test, typed).await.expect("it is there");
        assert_eq!(&*group.full_path, path);
        assert_eq!(group.id, test.group_id(path));
    }
}

/// A group is the same, however it was asked for.
pub async fn find_group_tells_what_the_listing_tells(test: impl HostUnderTest) {
    for listed in list(&test, &whole_scope()).await.groups {
        let found = find_group(&test, &listed.full_path).await;
        assert_eq!(found, Some(listed));
    }
}

/// Hosts do not tell apart what is not there and what may not be seen.
pub async fn find_group_of_what_is_hidden_is_none(test: impl HostUnderTest) {
    for path in ["hidden", "nowhere", "acme/nowhere", "acme/app"] {
        assert_eq!(find_group(&test, path).await, None, "{path}");
    }
}
