//! Signing in at GitLab: authorization code with PKCE, device grant, renewal, revocation (GitLab docs, OAuth 2.0 identity provider API).
//!
//! The crate `oauth2` writes the requests; sending them, and judging what comes back before it is read as tokens, is done in [`ask`]. Every
//! request is sent at most once: codes and refresh tokens work once, and what a lost answer means is for the caller to decide.

mod ask;
mod device;
mod tokens;

use std::borrow::Cow;
use std::sync::Arc;

use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse,
};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, Client, ClientSecret, CsrfToken, DeviceAuthorizationUrl,
    EndpointNotSet, EndpointSet, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken,
    RequestTokenError, RevocableToken, RevocationUrl, Scope, TokenUrl,
};
use org_core::host::HostUrl;
use org_core::oauth::{Access, RedirectUri, Verifier};
use org_core::ports::{
    AuthorizationRequest, CodeExchange, DevicePoll, DeviceStart, Grant, OauthError,
};
use secrecy::{ExposeSecret as _, SecretString};
use url::{Url, form_urlencoded};

use crate::capabilities::asked_for;
use crate::config::Registered;
use crate::http::{Api, Transport};
use ask::Asking;
use tokens::Tokens;

const AUTHORIZE: &str = "/oauth/authorize";
const TOKEN: &str = "/oauth/token";
const REVOKE: &str = "/oauth/revoke";
const AUTHORIZE_DEVICE: &str = "/oauth/authorize_device";

const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// What a host without the device grant does not have.
const BY_DEVICE: &str = "signing in with a code on another device; it is there from GitLab 17.3 on";

/// The application at one host, in the words of the library.
type Application = Client<
    BasicErrorResponse,
    Tokens,
    BasicTokenIntrospectionResponse,
    AnyToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointSet,
    EndpointNotSet,
    EndpointSet,
    EndpointSet,
>;

/// A token to take back. GitLab looks for both kinds, so that no hint is needed.
struct AnyToken(String);

impl RevocableToken for AnyToken {
    fn secret(&self) -> &str {
        &self.0
    }

    fn type_hint(&self) -> Option<&str> {
        None
    }
}

/// Signing in at one host.
pub(crate) struct SignIn {
    api: Api,
    application: Application,
    client: Registered,
}

impl SignIn {
    /// With the application that is configured for `host`.
    pub(crate) fn at(transport: &Arc<Transport>, host: &HostUrl) -> Result<Self, OauthError> {
        let client = transport.config.oauth_clients.get(host);
        let client = client.ok_or_else(|| OauthError::NotRegistered {
            host: host.to_string(),
        })?;
        let api = transport.api(host, None);
        // The library wants https for this one address; where requests truly go is decided when they are sent.
        let mut revocation = api.below(REVOKE);
        let _ = revocation.set_scheme("https");
        let id = oauth2::ClientId::new(client.id.as_str().to_owned());
        let application = Client::new(id)
            .set_auth_type(AuthType::RequestBody)
            .set_auth_uri(AuthUrl::from_url(api.below(AUTHORIZE)))
            .set_token_uri(TokenUrl::from_url(api.below(TOKEN)))
            .set_device_authorization_url(DeviceAuthorizationUrl::from_url(
                api.below(AUTHORIZE_DEVICE),
            ))
            .set_revocation_url(RevocationUrl::from_url(revocation));
        let application = match &client.secret {
            Some(secret) => {
                application.set_client_secret(ClientSecret::new(secret.expose_secret().to_owned()))
            }
            None => application,
        };
        Ok(Self {
            api,
            application,
            client: client.clone(),
        })
    }

    /// Where the browser goes.
    pub(crate) fn authorization_url(
        &self,
        request: &AuthorizationRequest,
    ) -> Result<SecretString, OauthError> {
        let challenge =
            PkceCodeChallenge::from_code_verifier_sha256(&self.proof(&request.verifier)?);
        let state = request.state.secret().expose_secret().to_owned();
        let redirect = self.redirect(&request.redirect)?;
        let (url, _) = self
            .application
            .authorize_url(|| CsrfToken::new(state))
            .add_scopes(scopes(request.access))
            .set_pkce_challenge(challenge)
            .set_redirect_uri(Cow::Owned(redirect))
            .url();
        Ok(SecretString::from(String::from(url)))
    }

    /// A code becomes tokens.
    pub(crate) async fn exchange(
        &self,
        exchange: &CodeExchange,
        access: Access,
    ) -> Result<Grant, OauthError> {
        let asking = self.asking(TOKEN, &[&exchange.code, exchange.verifier.secret()]);
        let code = AuthorizationCode::new(exchange.code.expose_secret().to_owned());
        let redirect = self.redirect(&exchange.redirect)?;
        let answered = self
            .application
            .exchange_code(code)
            .set_pkce_verifier(self.proof(&exchange.verifier)?)
            .set_redirect_uri(Cow::Owned(redirect))
            .request_async(&asking)
            .await;
        asking.grant(answered, asked_for(access))
    }

