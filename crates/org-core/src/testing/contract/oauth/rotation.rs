//! The promises of the port [`VcsRotation`](crate::ports::VcsRotation).

use super::{OauthUnderTest, assert_matches};
use crate::ports::{HostAccess, HostError, RotateError};
use crate::testing::OauthCall;

fn by_token(test: &dyn OauthUnderTest, name: &str) -> HostAccess {
    HostAccess::by_token(test.url(), test.token(name))
}

/// The new one opens the host until the given day, and the old one does not any more.
pub async fn rotate_replaces_the_token(test: impl OauthUnderTest) {
    let old = by_token(&test, "rotator");
    let day = test.today() + chrono::Days::new(30);
    let rotated = test.host().rotate(&old, day).await.expect("a new token");
    assert_eq!(rotated.expires_on, Some(day));
    let new = HostAccess::by_token(test.url(), rotated.token);
    let identity = test
        .host()
        .identify(&new)
        .await
        .expect("the new one is good");
    assert_eq!(identity.token.expires_on, Some(day));
    assert_eq!(identity.account.login.as_str(), "robot");
    assert_matches!(
        test.host().identify(&old).await,
        Err(HostError::TokenRefused { .. })
    );
}

/// A token that may only read stays as it is.
pub async fn rotate_needs_a_scope(test: impl OauthUnderTest) {
    let reader = by_token(&test, "reader");
    let day = test.today() + chrono::Days::new(30);
    let rotated = test.host().rotate(&reader, day).await;
    assert_matches!(
        rotated,
        Err(RotateError::Refused(
            HostError::ScopeMissing { .. } | HostError::Denied { .. }
        ))
    );
    assert!(test.host().identify(&reader).await.is_ok());
}

/// Nobody knows the new token, and the old one is void.
pub async fn a_lost_answer_to_a_rotation_is_told_as_lost(test: impl OauthUnderTest) {
    let old = by_token(&test, "rotator");
    test.lose_answer(OauthCall::Rotate).await;
    let day = test.today() + chrono::Days::new(30);
    assert_matches!(
        test.host().rotate(&old, day).await,
        Err(RotateError::Lost { .. })
    );
    assert!(test.host().identify(&old).await.is_err());
}

/// It is refused, and told as what it is.
pub async fn a_revoked_token_is_not_rotated(test: impl OauthUnderTest) {
    let day = test.today() + chrono::Days::new(30);
    let rotated = test.host().rotate(&by_token(&test, "revoked"), day).await;
    assert_matches!(
        rotated,
        Err(RotateError::Refused(HostError::TokenRefused { .. }))
    );
}
