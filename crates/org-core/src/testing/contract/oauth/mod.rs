//! The promises of the ports [`VcsOauth`](crate::ports::VcsOauth), [`VcsRotation`](crate::ports::VcsRotation) and of every request with a
//! credential that is renewed meanwhile, tried on the world of [`HostWorld`](super::host::HostWorld).

mod rotation;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use chrono::NaiveDate;
use secrecy::{ExposeSecret as _, SecretString};

use super::assert_matches;
use super::host::HostUnderTest;
use crate::oauth::{Access, RedirectUri, State, Verifier};
use crate::ports::{
    AccessTokens, AuthorizationRequest, CodeExchange, Credential, DevicePoll, DeviceStart, Grant,
    HostAccess, HostError, OauthError,
};
use crate::testing::{OauthCall, SeededEntropy};

pub use rotation::*;

/// Runs the suite of the OAuth side of a host; `make` is an expression for a fresh [`OauthUnderTest`] that has exactly
/// [`HostWorld::new`](super::host::HostWorld::new).
#[macro_export]
macro_rules! oauth_contract {
    (run = $run:expr, make = $make:expr $(,)?) => {
        $crate::contract_cases! { oauth, $run, $make, [
            the_address_holds_the_state_and_not_the_verifier,
            a_code_becomes_tokens_that_open_the_host,
            more_is_granted_when_more_is_asked_for,
            a_wrong_verifier_is_no_grant,
            another_redirect_is_no_grant,
            a_code_works_once,
            an_unknown_code_is_no_grant,
            a_denial_comes_back_with_the_state,
            a_lost_answer_to_a_code_is_told_as_lost,
            refresh_gives_a_new_pair_and_ends_the_old_one,
            a_refresh_token_works_once,
            a_lagging_host_accepts_the_token_later,
            a_lost_answer_to_a_refresh_is_told_as_lost,
            revoke_ends_both_tokens,
            revoke_of_what_is_unknown_is_fine,
            a_device_waits_until_it_is_approved,
            a_denied_device_is_told_as_such,
            a_device_code_works_once,
            a_sign_in_is_no_access_token,
            an_access_token_is_no_sign_in,
            a_token_that_was_renewed_meanwhile_is_used,
            a_refused_request_is_repeated_once,
            a_sign_in_that_ended_is_told_as_such,
            rotate_replaces_the_token,
            rotate_needs_a_scope,
            a_lost_answer_to_a_rotation_is_told_as_lost,
            a_revoked_token_is_not_rotated,
            no_debug_output_shows_a_secret,
        ] }
    };
}

/// A host under test whose OAuth side a case can drive as people would.
#[async_trait]
pub trait OauthUnderTest: HostUnderTest {
    /// Does what a person does who opens the address, signs in as `login` and agrees. Answers the query that the browser brings back.
    async fn approve(&self, url: &SecretString, login: &str) -> String;

    /// The same with a person who says no.
    async fn deny(&self, url: &SecretString) -> String;

    /// A person types the code of a device, signs in as `login` and agrees.
    async fn approve_device(&self, user_code: &str, login: &str);

    /// The same with a person who says no.
    async fn deny_device(&self, user_code: &str);

    /// The next uses of good refresh tokens are refused, as by a replica that lags behind.
    async fn lag_refresh_tokens(&self, times: u64);

    /// Every access token of a sign-in has expired; refresh tokens live on.
    async fn expire_sign_ins(&self);

    /// The host does its part of the next request of this kind, and the answer is lost.
    async fn lose_answer(&self, call: OauthCall);

    /// Makes the host's time pass until a device may poll again.
    async fn wait_for_the_next_poll(&self);

    /// The host's present day, in UTC.
    fn today(&self) -> NaiveDate;
}

fn request(test: &dyn OauthUnderTest, access: Access) -> AuthorizationRequest {
    let entropy = SeededEntropy::new(7);
    AuthorizationRequest {
        redirect: redirect(test, 40_000),
        state: State::random(&entropy).expect("randomness"),
        verifier: Verifier::random(&entropy).expect("randomness"),
        access,
    }
}

