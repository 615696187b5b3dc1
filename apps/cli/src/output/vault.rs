//! Vaults and their keys.

use std::borrow::Cow;

use org_core::use_cases::vaults::VaultRow;
use runtime::vaults::{CheckReport, EMBEDDED};
use serde::{Deserialize, Serialize};

use super::{Describe, Row, Text};

/// A vault of this installation.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Vault {
    /// Its name.
    name: String,
    /// What kind it is.
    kind: String,
    /// Whether new secrets go to it.
    default: bool,
    /// Whether it answers.
    healthy: bool,
    /// What it says of itself, or why it does not answer and what to do.
    detail: String,
    /// How many secrets it has; null if it does not answer.
    secrets: Option<u64>,
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

impl Vault {
    pub(crate) const fn is_healthy(&self) -> bool {
        self.healthy
    }
}

impl Row for Vault {
    const HEADER: &'static [&'static str] = &["Name", "Default", "State", "Secrets", "Detail"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            if self.default { "yes" } else { "" }.to_owned(),
            if self.healthy { "ok" } else { "problem" }.to_owned(),
            self.secrets
                .map(|secrets| secrets.to_string())
                .unwrap_or_default(),
            self.detail.clone(),
        ]
    }
}

/// What a check of the embedded vault found.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Checked {
    /// The name of the vault that was read.
    vault: Cow<'static, str>,
    /// Whether every record can be read.
    sound: bool,
    /// How many secrets there are.
    secrets: u64,
    /// How many values were opened, those of earlier versions included.
    values: u64,
    /// What cannot be read.
    damaged: Vec<DamagedRecord>,
    /// The other vaults, which check themselves, and whether each answers.
    others: Vec<Vault>,
}

/// A record of the vault that cannot be read.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DamagedRecord {
    /// The id of the secret.
    id: String,
    /// The version; null if what is known of the secret as a whole does not fit.
    version: Option<u32>,
}

impl Checked {
    /// What was read of the one, and how all are.
    pub(crate) fn new(report: &CheckReport, vaults: &[VaultRow]) -> Self {
        let others = vaults.iter().filter(|row| row.name.as_str() != EMBEDDED);
        Self {
            vault: Cow::Borrowed(EMBEDDED),
            others: others.map(Vault::from).collect(),
            sound: report.is_sound(),
            secrets: report.secrets,
            values: report.values,
            damaged: report
                .damaged
                .iter()
                .map(|damage| DamagedRecord {
                    id: damage.reference.to_string(),
                    version: damage.version.map(|version| version.0),
                })
                .collect(),
        }
    }
}

impl Checked {
    pub(crate) const fn is_sound(&self) -> bool {
        self.sound
    }
}

impl Describe for Checked {
    fn describe(&self, text: &mut Text) {
        let state = if self.sound {
            "every record can be read"
        } else {
            "some records cannot be read"
        };
        text.field("Vault", &self.vault);
        text.field("State", state);
        text.field("Secrets", self.secrets);
        text.field("Values", self.values);
        for record in &self.damaged {
            let version = match record.version {
                Some(version) => format!("version {version}"),
                None => "as a whole".to_owned(),
            };
            text.field("Damaged", format!("{}, {version}", record.id));
        }
        if !self.sound {
            text.field(
                "Next step",
                "put the vault back from a copy, or remove these secrets and add them anew",
            );
        }
        for vault in &self.others {
            let state = if vault.healthy {
                "answers; it checks itself".to_owned()
            } else {
                format!("does not answer: {}", vault.detail)
            };
            text.field("Other vault", format!("{}, {state}", vault.name));
        }
    }
}

/// The embedded vault has another key.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Rotated {
    /// How many keys it has had.
    generation: u64,
}

impl Rotated {
    pub(crate) const fn to(generation: u64) -> Self {
        Self { generation }
    }
}

impl Describe for Rotated {
    fn describe(&self, text: &mut Text) {
        text.field("Key generation", self.generation);
    }
}
