//! GitLab behind the host ports of `org-core`: GitLab.com and self-managed, from version 16.11 on.
//!
//! [`GitlabHost`] implements [`VcsProbe`], [`VcsIdentity`], [`VcsListing`], [`VcsOauth`] and [`VcsRotation`]. It keeps no credential but the
//! secrets of registered applications: each call brings its own, which is sent to its host and to no other. All sending goes through one
//! place, which keeps to the limits that the host advertises, repeats what may be repeated and nothing else, and bounds every body, redirect
//! and wait; see [`GitlabConfig`].
//!
//! A request whose token of a sign-in was renewed meanwhile is repeated once with the new one.
//!
//! The JSON of GitLab stays inside: each module turns it into the words of the domain at its edge.

mod capabilities;
mod config;
mod confirm;
mod failure;
mod http;
mod identity;
mod listing;
mod oauth;
mod probe;
mod refusal;
mod rotate;
mod wire;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::NaiveDate;
use org_core::host::HostUrl;
use org_core::ids::RepositoryId;
use org_core::inventory::Group;
use org_core::listing::Scope;
use org_core::oauth::{Access, ClientId, RedirectUri};
use org_core::ports::{
    AuthorizationRequest, Clock, CodeExchange, Confirmation, DevicePoll, DeviceStart, Grant,
    HostAccess, HostError, Identity, ListingStream, OauthError, Probe, ProbeReport, RotateError,
    RotatedToken, Timer, VcsIdentity, VcsListing, VcsOauth, VcsProbe, VcsRotation,
};
use org_core::text::GroupPath;
use rand::rngs::StdRng;
use secrecy::SecretString;

pub use config::{ConfigError, GitlabConfig};
use failure::Failure;
use http::{Api, Transport};
use oauth::SignIn;

/// Every GitLab there is. Cloning shares connections and limits.
#[derive(Clone)]
pub struct GitlabHost {
    transport: Arc<Transport>,
}

impl fmt::Debug for GitlabHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitlabHost")
            .field("config", &self.transport.config)
            .finish_non_exhaustive()
    }
}

impl GitlabHost {
    /// Wires the adapter. `rng` spreads the pauses between repetitions. Its methods need a tokio runtime.
    pub fn new(
        config: GitlabConfig,
        clock: Arc<dyn Clock>,
        timer: Arc<dyn Timer>,
        rng: StdRng,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            transport: Arc::new(Transport::new(config, clock, timer, rng)?),
        })
    }

    fn api(&self, access: &HostAccess) -> Api {
        self.transport.api(&access.host, Some(&access.credential))
    }

    fn oauth(&self, host: &HostUrl) -> Result<SignIn, OauthError> {
        SignIn::at(&self.transport, host)
    }
}

fn said(failure: Failure, access: &HostAccess, action: &str) -> HostError {
    failure.into_host_error(&access.host.to_string(), action)
}

#[async_trait]
impl VcsProbe for GitlabHost {
    async fn probe(&self, probe: &Probe) -> ProbeReport {
        probe::probe(&self.transport, probe).await
    }
}

#[async_trait]
impl VcsIdentity for GitlabHost {
    async fn identify(&self, access: &HostAccess) -> Result<Identity, HostError> {
        identity::identify(&self.api(access)).await
    }

    async fn find_group(
        &self,
        access: &HostAccess,
        path: &GroupPath,
    ) -> Result<Option<Group>, HostError> {
        let action = format!("looking for the group {path}");
        let found = listing::find_group(&self.api(access), path).await;
        found.map_err(|failure| said(failure, access, &action))
    }
}

#[async_trait]
impl VcsListing for GitlabHost {
    fn list(&self, access: &HostAccess, scope: &Scope) -> ListingStream {
        listing::list(&self.transport, access, scope)
    }

    async fn confirm(
        &self,
        access: &HostAccess,
        repositories: &[RepositoryId],
    ) -> Result<BTreeMap<RepositoryId, Confirmation>, HostError> {
        let action = "asking whether repositories are still there";
        let answers = confirm::confirm(&self.api(access), repositories).await;
        answers.map_err(|failure| said(failure, access, action))
    }
}

#[async_trait]
impl VcsOauth for GitlabHost {
    fn client(&self, host: &HostUrl) -> Option<ClientId> {
        let clients = &self.transport.config.oauth_clients;
        clients.get(host).map(|client| client.id.clone())
    }

    fn authorization_url(
        &self,
        host: &HostUrl,
        request: &AuthorizationRequest,
    ) -> Result<SecretString, OauthError> {
        self.oauth(host)?.authorization_url(request)
    }

    async fn exchange(
        &self,
        host: &HostUrl,
        exchange: &CodeExchange,
        access: Access,
    ) -> Result<Grant, OauthError> {
        self.oauth(host)?.exchange(exchange, access).await
    }

    async fn refresh(
        &self,
        host: &HostUrl,
        refresh_token: &SecretString,
        redirect: Option<RedirectUri>,
    ) -> Result<Grant, OauthError> {
        self.oauth(host)?.refresh(refresh_token, redirect).await
    }

    async fn start_device(
        &self,
        host: &HostUrl,
        access: Access,
    ) -> Result<DeviceStart, OauthError> {
        self.oauth(host)?.start_device(access).await
    }

    async fn poll_device(
        &self,
        host: &HostUrl,
        device_code: &SecretString,
        access: Access,
    ) -> Result<DevicePoll, OauthError> {
        self.oauth(host)?.poll_device(device_code, access).await
    }

    async fn revoke(&self, host: &HostUrl, token: &SecretString) -> Result<(), OauthError> {
        self.oauth(host)?.revoke(token).await
    }
}

#[async_trait]
impl VcsRotation for GitlabHost {
    async fn rotate(
        &self,
        access: &HostAccess,
        expires_on: NaiveDate,
    ) -> Result<RotatedToken, RotateError> {
        rotate::rotate(&self.api(access), expires_on).await
    }
}
