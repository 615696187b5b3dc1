//! Notices of GitLab, from a request to the sync that it hints at.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use gitlab_sim::GitlabSim;
use org_core::ports::{Clock as _, IdSource as _};
use org_core::testing::build::noon_plus;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use server::jobs::{Kind, Outcome};
use uuid::Uuid;

use crate::support::{Answer, Events, House, Machine, simulator};

/// What a hook was given as its plain token.
const TOKEN: &str = "open-sesame";

/// A server that follows a simulated GitLab on a machine whose time the test moves, and the secret that both agreed on.
struct Scene {
    machine: Machine,
    house: House,
    sim: GitlabSim,
    /// The id of the organization.
    id: String,
}

impl Scene {
    async fn agreed_on(secret: &str) -> Self {
        let machine = Machine::default();
        let (house, sim) = (House::on(&machine).await, simulator(1).await);
        let connected = house.connect(&sim, json!({})).await;
        let id = connected.body["id"].as_str().expect("an id").to_owned();
        let form = json!({"name": format!("webhook-{id}"), "value": secret});
        let added = house.send(Method::POST, "/secrets", form).await;
        assert_eq!(added.status, StatusCode::CREATED, "{}", added.text);
        // From here on nothing else of the server sleeps until the same moment as a hint does.
        machine.clock.advance(TimeDelta::seconds(1));
        Self {
            machine,
            house,
            sim,
            id,
        }
    }

    async fn sent(&self, headers: &[(&str, &str)], body: &str) -> StatusCode {
        let url = self.house.url(&format!("/webhooks/gitlab/{}", self.id));
        let mut request = self.house.client.post(url).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request).await.status
    }

    /// Sends a notice with the plain token, and waits until the server sleeps until the moment at which it will look.
    async fn noticed(&self, look: DateTime<Utc>) {
        let body = r#"{"event_name":"project_create"}"#;
        let status = self.sent(&[("x-gitlab-token", TOKEN)], body).await;
        assert_eq!(status, StatusCode::ACCEPTED);
        self.machine.sleeps_until(look).await;
    }

    /// Moves the clock to this moment.
    fn reach(&self, moment: DateTime<Utc>) {
        self.machine.clock.set(moment);
    }

    fn create(&self, path: &str) {
        self.sim.world().change(|world| {
            let acme = world.group("acme").expect("a group").id;
            world.create_project(acme, path).expect("a project");
        });
    }

    async fn repositories(&self) -> Vec<String> {
        let mut paths = self.house.get("/repositories").await.all("path");
        paths.sort_unstable();
        paths
    }

    /// The syncs, the newest first.
    async fn syncs(&self) -> Vec<Value> {
        let answer = self.house.get("/syncs").await;
        answer.body["items"].as_array().expect("a list").clone()
    }

    /// The ends of the syncs that change something; the others tell nothing.
    async fn ends(&self) -> Events {
        Events::open(&self.house, "?kind=sync.", None).await
    }
}

