//! Connecting by a sign-in on the page of the host over the API: a program waits for the browser at 127.0.0.1 and tells the server what it brought.

use chrono::TimeDelta;
use gitlab_sim::{ApplicationSpec, Fault, FaultKind, GitlabSim};
use org_core::host::{HostUrl, PlainHttp};
use org_core::oauth::RedirectUri;
use org_core::ports::Clock as _;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use server::http::limits::Limits;

use crate::support::{Answer, House, Machine, TOKEN, simulator};

const CLIENT: &str = "forgehold-of-the-tests";

/// The port at which a program would wait for the browser.
const PORT: u16 = 47_110;

/// A host at which our application is registered, and the setting that names it.
async fn registered() -> (GitlabSim, String) {
    let sim = simulator(2).await;
    let host = HostUrl::parse(sim.url(), PlainHttp::LoopbackOnly).expect("an address");
    let redirect = RedirectUri::registered_loopback(&host);
    let spec = ApplicationSpec::public("Forgehold", redirect.as_str()).client_id(CLIENT);
    sim.oauth().add_application(&spec).expect("a new one");
    let clients = format!("{} {CLIENT}", sim.url());
    (sim, clients)
}

async fn house() -> (House, GitlabSim) {
    let (sim, clients) = registered().await;
    let settings = [("FORGEHOLD_OAUTH__CLIENTS", clients.as_str())];
    (House::with(&settings, Limits::default()).await, sim)
}

