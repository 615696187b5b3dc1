//! Several vaults behind one front: each secret lives in one of them, and may be moved to another.
//!
//! Nothing is kept about where a secret lives but in the vaults themselves, so that there is nothing that can contradict them: whoever looks
//! for a secret asks all of them, and remembers the answer as a guess for the next time.
//!
//! While a secret is moved, two vaults have it. The copy says which vault it arrives from and counts only when that one has the secret no
//! longer, which is one change in one vault: before it the secret lives there, after it here.

mod front;
mod moving;
mod patient;
mod recorded;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use secrecy::SecretString;

use crate::ports::{SecretLinks, SecretVault, VaultError, VaultTransfer};
use crate::secret::{ExternalSecret, SecretFacts, SecretOwner, SecretRef};
use crate::text::{SecretName, VaultName};

pub use moving::Moved;
pub use patient::{PatientVault, patiently};
pub use recorded::RecordedVault;

/// How long a sync waits for a vault unless said otherwise.
const PATIENCE: Duration = Duration::from_mins(15);

/// How many guesses of where secrets live are kept; beyond it all are forgotten, and asked for anew.
const GUESSES: usize = 20_000;

/// One vault with what it can do.
#[derive(Clone)]
pub struct VaultHandle {
    /// Its name in the configuration.
    pub name: VaultName,
    /// What kind it is and where, in words.
    pub kind: String,
    /// Its secrets.
    pub vault: Arc<dyn SecretVault>,
    /// Moves secrets into it and out of it.
    pub transfer: Arc<dyn VaultTransfer>,
    /// Points at secrets of others, where it can.
    pub links: Option<Arc<dyn SecretLinks>>,
}

impl VaultHandle {
    /// A vault that keeps secrets and hands them over.
    pub fn new<V: SecretVault + VaultTransfer + 'static>(
        name: VaultName,
        kind: impl Into<String>,
        vault: Arc<V>,
    ) -> Self {
        Self {
            name,
            kind: kind.into(),
            vault: vault.clone(),
            transfer: vault,
            links: None,
        }
    }

    /// One that can point at secrets of others, too.
    #[must_use]
    pub fn with_links(mut self, links: Arc<dyn SecretLinks>) -> Self {
        self.links = Some(links);
        self
    }
}

impl fmt::Debug for VaultHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultHandle")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Every vault of an installation. New secrets go to the first one. Cloning shares them.
///
/// As a [`SecretVault`] it keeps the promises of one: names are unique over all vaults, and a secret is found wherever it lives. While one
/// vault does not answer, secrets that are known to live in another are still served; what nobody can tell without it is refused with its
/// error.
#[derive(Clone)]
pub struct Vaults {
    inner: Arc<Inner>,
}

struct Inner {
    handles: Vec<VaultHandle>,
    patience: Duration,
    guesses: Mutex<HashMap<SecretRef, usize>>,
}

impl fmt::Debug for Vaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.inner.handles).finish()
    }
}

/// What each vault says about one secret, in their order.
type Answers = Vec<Result<Option<SecretFacts>, VaultError>>;

impl Vaults {
    /// One vault.
    pub fn one(vault: VaultHandle) -> Self {
        Self::new(vault, [])
    }

    /// The vault that new secrets go to, and others.
    pub fn new(first: VaultHandle, others: impl IntoIterator<Item = VaultHandle>) -> Self {
        Self::of([first].into_iter().chain(others).collect(), PATIENCE)
    }

