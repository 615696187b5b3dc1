//! JSON of the REST API, version 4. Unknown fields are ignored: any release may add some.

use chrono::{DateTime, NaiveDate, Utc};
use org_core::inventory::Visibility;
use serde::Deserialize;

/// `GET /version`.
#[derive(Debug, Deserialize)]
pub(crate) struct Version {
    pub(crate) version: String,
}

/// `GET /personal_access_tokens/self`; also for the tokens of groups, projects and service accounts.
#[derive(Debug, Deserialize)]
pub(crate) struct TokenSelf {
    pub(crate) id: u64,
    #[serde(default)]
    pub(crate) name: String,
    pub(crate) user_id: u64,
    #[serde(default)]
    pub(crate) scopes: Vec<String>,
    #[serde(default)]
    pub(crate) revoked: bool,
    /// Absent in no known version; a token that answers is active.
    #[serde(default)]
    pub(crate) active: Option<bool>,
    #[serde(default)]
    pub(crate) expires_at: Option<NaiveDate>,
    /// Filled on fine-grained tokens alone; what is in it is not looked at.
    #[serde(default)]
    pub(crate) granular_scopes: Option<Vec<serde::de::IgnoredAny>>,
}

/// `GET /oauth/token/info`, which stands beside the API (Doorkeeper).
#[derive(Debug, Deserialize)]
pub(crate) struct TokenInfo {
    /// The account; none for a token that an application got for itself.
    #[serde(default)]
    pub(crate) resource_owner_id: Option<u64>,
    #[serde(default)]
    scope: Option<Vec<String>>,
    /// The same under its older name.
    #[serde(default)]
    scopes: Option<Vec<String>>,
    pub(crate) application: Application,
}

impl TokenInfo {
    /// What the token was granted.
    pub(crate) fn granted(&self) -> Vec<String> {
        self.scope
            .as_ref()
            .or(self.scopes.as_ref())
            .cloned()
            .unwrap_or_default()
    }
}

/// The application that a token was given to.
#[derive(Debug, Deserialize)]
pub(crate) struct Application {
    pub(crate) uid: String,
}

/// `GET /user` and `GET /users/:id`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct User {
    pub(crate) id: u64,
    pub(crate) username: String,
    #[serde(default)]
    pub(crate) bot: Option<bool>,
}

/// A group, as in lists and alone.
#[derive(Debug, Deserialize)]
pub(crate) struct Group {
    pub(crate) id: u64,
    pub(crate) name: Box<str>,
    pub(crate) full_path: Box<str>,
    #[serde(default)]
    pub(crate) parent_id: Option<u64>,
    #[serde(default, with = "visibility")]
    pub(crate) visibility: Option<Visibility>,
    /// Since 18.0; `null` means no.
    #[serde(default)]
    pub(crate) archived: Option<bool>,
    #[serde(default)]
    pub(crate) marked_for_deletion_on: Option<NaiveDate>,
}

/// A project, in the full form or the simple one.
#[derive(Debug, Deserialize)]
pub(crate) struct Project {
    pub(crate) id: u64,
    pub(crate) name: Box<str>,
    pub(crate) path_with_namespace: Box<str>,
    pub(crate) namespace: Namespace,
    #[serde(default, with = "visibility")]
    pub(crate) visibility: Option<Visibility>,
    #[serde(default)]
    pub(crate) archived: Option<bool>,
    #[serde(default)]
    pub(crate) marked_for_deletion_on: Option<NaiveDate>,
    #[serde(default)]
    pub(crate) default_branch: Option<Box<str>>,
    #[serde(default)]
    pub(crate) topics: Vec<Box<str>>,
    pub(crate) created_at: DateTime<Utc>,
    #[serde(default)]
    pub(crate) last_activity_at: Option<DateTime<Utc>>,
    /// Absent where the project is no fork, and where its source may not be seen.
    #[serde(default, rename = "forked_from_project")]
    pub(crate) source: Option<serde::de::IgnoredAny>,
    /// The groups that were invited, as far as they may be seen.
    #[serde(default)]
    pub(crate) shared_with_groups: Vec<Invited>,
}

/// A group that was invited into a project.
#[derive(Debug, Deserialize)]
pub(crate) struct Invited {
    #[serde(rename = "group_id")]
    pub(crate) id: u64,
}

/// Where a project stands.
#[derive(Debug, Deserialize)]
pub(crate) struct Namespace {
    pub(crate) id: u64,
    /// `group` or `user`.
    pub(crate) kind: Box<str>,
}

/// A project, and where it stands, if that is told.
#[derive(Debug, Deserialize)]
pub(crate) struct Place {
    pub(crate) id: u64,
    #[serde(default)]
    pub(crate) path_with_namespace: Option<Box<str>>,
    #[serde(default)]
    pub(crate) namespace: Option<Namespace>,
}

/// Visibility as GitLab writes it; `None` where it is absent or a word of a later release.
pub(crate) mod visibility {
    use std::borrow::Cow;

    use org_core::inventory::Visibility;
    use serde::{Deserialize, Deserializer};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Visibility>, D::Error> {
        let word = Option::<Cow<'de, str>>::deserialize(deserializer)?;
        Ok(word.and_then(|word| word.parse().ok()))
    }
}
