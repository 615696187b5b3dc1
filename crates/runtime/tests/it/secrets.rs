//! A planted token is in the vault, and nowhere else: no file, log, error, event, finding or debugging output.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use gitlab_sim::{Fault, FaultKind};
use org_core::ports::EventFilter;
use runtime::Runtime;

use crate::support::{TOKEN, config, simulator, world};
use crate::worker::{Orders, Task, Ticks, Worker};

/// Looks into every file below `directory`; answers how many there were.
fn check_files(directory: &Path) -> usize {
    let mut files = 0;
    for entry in fs::read_dir(directory).expect("the directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files += check_files(&path);
            continue;
        }
        let bytes = fs::read(&path).expect("the file");
        let found = bytes
            .windows(TOKEN.len())
            .any(|window| window == TOKEN.as_bytes());
        assert!(!found, "the token is in {}", path.display());
        files += 1;
    }
    files
}

#[track_caller]
fn check_text(what: &str, text: &str) {
    assert!(!text.contains(TOKEN), "the token is in {what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planted_token_is_nowhere_but_in_the_vault() {
    let folder = tempfile::tempdir().expect("a folder");
    let data_dir = folder.path().join("data");
    let sim = simulator(world(30, 3)).await;
    let mut worker = Worker::start(&Orders {
        task: Task::Chat,
        hours: 0,
        lease: 60_000,
        ticks: Ticks::Silent,
        about: sim.url(),
        data_dir: &data_dir,
    });
    let errors = worker.child.stderr.take().expect("its errors are piped");
    // Both are read at once, so that neither pipe fills up.
    let reader = std::thread::spawn(move || std::io::read_to_string(errors).expect("text"));
    let mut said = String::new();
    let mut syncs = Vec::new();
    for line in worker.lines.by_ref() {
        let line = line.expect("text");
        if let Some(word) = line.strip_prefix("ran ") {
            syncs.push(word.to_owned());
            assert!(check_files(&data_dir) >= 3, "while the program runs");
            let token = sim.tokens()[0].id;
            if syncs.len() == 1 {
                sim.fault(Fault::new(FaultKind::TruncatedJson).times(3));
                sim.world()
                    .change(|world| world.revoke_token(token))
                    .expect("revoked");
            }
            let input = worker.input.as_mut().expect("its input is piped");
            input.write_all(b"!").expect("it listens");
        }
        let done = line == "done";
        said.push_str(&line);
        said.push('\n');
        if done {
            break;
        }
    }
    assert_eq!(syncs, ["complete", "failed"]);
    worker.child.wait().expect("it ends");
    check_text("what the program says", &said);
    let log = reader.join().expect("it reads to the end");
    for part in ["TRACE", "hyper", "sqlx", "gitlab_adapter"] {
        assert!(log.contains(part), "the log has nothing of {part}");
    }
    check_text("the log", &log);
    for request in sim.requests() {
        assert!(!request.token_in_url, "{request:?}");
    }

    let runtime = Runtime::open(&config(&data_dir)).await.expect("it opens");
    let ports = runtime.ports();
    let roster = ports.organizations.roster().await.expect("the roster");
    check_text("the organizations", &format!("{roster:?}"));
    let attempts = ports.attempts.list(100).await.expect("the attempts");
    assert_eq!(attempts.len(), 2);
    check_text("the attempts", &format!("{attempts:?}"));
    let runs = ports.syncs.list(None, None, 100).await.expect("the runs");
    check_text("the runs", &format!("{runs:?}"));
    let events = ports.events.oldest(&EventFilter::default(), 10_000).await;
    check_text("the history", &format!("{:?}", events.expect("it")));
    let secret = roster.organizations[0].auth.secret();
    let value = ports.vault.get(secret).await.expect("an answer");
    let (_, value) = value.expect("it is there");
    check_text("the debugging output of a secret", &format!("{value:?}"));
    assert_eq!(secrecy::ExposeSecret::expose_secret(&value), TOKEN);
    runtime.close().await;
    assert!(check_files(&data_dir) >= 3);
}
