//! What the request log may keep of parameters.

/// What stands in the log for a value that does not.
const MASK: &str = "***";

/// Parameters of the OAuth side whose values say nothing about a secret.
const HARMLESS: &[&str] = &[
    "_method",
    "client_id",
    "code_challenge_method",
    "decision",
    "expires_at",
    "grant_type",
    "redirect_uri",
    "response_mode",
    "response_type",
    "root_namespace_id",
    "scope",
    "token_type_hint",
];

/// Parameters whose values are secrets wherever they stand.
const SECRET: &[&str] = &[
    "access_token",
    "authenticity_token",
    "client_secret",
    "code",
    "code_verifier",
    "device_code",
    "job_token",
    "password",
    "private_token",
    "refresh_token",
    "token",
    "user_code",
];

/// The pairs as a query, for the log. On the OAuth side only the values of known harmless parameters
/// stay; elsewhere all but those of known secrets.
pub(crate) fn query(path: &str, pairs: &[(String, String)]) -> String {
    let oauth = is_oauth(path);
    let mut out = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs {
        let name_is = |known: &&str| name.eq_ignore_ascii_case(known);
        let keep = if oauth {
            HARMLESS.iter().any(name_is)
        } else {
            !SECRET.iter().any(name_is)
        };
        out.append_pair(name, if keep { value } else { MASK });
    }
    out.finish()
}

/// Whether a path is one of the pages and endpoints that handle credentials.
pub(crate) fn is_oauth(path: &str) -> bool {
    let path = path.trim_start_matches('/');
    path.starts_with("oauth/") || path.starts_with("users/sign_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, given: &str, expected: &str) {
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(given.as_bytes())
            .into_owned()
            .collect();
        assert_eq!(query(path, &pairs), expected);
    }

    #[test]
    fn secrets_are_masked_and_the_rest_stays() {
        check(
            "/oauth/token",
            "grant_type=refresh_token&refresh_token=abc&client_id=x",
            "grant_type=refresh_token&refresh_token=***&client_id=x",
        );
        check("/oauth/authorize", "state=s&nonce=n", "state=***&nonce=***");
        check(
            "/users/sign_in",
            "user[password]=p",
            "user%5Bpassword%5D=***",
        );
        check("/api/v4/projects", "search=a&Code=b", "search=a&Code=***");
    }
}
