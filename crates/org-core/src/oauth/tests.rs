//! The values of a sign-in: what they accept, what they show, and that pairs come back as they were.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::TimeDelta;
use insta::assert_snapshot;
use proptest::prelude::*;
use secrecy::{ExposeSecret as _, SecretString};

use super::*;
use crate::host::{HostUrl, PlainHttp};
use crate::ports::Grant;
use crate::testing::SeededEntropy;
use crate::testing::build::{noon, parsed};

fn host(text: &str) -> HostUrl {
    HostUrl::parse(text, PlainHttp::Allowed).expect("a host")
}

fn grant(lifetime: Option<Duration>) -> Grant {
    Grant {
        access_token: SecretString::from("planted-access"),
        refresh_token: Some(SecretString::from("planted-refresh")),
        scopes: BTreeSet::from(["read_api".to_owned(), "read_user".to_owned()]),
        lifetime,
    }
}

fn pair(lifetime: Option<Duration>) -> TokenPair {
    let host = host("https://git.example.com:8443/gitlab");
    let redirect = RedirectUri::registered_loopback(&host);
    TokenPair::received(
        host,
        grant(lifetime),
        parsed("client-1"),
        Some(redirect),
        noon(),
    )
}

#[test]
fn random_texts_are_new_and_of_the_alphabet_that_needs_no_encoding() {
    let entropy = SeededEntropy::new(3);
    let texts: BTreeSet<String> = (0..200)
        .map(|_| {
            State::random(&entropy)
                .expect("randomness")
                .secret()
                .expose_secret()
                .to_owned()
        })
        .collect();
    assert_eq!(texts.len(), 200);
    for text in texts {
        assert_eq!(text.len(), 43, "32 bytes in base64 without padding");
        assert!(
            text.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'),
            "{text}"
        );
    }
    entropy.fail();
    assert!(Verifier::random(&entropy).is_err());
}

/// RFC 4648, section 10, in the alphabet of section 5: all lengths of the last group.
#[test]
fn thirty_two_known_bytes_are_encoded_as_the_standard_says() {
    struct Known;
    impl crate::ports::Entropy for Known {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), crate::ports::EntropyError> {
            // The bytes of RFC 7636, appendix B.
            bytes.copy_from_slice(&[
                116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22,
                212, 37, 77, 105, 214, 191, 240, 91, 88, 5, 88, 83, 132, 141, 121,
            ]);
            Ok(())
        }
    }
    let verifier = Verifier::random(&Known).expect("randomness");
    assert_eq!(
        verifier.secret().expose_secret(),
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    );
}

#[test]
fn who_began_is_told_by_what_only_they_have() {
    let of = |text: &str| Initiator::of_secret(&SecretString::from(text));
    assert_eq!(of("session"), of("session"));
    assert_ne!(of("session"), of("other session"));
    let entropy = SeededEntropy::new(1);
    let random = || Initiator::random(&entropy).expect("randomness");
    assert_ne!(random(), random());
    assert_eq!(
        Initiator::from_bytes(*of("session").as_bytes()),
        of("session")
    );
}

#[test]
fn redirect_uris_differ_for_every_host() {
    let of = |text: &str| RedirectUri::registered_loopback(&host(text)).to_string();
    assert_snapshot!(of("https://gitlab.com"), @"http://127.0.0.1/callback/gitlab.com");
    assert_snapshot!(of("https://git.example.com:8443/git-lab"), @"http://127.0.0.1/callback/git.example.com~3a8443~2fgit-lab");
    assert_snapshot!(of("http://127.0.0.1:4000"), @"http://127.0.0.1/callback/http~3a~2f~2f127.0.0.1~3a4000");
    let texts = [
        "https://a.b",
        "https://a.b:1",
        "https://a.b/1",
        "http://a.b",
        "https://a.b/x/1",
        "https://a-b",
    ];
    let all: BTreeSet<String> = texts.iter().map(|text| of(text)).collect();
    assert_eq!(all.len(), texts.len());
}

#[test]
fn only_addresses_that_nobody_can_read_on_the_way_are_returned_to() {
    let check = |text: &str, expected: Result<(), RedirectUriError>| {
        assert_eq!(text.parse::<RedirectUri>().map(drop), expected, "{text}");
    };
    check("https://forgehold.example/callback/gitlab.com", Ok(()));
    check("http://127.0.0.1:1234/callback/x", Ok(()));
    check("http://[::1]:1234/callback/x", Ok(()));
    check(
        "http://localhost/callback/x",
        Err(RedirectUriError::Unencrypted),
    );
    check(
        "http://forgehold.example/x",
        Err(RedirectUriError::Unencrypted),
    );
    check("ftp://127.0.0.1/x", Err(RedirectUriError::Unencrypted));
    check(
        "https://forgehold.example/x?y=1",
        Err(RedirectUriError::Extra),
    );
    check(
        "https://forgehold.example/x#y",
        Err(RedirectUriError::Extra),
    );
    check(
        "https://me:secret@forgehold.example/x",
        Err(RedirectUriError::Extra),
    );
    check("forgehold", Err(RedirectUriError::Invalid));
    let base = "https://forgehold.example/base/".parse().expect("a URL");
    let of_server = RedirectUri::of_server(&base, &host("https://gitlab.com")).expect("a URI");
    assert_snapshot!(of_server, @"https://forgehold.example/base/callback/gitlab.com");
}

