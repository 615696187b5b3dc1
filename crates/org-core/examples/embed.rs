//! A product of its own around `org-core`: it brings its host and its entitlements, and takes the rest in memory.
//!
//! Run it with `cargo run -p org-core --features testing --example embed`. A product that lasts brings stores, a vault, a clock and ids too;
//! the module `org_core::testing` says how to hold them to their contracts.
#![expect(
    clippy::print_stdout,
    reason = "an example talks to the person who runs it"
)]

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use org_core::draft::{Method, OrganizationDraft, SettingsDraft, TokenDraft};
use org_core::event::Actor;
use org_core::ids::{ProcessId, RepositoryId};
use org_core::inventory::Group;
use org_core::license::pool::Seats;
use org_core::listing::{ListingEvent, ListingReport, Scope};
use org_core::organization::{AutoLicense, ExistingRepositories};
use org_core::ports::{
    Confirmation, EntitlementError, Entitlements, HostAccess, HostError, Identity, ListingStream,
    Ports, Probe, ProbeReport, RepositoryFilter, VcsIdentity, VcsListing, VcsOauth, VcsProbe,
    VcsRotation,
};
use org_core::sync::run::Trigger;
use org_core::testing::{TestBench, World, build};
use org_core::text::GroupPath;
use org_core::token::CapabilityTable;
use org_core::use_cases::{NoProgress, connect, follow, licenses};
use secrecy::{ExposeSecret as _, SecretString};

/// The product's own Git server: a handful of repositories, and one token that opens it.
struct HouseGit {
    repositories: Vec<&'static str>,
}

#[async_trait]
impl VcsProbe for HouseGit {
    async fn probe(&self, _probe: &Probe) -> ProbeReport {
        ProbeReport { steps: Vec::new() }
    }
}

#[async_trait]
impl VcsIdentity for HouseGit {
    async fn identify(&self, access: &HostAccess) -> Result<Identity, HostError> {
        let token = access.credential.current().await?;
        if token.expose_secret() != "swordfish" {
            return Err(HostError::TokenRefused {
                host: access.host.to_string(),
                detail: "wrong password".to_owned(),
            });
        }
        let token = build::token_facts(&["everything"]);
        Ok(Identity {
            account: build::account(1, "robot"),
            capabilities: CapabilityTable::of_token(&token, |_| &["everything"]),
            token,
        })
    }

    async fn find_group(&self, _: &HostAccess, _: &GroupPath) -> Result<Option<Group>, HostError> {
        Ok(None)
    }
}

#[async_trait]
impl VcsListing for HouseGit {
    fn list(&self, _access: &HostAccess, _scope: &Scope) -> ListingStream {
        let repository = |(id, path): (u64, &&str)| build::repository(id, path).build();
        let rows = (1..).zip(&self.repositories).map(repository).collect();
        let page = ListingEvent::Repositories(rows);
        let report = ListingReport {
            missing: Vec::new(),
            requests: 1,
        };
        stream::iter([Ok(page), Ok(ListingEvent::Finished(report))]).boxed()
    }

    async fn confirm(
        &self,
        _access: &HostAccess,
        ids: &[RepositoryId],
    ) -> Result<BTreeMap<RepositoryId, Confirmation>, HostError> {
        Ok(ids.iter().map(|&id| (id, Confirmation::Absent)).collect())
    }
}

// Nobody signs in at it in a browser, and its token never changes.
impl VcsOauth for HouseGit {}
impl VcsRotation for HouseGit {}

/// What the product's customer has paid for.
struct Contract {
    seats: u32,
}

#[async_trait]
impl Entitlements for Contract {
    async fn seats(&self) -> Result<Seats, EntitlementError> {
        Ok(Seats::Limited(self.seats))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let repositories = vec!["robot/site", "robot/billing", "robot/notes"];
    let ports = Ports {
        host: Arc::new(HouseGit { repositories }),
        entitlements: Arc::new(Contract { seats: 2 }),
        ..TestBench::new(World::new()).ports()
    };
    futures_executor::block_on(run(&ports))
}

async fn run(ports: &Ports) -> Result<(), Box<dyn Error>> {
    let draft = OrganizationDraft {
        name: Some("House".to_owned()),
        host: "https://git.house.example".to_owned(),
        method: Method::AccessToken,
        login: "robot".to_owned(),
        token: TokenDraft::Value(SecretString::from("swordfish")),
        settings: SettingsDraft {
            auto_license: AutoLicense::On,
            license_existing: ExistingRepositories::All,
            ..SettingsDraft::default()
        },
        ..OrganizationDraft::default()
    };
    let actor = Actor::Person("jane".to_owned());
    let house = connect::connect(ports, &draft, &actor, &NoProgress).await?;

    let options = follow::SyncOptions {
        holder: ProcessId::from_uuid(ports.ids.next_id()),
        lease: Duration::from_mins(1),
    };
    let (trigger, stop) = (Trigger::Connect, follow::never());
    let answer = follow::synchronize(ports, house.id, trigger, &options, stop, &NoProgress).await?;
    if let follow::SyncAnswer::Ran { run, .. } = answer {
        println!("{} at {}: {}", house.name, ports.clock.now(), run.counts);
    }
    let page = ports
        .inventory
        .repositories(&RepositoryFilter::default(), None, 100)
        .await?;
    for row in page.items {
        let why = licenses::why(ports, &row).await?;
        println!("{:<14} {why}", row.known.repository.full_path);
    }
    Ok(())
}
