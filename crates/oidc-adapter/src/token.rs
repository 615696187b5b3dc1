//! The proof of identity: an ID token, and all that is to be checked of it (`OpenID` Connect Core, section 3.1.3.7).

use chrono::{DateTime, Utc};
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use org_core::accounts::{ExternalId, VerifiedIdentity};
use serde::Deserialize;
use serde_json::{Map, Value};

/// How far the clocks of the provider and of this machine may differ.
const SKEW_SECONDS: i64 = 60;

/// The longest token that is looked at.
const MOST_BYTES: usize = 64 * 1024;

/// The longest subject (`OpenID` Connect Core, section 2).
const SUBJECT_LIMIT: usize = 255;

/// The longest name or address that is kept, and the most groups.
const TEXT_LIMIT: usize = 320;
const GROUPS_LIMIT: usize = 5000;

/// What a token is judged by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) groups_claim: &'a str,
    pub(crate) now: DateTime<Utc>,
}

/// Why a token proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No key of the provider fits; it may have a new one.
    UnknownKey,
    /// This is wrong with it.
    Invalid(String),
}

/// What a token proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judged {
    /// Who it is about; the groups stand beside it.
    pub(crate) identity: VerifiedIdentity,
    /// The groups; `None` if the token does not speak of them.
    pub(crate) groups: Option<Vec<String>>,
}

fn invalid<T>(detail: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Invalid(detail.into()))
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn all(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(several) => several,
        }
    }
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: f64,
    iat: f64,
    #[serde(default)]
    nbf: Option<f64>,
    #[serde(default)]
    nonce: Option<String>,
    #[serde(default)]
    azp: Option<String>,
    #[serde(default)]
    preferred_username: Option<Value>,
    #[serde(default)]
    email: Option<Value>,
    #[serde(default)]
    email_verified: Option<Value>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// Whose signatures count: those that a public key checks. `none` is no algorithm of the library at all, and whoever has our client secret can make
/// an `HS*` one.
const fn is_public(algorithm: Algorithm) -> bool {
    match algorithm {
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => false,
        Algorithm::RS256
        | Algorithm::RS384
        | Algorithm::RS512
        | Algorithm::PS256
        | Algorithm::PS384
        | Algorithm::PS512
        | Algorithm::ES256
        | Algorithm::ES384
        | Algorithm::EdDSA => true,
    }
}

/// Whether a key is made for signatures of this kind.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    use jsonwebtoken::AlgorithmFamily::{Ec, Ed, Rsa};

    let family = match &key.algorithm {
        AlgorithmParameters::RSA(_) => Rsa,
        AlgorithmParameters::EllipticCurve(_) => Ec,
        AlgorithmParameters::OctetKeyPair(_) => Ed,
        AlgorithmParameters::OctetKey(_) => return false,
    };
    let stated = key.common.key_algorithm.map(|stated| stated.to_string());
    family == algorithm.family()
        && key.common.public_key_use != Some(PublicKeyUse::Encryption)
        && stated.is_none_or(|stated| stated == format!("{algorithm:?}"))
}

/// The one key that the token can be signed with.
fn key<'k>(keys: &'k [Jwk], id: Option<&str>, algorithm: Algorithm) -> Result<&'k Jwk, Fault> {
    let mut fitting = keys
        .iter()
        .filter(|key| fits(key, algorithm) && (id.is_none() || key.common.key_id.as_deref() == id));
    let first = fitting.next().ok_or(Fault::UnknownKey)?;
    match (id, fitting.next()) {
        (None, Some(_)) => invalid("it does not say which key of several it is signed with"),
        _ => Ok(first),
    }
}

