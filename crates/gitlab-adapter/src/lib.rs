//! GitLab behind the host ports of `org-core`: GitLab.com and self-managed, from version 16.11 on.
//!
//! [`GitlabHost`] implements [`VcsProbe`], [`VcsIdentity`] and [`VcsListing`]. It keeps no credential: each call brings its own, which is
//! sent to its host and to no other. All sending goes through one place, which keeps to the limits that the host advertises, repeats what
//! may be repeated, and bounds every body, redirect and wait; see [`GitlabConfig`].
//!
//! The JSON of GitLab stays inside: each module turns it into the words of the domain at its edge.

mod capabilities;
mod config;
mod confirm;
mod failure;
mod http;
mod identity;
mod listing;
mod probe;
mod refusal;
mod wire;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use org_core::ids::RepositoryId;
use org_core::inventory::Group;
use org_core::listing::Scope;
use org_core::ports::{
    Clock, Confirmation, HostAccess, HostError, Identity, ListingStream, Probe, ProbeReport, Timer,
    VcsIdentity, VcsListing, VcsProbe,
};
use org_core::text::GroupPath;
use rand::rngs::StdRng;

pub use config::{ConfigError, GitlabConfig};
use failure::Failure;
use http::{Api, Transport};

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

    fn api(&self, access: &HostAccess, action: &str) -> Result<Api, HostError> {
        self.transport
            .api(&access.host, Some(&access.token))
            .map_err(|failure| said(failure, access, action))
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
        identity::identify(&self.api(access, "reading whose access token it is")?).await
    }

    async fn find_group(
        &self,
        access: &HostAccess,
        path: &GroupPath,
    ) -> Result<Option<Group>, HostError> {
        let action = format!("looking for the group {path}");
        let api = self.api(access, &action)?;
        let found = listing::find_group(&api, path).await;
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
        let api = self.api(access, action)?;
        let answers = confirm::confirm(&api, repositories).await;
        answers.map_err(|failure| said(failure, access, action))
    }
}
