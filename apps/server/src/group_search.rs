//! Searching groups at hosts for a person who types: so many at a time, and each may be dropped once nobody waits for it any more.

use org_core::draft::TokenSource;
use org_core::host::HostUrl;
use org_core::organization::Organization;
use org_core::use_cases::UseCaseError;
use org_core::use_cases::group_search::{self, FoundGroups};
use org_core::use_cases::sign_in::{self, SignInError};

use crate::api::problem::Problem;
use crate::jobs::{Job, Waits};
use crate::state::AppState;

/// How many groups a search answers.
const MOST: usize = 50;

/// With a typed or saved token, before there is anything else.
pub(crate) async fn by_token(
    state: &AppState,
    (host, token): (&HostUrl, &TokenSource),
    text: &str,
) -> Result<FoundGroups, Problem> {
    let _place = state.gates().searches.enter().await?;
    Ok(group_search::by_token(state.ports(), host, token, text, MOST).await?)
}

/// With the credential of an organization.
pub(crate) async fn by_organization(
    state: &AppState,
    organization: Organization,
    text: &str,
) -> Result<FoundGroups, Problem> {
    let _place = state.gates().searches.enter().await?;
    let shared = state.clone();
    // A sign-in may be renewed for it, which must not be dropped half way.
    let opened = async move { group_search::opened(shared.ports(), &organization).await };
    let access = state.jobs().to_the_end(state, opened).await??;
    Ok(group_search::groups(state.ports(), &access, text, MOST).await?)
}

/// With what a sign-in has just brought, while it waits for a choice.
pub(crate) async fn by_sign_in(
    state: &AppState,
    job: &Job,
    text: &str,
) -> Result<FoundGroups, Problem> {
    let Some(Waits::Choice(choice)) = job.now().waits else {
        return Err(UseCaseError::from(SignInError::Over).into());
    };
    let _place = state.gates().searches.enter().await?;
    Ok(sign_in::groups(state.ports(), &choice.received, text, MOST).await?)
}
