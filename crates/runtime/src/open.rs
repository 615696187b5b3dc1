//! From a configuration to wired ports.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use gitlab_adapter::{GitlabConfig, GitlabHost};
use oidc_adapter::{OidcConfig, OidcProvider};
use org_core::accounts::IdentityPolicy;
use org_core::event::{Actor, Event, Subject};
use org_core::ids::ProcessId;
use org_core::ports::{
    AccountPorts, Clock, IdentityPorts, OnlyEmbedded, Ports, StoreError, Timer, VaultError,
};
use org_core::use_cases::follow::SyncOptions;
use org_core::vaults::RecordedVault;
use rand::SeedableRng;
use rand::rngs::StdRng;
use secrecy::{ExposeSecret, SecretString};
use store_adapter::{Store, StoreOptions};
use vault_adapter::{CheckReport, EmbeddedVault, OpenBaoVault};

use crate::config::{Config, OidcSettings, ProxyConfig};
use crate::entitlements::ConfiguredSeats;
use crate::environment::Environment;
use crate::passwords::Argon2Hasher;
use crate::vaults::{self, Opened};

/// How this program introduces itself to hosts.
const USER_AGENT: &str = concat!("forgehold/", env!("CARGO_PKG_VERSION"));

/// The name of the database in the data directory.
const STORE_FILE: &str = "forgehold.sqlite";

/// The name of the embedded vault in the data directory.
const VAULT_FILE: &str = "vault.sqlite";

/// The name of the key of the embedded vault, where it is one that was made at the first start.
pub(crate) const VAULT_KEY_FILE: &str = "vault.key";

/// The key of the configuration that names applications.
const CLIENTS: &str = "oauth.clients";

