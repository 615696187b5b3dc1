//! The vaults of an installation, from its configuration.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use org_core::ports::Clock;
use org_core::vaults::{VaultHandle, Vaults};
use secrecy::SecretString;
pub use vault_adapter::{CheckReport, RecoveryKeyError};
use vault_adapter::{
    Credential, EmbeddedVault, EmbeddedVaultOptions, KeySource, OpenBaoAuth, OpenBaoOptions,
    OpenBaoOptionsError, OpenBaoVault, RecoveryKey, TransitKey,
};

use crate::config::{Config, DefaultVault, OpenBaoAuthConfig, OpenBaoConfig, VaultKey};
use crate::environment::Environment;
use crate::open::{OpenError, VAULT_KEY_FILE, read, vault_path};

/// The name of the vault in the data directory.
pub const EMBEDDED: &str = "embedded";

/// The name of the vault on the company's server.
pub(crate) const OPENBAO: &str = "openbao";

/// How long a program waits while another one writes to the vault.
const BUSY: Duration = Duration::from_secs(30);

/// Every vault, open.
pub(crate) struct Opened {
    pub(crate) embedded: Arc<EmbeddedVault>,
    pub(crate) openbao: Option<Arc<OpenBaoVault>>,
    pub(crate) vaults: Vaults,
}

/// Opens the vaults of `config`. A server is not asked before somebody needs it, so a program starts while it is down.
pub(crate) async fn open(config: &Config, clock: &Arc<dyn Clock>) -> Result<Opened, OpenError> {
    let server = config.vault.openbao.as_ref();
    let embedded = EmbeddedVault::open(embedded_options(config, key_source(config, clock)?));
    let embedded = Arc::new(embedded.await?);
    let openbao = server
        .map(|server| openbao(server, clock).map(Arc::new))
        .transpose()?;
    let here = VaultHandle::new(
        embedded.name(),
        "the embedded vault in the data directory",
        embedded.clone(),
    );
    let vaults = match &openbao {
        None => Vaults::one(here),
        Some(openbao) => {
            let there = VaultHandle::new(
                openbao.name().clone(),
                "a server of OpenBao or HashiCorp Vault",
                openbao.clone(),
            )
            .with_links(openbao.clone());
            match config.vault.default {
                DefaultVault::Embedded => Vaults::new(here, [there]),
                DefaultVault::OpenBao => Vaults::new(there, [here]),
            }
        }
    };
    Ok(Opened {
        embedded,
        openbao,
        vaults: vaults.with_patience(config.vault.max_wait),
    })
}

/// Opens the embedded vault of `config` by its recovery key and puts it under the key that the configuration names, which must be there, or
/// is made if it is one that this program makes. Answers the key generation.
pub async fn recover(config: &Config, key: RecoveryKey) -> Result<u64, OpenError> {
    let clock = Environment::of_machine().clock;
    let options = embedded_options(config, KeySource::Recovery(key))
        .when_missing(vault_adapter::WhenMissing::Refuse);
    let vault = EmbeddedVault::open(options).await?;
    let generation = vault.rotate_key(key_source(config, &clock)?).await;
    vault.close().await;
    Ok(generation?)
}

/// Reads a recovery key as a person typed it.
pub fn parse_recovery_key(text: &str) -> Result<RecoveryKey, RecoveryKeyError> {
    text.parse()
}

fn embedded_options(config: &Config, key: KeySource) -> EmbeddedVaultOptions {
    EmbeddedVaultOptions::new(vault_path(config), key)
        .busy_timeout(BUSY)
        .name(EMBEDDED.parse().expect("small letters"))
}

/// Where the key of the embedded vault comes from.
pub(crate) fn key_source(config: &Config, clock: &Arc<dyn Clock>) -> Result<KeySource, OpenError> {
    Ok(match (&config.vault.key, &config.vault.openbao) {
        (VaultKey::GeneratedFile, _) => {
            KeySource::generated_file(config.data_dir.join(VAULT_KEY_FILE))
        }
        (VaultKey::File(path), _) => KeySource::key_file(path),
        (VaultKey::PassphraseFile(path), _) => {
            check_text(path)?;
            KeySource::passphrase_file(path)
        }
        (VaultKey::Transit(name), Some(server)) => {
            let options = options(server)?;
            let key = TransitKey::new(&options, &server.transit_mount, name, clock.clone());
            KeySource::Transit(key?)
        }
        (VaultKey::Transit(_), None) => {
            return Err(OpenError::Setting {
                key: "vault.key",
                reason: "it needs the server that `openbao.address` names".to_owned(),
            });
        }
    })
}

/// A passphrase that cannot be read is told with the setting that names it.
fn check_text(path: &Path) -> Result<(), OpenError> {
    match String::from_utf8(read("vault.key", path)?) {
        Ok(text) => {
            drop(SecretString::from(text));
            Ok(())
        }
        Err(_) => Err(OpenError::File {
            key: "vault.key",
            path: path.to_owned(),
            reason: "the passphrase is not UTF-8 text".to_owned(),
        }),
    }
}

fn openbao(config: &OpenBaoConfig, clock: &Arc<dyn Clock>) -> Result<OpenBaoVault, OpenError> {
    Ok(OpenBaoVault::new(options(config)?, clock.clone())?)
}

fn options(config: &OpenBaoConfig) -> Result<OpenBaoOptions, OpenError> {
    let file = |path: &Path| Credential::File(path.to_owned());
    let auth = match &config.auth {
        OpenBaoAuthConfig::Token { file: path } => OpenBaoAuth::Token(file(path)),
        OpenBaoAuthConfig::AppRole {
            mount,
            role_id,
            secret_id_file,
        } => OpenBaoAuth::AppRole {
            mount: mount.clone(),
            role_id: role_id.clone(),
            secret_id: file(secret_id_file),
        },
        OpenBaoAuthConfig::Kubernetes {
            mount,
            role,
            jwt_file,
        } => OpenBaoAuth::Kubernetes {
            mount: mount.clone(),
            role: role.clone(),
            jwt: file(jwt_file),
        },
        OpenBaoAuthConfig::Certificate {
            mount,
            role,
            certificate_file,
            key_file,
        } => OpenBaoAuth::Certificate {
            mount: mount.clone(),
            role: role.clone(),
            certificate: certificate_file.clone(),
            key: key_file.clone(),
        },
    };
    let named = |key: &'static str| {
        move |error: OpenBaoOptionsError| OpenError::Setting {
            key,
            reason: error.to_string(),
        }
    };
    let name = OPENBAO.parse().expect("small letters");
    let mut options = OpenBaoOptions::new(name, &config.address, auth)
        .map_err(|error| match error {
            OpenBaoOptionsError::Path { .. } => named("openbao.auth_mount")(error),
            error => named("openbao.address")(error),
        })?
        .mount(&config.mount)
        .map_err(named("openbao.mount"))?
        .prefix(&config.prefix)
        .map_err(named("openbao.prefix"))?;
    if let Some(namespace) = &config.namespace {
        options = options
            .namespace(namespace)
            .map_err(named("openbao.namespace"))?;
    }
    for path in &config.ca_files {
        let pem = read("openbao.ca_files", path)?;
        options = options.authorities(&pem).map_err(|error| OpenError::File {
            key: "openbao.ca_files",
            path: path.clone(),
            reason: error.to_string(),
        })?;
    }
    Ok(options)
}