#[test]
fn client_ids_are_what_hosts_give() {
    assert_eq!(
        "  abc-1  ".parse::<ClientId>().expect("an id").as_str(),
        "abc-1"
    );
    for bad in ["", "  ", "two words", "ünïque", &"x".repeat(256)] {
        assert_eq!(bad.parse::<ClientId>(), Err(ClientIdError), "{bad}");
    }
}

#[test]
fn a_pair_is_kept_as_lines_and_comes_back() {
    let pair = pair(Some(Duration::from_hours(2)));
    assert_snapshot!(pair.to_secret().expose_secret(), @r"
    forgehold-token-pair 1
    host https://git.example.com:8443/gitlab
    access planted-access
    refresh planted-refresh
    scope read_api
    scope read_user
    issued 2027-03-01T12:00:00+00:00
    expires 2027-03-01T14:00:00+00:00
    client client-1
    redirect http://127.0.0.1/callback/git.example.com~3a8443~2fgitlab
    ");
    let again = TokenPair::from_secret(&pair.to_secret()).expect("a pair");
    assert_eq!(
        again.to_secret().expose_secret(),
        pair.to_secret().expose_secret()
    );
    assert_eq!(again.renew_at(), noon() + TimeDelta::minutes(90));
    let shown = format!("{pair:?}");
    assert!(!shown.contains("planted"), "{shown}");
}

#[test]
fn lifetimes_are_believed_as_far_as_they_make_sense() {
    let check = |lifetime, expected| {
        let pair = pair(lifetime);
        assert_eq!(pair.expires_at, expected, "{lifetime:?}");
        let again = TokenPair::from_secret(&pair.to_secret()).expect("a pair");
        assert_eq!(again.expires_at, expected, "{lifetime:?}");
    };
    check(None, noon() + TimeDelta::hours(2));
    check(Some(Duration::ZERO), noon());
    check(Some(Duration::from_hours(24)), noon() + TimeDelta::days(1));
    check(Some(Duration::MAX), noon() + TimeDelta::days(366));
}

#[test]
fn what_is_no_pair_is_told_without_repeating_it() {
    let told = |text: &str| {
        let error = TokenPair::from_secret(&SecretString::from(text)).expect_err("no pair");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        error.to_string()
    };
    assert_snapshot!(told("hunter2"), @"the secret is no token pair of a sign-in: it does not begin like one");
    assert_snapshot!(told("forgehold-token-pair 1\nhunter2"), @"the secret is no token pair of a sign-in: a line has no value");
    assert_snapshot!(told("forgehold-token-pair 1\naccess hunter2"), @"the secret is no token pair of a sign-in: it names no host");
    let text = pair(None)
        .to_secret()
        .expose_secret()
        .replace("expires 2027", "expires in 2027");
    assert_snapshot!(told(&text), @"the secret is no token pair of a sign-in: it does not say when it expires");
    let newer = format!("{}color blue\n", pair(None).to_secret().expose_secret());
    assert!(
        TokenPair::from_secret(&SecretString::from(newer)).is_ok(),
        "a newer version may say more"
    );
}

proptest! {
    #[test]
    fn no_text_makes_reading_a_pair_panic(text in ".{0,200}", header: bool) {
        let text = if header { format!("forgehold-token-pair 1\n{text}") } else { text };
        let _ = TokenPair::from_secret(&SecretString::from(text));
    }

    #[test]
    fn pairs_round_trip(
        access in "[!-~]{1,60}",
        refresh in proptest::option::of("[!-~]{1,60}"),
        scopes in proptest::collection::btree_set("[a-z_]{1,12}", 0..5),
        seconds in 0_u64..10_000_000,
    ) {
        let grant = Grant {
            access_token: SecretString::from(access),
            refresh_token: refresh.map(SecretString::from),
            scopes,
            lifetime: Some(Duration::from_secs(seconds)),
        };
        let pair = TokenPair::received(host("https://gitlab.com"), grant, parsed("c"), None, noon());
        let again = TokenPair::from_secret(&pair.to_secret()).expect("a pair");
        let (kept, wanted) = (again.to_secret(), pair.to_secret());
        prop_assert_eq!(kept.expose_secret(), wanted.expose_secret());
        prop_assert!(again.renew_at() <= again.expires_at);
    }
}
