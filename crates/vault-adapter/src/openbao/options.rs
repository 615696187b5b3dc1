//! Where a server is and how this program says who it is.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use org_core::text::VaultName;
use reqwest::Certificate;
use secrecy::SecretString;
use url::{Host, Url};

/// Why settings of a server were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenBaoOptionsError {
    /// The address is none.
    #[error("the address is not one of a server, such as https://bao.example.com:8200")]
    Address,
    /// The token would travel for everybody to read.
    #[error(
        "the address begins with http://, which is allowed for this machine alone; write https://"
    )]
    Unencrypted,
    /// A mount, prefix, namespace or role that leads elsewhere than it reads.
    #[error(
        "the {what} `{text}` is not right: write steps of letters, digits, `.`, `_` and `-`, with `/` between them"
    )]
    Path {
        /// Which setting.
        what: &'static str,
        /// The refused text.
        text: String,
    },
    /// The certificate authorities cannot be read.
    #[error("the certificate authority is not in PEM form")]
    Authority,
}

/// Where a credential comes from. A file is read anew at each login, so that whoever rotates it needs no restart.
#[derive(Debug, Clone)]
pub enum Credential {
    /// The file's text without white space around it.
    File(PathBuf),
    /// The text itself.
    Value(SecretString),
}

/// How this program says who it is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum OpenBaoAuth {
    /// A token that somebody else makes. It is renewed where it may be; when it ends, the next one is read from the same place.
    Token(Credential),
    /// A role for machines.
    AppRole {
        /// Where the method is mounted, usually `approle`.
        mount: String,
        /// The role's id, which is no secret.
        role_id: String,
        /// The secret id.
        secret_id: Credential,
    },
    /// The service account of a pod.
    Kubernetes {
        /// Where the method is mounted, usually `kubernetes`.
        mount: String,
        /// The role.
        role: String,
        /// The account's token, which the cluster replaces now and then.
        jwt: Credential,
    },
    /// A client certificate.
    Certificate {
        /// Where the method is mounted, usually `cert`.
        mount: String,
        /// The role; without one the server tries all.
        role: Option<String>,
        /// The certificate, and behind it its chain, in PEM form.
        certificate: PathBuf,
        /// Its key in PEM form.
        key: PathBuf,
    },
}

impl OpenBaoAuth {
    /// In words, without anything secret.
    pub(super) const fn in_words(&self) -> &'static str {
        match self {
            Self::Token(_) => "a token",
            Self::AppRole { .. } => "AppRole",
            Self::Kubernetes { .. } => "Kubernetes",
            Self::Certificate { .. } => "a client certificate",
        }
    }
}

/// Steps of a path that say what they are: no step is empty, `.` or `..`, and none needs to be encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Steps(Vec<String>);

impl Steps {
    pub(super) fn parse(what: &'static str, text: &str) -> Result<Self, OpenBaoOptionsError> {
        let trimmed = text.trim().trim_matches('/');
        let fits = |step: &str| {
            !matches!(step, "" | "." | "..")
                && step.len() <= 100
                && step
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        };
        if trimmed.len() <= 300 && trimmed.split('/').all(fits) {
            Ok(Self(trimmed.split('/').map(str::to_owned).collect()))
        } else {
            Err(OpenBaoOptionsError::Path {
                what,
                text: text
                    .chars()
                    .take(100)
                    .collect::<String>()
                    .escape_debug()
                    .to_string(),
            })
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl fmt::Display for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("/"))
    }
}

/// A server of `OpenBao` or `HashiCorp` Vault, and the part of it that is Forgehold's.
#[derive(Clone)]
pub struct OpenBaoOptions {
    pub(super) name: VaultName,
    pub(super) address: Url,
    pub(super) auth: OpenBaoAuth,
    pub(super) mount: Steps,
    pub(super) prefix: Steps,
    pub(super) namespace: Option<Steps>,
    pub(super) authorities: Vec<Certificate>,
    pub(super) connect_timeout: Duration,
    pub(super) request_timeout: Duration,
}

impl fmt::Debug for OpenBaoOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenBaoOptions")
            .field("name", &self.name)
            .field("address", &self.address.as_str())
            .field("auth", &self.auth.in_words())
            .field("mount", &self.mount)
            .field("prefix", &self.prefix)
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

