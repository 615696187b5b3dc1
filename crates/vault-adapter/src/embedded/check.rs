//! Proof that every record can be read.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use org_core::ports::VaultError;
use org_core::secret::{SecretRef, SecretVersion};

use super::EmbeddedVault;
use super::records::{FactsRow, Record, VersionRow, reference};

/// Rows read at a time; a value may have 64 KiB.
const BATCH: i64 = 64;

/// One record that cannot be read or does not belong where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The secret.
    pub reference: SecretRef,
    /// The version, or `None` if what is known of the secret as a whole does not fit.
    pub version: Option<SecretVersion>,
}

/// What [`EmbeddedVault::check`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckReport {
    /// How many secrets there are, with the damaged ones.
    pub secrets: u64,
    /// How many values were opened.
    pub values: u64,
    /// Every damaged record, in the order of the references.
    pub damaged: Vec<Damage>,
}

impl CheckReport {
    /// Whether everything can be read.
    pub fn is_sound(&self) -> bool {
        self.damaged.is_empty()
    }
}

impl EmbeddedVault {
    /// Opens every value of every version and answers what could not be opened. Values are wiped at once and go nowhere.
    pub async fn check(&self) -> Result<CheckReport, VaultError> {
        const STEP: &str = "checking the vault";
        let mut session = self.read().await?;
        let unlocked = session.unlocked.clone();
        let mut report = CheckReport {
            secrets: 0,
            values: 0,
            damaged: Vec::new(),
        };
        // The versions that each sound secret still has to show, and how many it has shown.
        let mut due: BTreeMap<Vec<u8>, (RangeInclusive<u32>, usize)> = BTreeMap::new();
        let mut last = Vec::new();
        loop {
            let rows = FactsRow::after(session.connection(), &last, BATCH)
                .await
                .map_err(self.database(STEP))?;
            let Some(end) = rows.last() else { break };
            last.clone_from(&end.id);
            for row in rows {
                report.secrets += 1;
                match row.verify(unlocked.sealer()) {
                    Ok(Record { facts, oldest }) => {
                        due.insert(row.id, (oldest.0..=facts.version.0, 0));
                    }
                    Err(_) => report.damaged.push(Damage {
                        reference: reference(&row.id),
                        version: None,
                    }),
                }
            }
        }
        let mut last = (Vec::new(), 0);
        loop {
            let rows = VersionRow::after(session.connection(), (&last.0, last.1), BATCH)
                .await
                .map_err(self.database(STEP))?;
            let Some(end) = rows.last() else { break };
            last = (end.secret_id.clone(), end.version);
            for row in rows {
                let version = u32::try_from(row.version).unwrap_or_default();
                let is_readable = row.open(unlocked.sealer()).is_ok();
                let secret = due.get_mut(&row.secret_id);
                let is_counted = secret
                    .as_ref()
                    .is_none_or(|(kept, _)| kept.contains(&version));
                if let Some((_, shown)) = secret {
                    *shown += 1;
                }
                if is_readable {
                    report.values += 1;
                }
                if !is_readable || !is_counted {
                    report.damaged.push(Damage {
                        reference: reference(&row.secret_id),
                        version: Some(SecretVersion(version)),
                    });
                }
            }
        }
        for (id, (kept, shown)) in due {
            if shown < kept.count() {
                report.damaged.push(Damage {
                    reference: reference(&id),
                    version: None,
                });
            }
        }
        report
            .damaged
            .sort_by_key(|damage| (damage.reference, damage.version));
        Ok(report)
    }
}
