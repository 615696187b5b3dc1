//! Secrets, without their values.

use chrono::{DateTime, Utc};
use org_core::ports::SecretAccess;
use org_core::secret::{SecretFacts, SecretOwner, SecretPlace};
use org_core::use_cases::secrets::{Answered, SecretRow};
use org_core::use_cases::vaults::{TestRow, VaultRow};
use org_core::vaults::Moved;
use runtime::vaults::{CheckReport, EMBEDDED};
use serde::Serialize;
use utoipa::ToSchema;

use super::time;

/// A secret of the password manager. Its value never comes out again.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Secret {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its newest version, counted from 1.
    pub version: u32,
    /// `person`, `attempt` or `organization`: who decides when it is deleted.
    pub owner: &'static str,
    /// The name of the vault that has it.
    pub vault: String,
    /// For one that belongs to others and is only pointed at: its mount, path and key; null for one of Forgehold's own.
    pub target: Option<String>,
    /// The names of the organizations that authenticate with it.
    pub used_by: Vec<String>,
    /// When it was made.
    pub created_at: String,
    /// When its newest version was made.
    pub updated_at: String,
    /// When the host said that it stops working; null if nothing uses it or it never does.
    pub expires_at: Option<String>,
    /// When its value left the vault last; null if that was never, or longer ago than such is kept.
    pub last_used_at: Option<String>,
}

impl From<&SecretRow> for Secret {
    fn from(row: &SecretRow) -> Self {
        Self {
            used_by: row.used_by.iter().map(ToString::to_string).collect(),
            expires_at: row.expires_at.map(time::stamp),
            last_used_at: row.last_used_at.map(time::stamp),
            ..(&row.facts).into()
        }
    }
}

impl From<&SecretFacts> for Secret {
    fn from(facts: &SecretFacts) -> Self {
        Self {
            id: facts.reference.to_string(),
            name: facts.name.to_string(),
            version: facts.version.0,
            owner: match facts.owner {
                SecretOwner::Person => "person",
                SecretOwner::Attempt(_) => "attempt",
                SecretOwner::Organization(_) => "organization",
            },
            vault: facts.vault.to_string(),
            target: match &facts.place {
                SecretPlace::Kept => None,
                SecretPlace::External(target) => Some(target.to_string()),
            },
            used_by: Vec::new(),
            created_at: time::stamp(facts.created_at),
            updated_at: time::stamp(facts.updated_at),
            expires_at: None,
            last_used_at: None,
        }
    }
}

/// The secrets of the vaults that answer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Secrets {
    /// The rows.
    pub items: Vec<Secret>,
    /// Always null: the list is answered whole.
    pub next: Option<String>,
    /// The vaults whose secrets are not among the rows, because they do not answer; empty when the list is complete.
    pub unanswered: Vec<Unanswered>,
}

/// A vault that does not answer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Unanswered {
    /// Its name.
    pub vault: String,
    /// Why it does not, in words.
    pub detail: String,
}

impl From<&Answered> for Secrets {
    fn from((rows, silent): &Answered) -> Self {
        let unanswered = silent.iter().map(|(vault, error)| Unanswered {
            vault: vault.to_string(),
            detail: error.to_string(),
        });
        Self {
            items: rows.iter().map(Secret::from).collect(),
            next: None,
            unanswered: unanswered.collect(),
        }
    }
}

/// What came of moving a secret.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Relocation {
    /// The name of the secret.
    pub name: String,
    /// The vault that it lives in.
    pub vault: String,
    /// `moved`, or `already_there`.
    pub result: &'static str,
    /// How many versions were copied and read back.
    pub versions: u64,
}

impl From<&Moved> for Relocation {
    fn from(moved: &Moved) -> Self {
        let (facts, result, versions) = match moved {
            Moved::Done { facts, versions } => (facts, "moved", *versions),
            Moved::AlreadyThere(facts) => (facts, "already_there", 0),
        };
        Self {
            name: facts.name.to_string(),
            vault: facts.vault.to_string(),
            result,
            versions,
        }
    }
}

/// What the hosts say of a secret.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Tested {
    /// The name of the secret.
    pub name: String,
    /// Whether every host takes it, and as whom it should be.
    pub good: bool,
    /// Each host that was asked.
    pub hosts: Vec<HostAnswer>,
}

/// What one host says of a secret.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HostAnswer {
    /// The host.
    pub host: String,
    /// The organization that uses the secret there; null for a host that was only named.
    pub organization: Option<String>,
    /// Whether the host takes it, and as whom it should be.
    pub good: bool,
    /// Whose it is.
    pub login: Option<String>,
    /// What it was granted.
    pub scopes: Vec<String>,
    /// When it stops working; null if it never does or the host does not say.
    pub expires_at: Option<String>,
    /// What is wrong, in words.
    pub problem: Option<String>,
}

