//! The configuration: defaults, then a file, then the environment, each over the one before; and all mistakes at once.
//!
//! `docs/configuration.md` names every setting; it is written from the same table that is read here.

mod error;
mod keys;
mod layers;
mod oidc;
mod openbao;
mod reference;
mod server;
mod values;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use org_core::host::HostUrl;
use org_core::oauth::ClientId;
use secrecy::SecretString;

pub use error::{ConfigError, Mistake, Mistakes, Origin};
pub use oidc::OidcSettings;
pub use openbao::{OpenBaoAuthConfig, OpenBaoConfig};
pub use reference::reference;
pub use server::{MetricsAccess, Network, ServerConfig};

use layers::Layers;

/// What a program runs with. Made by [`Config::load`] alone, so every value is within its bounds.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// The directory of everything that is kept: an absolute path, or one relative to where the program was started.
    pub data_dir: PathBuf,
    /// The password manager.
    pub vault: VaultConfig,
    /// Requests to hosts.
    pub http: HttpConfig,
    /// Signing in at hosts.
    pub oauth: OauthConfig,
    /// Syncs.
    pub sync: SyncConfig,
    /// The server.
    pub server: ServerConfig,
    /// What is logged.
    pub log: LogConfig,
}

/// The password manager.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct VaultConfig {
    /// Where the key of the embedded one comes from.
    pub key: VaultKey,
    /// The vault that new secrets go to.
    pub default: DefaultVault,
    /// How long a sync waits for a vault that does not answer.
    pub max_wait: Duration,
    /// The company's own server, if there is one.
    pub openbao: Option<OpenBaoConfig>,
}

/// The vault that new secrets go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultVault {
    /// The one in the data directory.
    Embedded,
    /// The company's own server.
    OpenBao,
}

/// Where the key of the vault comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VaultKey {
    /// A file in the data directory that is made at the first start.
    GeneratedFile,
    /// A file that somebody else provides.
    File(PathBuf),
    /// A passphrase on the first line of a file.
    PassphraseFile(PathBuf),
    /// A key of that name on the company's own server.
    Transit(String),
}

/// Requests to hosts.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HttpConfig {
    /// Certificate authorities to trust besides those of the machine, as PEM files.
    pub ca_files: Vec<PathBuf>,
    /// Which way requests go.
    pub proxy: ProxyConfig,
    /// How long a connection may take to open.
    pub connect_timeout: Duration,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// How many requests one host answers at a time.
    pub max_concurrency: usize,
    /// How long one request waits altogether when the host limits the rate.
    pub max_wait: Duration,
}

/// Which way requests go.
#[derive(Debug, Clone)]
pub enum ProxyConfig {
    /// As `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
    Environment,
    /// Straight to the host.
    None,
    /// Through this one: an `http` or `https` URL, kept secret because it may hold a password.
    Url(SecretString),
}

/// Signing in at hosts.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OauthConfig {
    /// What this installation is known as, at most one for each host.
    pub clients: Vec<OauthClient>,
}

/// An application that somebody registered at a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OauthClient {
    /// The host.
    pub host: HostUrl,
    /// The application's id there.
    pub client: ClientId,
    /// A file with its secret, where the application is a confidential one.
    pub secret_file: Option<PathBuf>,
}

/// Syncs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SyncConfig {
    /// How long a program that gives no sign of life keeps an organization to itself.
    pub lease: Duration,
    /// How many organizations are synchronized at a time.
    pub concurrency: usize,
}

/// What is logged.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct LogConfig {
    /// The least severe that is logged.
    pub level: LogLevel,
    /// How a line looks.
    pub format: LogFormat,
}

/// How severe a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Nothing is logged.
    Off,
    /// What failed.
    Error,
    /// What may fail later.
    Warn,
    /// What happened.
    Info,
    /// How it happened.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The word of the configuration, which is also the one of a log filter.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Where the configuration is read from.
#[derive(Debug, Clone, Default)]
pub struct ConfigSources {
    /// The data directory that an argument names; it has the last word.
    pub data_dir: Option<PathBuf>,
    /// The file that an argument names; without one `config.toml` in the data directory is read if it is there.
    pub file: Option<PathBuf>,
    /// The environment of the program.
    pub environment: BTreeMap<OsString, OsString>,
}

impl ConfigSources {
    /// With the environment of this process. For a program's edge.
    pub fn from_process() -> Self {
        Self {
            environment: std::env::vars_os().collect(),
            ..Self::default()
        }
    }
}

impl Config {
    /// Reads the configuration. Nothing is created, and of the files that it names none is opened.
    pub fn load(sources: &ConfigSources) -> Result<Self, ConfigError> {
        let mut layers = Layers::read(sources)?;
        let config = Self::assemble(&mut layers);
        layers.finish()?;
        Ok(config.expect("without a mistake every setting has its value"))
    }

    /// Asks for every setting before it gives up on any.
    fn assemble(layers: &mut Layers) -> Option<Self> {
        let data_dir = layers.data_dir();
        let key = layers.take("vault.key", values::vault_key);
        let default = layers.take("vault.default", values::default_vault);
        let max_wait_for_vault = layers.take("vault.max_wait", values::duration);
        let openbao = openbao::take(layers);
        if let Some(None) = openbao {
            let needs = "this needs the server that `openbao.address` names";
            if default == Some(DefaultVault::OpenBao) {
                layers.refuse("vault.default", needs.to_owned());
            }
            if matches!(key, Some(VaultKey::Transit(_))) {
                layers.refuse("vault.key", needs.to_owned());
            }
        }
        let ca_files = layers.take_list("http.ca_files", ':', values::path);
        let proxy = layers.take("http.proxy", values::proxy);
        let connect_timeout = layers.take("http.connect_timeout", values::duration);
        let request_timeout = layers.take("http.request_timeout", values::duration);
        let max_concurrency = layers.take("http.max_concurrency", values::count);
        let max_wait = layers.take("http.max_wait", values::duration);
        let clients = layers.take_clients("oauth.clients");
        let lease_seconds = layers.take("sync.lease_seconds", values::count);
        let concurrency = layers.take("sync.concurrency", values::count);
        let server = server::assemble(layers);
        let level = layers.take("log.level", values::log_level);
        let format = layers.take("log.format", values::log_format);
        Some(Self {
            data_dir: data_dir?,
            vault: VaultConfig {
                key: key?,
                default: default?,
                max_wait: max_wait_for_vault?,
                openbao: openbao?,
            },
            http: HttpConfig {
                ca_files: ca_files?,
                proxy: proxy?,
                connect_timeout: connect_timeout?,
                request_timeout: request_timeout?,
                max_concurrency: usize::try_from(max_concurrency?).ok()?,
                max_wait: max_wait?,
            },
            oauth: OauthConfig { clients: clients? },
            sync: SyncConfig {
                lease: Duration::from_secs(lease_seconds?),
                concurrency: usize::try_from(concurrency?).ok()?,
            },
            server: server?,
            log: LogConfig {
                level: level?,
                format: format?,
            },
        })
    }
}

/// The file that is read when no argument names one.
fn implied_file(data_dir: &Path) -> PathBuf {
    data_dir.join("config.toml")
}
