//! The program and its control interface.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use crate::client::{http, read};

struct Program {
    child: Child,
    stdin: ChildStdin,
    ready: Value,
}

#[expect(
    clippy::disallowed_methods,
    reason = "the program under test is started here"
)]
async fn start(args: &[&str]) -> Program {
    let mut child = Command::new(env!("CARGO_BIN_EXE_gitlab-sim"))
        .args(args)
        .args(["--stop-with-stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let stdin = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    Program {
        child,
        stdin,
        ready: serde_json::from_str(&line).unwrap(),
    }
}

#[tokio::test]
async fn it_serves_is_driven_and_stops_with_its_input() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let mut program = start(&[
        "--seed",
        "3",
        "--groups",
        "6",
        "--projects",
        "30",
        "--control-port",
        "0",
        "--prefix",
        "/gitlab",
        "--token-file",
        file.to_str().unwrap(),
    ])
    .await;
    let ready = program.ready.clone();
    assert_eq!(
        (&ready["projects"], &ready["token"]["user"]),
        (&json!(30), &json!("alice"))
    );
    assert!(
        ready["token"].get("value").is_none(),
        "the value is printed only when asked for"
    );
    let token = std::fs::read_to_string(&file).unwrap();
    let url = ready["url"].as_str().unwrap();
    assert!(url.ends_with("/gitlab"));
    let list = async || {
        let request = http()
            .get(format!("{url}/api/v4/projects?membership=true"))
            .bearer_auth(&token);
        read(request.send().await.unwrap()).await
    };
    assert_eq!(list().await.header("x-total"), Some("30"));

    let control = ready["control"].as_str().unwrap();
    let post = async |path: &str, body: Value| {
        read(
            http()
                .post(format!("{control}{path}"))
                .json(&body)
                .send()
                .await
                .unwrap(),
        )
        .await
    };
    let made = post(
        "/control/mutate",
        json!([
            { "do": "create_project", "namespace": "acme", "path": "new-thing" },
            { "do": "rename_project", "project": "acme/new-thing", "path": "newer-thing" },
        ]),
    )
    .await;
    assert_eq!(made.status, 200, "{}", made.text);
    assert_eq!(list().await.header("x-total"), Some("31"));
    let refused = post(
        "/control/mutate",
        json!({ "do": "delete_project", "project": "no/such" }),
    )
    .await;
    assert_eq!(refused.status, 422);
    let fault = json!({ "kind": "gateway", "status": 502, "on": { "path": "/api/v4/projects", "times": 1 } });
    let fault = post("/control/fault", fault).await.json();
    assert_eq!(list().await.status, 502);
    assert_eq!(list().await.status, 200);
    let hits = http()
        .get(format!("{control}/control/fault/{}", fault["id"]))
        .send()
        .await
        .unwrap();
    assert_eq!(read(hits).await.json()["hits"], 1);
    let log = http()
        .get(format!("{control}/control/requests"))
        .send()
        .await
        .unwrap();
    let log = read(log).await.text;
    assert!(log.contains("\"fault\":\"gateway\"") && !log.contains(&token));

    drop(program.stdin);
    assert!(program.child.wait().await.unwrap().success());
}

#[tokio::test]
async fn every_json_of_the_readme_is_understood() {
    let program = start(&["--control-port", "0", "--print-token", "--roots", "3"]).await;
    assert!(
        program.ready["token"]["value"]
            .as_str()
            .unwrap()
            .starts_with("glpat-")
    );
    let control = program.ready["control"].as_str().unwrap();
    let readme = include_str!("../../README.md");
    let mut understood = Vec::new();
    for block in readme.split("```json\n").skip(1) {
        let text = block.split("```").next().unwrap();
        let value: Value =
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let path = match &value {
            Value::Array(_) => "/control/mutate",
            other if other.get("kind").is_some() => "/control/fault",
            _ => continue,
        };
        let reply = http()
            .post(format!("{control}{path}"))
            .json(&value)
            .send()
            .await
            .unwrap();
        let reply = read(reply).await;
        // Mutations may be refused by this world, but not for what they are.
        assert!([200, 422].contains(&reply.status), "{}", reply.text);
        assert!(
            !reply.text.contains("Failed to deserialize"),
            "{}",
            reply.text
        );
        understood.push(path);
    }
    assert_eq!(understood, ["/control/mutate", "/control/fault"]);
}
