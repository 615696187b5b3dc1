//! What connecting would do, without doing it.

use chrono::{DateTime, Utc};
use org_core::draft::{ValidAuth, ValidDraft};
use org_core::ports::Identity;
use org_core::use_cases::preflight::Coverage as CoreCoverage;
use serde::Serialize;
use utoipa::ToSchema;

use super::organization::{Account, Permission, SettingsBody, Token, permissions};
use super::schedule::Preview;
use super::sync::Missing;

/// How many runs a person sees before saving.
pub const PREVIEWED_RUNS: usize = 5;

/// What would be connected. Nothing was stored.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Check {
    /// The name that the organization would have.
    pub name: String,
    /// The address of the host.
    pub host: String,
    /// Who signed in, or whose token it is.
    pub account: Account,
    /// `access_token` or `sso`.
    pub method: String,
    /// How much a sign-in asked for; null with a token.
    pub access: Option<String>,
    /// What the host says of the token.
    pub token: Token,
    /// What it allows.
    pub permissions: Vec<Permission>,
    /// What a person chose.
    pub settings: SettingsBody,
    /// When it would be synchronized.
    pub preview: Preview,
    /// What would be covered; null where that was not looked at.
    pub coverage: Option<Coverage>,
}

/// What an organization would cover.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Coverage {
    /// Repositories of its own.
    pub repositories: u64,
    /// Repositories that are only shared in.
    pub shared_in: u64,
    /// Repositories that are archived.
    pub archived: u64,
    /// Repositories whose deletion is scheduled.
    pub pending_deletion: u64,
    /// Groups.
    pub groups: u64,
    /// Repositories that would get a license, or wait for one.
    pub would_license: u64,
    /// Repositories of its own by top-level group or personal namespace.
    pub namespaces: Vec<Namespace>,
    /// What could not be seen.
    pub missing: Vec<Missing>,
}

/// A top-level group or personal namespace.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Namespace {
    /// Its path.
    pub path: String,
    /// How many repositories are in it.
    pub repositories: u64,
}

impl From<&CoreCoverage> for Coverage {
    fn from(coverage: &CoreCoverage) -> Self {
        Self {
            repositories: coverage.repositories,
            shared_in: coverage.shared_in,
            archived: coverage.archived,
            pending_deletion: coverage.pending_deletion,
            groups: coverage.groups,
            would_license: coverage.would_license,
            namespaces: coverage
                .by_namespace
                .iter()
                .map(|(path, repositories)| Namespace {
                    path: path.clone(),
                    repositories: *repositories,
                })
                .collect(),
            missing: coverage.missing.iter().map(Missing::from).collect(),
        }
    }
}

impl Check {
    pub fn new(
        draft: &ValidDraft,
        identity: &Identity,
        coverage: Option<Coverage>,
        now: DateTime<Utc>,
    ) -> Self {
        let (method, access) = match &draft.auth {
            ValidAuth::Sso { access } => ("sso", Some(access.as_str().to_owned())),
            ValidAuth::AccessToken { .. } => ("access_token", None),
        };
        Self {
            name: draft
                .name_for(&identity.account.login)
                .map_or_else(|_| draft.host.to_string(), |name| name.to_string()),
            host: draft.host.to_string(),
            account: (&identity.account).into(),
            method: method.to_owned(),
            access,
            token: Token::new(&identity.token, identity.token.days_left(now)),
            permissions: permissions(&identity.capabilities),
            settings: (&draft.settings).into(),
            preview: Preview::new(&draft.settings.schedule, None, now, PREVIEWED_RUNS),
            coverage,
        }
    }
}