fn redirect(test: &dyn OauthUnderTest, port: u16) -> RedirectUri {
    RedirectUri::loopback(port, &test.url())
}

fn parameter(query: &str, name: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// The code that comes of a request that a person agrees to.
async fn exchange_of(test: &dyn OauthUnderTest, request: &AuthorizationRequest) -> CodeExchange {
    let url = test.host().authorization_url(&test.url(), request);
    let query = test.approve(&url.expect("an address"), "robot").await;
    let state = request.state.secret().expose_secret().to_owned();
    assert_eq!(parameter(&query, "state"), Some(state));
    CodeExchange {
        redirect: request.redirect.clone(),
        code: SecretString::from(parameter(&query, "code").expect("a code")),
        verifier: request.verifier.clone(),
    }
}

async fn exchange(test: &dyn OauthUnderTest, code: &CodeExchange) -> Result<Grant, OauthError> {
    test.host().exchange(&test.url(), code, Access::Read).await
}

/// Signs in as `robot`.
async fn signed_in(test: &dyn OauthUnderTest) -> Grant {
    let code = exchange_of(test, &request(test, Access::Read)).await;
    exchange(test, &code).await.expect("a grant")
}

fn refresh_token(grant: &Grant) -> SecretString {
    grant.refresh_token.clone().expect("a refresh token")
}

async fn refresh(test: &dyn OauthUnderTest, token: &SecretString) -> Result<Grant, OauthError> {
    let redirect = redirect(test, 40_000);
    test.host()
        .refresh(&test.url(), token, Some(redirect))
        .await
}

fn access_by(test: &dyn OauthUnderTest, token: &SecretString) -> HostAccess {
    HostAccess {
        host: test.url(),
        credential: Credential::fresh(token.clone()),
    }
}

async fn login_of(test: &dyn OauthUnderTest, token: &SecretString) -> Result<String, HostError> {
    let identity = test.host().identify(&access_by(test, token)).await?;
    Ok(identity.account.login.to_string())
}

/// The browser learns the challenge, never the verifier.
pub async fn the_address_holds_the_state_and_not_the_verifier(test: impl OauthUnderTest) {
    let request = request(&test, Access::Read);
    let url = test
        .host()
        .authorization_url(&test.url(), &request)
        .expect("an address");
    let query = test.approve(&url, "robot").await;
    assert!(!query.contains(request.verifier.secret().expose_secret()));
    let url = url.expose_secret();
    assert!(
        url.starts_with(&test.url().to_string()),
        "it is at the host"
    );
    assert!(url.contains(request.state.secret().expose_secret()));
    assert!(!url.contains(request.verifier.secret().expose_secret()));
    assert_ne!(test.host().client(&test.url()), None);
}

/// The tokens open the host, as the person who agreed, with what was asked for.
pub async fn a_code_becomes_tokens_that_open_the_host(test: impl OauthUnderTest) {
    let grant = signed_in(&test).await;
    assert_eq!(
        login_of(&test, &grant.access_token).await.as_deref(),
        Ok("robot")
    );
    assert!(grant.refresh_token.is_some());
    assert!(grant.lifetime.is_some_and(|life| !life.is_zero()));
    let identity = test
        .host()
        .identify(&access_by(&test, &grant.access_token))
        .await;
    let identity = identity.expect("the token is good");
    assert_eq!(identity.token.scopes, grant.scopes);
    assert_eq!(
        identity.token.expires_on, None,
        "what renews itself has no last day"
    );
    assert_matches!(
        identity.capabilities.grant(crate::token::Capability::List),
        Some(crate::token::Grant::Yes)
    );
}

/// Restoring needs more than reading.
pub async fn more_is_granted_when_more_is_asked_for(test: impl OauthUnderTest) {
    let code = exchange_of(&test, &request(&test, Access::Restore)).await;
    let granted = test
        .host()
        .exchange(&test.url(), &code, Access::Restore)
        .await;
    let more = granted.expect("a grant").scopes;
    let less = signed_in(&test).await.scopes;
    assert_ne!(more, less);
}

/// Whoever has the code alone has nothing.
pub async fn a_wrong_verifier_is_no_grant(test: impl OauthUnderTest) {
    let mut code = exchange_of(&test, &request(&test, Access::Read)).await;
    code.verifier = Verifier::random(&SeededEntropy::new(8)).expect("randomness");
    assert_matches!(
        exchange(&test, &code).await,
        Err(OauthError::InvalidGrant { .. })
    );
}

/// The code belongs to one redirect URI.
pub async fn another_redirect_is_no_grant(test: impl OauthUnderTest) {
    let mut code = exchange_of(&test, &request(&test, Access::Read)).await;
    code.redirect = "https://elsewhere.example/callback".parse().expect("a URI");
    assert_matches!(
        exchange(&test, &code).await,
        Err(OauthError::InvalidGrant { .. })
    );
}

/// The second time it is void.
pub async fn a_code_works_once(test: impl OauthUnderTest) {
    let code = exchange_of(&test, &request(&test, Access::Read)).await;
    assert!(exchange(&test, &code).await.is_ok());
    assert_matches!(
        exchange(&test, &code).await,
        Err(OauthError::InvalidGrant { .. })
    );
}

/// What the host never gave is no grant.
pub async fn an_unknown_code_is_no_grant(test: impl OauthUnderTest) {
    let mut code = exchange_of(&test, &request(&test, Access::Read)).await;
    code.code = SecretString::from("guessed");
    assert_matches!(
        exchange(&test, &code).await,
        Err(OauthError::InvalidGrant { .. })
    );
}

/// The state comes back, so that whoever asked knows.
pub async fn a_denial_comes_back_with_the_state(test: impl OauthUnderTest) {
    let request = request(&test, Access::Read);
    let url = test
        .host()
        .authorization_url(&test.url(), &request)
        .expect("an address");
    let query = test.deny(&url).await;
    assert_eq!(parameter(&query, "error").as_deref(), Some("access_denied"));
    let state = request.state.secret().expose_secret().to_owned();
    assert_eq!(parameter(&query, "state"), Some(state));
    assert_eq!(parameter(&query, "code"), None);
}

/// Nobody knows whether there are tokens; the code is void.
pub async fn a_lost_answer_to_a_code_is_told_as_lost(test: impl OauthUnderTest) {
    let code = exchange_of(&test, &request(&test, Access::Read)).await;
    test.lose_answer(OauthCall::Exchange).await;
    assert_matches!(exchange(&test, &code).await, Err(OauthError::Lost { .. }));
    assert_matches!(
        exchange(&test, &code).await,
        Err(OauthError::InvalidGrant { .. })
    );
}

/// The new pair opens the host, and the old access token does not any more.
pub async fn refresh_gives_a_new_pair_and_ends_the_old_one(test: impl OauthUnderTest) {
    let old = signed_in(&test).await;
    let new = refresh(&test, &refresh_token(&old))
        .await
        .expect("a new pair");
    assert_eq!(
        login_of(&test, &new.access_token).await.as_deref(),
        Ok("robot")
    );
    assert_matches!(
        login_of(&test, &old.access_token).await,
        Err(HostError::TokenRefused { .. })
    );
    assert!(new.scopes.is_empty() || new.scopes == old.scopes, "{new:?}");
}

/// The second time it is void, and the pair that it gave lives on.
pub async fn a_refresh_token_works_once(test: impl OauthUnderTest) {
    let token = refresh_token(&signed_in(&test).await);
    let new = refresh(&test, &token).await.expect("a new pair");
    assert_matches!(
        refresh(&test, &token).await,
        Err(OauthError::InvalidGrant { .. })
    );
    assert_eq!(
        login_of(&test, &new.access_token).await.as_deref(),
        Ok("robot")
    );
}

/// A refusal does not always mean that the token is dead.
pub async fn a_lagging_host_accepts_the_token_later(test: impl OauthUnderTest) {
    let old = signed_in(&test).await;
    test.lag_refresh_tokens(1).await;
    let token = refresh_token(&old);
    assert_matches!(
        refresh(&test, &token).await,
        Err(OauthError::InvalidGrant { .. })
    );
    assert_eq!(
        login_of(&test, &old.access_token).await.as_deref(),
        Ok("robot")
    );
    assert!(refresh(&test, &token).await.is_ok());
}

/// The host did its part, so the old pair is void.
pub async fn a_lost_answer_to_a_refresh_is_told_as_lost(test: impl OauthUnderTest) {
    let old = signed_in(&test).await;
    test.lose_answer(OauthCall::Refresh).await;
    let token = refresh_token(&old);
    assert_matches!(refresh(&test, &token).await, Err(OauthError::Lost { .. }));
    assert_matches!(
        refresh(&test, &token).await,
        Err(OauthError::InvalidGrant { .. })
    );
    assert!(login_of(&test, &old.access_token).await.is_err());
}

/// By the refresh token or by the access token: both end.
pub async fn revoke_ends_both_tokens(test: impl OauthUnderTest) {
    for by_access in [false, true] {
        let grant = signed_in(&test).await;
        let token = if by_access {
            grant.access_token.clone()
        } else {
            refresh_token(&grant)
        };
        assert_eq!(test.host().revoke(&test.url(), &token).await, Ok(()));
        assert_matches!(
            login_of(&test, &grant.access_token).await,
            Err(HostError::TokenRefused { .. })
        );
        assert_matches!(
            refresh(&test, &refresh_token(&grant)).await,
            Err(OauthError::InvalidGrant { .. })
        );
    }
}

/// So it may be repeated when its answer was lost.
pub async fn revoke_of_what_is_unknown_is_fine(test: impl OauthUnderTest) {
    let token = refresh_token(&signed_in(&test).await);
    for _ in 0..2 {
        assert_eq!(test.host().revoke(&test.url(), &token).await, Ok(()));
    }
    let unknown = SecretString::from("never-given");
    assert_eq!(test.host().revoke(&test.url(), &unknown).await, Ok(()));
}

async fn started(test: &dyn OauthUnderTest) -> DeviceStart {
    let start = test.host().start_device(&test.url(), Access::Read).await;
    start.expect("a device code")
}

async fn poll(test: &dyn OauthUnderTest, start: &DeviceStart) -> Result<DevicePoll, OauthError> {
    let host = test.host();
    let code = &start.device_code;
    host.poll_device(&test.url(), code, Access::Read).await
}

/// It begins with a code to type at the host, and ends with tokens.
pub async fn a_device_waits_until_it_is_approved(test: impl OauthUnderTest) {
    let start = started(&test).await;
    assert!(
        start.verification_uri.starts_with(&test.url().to_string()),
        "{start:?}"
    );
    assert!(!start.user_code.is_empty() && !start.lifetime.is_zero());
    assert_matches!(poll(&test, &start).await, Ok(DevicePoll::Pending));
    test.approve_device(&start.user_code, "robot").await;
    // Polling again at once is too fast for some hosts; the next answer then comes later.
    let granted = loop {
        match poll(&test, &start).await {
            Ok(DevicePoll::Granted(grant)) => break grant,
            Ok(DevicePoll::SlowDown) => test.wait_for_the_next_poll().await,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        login_of(&test, &granted.access_token).await.as_deref(),
        Ok("robot")
    );
}

/// A denial is final.
pub async fn a_denied_device_is_told_as_such(test: impl OauthUnderTest) {
    let start = started(&test).await;
    test.deny_device(&start.user_code).await;
    assert_matches!(
        poll(&test, &start).await,
        Err(OauthError::AccessDenied { .. })
    );
}

/// The tokens are given once.
pub async fn a_device_code_works_once(test: impl OauthUnderTest) {
    let start = started(&test).await;
    test.approve_device(&start.user_code, "robot").await;
    assert_matches!(poll(&test, &start).await, Ok(DevicePoll::Granted(_)));
    assert_matches!(
        poll(&test, &start).await,
        Err(OauthError::InvalidGrant { .. })
    );
}

/// What lives for two hours must not pass for a token of a year.
pub async fn a_sign_in_is_no_access_token(test: impl OauthUnderTest) {
    let grant = signed_in(&test).await;
    let access = HostAccess::by_token(test.url(), grant.access_token.clone());
    assert_matches!(
        test.host().identify(&access).await,
        Err(HostError::Unsupported { .. })
    );
}

/// And the other way round.
pub async fn an_access_token_is_no_sign_in(test: impl OauthUnderTest) {
    let access = access_by(&test, &test.token("reader"));
    assert!(test.host().identify(&access).await.is_err());
}

/// Tokens as a program has them whose neighbor renews: the first is void already, and there is another one.
struct Renewed {
    first: SecretString,
    then: Option<SecretString>,
    asked: AtomicU64,
}

#[async_trait]
impl AccessTokens for Renewed {
    async fn current(&self) -> Result<SecretString, HostError> {
        Ok(self.first.clone())
    }

    async fn replacement(&self, refused: &SecretString) -> Result<Option<SecretString>, HostError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        assert_eq!(refused.expose_secret(), self.first.expose_secret());
        match &self.then {
            Some(then) => Ok(Some(then.clone())),
            None => Err(HostError::SignInEnded {
                host: "the host".to_owned(),
                detail: "as the test said".to_owned(),
            }),
        }
    }
}

fn renewed(
    test: &dyn OauthUnderTest,
    first: &SecretString,
    then: Option<SecretString>,
) -> (Arc<Renewed>, HostAccess) {
    let tokens = Arc::new(Renewed {
        first: first.clone(),
        then,
        asked: AtomicU64::new(0),
    });
    let access = HostAccess {
        host: test.url(),
        credential: Credential::Oauth(tokens.clone()),
    };
    (tokens, access)
}

/// A request with the old token is repeated with the new one, and nobody notices.
pub async fn a_token_that_was_renewed_meanwhile_is_used(test: impl OauthUnderTest) {
    let old = signed_in(&test).await;
    let new = refresh(&test, &refresh_token(&old))
        .await
        .expect("a new pair");
    let (tokens, access) = renewed(&test, &old.access_token, Some(new.access_token));
    let identity = test.host().identify(&access).await.expect("it is repeated");
    assert_eq!(identity.account.login.as_str(), "robot");
    let found = test
        .host()
        .find_group(&access, &crate::testing::build::parsed("acme"))
        .await;
    assert_matches!(found, Ok(Some(_)));
    assert!(tokens.asked.load(Ordering::Relaxed) > 0);
}

/// When the other token is refused too, that is the answer.
pub async fn a_refused_request_is_repeated_once(test: impl OauthUnderTest) {
    let (old, other) = (signed_in(&test).await, signed_in(&test).await);
    for grant in [&old, &other] {
        let revoked = test.host().revoke(&test.url(), &refresh_token(grant)).await;
        assert_eq!(revoked, Ok(()));
    }
    let (tokens, access) = renewed(&test, &old.access_token, Some(other.access_token));
    let path = crate::testing::build::parsed("acme");
    let found = test.host().find_group(&access, &path).await;
    assert_matches!(found, Err(HostError::TokenRefused { .. }));
    assert_eq!(tokens.asked.load(Ordering::Relaxed), 1);
}

/// What the credential says of itself reaches the caller as it is.
pub async fn a_sign_in_that_ended_is_told_as_such(test: impl OauthUnderTest) {
    let old = signed_in(&test).await;
    test.expire_sign_ins().await;
    let (_, access) = renewed(&test, &old.access_token, None);
    let path = crate::testing::build::parsed("acme");
    let found = test.host().find_group(&access, &path).await;
    assert_matches!(found, Err(HostError::SignInEnded { .. }));
}

/// Whoever logs one of these values gives nothing away.
pub async fn no_debug_output_shows_a_secret(test: impl OauthUnderTest) {
    let request = request(&test, Access::Read);
    let code = exchange_of(&test, &request).await;
    let told = format!("{request:?} {code:?}");
    let grant = exchange(&test, &code).await.expect("a grant");
    let spent = exchange(&test, &code).await.expect_err("it works once");
    let start = started(&test).await;
    let told = format!("{told} {grant:?} {spent:?} {spent} {start:?}");
    for secret in [
        request.state.secret(),
        request.verifier.secret(),
        &code.code,
        &grant.access_token,
        &refresh_token(&grant),
        &start.device_code,
    ] {
        assert!(!told.contains(secret.expose_secret()), "{told}");
    }
}