#[tokio::test]
async fn a_notice_is_taken_by_its_secret_and_counted() {
    let (house, sim) = (House::new().await, simulator(1).await);
    let id = house.connect(&sim, json!({})).await.body["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let secret = json!({"name": format!("webhook-{id}"), "value": "open-sesame"});
    house.send(Method::POST, "/secrets", secret).await;
    let notify = async |organization: &str, token: &str, notice: &str| {
        let url = house.url(&format!("/webhooks/gitlab/{organization}"));
        let request = house.client.post(url).header("x-gitlab-token", token);
        let body = json!({"event_name": "project_create", "project_id": 7});
        Answer::of(request.header("idempotency-key", notice).json(&body)).await
    };
    for (organization, token) in [
        (id.as_str(), "open-sesam"),
        (&id, ""),
        ("Acme", "open-sesame"),
        ("00000000-0000-0000-0000-000000000001", "open-sesame"),
        ("x", "open-sesame"),
    ] {
        let refused = notify(organization, token, "n").await;
        assert_eq!(refused.problem(), "401 token_refused", "{organization}");
    }
    for notice in ["one", "two", "one", "three"] {
        assert_eq!(
            notify(&id, "open-sesame", notice).await.status,
            StatusCode::ACCEPTED
        );
    }
    house
        .send(Method::POST, "/organizations/Acme/pause", json!({}))
        .await;
    assert_eq!(
        notify(&id, "open-sesame", "four").await.status,
        StatusCode::ACCEPTED
    );
    let request = house
        .client
        .get(house.url("/metrics"))
        .bearer_auth(&house.token);
    let figures = Answer::of(request).await.text;
    for line in [
        "forgehold_webhooks_total{outcome=\"refused\"} 5",
        "forgehold_webhooks_total{outcome=\"taken\"} 1",
        "forgehold_webhooks_total{outcome=\"joined\"} 2",
        "forgehold_webhooks_total{outcome=\"repeated\"} 1",
        "forgehold_webhooks_total{outcome=\"ignored\"} 1",
    ] {
        assert!(
            figures.lines().any(|found| found == line),
            "{line} is not in:\n{figures}"
        );
    }
}

#[tokio::test]
async fn a_notice_leads_to_a_sync_after_ten_seconds_and_the_next_one_waits_for_its_minute() {
    let scene = Scene::agreed_on(TOKEN).await;
    let before = scene.syncs().await.len();
    let mut ends = scene.ends().await;
    scene.create("first");
    scene.noticed(noon_plus(11)).await;
    scene.reach(noon_plus(11));
    let (_, end) = ends.next().await.expect("a sync ends");
    assert_eq!(end["kind"], "sync.complete");
    assert_eq!(scene.repositories().await, ["acme/app-0001", "acme/first"]);
    let syncs = scene.syncs().await;
    assert_eq!(syncs.len(), before + 1);
    assert_eq!(
        (&syncs[0]["trigger"], &syncs[0]["state"]),
        (&json!("requested"), &json!("complete"))
    );

    scene.create("second");
    scene.reach(noon_plus(21));
    // Ten seconds would be enough for the host, but the last sync began at 11.
    scene.noticed(noon_plus(71)).await;
    scene.reach(noon_plus(71) - TimeDelta::milliseconds(1));
    assert!(scene.machine.is_asleep(noon_plus(71)));
    assert_eq!(scene.syncs().await.len(), before + 1);
    scene.reach(noon_plus(71));
    let (_, end) = ends.next().await.expect("another one ends");
    assert_eq!(end["kind"], "sync.complete");
    assert_eq!(
        scene.repositories().await,
        ["acme/app-0001", "acme/first", "acme/second"]
    );
    let syncs = scene.syncs().await;
    assert_eq!(syncs.len(), before + 2);
    assert_eq!(syncs[0]["trigger"], "requested");
}

#[tokio::test]
async fn a_sync_that_finds_no_place_is_due_even_where_there_is_no_schedule() {
    let scene = Scene::agreed_on(TOKEN).await;
    let state = &scene.house.state;
    let organization = scene.id.parse().expect("an id");
    let next_run = async || {
        let next = state.ports().organizations.next_run(organization).await;
        next.expect("the store answers")
    };
    assert_eq!(
        next_run().await,
        None,
        "it is synchronized when asked for alone"
    );
    scene.noticed(noon_plus(11)).await;
    // So much is under way that nothing more is begun.
    let (end, ended) = tokio::sync::watch::channel(false);
    loop {
        let mut ended = ended.clone();
        let work = |_| async move {
            let _ = ended.wait_for(|ended| *ended).await;
            Outcome::Synced(Vec::new())
        };
        let about = (Kind::Sync, "Acme".to_owned());
        if state.jobs().begin(state, about, None, work).await.is_err() {
            break;
        }
    }
    scene.reach(noon_plus(11));
    let due = async {
        while next_run().await.is_none() {
            tokio::task::yield_now().await;
        }
    };
    let due = tokio::time::timeout(Duration::from_secs(30), due).await;
    due.expect("the scheduler has it");
    assert_eq!(next_run().await, Some(noon_plus(11)));
    end.send_replace(true);
}

/// The published example of Standard Webhooks: what anybody's signature of this notice is.
const SIGNED: [&str; 5] = [
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "1614265330",
    r#"{"test": 2432232314}"#,
    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
];

#[tokio::test]
async fn a_signed_notice_is_believed_for_five_minutes_and_only_as_it_was_signed() {
    let [secret, id, time, body, signature] = SIGNED;
    let scene = Scene::agreed_on(secret).await;
    let signed_at = DateTime::from_timestamp(1_614_265_330, 0).expect("in range");
    let check = async |late: i64, [id, time, body, signature]: [&str; 4]| {
        scene.reach(signed_at + TimeDelta::seconds(late));
        let headers = [
            ("webhook-id", id),
            ("webhook-timestamp", time),
            ("webhook-signature", signature),
        ];
        scene.sent(&headers, body).await.as_u16()
    };
    let good = [id, time, body, signature];
    assert_eq!(check(301, good).await, 401);
    assert_eq!(check(-301, good).await, 401);
    let other = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OI=";
    assert_eq!(check(0, [id, time, body, other]).await, 401);
    assert_eq!(check(0, ["msg_another", time, body, signature]).await, 401);
    assert_eq!(check(0, [id, "1614265331", body, signature]).await, 401);
    assert_eq!(check(0, [id, time, "{}", signature]).await, 401);
    let plain = [("x-gitlab-token", secret)];
    assert_eq!(scene.sent(&plain, body).await, StatusCode::UNAUTHORIZED);

    let replaced = format!("{other} {signature}");
    assert_eq!(check(300, [id, time, body, &replaced]).await, 202);
    let now = scene.machine.clock.now();
    scene
        .machine
        .sleeps_until(now + TimeDelta::seconds(10))
        .await;
}

/// Has something happen to the organization while the host is left alone, and nothing begin of the hint.
async fn check_skipped(method: Method, path: &str) {
    let mut scene = Scene::agreed_on(TOKEN).await;
    scene.noticed(noon_plus(11)).await;
    let changed = scene.house.send(method, path, json!({})).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    let last = scene.machine.ids.next_id();
    scene.reach(noon_plus(11));
    scene.machine.wakes_at(noon_plus(11)).await;
    // A server that stops waits for whatever was begun.
    scene.house.stop().await;
    assert_eq!(
        scene.machine.ids.next_id(),
        next(last),
        "something was begun"
    );
}

/// The id that comes behind.
fn next(id: Uuid) -> Uuid {
    Uuid::from_u128(id.as_u128() + 1)
}

#[tokio::test]
async fn nothing_begins_for_an_organization_that_was_paused_after_its_notice() {
    check_skipped(Method::POST, "/organizations/Acme/pause").await;
}

#[tokio::test]
async fn nothing_begins_for_an_organization_that_was_removed_after_its_notice() {
    check_skipped(Method::DELETE, "/organizations/Acme?confirm=Acme").await;
}

#[tokio::test]
async fn an_organization_that_was_edited_after_its_notice_is_synchronized_as_it_is_now() {
    let scene = Scene::agreed_on(TOKEN).await;
    let mut ends = scene.ends().await;
    scene.create("first");
    scene.noticed(noon_plus(11)).await;
    let name = json!({"name": "Acme Corporation"});
    let edited = scene
        .house
        .send(Method::PATCH, "/organizations/Acme", name)
        .await;
    assert_eq!(edited.status, StatusCode::OK, "{}", edited.text);
    let last = scene.machine.ids.next_id();
    scene.reach(noon_plus(11));
    ends.next().await.expect("a sync ends");
    let job = scene.house.get(&format!("/jobs/{}", next(last))).await;
    assert_eq!(job.body["kind"], "sync");
    assert_eq!(job.body["organization_name"], "Acme Corporation");
}
