//! The cookies: which ones there are, and with which promises of the browser.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use crate::http::place::Place;

/// A cookie of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cookie {
    /// Who signed in.
    Session,
    /// Which browser it is, before anybody signed in: forms are bound to it.
    Visitor,
    /// Which sign-in at the provider this browser began.
    Arrival,
}

impl Cookie {
    /// Its name. Over https a browser takes a name with this beginning only from this very host, for all of its paths.
    const fn name(self, https: bool) -> &'static str {
        match (self, https) {
            (Self::Session, true) => "__Host-forgehold_session",
            (Self::Session, false) => "forgehold_session",
            (Self::Visitor, true) => "__Host-forgehold_visitor",
            (Self::Visitor, false) => "forgehold_visitor",
            (Self::Arrival, true) => "__Host-forgehold_arrival",
            (Self::Arrival, false) => "forgehold_arrival",
        }
    }

    /// What the browser shows; `None` also where it shows two different ones, since then one of them is somebody else's.
    pub fn read(self, place: &Place, headers: &HeaderMap) -> Option<SecretString> {
        let name = self.name(place.is_https());
        let mut found = headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| value);
        let first = found.next()?;
        let plain =
            (32..=128).contains(&first.len()) && first.bytes().all(|byte| byte.is_ascii_hexdigit());
        (plain && found.all(|other| other == first)).then(|| SecretString::from(first.to_owned()))
    }

    /// The header that gives it to the browser, for as long as the browser runs. `Lax`, since the host's sign-in page leads back to us.
    pub fn set(self, place: &Place, value: &SecretString) -> HeaderValue {
        self.header(place, value.expose_secret(), "")
    }

    /// The header that takes it away.
    pub fn clear(self, place: &Place) -> HeaderValue {
        self.header(place, "", "; Max-Age=0")
    }

    fn header(self, place: &Place, value: &str, end: &str) -> HeaderValue {
        let secure = if place.is_https() { "; Secure" } else { "" };
        let name = self.name(place.is_https());
        let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{end}");
        let mut header =
            HeaderValue::from_str(&text).expect("hexadecimal digits and words fit into a header");
        header.set_sensitive(true);
        header
    }
}
