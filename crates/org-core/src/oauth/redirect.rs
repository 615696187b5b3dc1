//! Where the host sends the browser back to.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

use crate::host::HostUrl;
use crate::text::serde_through_text;

/// An address of ours that the host sends the browser back to.
///
/// The host compares it to the letter with what was registered, but for the port of a loopback address (RFC 8252, section 7.3; GitLab
/// ignores it for 127.0.0.1 and `[::1]`, not for the name `localhost`). Each host has a path of its own, so that an answer of one host
/// that is sent to the path of another is noticed (RFC 9700, section 4.4.2.2).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RedirectUri(Url);

/// Why an address cannot be returned to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedirectUriError {
    /// It is no URL.
    #[error("the redirect URI is not a URL")]
    Invalid,
    /// It holds what no redirect URI may hold.
    #[error("the redirect URI may have neither credentials, query nor fragment")]
    Extra,
    /// Anybody on the way could read the code.
    #[error("the redirect URI must be https, or http to 127.0.0.1 or [::1]")]
    Unencrypted,
}

/// What the path of every redirect URI begins with.
const PATH: &str = "/callback/";

impl RedirectUri {
    /// On this very machine, for a program that listens on `port` of 127.0.0.1.
    pub fn loopback(port: u16, host: &HostUrl) -> Self {
        let text = format!("http://127.0.0.1:{port}{PATH}{}", name_of(host));
        Self(Url::parse(&text).expect("an address and a path of unreserved characters"))
    }

    /// What must be registered at `host` for sign-ins from a terminal: without a port, since hosts ignore it there.
    pub fn registered_loopback(host: &HostUrl) -> Self {
        let text = format!("http://127.0.0.1{PATH}{}", name_of(host));
        Self(Url::parse(&text).expect("an address and a path of unreserved characters"))
    }

    /// Below the public address of a server.
    pub fn of_server(base: &Url, host: &HostUrl) -> Result<Self, RedirectUriError> {
        let path = base.path().trim_end_matches('/');
        let mut url = base.clone();
        url.set_path(&format!("{path}{PATH}{}", name_of(host)));
        Self::parse(url)
    }

    fn parse(url: Url) -> Result<Self, RedirectUriError> {
        let extra = !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
            || url.fragment().is_some();
        if extra {
            return Err(RedirectUriError::Extra);
        }
        let loopback = match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            _ => false,
        };
        match url.scheme() {
            "https" => Ok(Self(url)),
            "http" if loopback => Ok(Self(url)),
            _ => Err(RedirectUriError::Unencrypted),
        }
    }

    /// The whole address.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The path, which a listener compares to the letter.
    pub fn path(&self) -> &str {
        self.0.path()
    }
}

/// A name for a host that fits one part of a path, and that no two hosts share.
///
/// What is neither letter, digit, dot nor hyphen is written as `~` and two hexadecimal digits.
fn name_of(host: &HostUrl) -> String {
    let text = host.to_string();
    let name = match text.strip_prefix("https://") {
        Some(rest) => rest.to_owned(),
        None => text,
    };
    let mut path = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' => path.push(char::from(byte)),
            other => {
                use fmt::Write as _;
                let _ = write!(path, "~{other:02x}");
            }
        }
    }
    path
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.as_str())
    }
}

impl fmt::Debug for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedirectUri({self})")
    }
}

impl FromStr for RedirectUri {
    type Err = RedirectUriError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(Url::parse(text).map_err(|_| RedirectUriError::Invalid)?)
    }
}

serde_through_text!(RedirectUri);
