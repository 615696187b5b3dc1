//! The four ways to say who this program is, each one request that is answered with a token.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use org_core::ports::VaultError;
use reqwest::Identity;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::options::{Credential, OpenBaoAuth};
use super::transport::{Answer, Failure, Request, Transport};

/// No credential is longer.
const MOST_BYTES: u64 = 64 * 1024;

/// A token, and how long it lives.
pub(super) struct Grant {
    pub(super) token: SecretString,
    /// `None` for one that never ends.
    pub(super) lease: Option<Duration>,
    pub(super) renewable: bool,
}

#[derive(Deserialize)]
struct AuthWire {
    client_token: String,
    #[serde(default)]
    lease_duration: u64,
    #[serde(default)]
    renewable: bool,
}

#[derive(Deserialize)]
struct LoginWire {
    auth: Option<AuthWire>,
}

#[derive(Deserialize)]
struct TokenWire {
    #[serde(default)]
    ttl: u64,
    #[serde(default)]
    renewable: bool,
}

#[derive(Serialize)]
struct AppRoleBody<'a> {
    role_id: &'a str,
    secret_id: &'a str,
}

#[derive(Serialize)]
struct KubernetesBody<'a> {
    role: &'a str,
    jwt: &'a str,
}

#[derive(Serialize)]
struct CertificateBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

/// Gets a token.
pub(super) async fn log_in(
    transport: &Transport,
    auth: &OpenBaoAuth,
    place: &str,
) -> Result<Grant, VaultError> {
    let doing = format!("logging in by {}", auth.in_words());
    let sort = |failure: Failure| refused(failure, auth, place, &doing);
    match auth {
        OpenBaoAuth::Token(credential) => {
            let token = read(credential, "the token", Secrecy::Ours).await?;
            let lookup = Request::get(["auth", "token", "lookup-self"]);
            let answer = transport.send(&lookup, Some(&token)).await;
            let answer = answer.and_then(Answer::ok).map_err(sort)?;
            let facts: TokenWire = answer.data().map_err(|it| it.sort(place, &doing))?;
            Ok(Grant {
                token,
                lease: (facts.ttl > 0).then(|| Duration::from_secs(facts.ttl)),
                renewable: facts.renewable,
            })
        }
        OpenBaoAuth::AppRole {
            mount,
            role_id,
            secret_id,
        } => {
            let secret_id = read(secret_id, "the secret id", Secrecy::Ours).await?;
            let body = AppRoleBody {
                role_id,
                secret_id: secret_id.expose_secret(),
            };
            let request = Request::post(login_path(mount), &body);
            ask(transport, request).await.map_err(sort)
        }
        OpenBaoAuth::Kubernetes { mount, role, jwt } => {
            // The cluster mounts it readable for the whole pod.
            let jwt = read(jwt, "the service account's token", Secrecy::OfThePod).await?;
            let body = KubernetesBody {
                role,
                jwt: jwt.expose_secret(),
            };
            let request = Request::post(login_path(mount), &body);
            ask(transport, request).await.map_err(sort)
        }
        OpenBaoAuth::Certificate {
            mount,
            role,
            certificate,
            key,
        } => {
            transport
                .identify_as(identity(certificate, key).await?)
                .map_err(sort)?;
            let body = CertificateBody {
                name: role.as_deref(),
            };
            let request = Request::post(login_path(mount), &body);
            ask(transport, request).await.map_err(sort)
        }
    }
}

/// Lengthens the life of a token.
pub(super) async fn renew(transport: &Transport, token: &SecretString) -> Result<Grant, Failure> {
    let request = Request::post(["auth", "token", "renew-self"], &serde_json::json!({}));
    let answer = transport.send(&request, Some(token)).await?.ok()?;
    granted(&answer)
}

/// Whether the server knows the token no longer.
pub(super) async fn is_dead(transport: &Transport, token: &SecretString) -> Result<bool, Failure> {
    let request = Request::get(["auth", "token", "lookup-self"]);
    let answer = transport.send(&request, Some(token)).await?;
    match answer.ok() {
        Ok(_) => Ok(false),
        Err(failure) if failure.is_denied() => Ok(true),
        Err(failure) => Err(failure),
    }
}

fn login_path(mount: &str) -> Vec<&str> {
    let steps = mount.trim_matches('/').split('/');
    ["auth"].into_iter().chain(steps).chain(["login"]).collect()
}

async fn ask(transport: &Transport, request: Request<'_>) -> Result<Grant, Failure> {
    granted(&transport.send(&request, None).await?.ok()?)
}

