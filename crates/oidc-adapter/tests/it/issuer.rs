//! A small issuer, which signs whatever a test wants.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use oidc_adapter::{OidcConfig, OidcProvider};
use org_core::accounts::VerifiedIdentity;
use org_core::oauth::RedirectUri;
use org_core::ports::{Clock, IdentityAnswer, IdentityError, IdentityProvider};
use org_core::testing::ManualClock;
use org_core::testing::build::{parsed, secret};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// The client secret, which must be found nowhere.
pub(crate) const SECRET: &str = "planted-client-secret-9Zk4TnB";
pub(crate) const CODE: &str = "planted-code-7Qx2mVw";
pub(crate) const VERIFIER: &str = "planted-verifier-0123456789abcdef0123456789abcdef";
pub(crate) const CLIENT: &str = "forgehold";
pub(crate) const NONCE: &str = "nonce-of-this-sign-in";

/// A key pair with its name.
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) algorithm: Algorithm,
    pub(crate) private: EncodingKey,
}

impl Key {
    pub(crate) fn elliptic(id: &str) -> Self {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
        Self {
            id: id.to_owned(),
            algorithm: Algorithm::ES256,
            private: EncodingKey::from_ec_der(&pair.serialize_der()),
        }
    }

    pub(crate) fn rsa(id: &str) -> Self {
        let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("a key");
        // The library wants what stands inside of PKCS #8, behind a head of 26 bytes for a key of this size.
        let inner = pair.serialize_der()[26..].to_vec();
        Self {
            id: id.to_owned(),
            algorithm: Algorithm::RS256,
            private: EncodingKey::from_rsa_der(&inner),
        }
    }

    pub(crate) fn public(&self) -> Jwk {
        let mut key = Jwk::from_encoding_key(&self.private, self.algorithm).expect("a public key");
        key.common.key_id = Some(self.id.clone());
        key
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.id.clone());
        jsonwebtoken::encode(&header, claims, &self.private).expect("a token")
    }
}

/// A token with a head and claims of one's own, and this as its signature.
pub(crate) fn by_hand(header: &Value, claims: &Value, signature: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{signature}", part(header), part(claims))
}

pub(crate) struct Issuer {
    pub(crate) server: MockServer,
    pub(crate) key: Key,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) provider: OidcProvider,
}

impl Issuer {
    pub(crate) async fn new(key: Key) -> Self {
        let server = MockServer::start().await;
        let clock = Arc::new(ManualClock::default());
        let provider = provider(&server.uri(), &clock);
        let issuer = Self {
            server,
            key,
            clock,
            provider,
        };
        issuer.discovery(json!({})).await;
        issuer.keys(&[issuer.key.public()]).await;
        issuer
    }

    pub(crate) fn url(&self) -> String {
        self.server.uri()
    }

    /// What it says of itself, with some of it changed.
    pub(crate) async fn discovery(&self, more: Value) {
        let url = self.url();
        let mut body = json!({
            "issuer": url,
            "authorization_endpoint": format!("{url}/authorize"),
            "token_endpoint": format!("{url}/token"),
            "jwks_uri": format!("{url}/keys"),
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        Mock::given(path("/.well-known/openid-configuration"))
            .respond_with(ResponseTemplate::new(200).set_body_json(body))
            .mount(&self.server)
            .await;
    }

    pub(crate) async fn keys(&self, keys: &[Jwk]) {
        let body = JwkSet {
            keys: keys.to_vec(),
        };
        Mock::given(path("/keys"))
            .respond_with(ResponseTemplate::new(200).set_body_json(body))
            .mount(&self.server)
            .await;
    }

    /// What the token endpoint answers the next time.
    pub(crate) async fn answers(&self, answer: ResponseTemplate) {
        Mock::given(method("POST"))
            .and(path("/token"))
            .respond_with(answer)
            .up_to_n_times(1)
            .mount(&self.server)
            .await;
    }

    /// The claims of a right token.
    pub(crate) fn claims(&self) -> Value {
        let now = self.clock.now().timestamp();
        json!({
            "iss": self.url(),
            "sub": "248289761001",
            "aud": CLIENT,
            "exp": now + 300,
            "iat": now,
            "nonce": NONCE,
            "preferred_username": "ada",
            "email": "ada@example.com",
            "email_verified": true,
            "groups": ["staff", "developers"],
        })
    }

    /// The claims of a right token, with some of it changed; `null` takes one away.
    pub(crate) fn claims_with(&self, more: &Value) -> Value {
        let mut claims = self.claims();
        for (name, value) in more.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        let claims = claims.as_object().expect("claims").clone();
        claims
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .collect()
    }

    /// Has the provider judge this token.
    pub(crate) async fn judge(&self, token: &str) -> Result<VerifiedIdentity, IdentityError> {
        let body = json!({"access_token": "planted-access-token", "token_type": "Bearer", "id_token": token});
        self.answers(ResponseTemplate::new(200).set_body_json(body))
            .await;
        self.identify(None).await
    }

    pub(crate) async fn identify(
        &self,
        issuer: Option<&str>,
    ) -> Result<VerifiedIdentity, IdentityError> {
        self.provider
            .identify(&IdentityAnswer {
                code: &secret(CODE),
                issuer,
                redirect: &redirect(),
                nonce: &secret(NONCE),
                verifier: &secret(VERIFIER),
            })
            .await
    }

    pub(crate) async fn requests_to(&self, path: &str) -> usize {
        let all = self.server.received_requests().await.expect("recorded");
        all.iter()
            .filter(|request| request.url.path() == path)
            .count()
    }
}

pub(crate) fn provider(issuer: &str, clock: &Arc<ManualClock>) -> OidcProvider {
    let config = OidcConfig::new(issuer, CLIENT)
        .expect("an issuer on this machine")
        .client_secret(secret(SECRET))
        .scopes(vec!["profile".to_owned(), "groups".to_owned()])
        .timeouts(Duration::from_secs(5), Duration::from_secs(5))
        .direct();
    OidcProvider::new(config, clock.clone()).expect("a client")
}

pub(crate) fn redirect() -> RedirectUri {
    parsed("https://forgehold.example.com/sign-in/callback")
}
