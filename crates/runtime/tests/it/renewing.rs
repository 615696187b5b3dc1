//! The tokens of a sign-in: renewed by one program at a time, and lost only where the host alone knows the new ones when a program dies.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use gitlab_sim::{ApplicationSpec, Fault, FaultKind, GitlabSim};
use org_core::draft::{Method, OrganizationDraft, TokenDraft};
use org_core::ids::ProcessId;
use org_core::oauth::{Initiator, RedirectUri};
use org_core::organization::{ActionReason, Organization, Status};
use org_core::ports::{
    Ports, Renewal, RenewalClaim, RenewalState, RenewalStore, SecretVault, StoreError, VaultError,
    VaultHealth,
};
use org_core::secret::{SecretFacts, SecretOwner, SecretRef, SecretVersion};
use org_core::sync::run::RunOutcome;
use org_core::text::SecretName;
use org_core::use_cases::sign_in::{self, BrowserAnswer, ReturnTo};
use org_core::use_cases::{NoProgress, credential};
use runtime::Runtime;
use runtime::config::{Config, OauthClient};
use secrecy::{ExposeSecret as _, SecretString};

use crate::support::{
    config, draft, hours_ahead, on_host, person, present, reload, simulator, sync, world,
};
use crate::worker::{Orders, Task, Ticks, Worker, say, the_only};

/// The id of the application at the simulator.
const CLIENT: &str = "forgehold-of-the-tests";

/// Where a program stands still while it renews.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Nowhere.
    Never,
    /// Before anybody knows that it wants to.
    BeforeClaim,
    /// It alone may renew.
    Claimed,
    /// It is put down that the refresh token is about to be spent.
    PutDown,
    /// The host has answered with new tokens, and nobody else knows them.
    Answered,
    /// The new pair is in the vault.
    Written,
    /// It is put down that the renewal is over.
    Released,
    /// The old pair is forgotten.
    Forgotten,
}

const STEPS: [(&str, Step); 8] = [
    ("never", Step::Never),
    ("before-claim", Step::BeforeClaim),
    ("claimed", Step::Claimed),
    ("put-down", Step::PutDown),
    ("answered", Step::Answered),
    ("written", Step::Written),
    ("released", Step::Released),
    ("forgotten", Step::Forgotten),
];

/// The configuration with the application of the host.
pub(crate) fn with_client(mut config: Config, url: &str) -> Config {
    config.oauth.clients.push(OauthClient {
        host: url.parse().expect("an address"),
        client: CLIENT.parse().expect("a client id"),
        secret_file: None,
    });
    config
}

/// What [`Task::Renew`] is about: the host and the step.
fn orders(sim: &GitlabSim, step: Step) -> String {
    let word = STEPS.iter().find(|(_, known)| *known == step);
    format!("{},{}", sim.url(), word.expect("every step has a word").0)
}

/// The host of [`Task::Renew`].
pub(crate) fn host_of(about: &str) -> &str {
    about.split_once(',').expect("a host and a step").0
}

/// The body of the other process: opens the host once it is told to, which renews what is due.
pub(crate) async fn renew(runtime: &Runtime, about: &str) {
    let (_, word) = about.split_once(',').expect("a host and a step");
    let step = STEPS.iter().find(|(known, _)| *known == word);
    let step = step.expect("a known step").1;
    let acme = the_only(runtime.ports()).await.expect("it is connected");
    let real = runtime.ports();
    let ports = Ports {
        vault: Arc::new(Standing {
            inner: real.vault.clone(),
            step,
        }),
        renewals: Arc::new(Standing {
            inner: real.renewals.clone(),
            step,
        }),
        ..real.clone()
    };
    say("ready");
    std::io::stdin()
        .read_exact(&mut [0])
        .expect("it is told to go");
    match credential::access(&ports, &acme).await {
        Ok(_) => say("renewed"),
        Err(error) => say(&format!("refused: {error}")),
    }
}

/// A port that stands still at a step of a renewal, and says so.
struct Standing<P: ?Sized> {
    inner: Arc<P>,
    step: Step,
}

