//! Secrets, without their values.

use org_core::secret::{SecretFacts, SecretOwner};
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
    /// The names of the organizations that authenticate with it.
    pub used_by: Vec<String>,
    /// When it was made.
    pub created_at: String,
    /// When its newest version was made.
    pub updated_at: String,
}

impl From<&SecretRow> for Secret {
    fn from(row: &SecretRow) -> Self {
        Self {
            used_by: row.used_by.iter().map(ToString::to_string).collect(),
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
            used_by: Vec::new(),
            created_at: time::stamp(facts.created_at),
            updated_at: time::stamp(facts.updated_at),
        }
    }
}
