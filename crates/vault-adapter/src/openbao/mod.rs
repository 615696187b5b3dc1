//! A server of `OpenBao` or `HashiCorp` Vault: secrets in its engine of keys and values, version 2.

mod external;
mod failure;
mod kv;
mod layout;
mod login;
mod options;
mod port;
mod session;
mod transfer;
mod transit;
mod transport;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use org_core::ports::{Clock, Timer, VaultError};
use org_core::secret::SecretRef;
use org_core::text::VaultName;
use serde::Deserialize;
use tokio::sync::OnceCell;

pub use options::{Credential, OpenBaoAuth, OpenBaoOptions, OpenBaoOptionsError};
pub use transit::TransitKey;

use session::Sessions;
use transport::{Answer, Failure, Request, Transport};

/// How many numbers of versions are kept in mind; beyond it all are forgotten, and asked for anew.
const BASES: usize = 20_000;
/// How long to wait for the next look at a token that never ends.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);
/// The shortest pause between two looks at a token.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// Secrets of one installation on a server.
///
/// Nothing is asked of the server before the first call, so that a program starts while the server is down. Cloning shares the token and the
/// connections.
#[derive(Clone)]
pub struct OpenBaoVault {
    options: Arc<OpenBaoOptions>,
    server: Arc<Server>,
    /// How much the numbers of a secret are ahead of the engine's, which never changes.
    bases: Arc<Mutex<HashMap<SecretRef, u64>>>,
    /// The engine at the mount, once it was found to be the right one.
    engine: Arc<OnceCell<()>>,
}

/// A server with the token that it gave.
pub(crate) struct Server {
    transport: Transport,
    sessions: Sessions,
    place: String,
}

#[derive(Deserialize)]
struct MountWire {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    options: Option<HashMap<String, String>>,
}

impl MountWire {
    fn is_kv(&self, version: &str) -> bool {
        let found = self.options.as_ref().and_then(|it| it.get("version"));
        self.kind == "kv" && found.map_or("1", String::as_str) == version
    }
}

#[derive(Deserialize)]
struct HealthWire {
    #[serde(default)]
    sealed: bool,
    #[serde(default)]
    version: String,
}

impl Server {
    fn new(options: &OpenBaoOptions, clock: Arc<dyn Clock>) -> Result<Self, VaultError> {
        let place = options.address.as_str().trim_end_matches('/').to_owned();
        let transport = Transport::new(options.clone())
            .map_err(|failure| failure.sort(&place, "setting up the client"))?;
        Ok(Self {
            transport,
            sessions: Sessions::new(options.auth.clone(), place.clone(), clock),
            place,
        })
    }

    /// Sends a request with the token of now, and once more with another one if that was dead.
    async fn call(&self, request: &Request<'_>, doing: &str) -> Result<Answer, VaultError> {
        let sort = |failure: Failure| failure.sort(&self.place, doing);
        let session = self.sessions.current(&self.transport).await?;
        let answer = self.transport.send(request, Some(&session.token)).await;
        let answer = answer.map_err(sort)?;
        if answer.status.as_u16() != 403 {
            return Ok(answer);
        }
        match self
            .sessions
            .after_refusal(&self.transport, &session)
            .await?
        {
            None => Ok(answer),
            Some(other) => {
                let again = self.transport.send(request, Some(&other.token)).await;
                again.map_err(sort)
            }
        }
    }
}

