//! A change that holds only for the version that a person looked at.
//!
//! Use cases read again and try again when somebody else was faster, since most decisions do not depend on what the other one changed. Where
//! a person says "only if it is still as I saw it", the ports are wrapped so that every update on another version is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::ids::OrganizationId;
use crate::organization::Organization;
use crate::ports::{OrganizationChange, OrganizationStore, Ports, Roster, StoreError};
use crate::text::OrganizationName;

/// Tells whether a change was refused because of the version.
#[derive(Debug, Clone)]
pub struct Expecting(Arc<AtomicBool>);

impl Expecting {
    /// Whether the organization was of another version when it was to be changed; then nothing was changed.
    pub fn failed(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The ports through which `organization` is changed only as long as it is of the version that it has here.
///
/// A use case that is refused gives up with some error; [`Expecting::failed`] tells that this was the reason.
pub fn expecting(ports: &Ports, organization: &Organization) -> (Ports, Expecting) {
    let failed = Arc::new(AtomicBool::new(false));
    let organizations = Arc::new(OnlyVersion {
        inner: ports.organizations.clone(),
        organization: organization.id,
        version: organization.version,
        failed: failed.clone(),
    });
    let ports = Ports {
        organizations,
        ..ports.clone()
    };
    (ports, Expecting(failed))
}

struct OnlyVersion {
    inner: Arc<dyn OrganizationStore>,
    organization: OrganizationId,
    version: u64,
    failed: Arc<AtomicBool>,
}

impl OnlyVersion {
    fn refused(&self) -> StoreError {
        self.failed.store(true, Ordering::Release);
        StoreError::NotFound {
            what: format!(
                "version {} of the organization {} any more",
                self.version, self.organization
            ),
        }
    }
}

#[async_trait]
impl OrganizationStore for OnlyVersion {
    async fn roster(&self) -> Result<Roster, StoreError> {
        self.inner.roster().await
    }

    async fn get(&self, id: OrganizationId) -> Result<Option<Organization>, StoreError> {
        self.inner.get(id).await
    }

    async fn find(&self, name: &OrganizationName) -> Result<Option<Organization>, StoreError> {
        self.inner.find(name).await
    }

    async fn insert(&self, change: &OrganizationChange<'_>) -> Result<(), StoreError> {
        self.inner.insert(change).await
    }

    async fn update(&self, change: &OrganizationChange<'_>) -> Result<u64, StoreError> {
        let record = change.organization;
        if record.id != self.organization {
            return self.inner.update(change).await;
        }
        if record.version != self.version {
            return Err(self.refused());
        }
        match self.inner.update(change).await {
            Err(StoreError::Stale {
                what: crate::ports::Stale::Organization,
            }) => Err(self.refused()),
            answer => answer,
        }
    }

    async fn next_run(&self, id: OrganizationId) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.inner.next_run(id).await
    }

    async fn set_next_run(
        &self,
        id: OrganizationId,
        at: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        self.inner.set_next_run(id, at).await
    }

    async fn due(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<OrganizationId>, StoreError> {
        self.inner.due(now, limit).await
    }

    async fn next_due(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.inner.next_due().await
    }
}

#[cfg(test)]
mod tests {
    use futures_executor::block_on;

    use super::*;
    use crate::event::Actor;
    use crate::organization::GroupProtection;
    use crate::testing::{TestBench, World, build};
    use crate::use_cases::manage::{SettingsPatch, edit, pause, resume};

    fn named(name: &str) -> SettingsPatch {
        SettingsPatch {
            name: Some(name.to_owned()),
            ..SettingsPatch::default()
        }
    }

    #[test]
    fn a_change_holds_only_for_the_version_that_was_seen() {
        let bench = TestBench::new(World::new());
        let ports = &bench.ports();
        let jane = Actor::Person("jane".to_owned());
        let roster = block_on(ports.organizations.roster()).expect("a store");
        let organization = build::organization(1, "Acme").build();
        let change = OrganizationChange {
            roster: Some(roster.generation),
            ..OrganizationChange::new(&organization, &[])
        };
        block_on(ports.organizations.insert(&change)).expect("the name is free");
        let seen = block_on(ports.organizations.get(organization.id))
            .expect("a store")
            .expect("it was added");

        let (guarded, expecting_one) = expecting(ports, &seen);
        let patch = SettingsPatch {
            protect_groups: Some(GroupProtection::On),
            ..SettingsPatch::default()
        };
        block_on(edit(&guarded, seen.clone(), &patch, &jane)).expect("still that version");
        assert!(!expecting_one.failed());

        // Somebody was faster: both a change on what was seen and one that reads again are refused.
        let (guarded, expecting_two) = expecting(ports, &seen);
        assert!(block_on(edit(&guarded, seen.clone(), &named("Other"), &jane)).is_err());
        assert!(expecting_two.failed());
        let (guarded, expecting_three) = expecting(ports, &seen);
        assert!(block_on(pause(&guarded, seen.clone(), &jane)).is_err());
        assert!(expecting_three.failed());

        let now = block_on(ports.organizations.get(seen.id))
            .expect("a store")
            .expect("it is there");
        assert_eq!(
            (now.name.as_str(), now.status.as_str()),
            ("Acme", "connected")
        );
        let (guarded, expecting_four) = expecting(ports, &now);
        let paused = block_on(pause(&guarded, now, &jane)).expect("still that version");
        assert!(!expecting_four.failed());
        block_on(resume(ports, paused, &jane)).expect("nobody expects anything");
    }
}
