//! The trees that a column keeps as JSON. These types are the format: a field that was once written is read for ever.

use std::error::Error;

use org_core::event::FieldChange;
use org_core::ids::DeviceId;
use org_core::listing::{GroupScope, MissingPart, PersonalNamespace, Scope};
use org_core::oauth::Purpose;
use org_core::organization::{AuthMethod, Settings};
use org_core::secret::SecretRef;
use org_core::sync::Counts;
use org_core::token::{CapabilityTable, Grant, TokenFacts};
use org_core::use_cases::reconnect::BlindReconnect;
use serde::{Deserialize, Serialize};

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// Writes a tree.
pub(crate) fn to_json(wire: &impl Serialize) -> String {
    serde_json::to_string(wire).expect("wire types have texts for keys and no failing parts")
}

#[derive(Serialize, Deserialize)]
pub(crate) struct SettingsWire {
    /// Absent for all groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<String>>,
    personal_namespace: PersonalWire,
    protect_groups: String,
    auto_license: String,
    license_existing: String,
    schedule: String,
    default_device: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PersonalWire {
    Included,
    Excluded,
}

impl From<&Settings> for SettingsWire {
    fn from(settings: &Settings) -> Self {
        Self {
            groups: match &settings.scope.groups {
                GroupScope::All => None,
                GroupScope::Chosen(paths) => Some(paths.iter().map(ToString::to_string).collect()),
            },
            personal_namespace: match settings.scope.personal {
                PersonalNamespace::Included => PersonalWire::Included,
                PersonalNamespace::Excluded => PersonalWire::Excluded,
            },
            protect_groups: settings.protect_groups.to_string(),
            auto_license: settings.auto_license.to_string(),
            license_existing: settings.license_existing.to_string(),
            schedule: settings.schedule.to_text(),
            default_device: settings.default_device.to_string(),
        }
    }
}

impl TryFrom<SettingsWire> for Settings {
    type Error = BoxError;

