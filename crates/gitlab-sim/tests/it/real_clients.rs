//! Clients that other people wrote list the same world: python-gitlab and gitlabber.

use std::process::Stdio;

use gitlab_sim::{GitlabSim, TokenSpec, World, WorldSpec};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::data::outside;

#[expect(
    clippy::disallowed_methods,
    reason = "the client under test is started here"
)]
#[tokio::test]
async fn python_clients_list_the_same_world_in_every_mode() {
    let Some(python) = outside(
        "FORGEHOLD_PYTHON",
        "python_clients_list_the_same_world_in_every_mode",
    ) else {
        return;
    };
    // Everything is alice's, so that each listing must find all of it.
    let spec = WorldSpec::new(21).groups(14).roots(2).projects(80);
    let sim = GitlabSim::builder()
        .world(World::generate(&spec))
        .token(TokenSpec::user("alice").scopes(["read_api"]))
        .start()
        .await
        .unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/real_clients.py");
    let mut child = Command::new(python)
        .args([script, sim.url()])
        .env("NO_PROXY", "127.0.0.1")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input
        .write_all(format!("{}\n", sim.token()).as_bytes())
        .await
        .unwrap();
    drop(input);
    let output = child.wait_with_output().await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let (ids, groups, paths) = sim.world().read(|world| {
        let ids: Vec<u64> = world.projects().map(|project| project.id.0).collect();
        let mut groups: Vec<String> = world
            .groups()
            .map(|group| world.group_full_path(group.id))
            .collect();
        groups.sort();
        let mut paths: Vec<String> = world
            .projects()
            .map(|project| world.project_full_path(project))
            .collect();
        paths.sort();
        (ids, groups, paths)
    });
    for way in ["offset", "keyset", "by_group", "graphql"] {
        assert_eq!(found[way], json!(ids), "{way}: {errors}");
    }
    assert_eq!(found["groups"], json!(groups));
    assert_eq!(found["gitlabber"], json!(paths), "{errors}");
    assert_eq!(found["by_path"], true);
    assert_eq!(
        (&found["user"], &found["version"]),
        (&json!("alice"), &json!("18.8.0-ee"))
    );
    assert!(sim.requests().iter().all(|request| request.status == 200));
}
