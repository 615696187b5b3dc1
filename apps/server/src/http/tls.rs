//! TLS of our own: a chain of certificates and its key, read once at the start.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::serve::ServeError;

/// Reads the files and makes an acceptor of them: TLS 1.2 and 1.3, HTTP/1.1.
pub fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, ServeError> {
    let refused = |setting, path: &Path, reason: String| ServeError::Tls {
        setting,
        path: path.to_owned(),
        reason,
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| refused("server.tls_certificate", certificate, error.to_string()))?;
    if chain.is_empty() {
        let reason = "it has no certificate in it".to_owned();
        return Err(refused("server.tls_certificate", certificate, reason));
    }
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| refused("server.tls_key", key, error.to_string()))?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| refused("server.tls_key", key, error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
