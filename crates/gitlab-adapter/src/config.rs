//! How the adapter behaves towards every host: limits, patience, trust and proxy.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use org_core::host::HostUrl;
use org_core::oauth::ClientId;
use secrecy::SecretString;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use url::Url;

/// Why a configuration was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The text holds no certificate, or one that cannot be read.
    #[error("the extra certificate authority cannot be read: {detail}")]
    Certificate {
        /// What is wrong with it.
        detail: String,
    },
    /// No URL, or not one of a proxy. The text is not repeated: it may hold a password.
    #[error("the proxy address is not a URL like http://proxy.example.com:3128")]
    Proxy,
    /// The program name cannot stand in an HTTP header.
    #[error("the user agent may hold only visible ASCII characters and spaces")]
    UserAgent,
    /// A limit that would stop everything.
    #[error("{what} must be at least {least}")]
    TooSmall {
        /// Which limit.
        what: &'static str,
        /// The least value.
        least: u64,
    },
    /// The HTTP client could not be built.
    #[error("the HTTP client cannot be set up: {detail}")]
    Client {
        /// What the library said.
        detail: String,
    },
}

/// Which way requests go.
#[derive(Clone, Default)]
pub(crate) enum ProxyChoice {
    /// As `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
    #[default]
    Environment,
    /// Straight to the host.
    Direct,
    /// Through this one, except for the named hosts.
    Through { proxy: Url, except: String },
}

/// What one host knows this installation as.
#[derive(Clone)]
pub(crate) struct Registered {
    pub(crate) id: ClientId,
    /// `None` for an application that is not confidential.
    pub(crate) secret: Option<SecretString>,
}

/// How the adapter behaves; see the methods for the defaults.
///
/// ```
/// use gitlab_adapter::GitlabConfig;
/// use std::time::Duration;
/// let config = GitlabConfig::new("forgehold/1.0")
///     .max_concurrency(4)
///     .request_timeout(Duration::from_secs(30));
/// # let _ = config;
/// ```
#[derive(Clone)]
pub struct GitlabConfig {
    pub(crate) user_agent: String,
    pub(crate) extra_roots: Vec<CertificateDer<'static>>,
    pub(crate) proxy: ProxyChoice,
    pub(crate) connect_timeout: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) max_concurrency: usize,
    pub(crate) page_size: u32,
    pub(crate) max_body: usize,
    pub(crate) retry_deadline: Duration,
    pub(crate) wait_limit: Duration,
    pub(crate) oauth_clients: BTreeMap<HostUrl, Registered>,
}

impl fmt::Debug for GitlabConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The proxy's address may hold a password.
        f.debug_struct("GitlabConfig")
            .field("user_agent", &self.user_agent)
            .field("extra_roots", &self.extra_roots.len())
            .field("max_concurrency", &self.max_concurrency)
            .field("page_size", &self.page_size)
            .field("request_timeout", &self.request_timeout)
            .field("retry_deadline", &self.retry_deadline)
            .field("wait_limit", &self.wait_limit)
            .field("oauth_clients", &ClientIds(&self.oauth_clients))
            .finish_non_exhaustive()
    }
}

/// Client ids are no secrets; client secrets are.
struct ClientIds<'a>(&'a BTreeMap<HostUrl, Registered>);

impl fmt::Debug for ClientIds<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = self.0.iter().map(|(host, client)| (host, &client.id));
        f.debug_map().entries(ids).finish()
    }
}

