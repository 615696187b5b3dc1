//! Two vaults, the embedded one and a real server: syncs through an outage, and secrets that move while they are used.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use org_core::organization::Status;
use org_core::ports::EventFilter;
use org_core::sync::run::Trigger;
use org_core::use_cases::connect::connect;
use org_core::use_cases::follow::never;
use org_core::use_cases::{NoProgress, Progress, ProgressEvent, secrets, vaults};
use org_core::vaults::Moved;
use runtime::Runtime;
use runtime::config::{Config, ConfigSources, ProxyConfig};
use tokio::sync::mpsc;

use crate::server::{Part, Server, program};
use crate::support::{draft, person, simulator, world};

/// An installation whose new secrets go to the server.
fn config(server: &Server, part: &Part, folder: &Path, more: &[(&str, &str)]) -> Config {
    let secret_id = folder.join("secret-id");
    std::fs::write(&secret_id, &part.secret_id).expect("a file");
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&secret_id, private).expect("its mode");
    std::fs::write(folder.join("ca.pem"), &server.ca_pem).expect("a file");
    let address = server.address();
    let ca = folder.join("ca.pem");
    let settings = [
        ("OPENBAO__ADDRESS", address.as_str()),
        ("OPENBAO__PREFIX", &part.prefix),
        ("OPENBAO__CA_FILES", ca.to_str().expect("text")),
        ("OPENBAO__ROLE_ID", &part.role_id),
        ("OPENBAO__SECRET_ID_FILE", secret_id.to_str().expect("text")),
        ("VAULT__DEFAULT", "openbao"),
    ];
    let environment: BTreeMap<OsString, OsString> = settings
        .iter()
        .chain(more)
        .map(|(key, value)| (format!("FORGEHOLD_{key}").into(), (*value).into()))
        .collect();
    let sources = ConfigSources {
        data_dir: Some(folder.join("data")),
        environment,
        ..ConfigSources::default()
    };
    let mut config = Config::load(&sources).expect("the settings are good");
    config.http.proxy = ProxyConfig::None;
    config
}

/// Tells for what the vault is waited.
struct Watch(mpsc::UnboundedSender<String>);