    /// A refresh token becomes another pair.
    pub(crate) async fn refresh(
        &self,
        refresh_token: &SecretString,
        redirect: Option<RedirectUri>,
    ) -> Result<Grant, OauthError> {
        let asking = self.asking(TOKEN, &[refresh_token]);
        let token = RefreshToken::new(refresh_token.expose_secret().to_owned());
        let mut request = self.application.exchange_refresh_token(&token);
        if let Some(redirect) = redirect {
            // Not in RFC 6749; GitLab's documentation has it among the parameters.
            request = request.add_extra_param("redirect_uri", redirect.as_str().to_owned());
        }
        let answered = request.request_async(&asking).await;
        asking.grant(answered, &[])
    }

    /// A device asks for its codes.
    pub(crate) async fn start_device(&self, access: Access) -> Result<DeviceStart, OauthError> {
        let asking = self.asking(AUTHORIZE_DEVICE, &[]);
        let answered = self
            .application
            .exchange_device_code()
            .add_scopes(scopes(access))
            .request_async(&asking)
            .await;
        match answered {
            Ok(details) => {
                device::start(&details, &self.api).map_err(|why| asking.unexpected(&why))
            }
            Err(error) => Err(match asking.failed(error) {
                OauthError::Unsupported { host, .. } => without_devices(host),
                OauthError::Refused { host, code, .. } if code == "unsupported_grant_type" => {
                    without_devices(host)
                }
                error => error,
            }),
        }
    }

    /// A device asks whether the person has decided.
    ///
    /// The library would poll until the end, by a clock of its own, and take a lost answer for a pause. Here a poll is one request.
    pub(crate) async fn poll_device(
        &self,
        device_code: &SecretString,
        access: Access,
    ) -> Result<DevicePoll, OauthError> {
        let asking = self.asking(TOKEN, &[device_code]);
        let secret = self.client.secret.as_ref();
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", DEVICE_GRANT)
            .append_pair("device_code", device_code.expose_secret())
            .append_pair("client_id", self.client.id.as_str())
            .extend_pairs(secret.map(|secret| ("client_secret", secret.expose_secret())))
            .finish();
        match asking.send(form.into_bytes()).await {
            Ok(answer) => {
                let answered = Tokens::read(answer.body()).map_err(|why| match why {
                    tokens::Unreadable::CutShort => asking.cut_short(),
                    tokens::Unreadable::At(place) => asking.unexpected(&tokens::no_tokens(&place)),
                });
                asking
                    .checked(answered?, asked_for(access))
                    .map(DevicePoll::Granted)
            }
            Err(OauthError::Refused { code, .. }) if code == "authorization_pending" => {
                Ok(DevicePoll::Pending)
            }
            Err(OauthError::Refused { code, .. }) if code == "slow_down" => {
                Ok(DevicePoll::SlowDown)
            }
            Err(OauthError::Refused { code, host, .. }) if code == "unsupported_grant_type" => {
                Err(without_devices(host))
            }
            Err(error) => Err(error),
        }
    }

    /// The host forgets a pair.
    pub(crate) async fn revoke(&self, token: &SecretString) -> Result<(), OauthError> {
        let asking = self.asking(REVOKE, &[token]);
        let request = self
            .application
            .revoke_token(AnyToken(token.expose_secret().to_owned()))
            .map_err(|error| asking.unexpected(&error.to_string()))?;
        let answered = request.request_async(&asking).await;
        answered.map_err(|error| asking.failed(error))
    }

    fn asking<'a>(&'a self, path: &'static str, secrets: &[&'a SecretString]) -> Asking<'a> {
        let secrets = secrets.iter().copied().chain(&self.client.secret);
        Asking::new(&self.api, path, secrets.collect())
    }

    /// The verifier, as RFC 7636, section 4.1, wants it; the library would panic over any other.
    fn proof(&self, verifier: &Verifier) -> Result<PkceCodeVerifier, OauthError> {
        let text = verifier.secret().expose_secret();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if (43..=128).contains(&text.len()) && text.bytes().all(allowed) {
            return Ok(PkceCodeVerifier::new(text.to_owned()));
        }
        Err(OauthError::InvalidGrant {
            host: self.api.label().to_owned(),
            detail: "what was kept as the proof of the sign-in is none".to_owned(),
        })
    }

    fn redirect(&self, redirect: &RedirectUri) -> Result<RedirectUrl, OauthError> {
        RedirectUrl::new(redirect.as_str().to_owned()).map_err(|_| OauthError::Refused {
            host: self.api.label().to_owned(),
            code: "invalid_redirect_uri".to_owned(),
            detail: "the redirect URI is not a URL".to_owned(),
        })
    }
}

/// A host from before the device grant has no such path, or does not know the grant type.
fn without_devices(host: String) -> OauthError {
    OauthError::Unsupported {
        host,
        what: BY_DEVICE.to_owned(),
    }
}

fn scopes(access: Access) -> impl Iterator<Item = Scope> {
    let asked = asked_for(access).iter();
    asked.map(|&scope| Scope::new(scope.to_owned()))
}

/// Whether two addresses are of the same machine, and the way to `url` is no less safe than the one to `own`.
fn is_same_place(url: &Url, own: &Url) -> bool {
    let scheme = match own.scheme() {
        "http" => matches!(url.scheme(), "http" | "https"),
        _ => url.scheme() == "https",
    };
    scheme
        && url.host() == own.host()
        && url.host().is_some()
        && url.username().is_empty()
        && url.password().is_none()
}

type Answered<T> = Result<T, RequestTokenError<OauthError, BasicErrorResponse>>;
