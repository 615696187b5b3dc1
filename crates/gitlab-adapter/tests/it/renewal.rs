//! Requests that are under way while the access token is renewed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use gitlab_sim::{Builder, Fault, FaultKind, OauthHandle, RateLimits, Trigger};
use org_core::ids::RepositoryId;
use org_core::listing::PersonalNamespace;
use org_core::ports::{
    AccessTokens, Credential, HostAccess, HostError, Probe, VcsIdentity as _, VcsListing as _,
    VcsProbe as _,
};
use secrecy::{ExposeSecret as _, SecretString};

use crate::harness::{Outcome, all, builder, chosen, config, gather};
use crate::signing::{CLIENT, Signing};

/// Tokens as the application keeps them: whoever is refused gets the next one, and the first who is makes it.
struct Renewing {
    oauth: OauthHandle,
    present: Mutex<String>,
    /// How often somebody asked for the present one.
    asked: AtomicU64,
    /// How often somebody brought a refused one.
    refused: AtomicU64,
    renewed: AtomicU64,
    /// New tokens are dead when they come.
    is_hopeless: bool,
    /// Every request gets a token of its own.
    is_restless: bool,
}

impl Renewing {
    fn issue(oauth: &OauthHandle) -> String {
        let tokens = oauth.issue(CLIENT, "alice", &["read_api"]);
        tokens.expect("she is there").access_token
    }

    fn new(signing: &Signing) -> Self {
        let oauth = signing.scene.sim.oauth();
        Self {
            present: Mutex::new(Self::issue(&oauth)),
            oauth,
            asked: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            renewed: AtomicU64::new(0),
            is_hopeless: false,
            is_restless: false,
        }
    }

    fn count(&self) -> (u64, u64) {
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
        (load(&self.refused), load(&self.renewed))
    }
}

#[async_trait]
impl AccessTokens for Renewing {
    async fn current(&self) -> Result<SecretString, HostError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_restless {
            *present = Self::issue(&self.oauth);
        }
        Ok(present.clone().into())
    }

    async fn replacement(&self, refused: &SecretString) -> Result<Option<SecretString>, HostError> {
        self.refused.fetch_add(1, Ordering::Relaxed);
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        if *present == refused.expose_secret() {
            self.renewed.fetch_add(1, Ordering::Relaxed);
            *present = Self::issue(&self.oauth);
            if self.is_hopeless {
                self.oauth.expire_access_tokens();
            }
        }
        Ok(Some(present.clone().into()))
    }
}

async fn signing(builder: Builder) -> Signing {
    Signing::with(builder, config().page_size(20), None).await
}

fn opened_by(signing: &Signing, tokens: &Arc<Renewing>) -> HostAccess {
    HostAccess {
        host: signing.host.clone(),
        credential: Credential::Oauth(tokens.clone()),
    }
}

async fn list(signing: &Signing, tokens: &Arc<Renewing>) -> Result<Outcome, HostError> {
    let access = opened_by(signing, tokens);
    gather(signing.scene.host.list(&access, &all())).await
}

/// How many requests were refused, how often the same one at most, and how often the same one was answered at most.
fn asked(signing: &Signing) -> (u64, usize, usize) {
    let (mut refused, mut answered) = (BTreeMap::new(), BTreeMap::new());
    for request in signing.scene.sim.requests() {
        let body = request.graphql.unwrap_or_default();
        let what = format!("{}?{} {body}", request.path, request.query);
        let times = match request.status {
            401 => &mut refused,
            _ => &mut answered,
        };
        *times.entry(what).or_insert(0) += 1;
    }
    let most = |times: &BTreeMap<String, usize>| times.values().copied().max().unwrap_or_default();
    let all: usize = refused.values().sum();
    (all as u64, most(&refused), most(&answered))
}

#[tokio::test]
async fn a_listing_goes_on_when_its_token_is_renewed_meanwhile() {
    for builder in [builder(), builder().without_graphql()] {
        let signing = signing(builder).await;
        let tokens = Arc::new(Renewing::new(&signing));
        list(&signing, &tokens).await.expect("it ends well");
        let (_, _, usual) = asked(&signing);
        assert_eq!(tokens.count(), (0, 0));
        // Early or late, while others are under way.
        for n in [1, 7, 20] {
            let tokens = Arc::new(Renewing::new(&signing));
            signing.scene.sim.reset_requests();
            let expire = Trigger::change(|world| {
                world.expire_oauth_tokens(None);
            });
            signing.scene.sim.trigger(expire.path("/api/*").nth(n));
            let outcome = list(&signing, &tokens).await.expect("it ends well");
            signing.scene.check_everything(&outcome);
            let (refused, again, answered) = asked(&signing);
            assert!(refused > 0, "the token died in the middle");
            let (brought, renewed) = tokens.count();
            assert_eq!(brought, refused, "each refusal asks for another token");
            assert_eq!(renewed, 1, "and only the first of them renews");
            assert_eq!(again, 1, "nothing is refused twice");
            assert!(answered <= usual, "nothing is answered twice");
        }
    }
}