impl Progress for Watch {
    fn report(&self, event: ProgressEvent) {
        if let ProgressEvent::Waiting(wait) = event {
            let _ = self.0.send(wait.reason);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_waits_for_its_vault_and_goes_on() {
    let Some(program) = program() else { return };
    let mut server = Server::start(program).await;
    server.set_up().await;
    let part = server.part().await;
    let folder = tempfile::tempdir().expect("a folder");
    let sim = simulator(world(3, 2)).await;
    let runtime = Runtime::open(&config(&server, &part, folder.path(), &[]))
        .await
        .expect("it opens");
    let ports = runtime.ports().clone();
    let organization = connect(&ports, &draft(sim.url()), &person(), &NoProgress)
        .await
        .expect("it connects");
    let facts = ports.vault.list().await.expect("both answer");
    assert_eq!(facts[0].vault.as_str(), "openbao");

    for outage in ["sealed", "stopped"] {
        if outage == "sealed" {
            server.seal().await;
        } else {
            server.stop();
        }
        let (sender, mut waits) = mpsc::unbounded_channel();
        let sync = tokio::spawn({
            let (ports, options) = (ports.clone(), runtime.sync_options());
            let id = organization.id;
            async move {
                let watch = Watch(sender);
                let trigger = Trigger::Manual;
                runtime::sync::until_done(&ports, &options, id, trigger, never(), &watch).await
            }
        });
        let told = waits.recv().await.expect("it says that it waits");
        let expected = if outage == "sealed" {
            "is sealed: unseal it"
        } else {
            "no answer from"
        };
        assert!(told.contains(expected), "{told}");
        // Meanwhile the run is under way, and nothing is wrong with the organization.
        let now = ports.organizations.get(organization.id).await;
        let now = now.expect("a store").expect("it is there");
        assert_eq!(now.status, Status::Connected);
        if outage == "stopped" {
            server.start_again(program).await;
        }
        server.unseal().await;
        let runs = sync.await.expect("no panic").expect("it ran");
        assert_eq!(runs[0].state_word(), "complete", "{outage}");
    }
    runtime.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_that_waits_in_vain_fails_and_is_no_reason_to_act() {
    let Some(program) = program() else { return };
    let mut server = Server::start(program).await;
    server.set_up().await;
    let part = server.part().await;
    let folder = tempfile::tempdir().expect("a folder");
    let sim = simulator(world(1, 1)).await;
    let config = config(&server, &part, folder.path(), &[("VAULT__MAX_WAIT", "1s")]);
    let runtime = Runtime::open(&config).await.expect("it opens");
    let ports = runtime.ports().clone();
    let organization = connect(&ports, &draft(sim.url()), &person(), &NoProgress)
        .await
        .expect("it connects");
    server.stop();
    // A person is told at once.
    let asked = tokio::time::Instant::now();
    assert!(secrets::list(&ports).await.is_err());
    assert!(asked.elapsed() < Duration::from_secs(1));
    let options = runtime.sync_options();
    let runs = runtime::sync::until_done(
        &ports,
        &options,
        organization.id,
        Trigger::Manual,
        never(),
        &NoProgress,
    )
    .await
    .expect("it ran");
    assert_eq!(runs[0].state_word(), "failed");
    let now = ports.organizations.get(organization.id).await;
    assert_eq!(
        now.expect("a store").expect("it is there").status,
        Status::Connected
    );
    // A program starts while the server is down, and serves what does not need it.
    runtime.close().await;
    let runtime = Runtime::open(&config).await.expect("it opens");
    let rows = vaults::list(runtime.ports()).await;
    let healthy: Vec<_> = rows
        .iter()
        .map(|row| (row.name.as_str(), row.health.is_ok()))
        .collect();
    assert_eq!(healthy, [("openbao", false), ("embedded", true)]);
    runtime.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_move_there_and_back_under_a_running_program() {
    let Some(program) = program() else { return };
    let server = Server::start(program).await;
    server.set_up().await;
    let part = server.part().await;
    let folder = tempfile::tempdir().expect("a folder");
    let sim = simulator(world(2, 2)).await;
    let config = config(&server, &part, folder.path(), &[]);
    let runtime = Runtime::open(&config).await.expect("it opens");
    let ports = runtime.ports().clone();
    let organization = connect(&ports, &draft(sim.url()), &person(), &NoProgress)
        .await
        .expect("it connects");
    secrets::add(&ports, "spare", "value-1".into(), &person())
        .await
        .expect("the name is free");
    for version in 2..6 {
        let value = format!("value-{version}").into();
        secrets::rotate(&ports, "spare", value, &person())
            .await
            .expect("it is there");
    }
    // Another program with guesses of its own.
    let other = Runtime::open(&config).await.expect("it opens");
    let sync = async |ports: &org_core::ports::Ports| {
        let options = other.sync_options();
        let (id, trigger) = (organization.id, Trigger::Manual);
        let runs =
            runtime::sync::until_done(ports, &options, id, trigger, never(), &NoProgress).await;
        assert_eq!(runs.expect("it ran")[0].state_word(), "complete");
    };
    sync(other.ports()).await;
    for to in ["embedded", "openbao"] {
        let target = vaults::named(&ports, Some(to)).expect("it is configured");
        let mut moved = Vec::new();
        vaults::move_all(&ports, target, &person(), |one| {
            if let Moved::Done { facts, versions } = one {
                moved.push((facts.owner, *versions));
            }
        })
        .await
        .expect("they move");
        assert_eq!(moved.len(), 2);
        assert!(moved.iter().any(|(_, versions)| *versions == 5));
        for row in secrets::list(other.ports()).await.expect("both answer") {
            assert_eq!(row.facts.vault.as_str(), to);
            assert_eq!(row.facts.arriving_from, None);
        }
        sync(other.ports()).await;
        let spare = secrets::show(&ports, "spare").await.expect("it is there");
        assert_eq!(spare.facts.version.0, 5);
        let first = other.ports().vault.get_version(
            spare.facts.reference,
            org_core::secret::SecretVersion::FIRST,
        );
        let first = first.await.expect("an answer").expect("it was kept");
        assert_eq!(secrecy::ExposeSecret::expose_secret(&first), "value-1");
    }
    let filter = EventFilter {
        organization: None,
        subject: None,
        kind: Some("secret.moved".to_owned()),
        after: None,
        before: None,
    };
    let events = ports.events.newest(&filter, 10).await.expect("a store");
    assert_eq!(events.len(), 4);
    // Who read it is in the history, and what it is nowhere.
    let used = secrets::list(&ports).await.expect("both answer");
    let token = used.iter().find(|row| !row.used_by.is_empty());
    let token = token.expect("the organization uses one");
    assert!(token.last_used_at.is_some());
    let name = token.facts.name.to_string();
    let accesses = vaults::accesses(&ports, &name, 10).await.expect("a store");
    assert!(accesses[0].count >= 3, "{accesses:?}");
    let (_, tested) = vaults::test(&ports, &name, None).await.expect("an answer");
    assert_eq!(tested.len(), 1);
    assert!(tested[0].answer.is_ok() && tested[0].mismatch().is_none());
    let refused = secrets::remove(&ports, &name, &person()).await.unwrap_err();
    assert!(refused.to_string().contains("`Acme`"), "{refused}");
    other.close().await;
    runtime.close().await;
}
