//! The pages that the browser shows. They say what happened and to return to the terminal, and repeat nothing of what the browser sent.

use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use hyper::{Response, StatusCode};
use org_core::use_cases::UseCaseError;
use org_core::use_cases::sign_in::SignInError;

/// What every answer says: run nothing, keep nothing, tell nobody where this came from.
const FENCES: [(HeaderName, &str); 6] = [
    (CONTENT_TYPE, "text/html; charset=utf-8"),
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
];

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    status: StatusCode,
    title: &'static str,
    lines: Vec<String>,
}

impl Page {
    fn new(status: StatusCode, title: &'static str, lines: &[&str]) -> Self {
        Self {
            status,
            title,
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        }
    }

    /// The sign-in is complete.
    pub(crate) fn done(account: &str, host: &str) -> Self {
        let who = format!("You are signed in at {host} as {account}.");
        let lines = [
            who.as_str(),
            "Return to the terminal, where forgehold goes on. This page can be closed.",
        ];
        Self::new(StatusCode::OK, "Signed in", &lines)
    }

    /// The sign-in failed. Of what the browser brought, the host's own words included, nothing is repeated: whoever can send a browser here
    /// could put words into our mouth.
    pub(crate) fn failed(error: &UseCaseError) -> Self {
        let (what, hint) = match error {
            UseCaseError::SignIn(
                SignInError::HostSaid { .. }
                | SignInError::OtherRedirect { .. }
                | SignInError::OtherIssuer { .. },
            ) => {
                let what = match error {
                    UseCaseError::SignIn(SignInError::HostSaid { code, .. })
                        if code == "access_denied" =>
                    {
                        "The sign-in was denied."
                    }
                    UseCaseError::SignIn(SignInError::HostSaid { .. }) => {
                        "The host did not let you in."
                    }
                    _ => "The answer did not come from where you were sent to.",
                };
                (what.to_owned(), error.hint())
            }
            error => (sentence(&error.to_string()), error.hint()),
        };
        let hint = hint.map(|hint| sentence(&hint));
        let mut lines = vec![what.as_str()];
        lines.extend(hint.as_deref());
        lines.push("Return to the terminal; it says the same and more. This page can be closed.");
        Self::new(StatusCode::BAD_REQUEST, "Not signed in", &lines)
    }

    /// The server did not take what the browser brought.
    pub(crate) fn not_taken() -> Self {
        let lines = [
            "The sign-in did not succeed.",
            "Return to the terminal; it says why. This page can be closed.",
        ];
        Self::new(StatusCode::BAD_REQUEST, "Not signed in", &lines)
    }

    /// Nobody waits for an answer any more.
    pub(super) fn over() -> Self {
        let lines = [
            "The sign-in that this page belongs to is over.",
            "Return to the terminal. This page can be closed.",
        ];
        Self::new(StatusCode::GONE, "This sign-in is over", &lines)
    }

    /// The entrance was used by another browser.
    pub(super) fn used() -> Self {
        let lines = [
            "This address was opened before, and it sends only the first browser to the host.",
            "If that was not you, press Ctrl-C in the terminal and start again.",
        ];
        Self::new(StatusCode::GONE, "Opened before", &lines)
    }

    /// An answer from a browser that did not start here.
    pub(super) fn stranger() -> Self {
        let lines = [
            "This browser did not start the sign-in, or it keeps no cookies.",
            "Sign in with the browser that was opened from the terminal, and allow it cookies for 127.0.0.1.",
        ];
        Self::new(StatusCode::BAD_REQUEST, "Not signed in", &lines)
    }

    /// A request that no browser of a person makes here.
    pub(super) fn refused(status: StatusCode) -> Self {
        Self::new(status, "Not here", &["There is nothing at this address."])
    }

    fn html(&self) -> String {
        let mut html = format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{title} - Forgehold</title>\n<h1>{title}</h1>\n",
            title = self.title
        );
        for line in &self.lines {
            html.push_str("<p>");
            html.push_str(&escaped(line));
            html.push_str("</p>\n");
        }
        html.push_str("</html>\n");
        html
    }

    pub(super) fn response(&self) -> Response<String> {
        let mut response = empty(self.status);
        *response.body_mut() = self.html();
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            let methods = HeaderValue::from_static("GET");
            response.headers_mut().insert(ALLOW, methods);
        }
        response
    }
}

/// An answer without a page, with all its fences.
pub(super) fn empty(status: StatusCode) -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = status;
    for (name, value) in FENCES {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(char::to_uppercase);
    let text: String = first.into_iter().flatten().chain(characters).collect();
    format!("{}.", text.trim_end_matches('.'))
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            character if character.is_control() => escaped.push(' '),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_plain_and_says_to_return() {
        let page = Page::done("alice", "https://gitlab.example.com");
        insta::assert_snapshot!(page.html(), @r#"
        <!doctype html>
        <html lang="en">
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width">
        <meta name="color-scheme" content="light dark">
        <title>Signed in - Forgehold</title>
        <h1>Signed in</h1>
        <p>You are signed in at https://gitlab.example.com as alice.</p>
        <p>Return to the terminal, where forgehold goes on. This page can be closed.</p>
        </html>
        "#);
    }

    #[test]
    fn what_others_wrote_is_text() {
        let page = Page::done("<script>alert('x')</script>&", "https://gitlab.example.com");
        let html = page.html();
        assert!(!html.contains("<script"), "{html}");
        assert!(
            html.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;"),
            "{html}"
        );
    }

    #[test]
    fn a_failure_repeats_nothing_that_the_browser_brought() {
        let planted = "PLANTED";
        let errors = [
            SignInError::HostSaid {
                host: "https://gitlab.example.com".to_owned(),
                code: planted.to_owned(),
                detail: planted.to_owned(),
            },
            SignInError::OtherRedirect {
                arrived: planted.to_owned(),
                expected: "/callback/gitlab.com".to_owned(),
            },
            SignInError::OtherIssuer {
                issuer: planted.to_owned(),
                host: "https://gitlab.example.com".to_owned(),
            },
        ];
        for error in errors {
            let html = Page::failed(&error.into()).html();
            assert!(!html.contains(planted), "{html}");
            assert!(html.contains("Return to the terminal"), "{html}");
        }
        let denied = SignInError::HostSaid {
            host: "https://gitlab.example.com".to_owned(),
            code: "access_denied".to_owned(),
            detail: "the sign-in was denied".to_owned(),
        };
        insta::assert_snapshot!(Page::failed(&denied.into()).html(), @r#"
        <!doctype html>
        <html lang="en">
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width">
        <meta name="color-scheme" content="light dark">
        <title>Not signed in - Forgehold</title>
        <h1>Not signed in</h1>
        <p>The sign-in was denied.</p>
        <p>Sign in again and agree, or ask whoever runs the host to allow the application.</p>
        <p>Return to the terminal; it says the same and more. This page can be closed.</p>
        </html>
        "#);
    }

    #[test]
    fn every_answer_is_fenced() {
        let response = Page::refused(StatusCode::METHOD_NOT_ALLOWED).response();
        let mut fields: Vec<String> = response
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        fields.sort();
        insta::assert_snapshot!(fields.join("\n"), @"
        allow: GET
        cache-control: no-store
        content-security-policy: default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'
        content-type: text/html; charset=utf-8
        referrer-policy: no-referrer
        x-content-type-options: nosniff
        x-frame-options: DENY
        ");
    }
}
