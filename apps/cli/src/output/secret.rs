//! Secrets, without their values.

use std::borrow::Cow;

use org_core::secret::{SecretFacts, SecretOwner};
use org_core::use_cases::secrets::SecretRow;
use serde::{Deserialize, Serialize};

use super::{Describe, Row, Text, time};

/// A secret of the password manager. Its value never comes out again.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Secret {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// Its newest version, counted from 1.
    version: u32,
    /// `person`, `attempt` or `organization`: who decides when it is deleted.
    owner: Cow<'static, str>,
    /// The names of the organizations that authenticate with it.
    used_by: Vec<String>,
    /// When it was made.
    created_at: String,
    /// When its newest version was made.
    updated_at: String,
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
            owner: Cow::Borrowed(match facts.owner {
                SecretOwner::Person => "person",
                SecretOwner::Attempt(_) => "attempt",
                SecretOwner::Organization(_) => "organization",
            }),
            used_by: Vec::new(),
            created_at: time::stamp(facts.created_at),
            updated_at: time::stamp(facts.updated_at),
        }
    }
}

impl Row for Secret {
    const HEADER: &'static [&'static str] = &["Name", "Version", "Owner", "Used by", "Changed"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.version.to_string(),
            self.owner.to_string(),
            self.used_by.join(", "),
            self.updated_at.clone(),
        ]
    }
}

impl Describe for Secret {
    fn describe(&self, text: &mut Text) {
        text.field("Name", &self.name);
        text.field("Id", &self.id);
        text.field("Version", self.version);
        text.field("Owner", &self.owner);
        let users = if self.used_by.is_empty() {
            "nothing".to_owned()
        } else {
            self.used_by.join(", ")
        };
        text.field("Used by", users);
        text.field("Created", &self.created_at);
        text.field("Changed", &self.updated_at);
    }
}
