//! Registered applications, and which redirect URI is theirs.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::scopes;
use crate::secret::Secret;
use crate::world::{World, WorldError};

/// An application that is to be registered. The default is a public one with every ordinary scope
/// and a client id from the seed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplicationSpec {
    name: String,
    #[serde(default)]
    client_id: Option<String>,
    #[serde(default)]
    confidential: bool,
    #[serde(default)]
    secret: Option<Secret>,
    redirect_uris: Vec<String>,
    #[serde(default = "default_scopes")]
    scopes: Vec<String>,
    #[serde(default)]
    trusted: bool,
}

fn default_scopes() -> Vec<String> {
    [
        "api",
        "read_api",
        "read_user",
        "read_repository",
        "write_repository",
    ]
    .map(str::to_owned)
    .into()
}

impl ApplicationSpec {
    /// An application that can keep no secret, such as a program on somebody's machine.
    pub fn public(name: &str, redirect_uri: &str) -> Self {
        Self {
            name: name.to_owned(),
            client_id: None,
            confidential: false,
            secret: None,
            redirect_uris: vec![redirect_uri.to_owned()],
            scopes: default_scopes(),
            trusted: false,
        }
    }

    /// An application with a secret, which is made from the seed unless [`Self::secret`] gives it.
    pub fn confidential(name: &str, redirect_uri: &str) -> Self {
        Self {
            confidential: true,
            ..Self::public(name, redirect_uri)
        }
    }

    /// The client id, in place of one from the seed.
    #[must_use]
    pub fn client_id(mut self, client_id: &str) -> Self {
        self.client_id = Some(client_id.to_owned());
        self
    }

    /// The client secret; makes the application confidential.
    #[must_use]
    pub fn secret(mut self, secret: impl Into<Secret>) -> Self {
        self.confidential = true;
        self.secret = Some(secret.into());
        self
    }

    /// One more redirect URI.
    #[must_use]
    pub fn redirect_uri(mut self, redirect_uri: &str) -> Self {
        self.redirect_uris.push(redirect_uri.to_owned());
        self
    }

    /// The scopes it may ask for. None at all means every scope of the instance.
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Makes it trusted: nobody is asked for consent.
    #[must_use]
    pub fn trusted(mut self) -> Self {
        self.trusted = true;
        self
    }
}

/// A registered application.
#[derive(Debug, Clone, Serialize)]
pub struct Application {
    /// The client id.
    pub client_id: String,
    /// The name for people.
    pub name: String,
    /// Where answers may be sent.
    pub redirect_uris: Vec<String>,
    /// What it may ask for; empty means every scope of the instance.
    pub scopes: Vec<String>,
    /// Whether consent is skipped.
    pub trusted: bool,
    /// `None` for a public application.
    #[serde(skip)]
    secret: Option<Secret>,
}

impl Application {
    /// The client secret of a confidential application.
    pub fn secret(&self) -> Option<&str> {
        self.secret.as_ref().map(Secret::expose)
    }

    /// Whether it has a secret.
    pub fn is_confidential(&self) -> bool {
        self.secret.is_some()
    }

    /// Whether these credentials are its own: a public application needs no secret, but a wrong one
    /// is refused.
    pub(super) fn accepts(&self, secret: Option<&str>) -> bool {
        match (self.secret(), secret.filter(|secret| !secret.is_empty())) {
            (None, given) => given.is_none(),
            (Some(own), given) => given == Some(own),
        }
    }

    pub(super) fn owns_redirect(&self, uri: &str) -> bool {
        self.redirect_uris
            .iter()
            .any(|own| redirect_matches(uri, own))
    }

    /// The scopes that are granted for what was asked, or `None` when that is not valid.
    pub(super) fn scopes_for(&self, asked: Option<&str>) -> Option<Vec<String>> {
        let asked = match asked {
            Some(text) if text.contains(['\n', '\r', '\t']) => return None,
            Some(text) => scopes::parse(text),
            // Without a scope it is the instance's default, as far as the application has it.
            None => vec![scopes::DEFAULT.to_owned()],
        };
        let valid = |scope: &String| {
            if self.scopes.is_empty() {
                scopes::is_known(scope)
            } else {
                self.scopes.contains(scope)
            }
        };
        (!asked.is_empty() && asked.iter().all(valid)).then_some(asked)
    }
}

impl World {
    /// Registers an application.
    pub fn add_application(&mut self, spec: &ApplicationSpec) -> Result<Application, WorldError> {
        if let Some(bad) = spec.redirect_uris.iter().find(|uri| !registrable(uri)) {
            return Err(WorldError::InvalidRedirectUri(bad.clone()));
        }
        if let Some(bad) = spec.scopes.iter().find(|scope| !scopes::is_known(scope)) {
            return Err(WorldError::InvalidScope(bad.clone()));
        }
        let client_id = spec.client_id.clone().unwrap_or_else(|| self.random_hex());
        if self.oauth.applications.contains_key(&client_id) {
            return Err(WorldError::ApplicationTaken(client_id));
        }
        let secret = (spec.confidential || spec.secret.is_some()).then(|| {
            spec.secret
                .clone()
                .unwrap_or_else(|| format!("gloas-{}", self.random_hex()).into())
        });
        let application = Application {
            client_id: client_id.clone(),
            name: spec.name.clone(),
            redirect_uris: spec.redirect_uris.clone(),
            scopes: spec.scopes.clone(),
            trusted: spec.trusted,
            secret,
        };
        self.oauth
            .applications
            .insert(client_id, application.clone());
        Ok(application)
    }

