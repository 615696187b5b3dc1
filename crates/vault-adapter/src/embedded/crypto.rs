//! Sealing and opening: XChaCha20-Poly1305 with a random nonce and bound facts.

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{Key as CipherKey, KeyInit, Tag, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use secrecy::{ExposeSecret, SecretBox};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::entropy::{Entropy, EntropyError};

/// Bytes of a key.
pub(super) const KEY_LEN: usize = 32;
/// Bytes by which a sealed text is longer than the text.
pub(super) const OVERHEAD: usize = NONCE_LEN + TAG_LEN;

const NONCE_LEN: usize = 24;
const TAG_LEN: usize = 16;
const CHECK_LEN: usize = 16;

/// 32 secret bytes, at one place in memory and wiped when dropped.
pub(super) struct Key(SecretBox<[u8; KEY_LEN]>);

/// What a seal is bound to besides its text: a sealed text that is moved elsewhere does not open there.
pub(super) struct Bound(Vec<u8>);

/// What stands in the file to tell the right key from a wrong one; it says nothing else about the key.
pub(super) type KeyCheck = [u8; CHECK_LEN];

impl Bound {
    pub(super) fn to(label: &str) -> Self {
        Self(Vec::with_capacity(160)).and(label.as_bytes())
    }

    /// Each part goes in with its length before it, so that no two lists of parts look alike.
    pub(super) fn and(mut self, part: &[u8]) -> Self {
        let length = u64::try_from(part.len()).expect("a length fits 64 bits");
        self.0.extend_from_slice(&length.to_le_bytes());
        self.0.extend_from_slice(part);
        self
    }

    pub(super) fn and_number(self, number: i64) -> Self {
        self.and(&number.to_le_bytes())
    }

    pub(super) fn and_option(self, part: Option<&[u8]>) -> Self {
        match part {
            None => self.and(&[0]),
            Some(part) => self.and(&[1]).and(part),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Key {
    /// A key whose bytes `fill` writes where they stay.
    pub(super) fn filled<E>(
        fill: impl FnOnce(&mut [u8; KEY_LEN]) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut outcome = Ok(());
        let key = SecretBox::init_with_mut(|bytes: &mut [u8; KEY_LEN]| outcome = fill(bytes));
        outcome.map(|()| Self(key))
    }

    pub(super) fn random(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        Self::filled(|bytes| entropy.fill(bytes))
    }

    pub(super) fn expose(&self) -> &[u8; KEY_LEN] {
        self.0.expose_secret()
    }

    /// The key that wraps the data key, and the public check of it, from the key that a person or a file gave.
    pub(super) fn derive(&self, salt: &[u8]) -> (Self, KeyCheck) {
        let hkdf = Hkdf::<Sha256>::new(Some(salt), self.expose());
        let wrapping = Self::filled(|bytes| hkdf.expand(b"forgehold-vault/1/wrapping-key", bytes))
            .expect("32 bytes are less than HKDF's limit");
        let mut check = KeyCheck::default();
        hkdf.expand(b"forgehold-vault/1/key-check", &mut check)
            .expect("16 bytes are less than HKDF's limit");
        (wrapping, check)
    }

    /// `nonce || tag || ciphertext`.
    pub(super) fn seal(
        &self,
        entropy: &dyn Entropy,
        bound: &Bound,
        text: &[u8],
    ) -> Result<Vec<u8>, EntropyError> {
        let mut nonce = XNonce::default();
        entropy.fill(&mut nonce)?;
        let mut buffer = Zeroizing::new(text.to_vec());
        let tag = self
            .cipher()
            .encrypt_inout_detached(&nonce, bound.bytes(), buffer.as_mut_slice().into())
            .expect("a text of a few KiB is less than the cipher's limit");
        let mut sealed = Vec::with_capacity(OVERHEAD + text.len());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&tag);
        sealed.extend_from_slice(&buffer);
        Ok(sealed)
    }

    /// The text, or `None` if a single bit of it, of what it is bound to, or of the key is another.
    pub(super) fn open(&self, bound: &Bound, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN)?;
        let (tag, ciphertext) = rest.split_at_checked(TAG_LEN)?;
        let nonce = XNonce::try_from(nonce).ok()?;
        let tag = Tag::try_from(tag).ok()?;
        let mut buffer = Zeroizing::new(ciphertext.to_vec());
        self.cipher()
            .decrypt_inout_detached(&nonce, bound.bytes(), buffer.as_mut_slice().into(), &tag)
            .ok()?;
        Some(buffer)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        let key: &CipherKey = self.expose().into();
        XChaCha20Poly1305::new(key)
    }
}