/// Why an installation cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data directory cannot be made or used.
    #[error("the data directory {} cannot be used: {reason}", path.display())]
    DataDirectory {
        /// Which one.
        path: PathBuf,
        /// Why not, and what to do.
        reason: String,
    },
    /// A file that the configuration names cannot be read.
    #[error("{} cannot be read, which {key} of the configuration names: {reason}", path.display())]
    File {
        /// The key of the configuration.
        key: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The settings for talking to hosts make no sense.
    #[error("hosts cannot be talked to with the settings of `http`: {reason}")]
    Http {
        /// What is wrong.
        reason: String,
    },
    /// A setting makes no sense.
    #[error("`{key}` of the configuration is not right: {reason}")]
    Setting {
        /// The key of the configuration.
        key: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The password manager.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// An installation that is open: wired ports and what running syncs needs.
#[derive(Debug, Clone)]
pub struct Runtime {
    ports: Ports,
    accounts: AccountPorts,
    identity: Option<IdentityPorts>,
    store: Store,
    vault: Arc<EmbeddedVault>,
    openbao: Option<Arc<OpenBaoVault>>,
    sync_options: SyncOptions,
    concurrency: usize,
}

impl Runtime {
    /// Opens the installation of `config`; makes the data directory, the database and the vault if there are none yet.
    ///
    /// The directory is for its owner alone, and so is each file in it.
    pub async fn open(config: &Config) -> Result<Self, OpenError> {
        Self::open_in(config, Environment::of_machine()).await
    }

    /// The same with another time, other waiting or other ids than those of the machine.
    pub async fn open_in(config: &Config, environment: Environment) -> Result<Self, OpenError> {
        let Environment {
            clock,
            timer,
            ids,
            entropy,
        } = environment;
        make_private(&config.data_dir)?;
        // Pauses between repetitions only have to differ from program to program, which new ids do.
        let rng = StdRng::seed_from_u64(ids.next_id().as_u64_pair().1);
        let host = host(config, clock.clone(), timer.clone(), rng)?;
        let store = Store::open(StoreOptions::new(store_path(config))).await?;
        let Opened {
            embedded,
            openbao,
            vaults,
        } = vaults::open(config, &clock).await?;
        let shared = Arc::new(store.clone());
        let recorded = RecordedVault::new(
            Arc::new(vaults.clone()),
            shared.clone(),
            clock.clone(),
            reader(),
        )
        .troubled(|error| tracing::warn!(%error, "it could not be put down who read a secret"));
        let ports = Ports {
            host: Arc::new(host),
            vault: Arc::new(recorded),
            vaults,
            organizations: shared.clone(),
            attempts: shared.clone(),
            sign_ins: shared.clone(),
            renewals: shared.clone(),
            inventory: shared.clone(),
            syncs: shared.clone(),
            licenses: shared.clone(),
            entitlements: Arc::new(ConfiguredSeats::new(shared.clone())),
            access: shared.clone(),
            devices: Arc::new(OnlyEmbedded),
            events: shared,
            clock,
            timer,
            ids: ids.clone(),
            entropy,
        };
        let accounts = AccountPorts {
            accounts: Arc::new(store.clone()),
            answers: Arc::new(store.clone()),
            passwords: Arc::new(Argon2Hasher::new()),
            entropy: ports.entropy.clone(),
            clock: ports.clock.clone(),
            ids: ids.clone(),
        };
        let identity = match &config.server.oidc {
            Some(settings) => Some(identity(config, settings, &store, &ports.clock)?),
            None => None,
        };
        let sync_options = SyncOptions {
            holder: ProcessId::from_uuid(ids.next_id()),
            lease: config.sync.lease,
        };
        Ok(Self {
            accounts,
            identity,
            ports,
            store,
            vault: embedded,
            openbao,
            sync_options,
            concurrency: config.sync.concurrency,
        })
    }

    /// The wired ports.
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// What the use cases of accounts need.
    pub fn accounts(&self) -> &AccountPorts {
        &self.accounts
    }

    /// What signing in at the company's provider needs; `None` where there is none.
    pub fn identity(&self) -> Option<&IdentityPorts> {
        self.identity.as_ref()
    }

    /// The store behind the ports, for what only an examination asks.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Keeps what has to be kept alive while nothing happens, such as the token of a server; for as long as it is polled.
    pub async fn keep_alive(&self) {
        match &self.openbao {
            Some(openbao) => openbao.keep_token(&*self.ports.timer).await,
            None => std::future::pending().await,
        }
    }

    /// Reads every record of the embedded vault.
    pub async fn check_vault(&self) -> Result<CheckReport, VaultError> {
        self.vault.check().await
    }

    /// When the recovery key of the embedded vault was made; `None` if there is none.
    pub async fn recovery_key_made_at(&self) -> Result<Option<DateTime<Utc>>, VaultError> {
        self.vault.recovery_key_made_at().await
    }

    /// Makes a recovery key for the embedded vault, in the place of an earlier one. It is answered once and kept nowhere.
    pub async fn make_recovery_key(&self, actor: &Actor) -> Result<SecretString, OpenError> {
        let now = self.ports.clock.now();
        let key = self.vault.make_recovery_key(now).await?;
        self.tell(actor, "vault.recovery_key_made").await?;
        Ok(key.to_text())
    }

    async fn tell(&self, actor: &Actor, kind: &str) -> Result<(), StoreError> {
        let now = self.ports.clock.now();
        let event = Event::new(now, actor.clone(), Subject::Installation, kind);
        self.ports.events.append(&[event]).await
    }

    /// Puts the embedded vault under a new key of the kind that the configuration names, while programs use it. Answers the key generation.
    pub async fn rotate_vault_key(&self, config: &Config, actor: &Actor) -> Result<u64, OpenError> {
        let source = vaults::key_source(config, &self.ports.clock)?;
        let generation = self.vault.rotate_key(source).await?;
        self.tell(actor, "vault.key_rotated").await?;
        Ok(generation)
    }

    /// The embedded vault, for what only an examination or its keys ask.
    pub fn vault(&self) -> &EmbeddedVault {
        &self.vault
    }

    /// How this program does its syncs.
    pub fn sync_options(&self) -> SyncOptions {
        self.sync_options
    }

    /// How many organizations are synchronized at once.
    pub fn concurrency(&self) -> usize {
        self.concurrency
    }

    /// Closes the database and the vault, so that their files are whole for whoever copies them.
    pub async fn close(self) {
        self.store.close().await;
        self.vault.close().await;
    }
}

/// How the history of accesses names this program: its file, and the person of its process where the system says who that is.
fn reader() -> String {
    let program = std::env::current_exe().ok();
    let program = program.as_deref().and_then(Path::file_stem).map_or_else(
        || "forgehold".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    );
    match std::env::var("USER") {
        Ok(user) if !user.is_empty() && user.len() <= 64 => format!("{program} of {user}"),
        _ => program,
    }
}

pub(crate) fn store_path(config: &Config) -> PathBuf {
    config.data_dir.join(STORE_FILE)
}

pub(crate) fn vault_path(config: &Config) -> PathBuf {
    config.data_dir.join(VAULT_FILE)
}

/// Makes the data directory for its owner alone. One that is there keeps its mode, since a person chose it.
fn make_private(path: &Path) -> Result<(), OpenError> {
    let refused = |error: &io::Error| OpenError::DataDirectory {
        path: path.to_owned(),
        reason: match error.kind() {
            io::ErrorKind::PermissionDenied => {
                "permission denied; choose another one with --data-dir or make it yours".to_owned()
            }
            io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
                "it is not a directory; choose another one with --data-dir".to_owned()
            }
            _ => format!("{error}; choose another one with --data-dir"),
        },
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| refused(&error))?;
    let metadata = fs::metadata(path).map_err(|error| refused(&error))?;
    if metadata.permissions().readonly() {
        return Err(OpenError::DataDirectory {
            path: path.to_owned(),
            reason: "it is read-only; choose another one with --data-dir or make it writable"
                .to_owned(),
        });
    }
    Ok(())
}

pub(crate) fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, OpenError> {
    fs::read(path).map_err(|error| OpenError::File {
        key,
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

fn host(
    config: &Config,
    clock: Arc<dyn Clock>,
    timer: Arc<dyn Timer>,
    rng: StdRng,
) -> Result<GitlabHost, OpenError> {
    let refused = |error: &dyn std::fmt::Display| OpenError::Http {
        reason: error.to_string(),
    };
    let http = &config.http;
    let mut gitlab = GitlabConfig::new(USER_AGENT)
        .connect_timeout(http.connect_timeout)
        .request_timeout(http.request_timeout)
        .max_concurrency(http.max_concurrency)
        .wait_limit(http.max_wait);
    for path in &http.ca_files {
        let pem = read("http.ca_files", path)?;
        gitlab = gitlab.extra_ca_pem(&pem).map_err(|error| OpenError::File {
            key: "http.ca_files",
            path: path.clone(),
            reason: error.to_string(),
        })?;
    }
    match &http.proxy {
        ProxyConfig::Environment => {}
        ProxyConfig::None => gitlab = gitlab.direct(),
        ProxyConfig::Url(proxy) => {
            gitlab = gitlab
                .proxy(proxy.expose_secret(), "")
                .map_err(|error| refused(&error))?;
        }
    }
    for client in &config.oauth.clients {
        let secret = match &client.secret_file {
            Some(path) => Some(client_secret(CLIENTS, path)?),
            None => None,
        };
        gitlab = gitlab.oauth_client(client.host.clone(), client.client.clone(), secret);
    }
    GitlabHost::new(gitlab, clock, timer, rng).map_err(|error| refused(&error))
}

/// The provider of `OpenID` Connect, which is not asked for anything yet: that it is away keeps nobody with a password out.
fn identity(
    config: &Config,
    settings: &OidcSettings,
    store: &Store,
    clock: &Arc<dyn Clock>,
) -> Result<IdentityPorts, OpenError> {
    let refused = |error: oidc_adapter::ConfigError| match error {
        oidc_adapter::ConfigError::Issuer => OpenError::Setting {
            key: "server.oidc.issuer",
            reason: error.to_string(),
        },
        error => OpenError::Http {
            reason: error.to_string(),
        },
    };
    let http = &config.http;
    let mut oidc = OidcConfig::new(&settings.issuer, &settings.client_id)
        .map_err(refused)?
        .scopes(settings.scopes.clone())
        .groups_claim(&settings.groups_claim)
        .timeouts(http.connect_timeout, http.request_timeout);
    if let Some(path) = &settings.client_secret_file {
        let secret = client_secret("server.oidc.client_secret_file", path)?;
        oidc = oidc.client_secret(secret);
    }
    for path in &http.ca_files {
        let pem = read("http.ca_files", path)?;
        oidc = oidc.extra_ca_pem(&pem).map_err(refused)?;
    }
    oidc = match &http.proxy {
        ProxyConfig::Environment => oidc,
        ProxyConfig::None => oidc.direct(),
        ProxyConfig::Url(proxy) => oidc.proxy(proxy.expose_secret()).map_err(refused)?,
    };
    Ok(IdentityPorts {
        provider: Arc::new(OidcProvider::new(oidc, clock.clone()).map_err(refused)?),
        identities: Arc::new(store.clone()),
        policy: IdentityPolicy {
            roles: settings.roles.clone(),
            create: settings.create_accounts,
        },
    })
}

/// The longest client secret that any host gives, with room to spare; what is longer is another file by mistake.
const MAX_CLIENT_SECRET: usize = 4096;

/// The secret of a confidential application. No message repeats any of it.
fn client_secret(key: &'static str, path: &Path) -> Result<SecretString, OpenError> {
    let refused = |reason: &str| OpenError::File {
        key,
        path: path.to_owned(),
        reason: reason.to_owned(),
    };
    let metadata = fs::metadata(path).map_err(|error| refused(&error.to_string()))?;
    if !metadata.is_file() {
        return Err(refused("it is no file"));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(refused(
            "others may read it; make it private with `chmod 600`",
        ));
    }
    if metadata.len() > MAX_CLIENT_SECRET as u64 {
        return Err(refused(
            "it is too long; it must hold the client secret alone",
        ));
    }
    // The bytes become the secret itself and are wiped with it.
    let text = String::from_utf8(read(key, path)?)
        .map(SecretString::from)
        .map_err(|_| refused("it is not text in UTF-8"))?;
    let secret = text.expose_secret().trim();
    match secret {
        "" => Err(refused("it is empty; it must hold the client secret")),
        secret if secret.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Ok(SecretString::from(secret))
        }
        _ => Err(refused(
            "it has white space or other characters that no client secret has; it must hold the client secret alone",
        )),
    }
}
