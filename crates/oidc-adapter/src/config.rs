//! What has to be known about the provider.

use std::fmt;
use std::time::Duration;

use reqwest::{Certificate, Proxy};
use secrecy::SecretString;
use url::Url;

use crate::http::is_safe;

/// A person waits for each of these requests.
const LONGEST: Duration = Duration::from_secs(15);

/// Why a configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The issuer is no address of one.
    #[error(
        "the issuer must be an https address without query and fragment, written as the provider writes it; http is allowed for this machine alone"
    )]
    Issuer,
    /// A certificate cannot be read.
    #[error("a certificate authority cannot be used: {detail}")]
    Certificate {
        /// Why not.
        detail: String,
    },
    /// Requests cannot be sent with these settings.
    #[error("requests cannot be sent: {detail}")]
    Client {
        /// Why not.
        detail: String,
    },
}

/// Which way requests go.
#[derive(Debug, Clone, Default)]
pub(crate) enum Way {
    /// As the environment says.
    #[default]
    Environment,
    Direct,
    Proxy(Box<Proxy>),
}

/// What has to be known about the provider, and about us there.
#[derive(Clone)]
pub struct OidcConfig {
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: Option<SecretString>,
    pub(crate) scopes: Vec<String>,
    pub(crate) groups_claim: String,
    pub(crate) user_agent: String,
    pub(crate) connect_timeout: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) authorities: Vec<Certificate>,
    pub(crate) way: Way,
}

impl OidcConfig {
    /// The provider of this issuer, who knows us by this id. The issuer is kept as it is written, since it is compared to the letter.
    pub fn new(issuer: &str, client_id: &str) -> Result<Self, ConfigError> {
        let url = Url::parse(issuer).map_err(|_| ConfigError::Issuer)?;
        let plain = url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !plain || !is_safe(&url) {
            return Err(ConfigError::Issuer);
        }
        Ok(Self {
            issuer: issuer.to_owned(),
            client_id: client_id.to_owned(),
            client_secret: None,
            scopes: Vec::new(),
            groups_claim: "groups".to_owned(),
            user_agent: concat!("forgehold/", env!("CARGO_PKG_VERSION")).to_owned(),
            connect_timeout: Duration::from_secs(5),
            request_timeout: LONGEST,
            authorities: Vec::new(),
            way: Way::default(),
        })
    }

    /// With the secret of a confidential client.
    #[must_use]
    pub fn client_secret(mut self, secret: SecretString) -> Self {
        self.client_secret = Some(secret);
        self
    }

    /// With what to ask for besides `openid`.
    #[must_use]
    pub fn scopes(mut self, scopes: Vec<String>) -> Self {
        self.scopes = scopes;
        self
    }

    /// With the name of the claim that has the groups.
    #[must_use]
    pub fn groups_claim(mut self, name: &str) -> Self {
        name.clone_into(&mut self.groups_claim);
        self
    }

    /// With how long to wait for a connection and for an answer, which is never longer than a person waits.
    #[must_use]
    pub fn timeouts(mut self, connect: Duration, request: Duration) -> Self {
        self.connect_timeout = connect.min(LONGEST);
        self.request_timeout = request.min(LONGEST);
        self
    }

    /// With certificate authorities to trust besides those of the machine.
    pub fn extra_ca_pem(mut self, pem: &[u8]) -> Result<Self, ConfigError> {
        let read = Certificate::from_pem_bundle(pem);
        let read = read.map_err(|error| ConfigError::Certificate {
            detail: error.to_string(),
        })?;
        self.authorities.extend(read);
        Ok(self)
    }

    /// Straight to the provider, whatever the environment says.
    #[must_use]
    pub fn direct(mut self) -> Self {
        self.way = Way::Direct;
        self
    }

    /// Through this proxy. Its address is not repeated: it may hold a password.
    pub fn proxy(mut self, address: &str) -> Result<Self, ConfigError> {
        let proxy = Proxy::all(address).map_err(|_| ConfigError::Client {
            detail: "the address of the proxy is none".to_owned(),
        })?;
        self.way = Way::Proxy(Box::new(proxy));
        Ok(self)
    }
}

impl fmt::Debug for OidcConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OidcConfig")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}
