//! Organizations, repositories, licenses and secrets over the API.

use gitlab_sim::{Fault, FaultKind};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, House, TOKEN, simulator};

#[tokio::test]
async fn the_document_is_up_to_date() {
    let document = server::api::document().to_pretty_json().expect("texts") + "\n";
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api/openapi.json");
    if std::env::var_os("FORGEHOLD_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &document).expect("the folder of the documentation is writable");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == document,
        "docs/api/openapi.json is not up to date; run `cargo xtask codegen`"
    );
    let house = House::new().await;
    let served = house.get("/openapi.json").await;
    let document: Value = serde_json::from_str(&document).expect("JSON");
    assert_eq!(served.body, document);
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["title"], "Forgehold");
    assert_eq!(document["security"], json!([{"api_token": []}]));
    let paths = document["paths"].as_object().expect("paths").values();
    let operations = paths.flat_map(|path| path.as_object().expect("operations").values());
    let ids: Vec<&str> = operations
        .filter_map(|operation| operation["operationId"].as_str())
        .collect();
    let unique: std::collections::BTreeSet<&str> = ids.iter().copied().collect();
    assert!(unique.len() == ids.len() && ids.len() > 40, "{ids:?}");
}

#[tokio::test]
async fn an_organization_is_connected_looked_at_changed_and_removed() {
    let (house, sim) = (House::new().await, simulator(12).await);
    let made = house.connect(&sim, json!({"auto_license": true})).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let id = made.body["id"].as_str().expect("an id").to_owned();
    assert_eq!(
        made.header("location"),
        format!("/api/v1/organizations/{id}")
    );

    let shown = house.get("/organizations/acme").await;
    assert_eq!(shown.body["counts"]["repositories"], 12);
    assert_eq!(shown.body["status"]["state"], "connected");
    let listed = house.get("/organizations").await;
    assert_eq!(listed.body["items"][0], shown.body);
    let permissions = house.get("/organizations/Acme/permissions").await;
    assert_eq!(permissions.all("granted")[0], "yes");
    let preview = house
        .send(
            Method::PATCH,
            "/organizations/Acme",
            json!({"schedule": {"at": "06:00", "zone": "Europe/Warsaw"}}),
        )
        .await;
    assert_eq!(
        preview.body["settings"]["schedule"]["kind"], "at",
        "{}",
        preview.text
    );
    let runs = house.get("/organizations/Acme/schedule?count=3").await;
    assert_eq!(runs.body["runs"].as_array().map(Vec::len), Some(3));

    let paused = house
        .send(Method::POST, "/organizations/Acme/pause", json!({}))
        .await;
    assert_eq!(paused.body["status"]["state"], "paused");
    let again = house
        .send(Method::POST, "/organizations/Acme/pause", json!({}))
        .await;
    assert_eq!(again.problem(), "409 conflict");
    let resumed = house
        .send(Method::POST, "/organizations/Acme/resume", json!({}))
        .await;
    assert_eq!(resumed.body["status"]["state"], "connected");

    let wrong = house
        .send(
            Method::DELETE,
            "/organizations/Acme?confirm=acne",
            json!({}),
        )
        .await;
    assert_eq!(wrong.problem(), "409 needs_confirmation");
    let removed = house
        .send(
            Method::DELETE,
            "/organizations/Acme?confirm=Acme",
            json!({}),
        )
        .await;
    assert_eq!(removed.body["name"], "Acme", "{}", removed.text);
    assert_eq!(removed.body["deleted_secrets"], 1);
    assert_eq!(
        house.get("/organizations/Acme").await.problem(),
        "404 not_found"
    );
    assert_eq!(
        house.get("/organizations?all=true").await.all("name"),
        ["Acme"]
    );
    assert!(!house.get("/events?limit=500").await.text.contains(TOKEN));
}

