//! One request and its answer, with every limit that there is.

use org_core::ports::IdentityError;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};
use serde::de::DeserializeOwned;
use url::{Host, Url};

use crate::config::{ConfigError, OidcConfig, Way};

/// No answer that we ask for is longer: settings, some keys, or a token with many groups.
const MOST_BYTES: usize = 256 * 1024;

/// What is shown of the words of a provider.
const MOST_CHARACTERS: usize = 200;

/// Whether nobody on the way can read or change what is sent there.
pub(crate) fn is_safe(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    match url.scheme() {
        "https" => url.has_host(),
        "http" => loopback,
        _ => false,
    }
}

pub(crate) fn client(config: &OidcConfig) -> Result<Client, ConfigError> {
    let mut builder = Client::builder()
        .user_agent(&config.user_agent)
        .redirect(Policy::none())
        .referer(false)
        .connect_timeout(config.connect_timeout)
        .timeout(config.request_timeout);
    if config.issuer.starts_with("http://") {
        // A machine without any authority can still talk to itself.
        builder = builder.tls_certs_only([]);
    } else if !config.authorities.is_empty() {
        builder = builder.tls_certs_merge(config.authorities.clone());
    }
    builder = match &config.way {
        Way::Environment => builder,
        Way::Direct => builder.no_proxy(),
        Way::Proxy(proxy) => builder.proxy(proxy.as_ref().clone()),
    };
    builder.build().map_err(|error| ConfigError::Client {
        detail: cause(&error),
    })
}

/// Gets a document.
pub(crate) async fn get<T: DeserializeOwned>(
    client: &Client,
    what: &str,
    url: &Url,
) -> Result<T, IdentityError> {
    ask(client.get(url.clone()), &format!("{what} at {url}")).await
}

/// Asks for a document.
pub(crate) async fn ask<T: DeserializeOwned>(
    request: RequestBuilder,
    what: &str,
) -> Result<T, IdentityError> {
    let answer = request.send().await.map_err(|error| lost(&error))?;
    let status = answer.status();
    if status.is_server_error() || status.as_u16() == 429 {
        return Err(IdentityError::Unavailable {
            detail: format!("{what} was answered with status {}", status.as_u16()),
        });
    }
    if status.as_u16() != 200 {
        return Err(IdentityError::Unexpected {
            detail: format!(
                "{what} was answered with status {}; check `server.oidc.issuer`",
                status.as_u16()
            ),
        });
    }
    let body = read(answer).await?;
    serde_json::from_slice(&body).map_err(|error| IdentityError::Unexpected {
        // The text of the error may repeat a part of the body: only the place is told.
        detail: format!(
            "{what} is not the JSON that it should be (line {}, column {})",
            error.line(),
            error.column()
        ),
    })
}

/// The whole body, or why there is none.
pub(crate) async fn read(mut answer: Response) -> Result<Vec<u8>, IdentityError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| lost(&error))? {
        if body.len().saturating_add(chunk.len()) > MOST_BYTES {
            return Err(IdentityError::Unexpected {
                detail: format!("an answer of more than {MOST_BYTES} bytes"),
            });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

pub(crate) fn lost(error: &reqwest::Error) -> IdentityError {
    IdentityError::Unavailable {
        detail: if error.is_timeout() {
            "it did not answer in time".to_owned()
        } else {
            cause(error)
        },
    }
}

/// The last cause says what a person can use; the ones before it repeat the address.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// Words of the provider, fit for a message.
pub(crate) fn tame(text: &str) -> String {
    let plain = text.chars().filter(|character| !character.is_control());
    plain.take(MOST_CHARACTERS).collect()
}
