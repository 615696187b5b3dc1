//! TLS of our own: a chain of certificates and its key, read at the start and again whenever the files change, so that a renewed certificate
//! needs no restart.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use org_core::ports::Timer;
use org_core::use_cases::follow::Stop;
use sha2::{Digest, Sha256};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

use crate::serve::ServeError;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_mins(1);

/// The certificate that connections get.
pub struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    current: RwLock<Arc<CertifiedKey>>,
    /// What was in the files when they were looked at last.
    looked_at: Mutex<Fingerprint>,
}

/// Stands for what is in the two files, or why they cannot be read.
type Fingerprint = [u8; 32];

/// What a look at the files brings.
#[derive(Debug)]
enum Look {
    /// There is nothing new in them.
    Same,
    /// There is another certificate in them, which is used from now on.
    Renewed,
    /// What is new in them cannot be used.
    Refused(ServeError),
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("chain", &self.chain)
            .finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

/// Reads the files and makes an acceptor of them: TLS 1.2 and 1.3, HTTP/1.1.
pub fn acceptor(chain: &Path, key: &Path) -> Result<(TlsAcceptor, Arc<Certificate>), ServeError> {
    let builder = ServerConfig::builder();
    let provider = builder.crypto_provider().clone();
    // Before they are read, so that a change in between is seen at the next look.
    let looked_at = Mutex::new(fingerprint(chain, key));
    let current = read(chain, key, &provider)?;
    let certificate = Arc::new(Certificate {
        chain: chain.to_owned(),
        key: key.to_owned(),
        provider,
        current: RwLock::new(Arc::new(current)),
        looked_at,
    });
    let mut config = builder
        .with_no_client_auth()
        .with_cert_resolver(certificate.clone());
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((TlsAcceptor::from(Arc::new(config)), certificate))
}

fn fingerprint(chain: &Path, key: &Path) -> Fingerprint {
    let mut digest = Sha256::new();
    for path in [chain, key] {
        match std::fs::read(path) {
            Ok(bytes) => digest.update(Sha256::digest(bytes)),
            Err(error) => digest.update(error.kind().to_string()),
        }
    }
    digest.finalize().into()
}

fn read(chain: &Path, key: &Path, provider: &CryptoProvider) -> Result<CertifiedKey, ServeError> {
    let refused = |setting, path: &Path, reason: String| ServeError::Tls {
        setting,
        path: path.to_owned(),
        reason,
    };
    let certificates = CertificateDer::pem_file_iter(chain)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| refused("server.tls_certificate", chain, error.to_string()))?;
    if certificates.is_empty() {
        let reason = "it has no certificate in it".to_owned();
        return Err(refused("server.tls_certificate", chain, reason));
    }
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| refused("server.tls_key", key, error.to_string()))?;
    CertifiedKey::from_der(certificates, private, provider)
        .map_err(|error| refused("server.tls_key", key, error.to_string()))
}

impl Certificate {
    fn current(&self) -> Arc<CertifiedKey> {
        let current = self.current.read();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the files again; answers whether there is another certificate in them. What cannot be used leaves the present one in its place.
    fn renew(&self) -> Result<bool, ServeError> {
        let new = read(&self.chain, &self.key, &self.provider)?;
        if new.cert == self.current().cert {
            return Ok(false);
        }
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
        Ok(true)
    }

    /// The same if there is anything else in the files than at the last look: what is bad is told once, and not each minute.
    fn look(&self) -> Look {
        let found = fingerprint(&self.chain, &self.key);
        let mut looked_at = self
            .looked_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut *looked_at, found) == found {
            return Look::Same;
        }
        match self.renew() {
            Ok(true) => Look::Renewed,
            Ok(false) => Look::Same,
            Err(error) => Look::Refused(error),
        }
    }

    /// Looks at the files once a minute until the stop comes. A pair that is only half written is tried again once the rest is there.
    pub async fn follow(self: Arc<Self>, timer: Arc<dyn Timer>, mut stop: Stop) {
        loop {
            tokio::select! {
                () = &mut stop => return,
                () = timer.sleep(LOOK) => {}
            }
            let certificate = self.clone();
            match tokio::task::spawn_blocking(move || certificate.look()).await {
                Ok(Look::Same) => {}
                Ok(Look::Renewed) => tracing::info!("the certificate was renewed"),
                Ok(Look::Refused(error)) => {
                    tracing::warn!(%error, "the certificate that there was is used on");
                }
                Err(error) => tracing::error!(%error, "looking at the certificate broke off"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_new_pair_takes_the_place_of_the_old_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let (chain, key) = (
            folder.path().join("cert.pem"),
            folder.path().join("key.pem"),
        );
        let made =
            || rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let (old, new) = (made(), made());
        std::fs::write(&chain, old.cert.pem()).expect("written");
        std::fs::write(&key, old.signing_key.serialize_pem()).expect("written");
        let (_, certificate) = acceptor(&chain, &key).expect("a good pair");
        let serves = |expected: &CertificateDer<'_>| {
            assert_eq!(certificate.current().cert.first(), Some(expected));
        };
        // What is looked at again is told no second time, whether it is good or bad.
        let looks = |expected: &str| {
            for expected in [expected, "Same"] {
                let found = format!("{:?}", certificate.look());
                assert_eq!(found.split('(').next(), Some(expected), "{found}");
            }
        };
        looks("Same");
        // The new certificate is there, and the key is still the old one.
        std::fs::write(&chain, new.cert.pem()).expect("written");
        looks("Refused");
        serves(old.cert.der());
        std::fs::write(&key, "nonsense").expect("written");
        looks("Refused");
        serves(old.cert.der());
        std::fs::write(&key, "other nonsense").expect("written");
        looks("Refused");
        std::fs::write(&key, new.signing_key.serialize_pem()).expect("written");
        looks("Renewed");
        serves(new.cert.der());
        std::fs::remove_file(&chain).expect("it is there");
        looks("Refused");
        serves(new.cert.der());
        std::fs::write(&chain, new.cert.pem()).expect("written");
        looks("Same");
        // What was bad before is told again when it comes back.
        std::fs::remove_file(&chain).expect("it is there");
        looks("Refused");
    }
}
