//! Secrets, without their values.

use org_core::secret::{SecretFacts, SecretOwner, SecretPlace};
use org_core::use_cases::secrets::SecretRow;
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
