//! What each request to the loopback address comes to. Nothing here touches a socket.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::header::{COOKIE, HOST, HeaderMap, HeaderValue, LOCATION, SET_COOKIE};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use org_core::oauth::Initiator;
use org_core::ports::{Entropy, EntropyError};
use org_core::use_cases::sign_in::BrowserAnswer;
use secrecy::{ExposeSecret as _, SecretString};

use super::page::{Page, empty};

/// A number that only the first browser gets to know: 256 bits, in hexadecimal digits.
pub(super) fn ticket(entropy: &dyn Entropy) -> Result<SecretString, EntropyError> {
    use std::fmt::Write as _;

    let mut bytes = [0; 32];
    entropy.fill(&mut bytes)?;
    let mut text = String::with_capacity(64);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    Ok(SecretString::from(text))
}

/// What a request comes to.
pub(super) enum Route {
    /// It has its answer.
    Done(Response<String>),
    /// The host sent the browser back.
    Answer(Box<Returned>),
}

/// What the browser came back with.
pub(super) struct Returned {
    pub(super) answer: BrowserAnswer,
    pub(super) target: SecretString,
}

/// One sign-in, as seen from the browser.
pub(super) struct Site {
    /// What a request must call this program.
    authority: String,
    redirect: String,
    url: SecretString,
    ticket: SecretString,
    /// Cookies know no ports, so another sign-in at the same time has one of another name.
    cookie: String,
    is_taken: AtomicBool,
}

impl Site {
    pub(super) fn new(
        address: SocketAddr,
        back: &str,
        url: SecretString,
        ticket: SecretString,
    ) -> Self {
        Self {
            authority: address.to_string(),
            redirect: back.to_owned(),
            url,
            ticket,
            cookie: format!("forgehold_sign_in_{}", address.port()),
            is_taken: AtomicBool::new(false),
        }
    }

    pub(super) fn route(&self, request: &Parts) -> Route {
        let done = |page: Page| Route::Done(page.response());
        // A page of somebody else that was made to believe that its name is 127.0.0.1 (DNS rebinding) names itself here.
        if !self.is_called_by_name(request) {
            return done(Page::refused(StatusCode::BAD_REQUEST));
        }
        let path = request.uri.path();
        if path != "/" && path != self.redirect {
            return done(Page::refused(StatusCode::NOT_FOUND));
        }
        if request.method != Method::GET {
            return done(Page::refused(StatusCode::METHOD_NOT_ALLOWED));
        }
        // Only a person's visit counts: no image or script of another page, and no look ahead.
        if !is_visit(&request.headers) {
            return done(Page::refused(StatusCode::NOT_FOUND));
        }
        let has_ticket = self.has_ticket(&request.headers);
        if path == "/" {
            let is_first = !self.is_taken.swap(true, Ordering::SeqCst);
            return if is_first || has_ticket {
                Route::Done(self.to_the_host())
            } else {
                done(Page::used())
            };
        }
        if !has_ticket {
            return done(Page::stranger());
        }
        let query = request.uri.query().unwrap_or_default();
        Route::Answer(Box::new(Returned {
            answer: BrowserAnswer::parse(path, query),
            target: SecretString::from(format!("{path}?{query}")),
        }))
    }

    fn is_called_by_name(&self, request: &Parts) -> bool {
        let mut given = request.headers.get_all(HOST).iter();
        let named = given
            .next()
            .is_some_and(|name| name == self.authority.as_str());
        let other = request.uri.authority();
        named
            && given.next().is_none()
            && other.is_none_or(|other| other.as_str() == self.authority)
    }

    fn has_ticket(&self, headers: &HeaderMap) -> bool {
        let cookies = headers.get_all(COOKIE).iter();
        cookies
            .filter_map(|cookies| cookies.to_str().ok())
            .flat_map(|cookies| cookies.split(';'))
            .filter_map(|cookie| cookie.trim().split_once('='))
            .any(|(name, value)| {
                // Hashes are compared, so that the time that it takes tells nothing.
                let given = SecretString::from(value);
                name == self.cookie
                    && Initiator::of_secret(&given) == Initiator::of_secret(&self.ticket)
            })
    }

    fn to_the_host(&self) -> Response<String> {
        let mut response = empty(StatusCode::FOUND);
        let cookie = format!(
            "{}={}; Max-Age=600; Path=/; HttpOnly; SameSite=Lax",
            self.cookie,
            self.ticket.expose_secret()
        );
        let secret = |text: &str| {
            let mut value = HeaderValue::from_str(text).ok()?;
            value.set_sensitive(true);
            Some(value)
        };
        let (Some(location), Some(cookie)) = (secret(self.url.expose_secret()), secret(&cookie))
        else {
            // An address is ASCII, and so is the cookie.
            return Page::refused(StatusCode::INTERNAL_SERVER_ERROR).response();
        };
        response.headers_mut().insert(LOCATION, location);
        response.headers_mut().insert(SET_COOKIE, cookie);
        response
    }
}