#[tokio::test]
async fn every_mistake_of_the_form_is_told_at_its_field_and_nothing_stays_behind() {
    let (house, sim) = (House::new().await, simulator(1).await);
    let check = async |more: Value, expected: &str| {
        let answer = house.connect(&sim, more).await;
        assert_eq!(answer.problem(), expected, "{}", answer.text);
        assert!(!answer.text.contains(TOKEN), "{}", answer.text);
    };
    check(
        json!({"login": "", "token": {}, "groups": ["/"], "schedule": {"every": "1s"}}),
        "422 invalid login,token,group,sync-every",
    )
    .await;
    check(
        json!({"token": {"secret": "x", "value": TOKEN}}),
        "422 invalid token",
    )
    .await;
    check(
        json!({"license_existing": "some"}),
        "422 invalid license_existing",
    )
    .await;
    check(json!({"login": "bob"}), "422 invalid").await;
    check(
        json!({"token": {"value": "glpat-other0000000000000000"}}),
        "424 denied",
    )
    .await;
    check(json!({"groups": ["globex"]}), "422 invalid group").await;
    check(json!({"host": "http://127.0.0.1:1"}), "503 unavailable").await;
    check(json!({"colour": "red"}), "400 malformed").await;
    assert!(house.get("/organizations").await.all("name").is_empty());
    assert!(house.get("/secrets").await.all("name").is_empty());
    let attempts = house.get("/attempts").await;
    assert!(attempts.all("state").iter().all(|state| state == "failed"));
}

#[tokio::test]
async fn a_change_on_a_version_that_is_gone_is_refused() {
    let (house, sim) = (House::new().await, simulator(1).await);
    house.connect(&sim, json!({})).await;
    let seen = house.get("/organizations/Acme").await;
    let tag = seen.header("etag").to_owned();
    let edit = async |tag: &str, name: &str| {
        let request = house.request(Method::PATCH, "/organizations/Acme");
        let request = request
            .header("if-match", tag)
            .json(&json!({"protect_groups": true, "name": name}));
        Answer::of(request).await
    };
    let first = edit(&tag, "Acme").await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text);
    assert_ne!(first.header("etag"), tag);
    assert_eq!(edit(&tag, "Apex").await.problem(), "412 version_changed");
    assert_eq!(
        edit("\"nonsense\"", "Apex").await.problem(),
        "412 version_changed"
    );
    assert_eq!(edit("*", "Acme").await.status, StatusCode::OK);
    let now = house.get("/organizations/Acme").await;
    let request = house.request(Method::GET, "/organizations/Acme");
    let same = Answer::of(request.header("if-none-match", now.header("etag"))).await;
    assert_eq!(
        (same.status, same.text.as_str()),
        (StatusCode::NOT_MODIFIED, "")
    );
}

#[tokio::test]
async fn lists_are_read_page_by_page_and_filtered_by_the_server() {
    let (house, sim) = (House::new().await, simulator(25).await);
    house
        .connect(&sim, json!({"license_existing": "all"}))
        .await;
    let mut paths = Vec::new();
    let mut next = String::new();
    loop {
        let page = house
            .get(&format!("/repositories?limit=10&organization=Acme{next}"))
            .await;
        paths.extend(page.all("path"));
        match page.body["next"].as_str() {
            Some(after) => next = format!("&after={after}"),
            None => break,
        }
    }
    assert_eq!(paths.len(), 25);
    assert!(paths.is_sorted());
    let last = house.get("/repositories?sort=-path&limit=1").await;
    assert_eq!(last.all("path"), ["acme/app-0025"]);
    let next = last.body["next"].as_str().expect("there is more");
    let after = |sort: &str| format!("/repositories?sort={sort}&limit=1&after={next}");
    let second = house.get(&after("-path")).await;
    assert_eq!(second.all("path"), ["acme/app-0024"]);
    let other = house.get(&after("activity")).await;
    assert_eq!(other.problem(), "422 invalid after");
    let some = house
        .get("/repositories?text=APP-001&license=licensed")
        .await;
    assert_eq!(some.all("path").len(), 10);
    assert!(
        house
            .get("/repositories?lifecycle=archived")
            .await
            .all("path")
            .is_empty()
    );
    for (query, problem) in [
        ("limit=0", "422 invalid limit"),
        ("limit=501", "422 invalid limit"),
        ("limit=many", "422 invalid limit"),
        ("limt=2", "422 invalid limt"),
        ("after=nonsense", "422 invalid after"),
        ("license=maybe", "422 invalid license"),
        ("presence=maybe", "422 invalid presence"),
        ("sort=size", "422 invalid sort"),
        ("organization=globex", "404 not_found"),
    ] {
        let answer = house.get(&format!("/repositories?{query}")).await;
        assert_eq!(answer.problem(), problem, "{query}");
    }
    let syncs = house.get("/syncs?organization=Acme&limit=1").await;
    assert_eq!(syncs.all("state"), ["complete"]);
    let id = &syncs.all("id")[0];
    assert_eq!(
        house.get(&format!("/syncs/{id}")).await.body["id"],
        id.as_str()
    );
    assert_eq!(house.get("/syncs/x").await.problem(), "404 not_found");
}