#[tokio::test]
async fn a_host_that_refuses_every_token_is_not_asked_for_ever() {
    for builder in [builder(), builder().without_graphql()] {
        let signing = signing(builder).await;
        let mut tokens = Renewing::new(&signing);
        tokens.is_hopeless = true;
        let tokens = Arc::new(tokens);
        signing.scene.sim.oauth().expire_access_tokens();
        let ended = list(&signing, &tokens).await.map(|_| ());
        assert!(
            matches!(ended, Err(HostError::TokenExpired { .. })),
            "{ended:?}"
        );
        let stats = signing.scene.sim.stats();
        assert!(stats.requests <= 40, "{stats:?}");
        let (_, renewed) = tokens.count();
        assert!(renewed <= 8, "not once for each request: {renewed}");
        for result in [
            signing
                .scene
                .host
                .identify(&opened_by(&signing, &tokens))
                .await
                .map(|_| ()),
            confirm(&signing, &opened_by(&signing, &tokens)).await,
        ] {
            assert!(
                matches!(
                    result,
                    Err(HostError::TokenExpired { .. } | HostError::TokenRefused { .. })
                ),
                "{result:?}"
            );
        }
    }
}

async fn confirm(signing: &Signing, access: &HostAccess) -> Result<(), HostError> {
    let id = RepositoryId::new(1).expect("a number");
    signing.scene.host.confirm(access, &[id]).await.map(|_| ())
}

#[tokio::test]
async fn each_question_survives_a_renewal() {
    let signing = signing(builder()).await;
    let tokens = Arc::new(Renewing::new(&signing));
    let access = opened_by(&signing, &tokens);
    let (host, oauth) = (&signing.scene.host, signing.scene.sim.oauth());
    oauth.expire_access_tokens();
    let identity = host.identify(&access).await.expect("it is good again");
    assert_eq!(identity.account.login.as_str(), "alice");
    oauth.expire_access_tokens();
    assert_eq!(confirm(&signing, &access).await, Ok(()));
    oauth.expire_access_tokens();
    let path = "acme".parse().expect("a path");
    let found = host
        .find_group(&access, &path)
        .await
        .expect("it is good again");
    assert!(found.is_some());
    oauth.expire_access_tokens();
    let scope = chosen(&["acme"], PersonalNamespace::Included);
    assert!(gather(host.list(&access, &scope)).await.is_ok());
    assert_eq!(tokens.count().1, 4);
}

#[tokio::test]
async fn what_graphql_alone_refuses_costs_one_renewal_and_is_read_without_it() {
    let signing = signing(builder()).await;
    let tokens = Arc::new(Renewing::new(&signing));
    // GraphQL says `Invalid token` to a good token with too little scope, too.
    let fault = signing
        .scene
        .sim
        .fault(Fault::new(FaultKind::Unauthorized).path("/api/graphql"));
    let outcome = list(&signing, &tokens).await.expect("it ends well");
    signing.scene.check_everything(&outcome);
    assert!(signing.scene.sim.hits(fault) >= 2);
    assert_eq!(tokens.count().1, 1);
}

#[tokio::test]
async fn one_place_that_refuses_every_token_is_asked_twice_while_others_answer() {
    let signing = signing(builder().without_graphql()).await;
    let tokens = Arc::new(Renewing::new(&signing));
    let fault = Fault::new(FaultKind::TokenRevoked).path("/api/v4/groups");
    let fault = signing.scene.sim.fault(fault);
    let ended = list(&signing, &tokens).await.map(|_| ());
    assert!(
        matches!(ended, Err(HostError::TokenRefused { .. })),
        "{ended:?}"
    );
    assert_eq!(signing.scene.sim.hits(fault), 2);
    assert_eq!(tokens.count(), (1, 1));
}

