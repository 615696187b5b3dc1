//! A key that never leaves the server: the engine `transit` wraps and unwraps the key of the embedded vault.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use org_core::ports::{Clock, VaultError};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Server;
use super::options::{OpenBaoOptions, OpenBaoOptionsError, Steps};
use super::transport::Request;

/// A wrapped key is shorter; more is no answer to what we ask.
const MOST_CHARACTERS: usize = 4096;

/// A key of a server's engine `transit`. Cloning shares the token and the connections.
#[derive(Clone)]
pub struct TransitKey {
    server: Arc<Server>,
    mount: Steps,
    key: Steps,
}

#[derive(Serialize)]
struct EncryptBody<'a> {
    plaintext: &'a str,
}

#[derive(Serialize)]
struct DecryptBody<'a> {
    ciphertext: &'a str,
}

#[derive(Deserialize)]
struct Encrypted {
    ciphertext: String,
}

#[derive(Deserialize)]
struct Decrypted {
    plaintext: String,
}

impl TransitKey {
    /// The key of that name, in the engine that is mounted at `mount`. Of the options the address, the authentication, the namespace and
    /// the authorities count.
    pub fn new(
        options: &OpenBaoOptions,
        mount: &str,
        key: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, VaultError> {
        let refused = |error: OpenBaoOptionsError| VaultError::Locked {
            detail: error.to_string(),
        };
        Ok(Self {
            server: Arc::new(Server::new(options, clock)?),
            mount: Steps::parse("mount of the transit engine", mount).map_err(refused)?,
            key: Steps::parse("name of the transit key", key).map_err(refused)?,
        })
    }

    /// In words.
    pub(crate) fn describe(&self) -> String {
        format!(
            "the key {}/{} of {}",
            self.mount, self.key, self.server.place
        )
    }

    /// Wraps a key; what comes back says nothing without the server.
    pub(crate) async fn wrap(&self, key: &[u8]) -> Result<String, VaultError> {
        let doing = format!("wrapping the vault's key in {}/{}", self.mount, self.key);
        let text = Zeroizing::new(STANDARD.encode(key));
        let body = EncryptBody { plaintext: &text };
        let wrapped: Encrypted = self.ask("encrypt", &body, &doing).await?;
        if wrapped.ciphertext.is_empty() || wrapped.ciphertext.len() > MOST_CHARACTERS {
            return Err(VaultError::Other {
                step: "wrapping the vault's key",
                source: "the server answered without a wrapped key".into(),
            });
        }
        Ok(wrapped.ciphertext)
    }

    /// The key again; `None` if this server's key did not wrap it.
    pub(crate) async fn unwrap(
        &self,
        wrapped: &str,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
        let doing = format!("unwrapping the vault's key by {}/{}", self.mount, self.key);
        let body = DecryptBody {
            ciphertext: wrapped,
        };
        let request = Request::post(self.path("decrypt"), &body);
        let answer = self.server.call(&request, &doing).await?;
        let is_of_another = answer.status.as_u16() == 400;
        if is_of_another {
            return Ok(None);
        }
        let sort = |failure: super::Failure| failure.sort(&self.server.place, &doing);
        let found: Decrypted = answer.ok().map_err(sort)?.data().map_err(sort)?;
        let text = Zeroizing::new(found.plaintext);
        Ok(STANDARD.decode(text.as_bytes()).ok().map(Zeroizing::new))
    }

    fn path<'a>(&'a self, what: &'a str) -> Vec<&'a str> {
        self.mount
            .iter()
            .chain([what])
            .chain(self.key.iter())
            .collect()
    }

    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        what: &str,
        body: &impl Serialize,
        doing: &str,
    ) -> Result<T, VaultError> {
        let request = Request::post(self.path(what), body);
        let sort = |failure: super::Failure| failure.sort(&self.server.place, doing);
        let answer = self.server.call(&request, doing).await?;
        answer.ok().map_err(sort)?.data().map_err(sort)
    }
}

impl fmt::Debug for TransitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TransitKey").field(&self.describe()).finish()
    }
}
