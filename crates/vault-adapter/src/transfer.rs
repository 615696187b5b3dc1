//! What every vault here asks of a secret that it takes over.

use org_core::ports::VaultError;
use org_core::secret::{SecretFacts, SecretPlace, SecretVersion, VersionValue};

/// The oldest version, if it is a whole secret: kept by Forgehold, its versions in a row, the last one the newest.
pub(crate) fn oldest_of_whole(
    facts: &SecretFacts,
    versions: &[VersionValue],
) -> Result<SecretVersion, VaultError> {
    let unsupported = |detail: &str| VaultError::Unsupported {
        detail: format!("`{}` cannot be taken over: {detail}", facts.name),
    };
    if facts.place != SecretPlace::Kept {
        return Err(unsupported("it only points at a secret of somebody else"));
    }
    let in_a_row = versions
        .windows(2)
        .all(|pair| pair[0].facts.version.next() == pair[1].facts.version);
    match (versions.first(), versions.last()) {
        (Some(first), Some(last)) if in_a_row && last.facts.version == facts.version => {
            Ok(first.facts.version)
        }
        _ => Err(unsupported("some of its versions are missing")),
    }
}