impl HostAnswer {
    fn new(row: &TestRow, now: DateTime<Utc>) -> Self {
        let identity = row.answer.as_ref().ok();
        let problem = row.problem(now);
        Self {
            host: row.host.to_string(),
            organization: row.organization.as_ref().map(|(name, _)| name.to_string()),
            good: problem.is_none(),
            login: identity.map(|identity| identity.account.login.to_string()),
            scopes: identity
                .map(|identity| identity.token.scopes.iter().cloned().collect())
                .unwrap_or_default(),
            expires_at: identity
                .and_then(|identity| identity.token.expires_at())
                .map(time::stamp),
            problem,
        }
    }
}

impl Tested {
    /// What was answered until `now`.
    pub fn new(facts: &SecretFacts, rows: &[TestRow], now: DateTime<Utc>) -> Self {
        let hosts: Vec<HostAnswer> = rows.iter().map(|row| HostAnswer::new(row, now)).collect();
        Self {
            name: facts.name.to_string(),
            good: hosts.iter().all(|host| host.good),
            hosts,
        }
    }
}

/// How often one reader read a secret within one hour.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Access {
    /// The program, and the person where one is known.
    pub by: String,
    /// The first time in that hour.
    pub first_at: String,
    /// The last time in that hour.
    pub last_at: String,
    /// How often.
    pub count: u64,
}

impl From<&SecretAccess> for Access {
    fn from(access: &SecretAccess) -> Self {
        Self {
            by: access.by.clone(),
            first_at: time::stamp(access.first_at),
            last_at: time::stamp(access.last_at),
            count: access.count,
        }
    }
}

/// A vault of this installation.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Vault {
    /// Its name.
    pub name: String,
    /// What kind it is.
    pub kind: String,
    /// Whether new secrets go to it.
    pub default: bool,
    /// Whether it answers.
    pub healthy: bool,
    /// What it says of itself, or why it does not answer and what to do.
    pub detail: String,
    /// How many secrets it has; null if it does not answer.
    pub secrets: Option<u64>,
}

impl From<&VaultRow> for Vault {
    fn from(row: &VaultRow) -> Self {
        Self {
            name: row.name.to_string(),
            kind: row.kind.clone(),
            default: row.is_default,
            healthy: row.health.is_ok(),
            detail: match &row.health {
                Ok(health) => health.description.clone(),
                Err(error) => error.to_string(),
            },
            secrets: row.health.as_ref().ok().map(|health| health.secrets),
        }
    }
}

/// What a check of the embedded vault found.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Checked {
    /// The name of the vault that was read.
    pub vault: &'static str,
    /// Whether every record can be read.
    pub sound: bool,
    /// How many secrets there are.
    pub secrets: u64,
    /// How many values were opened, those of earlier versions included.
    pub values: u64,
    /// What cannot be read.
    pub damaged: Vec<DamagedRecord>,
    /// The other vaults, which check themselves, and whether each answers.
    pub others: Vec<Vault>,
}

/// A record of the vault that cannot be read.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DamagedRecord {
    /// The id of the secret.
    pub id: String,
    /// The version; null if what is known of the secret as a whole does not fit.
    pub version: Option<u32>,
}

impl Checked {
    /// What was read of the one, and how all are.
    pub fn new(report: &CheckReport, vaults: &[VaultRow]) -> Self {
        let others = vaults.iter().filter(|row| row.name.as_str() != EMBEDDED);
        let damaged = report.damaged.iter().map(|damage| DamagedRecord {
            id: damage.reference.to_string(),
            version: damage.version.map(|version| version.0),
        });
        Self {
            sound: report.is_sound(),
            secrets: report.secrets,
            values: report.values,
            damaged: damaged.collect(),
            vault: EMBEDDED,
            others: others.map(Vault::from).collect(),
        }
    }
}

/// The embedded vault has another key.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct Rotated {
    /// How many keys it has had.
    pub generation: u64,
}

/// Whether the embedded vault has a recovery key; the key itself is told once, when it is made.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RecoveryKey {
    /// When it was made; null if there is none.
    pub made_at: Option<String>,
}

/// A new recovery key, shown now and never again.
#[derive(Clone, Serialize, ToSchema)]
pub struct NewRecoveryKey {
    /// The key: write it down and lock it away, apart from the server.
    pub value: String,
}

impl std::fmt::Debug for NewRecoveryKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewRecoveryKey")
    }
}