fn granted(answer: &Answer) -> Result<Grant, Failure> {
    let LoginWire { auth } = answer.parse()?;
    let auth = auth.ok_or_else(|| Failure::Strange("the login has no token".to_owned()))?;
    Ok(Grant {
        token: SecretString::from(auth.client_token),
        lease: (auth.lease_duration > 0).then(|| Duration::from_secs(auth.lease_duration)),
        renewable: auth.renewable,
    })
}

/// A login that the server refuses says which credential is wrong; everything else is sorted as always.
fn refused(failure: Failure, auth: &OpenBaoAuth, place: &str, doing: &str) -> VaultError {
    let next = match auth {
        OpenBaoAuth::Token(_) => "put a new token into the configured file",
        OpenBaoAuth::AppRole { .. } => {
            "compare the role id, and put a new secret id into the configured file"
        }
        OpenBaoAuth::Kubernetes { .. } => {
            "see that the role is bound to this service account and namespace"
        }
        OpenBaoAuth::Certificate { .. } => {
            "see that the certificate is valid and that the role trusts its authority"
        }
    };
    let mount = match auth {
        OpenBaoAuth::Token(_) => None,
        OpenBaoAuth::AppRole { mount, .. }
        | OpenBaoAuth::Kubernetes { mount, .. }
        | OpenBaoAuth::Certificate { mount, .. } => Some(mount),
    };
    match (&failure, mount) {
        // Said of a method that is not there, too.
        (
            Failure::Refused {
                status: 403,
                errors,
            },
            Some(mount),
        ) => VaultError::Denied {
            detail: format!(
                "{place} refuses {doing}: {}; see that the method is enabled at auth/{mount}, and {next}",
                errors.join("; ")
            ),
        },
        (
            Failure::Refused {
                status: 400 | 401 | 403,
                errors,
            },
            _,
        ) => VaultError::Denied {
            detail: format!("{place} refuses {doing}: {}; {next}", errors.join("; ")),
        },
        _ => failure.sort(place, doing),
    }
}

/// Whether a file may be read by others.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Secrecy {
    Ours,
    OfThePod,
}

async fn read(
    credential: &Credential,
    what: &'static str,
    secrecy: Secrecy,
) -> Result<SecretString, VaultError> {
    let path = match credential {
        Credential::Value(value) => return Ok(value.clone()),
        Credential::File(path) => path.clone(),
    };
    blocking(move || {
        let locked = |reason: String| VaultError::Locked {
            detail: format!("{what} cannot be read from {}: {reason}", path.display()),
        };
        let (bytes, mode) = read_file(&path).map_err(|error| locked(error.to_string()))?;
        if secrecy == Secrecy::Ours && mode & 0o007 != 0 {
            return Err(locked(format!(
                "everybody may read it (mode {mode:04o}); make it yours alone: chmod 600 {}",
                path.display()
            )));
        }
        let text = std::str::from_utf8(&bytes)
            .map(str::trim)
            .unwrap_or_default();
        if text.is_empty() {
            return Err(locked("there is no text in it".to_owned()));
        }
        Ok(SecretString::from(text))
    })
    .await?
}

async fn identity(certificate: &Path, key: &Path) -> Result<Identity, VaultError> {
    let (certificate, key) = (certificate.to_owned(), key.to_owned());
    blocking(move || {
        let mut pem = Zeroizing::new(Vec::new());
        for (what, path) in [("key", &key), ("certificate", &certificate)] {
            let (bytes, mode) = read_file(path).map_err(|error| VaultError::Locked {
                detail: format!(
                    "the client {what} cannot be read from {}: {error}",
                    path.display()
                ),
            })?;
            if what == "key" && mode & 0o007 != 0 {
                return Err(VaultError::Locked {
                    detail: format!(
                        "everybody may read the client key (mode {mode:04o}); make it yours alone: chmod 600 {}",
                        path.display()
                    ),
                });
            }
            pem.extend_from_slice(&bytes);
            pem.push(b'\n');
        }
        Identity::from_pem(&pem).map_err(|_| VaultError::Locked {
            detail: format!(
                "{} and {} are no certificate with its key in PEM form",
                certificate.display(),
                key.display()
            ),
        })
    })
    .await?
}

fn read_file(path: &Path) -> io::Result<(Zeroizing<Vec<u8>>, u32)> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no plain file"));
    }
    let file = fs::File::open(path)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    let read = file.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if read as u64 > MOST_BYTES {
        return Err(io::Error::other(format!(
            "it is longer than {MOST_BYTES} bytes"
        )));
    }
    Ok((bytes, metadata.permissions().mode() & 0o7777))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, VaultError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| VaultError::Other {
            step: "reading a credential",
            source: Box::new(error),
        })
}