#[tokio::test]
async fn an_account_that_demands_a_proof_is_not_helped_by_another_token() {
    let signing = signing(builder()).await;
    let tokens = Arc::new(Renewing::new(&signing));
    signing.scene.sim.fault(Fault::new(FaultKind::Dpop));
    let refused = signing
        .scene
        .host
        .identify(&opened_by(&signing, &tokens))
        .await;
    let refused = refused.expect_err("there is no proof").to_string();
    assert!(refused.contains("DPoP"), "{refused}");
    assert_eq!(tokens.count(), (0, 0));
    signing.scene.sim.clear_faults();
    let scope = FaultKind::InsufficientScope {
        scope: "api".into(),
    };
    signing.scene.sim.fault(Fault::new(scope));
    let refused = signing
        .scene
        .host
        .identify(&opened_by(&signing, &tokens))
        .await;
    assert!(
        matches!(refused, Err(HostError::ScopeMissing { .. })),
        "{refused:?}"
    );
    assert_eq!(tokens.count(), (0, 0));
}

#[tokio::test]
async fn an_access_token_has_no_other() {
    let signing = signing(builder()).await;
    let fault = signing.scene.sim.fault(Fault::new(FaultKind::TokenRevoked));
    let refused = signing.scene.list(&all()).await.map(|_| ());
    assert!(
        matches!(refused, Err(HostError::TokenRefused { .. })),
        "{refused:?}"
    );
    assert!(signing.scene.sim.hits(fault) < 20);
}

/// There is no token to be had.
struct Without(HostError);

#[async_trait]
impl AccessTokens for Without {
    async fn current(&self) -> Result<SecretString, HostError> {
        Err(self.0.clone())
    }

    async fn replacement(&self, _: &SecretString) -> Result<Option<SecretString>, HostError> {
        Err(self.0.clone())
    }
}

/// There was one, and there is no other.
struct Last(SecretString, HostError);

#[async_trait]
impl AccessTokens for Last {
    async fn current(&self) -> Result<SecretString, HostError> {
        Ok(self.0.clone())
    }

    async fn replacement(&self, _: &SecretString) -> Result<Option<SecretString>, HostError> {
        Err(self.1.clone())
    }
}

#[tokio::test]
async fn why_there_is_no_token_reaches_the_caller_as_it_is() {
    let signing = signing(builder()).await;
    let host = &signing.scene.host;
    let name = signing.host.to_string();
    for error in [
        HostError::SignInEnded {
            host: name.clone(),
            detail: "it was taken back".into(),
        },
        HostError::RateLimited {
            host: name.clone(),
            retry_after: Duration::from_secs(9),
        },
        HostError::Unavailable {
            host: name.clone(),
            action: "renewing".into(),
            detail: "no answer".into(),
        },
    ] {
        let without: Arc<dyn AccessTokens> = Arc::new(Without(error.clone()));
        let last: Arc<dyn AccessTokens> = Arc::new(Last("dead".into(), error.clone()));
        for (tokens, is_sent) in [(without, false), (last, true)] {
            signing.scene.sim.reset_requests();
            let access = HostAccess {
                host: signing.host.clone(),
                credential: Credential::Oauth(tokens),
            };
            let path = "acme".parse().expect("a path");
            for result in [
                host.identify(&access).await.map(|_| ()),
                host.find_group(&access, &path).await.map(|_| ()),
                confirm(&signing, &access).await,
                gather(host.list(&access, &all())).await.map(|_| ()),
                gather(host.list(&access, &chosen(&["acme"], PersonalNamespace::Included)))
                    .await
                    .map(|_| ()),
            ] {
                assert_eq!(result, Err(error.clone()));
            }
            assert_eq!(!signing.scene.sim.requests().is_empty(), is_sent);
            // Reaching the host is another matter.
            let probe = Probe {
                host: signing.host.clone(),
                credential: Some(access.credential),
            };
            let report = host.probe(&probe).await;
            assert_eq!(report.failure(), None, "{report:?}");
        }
    }
}

#[tokio::test]
async fn limits_are_those_of_the_account_whatever_its_token() {
    let limits = RateLimits::throttle(5, Duration::from_mins(1));
    let builder = builder().without_graphql().rate_limits(limits);
    let signing = Signing::with(builder, config().max_concurrency(4), None).await;
    let mut tokens = Renewing::new(&signing);
    tokens.is_restless = true;
    let tokens = Arc::new(tokens);
    let outcome = list(&signing, &tokens).await.expect("it ends well");
    signing.scene.check_everything(&outcome);
    let stats = signing.scene.sim.stats();
    assert!(stats.requests > 15, "it took several windows: {stats:?}");
    assert_eq!(stats.by_status.get(&429), None, "{stats:?}");
}
