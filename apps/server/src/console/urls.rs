//! Every address of the console.

use org_core::ids::{ApiTokenId, OrganizationId, RepositoryId, SyncId, UserId};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use uuid::Uuid;

pub(super) const DASHBOARD: &str = "/";
pub(super) const FIRST_RUN: &str = "/first-run";
pub(super) const SIGN_IN: &str = crate::auth::extract::SIGN_IN;
pub(super) const SIGN_IN_PROVIDER: &str = "/sign-in/provider";
pub(super) const SIGN_IN_CALLBACK: &str = "/sign-in/callback";
pub(super) const SIGN_OUT: &str = "/sign-out";
pub(super) const ACCOUNT: &str = "/account";
pub(super) const SESSIONS: &str = "/account/sessions";
pub(super) const ORGANIZATIONS: &str = "/organizations";
pub(super) const ORGANIZATIONS_ROWS: &str = "/organizations/rows";
pub(super) const ADD: &str = "/organizations/add";
pub(super) const ADD_PREVIEW: &str = "/organizations/add/preview";
pub(super) const ADD_REACH: &str = "/organizations/add/reach";
pub(super) const ADD_GROUPS: &str = "/organizations/add/groups";
pub(super) const SSO_OPENING: &str = "/organizations/sso/opening";
pub(super) const LICENSES: &str = "/licenses";
pub(super) const LICENSES_SEATS: &str = "/licenses/seats";
pub(super) const LICENSES_POLICY: &str = "/licenses/policy";
pub(super) const LICENSES_PREVIEW: &str = "/licenses/policy/preview";
pub(super) const SECRETS: &str = "/secrets";
pub(super) const SECRETS_ADD: &str = "/secrets/add";
pub(super) const SECRETS_LINK: &str = "/secrets/link";
pub(super) const DEVICES: &str = "/devices";
pub(super) const HISTORY: &str = "/history";
pub(super) const USERS: &str = "/users";
pub(super) const USERS_ADD: &str = "/users/add";
pub(super) const TOKENS: &str = "/tokens";
pub(super) const TOKENS_ADD: &str = "/tokens/add";

/// A text as one part of a path or one value of a query.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

pub(super) fn attempt(id: Uuid) -> String {
    format!("/organizations/attempts/{id}")
}

pub(super) fn attempt_part(id: Uuid, part: &str) -> String {
    format!("/organizations/attempts/{id}/{part}")
}

pub(super) fn organization(id: OrganizationId) -> String {
    format!("{ORGANIZATIONS}/{id}")
}

pub(super) fn organization_part(id: OrganizationId, part: &str) -> String {
    format!("{ORGANIZATIONS}/{id}/{part}")
}

pub(super) fn repository(organization: OrganizationId, repository: RepositoryId) -> String {
    format!("{ORGANIZATIONS}/{organization}/repositories/{repository}")
}

pub(super) fn sync(organization: OrganizationId, sync: SyncId) -> String {
    format!("{ORGANIZATIONS}/{organization}/syncs/{sync}")
}

pub(super) fn secret(name: &str, part: &str) -> String {
    format!("{SECRETS}/{}/{part}", encoded(name))
}

pub(super) fn user(id: UserId, part: &str) -> String {
    format!("{USERS}/{id}/{part}")
}

pub(super) fn token(id: ApiTokenId, part: &str) -> String {
    format!("{TOKENS}/{id}/{part}")
}

/// An address with what the page shall say first.
pub(super) fn with_notice(url: &str, notice: super::frame::Notice) -> String {
    let sign = if url.contains('?') { '&' } else { '?' };
    format!("{url}{sign}notice={}", notice.word())
}
