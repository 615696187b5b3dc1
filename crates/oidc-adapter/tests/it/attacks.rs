//! Tokens that prove nothing, each refused for its own reason.

use jsonwebtoken::{EncodingKey, Header};
use org_core::ports::IdentityError;
use serde_json::{Value, json};

use crate::issuer::{Issuer, Key, SECRET, by_hand};

/// Why a token is refused; panics if it is not.
async fn refused(issuer: &Issuer, token: &str) -> String {
    match issuer.judge(token).await {
        Err(IdentityError::Invalid { detail }) => detail,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[tokio::test]
async fn what_was_made_for_something_else_is_refused() {
    let issuer = Issuer::new(Key::elliptic("k1")).await;
    let now = issuer.claims()["iat"].as_i64().expect("a number");
    let mut found = Vec::new();
    for (what, more) in [
        ("other issuer", json!({"iss": "https://evil.example"})),
        (
            "issuer with a slash",
            json!({"iss": format!("{}/", issuer.url())}),
        ),
        ("no issuer", json!({"iss": null})),
        ("other audience", json!({"aud": "another"})),
        ("no audience", json!({"aud": null})),
        ("empty audience", json!({"aud": []})),
        ("two audiences", json!({"aud": ["forgehold", "another"]})),
        ("other azp", json!({"azp": "another"})),
        (
            "two audiences, other azp",
            json!({"aud": ["forgehold", "another"], "azp": "another"}),
        ),
        ("expired", json!({"exp": now - 61})),
        ("no expiry", json!({"exp": null})),
        ("expiry is a text", json!({"exp": "tomorrow"})),
        ("from the future", json!({"iat": now + 61})),
        ("not yet", json!({"nbf": now + 61})),
        ("no time of issue", json!({"iat": null})),
        ("other nonce", json!({"nonce": "of another sign-in"})),
        ("no nonce", json!({"nonce": null})),
        ("no subject", json!({"sub": null})),
        ("empty subject", json!({"sub": ""})),
        ("long subject", json!({"sub": "x".repeat(256)})),
        ("groups are a number", json!({"groups": 7})),
    ] {
        let token = issuer.key.sign(&issuer.claims_with(&more));
        found.push(format!("{what}: {}", refused(&issuer, &token).await));
    }
    insta::assert_snapshot!(found.join("\n"), @r"
    other issuer: it is of another issuer
    issuer with a slash: it is of another issuer
    no issuer: a claim that it needs is missing or cannot be read
    other audience: it was made for another application
    no audience: a claim that it needs is missing or cannot be read
    empty audience: it was made for another application
    two audiences: it was made for several applications and does not say for which (azp)
    other azp: it was made for another application (azp)
    two audiences, other azp: it was made for another application (azp)
    expired: it has expired, or the clocks of the provider and of this machine differ
    no expiry: a claim that it needs is missing or cannot be read
    expiry is a text: a claim that it needs is missing or cannot be read
    from the future: it is from the future: the clocks of the provider and of this machine differ
    not yet: it is from the future: the clocks of the provider and of this machine differ
    no time of issue: a claim that it needs is missing or cannot be read
    other nonce: it belongs to another sign-in (nonce)
    no nonce: it belongs to another sign-in (nonce)
    no subject: a claim that it needs is missing or cannot be read
    empty subject: its subject is none
    long subject: its subject is none
    groups are a number: its claim `groups` is no list of at most 5000 texts
    ");
}

#[tokio::test]
async fn what_the_issuer_did_not_sign_is_refused() {
    let issuer = Issuer::new(Key::elliptic("k1")).await;
    let claims = issuer.claims();
    let good = issuer.key.sign(&claims);
    let (head, signature) = good.rsplit_once('.').expect("three parts");
    let public = serde_json::to_string(&issuer.key.public()).expect("JSON");
    let shared = |key: &[u8]| {
        let mut header = Header::new(jsonwebtoken::Algorithm::HS256);
        header.kid = Some("k1".to_owned());
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(key)).expect("a token")
    };
    let other_claims = issuer.claims_with(&json!({"sub": "somebody else"}));
    let (_, stolen) = issuer
        .key
        .sign(&other_claims)
        .split_once('.')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .expect("parts");
    let forged = by_hand(
        &json!({"alg": "ES256", "kid": "k1"}),
        &other_claims,
        signature,
    );
    let none = |alg: &str| by_hand(&json!({"alg": alg, "kid": "k1"}), &claims, "");
    let mut found = Vec::new();
    for (what, token) in [
        ("none", none("none")),
        ("NONE", none("NONE")),
        (
            "no algorithm",
            by_hand(&json!({"kid": "k1"}), &claims, signature),
        ),
        ("shared secret", shared(SECRET.as_bytes())),
        ("public key as a shared secret", shared(public.as_bytes())),
        (
            "other key of the same name",
            Key::elliptic("k1").sign(&claims),
        ),
        ("other claims", forged),
        (
            "other kind of key",
            by_hand(&json!({"alg": "RS256", "kid": "k1"}), &claims, signature),
        ),
        ("unknown key", Key::elliptic("k2").sign(&claims)),
        (
            "key inside of the token",
            by_hand(
                &json!({"alg": "ES256", "kid": "k9", "jwk": Key::elliptic("k9").public()}),
                &claims,
                signature,
            ),
        ),
        (
            "unknown extension",
            by_hand(
                &json!({"alg": "ES256", "kid": "k1", "crit": ["b64"]}),
                &claims,
                signature,
            ),
        ),
        ("no signature", format!("{head}.")),
        ("cut off", good[..good.len() - 1].to_owned()),
        ("four parts", format!("{good}.x")),
        ("two heads", format!("x.{stolen}")),
        ("nothing", String::new()),
        ("no token", "nonsense".to_owned()),
        ("too long", format!("{good}{}", "A".repeat(70_000))),
    ] {
        found.push(format!("{what}: {}", refused(&issuer, &token).await));
    }
    insta::assert_snapshot!(found.join("\n"), @r"
    none: its head cannot be read, or its algorithm is none that is allowed
    NONE: its head cannot be read, or its algorithm is none that is allowed
    no algorithm: its head cannot be read, or its algorithm is none that is allowed
    shared secret: it is signed with a shared secret, which is not allowed
    public key as a shared secret: it is signed with a shared secret, which is not allowed
    other key of the same name: its signature is not by the key that it names
    other claims: its signature is not by the key that it names
    other kind of key: it is signed by a key that the provider does not have
    unknown key: it is signed by a key that the provider does not have
    key inside of the token: it is signed by a key that the provider does not have
    unknown extension: it demands an extension that is not known here
    no signature: its signature is not by the key that it names
    cut off: its signature cannot be checked
    four parts: its head cannot be read, or its algorithm is none that is allowed
    two heads: its head cannot be read, or its algorithm is none that is allowed
    nothing: its head cannot be read, or its algorithm is none that is allowed
    no token: its head cannot be read, or its algorithm is none that is allowed
    too long: it is too long
    ");
    assert!(issuer.judge(&good).await.is_ok(), "the good one is good");
}

#[tokio::test]
async fn a_key_for_encryption_signs_nothing() {
    let issuer = Issuer::new(Key::elliptic("k1")).await;
    let mut key = issuer.key.public();
    key.common.public_key_use = Some(jsonwebtoken::jwk::PublicKeyUse::Encryption);
    issuer.server.reset().await;
    issuer.discovery(json!({})).await;
    issuer.keys(&[key]).await;
    let token = issuer.key.sign(&issuer.claims());
    insta::assert_snapshot!(refused(&issuer, &token).await, @"it is signed by a key that the provider does not have");
}

/// Whatever stands where a token belongs, there is an answer.
#[tokio::test]
async fn nonsense_never_panics() {
    let issuer = Issuer::new(Key::elliptic("k1")).await;
    let good = issuer.key.sign(&issuer.claims());
    for place in (0..good.len()).step_by(7) {
        let mut bytes = good.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        let token = String::from_utf8(bytes).expect("ASCII");
        let judged = issuer.judge(&token).await;
        assert!(
            matches!(judged, Err(IdentityError::Invalid { .. })),
            "{place}: {judged:?}"
        );
    }
    let deep = Value::String("[".repeat(60_000));
    let token = by_hand(&deep, &deep, "AAAA");
    assert!(issuer.judge(&token).await.is_err());
}
