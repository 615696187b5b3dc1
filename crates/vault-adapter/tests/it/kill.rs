//! A process that rotates the key without end is killed again and again; nothing is ever lost.
//!
//! Half of the times it is killed at some moment, and half of the times it is frozen between two steps of a rotation first, since some of
//! these moments are too short to be met by chance. The steps are those that the vault logs.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use org_core::ports::VaultError;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use vault_adapter::{EmbeddedVault, KeySource};

use crate::support::{Scratch, options, put, read};

const DIRECTORY: &str = "FORGEHOLD_TEST_KILL_DIRECTORY";
const FIRST: &str = "FORGEHOLD_TEST_KILL_FIRST";
const FREEZE: &str = "FORGEHOLD_TEST_KILL_FREEZE";
const TEST: &str = "kill::a_rotation_that_is_killed_loses_nothing";
const KILLS: usize = 80;
const SECRETS: u128 = 40;

/// Every key that the vault may have.
fn sources(directory: &Path) -> [KeySource; 4] {
    [
        KeySource::generated_file(directory.join("vault.key")),
        KeySource::passphrase("one"),
        KeySource::generated_file(directory.join("moved.key")),
        KeySource::passphrase("two"),
    ]
}

/// Which key comes after which: a generated file first gives way to a fresh one in the same place.
const ROUND: [usize; 6] = [0, 0, 1, 2, 2, 3];

#[tokio::test]
async fn a_rotation_that_is_killed_loses_nothing() {
    if let Some(directory) = env::var_os(DIRECTORY) {
        let first = env::var(FIRST).unwrap().parse().unwrap();
        return rotate_without_end(&PathBuf::from(directory), first).await;
    }
    let scratch = Scratch::new();
    let directory = scratch.path("");
    let vault = scratch.open(sources(&directory)[0].clone()).await.unwrap();
    for number in 0..SECRETS {
        put(&vault, number, &format!("value {number}")).await;
    }
    drop(vault);

    let mut random = StdRng::seed_from_u64(20_261_123);
    let (mut key, mut generation, mut rotated) = (0, 1, 0);
    for kill in 0..KILLS {
        let begun = if kill % 2 == 0 {
            kill_at_some_moment(&directory, key, &mut random)
        } else {
            kill_between_two_steps(&directory, key, &mut random)
        };
        let opened = open_with_each(&directory).await;
        let [(found, vault)] = opened.as_slice() else {
            panic!(
                "{} of the keys open the vault, and one should",
                opened.len()
            );
        };
        // Either the last rotation that was begun is done, or the one before it is the last.
        let (from, to) = begun;
        assert!(
            [from, to].contains(found),
            "{from} -> {to} ended in {found}"
        );
        for number in 0..SECRETS {
            assert_eq!(
                read(vault, number).await,
                Some((1, format!("value {number}")))
            );
        }
        assert!(vault.check().await.unwrap().is_sound());
        let now = generation_of(vault).await;
        assert!(now >= generation);
        rotated += now - generation;
        (key, generation) = (*found, now);
        tidy(&directory, key);
    }
    assert!(rotated > 0, "no rotation ever came to its end");
}

/// The child: says which key it is about to set, and sets it.
async fn rotate_without_end(directory: &Path, first: usize) {
    let sources = sources(directory);
    let vault = EmbeddedVault::open(options(directory, sources[first].clone()))
        .await
        .unwrap();
    let freeze = FreezeAt {
        step: env::var(FREEZE).unwrap().parse().unwrap(),
        seen: AtomicUsize::new(0),
    };
    tracing::subscriber::set_global_default(freeze).unwrap();
    let mut out = std::io::stdout();
    let mut from = first;
    let start = ROUND.iter().position(|key| *key == first).unwrap();
    for to in ROUND.iter().copied().cycle().skip(start + 1) {
        writeln!(out, "rotating {from} {to}").unwrap();
        out.flush().unwrap();
        vault.rotate_key(sources[to].clone()).await.unwrap();
        from = to;
    }
}

