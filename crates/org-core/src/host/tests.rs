//! Host addresses as administrators mistype them.

use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(text: &str, expected: &str) {
    let answer = match HostUrl::parse(text, PlainHttp::LoopbackOnly) {
        Ok(url) => url.to_string(),
        Err(error) => error.to_string(),
    };
    assert_eq!(answer, expected);
}

#[test]
fn good_addresses_have_one_form() {
    check("https://gitlab.com", "https://gitlab.com");
    check(" https://GitLab.com:443/ ", "https://gitlab.com");
    check(
        "https://git.example.com:8443/tools/gitlab/",
        "https://git.example.com:8443/tools/gitlab",
    );
    check("http://127.0.0.1:3000", "http://127.0.0.1:3000");
    check("http://[::1]:3000/gitlab", "http://[::1]:3000/gitlab");
    check("http://localhost", "http://localhost");
}

#[test]
fn each_mistake_has_its_own_answer() {
    check("", "the host is empty; write it like https://gitlab.com");
    check(
        "gitlab.com",
        "the host `gitlab.com` has no scheme; write https://gitlab.com",
    );
    check(
        "gitlab dot com",
        "the host address is not a valid URL (invalid international domain name); write it like https://gitlab.example.com",
    );
    check(
        "htps:/gitlab",
        "the address begins with `htps:/`; write https://gitlab",
    );
    check(
        "https:gitlab.com/tools",
        "the address begins with `https:`; write https://gitlab.com/tools",
    );
    check(
        "gitlab.com:8443/tools",
        "the host `gitlab.com:8443/tools` has no scheme; write https://gitlab.com:8443/tools",
    );
    check(
        "ssh://gitlab.com",
        "the scheme `ssh` is not supported; use https",
    );
    check(
        "http://gitlab.com",
        "plain http to `gitlab.com` would send the token unencrypted; use https, or allow plain http for this host in so many words",
    );
    check(
        "https://gitlab.com?x=1",
        "the host address has a query or a fragment; end it after the path",
    );
    check(
        "https://git lab.com",
        "the host address is not a valid URL (invalid international domain name); write it like https://gitlab.example.com",
    );
}

#[test]
fn credentials_are_refused_and_never_repeated() {
    for text in [
        "https://jane:planted-secret@gitlab.com",
        "https://planted-secret@gitlab.com",
        "ssh://jane:planted-secret@gitlab.com",
        "jane:planted-secret@gitlab.com",
    ] {
        let error = HostUrl::parse(text, PlainHttp::LoopbackOnly).expect_err("credentials");
        assert_eq!(error, HostUrlError::Credentials);
        assert!(!format!("{error} {error:?}").contains("planted-secret"));
    }
}

proptest! {
    #[test]
    fn no_text_panics_and_what_parses_is_stable(text in "\\PC{0,60}|https?://[a-z0-9.:/@\\[\\]-]{0,40}") {
        if let Ok(url) = HostUrl::parse(&text, PlainHttp::Allowed) {
            let again: HostUrl = url.to_string().parse().expect("its own form parses");
            prop_assert_eq!(again, url);
        }
    }
}
