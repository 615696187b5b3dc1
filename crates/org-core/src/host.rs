//! The service host: which kind it is and where it stands.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

use crate::text::serde_through_text;

/// The kind of host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Service {
    /// GitLab.com or a self-managed GitLab.
    Gitlab,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Gitlab => "gitlab",
        })
    }
}

impl FromStr for Service {
    type Err = UnknownService;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "gitlab" => Ok(Self::Gitlab),
            _ => Err(UnknownService {
                text: text.to_owned(),
            }),
        }
    }
}

serde_through_text!(Service);

/// The text names no service that this build knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a known service; known is `gitlab`")]
pub struct UnknownService {
    /// The refused text.
    pub text: String,
}

/// Whether a credential may travel without encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainHttp {
    /// Only to this very machine.
    LoopbackOnly,
    /// A person took the risk in so many words.
    Allowed,
}

/// The address of a service host: scheme, name, perhaps a port and a path prefix; nothing else.
///
/// Two addresses of the same host compare equal: the name is in lower case, default ports and trailing slashes are gone.
///
/// ```
/// use org_core::host::{HostUrl, PlainHttp};
/// let url = HostUrl::parse("HTTPS://Git.Example.com:443/gitlab/", PlainHttp::LoopbackOnly)?;
/// assert_eq!(url.to_string(), "https://git.example.com/gitlab");
/// # Ok::<(), org_core::host::HostUrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostUrl(Url);

/// Why an address is not one of a host. A message never repeats what might hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostUrlError {
    /// Nothing was given.
    #[error("the host is empty; write it like https://gitlab.com")]
    Empty,
    /// `gitlab.example.com` instead of `https://gitlab.example.com`.
    #[error("the host `{text}` has no scheme; write https://{text}")]
    NoScheme {
        /// The refused text.
        text: String,
    },
    /// `htps:/gitlab.example.com`, which begins with a scheme that was mistyped.
    #[error("the address begins with `{beginning}`; write https://{rest}")]
    Mistyped {
        /// What stands where the scheme belongs.
        beginning: String,
        /// What follows it.
        rest: String,
    },
    /// Neither `https` nor `http`.
    #[error("the scheme `{scheme}` is not supported; use https")]
    Scheme {
        /// The refused scheme.
        scheme: String,
    },
    /// A user name or password inside the address.
    #[error(
        "the host address holds credentials; remove everything between `://` and `@`, and give the token as a secret"
    )]
    Credentials,
    /// A query or a fragment.
    #[error("the host address has a query or a fragment; end it after the path")]
    Extra,
    /// Plain http to another machine.
    #[error(
        "plain http to `{host}` would send the token unencrypted; use https, or allow plain http for this host in so many words"
    )]
    PlainHttp {
        /// The name of the host.
        host: String,
    },
    /// Anything else that no URL can be.
    #[error(
        "the host address is not a valid URL ({reason}); write it like https://gitlab.example.com"
    )]
    Invalid {
        /// What the URL parser said.
        reason: String,
    },
}

impl HostUrl {
    /// GitLab.com, the default of the form.
    pub const GITLAB_COM: &'static str = "https://gitlab.com";

    /// Parses what a person typed.
    pub fn parse(text: &str, plain_http: PlainHttp) -> Result<Self, HostUrlError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(HostUrlError::Empty);
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            if text.contains('@') {
                return Err(HostUrlError::Credentials);
            }
            if let Some((scheme, after)) = text.split_once(':')
                && (after.starts_with('/') || scheme.eq_ignore_ascii_case("https"))
            {
                let rest = after.trim_start_matches('/');
                Self::parse(&format!("https://{rest}"), plain_http)?;
                return Err(HostUrlError::Mistyped {
                    beginning: text[..text.len() - rest.len()].to_owned(),
                    rest: rest.to_owned(),
                });
            }
            // What is no address with a scheme either is refused for that, since the advice would not help.
            Self::parse(&format!("https://{text}"), plain_http)?;
            return Err(HostUrlError::NoScheme {
                text: text.to_owned(),
            });
        };
        // Only what stands before the path can hold credentials, and they are refused before anything is echoed.
        let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(HostUrlError::Credentials);
        }
        if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
            return Err(HostUrlError::Scheme {
                scheme: scheme.to_owned(),
            });
        }
        let mut url = Url::parse(text).map_err(|error| HostUrlError::Invalid {
            reason: error.to_string(),
        })?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(HostUrlError::Credentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(HostUrlError::Extra);
        }
        let path = url.path().trim_end_matches('/').to_owned();
        if path.split('/').skip(1).any(str::is_empty) {
            return Err(HostUrlError::Invalid {
                reason: "the path has an empty part".to_owned(),
            });
        }
        url.set_path(&path);
        let url = Self(url);
        if !url.is_encrypted() && !url.is_loopback() && plain_http == PlainHttp::LoopbackOnly {
            return Err(HostUrlError::PlainHttp {
                host: url.host_name().to_owned(),
            });
        }
        Ok(url)
    }

    /// The address as a URL; its path has no trailing slash unless it is the root.
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// The name or address of the machine, without port.
    pub fn host_name(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// Whether what is sent there is encrypted on the way.
    pub fn is_encrypted(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Whether the address can only be this very machine.
    pub fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }
}

impl fmt::Display for HostUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for HostUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostUrl({self})")
    }
}

/// Parses what was already accepted once: plain http is the decision of the moment a person typed it.
impl FromStr for HostUrl {
    type Err = HostUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text, PlainHttp::Allowed)
    }
}

serde_through_text!(HostUrl);

#[cfg(test)]
mod tests;