impl OpenBaoOptions {
    /// The server at `address`, with the KV engine of version 2 that is mounted at `secret`, and there everything below `forgehold`.
    pub fn new(
        name: VaultName,
        address: &str,
        auth: OpenBaoAuth,
    ) -> Result<Self, OpenBaoOptionsError> {
        let options = Self {
            name,
            address: parse_address(address)?,
            auth,
            mount: Steps::parse("mount", "secret")?,
            prefix: Steps::parse("prefix", "forgehold")?,
            namespace: None,
            authorities: Vec::new(),
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(20),
        };
        let method = match &options.auth {
            OpenBaoAuth::Token(_) => return Ok(options),
            OpenBaoAuth::AppRole { mount, .. }
            | OpenBaoAuth::Kubernetes { mount, .. }
            | OpenBaoAuth::Certificate { mount, .. } => mount,
        };
        Steps::parse("mount of the auth method", method)?;
        Ok(options)
    }

    /// Where the KV engine of version 2 is mounted.
    pub fn mount(mut self, mount: &str) -> Result<Self, OpenBaoOptionsError> {
        self.mount = Steps::parse("mount", mount)?;
        Ok(self)
    }

    /// What all paths of this installation begin with. Two installations must not share it: each removes what it does not know.
    pub fn prefix(mut self, prefix: &str) -> Result<Self, OpenBaoOptionsError> {
        self.prefix = Steps::parse("prefix", prefix)?;
        Ok(self)
    }

    /// The namespace that everything is in.
    pub fn namespace(mut self, namespace: &str) -> Result<Self, OpenBaoOptionsError> {
        self.namespace = Some(Steps::parse("namespace", namespace)?);
        Ok(self)
    }

    /// Trusts the authorities of a PEM text, and no others.
    pub fn authorities(mut self, pem: &[u8]) -> Result<Self, OpenBaoOptionsError> {
        let found =
            Certificate::from_pem_bundle(pem).map_err(|_| OpenBaoOptionsError::Authority)?;
        if found.is_empty() {
            return Err(OpenBaoOptionsError::Authority);
        }
        self.authorities.extend(found);
        Ok(self)
    }

    /// How long a connection may take to open, and a request until its last byte.
    #[must_use]
    pub const fn timeouts(mut self, connect: Duration, request: Duration) -> Self {
        self.connect_timeout = connect;
        self.request_timeout = request;
        self
    }
}

fn parse_address(text: &str) -> Result<Url, OpenBaoOptionsError> {
    let url = Url::parse(text.trim()).map_err(|_| OpenBaoOptionsError::Address)?;
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return Err(OpenBaoOptionsError::Address),
    };
    match url.scheme() {
        "https" if plain => Ok(url),
        "http" if plain && here => Ok(url),
        "http" if plain => Err(OpenBaoOptionsError::Unencrypted),
        _ => Err(OpenBaoOptionsError::Address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, expected: &str) {
        let told = match parse_address(address) {
            Ok(url) => url.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(told, expected, "{address}");
    }

    #[test]
    fn an_address_is_encrypted_or_of_this_machine() {
        check(
            "https://bao.example.com:8200",
            "https://bao.example.com:8200/",
        );
        check(
            " https://bao.example.com/vault/ ",
            "https://bao.example.com/vault/",
        );
        check("http://127.0.0.1:8200", "http://127.0.0.1:8200/");
        check("http://[::1]:8200", "http://[::1]:8200/");
        let none = "the address is not one of a server, such as https://bao.example.com:8200";
        for text in [
            "",
            "bao",
            "bao:8200",
            "ftp://bao",
            "https://u:p@bao",
            "https://bao?x=1",
        ] {
            check(text, none);
        }
        check(
            "http://bao.example.com",
            "the address begins with http://, which is allowed for this machine alone; write https://",
        );
    }

    #[test]
    fn a_step_says_what_it_is() {
        for text in ["secret", "team/one", "/a.b/c_d-e/"] {
            assert!(Steps::parse("mount", text).is_ok(), "{text}");
        }
        for text in [
            "", "/", "a//b", "a/../b", "a/.", "a b", "łódź", "a?b", "a%2fb", "a\nb",
        ] {
            let error = Steps::parse("mount", text).unwrap_err().to_string();
            assert!(error.starts_with("the mount `"), "{error}");
            assert!(!error.contains('\n'));
        }
    }
}
