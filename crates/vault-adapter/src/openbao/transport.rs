//! One request to the server and its answer, with every limit that there is.

use std::sync::{PoisonError, RwLock};

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Client, Identity, Method, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;
use zeroize::Zeroizing;

use super::options::{OpenBaoOptions, OpenBaoOptionsError, Steps};

/// No answer that we ask for is longer: a page of a list, or a secret of the size that a vault keeps.
const MOST_BYTES: usize = 32 * 1024 * 1024;
/// What is shown of an error of the server.
const MOST_CHARACTERS: usize = 300;

/// Why there is no answer to be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// The server was not reached, or the answer broke off.
    Lost(String),
    /// It answered that it will not.
    Refused { status: u16, errors: Vec<String> },
    /// Another server is to be asked.
    Elsewhere(String),
    /// It answered what no server of this kind answers.
    Strange(String),
    /// The request cannot be sent as it is.
    Unsendable(String),
}

/// What is asked for.
pub(super) struct Request<'a> {
    pub(super) method: Method,
    /// Below `/v1/`, step by step.
    pub(super) path: Vec<&'a str>,
    pub(super) query: Vec<(&'static str, String)>,
    /// JSON; it may hold a value.
    pub(super) body: Option<Vec<u8>>,
    pub(super) patch: bool,
}

impl<'a> Request<'a> {
    pub(super) fn new(method: Method, path: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            method,
            path: path.into_iter().collect(),
            query: Vec::new(),
            body: None,
            patch: false,
        }
    }

    pub(super) fn get(path: impl IntoIterator<Item = &'a str>) -> Self {
        Self::new(Method::GET, path)
    }

    pub(super) fn post(
        path: impl IntoIterator<Item = &'a str>,
        body: &impl serde::Serialize,
    ) -> Self {
        Self {
            body: Some(json(body)),
            ..Self::new(Method::POST, path)
        }
    }

    /// Changes the members that are named, and no others.
    pub(super) fn patch(
        path: impl IntoIterator<Item = &'a str>,
        body: &impl serde::Serialize,
    ) -> Self {
        Self {
            body: Some(json(body)),
            patch: true,
            ..Self::new(Method::PATCH, path)
        }
    }

    pub(super) fn with(mut self, name: &'static str, value: &impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }
}

fn json(body: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("texts, numbers and maps of texts are JSON")
}

/// The status and the body, which may hold a value and is wiped.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    body: Zeroizing<Vec<u8>>,
}

/// What a server writes around its data.
#[derive(Deserialize)]
struct Envelope<T> {
    data: Option<T>,
}

#[derive(Deserialize)]
struct Errors {
    #[serde(default)]
    errors: Vec<String>,
}

impl Answer {
    /// What stands under `data`.
    pub(super) fn data<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        self.parse::<Envelope<T>>()?
            .data
            .ok_or_else(|| Failure::Strange("the answer has no data".to_owned()))
    }

    /// The answer as a whole.
    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| {
            // The text of the error may repeat a part of the body: only the place is told.
            Failure::Strange(format!(
                "the answer is not what the API documents (line {}, column {})",
                error.line(),
                error.column()
            ))
        })
    }

    /// The answer, or the failure that it is.
    pub(super) fn ok(self) -> Result<Self, Failure> {
        if self.status.is_success() {
            return Ok(self);
        }
        Err(Failure::Refused {
            status: self.status.as_u16(),
            errors: self.errors(),
        })
    }

    /// What the server says is wrong, cut short and without what does not belong on a terminal.
    pub(super) fn errors(&self) -> Vec<String> {
        let errors: Errors =
            serde_json::from_slice(&self.body).unwrap_or(Errors { errors: Vec::new() });
        let shown = |text: &String| -> String {
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let text = text.chars().filter(|c| !c.is_control());
            text.take(MOST_CHARACTERS).collect()
        };
        errors.errors.iter().take(5).map(shown).collect()
    }
}

/// Sends requests to one server.
pub(super) struct Transport {
    base: Url,
    namespace: Option<HeaderValue>,
    options: OpenBaoOptions,
    /// Replaced when a client certificate is.
    client: RwLock<Client>,
}