    /// The same vaults, waited for by work that nobody sits before for as long as `patience`.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self::of(self.inner.handles.clone(), patience)
    }

    fn of(handles: Vec<VaultHandle>, patience: Duration) -> Self {
        Self {
            inner: Arc::new(Inner {
                handles,
                patience,
                guesses: Mutex::default(),
            }),
        }
    }

    /// How long work that nobody sits before waits for a vault that is sealed or does not answer.
    pub fn patience(&self) -> Duration {
        self.inner.patience
    }

    /// All of them, the one that new secrets go to first.
    pub fn all(&self) -> &[VaultHandle] {
        &self.inner.handles
    }

    /// The one of that name.
    pub fn named(&self, name: &VaultName) -> Option<&VaultHandle> {
        self.all().iter().find(|handle| handle.name == *name)
    }

    /// Puts a secret into a certain vault; [`SecretVault::put`] puts it into the first one.
    pub async fn put_in(
        &self,
        vault: &VaultHandle,
        (reference, name): (SecretRef, &SecretName),
        owner: SecretOwner,
        value: SecretString,
        now: DateTime<Utc>,
    ) -> Result<SecretFacts, VaultError> {
        self.name_is_free_beside(vault, name).await?;
        vault.vault.put(reference, name, owner, value, now).await
    }

    /// Makes a secret that only points at one in `vault` which belongs to somebody else.
    pub async fn link_in(
        &self,
        vault: &VaultHandle,
        (reference, name): (SecretRef, &SecretName),
        owner: SecretOwner,
        target: &ExternalSecret,
        now: DateTime<Utc>,
    ) -> Result<SecretFacts, VaultError> {
        let Some(links) = &vault.links else {
            return Err(VaultError::Unsupported {
                detail: format!(
                    "`{}` is {}, which keeps nothing of others to point at; name a vault that does",
                    vault.name, vault.kind
                ),
            });
        };
        self.name_is_free_beside(vault, name).await?;
        links.link(reference, name, owner, target, now).await
    }

    /// The vault itself says whether the name is free there; this asks the others.
    async fn name_is_free_beside(
        &self,
        vault: &VaultHandle,
        name: &SecretName,
    ) -> Result<(), VaultError> {
        let others = self.all().iter().filter(|other| other.name != vault.name);
        for answer in join_all(others.map(|other| other.vault.find(name))).await {
            if answer?.is_some() {
                return Err(VaultError::NameTaken { name: name.clone() });
            }
        }
        Ok(())
    }

    fn first(&self) -> &VaultHandle {
        &self.all()[0]
    }

    /// The only vault, where there is one alone: then there is nothing to look for.
    fn only(&self) -> Option<&dyn SecretVault> {
        match self.all() {
            [only] => Some(&*only.vault),
            _ => None,
        }
    }

    /// Where a secret lives and what is known of it there.
    async fn locate(
        &self,
        reference: SecretRef,
    ) -> Result<Option<(&VaultHandle, SecretFacts)>, VaultError> {
        let mut found = None;
        // A secret that is moved while the vaults are asked may be missed in both, but not twice.
        for _ in 0..2 {
            let looks = self.all().iter().map(|handle| handle.vault.look(reference));
            found = self.judge(join_all(looks).await)?;
            if found.is_some() {
                break;
            }
        }
        if let Some((at, _)) = &found {
            self.guess(reference, *at);
        }
        Ok(found.map(|(at, facts)| (&self.all()[at], facts)))
    }

    /// Which of the answers counts.
    fn judge(&self, answers: Answers) -> Result<Option<(usize, SecretFacts)>, VaultError> {
        let position = |name: &VaultName| self.all().iter().position(|it| it.name == *name);
        let of = |at: usize| answers[at].as_ref().ok().and_then(Option::as_ref);
        let settled = (0..answers.len())
            .find(|&at| of(at).is_some_and(|facts| facts.arriving_from.is_none()));
        // A copy counts once its source has the secret no longer; one whose source is not configured any more is the only one there is.
        let arriving = || {
            (0..answers.len()).find(|&at| {
                let from = of(at).and_then(|facts| facts.arriving_from.as_ref());
                from.is_some_and(|from| {
                    position(from).is_none_or(|from| matches!(answers[from], Ok(None)))
                })
            })
        };
        let at = settled.or_else(arriving);
        let mut trouble = None;
        for (position, answer) in answers.into_iter().enumerate() {
            match answer {
                Ok(Some(facts)) if Some(position) == at => return Ok(Some((position, facts))),
                Ok(_) => {}
                Err(error) => trouble = trouble.or(Some(error)),
            }
        }
        match trouble {
            Some(error) => Err(error),
            None => Ok(None),
        }
    }

    fn guess(&self, reference: SecretRef, at: usize) {
        let mut guesses = self.guesses();
        if guesses.len() >= GUESSES {
            guesses.clear();
        }
        guesses.insert(reference, at);
    }

    fn forget(&self, reference: SecretRef) {
        self.guesses().remove(&reference);
    }

    fn guesses(&self) -> std::sync::MutexGuard<'_, HashMap<SecretRef, usize>> {
        self.inner
            .guesses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Where it probably lives; asked for where there is no guess.
    async fn home(&self, reference: SecretRef) -> Result<Option<&VaultHandle>, VaultError> {
        let guess = self.guesses().get(&reference).copied();
        match guess {
            Some(at) => Ok(self.all().get(at)),
            None => Ok(self.locate(reference).await?.map(|(handle, _)| handle)),
        }
    }
}
