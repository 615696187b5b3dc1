//! What connecting would do, without doing it.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use org_core::draft::{ValidAuth, ValidDraft};
use org_core::ports::Identity;
use org_core::use_cases::preflight::Coverage as CoreCoverage;
use serde::{Deserialize, Serialize};

use super::organization::{Account, Permission, SettingsBody, Token, permissions, signed_in};
use super::schedule::Preview;
use super::sync::Missing;
use super::{Describe, Row, Text};

/// How many runs a person sees before saving.
pub(crate) const PREVIEWED_RUNS: usize = 5;

/// What would be connected. Nothing was stored.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Check {
    /// The name that the organization would have.
    name: String,
    /// The address of the host.
    host: String,
    /// Who signed in, or whose token it is.
    account: Account,
    /// `access_token` or `sso`.
    method: Cow<'static, str>,
    /// With `sso`: how much was asked for, `read` or `restore`.
    access: Option<Cow<'static, str>>,
    /// What the host says of the token.
    token: Token,
    /// What it allows.
    permissions: Vec<Permission>,
    /// What a person chose.
    settings: SettingsBody,
    /// When it would be synchronized.
    preview: Preview,
    /// What would be covered; null where that was not looked at.
    coverage: Option<Coverage>,
}

/// What an organization would cover.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Coverage {
    /// Repositories of its own.
    repositories: u64,
    /// Repositories that are only shared in.
    shared_in: u64,
    /// Repositories that are archived.
    archived: u64,
    /// Repositories whose deletion is scheduled.
    pending_deletion: u64,
    /// Groups.
    groups: u64,
    /// Repositories that would get a license, or wait for one.
    would_license: u64,
    /// Repositories of its own by top-level group or personal namespace.
    namespaces: Vec<Namespace>,
    /// What could not be seen.
    missing: Vec<Missing>,
}

/// A top-level group or personal namespace.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Namespace {
    /// Its path.
    path: String,
    /// How many repositories are in it.
    repositories: u64,
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

impl Coverage {
    pub(crate) fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }
}

impl Check {
    pub(crate) fn new(
        draft: &ValidDraft,
        identity: &Identity,
        coverage: Option<Coverage>,
        now: DateTime<Utc>,
    ) -> Self {
        let name = draft.name_for(&identity.account.login);
        let (method, access) = match &draft.auth {
            ValidAuth::Sso { access } => ("sso", Some(Cow::Borrowed(access.as_str()))),
            ValidAuth::AccessToken { .. } => ("access_token", None),
        };
        Self {
            name: name.map_or_else(|_| draft.host.to_string(), |name| name.to_string()),
            host: draft.host.to_string(),
            account: (&identity.account).into(),
            method: Cow::Borrowed(method),
            access,
            token: Token::new(&identity.token, identity.token.days_left(now)),
            permissions: permissions(&identity.capabilities),
            settings: (&draft.settings).into(),
            preview: Preview::new(&draft.settings.schedule, None, now, PREVIEWED_RUNS),
            coverage,
        }
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.coverage.as_ref().is_none_or(Coverage::is_complete)
    }
}

impl Row for Namespace {
    const HEADER: &'static [&'static str] = &["Group or namespace", "Repositories"];

    fn cells(&self) -> Vec<String> {
        vec![self.path.clone(), self.repositories.to_string()]
    }
}

impl Describe for Check {
    fn describe(&self, text: &mut Text) {
        text.field("Name", &self.name);
        text.field("Host", &self.host);
        text.field("Account", &self.account);
        match &self.access {
            Some(access) => {
                text.field("Authentication", signed_in(access));
                text.field("Granted scopes", self.token.scopes());
            }
            None => text.field("Token expires", self.token.expiry()),
        }
        self.settings.describe(text);
        text.heading("Synchronization");
        self.preview.describe(text);
        text.heading("Permissions");
        text.table(&self.permissions);
        let Some(coverage) = &self.coverage else {
            return;
        };
        text.heading("Would be covered");
        text.field("Repositories", coverage.repositories);
        text.field("Only shared in", coverage.shared_in);
        text.field("Archived", coverage.archived);
        text.field("Pending deletion", coverage.pending_deletion);
        text.field("Groups", coverage.groups);
        text.field("Would get a license", coverage.would_license);
        text.table(&coverage.namespaces);
        text.table(&coverage.missing);
    }
}

/// What a person has filled in, before anybody signed in: who that will be, and what the host grants, is not known yet.
#[derive(Debug)]
pub(crate) struct Intent {
    name: Option<String>,
    host: String,
    access: &'static str,
    settings: SettingsBody,
    preview: Preview,
}

impl Intent {
    /// Nothing where the form needs no sign-in.
    pub(crate) fn new(draft: &ValidDraft, now: DateTime<Utc>) -> Option<Self> {
        let ValidAuth::Sso { access } = draft.auth else {
            return None;
        };
        Some(Self {
            name: draft.name.as_ref().map(ToString::to_string),
            host: draft.host.to_string(),
            access: access.as_str(),
            settings: (&draft.settings).into(),
            preview: Preview::new(&draft.settings.schedule, None, now, PREVIEWED_RUNS),
        })
    }
}

impl Describe for Intent {
    fn describe(&self, text: &mut Text) {
        let name = self.name.as_deref();
        text.field("Name", name.unwrap_or("made from whoever signs in"));
        text.field("Host", &self.host);
        text.field("Authentication", signed_in(self.access));
        self.settings.describe(text);
        text.heading("Synchronization");
        self.preview.describe(text);
    }
}