    fn try_from(wire: SettingsWire) -> Result<Self, BoxError> {
        let groups = match wire.groups {
            None => GroupScope::All,
            Some(paths) => GroupScope::Chosen(
                paths
                    .iter()
                    .map(|path| path.parse())
                    .collect::<Result<_, _>>()?,
            ),
        };
        let personal = match wire.personal_namespace {
            PersonalWire::Included => PersonalNamespace::Included,
            PersonalWire::Excluded => PersonalNamespace::Excluded,
        };
        Ok(Self {
            scope: Scope { groups, personal },
            protect_groups: wire.protect_groups.parse()?,
            auto_license: wire.auto_license.parse()?,
            license_existing: wire.license_existing.parse()?,
            schedule: wire.schedule.parse()?,
            default_device: wire.default_device.parse::<DeviceId>()?,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub(crate) enum AuthWire {
    AccessToken {
        login: String,
        secret: String,
        token: TokenWire,
    },
    Sso {
        secret: String,
        client: String,
        access: String,
        token: TokenWire,
    },
}

#[derive(Serialize, Deserialize)]
pub(crate) struct TokenWire {
    id: Option<u64>,
    name: String,
    scopes: Vec<String>,
    fine_grained: bool,
    expires_on: Option<String>,
    state: String,
}

impl From<&TokenFacts> for TokenWire {
    fn from(token: &TokenFacts) -> Self {
        Self {
            id: token.id,
            name: token.name.clone(),
            scopes: token.scopes.iter().cloned().collect(),
            fine_grained: token.fine_grained,
            expires_on: token.expires_on.map(|day| day.to_string()),
            state: token.state.to_string(),
        }
    }
}

impl TryFrom<TokenWire> for TokenFacts {
    type Error = BoxError;

    fn try_from(wire: TokenWire) -> Result<Self, BoxError> {
        Ok(Self {
            id: wire.id,
            name: wire.name,
            scopes: wire.scopes.into_iter().collect(),
            fine_grained: wire.fine_grained,
            expires_on: wire.expires_on.map(|day| day.parse()).transpose()?,
            state: wire.state.parse()?,
        })
    }
}

impl TryFrom<&AuthMethod> for AuthWire {
    type Error = BoxError;

    fn try_from(auth: &AuthMethod) -> Result<Self, BoxError> {
        match auth {
            AuthMethod::AccessToken {
                login,
                secret,
                token,
            } => Ok(Self::AccessToken {
                login: login.to_string(),
                secret: secret.to_string(),
                token: token.into(),
            }),
            AuthMethod::Sso {
                secret,
                client,
                access,
                token,
            } => Ok(Self::Sso {
                secret: secret.to_string(),
                client: client.to_string(),
                access: access.to_string(),
                token: token.into(),
            }),
            other => Err(format!("this version cannot keep the method {}", other.as_str()).into()),
        }
    }
}

impl TryFrom<AuthWire> for AuthMethod {
    type Error = BoxError;

    fn try_from(wire: AuthWire) -> Result<Self, BoxError> {
        Ok(match wire {
            AuthWire::AccessToken {
                login,
                secret,
                token,
            } => Self::AccessToken {
                login: login.parse()?,
                secret: SecretRef(secret.parse()?),
                token: token.try_into()?,
            },
            AuthWire::Sso {
                secret,
                client,
                access,
                token,
            } => Self::Sso {
                secret: SecretRef(secret.parse()?),
                client: client.parse()?,
                access: access.parse()?,
                token: token.try_into()?,
            },
        })
    }
}

/// What a sign-in is for.
#[derive(Serialize, Deserialize)]
#[serde(tag = "for", rename_all = "snake_case")]
pub(crate) enum PurposeWire {
    Connect {
        attempt: String,
        organization: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    Reconnect {
        organization: String,
        blind: BlindWire,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BlindWire {
    Refused,
    Confirmed,
}

impl From<&Purpose> for PurposeWire {
    fn from(purpose: &Purpose) -> Self {
        match purpose {
            Purpose::Connect {
                attempt,
                organization,
                name,
            } => Self::Connect {
                attempt: attempt.to_string(),
                organization: organization.to_string(),
                name: name.as_ref().map(ToString::to_string),
            },
            Purpose::Reconnect {
                organization,
                blind,
            } => Self::Reconnect {
                organization: organization.to_string(),
                blind: match blind {
                    BlindReconnect::Refused => BlindWire::Refused,
                    BlindReconnect::Confirmed => BlindWire::Confirmed,
                },
            },
        }
    }
}

impl TryFrom<PurposeWire> for Purpose {
    type Error = BoxError;

    fn try_from(wire: PurposeWire) -> Result<Self, BoxError> {
        Ok(match wire {
            PurposeWire::Connect {
                attempt,
                organization,
                name,
            } => Self::Connect {
                attempt: attempt.parse()?,
                organization: organization.parse()?,
                name: name.map(|name| name.parse()).transpose()?,
            },
            PurposeWire::Reconnect {
                organization,
                blind,
            } => Self::Reconnect {
                organization: organization.parse()?,
                blind: match blind {
                    BlindWire::Refused => BlindReconnect::Refused,
                    BlindWire::Confirmed => BlindReconnect::Confirmed,
                },
            },
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct CapabilityWire {
    capability: String,
    grant: GrantWire,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum GrantWire {
    Yes,
    Missing(Vec<String>),
    Unknown(String),
}

pub(crate) fn capabilities(table: &CapabilityTable) -> Vec<CapabilityWire> {
    let row = |(capability, grant): &(org_core::token::Capability, Grant)| CapabilityWire {
        capability: capability.to_string(),
        grant: match grant {
            Grant::Yes => GrantWire::Yes,
            Grant::Missing { any_of } => GrantWire::Missing(any_of.clone()),
            Grant::Unknown { why } => GrantWire::Unknown(why.clone()),
        },
    };
    table.0.iter().map(row).collect()
}

pub(crate) fn capability_table(rows: Vec<CapabilityWire>) -> Result<CapabilityTable, BoxError> {
    let row = |wire: CapabilityWire| {
        let grant = match wire.grant {
            GrantWire::Yes => Grant::Yes,
            GrantWire::Missing(any_of) => Grant::Missing { any_of },
            GrantWire::Unknown(why) => Grant::Unknown { why },
        };
        Ok((wire.capability.parse()?, grant))
    };
    rows.into_iter()
        .map(row)
        .collect::<Result<_, _>>()
        .map(CapabilityTable)
}

#[derive(Serialize, Deserialize)]
pub(crate) struct MissingWire {
    what: String,
    why: String,
}

impl From<&MissingPart> for MissingWire {
    fn from(part: &MissingPart) -> Self {
        Self {
            what: part.what.clone(),
            why: part.why.clone(),
        }
    }
}

impl From<MissingWire> for MissingPart {
    fn from(wire: MissingWire) -> Self {
        Self {
            what: wire.what,
            why: wire.why,
        }
    }
}

/// Field, before, after.
#[derive(Serialize, Deserialize)]
pub(crate) struct ChangeWire(String, String, String);

impl From<FieldChange> for ChangeWire {
    fn from(change: FieldChange) -> Self {
        Self(change.field, change.before, change.after)
    }
}

impl From<ChangeWire> for FieldChange {
    fn from(ChangeWire(field, before, after): ChangeWire) -> Self {
        Self {
            field,
            before,
            after,
        }
    }
}

macro_rules! counts_wire {
    ($($field:ident),+ $(,)?) => {
        /// What a run counted; a count that an earlier version did not know is zero.
        #[derive(Default, Serialize, Deserialize)]
        #[serde(default)]
        pub(crate) struct CountsWire {
            $($field: u64),+
        }

        impl From<&Counts> for CountsWire {
            fn from(counts: &Counts) -> Self {
                Self { $($field: counts.$field),+ }
            }
        }

        impl From<CountsWire> for Counts {
            fn from(wire: CountsWire) -> Self {
                Self { $($field: wire.$field),+ }
            }
        }
    };
}

counts_wire!(
    seen,
    added,
    renamed,
    moved,
    archived,
    marked,
    vanished,
    returned,
    updated,
    licensed,
    waiting,
    groups_seen,
    groups_changed,
);

#[cfg(test)]
mod tests;