impl Transport {
    pub(super) fn new(options: OpenBaoOptions) -> Result<Self, Failure> {
        let mut base = options.address.clone();
        base.path_segments_mut()
            .map_err(|()| Failure::Unsendable(OpenBaoOptionsError::Address.to_string()))?
            .pop_if_empty()
            .push("v1");
        let namespace = options.namespace.as_ref().map(header).transpose()?;
        Ok(Self {
            base,
            namespace,
            client: RwLock::new(client(&options, None)?),
            options,
        })
    }

    /// From now on with this client certificate.
    pub(super) fn identify_as(&self, identity: Identity) -> Result<(), Failure> {
        let client = client(&self.options, Some(identity))?;
        *self.client.write().unwrap_or_else(PoisonError::into_inner) = client;
        Ok(())
    }

    /// Sends a request once. An answer of any status is an answer, but for one that leads elsewhere.
    pub(super) async fn send(
        &self,
        request: &Request<'_>,
        token: Option<&SecretString>,
    ) -> Result<Answer, Failure> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| Failure::Unsendable(OpenBaoOptionsError::Address.to_string()))?
            .extend(&request.path);
        let mut headers = HeaderMap::new();
        // Against requests that a browser or a proxy was tricked into.
        headers.insert("x-vault-request", HeaderValue::from_static("true"));
        if let Some(namespace) = &self.namespace {
            headers.insert("x-vault-namespace", namespace.clone());
        }
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(token.expose_secret()).map_err(|_| {
                Failure::Unsendable("the token has characters that no token has".to_owned())
            })?;
            value.set_sensitive(true);
            headers.insert("x-vault-token", value);
        }
        if request.body.is_some() {
            let kind = if request.patch {
                "application/merge-patch+json"
            } else {
                "application/json"
            };
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        let client = self
            .client
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut sending = client.request(request.method.clone(), url).headers(headers);
        if !request.query.is_empty() {
            sending = sending.query(&request.query);
        }
        if let Some(body) = &request.body {
            sending = sending.body(body.clone());
        }
        let response = sending.send().await.map_err(|error| lost(&error))?;
        let status = response.status();
        if status.is_redirection() {
            let to = response.headers().get(LOCATION);
            let to = to.and_then(|to| Url::parse(to.to_str().ok()?).ok());
            let to = to.and_then(|to| Some(to.host_str()?.to_owned()));
            return Err(Failure::Elsewhere(to.unwrap_or_default()));
        }
        Ok(Answer {
            status,
            body: read(response).await?,
        })
    }
}

fn header(steps: &Steps) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(&steps.to_string())
        .map_err(|_| Failure::Unsendable("the namespace cannot stand in a header".to_owned()))
}

fn client(options: &OpenBaoOptions, identity: Option<Identity>) -> Result<Client, Failure> {
    let mut builder = Client::builder()
        .user_agent(concat!("forgehold/", env!("CARGO_PKG_VERSION")))
        // A redirect would carry the token to whoever it names.
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .connect_timeout(options.connect_timeout)
        .timeout(options.request_timeout);
    if !options.authorities.is_empty() {
        builder = builder.tls_certs_only(options.authorities.clone());
    } else if options.address.scheme() == "http" {
        // A machine without any authority can still talk to itself.
        builder = builder.tls_certs_only([]);
    }
    if let Some(identity) = identity {
        builder = builder.identity(identity);
    }
    builder
        .build()
        .map_err(|error| Failure::Unsendable(chain(&error)))
}

async fn read(mut response: Response) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let announced = response.content_length().unwrap_or_default();
    let announced = usize::try_from(announced).unwrap_or(usize::MAX);
    let too_long = || Failure::Strange(format!("the answer is longer than {MOST_BYTES} bytes"));
    if announced > MOST_BYTES {
        return Err(too_long());
    }
    let mut body = Zeroizing::new(Vec::with_capacity(announced.min(1024 * 1024)));
    while let Some(chunk) = response.chunk().await.map_err(|error| lost(&error))? {
        if body.len().saturating_add(chunk.len()) > MOST_BYTES {
            return Err(too_long());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn lost(error: &reqwest::Error) -> Failure {
    if error.is_builder() {
        return Failure::Unsendable(chain(error));
    }
    if error.is_timeout() {
        return Failure::Lost("it did not answer in time".to_owned());
    }
    Failure::Lost(chain(error))
}

/// The last cause says what a person can use; the ones before it repeat the address.
fn chain(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
