//! The port, on a provider.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse,
    BasicTokenType,
};
use oauth2::http::StatusCode;
use oauth2::{
    AsyncHttpClient, AuthType, AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret,
    CsrfToken, EndpointNotSet, EndpointSet, ExtraTokenFields, HttpRequest, HttpResponse,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope,
    StandardRevocableToken, StandardTokenResponse, TokenResponse, TokenUrl,
};
use org_core::accounts::VerifiedIdentity;
use org_core::oauth::RedirectUri;
use org_core::ports::{Clock, IdentityAnswer, IdentityError, IdentityProvider, IdentityQuestion};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use url::Url;

use crate::config::{ConfigError, OidcConfig};
use crate::discovery::{Known, discover};
use crate::http::{ask, client, lost, read, tame};
use crate::token::{Expected, Fault, Judged, groups, verify};

/// The answer of the token endpoint besides that of OAuth. It is no `Debug` that shows the token.
#[derive(Clone, Serialize, Deserialize)]
struct IdToken {
    #[serde(default)]
    id_token: Option<String>,
}

impl fmt::Debug for IdToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdToken")
    }
}

impl ExtraTokenFields for IdToken {}

type Application = Client<
    BasicErrorResponse,
    StandardTokenResponse<IdToken, BasicTokenType>,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// A provider of `OpenID` Connect.
pub struct OidcProvider {
    config: OidcConfig,
    client: reqwest::Client,
    clock: Arc<dyn Clock>,
    /// Whoever comes first asks the provider; the others wait for that answer, which is bounded.
    known: Mutex<Option<Known>>,
}

impl OidcProvider {
    /// The provider of this configuration. It is not asked for anything yet.
    pub fn new(config: OidcConfig, clock: Arc<dyn Clock>) -> Result<Self, ConfigError> {
        Ok(Self {
            client: client(&config)?,
            config,
            clock,
            known: Mutex::new(None),
        })
    }

    /// What is known of the provider, which is asked if that is too old.
    async fn known(&self) -> Result<Known, IdentityError> {
        let mut known = self.known.lock().await;
        let now = self.clock.now();
        match &*known {
            Some(fresh) if !fresh.is_stale(now) => Ok(fresh.clone()),
            _ => {
                let found = discover(&self.client, &self.config.issuer, now).await?;
                *known = Some(found.clone());
                Ok(found)
            }
        }
    }

    fn application(
        &self,
        known: &Known,
        redirect: &RedirectUri,
    ) -> Result<Application, IdentityError> {
        let redirect = RedirectUrl::new(redirect.as_str().to_owned());
        let redirect = redirect.map_err(|error| IdentityError::Unexpected {
            detail: error.to_string(),
        })?;
        let id = ClientId::new(self.config.client_id.clone());
        let mut application = Client::new(id)
            .set_auth_uri(AuthUrl::from_url(known.authorization.clone()))
            .set_token_uri(TokenUrl::from_url(known.token.clone()))
            .set_redirect_uri(redirect)
            .set_auth_type(AuthType::RequestBody);
        if let Some(secret) = &self.config.client_secret {
            let secret = ClientSecret::new(secret.expose_secret().to_owned());
            application = application.set_client_secret(secret);
            if !known.secret_in_body {
                application = application.set_auth_type(AuthType::BasicAuth);
            }
        }
        Ok(application)
    }

    /// Changes the code into an ID token. It is sent once: a code works once.
    async fn exchange(
        &self,
        known: &Known,
        answer: &IdentityAnswer<'_>,
    ) -> Result<Given, IdentityError> {
        let application = self.application(known, answer.redirect)?;
        let code = AuthorizationCode::new(answer.code.expose_secret().to_owned());
        let verifier = PkceCodeVerifier::new(answer.verifier.expose_secret().to_owned());
        let sending = Sending(&self.client);
        let tokens = application
            .exchange_code(code)
            .set_pkce_verifier(verifier)
            .request_async(&sending)
            .await
            .map_err(|error| self.refusal(error, answer))?;
        let identity = tokens.extra_fields().id_token.clone();
        let identity = identity.ok_or_else(|| IdentityError::Unexpected {
            detail: "its token endpoint gave no ID token; the scope `openid` must be allowed"
                .to_owned(),
        })?;
        Ok(Given {
            identity: SecretString::from(identity),
            access: SecretString::from(tokens.access_token().secret().to_owned()),
        })
    }

    /// The groups that the provider tells only to whoever asks for more (`OpenID` Connect Core, section 5.3). They count for the same person alone.
    async fn more_groups(
        &self,
        url: &Url,
        access: &SecretString,
        subject: &str,
    ) -> Result<Vec<String>, IdentityError> {
        let request = self.client.get(url.clone());
        let request = request.bearer_auth(access.expose_secret());
        let more: Map<String, Value> =
            ask(request, "what the provider tells of the person").await?;
        if more.get("sub").and_then(Value::as_str) != Some(subject) {
            return Err(IdentityError::Invalid {
                detail: "what the provider tells besides is about somebody else".to_owned(),
            });
        }
        let groups = groups(&more, &self.config.groups_claim).map_err(told)?;
        Ok(groups.unwrap_or_default())
    }