    /// The application with that client id.
    pub fn application(&self, client_id: &str) -> Result<&Application, WorldError> {
        self.oauth
            .applications
            .get(client_id)
            .ok_or_else(|| WorldError::NoSuchApplication(client_id.to_owned()))
    }

    /// Every application by its client id.
    pub fn applications(&self) -> impl Iterator<Item = &Application> {
        self.oauth.applications.values()
    }
}

/// A URI in the parts that are compared. Nothing is normalized, so nothing can be smuggled.
struct Parts<'a> {
    scheme: &'a str,
    user: Option<&'a str>,
    host: &'a str,
    /// Path, query and fragment.
    rest: &'a str,
}

impl<'a> Parts<'a> {
    fn of(uri: &'a str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"\\\"<>^`{}|".contains(&byte);
        if !uri.bytes().all(plain) {
            return None;
        }
        let (scheme, after) = uri.split_once("://")?;
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        if !scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            || !scheme.bytes().all(letters)
        {
            return None;
        }
        let end = after.find(['/', '?', '#']).unwrap_or(after.len());
        let (authority, rest) = after.split_at(end);
        let (user, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, authority),
        };
        let port_at = match place.rfind(']') {
            Some(bracket) => place[bracket..].find(':').map(|at| bracket + at),
            None => place.find(':'),
        };
        let (host, port) =
            port_at.map_or((place, None), |at| (&place[..at], Some(&place[at + 1..])));
        if port.is_some_and(|port| !port.is_empty() && port.parse::<u16>().is_err()) {
            return None;
        }
        Some(Self {
            scheme,
            user,
            host,
            rest,
        })
    }

    fn is_loopback(&self) -> bool {
        let six = self
            .host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        match six {
            Some(six) => six.parse::<Ipv6Addr>().is_ok_and(|ip| ip.is_loopback()),
            None => self
                .host
                .parse::<Ipv4Addr>()
                .is_ok_and(|ip| ip.is_loopback()),
        }
    }
}

/// Whether a redirect URI may be used at all: absolute, with a host, without a fragment.
fn valid(uri: &str) -> bool {
    Parts::of(uri).is_some_and(|parts| {
        !(parts.host.is_empty() && ["http", "https"].contains(&parts.scheme))
            && parts.scheme != "localhost"
            && !parts.rest.contains('#')
    })
}

fn registrable(uri: &str) -> bool {
    let scheme = uri
        .split(':')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    valid(uri) && !["data", "vbscript", "javascript"].contains(&scheme.as_str())
}

/// Whether an asked redirect URI is the registered one: the same text, or for a loopback address
/// (RFC 8252, section 7.3; not for the name `localhost`) the same but for the port.
pub(super) fn redirect_matches(asked: &str, registered: &str) -> bool {
    if !valid(asked) {
        return false;
    }
    if asked == registered {
        return true;
    }
    let (Some(asked), Some(own)) = (Parts::of(asked), Parts::of(registered)) else {
        return false;
    };
    asked.is_loopback()
        && own.is_loopback()
        && (asked.scheme, asked.user, asked.host, asked.rest)
            == (own.scheme, own.user, own.host, own.rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(asked: &str, registered: &str, expected: bool) {
        assert_eq!(
            redirect_matches(asked, registered),
            expected,
            "{asked} for {registered}"
        );
    }

    #[test]
    fn only_the_port_of_a_loopback_address_may_differ() {
        let four = "http://127.0.0.1/callback";
        check("http://127.0.0.1/callback", four, true);
        check("http://127.0.0.1:7171/callback", four, true);
        check("http://[::1]:7171/cb", "http://[::1]:1/cb", true);
        check("http://[::1]/cb", "http://[::1]:1/cb", true);
        check("http://localhost:7171/cb", "http://localhost/cb", false);
        check("http://localhost:7171/cb", "http://localhost:7171/cb", true);
        check("https://127.0.0.1/callback", four, false);
        check("http://127.0.0.1/callback/", four, false);
        check("http://127.0.0.1/callback?x=1", four, false);
        check("http://127.0.0.1/callback#x", four, false);
        check("http://evil@127.0.0.1/callback", four, false);
        check("http://127.0.0.1:80@evil.example/callback", four, false);
        check("http://127.0.0.1.evil.example/callback", four, false);
        check("http://127.1/callback", four, false);
        check("http://127.0.0.2/callback", four, false);
        check("http://127.0.0.1:99999/callback", four, false);
        check("http://127.0.0.1:7171/../callback", four, false);
        check("http://127.0.0.1\\@evil.example/callback", four, false);
        check(
            "https://app.example:444/cb",
            "https://app.example/cb",
            false,
        );
        check("https://app.example/cb", "https://app.example/cb", true);
        check(
            "https://app.example/cb\r\nx: y",
            "https://app.example/cb",
            false,
        );
    }

    #[test]
    fn what_may_be_registered() {
        for good in [
            "http://a.example/cb",
            "org.example.app://cb",
            "http://127.0.0.1",
        ] {
            assert!(registrable(good), "{good}");
        }
        for bad in [
            "",
            "/cb",
            "https://",
            "javascript://%0aalert(1)",
            "https://a.example/#x",
        ] {
            assert!(!registrable(bad), "{bad}");
        }
    }
}
