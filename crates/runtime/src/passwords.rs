//! Passwords: argon2id with the costs that OWASP recommends, a few at a time and off the threads that answer requests.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash as PhcHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier};
use async_trait::async_trait;
use org_core::accounts::PasswordHash;
use org_core::ports::{PasswordError, PasswordHasher};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

/// How many passwords are hashed at a time. Each needs 19 MiB for some hundredths of a second.
const AT_A_TIME: usize = 2;

/// The password of nobody, hashed with the costs of [`Argon2::default`]: it is compared when there is no such person, so that the answer takes as
/// long as any.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$Zm9yZ2Vob2xkIG5vYm9keQ$\
                      fD4W6qkAXTa5tC9rbbQiwWwt8m9ZkCnZ3WqkAWQ3VZo";

/// Argon2id, version 19, with 19 MiB, two passes and one lane, in the PHC string format.
#[derive(Debug, Clone)]
pub struct Argon2Hasher {
    room: Arc<Semaphore>,
}

impl Argon2Hasher {
    /// A hasher that works on a few passwords at a time.
    pub fn new() -> Self {
        Self {
            room: Arc::new(Semaphore::new(AT_A_TIME)),
        }
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let failed = |detail: &str| PasswordError {
            detail: detail.to_owned(),
        };
        let permit = self.room.clone().acquire_owned().await;
        let permit = permit.map_err(|_| failed("the program is ending"))?;
        let answer = tokio::task::spawn_blocking(move || {
            let answer = work();
            drop(permit);
            answer
        });
        answer
            .await
            .map_err(|_| failed("the work was interrupted"))?
    }
}

impl Default for Argon2Hasher {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl PasswordHasher for Argon2Hasher {
    async fn hash(&self, password: &SecretString) -> Result<PasswordHash, PasswordError> {
        let password = password.clone();
        self.work(move || {
            let hash = Argon2::default().hash_password(password.expose_secret().as_bytes());
            let hash = hash.map_err(|error| PasswordError {
                detail: error.to_string(),
            })?;
            Ok(PasswordHash::new(hash.to_string()))
        })
        .await
    }

    async fn verify(
        &self,
        password: &SecretString,
        hash: Option<&PasswordHash>,
    ) -> Result<bool, PasswordError> {
        let (password, known) = (password.clone(), hash.is_some());
        let hash = hash.map_or_else(|| NOBODY.to_owned(), |hash| hash.as_str().to_owned());
        self.work(move || {
            // The text itself stays out of the error.
            let hash = PhcHash::new(&hash).map_err(|error| PasswordError {
                detail: format!("a stored hash cannot be read: {error}"),
            })?;
            let password = password.expose_secret().as_bytes();
            let right = Argon2::default().verify_password(password, &hash).is_ok();
            Ok(right && known)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other_one_is() {
        let hasher = Argon2Hasher::new();
        let secret = SecretString::from("correct horse battery".to_owned());
        let other = SecretString::from("correct horse batterz".to_owned());
        let hash = hasher.hash(&secret).await.expect("a hash");
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let verify = |password: SecretString, hash: Option<PasswordHash>| {
            let hasher = hasher.clone();
            async move { hasher.verify(&password, hash.as_ref()).await }
        };
        assert_eq!(verify(secret.clone(), Some(hash.clone())).await, Ok(true));
        assert_eq!(verify(other, Some(hash.clone())).await, Ok(false));
        assert_eq!(verify(secret.clone(), None).await, Ok(false));
        let again = hasher.hash(&secret).await.expect("a hash");
        assert_ne!(hash, again, "each has a salt of its own");
        let damaged = PasswordHash::new("swordfish".to_owned());
        let error = verify(secret, Some(damaged)).await.expect_err("refused");
        assert!(!error.to_string().contains("swordfish"));
    }
}