    fn refusal(
        &self,
        error: RequestTokenError<Sent, BasicErrorResponse>,
        answer: &IdentityAnswer<'_>,
    ) -> IdentityError {
        match error {
            RequestTokenError::Request(Sent(error)) => error,
            RequestTokenError::ServerResponse(said) => {
                let code = said.error().as_ref();
                let mut words = said.error_description().cloned().unwrap_or_default();
                let secrets = [Some(answer.code), Some(answer.verifier)];
                let own = self.config.client_secret.as_ref();
                // A provider may repeat what it was sent.
                for secret in secrets.into_iter().flatten().chain(own) {
                    words = words.replace(secret.expose_secret(), "[REDACTED]");
                }
                let words = tame(&words);
                IdentityError::Refused {
                    code: tame(code),
                    detail: if words.is_empty() {
                        "it does not say more".to_owned()
                    } else {
                        words
                    },
                }
            }
            // The error quotes the answer, which may hold tokens.
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                IdentityError::Unexpected {
                    detail: "its token endpoint answered no JSON with tokens".to_owned(),
                }
            }
        }
    }

    /// Judges the token, with new keys if it is signed by one that is not known.
    async fn judged(
        &self,
        token: &str,
        answer: &IdentityAnswer<'_>,
    ) -> Result<Judged, IdentityError> {
        let mut held = self.known.lock().await;
        let now = self.clock.now();
        let expected = Expected {
            issuer: &self.config.issuer,
            client_id: &self.config.client_id,
            nonce: answer.nonce.expose_secret(),
            groups_claim: &self.config.groups_claim,
            now,
        };
        let known = held.as_mut().ok_or_else(|| IdentityError::Unavailable {
            detail: "its keys are not known".to_owned(),
        })?;
        let mut verified = verify(token, known.keys(), expected);
        if verified == Err(Fault::UnknownKey) && known.read_keys_again(&self.client, now).await? {
            verified = verify(token, known.keys(), expected);
        }
        verified.map_err(told)
    }
}

fn told(fault: Fault) -> IdentityError {
    IdentityError::Invalid {
        detail: match fault {
            Fault::UnknownKey => "it is signed by a key that the provider does not have".to_owned(),
            Fault::Invalid(detail) => detail,
        },
    }
}

/// What a code was changed into.
struct Given {
    identity: SecretString,
    access: SecretString,
}

/// Sends one request of the library, and reads its answer within the limits.
struct Sending<'a>(&'a reqwest::Client);

impl<'c> AsyncHttpClient<'c> for Sending<'_> {
    type Error = Sent;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Sent>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

impl Sending<'_> {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Sent> {
        let request = reqwest::Request::try_from(request).map_err(|error| Sent(lost(&error)))?;
        let answer = self.0.execute(request).await;
        let answer = answer.map_err(|error| Sent(lost(&error)))?;
        let status = answer.status();
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Err(Sent(IdentityError::Unavailable {
                detail: format!(
                    "its token endpoint answered with status {}",
                    status.as_u16()
                ),
            }));
        }
        if status.is_redirection() {
            return Err(Sent(IdentityError::Unexpected {
                detail: "its token endpoint answered with a redirect, which is not followed"
                    .to_owned(),
            }));
        }
        let kind = answer.headers().get("content-type").cloned();
        let mut response = HttpResponse::new(read(answer).await.map_err(Sent)?);
        *response.status_mut() = status;
        if let Some(kind) = kind {
            response.headers_mut().insert("content-type", kind);
        }
        Ok(response)
    }
}

/// Why no answer came, as the library wants it.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Sent(IdentityError);

#[async_trait]
impl IdentityProvider for OidcProvider {
    fn issuer(&self) -> &str {
        &self.config.issuer
    }

    async fn question(&self, question: &IdentityQuestion<'_>) -> Result<String, IdentityError> {
        let known = self.known().await?;
        let application = self.application(&known, question.redirect)?;
        let verifier = PkceCodeVerifier::new(question.verifier.expose_secret().to_owned());
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
        let state = question.state.expose_secret().to_owned();
        let scopes = self.config.scopes.iter().cloned();
        let (address, _) = application
            .authorize_url(|| CsrfToken::new(state))
            .add_scope(Scope::new("openid".to_owned()))
            .add_scopes(scopes.map(Scope::new))
            .set_pkce_challenge(challenge)
            .add_extra_param("nonce", question.nonce.expose_secret())
            .url();
        Ok(address.into())
    }

    async fn identify(
        &self,
        answer: &IdentityAnswer<'_>,
    ) -> Result<VerifiedIdentity, IdentityError> {
        let known = self.known().await?;
        let said = answer.issuer;
        if said.is_some_and(|issuer| issuer != self.config.issuer)
            || (said.is_none() && known.says_issuer)
        {
            return Err(IdentityError::Invalid {
                detail: "the answer does not say that this provider gave it (iss)".to_owned(),
            });
        }
        let given = self.exchange(&known, answer).await?;
        let judged = self.judged(given.identity.expose_secret(), answer).await?;
        let mut identity = judged.identity;
        identity.groups = match (judged.groups, &known.userinfo) {
            (Some(groups), _) => groups,
            (None, None) => Vec::new(),
            (None, Some(url)) => {
                let subject = &identity.id.subject;
                self.more_groups(url, &given.access, subject).await?
            }
        };
        Ok(identity)
    }
}

impl fmt::Debug for OidcProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OidcProvider")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