fn form(sim: &GitlabSim, more: &Value) -> Value {
    let mut form = json!({
        "name": "Acme",
        "host": sim.url(),
        "sso": "read",
        "loopback_port": PORT,
        "schedule": {"manual": true},
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        form[name] = value.clone();
    }
    form
}

/// A sign-in that waits for a browser.
struct Begun {
    job: String,
    page: String,
}

async fn begin(house: &House, path: &str, form: Value) -> Begun {
    let begun = house.send(Method::POST, path, form).await;
    assert_eq!(begun.status, StatusCode::ACCEPTED, "{}", begun.text);
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let redirect = text(&begun.body["authorization"]["redirect_uri"]);
    let expected = format!("http://127.0.0.1:{PORT}/callback/");
    assert!(redirect.starts_with(&expected), "{redirect}");
    Begun {
        job: format!("/jobs/{}", text(&begun.body["id"])),
        page: text(&begun.body["authorization"]["url"]),
    }
}

impl Begun {
    async fn answer(&self, house: &House, answer: &str) -> Answer {
        let path = format!("{}/answer", self.job);
        house
            .send(Method::POST, &path, json!({ "answer": answer }))
            .await
    }

    async fn ended(&self, house: &House) -> Value {
        house.get(&format!("{}?wait=60", self.job)).await.body
    }

    async fn now(&self, house: &House) -> Value {
        house.get(&format!("{}?wait=0", self.job)).await.body
    }

    /// Somebody agreed at the host, and is asked what shall be covered.
    async fn agreed(&self, house: &House, sim: &GitlabSim) {
        let back = sim.oauth().approve(&self.page, "alice").expect("it waits");
        let answered = self.answer(house, &back).await;
        assert_eq!(answered.status, StatusCode::OK, "{}", answered.text);
        assert_eq!(answered.body["signed_in_as"], "alice", "{}", answered.text);
    }
}

async fn nothing_stays(house: &House) {
    for list in ["/organizations", "/secrets"] {
        assert_eq!(house.get(list).await.body["items"], json!([]), "{list}");
    }
}

#[tokio::test]
async fn an_organization_is_connected_by_what_the_browser_brings() {
    let (house, sim) = house().await;
    let begun = begin(
        &house,
        "/organizations?until=synced",
        form(&sim, &json!({})),
    )
    .await;

    // What belongs to another sign-in, or is no answer at all, changes nothing.
    let strange = begun.answer(&house, "/callback/x?code=1&state=2").await;
    assert_eq!(strange.problem(), "409 conflict", "{}", strange.text);
    let nonsense = begun.answer(&house, "nonsense").await;
    assert_eq!(nonsense.problem(), "422 invalid answer");
    assert!(begun.now(&house).await["authorization"].is_object());

    let back = sim.oauth().approve(&begun.page, "alice").expect("it waits");
    let answered = begun.answer(&house, &back).await;
    assert_eq!(answered.status, StatusCode::OK, "{}", answered.text);
    assert_eq!(answered.body["authorization"], Value::Null);
    assert_eq!(answered.body["signed_in_as"], "alice");
    let again = begun.answer(&house, &back).await;
    assert_eq!(again.problem(), "409 conflict", "{}", again.text);
    let ended = begun.ended(&house).await;
    assert_eq!(ended["state"], "done", "{ended}");
    assert_eq!(ended["syncs"][0]["state"], "complete", "{ended}");
    let shown = house.get("/organizations/Acme").await;
    assert_eq!(
        shown.body["authentication"]["method"], "sso",
        "{}",
        shown.text
    );
}

#[tokio::test]
async fn what_a_sign_in_waits_for_is_kept_for_nobody_and_shown_to_no_reader() {
    let (mut house, sim) = house().await;
    let ask = async |house: &House| {
        let request = house.request(Method::POST, "/organizations");
        let request = request.header("Idempotency-Key", "one");
        Answer::of(request.json(&form(&sim, &json!({})))).await
    };
    let first = ask(&house).await;
    let page = first.body["authorization"]["url"].as_str().expect("a page");
    let (_, state) = page.split_once("state=").expect("a state");
    let state = state.split('&').next().expect("its value").to_owned();
    let again = ask(&house).await;
    assert_eq!(again.body["id"], first.body["id"], "{}", again.text);
    assert_eq!(again.body["authorization"], Value::Null, "{}", again.text);
    for file in ["forgehold.sqlite", "forgehold.sqlite-wal"] {
        let bytes = std::fs::read(house.data().join(file)).expect("the database");
        let found = bytes
            .windows(state.len())
            .any(|part| part == state.as_bytes());
        assert!(!found, "the state is in {file}");
    }
    let job = format!("/jobs/{}?wait=0", first.body["id"].as_str().expect("an id"));
    assert!(house.get(&job).await.body["authorization"].is_object());
    house.token = house.issue("ada", "read").await;
    assert_eq!(house.get(&job).await.body["authorization"], Value::Null);
}

#[tokio::test]
async fn what_was_given_up_while_the_host_thinks_comes_to_nothing() {
    let (house, sim) = house().await;
    let begun = begin(&house, "/organizations", form(&sim, &json!({}))).await;
    let back = sim.oauth().approve(&begun.page, "alice").expect("it waits");
    // The host takes its time over the code, and agrees only after somebody gave up.
    sim.fault(Fault::new(FaultKind::Delay { ms: 2_000 }).path("/oauth/token"));
    let answer = begun.answer(&house, &back);
    let ends = async {
        let asked = |job: &Value| {
            let steps = job["steps"].as_array().into_iter().flatten();
            steps
                .into_iter()
                .any(|step| step["name"] == "exchange the code")
        };
        while !asked(&begun.now(&house).await) {
            tokio::task::yield_now().await;
        }
        house.send(Method::DELETE, &begun.job, json!(null)).await
    };
    let (answered, given_up) = tokio::join!(answer, ends);
    assert_eq!(given_up.status, StatusCode::OK, "{}", given_up.text);
    assert_eq!(
        answered.body["organization"],
        Value::Null,
        "{}",
        answered.text
    );
    assert_eq!(begun.ended(&house).await["state"], "failed");
    nothing_stays(&house).await;
    assert!(sim.oauth().stats().revocations > 0);
}

#[tokio::test]
async fn a_denial_leaves_nothing() {
    let (house, sim) = house().await;
    let begun = begin(&house, "/organizations", form(&sim, &json!({}))).await;
    let back = sim.oauth().deny(&begun.page).expect("it waits");
    let answered = begun.answer(&house, &back).await;
    assert_eq!(answered.body["problem"]["code"], "denied");
    nothing_stays(&house).await;
}

#[tokio::test]
async fn only_who_began_sees_the_page_and_brings_the_answer() {
    let (mut house, sim) = house().await;
    let begun = begin(&house, "/organizations", form(&sim, &json!({}))).await;
    let bob = json!({"name": "bob", "password": "another horse battery", "role": "administrator"});
    let bob = house.send(Method::POST, "/users", bob).await;
    assert_eq!(bob.status, StatusCode::CREATED, "{}", bob.text);
    let (ada, bob) = (house.token.clone(), house.issue("bob", "admin").await);
    let back = sim.oauth().approve(&begun.page, "alice").expect("it waits");

    house.token = bob;
    assert_eq!(begun.now(&house).await["authorization"], Value::Null);
    let answered = begun.answer(&house, &back).await;
    assert_eq!(answered.problem(), "403 denied", "{}", answered.text);
    let given_up = house.send(Method::DELETE, &begun.job, json!(null)).await;
    assert_eq!(given_up.problem(), "403 denied");

    // Another token of the same person is another program: whoever it has agree may be somebody else.
    house.token = ada;
    house.token = house.issue("ada", "admin").await;
    let answered = begun.answer(&house, &back).await;
    assert_eq!(answered.body["problem"]["code"], "denied");
    nothing_stays(&house).await;
}

#[tokio::test]
async fn groups_are_chosen_once_somebody_has_signed_in() {
    let (house, sim) = house().await;
    let wanted = form(&sim, &json!({"choose_groups": true}));
    let begun = begin(&house, "/organizations?until=synced", wanted.clone()).await;
    begun.agreed(&house, &sim).await;
    let asked = begun.now(&house).await;
    let check = &asked["choice"]["check"];
    assert_eq!(check["account"]["login"], "alice", "{asked}");
    let found = house
        .get(&format!("{}/host-groups?text=AC", begun.job))
        .await;
    assert_eq!(found.body["paths"], json!(["acme"]), "{}", found.text);

    let choice = format!("{}/choice", begun.job);
    let choose = |groups: Value| house.send(Method::POST, &choice, json!({"groups": groups}));
    for (groups, problem) in [
        (json!(["a//b"]), "422 invalid group"),
        (json!([""]), "422 invalid group"),
        (json!(["acme/nowhere"]), "422 invalid group"),
    ] {
        let refused = choose(groups).await;
        assert_eq!(refused.problem(), problem, "{}", refused.text);
    }
    let asked = begun.now(&house).await;
    assert_eq!(asked["choice"]["problem"]["code"], "invalid", "{asked}");
    let chosen = choose(json!(["acme"])).await;
    assert_eq!(chosen.status, StatusCode::OK, "{}", chosen.text);
    assert!(chosen.body["organization"].is_string(), "{}", chosen.text);
    assert_eq!(begun.ended(&house).await["state"], "done");
    let shown = house.get("/organizations/Acme").await;
    assert_eq!(shown.body["settings"]["groups"], json!(["acme"]));
    let late = choose(json!(["acme"])).await;
    assert_eq!(late.problem(), "409 conflict", "{}", late.text);

    // A name that somebody else took meanwhile cannot be chosen anew here, so it ends; what another choice mends does not.
    let wanted = form(&sim, &json!({"choose_groups": true, "name": "Other"}));
    let begun = begin(&house, "/organizations", wanted).await;
    begun.agreed(&house, &sim).await;
    let choice = format!("{}/choice", begun.job);
    let groups = json!({"groups": ["acme"]});
    let refused = house.send(Method::POST, &choice, groups.clone()).await;
    assert_eq!(refused.problem(), "409 conflict", "{}", refused.text);
    assert_eq!(begun.now(&house).await["state"], "running");
    let renamed = json!({"name": "Other"});
    let renamed = house
        .send(Method::PATCH, "/organizations/Acme", renamed)
        .await;
    assert_eq!(renamed.status, StatusCode::OK, "{}", renamed.text);
    let refused = house.send(Method::POST, &choice, groups).await;
    assert_eq!(refused.problem(), "409 conflict", "{}", refused.text);
}

#[tokio::test]
async fn who_gives_up_or_stops_leaves_no_grant() {
    let (mut house, sim) = house().await;
    let waits = begin(&house, "/organizations", form(&sim, &json!({}))).await;
    let given_up = house.send(Method::DELETE, &waits.job, json!(null)).await;
    assert_eq!(given_up.status, StatusCode::OK, "{}", given_up.text);
    assert_eq!(given_up.body["state"], "failed");
    nothing_stays(&house).await;

    let wanted = form(&sim, &json!({"choose_groups": true}));
    let chooses = begin(&house, "/organizations", wanted.clone()).await;
    chooses.agreed(&house, &sim).await;
    let given_up = house.send(Method::DELETE, &chooses.job, json!(null)).await;
    assert_eq!(given_up.body["state"], "failed", "{}", given_up.text);
    nothing_stays(&house).await;
    let revoked = sim.oauth().stats().revocations;
    assert!(revoked > 0);

    let chooses = begin(&house, "/organizations", wanted).await;
    chooses.agreed(&house, &sim).await;
    assert_eq!(sim.oauth().stats().revocations, revoked);
    house.stop().await;
    assert!(sim.oauth().stats().revocations > revoked);
    nothing_stays(&house.again().await).await;
}

#[tokio::test]
async fn a_sign_in_and_a_choice_have_their_time() {
    let (machine, (sim, clients)) = (Machine::default(), registered().await);
    let settings = [("FORGEHOLD_OAUTH__CLIENTS", clients.as_str())];
    let house = House::on_with(&machine, &settings).await;
    let begun = begin(&house, "/organizations", form(&sim, &json!({}))).await;
    machine.clock.advance(TimeDelta::minutes(10));
    let ended = begun.ended(&house).await;
    let detail = ended["problem"]["detail"].as_str().expect("words");
    assert_eq!(detail, "the sign-in took longer than ten minutes");
    nothing_stays(&house).await;

    let wanted = form(&sim, &json!({"choose_groups": true}));
    let begun = begin(&house, "/organizations", wanted).await;
    begun.agreed(&house, &sim).await;
    machine.clock.advance(TimeDelta::minutes(44));
    // It has looked at the clock, and waits on.
    let next = machine.clock.now() + TimeDelta::seconds(1);
    machine.sleeps_until(next).await;
    assert!(begun.now(&house).await["choice"].is_object());
    machine.clock.advance(TimeDelta::minutes(1));
    assert_eq!(begun.ended(&house).await["state"], "failed");
    nothing_stays(&house).await;
    assert!(sim.oauth().stats().revocations > 0);
}

#[tokio::test]
async fn a_check_by_a_sign_in_shows_what_would_be_covered_and_keeps_nothing() {
    let (house, sim) = house().await;
    let begun = begin(&house, "/organizations/check", form(&sim, &json!({}))).await;
    begun.agreed(&house, &sim).await;
    let ended = begun.ended(&house).await;
    assert_eq!(ended["kind"], "check");
    assert_eq!(ended["check"]["coverage"]["repositories"], 2, "{ended}");
    assert_eq!(ended["check"]["account"]["login"], "alice", "{ended}");
    nothing_stays(&house).await;
    assert!(sim.oauth().stats().revocations > 0);
}

#[tokio::test]
async fn an_organization_is_reconnected_by_what_the_browser_brings() {
    let (house, sim) = house().await;
    let connected = house.connect(&sim, json!({})).await;
    assert_eq!(connected.status, StatusCode::CREATED, "{}", connected.text);
    let wanted = json!({"sso": "read", "loopback_port": PORT});
    let begun = begin(&house, "/organizations/Acme/reconnect", wanted).await;
    begun.agreed(&house, &sim).await;
    assert_eq!(begun.ended(&house).await["state"], "done");
    let shown = house.get("/organizations/Acme").await;
    assert_eq!(
        shown.body["authentication"]["method"], "sso",
        "{}",
        shown.text
    );
}

#[tokio::test]
async fn what_goes_with_a_sign_in_alone_is_refused_without_one() {
    let (house, sim) = house().await;
    let token = json!({"sso": null, "login": "alice", "token": {"value": TOKEN}});
    for (more, problem) in [
        (token.clone(), "422 invalid loopback_port"),
        (
            json!({"sso": null, "loopback_port": null, "choose_groups": true}),
            "422 invalid choose_groups",
        ),
        (json!({"loopback_port": 0}), "400 malformed"),
    ] {
        let refused = house
            .send(Method::POST, "/organizations", form(&sim, &more))
            .await;
        assert_eq!(refused.problem(), problem, "{}", refused.text);
    }
}

#[tokio::test]
async fn those_who_wait_are_not_ever_more() {
    let (house, sim) = house().await;
    let mut waiting = 0;
    let refused = loop {
        let wanted = form(&sim, &json!({"name": format!("Acme {waiting}")}));
        let begun = house.send(Method::POST, "/organizations?wait=0", wanted);
        let begun = begun.await;
        if begun.status != StatusCode::ACCEPTED {
            break begun;
        }
        waiting += 1;
    };
    assert_eq!(refused.problem(), "429 too_many_jobs", "{}", refused.text);
    assert_eq!(waiting, 64);
    let connected = house.connect(&sim, json!({})).await;
    assert_eq!(connected.status, StatusCode::CREATED, "{}", connected.text);
}
