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
    let (mutate, fault) = ("/control/mutate", "/control/fault");
    assert_eq!(understood, [mutate, fault, fault, mutate, fault]);
}

#[tokio::test]
async fn the_flags_of_the_readme_sign_somebody_in() {
    let readme = include_str!("../../README.md");
    let example = readme
        .split("```sh\n")
        .find(|block| block.contains("--oauth-app"))
        .and_then(|block| block.split("```").next())
        .unwrap();
    assert!(example.contains("--user 'alice:her password'"));
    let apps: Vec<&str> = example
        .split("--oauth-app ")
        .skip(1)
        .map(|rest| rest.split_whitespace().next().unwrap())
        .collect();
    let program = start(&[
        "--user",
        "alice:her password",
        "--user",
        "dora:also: hers",
        "--oauth-app",
        apps[0],
        "--oauth-app",
        apps[1],
        "--control-port",
        "0",
    ])
    .await;
    let ready = &program.ready;
    let ids: Vec<&Value> = ready["oauth_apps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|app| &app["client_id"])
        .collect();
    assert_eq!(ids, ["my-server-id", "my-tool-id"]);
    assert!(!ready.to_string().contains("its-secret"));
    let url = ready["url"].as_str().unwrap();
    let control = ready["control"].as_str().unwrap();
    let post = async |path: &str, fields: &[(&str, &str)]| {
        let request = http().post(format!("{url}{path}")).form(fields);
        read(request.send().await.unwrap()).await
    };
    let secret = [
        ("client_id", "my-server-id"),
        ("client_secret", "its-secret"),
    ];
    assert_eq!(post("/oauth/revoke", &secret).await.status, 200);
    assert_eq!(post("/oauth/revoke", &secret[..1]).await.status, 403);

    let tool = ("client_id", "my-tool-id");
    let device = post("/oauth/authorize_device", &[tool]).await.json();
    let truth = http().get(format!("{control}/control/oauth"));
    let truth = read(truth.send().await.unwrap()).await.json();
    assert_eq!(truth["waiting_devices"], json!([device["user_code"]]));
    let approve = json!({
        "do": "approve_device", "user_code": device["user_code"], "username": "dora"
    });
    let mutate = http()
        .post(format!("{control}/control/mutate"))
        .json(&approve);
    assert_eq!(mutate.send().await.unwrap().status(), 200);
    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    let code = device["device_code"].as_str().unwrap();
    let fields = [tool, ("grant_type", grant), ("device_code", code)];
    let tokens = post("/oauth/token", &fields).await;
    let access = tokens.json()["access_token"].as_str().unwrap().to_owned();
    let user = http()
        .get(format!("{url}/api/v4/user"))
        .bearer_auth(&access);
    let user = read(user.send().await.unwrap()).await.json();
    assert_eq!(user["username"], "dora");
    let log = http().get(format!("{control}/control/requests"));
    let log = read(log.send().await.unwrap()).await.text;
    assert!(log.contains("device_code=***") && !log.contains(&access) && !log.contains(code));
}

#[expect(
    clippy::disallowed_methods,
    reason = "the program under test is started here"
)]
#[tokio::test]
async fn malformed_flags_are_refused() {
    for (flag, value) in [
        ("--oauth-app", "name"),
        ("--oauth-app", "name:id"),
        ("--oauth-app", "name:id:no-address"),
        ("--oauth-app", ":id:http://127.0.0.1/"),
        ("--oauth-app", "name:id::http://127.0.0.1/"),
        ("--oauth-app", "name:id:javascript://127.0.0.1/"),
        ("--user", "alice"),
        ("--user", ":password"),
    ] {
        let run = Command::new(env!("CARGO_BIN_EXE_gitlab-sim"))
            .args([flag, value])
            .output()
            .await
            .unwrap();
        assert!(!run.status.success(), "{flag} {value}");
        assert!(!run.stderr.is_empty());
    }
}
