//! Secrets are planted everywhere and must be found nowhere: log, `Debug`, traces.

use std::io;
use std::sync::{Arc, Mutex};

use gitlab_sim::{ApplicationSpec, AuthKind, GitlabSim, Mutation};

use crate::browser::{Browser, form};
use crate::client::{get_as, http};
use crate::oauth::{
    CONFIDENTIAL, PASSWORD, PUBLIC, SECRET, VERIFIER, WEB, address, builder, exchange, pair, post,
    query,
};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What was planted on the whole way through the pages.
struct Planted {
    access: String,
    refresh: String,
    code: String,
    device_code: String,
}

async fn whole_way(sim: &GitlabSim, secrets: &mut Vec<String>) -> Planted {
    let state = "a-state-nobody-may-read";
    let mut browser = Browser::of(sim);
    let page = browser
        .open_signed_in(&address(sim, &[("state", state)]), "alice", PASSWORD)
        .await;
    let agreed = form(&page, "Authorize</button>");
    let goal = browser.submit(&agreed).await;
    let code = query(goal.header("location").unwrap())["code"].clone();
    let cookie = browser.cookie.clone().unwrap();
    let cookie = cookie.split_once('=').unwrap().1.to_owned();
    secrets.extend([
        state.to_owned(),
        agreed.fields["authenticity_token"].clone(),
    ]);
    secrets.extend([cookie, code.clone()]);
    let (access, refresh) = pair(&exchange(sim, &code, &[]).await);
    let device = post(sim, "/oauth/authorize_device", &[("client_id", PUBLIC)])
        .await
        .json();
    let text = |name: &str| device[name].as_str().unwrap().to_owned();
    let (device_code, user_code) = (text("device_code"), text("user_code"));
    browser.open(&text("verification_uri_complete")).await;
    secrets.extend([
        access.clone(),
        refresh.clone(),
        device_code.clone(),
        user_code,
    ]);
    Planted {
        access,
        refresh,
        code,
        device_code,
    }
}

/// Secrets where none belongs: queries, wrong fields, wrong endpoints, headers, JSON.
async fn astray(sim: &GitlabSim, planted: &Planted) {
    let Planted {
        access,
        refresh,
        code,
        device_code,
    } = planted;
    let all = [
        ("token", access.as_str()),
        ("refresh_token", refresh),
        ("code", code),
        ("code_verifier", VERIFIER),
        ("client_secret", SECRET),
        ("device_code", device_code),
        ("password", PASSWORD),
    ];
    for path in [
        "/oauth/token",
        "/oauth/revoke",
        "/oauth/authorize",
        "/users/sign_in",
        "/api/v4/user",
    ] {
        post(sim, path, &all).await;
        let url = reqwest::Url::parse_with_params(&format!("{}{path}", sim.url()), all).unwrap();
        http().get(url.clone()).send().await.unwrap();
        http()
            .post(url)
            .json(&serde_json::json!({ "client_id": refresh }))
            .send()
            .await
            .unwrap();
    }
    get_as(sim, "", &format!("/api/v4/projects?search={refresh}")).await;
    get_as(sim, "", &format!("/api/v4/projects/{code}")).await;
    get_as(sim, "", &format!("/oauth/token/info?access_token={access}")).await;
    let request = http()
        .post(format!("{}/oauth/token", sim.url()))
        .basic_auth(CONFIDENTIAL, Some(SECRET))
        .form(&[("scope", refresh.as_str()), ("grant_type", code.as_str())]);
    request.send().await.unwrap();
}

/// Everything that a test may print.
fn debug_output(sim: &GitlabSim) -> Vec<String> {
    let mut shown = Vec::new();
    shown.push(format!("{sim:?} {:?} {:?}", sim.oauth(), sim.world()));
    shown.push(sim.world().read(|world| format!("{world:?}")));
    let application = sim.oauth().application(CONFIDENTIAL).unwrap();
    shown.push(format!(
        "{application:?} {}",
        serde_json::to_string(&application).unwrap()
    ));
    shown.push(format!(
        "{:?}",
        ApplicationSpec::confidential("x", WEB).secret(SECRET)
    ));
    shown.push(format!(
        "{:?}",
        sim.oauth().issue(PUBLIC, "alice", &["api"]).unwrap()
    ));
    shown.push(format!("{:?}", sim.oauth().password("alice").unwrap()));
    let mutation = Mutation::SetPassword {
        username: "alice".into(),
        password: PASSWORD.into(),
    };
    shown.push(format!("{mutation:?}"));
    shown
}

#[tokio::test]
async fn no_secret_is_in_the_log_in_debug_output_or_in_traces() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing_subscriber::util::SubscriberInitExt::set_default(subscriber);
    tracing::trace!("the traces are read");

    let setup = builder();
    let mut shown = vec![format!("{setup:?}")];
    let sim = setup.start().await.unwrap();
    let mut secrets: Vec<String> = [PASSWORD, SECRET, VERIFIER].map(str::to_owned).into();
    let planted = whole_way(&sim, &mut secrets).await;
    astray(&sim, &planted).await;
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &planted.refresh),
        ("client_id", PUBLIC),
    ];
    let (access, refresh) = pair(&post(&sim, "/oauth/token", &fields).await);
    secrets.extend([access, refresh]);

    let log = sim.requests();
    shown.push(format!("{log:?}"));
    shown.push(serde_json::to_string(&log).unwrap());
    shown.extend(debug_output(&sim));
    let traces = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(traces.contains("the traces are read"));
    shown.push(traces);
    for (at, text) in shown.iter().enumerate() {
        for secret in &secrets {
            let encoded = secret.replace(' ', "+").replace('&', "%26");
            assert!(
                !text.contains(secret.as_str()) && !text.contains(&encoded),
                "{secret} is in output {at}"
            );
        }
    }
    // What helps to understand a failure is there.
    let exchanged = log
        .iter()
        .find(|record| record.path == "/oauth/token" && record.status == 200)
        .unwrap();
    let form = exchanged.form.as_deref().unwrap();
    assert!(form.contains("grant_type=authorization_code") && form.contains("code_verifier=***"));
    assert!(form.contains(&format!("client_id={PUBLIC}")), "{form}");
    assert!(
        log.iter()
            .any(|record| record.token_in_url && record.auth == AuthKind::Query)
    );
    let asked = log
        .iter()
        .find(|record| record.path == "/oauth/authorize")
        .unwrap();
    assert!(asked.query.contains("state=***") && asked.query.contains("response_type=code"));
}
