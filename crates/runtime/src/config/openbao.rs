//! The settings of a server of `OpenBao` or `HashiCorp` Vault, which only make sense together.

use std::path::PathBuf;

use super::layers::Layers;
use super::values::{self, Parsed, Written};

/// A server of `OpenBao` or `HashiCorp` Vault.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenBaoConfig {
    /// Where it is.
    pub address: String,
    /// The namespace that everything is in.
    pub namespace: Option<String>,
    /// Where its engine of keys and values is mounted.
    pub mount: String,
    /// What all paths of this installation begin with.
    pub prefix: String,
    /// Certificate authorities to trust instead of those of the machine, as PEM files.
    pub ca_files: Vec<PathBuf>,
    /// How this program says who it is.
    pub auth: OpenBaoAuthConfig,
    /// Where its engine `transit` is mounted.
    pub transit_mount: String,
}

/// How this program says who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenBaoAuthConfig {
    /// A token in a file.
    Token {
        /// The file.
        file: PathBuf,
    },
    /// A role for machines.
    AppRole {
        /// Where the method is mounted.
        mount: String,
        /// The role's id.
        role_id: String,
        /// The file with the secret id.
        secret_id_file: PathBuf,
    },
    /// The service account of a pod.
    Kubernetes {
        /// Where the method is mounted.
        mount: String,
        /// The role.
        role: String,
        /// The file with the account's token.
        jwt_file: PathBuf,
    },
    /// A client certificate.
    Certificate {
        /// Where the method is mounted.
        mount: String,
        /// The role, if one is named.
        role: Option<String>,
        /// The certificate with its chain.
        certificate_file: PathBuf,
        /// Its key.
        key_file: PathBuf,
    },
}

#[derive(Clone, Copy)]
enum Method {
    Token,
    AppRole,
    Kubernetes,
    Certificate,
}

fn method(text: &Written<'_>) -> Parsed<Method> {
    match text.text {
        "token" => Ok(Method::Token),
        "approle" => Ok(Method::AppRole),
        "kubernetes" => Ok(Method::Kubernetes),
        "certificate" => Ok(Method::Certificate),
        _ => Err(values::one_of(text)),
    }
}

/// Reads all of them; the inner `None` without an address, which turns the server off.
#[expect(
    clippy::option_option,
    reason = "a mistake is one thing, and no server another, as for every setting here"
)]
pub(super) fn take(layers: &mut Layers) -> Option<Option<OpenBaoConfig>> {
    let address = layers.take("openbao.address", values::address);
    let namespace = layers.take("openbao.namespace", values::steps);
    let mount = layers.take("openbao.mount", values::some_steps);
    let prefix = layers.take("openbao.prefix", values::some_steps);
    let ca_files = layers.take_list("openbao.ca_files", ':', values::path);
    let method = layers.take("openbao.auth", method);
    let auth_mount = layers.take("openbao.auth_mount", values::steps);
    let role = layers.take("openbao.role", values::steps);
    let role_id = layers.take("openbao.role_id", values::steps);
    let token_file = layers.take("openbao.token_file", values::optional_path);
    let secret_id_file = layers.take("openbao.secret_id_file", values::optional_path);
    let jwt_file = layers.take("openbao.jwt_file", values::path);
    let certificate_file = layers.take("openbao.client_certificate_file", values::optional_path);
    let key_file = layers.take("openbao.client_key_file", values::optional_path);
    let transit_mount = layers.take("openbao.transit_mount", values::some_steps);

    let address = address?;
    if address.is_empty() {
        return Some(None);
    }
    let (auth_mount, role, role_id) = (auth_mount?, role?, role_id?);
    let mounted = |usual: &str| match auth_mount.as_str() {
        "" => usual.to_owned(),
        named => named.to_owned(),
    };
    let mut needed = |key: &str, value: Option<PathBuf>, what: &str| {
        if value.is_none() {
            layers.refuse(key, format!("this is needed for {what}"));
        }
        value
    };
    let auth = match method? {
        Method::Token => OpenBaoAuthConfig::Token {
            file: needed(
                "openbao.token_file",
                token_file?,
                "`openbao.auth = \"token\"`",
            )?,
        },
        Method::AppRole => {
            let what = "`openbao.auth = \"approle\"`, which is the default";
            let file = needed("openbao.secret_id_file", secret_id_file?, what);
            if role_id.is_empty() {
                layers.refuse("openbao.role_id", format!("this is needed for {what}"));
                return None;
            }
            OpenBaoAuthConfig::AppRole {
                mount: mounted("approle"),
                role_id,
                secret_id_file: file?,
            }
        }
        Method::Kubernetes => {
            if role.is_empty() {
                let problem = "this is needed for `openbao.auth = \"kubernetes\"`";
                layers.refuse("openbao.role", problem.to_owned());
                return None;
            }
            OpenBaoAuthConfig::Kubernetes {
                mount: mounted("kubernetes"),
                role,
                jwt_file: jwt_file?,
            }
        }
        Method::Certificate => {
            let what = "`openbao.auth = \"certificate\"`";
            let certificate = needed("openbao.client_certificate_file", certificate_file?, what);
            let key = needed("openbao.client_key_file", key_file?, what);
            OpenBaoAuthConfig::Certificate {
                mount: mounted("cert"),
                role: Some(role).filter(|role| !role.is_empty()),
                certificate_file: certificate?,
                key_file: key?,
            }
        }
    };
    Some(Some(OpenBaoConfig {
        address,
        namespace: Some(namespace?).filter(|namespace| !namespace.is_empty()),
        mount: mount?,
        prefix: prefix?,
        ca_files: ca_files?,
        auth,
        transit_mount: transit_mount?,
    }))
}