impl OpenBaoVault {
    /// The part of a server that `options` name. The clock tells when a token is to be renewed.
    ///
    /// An error means that the options cannot be used at all.
    pub fn new(options: OpenBaoOptions, clock: Arc<dyn Clock>) -> Result<Self, VaultError> {
        Ok(Self {
            server: Arc::new(Server::new(&options, clock)?),
            options: Arc::new(options),
            bases: Arc::default(),
            engine: Arc::default(),
        })
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &VaultName {
        &self.options.name
    }

    /// Keeps the token alive for as long as it is polled, so that one that nothing can replace does not end between two uses.
    pub async fn keep_token(&self, timer: &dyn Timer) {
        loop {
            let pause = self.server.sessions.due_in().unwrap_or(LONGEST_PAUSE);
            timer
                .sleep(pause.clamp(SHORTEST_PAUSE, LONGEST_PAUSE))
                .await;
            // What goes wrong is told by the next call that needs the token.
            if self.server.sessions.due_in() == Some(Duration::ZERO) {
                let _ = self.server.sessions.current(&self.server.transport).await;
            }
        }
    }

    fn place(&self) -> &str {
        &self.server.place
    }

    async fn call(&self, request: &Request<'_>, doing: &str) -> Result<Answer, VaultError> {
        self.engine.get_or_try_init(|| self.check_engine()).await?;
        self.server.call(request, doing).await
    }

    /// Looks once whether the mount is what the configuration takes it for: an engine of version 1 would take writes and keep no versions.
    async fn check_engine(&self) -> Result<(), VaultError> {
        let Some(mount) = self.mount(&self.options.mount.to_string()).await? else {
            return Ok(());
        };
        if mount.is_kv("2") {
            return Ok(());
        }
        Err(VaultError::WrongMount {
            detail: format!(
                "`{}` of {} is {}, and Forgehold needs kv of version 2; name another mount, or make one: bao secrets enable -path=NAME -version=2 kv",
                self.options.mount,
                self.place(),
                if mount.kind == "kv" {
                    "kv of version 1".to_owned()
                } else {
                    format!("an engine of type {}", mount.kind)
                },
            ),
        })
    }

    /// What is mounted at a path; `None` where the server does not tell.
    async fn mount(&self, mount: &str) -> Result<Option<MountWire>, VaultError> {
        let doing = format!("looking at the mount `{mount}`");
        let path = ["sys", "internal", "ui", "mounts"];
        let request = Request::get(path.into_iter().chain(mount.split('/')));
        let answer = self.server.call(&request, &doing).await?;
        match answer.ok() {
            Ok(answer) => answer
                .data()
                .map(Some)
                .map_err(|failure| failure.sort(self.place(), &doing)),
            // Said of a mount that is not there and of one that is out of reach alike.
            Err(failure) if failure.is_denied() => Err(VaultError::WrongMount {
                detail: format!(
                    "{} has no `{mount}`, or its policy gives this role nothing in it; compare the mount with what the vault lists, and the policy with docs/vault-policy.hcl",
                    self.place()
                ),
            }),
            Err(failure) if failure.is_absent() => Ok(None),
            Err(failure) => Err(failure.sort(self.place(), &doing)),
        }
    }

    /// What the server says of itself to everybody.
    async fn server_health(&self) -> Result<String, VaultError> {
        const DOING: &str = "asking for its health";
        // Standby and sealed servers are asked for an answer of their own status.
        let request = Request::get(["sys", "health"])
            .with("standbyok", &true)
            .with("perfstandbyok", &true);
        let sort = |failure: Failure| failure.sort(self.place(), DOING);
        let answer = self.server.transport.send(&request, None).await;
        let wire: HealthWire = answer.map_err(sort)?.parse().map_err(sort)?;
        if wire.sealed {
            return Err(VaultError::Sealed {
                place: self.place().to_owned(),
            });
        }
        Ok(wire.version.chars().take(40).collect())
    }

    fn remember(&self, reference: SecretRef, base: u64) {
        let mut bases = self.bases.lock().unwrap_or_else(PoisonError::into_inner);
        if bases.len() >= BASES {
            bases.clear();
        }
        bases.insert(reference, base);
    }

    fn forget(&self, reference: SecretRef) {
        let mut bases = self.bases.lock().unwrap_or_else(PoisonError::into_inner);
        bases.remove(&reference);
    }

    fn remembered(&self, reference: SecretRef) -> Option<u64> {
        let bases = self.bases.lock().unwrap_or_else(PoisonError::into_inner);
        bases.get(&reference).copied()
    }
}

impl fmt::Debug for OpenBaoVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OpenBaoVault").field(&self.options).finish()
    }
}
