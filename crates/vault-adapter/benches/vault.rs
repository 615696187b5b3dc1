//! What 10,000 secrets take on both backends: making them, listing them, and reading one while others list and read.
//!
//! `cargo xtask bench vault`, with `FORGEHOLD_BAO` naming the server program; without it the embedded vault alone is measured.

#[path = "../tests/it/server.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::{StreamExt as _, stream};
use org_core::ids::SecretId;
use org_core::ports::SecretVault;
use org_core::secret::{SecretOwner, SecretRef};
use org_core::testing::ManualClock;
use secrecy::SecretString;
use tokio::time::Instant;
use uuid::Uuid;
use vault_adapter::{
    Credential, EmbeddedVault, EmbeddedVaultOptions, KeySource, OpenBaoAuth, OpenBaoOptions,
    OpenBaoVault,
};

const SECRETS: u128 = 10_000;
const READS: u128 = 1_000;
/// How many at the same time make secrets, and how many others read while one is measured.
const AT_ONCE: usize = 16;
const OTHERS: usize = 4;

fn main() {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(measure());
}

async fn measure() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = KeySource::generated_file(folder.path().join("vault.key"));
    let options = EmbeddedVaultOptions::new(folder.path().join("vault.sqlite"), key);
    let embedded = EmbeddedVault::open(options).await.expect("a vault");
    run("embedded", Arc::new(embedded)).await;

    let Some(program) = server::program() else {
        return;
    };
    let server = server::Server::start(program).await;
    server.set_up().await;
    let part = server.part().await;
    let options = self::options(&server, &part);
    let clock = Arc::new(ManualClock::default());
    let vault = Arc::new(OpenBaoVault::new(options, clock).expect("a vault"));
    run("openbao", vault.clone()).await;

    // The same list from a server that has no list of details, as HashiCorp Vault.
    let policy = include_str!("../../../docs/vault-policy.hcl")
        .replace("/forgehold/", &format!("/{}/", part.prefix))
        .replace("secret/detailed-metadata", "secret/no-such");
    let mut plain = server.role("plain", &policy).await;
    plain.prefix = part.prefix.clone();
    let clock = Arc::new(ManualClock::default());
    let vault = OpenBaoVault::new(self::options(&server, &plain), clock).expect("a vault");
    let start = Instant::now();
    assert_eq!(vault.list().await.expect("a list").len() as u128, SECRETS);
    report(
        "openbao",
        "list of 10,000, one request each",
        start.elapsed(),
    );
}

fn options(server: &server::Server, part: &server::Part) -> OpenBaoOptions {
    let auth = OpenBaoAuth::AppRole {
        mount: "approle".to_owned(),
        role_id: part.role_id.clone(),
        secret_id: Credential::Value(SecretString::from(part.secret_id.as_str())),
    };
    OpenBaoOptions::new("company".parse().expect("a name"), &server.address(), auth)
        .and_then(|options| options.prefix(&part.prefix))
        .and_then(|options| options.authorities(server.ca_pem.as_bytes()))
        .expect("options")
}

fn secret(number: u128) -> SecretRef {
    SecretRef(SecretId::from_uuid(Uuid::from_u128(number)))
}

async fn run(name: &str, vault: Arc<dyn SecretVault>) {
    let now: DateTime<Utc> = DateTime::from_timestamp(1_800_000_000, 0).expect("a time");
    let start = Instant::now();
    let puts = (0..SECRETS).map(|number| {
        let vault = vault.clone();
        async move {
            let value = SecretString::from(format!("a value of some length {number}"));
            let name = format!("secret-{number}").parse().expect("a name");
            vault
                .put(secret(number), &name, SecretOwner::Person, value, now)
                .await
                .expect("it is stored");
        }
    });
    stream::iter(puts)
        .buffer_unordered(AT_ONCE)
        .collect::<()>()
        .await;
    report(name, "making 10,000 secrets", start.elapsed());

    for _ in 0..2 {
        let start = Instant::now();
        assert_eq!(vault.list().await.expect("a list").len() as u128, SECRETS);
        report(name, "list of 10,000", start.elapsed());
    }
    let quiet = reads(&*vault).await;
    report_reads(name, "read, nobody else", &quiet);

    let done = Arc::new(AtomicBool::new(false));
    let mut others = tokio::task::JoinSet::new();
    for other in 0..OTHERS {
        let (vault, done) = (vault.clone(), done.clone());
        others.spawn(async move {
            let mut count = 0_u64;
            while !done.load(Ordering::Relaxed) {
                if other == 0 {
                    vault.list().await.expect("a list");
                } else {
                    vault
                        .get(secret(u128::from(count) % SECRETS))
                        .await
                        .expect("an answer");
                }
                count += 1;
            }
        });
    }
    let loaded = reads(&*vault).await;
    done.store(true, Ordering::Relaxed);
    while let Some(ended) = others.join_next().await {
        ended.expect("no panic");
    }
    report_reads(name, "read, 1 other lists and 3 read", &loaded);
}

async fn reads(vault: &dyn SecretVault) -> Vec<Duration> {
    let mut times = Vec::new();
    for number in 0..READS {
        let start = Instant::now();
        let found = vault.get(secret(number * 7 % SECRETS)).await;
        assert!(found.expect("an answer").is_some());
        times.push(start.elapsed());
    }
    times.sort_unstable();
    times
}

fn report_reads(name: &str, what: &str, times: &[Duration]) {
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    report(name, &format!("{what}: half within"), at(50));
    report(name, &format!("{what}: 99 of 100 within"), at(99));
}

#[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
fn report(name: &str, what: &str, time: Duration) {
    println!(
        "{name:10} {what:45} {:10.2} ms",
        time.as_secs_f64() * 1000.0
    );
}