#[tokio::test]
async fn a_repository_gets_a_license_and_loses_it() {
    let (house, sim) = (House::new().await, simulator(3).await);
    house.connect(&sim, json!({})).await;
    let seats = house
        .send(Method::PUT, "/licenses/seats", json!({"seats": 1}))
        .await;
    assert_eq!(seats.body["seats"], 1, "{}", seats.text);
    let license =
        |number: u32| format!("/organizations/Acme/repositories/acme%2Fapp-{number:04}/license");
    let assign = async |number| house.send(Method::PUT, &license(number), json!({})).await;
    assert_eq!(assign(1).await.body["outcome"], "assigned");
    assert_eq!(assign(1).await.body["outcome"], "unchanged");
    assert_eq!(assign(2).await.body["outcome"], "waits");
    let pool = house.get("/licenses").await;
    assert_eq!(
        (&pool.body["held"], &pool.body["waiting"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        house
            .get("/licenses/holders?state=waiting")
            .await
            .all("path"),
        ["acme/app-0002"]
    );
    let why = house
        .get("/organizations/Acme/repositories/acme%2Fapp-0002/why")
        .await;
    assert_eq!(why.body["state"], "waiting");
    let few = house
        .send(Method::PUT, "/licenses/seats", json!({"seats": 0}))
        .await;
    assert_eq!(few.problem(), "409 conflict");
    let released = house.send(Method::DELETE, &license(1), json!({})).await;
    assert_eq!(released.body["outcome"], "released");
    assert_eq!(
        house.get("/licenses/holders").await.all("path"),
        ["acme/app-0002"]
    );
    let details = house
        .get("/organizations/Acme/repositories/acme%2Fapp-0001")
        .await;
    assert_eq!(details.body["repository"]["path"], "acme/app-0001");
    assert!(
        details.body["timeline"]
            .as_array()
            .is_some_and(|events| !events.is_empty())
    );
    let found = house
        .get("/repositories/find?repository=acme/app-0003")
        .await;
    assert_eq!(found.body["license"]["state"], "unlicensed");

    let rules = json!({"rules": ["exclude path acme/app-0001", "include all"]});
    let preview = house
        .send(Method::POST, "/licenses/policy/preview", rules.clone())
        .await;
    assert_eq!(preview.all("action"), ["exclude", "include", "include"]);
    let set = house
        .send(Method::PUT, "/licenses/policy", rules.clone())
        .await;
    assert_eq!(set.body, rules, "{}", set.text);
    let smuggled = json!({"rules": ["include all\nexclude all"]});
    let refused = house.send(Method::PUT, "/licenses/policy", smuggled).await;
    assert_eq!(refused.problem(), "422 invalid rules");
    assert_eq!(house.get("/licenses/policy").await.body, rules);
}

#[tokio::test]
async fn a_secret_goes_in_and_never_comes_out() {
    let (house, sim) = (House::new().await, simulator(1).await);
    let made = house
        .send(
            Method::POST,
            "/secrets",
            json!({"name": "gitlab", "value": TOKEN}),
        )
        .await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let again = house
        .send(
            Method::POST,
            "/secrets",
            json!({"name": "gitlab", "value": TOKEN}),
        )
        .await;
    assert_eq!(again.problem(), "409 conflict");
    house
        .connect(&sim, json!({"token": {"secret": "gitlab"}}))
        .await;
    let used = house
        .send(Method::DELETE, "/secrets/gitlab", json!({}))
        .await;
    assert_eq!(used.problem(), "409 conflict");
    assert_eq!(
        house.get("/secrets/gitlab").await.body["used_by"],
        json!(["Acme"])
    );
    let rotated = house
        .send(
            Method::POST,
            "/secrets/gitlab/rotate",
            json!({"value": "another-value-of-it"}),
        )
        .await;
    assert_eq!(rotated.body["version"], 2);
    let bad = house
        .send(Method::POST, "/secrets", json!({"name": "x", "value": 7}))
        .await;
    assert_eq!(bad.problem(), "400 malformed");
    for path in [
        "/secrets",
        "/secrets/gitlab",
        "/events?limit=500",
        "/organizations",
        "/attempts",
    ] {
        let text = house.get(path).await.text;
        assert!(
            !text.contains(TOKEN) && !text.contains("another-value"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_held_sync_is_decided_about() {
    let (house, sim) = (House::new().await, simulator(30).await);
    house.connect(&sim, json!({})).await;
    assert_eq!(
        house.get("/organizations/Acme/held").await.problem(),
        "404 not_found"
    );
    sim.world().change(|world| {
        for number in 1..=20 {
            let path = format!("acme/app-{number:04}");
            world.delete_project(path.as_str()).expect("it is there");
        }
    });
    let job = house.synced().await;
    assert_eq!(job["syncs"][0]["state"], "held", "{job}");
    let held = house.get("/organizations/Acme/held").await;
    assert_eq!(held.body["total"], 20);
    let sync = held.body["sync"]["id"].clone();
    let other = json!({"sync": "00000000-0000-0000-0000-000000000001"});
    let refused = house
        .send(Method::POST, "/organizations/Acme/approve", other)
        .await;
    assert_eq!(refused.problem(), "404 not_found");
    let approved = house
        .send(
            Method::POST,
            "/organizations/Acme/approve?wait=60",
            json!({"sync": sync}),
        )
        .await;
    assert_eq!(approved.body["decision"], "approved", "{}", approved.text);
    assert_eq!(approved.body["job"]["syncs"][0]["counts"]["vanished"], 20);
    assert_eq!(
        house
            .get("/repositories?presence=gone")
            .await
            .all("path")
            .len(),
        20
    );
}

#[tokio::test]
async fn a_write_that_is_sent_again_is_answered_and_not_done_twice() {
    let house = House::new().await;
    let add = async |key: &str, name: &str| {
        let request = house
            .request(Method::POST, "/secrets")
            .header("idempotency-key", key);
        Answer::of(request.json(&json!({"name": name, "value": TOKEN}))).await
    };
    let first = add("one", "a").await;
    let again = add("one", "a").await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(add("one", "b").await.problem(), "422 key_reused");
    assert_eq!(add("two", "a").await.problem(), "409 conflict");
    assert_eq!(add("two", "a").await.header("idempotency-replayed"), "true");
    assert_eq!(
        add("with space", "c").await.problem(),
        "422 invalid Idempotency-Key"
    );
    assert_eq!(house.get("/secrets").await.all("name"), ["a"]);

    let issue = async || {
        let request = house
            .request(Method::POST, "/tokens")
            .header("idempotency-key", "token");
        Answer::of(request.json(&json!({"name": "ci", "scope": "read"}))).await
    };
    let issued = issue().await;
    let value = issued.body["value"].as_str().expect("a token").to_owned();
    let again = issue().await;
    assert_eq!(again.problem(), "409 answer_not_kept");
    assert!(!again.text.contains(&value));

    let house = house.again().await;
    let request = house
        .request(Method::POST, "/secrets")
        .header("idempotency-key", "three");
    let before = Answer::of(request.json(&json!({"name": "c", "value": TOKEN}))).await;
    assert_eq!(before.status, StatusCode::CREATED);
    let token = house.token.clone();
    let mut house = house.again().await;
    // What was answered is kept on the disk; the token is part of what was asked.
    house.token = token;
    let request = house
        .request(Method::POST, "/secrets")
        .header("idempotency-key", "three");
    let after = Answer::of(request.json(&json!({"name": "c", "value": TOKEN}))).await;
    assert_eq!(after.header("idempotency-replayed"), "true");
    let files = std::fs::read_dir(house.data())
        .expect("the folder")
        .flatten();
    for file in files {
        let bytes = std::fs::read(file.path()).unwrap_or_default();
        let found = bytes
            .windows(TOKEN.len())
            .any(|window| window == TOKEN.as_bytes());
        assert!(
            !found,
            "{} has the token in the clear",
            file.path().display()
        );
    }
}

#[tokio::test]
async fn hosts_are_probed_and_devices_listed() {
    let (house, sim) = (House::new().await, simulator(1).await);
    house.connect(&sim, json!({})).await;
    let probed = house
        .send(Method::POST, "/probe", json!({"host": sim.url()}))
        .await;
    assert_eq!(probed.body["reachable"], true, "{}", probed.text);
    let unreachable = house
        .send(
            Method::POST,
            "/probe",
            json!({"host": "http://127.0.0.1:1"}),
        )
        .await;
    assert_eq!(unreachable.body["reachable"], false);
    assert_eq!(
        unreachable.body["steps"]
            .as_array()
            .expect("steps")
            .last()
            .expect("one")["state"],
        "failed"
    );
    let bad = house
        .send(Method::POST, "/probe", json!({"host": "ftp://x"}))
        .await;
    assert_eq!(bad.problem(), "422 invalid host");
    let devices = house.get("/devices").await;
    assert_eq!(devices.body["items"][0]["organizations"], json!(["Acme"]));
    let preview = house
        .send(
            Method::POST,
            "/schedule/preview?count=2",
            json!({"cron": "0 6 * * *"}),
        )
        .await;
    assert_eq!(
        preview.body["runs"].as_array().map(Vec::len),
        Some(2),
        "{}",
        preview.text
    );
}

#[tokio::test]
async fn a_sync_that_a_stop_cuts_off_is_made_up_for_at_the_next_start() {
    let (mut house, sim) = (House::new().await, simulator(300).await);
    house.connect(&sim, json!({})).await;
    let held_back = sim.fault(Fault::new(FaultKind::Hang));
    let begun = house
        .send(Method::POST, "/organizations/Acme/sync?wait=0", json!({}))
        .await;
    assert_eq!(begun.status, StatusCode::ACCEPTED, "{}", begun.text);
    while sim.hits(held_back) == 0 {
        tokio::task::yield_now().await;
    }
    house.stop().await;
    sim.clear_faults();
    let house = house.again().await;
    let mut states = Vec::new();
    while states.first().is_none_or(|state| state != "complete") {
        states = house.get("/syncs?limit=2").await.all("state");
    }
    assert_eq!(states, ["complete", "canceled"]);
}

/// Every text of a source file below a folder.
fn sources(folder: &std::path::Path, texts: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, texts);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            texts.push(std::fs::read_to_string(&path).expect("a text"));
        }
    }
}

#[test]
fn every_code_of_a_problem_is_in_its_table() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("../../docs/api.md")).expect("the page");
    let mut texts = Vec::new();
    sources(&root.join("src"), &mut texts);
    let mut codes = std::collections::BTreeSet::new();
    for text in &texts {
        for call in text.split("Problem::new(").skip(1) {
            let arguments = call.split(';').next().unwrap_or_default();
            // The code is the first text among the arguments, where it is a text at all.
            let code = arguments.split('"').nth(1).unwrap_or_default();
            let plain = code
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            if plain && !code.is_empty() {
                codes.insert(code.to_owned());
            }
        }
    }
    assert!(codes.len() > 15, "{codes:?}");
    for code in &codes {
        assert!(
            page.contains(&format!("`{code}`")),
            "docs/api.md does not have {code}"
        );
    }
}
