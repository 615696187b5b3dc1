//! Secrets, without their values.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use org_core::ports::SecretAccess;
use org_core::secret::{SecretFacts, SecretOwner, SecretPlace};
use org_core::use_cases::secrets::SecretRow;
use org_core::use_cases::vaults::TestRow;
use org_core::vaults::Moved;
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
    /// The name of the vault that has it.
    vault: String,
    /// For one that belongs to others and is only pointed at: its mount, path and key; null for one of Forgehold's own.
    target: Option<String>,
    /// The names of the organizations that authenticate with it.
    used_by: Vec<String>,
    /// When it was made.
    created_at: String,
    /// When its newest version was made.
    updated_at: String,
    /// When the host said that it stops working; null if nothing uses it or it never does.
    expires_at: Option<String>,
    /// When its value left the vault last; null if that was never, or longer ago than such is kept.
    last_used_at: Option<String>,
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
            owner: Cow::Borrowed(match facts.owner {
                SecretOwner::Person => "person",
                SecretOwner::Attempt(_) => "attempt",
                SecretOwner::Organization(_) => "organization",
            }),
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

impl Secret {
    /// Whether it is one of Forgehold's own that lives in another vault.
    pub(crate) fn could_move_to(&self, vault: &str) -> bool {
        self.target.is_none() && self.vault != vault
    }

    pub(crate) fn into_name(self) -> String {
        self.name
    }
}

impl Row for Secret {
    const HEADER: &'static [&'static str] = &[
        "Name",
        "Vault",
        "Version",
        "Owner",
        "Used by",
        "Changed",
        "Expires",
        "Last used",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.vault.clone(),
            self.version.to_string(),
            self.owner.to_string(),
            self.used_by.join(", "),
            self.updated_at.clone(),
            self.expires_at.clone().unwrap_or_default(),
            self.last_used_at.clone().unwrap_or_default(),
        ]
    }
}

impl Describe for Secret {
    fn describe(&self, text: &mut Text) {
        text.field("Name", &self.name);
        text.field("Id", &self.id);
        text.field("Vault", &self.vault);
        if let Some(target) = &self.target {
            text.field("Points at", target);
        }
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
        if let Some(at) = &self.expires_at {
            text.field("Expires", at);
        }
        if let Some(at) = &self.last_used_at {
            text.field("Last used", at);
        }
    }
}

/// What came of moving a secret.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Relocation {
    /// The name of the secret.
    name: String,
    /// The vault that it lives in.
    vault: String,
    /// `moved`, or `already_there`.
    result: Cow<'static, str>,
    /// How many versions were copied and read back.
    versions: u64,
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
            result: Cow::Borrowed(result),
            versions,
        }
    }
}

impl Row for Relocation {
    const HEADER: &'static [&'static str] = &["Name", "Vault", "Result", "Versions"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.vault.clone(),
            self.result.replace('_', " "),
            self.versions.to_string(),
        ]
    }
}

/// What the hosts say of a secret.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Tested {
    /// The name of the secret.
    name: String,
    /// Whether every host takes it, and as whom it should be.
    good: bool,
    /// Each host that was asked.
    hosts: Vec<HostAnswer>,
}

/// What one host says of a secret.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct HostAnswer {
    /// The host.
    host: String,
    /// The organization that uses the secret there; null for a host that was only named.
    organization: Option<String>,
    /// Whether the host takes it, and as whom it should be.
    good: bool,
    /// Whose it is.
    login: Option<String>,
    /// What it was granted.
    scopes: Vec<String>,
    /// When it stops working; null if it never does or the host does not say.
    expires_at: Option<String>,
    /// What is wrong, in words.
    problem: Option<String>,
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

impl Row for HostAnswer {
    const HEADER: &'static [&'static str] = &[
        "Host",
        "Organization",
        "State",
        "Login",
        "Scopes",
        "Expires",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.host.clone(),
            self.organization.clone().unwrap_or_default(),
            self.problem.clone().unwrap_or_else(|| "good".to_owned()),
            self.login.clone().unwrap_or_default(),
            self.scopes.join(", "),
            self.expires_at.clone().unwrap_or_default(),
        ]
    }
}

impl Tested {
    pub(crate) fn new(facts: &SecretFacts, rows: &[TestRow], now: DateTime<Utc>) -> Self {
        let hosts: Vec<HostAnswer> = rows.iter().map(|row| HostAnswer::new(row, now)).collect();
        Self {
            name: facts.name.to_string(),
            good: hosts.iter().all(|host| host.good),
            hosts,
        }
    }

    pub(crate) const fn is_good(&self) -> bool {
        self.good
    }
}

impl Describe for Tested {
    fn describe(&self, text: &mut Text) {
        text.table(&self.hosts);
    }
}

/// How often one reader read a secret within one hour.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Access {
    /// The program, and the person where one is known.
    by: String,
    /// The first time in that hour.
    first_at: String,
    /// The last time in that hour.
    last_at: String,
    /// How often.
    count: u64,
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

impl Row for Access {
    const HEADER: &'static [&'static str] = &["Read by", "First", "Last", "Times"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.by.clone(),
            self.first_at.clone(),
            self.last_at.clone(),
            self.count.to_string(),
        ]
    }
}