/// Whether a browser says that it goes there, instead of fetching something for a page or ahead of time. Older browsers say nothing.
fn is_visit(headers: &HeaderMap) -> bool {
    let says = |name: &str, what: &str| headers.get(name).map(|value| value == what);
    says("sec-fetch-mode", "navigate") != Some(false)
        && says("sec-fetch-dest", "document") != Some(false)
        && !headers.contains_key("sec-purpose")
        && !headers.contains_key("purpose")
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use org_core::oauth::RedirectUri;

    use super::*;

    const TICKET: &str = "7ac1";
    const URL: &str = "https://gitlab.example.com/oauth/authorize?state=PLANTED";

    fn site() -> Site {
        let address: SocketAddr = "127.0.0.1:4711".parse().unwrap();
        let host = "https://gitlab.example.com".parse().unwrap();
        Site::new(
            address,
            RedirectUri::loopback(address.port(), &host).path(),
            SecretString::from(URL),
            SecretString::from(TICKET),
        )
    }

    fn request(line: &str, fields: &[(&str, &str)]) -> Parts {
        let (method, target) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn words(route: &Route) -> String {
        match route {
            Route::Answer(answer) => format!("answer {:?}", answer.answer),
            Route::Done(response) => {
                let secret = |name| match response.headers().get(name) {
                    Some(value) => format!(" {name} {value:?}"),
                    None => String::new(),
                };
                format!(
                    "{}{}{}",
                    response.status(),
                    secret("location"),
                    secret("set-cookie")
                )
            }
        }
    }

    const HOST: (&str, &str) = ("host", "127.0.0.1:4711");
    const OURS: (&str, &str) = ("cookie", "a=b; forgehold_sign_in_4711=7ac1");
    const BACK: &str = "GET /callback/gitlab.example.com?code=c&state=s";

    #[track_caller]
    fn check(line: &str, fields: &[(&str, &str)], expected: &str) {
        assert_eq!(words(&site().route(&request(line, fields))), expected);
    }

    #[test]
    fn only_the_first_browser_is_sent_to_the_host() {
        let site = site();
        let route = |fields: &[(&str, &str)]| words(&site.route(&request("GET /", fields)));
        let sent = "302 Found location Sensitive set-cookie Sensitive";
        assert_eq!(route(&[HOST]), sent);
        assert_eq!(route(&[HOST]), "410 Gone");
        assert_eq!(
            route(&[HOST, ("cookie", "forgehold_sign_in_4711=7ac2")]),
            "410 Gone"
        );
        // The same browser may reload.
        assert_eq!(route(&[HOST, OURS]), sent);
    }

    #[test]
    fn what_is_no_visit_does_not_take_the_place_of_the_first() {
        let site = site();
        let route =
            |line: &str, fields: &[(&str, &str)]| words(&site.route(&request(line, fields)));
        assert_eq!(route("GET /favicon.ico", &[HOST]), "404 Not Found");
        assert_eq!(route("HEAD /", &[HOST]), "405 Method Not Allowed");
        assert_eq!(route("GET /", &[]), "400 Bad Request");
        let elsewhere = [("host", "evil.example:4711")];
        assert_eq!(route("GET /", &elsewhere), "400 Bad Request");
        for field in [
            ("sec-fetch-mode", "no-cors"),
            ("sec-fetch-dest", "image"),
            ("sec-purpose", "prefetch"),
        ] {
            assert_eq!(route("GET /", &[HOST, field]), "404 Not Found");
        }
        let visit = [HOST, ("sec-fetch-mode", "navigate")];
        assert!(route("GET /", &visit).starts_with("302 Found"));
    }

    #[test]
    fn only_that_browser_brings_the_answer() {
        check(BACK, &[HOST], "400 Bad Request");
        check(
            BACK,
            &[HOST, ("cookie", "forgehold_sign_in_4712=7ac1")],
            "400 Bad Request",
        );
        check(BACK, &[("host", "localhost:4711"), OURS], "400 Bad Request");
        check(BACK, &[HOST, HOST, OURS], "400 Bad Request");
        check(
            "POST /callback/gitlab.example.com?code=c",
            &[HOST, OURS],
            "405 Method Not Allowed",
        );
        check(
            "GET /callback/gitlab.com?code=c&state=s",
            &[HOST, OURS],
            "404 Not Found",
        );
        check(
            "GET http://evil.example/callback/gitlab.example.com",
            &[HOST, OURS],
            "400 Bad Request",
        );
        check(
            BACK,
            &[HOST, OURS],
            "answer BrowserAnswer { path: \"/callback/gitlab.example.com\", error: None, issuer: None, .. }",
        );
    }
}