impl<P: ?Sized> Standing<P> {
    async fn stand(&self, step: Step) {
        if self.step == step {
            say("standing");
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
impl RenewalStore for Standing<dyn RenewalStore> {
    async fn claim(
        &self,
        secret: SecretRef,
        holder: ProcessId,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
    ) -> Result<RenewalClaim, StoreError> {
        self.stand(Step::BeforeClaim).await;
        let claim = self.inner.claim(secret, holder, now, lease_until).await;
        self.stand(Step::Claimed).await;
        claim
    }

    async fn put_down(&self, renewal: &Renewal, state: RenewalState) -> Result<(), StoreError> {
        self.inner.put_down(renewal, state).await?;
        self.stand(Step::PutDown).await;
        Ok(())
    }

    async fn release(&self, renewal: &Renewal, state: RenewalState) -> Result<(), StoreError> {
        self.inner.release(renewal, state).await?;
        self.stand(Step::Released).await;
        Ok(())
    }

    async fn state(&self, secret: SecretRef) -> Result<RenewalState, StoreError> {
        self.inner.state(secret).await
    }

    async fn forget(&self, secret: SecretRef) -> Result<(), StoreError> {
        self.inner.forget(secret).await
    }
}

#[async_trait]
impl SecretVault for Standing<dyn SecretVault> {
    async fn put(
        &self,
        reference: SecretRef,
        name: &SecretName,
        owner: SecretOwner,
        value: SecretString,
        now: DateTime<Utc>,
    ) -> Result<SecretFacts, VaultError> {
        self.inner.put(reference, name, owner, value, now).await
    }

    async fn get(
        &self,
        reference: SecretRef,
    ) -> Result<Option<(SecretVersion, SecretString)>, VaultError> {
        self.inner.get(reference).await
    }

    async fn get_version(
        &self,
        reference: SecretRef,
        version: SecretVersion,
    ) -> Result<Option<SecretString>, VaultError> {
        self.inner.get_version(reference, version).await
    }

    async fn add_version(
        &self,
        reference: SecretRef,
        expected: SecretVersion,
        value: SecretString,
        now: DateTime<Utc>,
    ) -> Result<SecretFacts, VaultError> {
        self.stand(Step::Answered).await;
        let facts = self
            .inner
            .add_version(reference, expected, value, now)
            .await;
        self.stand(Step::Written).await;
        facts
    }

    async fn set_owner(&self, reference: SecretRef, owner: SecretOwner) -> Result<(), VaultError> {
        self.inner.set_owner(reference, owner).await
    }

    async fn find(&self, name: &SecretName) -> Result<Option<SecretFacts>, VaultError> {
        self.inner.find(name).await
    }

    async fn list(&self) -> Result<Vec<SecretFacts>, VaultError> {
        self.inner.list().await
    }

    async fn forget_before(
        &self,
        reference: SecretRef,
        version: SecretVersion,
    ) -> Result<u64, VaultError> {
        let forgotten = self.inner.forget_before(reference, version).await;
        self.stand(Step::Forgotten).await;
        forgotten
    }

    async fn delete(&self, reference: SecretRef) -> Result<bool, VaultError> {
        self.inner.delete(reference).await
    }

    async fn health(&self) -> Result<VaultHealth, VaultError> {
        self.inner.health().await
    }
}

/// A host that knows the program as an application.
async fn host() -> GitlabSim {
    let sim = simulator(world(6, 2)).await;
    let host = sim.url().parse().expect("an address");
    let redirect = RedirectUri::registered_loopback(&host);
    let spec = ApplicationSpec::public("Forgehold", redirect.as_str()).client_id(CLIENT);
    sim.oauth()
        .add_application(&spec)
        .expect("a new application");
    sim
}

async fn open(data_dir: &Path, sim: &GitlabSim, hours: u32) -> Runtime {
    let config = with_client(config(data_dir), sim.url());
    Runtime::open_in(&config, hours_ahead(hours))
        .await
        .expect("it opens")
}

/// Signs in as `alice` and connects, as a program does that listens on this machine.
async fn sign_in(ports: &Ports, sim: &GitlabSim) -> Organization {
    let draft = OrganizationDraft {
        method: Method::Sso,
        login: String::new(),
        token: TokenDraft::Missing,
        ..draft(sim.url())
    };
    let initiator = Initiator::random(&*ports.entropy).expect("randomness");
    let back = ReturnTo::Loopback(SocketAddr::from((Ipv4Addr::LOCALHOST, 4711)));
    let begun = sign_in::begin(ports, &draft, &back, initiator, &person(), &NoProgress).await;
    let begun = begun.expect("it begins");
    let location = sim
        .oauth()
        .approve(begun.url.expose_secret(), "alice")
        .expect("the host agrees");
    let (_, query) = location.split_once('?').expect("an answer");
    let answer = BrowserAnswer::parse(begun.redirect.path(), query);
    sign_in::complete(ports, &answer, initiator, &person(), &NoProgress)
        .await
        .expect("it connects")
}

/// An installation whose sign-in is due to be renewed in two hours, and its host.
async fn connected(data_dir: &Path) -> (GitlabSim, Organization) {
    let sim = host().await;
    let runtime = open(data_dir, &sim, 0).await;
    let acme = sign_in(runtime.ports(), &sim).await;
    let run = sync(runtime.ports(), &runtime, &acme).await;
    assert_eq!(run.outcome(), Some(&RunOutcome::Complete));
    runtime.close().await;
    sim.oauth().expire_access_tokens();
    (sim, acme)
}

fn start(data_dir: &Path, sim: &GitlabSim, step: Step) -> Worker {
    let mut worker = Worker::start(&Orders {
        task: Task::Renew,
        hours: 2,
        lease: 60_000,
        ticks: Ticks::Silent,
        about: &orders(sim, step),
        data_dir,
    });
    worker.wait_for("ready");
    worker
}

fn go(worker: &mut Worker) {
    let input = worker.input.as_mut().expect("its input is piped");
    input.write_all(b"!").expect("it listens");
}

/// Whether the host gave tokens that no vault has: then nobody can keep the sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tokens {
    Kept,
    Lost,
}

/// What the next program finds, an hour later: everything goes on, or a person is asked to sign in again, and that is all there is to it.
async fn check_next(data_dir: &Path, sim: &GitlabSim, acme: &Organization, tokens: Tokens) {
    let runtime = open(data_dir, sim, 3).await;
    let ports = runtime.ports();
    let run = sync(ports, &runtime, acme).await;
    match tokens {
        Tokens::Kept => {
            assert_eq!(run.outcome(), Some(&RunOutcome::Complete), "{run:?}");
            assert_eq!(sim.oauth().stats().refreshes, 1, "once, whoever did it");
        }
        Tokens::Lost => {
            assert!(
                matches!(run.outcome(), Some(RunOutcome::Failed { .. })),
                "{run:?}"
            );
            let status = reload(ports, acme.id).await.status;
            assert!(
                matches!(
                    status,
                    Status::ActionRequired(ActionReason::SignInAgain { .. })
                ),
                "{status:?}"
            );
            // The same refresh token twice, since a replica may lag behind; and never again.
            let refused = sim.oauth().stats().refused_refreshes;
            assert_eq!(refused, 2);
            for _ in 0..3 {
                sync(ports, &runtime, acme).await;
            }
            assert_eq!(sim.oauth().stats().refused_refreshes, refused);
        }
    }
    let found = reload(ports, acme.id).await;
    assert_eq!((found.id, &found.account), (acme.id, &acme.account));
    assert_eq!(
        present(ports, acme.id).await,
        on_host(sim),
        "nothing vanished"
    );
    let report = runtime.store().check().await.expect("a report");
    assert!(report.is_sound(), "{report:?}");
    let vault = runtime.vault().check().await.expect("a report");
    assert!(vault.is_sound() && vault.secrets == 1, "{vault:?}");
    runtime.close().await;
}

async fn check_kill(step: Step, tokens: Tokens) {
    let folder = tempfile::tempdir().expect("a folder");
    let data_dir = folder.path().join("data");
    let (sim, acme) = connected(&data_dir).await;
    let mut worker = start(&data_dir, &sim, step);
    go(&mut worker);
    worker.wait_for("standing");
    worker.kill();
    check_next(&data_dir, &sim, &acme, tokens).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_before_the_host_was_asked_loses_nothing() {
    for step in [Step::BeforeClaim, Step::Claimed, Step::PutDown] {
        check_kill(step, Tokens::Kept).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_after_the_new_pair_is_in_the_vault_loses_nothing() {
    for step in [Step::Written, Step::Released, Step::Forgotten] {
        check_kill(step, Tokens::Kept).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_while_only_the_host_knows_the_new_pair_asks_a_person_to_sign_in_again() {
    check_kill(Step::Answered, Tokens::Lost).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_while_the_host_is_silent_loses_what_the_host_alone_knows() {
    let folder = tempfile::tempdir().expect("a folder");
    let data_dir = folder.path().join("data");
    let (sim, acme) = connected(&data_dir).await;
    let hang = sim.fault(Fault::new(FaultKind::Hang).path("/oauth/token"));
    let mut worker = start(&data_dir, &sim, Step::Never);
    go(&mut worker);
    while sim.hits(hang) == 0 {
        tokio::task::yield_now().await;
    }
    worker.kill();
    sim.clear_faults();
    let tokens = match sim.oauth().stats().refreshes {
        0 => Tokens::Kept,
        _ => Tokens::Lost,
    };
    check_next(&data_dir, &sim, &acme, tokens).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_programs_renew_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let data_dir = folder.path().join("data");
    let (sim, acme) = connected(&data_dir).await;
    let mut workers: Vec<Worker> = (0..4)
        .map(|_| start(&data_dir, &sim, Step::Never))
        .collect();
    for worker in &mut workers {
        go(worker);
    }
    for worker in &mut workers {
        worker.wait_for("renewed");
    }
    let stats = sim.oauth().stats();
    assert_eq!((stats.refreshes, stats.refused_refreshes), (1, 0));
    check_next(&data_dir, &sim, &acme, Tokens::Kept).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_lags_behind_is_no_reason_to_sign_in_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let data_dir = folder.path().join("data");
    let (sim, acme) = connected(&data_dir).await;
    sim.oauth().lag_refresh_tokens(1);
    let mut worker = start(&data_dir, &sim, Step::Never);
    go(&mut worker);
    worker.wait_for("renewed");
    assert_eq!(sim.oauth().stats().refused_refreshes, 1);
    check_next(&data_dir, &sim, &acme, Tokens::Kept).await;
}