impl GitlabConfig {
    /// The defaults, for a program that introduces itself as `user_agent`.
    pub fn new(user_agent: impl Into<String>) -> Self {
        Self {
            user_agent: user_agent.into(),
            extra_roots: Vec::new(),
            proxy: ProxyChoice::default(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_mins(1),
            max_concurrency: 8,
            page_size: 100,
            max_body: 16 * 1024 * 1024,
            retry_deadline: Duration::from_mins(3),
            wait_limit: Duration::from_mins(15),
            oauth_clients: BTreeMap::new(),
        }
    }

    /// Trusts the certificate authorities of a PEM text besides those of the machine.
    pub fn extra_ca_pem(mut self, pem: &[u8]) -> Result<Self, ConfigError> {
        let before = self.extra_roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| ConfigError::Certificate {
                detail: error.to_string(),
            })?;
            self.extra_roots.push(certificate);
        }
        if self.extra_roots.len() == before {
            return Err(ConfigError::Certificate {
                detail: "there is no certificate in it".to_owned(),
            });
        }
        Ok(self)
    }

    /// Sends everything through a proxy, except what `no_proxy` names (as in the variable `NO_PROXY`). Without this and
    /// [`GitlabConfig::direct`] the environment decides.
    pub fn proxy(mut self, proxy: &str, no_proxy: &str) -> Result<Self, ConfigError> {
        let proxy = Url::parse(proxy).map_err(|_| ConfigError::Proxy)?;
        if !matches!(proxy.scheme(), "http" | "https") || proxy.host().is_none() {
            return Err(ConfigError::Proxy);
        }
        self.proxy = ProxyChoice::Through {
            proxy,
            except: no_proxy.to_owned(),
        };
        Ok(self)
    }

    /// Uses no proxy, whatever the environment says.
    #[must_use]
    pub fn direct(mut self) -> Self {
        self.proxy = ProxyChoice::Direct;
        self
    }

    /// How long a connection may take to open. Default: 10 s.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long one request may take until its last byte. Default: 60 s, after which GitLab.com gives up too.
    #[must_use]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// How many requests one host may have to answer at a time, all organizations together. Default: 8.
    #[must_use]
    pub fn max_concurrency(mut self, requests: usize) -> Self {
        self.max_concurrency = requests;
        self
    }

    /// How many rows one page has at most. Default and upper limit of GitLab: 100.
    #[must_use]
    pub fn page_size(mut self, rows: u32) -> Self {
        self.page_size = rows;
        self
    }

    /// How many bytes one answer may have, unpacked. Default: 16 MiB.
    #[must_use]
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// How long one request is tried again after failures, waits included. Default: 3 min.
    #[must_use]
    pub fn retry_deadline(mut self, deadline: Duration) -> Self {
        self.retry_deadline = deadline;
        self
    }

    /// How long one request waits altogether when the host limits the rate; beyond it the caller is told. Default: 15 min.
    #[must_use]
    pub fn wait_limit(mut self, limit: Duration) -> Self {
        self.wait_limit = limit;
        self
    }

    /// The application that somebody registered at `host` for signing in; a later one for the same host takes its place. A confidential
    /// application has a secret, which goes to that host's token endpoints and nowhere else.
    #[must_use]
    pub fn oauth_client(
        mut self,
        host: HostUrl,
        client: ClientId,
        secret: Option<SecretString>,
    ) -> Self {
        let registered = Registered { id: client, secret };
        self.oauth_clients.insert(host, registered);
        self
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let at_least = |what, value: u64, least| {
            if value < least {
                Err(ConfigError::TooSmall { what, least })
            } else {
                Ok(())
            }
        };
        at_least("the concurrency", self.max_concurrency as u64, 1)?;
        at_least("the page size", u64::from(self.page_size), 1)?;
        at_least("the body limit", self.max_body as u64, 1024)?;
        if !self
            .user_agent
            .bytes()
            .all(|byte| (b' '..=b'~').contains(&byte))
        {
            return Err(ConfigError::UserAgent);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused() {
        let config = || GitlabConfig::new("test");
        assert_eq!(
            config().max_concurrency(0).check(),
            Err(ConfigError::TooSmall {
                what: "the concurrency",
                least: 1
            })
        );
        assert_eq!(
            GitlabConfig::new("two\nlines").check(),
            Err(ConfigError::UserAgent)
        );
        assert!(config().extra_ca_pem(b"nothing").is_err());
        let broken = b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n";
        assert!(config().extra_ca_pem(broken).is_err());
        for text in ["proxy:3128", "socks://p", "http://"] {
            assert!(config().proxy(text, "").is_err(), "{text}");
        }
    }

    #[test]
    fn the_password_of_a_proxy_is_not_shown() {
        let config = GitlabConfig::new("test").proxy("http://user:hunter2@proxy:3128", "");
        let shown = format!("{config:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn a_client_id_is_shown_and_its_secret_is_not() {
        let host: HostUrl = "https://git.example.com/gitlab".parse().expect("a host");
        let client: ClientId = "an-application".parse().expect("an id");
        let config = GitlabConfig::new("test").oauth_client(host, client, Some("hunter2".into()));
        let shown = format!("{config:?}");
        assert!(shown.contains("an-application"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