/// Lets a child begin some rotations, kills it amid one, and answers which was the last that it began.
fn kill_at_some_moment(directory: &Path, first: usize, random: &mut StdRng) -> (usize, usize) {
    let mut child = start(directory, first, None);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut begun = None;
    let mut left = random.random_range(1..5);
    while left > 0 {
        let line = lines.next().expect("the child ended by itself").unwrap();
        if let Some(pair) = parse(&line) {
            begun = Some(pair);
            left -= 1;
        }
    }
    // Long enough to reach every step of a rotation, and often into the next.
    for _ in 0..random.random_range(0..40_000) {
        std::thread::yield_now();
    }
    kill(child);
    // What it said before it died counts too.
    for line in lines {
        begun = parse(&line.unwrap()).or(begun);
    }
    begun.unwrap()
}

/// Lets a child run until it is frozen after some step, kills it there, and answers which was the last rotation that it began.
fn kill_between_two_steps(directory: &Path, first: usize, random: &mut StdRng) -> (usize, usize) {
    let mut child = start(directory, first, Some(random.random_range(1..16)));
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (mut begun, mut is_frozen) = (None, false);
    for line in lines {
        let line = line.unwrap();
        begun = parse(&line).or(begun);
        if line.contains("frozen") {
            is_frozen = true;
            break;
        }
    }
    kill(child);
    assert!(is_frozen, "the child ended by itself");
    begun.unwrap()
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Freezes the process at the given step of those that the vault logs.
struct FreezeAt {
    step: usize,
    seen: AtomicUsize,
}

impl Subscriber for FreezeAt {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target().starts_with("vault_adapter")
    }

    fn event(&self, _: &Event<'_>) {
        if self.seen.fetch_add(1, Ordering::SeqCst) + 1 == self.step {
            let mut out = std::io::stdout();
            writeln!(out, "frozen").unwrap();
            out.flush().unwrap();
            loop {
                std::thread::park();
            }
        }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn parse(line: &str) -> Option<(usize, usize)> {
    // The test harness writes the name of the test before the first line.
    let (from, to) = line.split_once("rotating ")?.1.split_once(' ')?;
    Some((from.parse().ok()?, to.parse().ok()?))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test starts itself once more, to be killed"
)]
fn start(directory: &Path, first: usize, freeze_at: Option<usize>) -> Child {
    std::process::Command::new(env::current_exe().unwrap())
        .args(["--exact", TEST, "--nocapture", "--test-threads=1"])
        .env(DIRECTORY, directory)
        .env(FIRST, first.to_string())
        .env(FREEZE, freeze_at.unwrap_or(0).to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

async fn open_with_each(directory: &Path) -> Vec<(usize, EmbeddedVault)> {
    let mut opened = Vec::new();
    for (index, source) in sources(directory).into_iter().enumerate() {
        match EmbeddedVault::open(options(directory, source)).await {
            Ok(vault) => opened.push((index, vault)),
            Err(VaultError::WrongKey { .. } | VaultError::Locked { .. }) => {}
            Err(error) => panic!("the vault is neither open nor shut: {error:?}"),
        }
    }
    opened
}

async fn generation_of(vault: &EmbeddedVault) -> u64 {
    let health = org_core::ports::SecretVault::health(vault).await.unwrap();
    let (_, generation) = health.description.rsplit_once("key generation ").unwrap();
    generation.trim_end_matches(')').parse().unwrap()
}

/// A key file that a killed rotation had replaced may be left over; it opens nothing, and a person removes it.
fn tidy(directory: &Path, key: usize) {
    for (index, source) in sources(directory).into_iter().enumerate() {
        if let (KeySource::GeneratedKeyFile(path), true) = (source, index != key) {
            let _ = std::fs::remove_file(path);
        }
    }
}