/// Who the token is about, if it is right in everything. No message repeats any of it.
pub(crate) fn verify(token: &str, keys: &[Jwk], expected: Expected<'_>) -> Result<Judged, Fault> {
    if token.len() > MOST_BYTES {
        return invalid("it is too long");
    }
    let Ok(header) = jsonwebtoken::decode_header(token) else {
        return invalid("its head cannot be read, or its algorithm is none that is allowed");
    };
    if !is_public(header.alg) {
        return invalid("it is signed with a shared secret, which is not allowed");
    }
    if header.crit.is_some() {
        return invalid("it demands an extension that is not known here");
    }
    let key = key(keys, header.kid.as_deref(), header.alg)?;
    let Ok(key) = DecodingKey::from_jwk(key) else {
        return invalid("the key of the provider that it names cannot be used");
    };
    let mut validation = Validation::new(header.alg);
    // The library would ask the machine for the time, and take an audience or issuer that is not there for a right one: the claims are judged below.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let claims = match jsonwebtoken::decode::<Claims>(token, &key, &validation) {
        Ok(data) => data.claims,
        Err(error) => {
            use jsonwebtoken::errors::ErrorKind;

            return invalid(match error.kind() {
                ErrorKind::InvalidSignature => "its signature is not by the key that it names",
                ErrorKind::Json(_) | ErrorKind::Utf8(_) => {
                    "a claim that it needs is missing or cannot be read"
                }
                _ => "its signature cannot be checked",
            });
        }
    };
    judge(claims, expected)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "seconds since 1970 are far below what a float counts exactly"
)]
fn judge(claims: Claims, expected: Expected<'_>) -> Result<Judged, Fault> {
    let (now, skew) = (expected.now.timestamp() as f64, SKEW_SECONDS as f64);
    if claims.iss != expected.issuer {
        return invalid("it is of another issuer");
    }
    let audience = claims.aud.all();
    if !audience.iter().any(|one| one == expected.client_id) {
        return invalid("it was made for another application");
    }
    if claims.azp.is_none() && audience.len() > 1 {
        return invalid("it was made for several applications and does not say for which (azp)");
    }
    if claims.azp.is_some_and(|azp| azp != expected.client_id) {
        return invalid("it was made for another application (azp)");
    }
    if claims.exp <= now - skew {
        return invalid("it has expired, or the clocks of the provider and of this machine differ");
    }
    if claims.iat > now + skew || claims.nbf.is_some_and(|from| from > now + skew) {
        return invalid(
            "it is from the future: the clocks of the provider and of this machine differ",
        );
    }
    if claims.nonce.as_deref() != Some(expected.nonce) {
        return invalid("it belongs to another sign-in (nonce)");
    }
    let subject = claims.sub;
    if subject.is_empty() || subject.len() > SUBJECT_LIMIT || subject.chars().any(char::is_control)
    {
        return invalid("its subject is none");
    }
    let groups = groups(&claims.rest, expected.groups_claim)?;
    let identity = VerifiedIdentity {
        id: ExternalId {
            issuer: claims.iss,
            subject,
        },
        name: text(claims.preferred_username.as_ref()),
        email: text(claims.email.as_ref()),
        // Some providers write a text.
        email_verified: matches!(&claims.email_verified, Some(Value::Bool(true)))
            || matches!(&claims.email_verified, Some(Value::String(text)) if text == "true"),
        groups: Vec::new(),
    };
    Ok(Judged { identity, groups })
}

fn text(claim: Option<&Value>) -> Option<String> {
    let text = claim?.as_str()?.trim();
    (!text.is_empty() && text.len() <= TEXT_LIMIT).then(|| text.to_owned())
}

/// The groups that stand under that name; `None` if there is none.
pub(crate) fn groups(
    claims: &Map<String, Value>,
    name: &str,
) -> Result<Option<Vec<String>>, Fault> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(one)) => Ok(Some(vec![one.clone()])),
        Some(Value::Array(all)) if all.len() <= GROUPS_LIMIT => {
            let texts = all.iter().filter_map(Value::as_str);
            Ok(Some(texts.map(str::to_owned).collect()))
        }
        Some(_) => invalid(format!(
            "its claim `{name}` is no list of at most {GROUPS_LIMIT} texts"
        )),
    }
}
