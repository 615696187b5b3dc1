//! Planted secrets are looked for everywhere.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{Days, NaiveDate};
use gitlab_sim::{Fault, FaultKind, GitlabSim, TokenSpec, World, WorldSpec};
use org_core::ids::RepositoryId;
use org_core::oauth::Access;
use org_core::ports::{
    Clock as _, DevicePoll, Probe, VcsIdentity as _, VcsListing as _, VcsOauth as _, VcsProbe as _,
    VcsRotation as _,
};
use secrecy::{ExposeSecret as _, SecretString};
use tracing_subscriber::fmt::MakeWriter;

use crate::harness::{Scene, all, config};
use crate::signing::{Signing, VERIFIER, refresh_token, small};

const PLANTED: &str = "glpat-Planted4Secret9Value2";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Everything that anybody logs on this thread until the guard is dropped.
fn listening() -> (Log, tracing::subscriber::DefaultGuard) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    (log, guard)
}

#[tokio::test]
async fn the_token_is_in_no_log_error_debug_or_url() {
    let (log, guard) = listening();
    let mut said = Vec::new();
    let world = World::generate(&WorldSpec::new(4).groups(3).projects(30));
    for kind in [
        None,
        Some(FaultKind::TokenRevoked),
        Some(FaultKind::CutBody { after: 3 }),
        Some(FaultKind::SignInPage),
        Some(FaultKind::Close),
        Some(FaultKind::CloudflareChallenge),
        Some(FaultKind::Redirect {
            status: 302,
            location: "https://elsewhere.example/".into(),
        }),
    ] {
        let token = TokenSpec::user("alice").value(PLANTED);
        let scene = Scene::with(
            GitlabSim::builder().world(world.clone()).token(token),
            config(),
        )
        .await;
        if let Some(kind) = kind {
            scene.sim.fault(Fault::new(kind));
        }
        let id = RepositoryId::new(1).expect("a number");
        let probe = Probe {
            host: scene.access.host.clone(),
            credential: Some(scene.access.credential.clone()),
        };
        said.push(format!("{:?} {:?} {probe:?}", scene.host, scene.access));
        said.push(format!("{:?}", scene.host.probe(&probe).await));
        said.push(format!("{:?}", scene.host.identify(&scene.access).await));
        said.push(format!("{:?}", scene.list(&all()).await));
        said.push(format!(
            "{:?}",
            scene.host.confirm(&scene.access, &[id]).await
        ));
        if let Err(error) = scene.host.identify(&scene.access).await {
            said.push(error.to_string());
        }
        for request in scene.sim.requests() {
            assert!(!request.token_in_url, "{} {}", request.path, request.query);
        }
    }
    drop(guard);
    let log = log.0.lock().unwrap_or_else(PoisonError::into_inner);
    let log = String::from_utf8_lossy(&log);
    assert!(log.contains("answered"), "the log was written");
    let tail = &PLANTED["glpat-".len()..];
    assert!(!log.contains(tail), "the log holds the token");
    for text in said {
        assert!(!text.contains(tail), "{text}");
    }
}

const CLIENT_SECRET: &str = "gloas-Planted4Client8Secret";

/// What was seen on the way through everything that the OAuth side does.
#[derive(Default)]
struct Seen {
    secrets: Vec<String>,
    said: Vec<String>,
}

impl Seen {
    fn secret(&mut self, secret: &SecretString) {
        self.secrets.push(secret.expose_secret().to_owned());
    }

    fn note<T: std::fmt::Debug, E: std::fmt::Debug + std::fmt::Display>(
        &mut self,
        result: &Result<T, E>,
    ) {
        self.said.push(format!("{result:?}"));
        if let Err(error) = result {
            self.said.push(error.to_string());
        }
    }
}

/// Goes the whole way; where `kind` strikes, it goes on with what there was before.
async fn whole_way(signing: &Signing, kind: Option<FaultKind>, seen: &mut Seen) {
    let (scene, at) = (&signing.scene, &signing.host);
    let host = &scene.host;
    let request = signing.request(Access::Read);
    seen.secret(request.state.secret());
    seen.said.push(format!("{request:?} {host:?}"));
    let code = signing.code(Access::Read);
    seen.secret(&code);
    let answer = signing.answer(code);
    seen.said.push(format!("{answer:?}"));
    let good = signing.sign_in(Access::Read).await;
    let device = host
        .start_device(at, Access::Read)
        .await
        .expect("it is offered");
    seen.secret(&device.device_code);
    scene
        .sim
        .oauth()
        .approve_device(&device.user_code, "alice")
        .expect("it waits");

    if let Some(kind) = kind {
        scene.sim.fault(Fault::new(kind));
    }
    let mut pairs = vec![good];
    let exchanged = signing.exchange(&answer).await;
    seen.note(&exchanged);
    pairs.extend(exchanged);
    let polled = host
        .poll_device(at, &device.device_code, Access::Read)
        .await;
    seen.note(&polled);
    if let Ok(DevicePoll::Granted(grant)) = polled {
        pairs.push(grant);
    }
    let renewed = signing.refresh(&refresh_token(&pairs[0])).await;
    seen.note(&renewed);
    pairs.extend(renewed);
    seen.note(&signing.refresh(&refresh_token(&pairs[0])).await);
    seen.note(&signing.exchange(&answer).await);
    for pair in &pairs {
        let access = signing.opened_by(&pair.access_token);
        seen.said.push(format!("{access:?} {pair:?}"));
        seen.note(&host.identify(&access).await);
    }
    let today = scene.clock.now().date_naive();
    let later: NaiveDate = today.checked_add_days(Days::new(30)).expect("a day");
    let rotated = host.rotate(&scene.access, later).await;
    seen.note(&rotated);
    if let Ok(rotated) = rotated {
        seen.secret(&rotated.token);
    }
    for pair in &pairs {
        seen.secret(&pair.access_token);
        seen.secret(&refresh_token(pair));
        seen.note(&host.revoke(at, &pair.access_token).await);
    }
    for request in scene.sim.requests() {
        assert!(!request.token_in_url, "{} {}", request.path, request.query);
        let url = format!("{}?{}", request.path, request.query);
        seen.said.push(url);
    }
}

#[tokio::test]
async fn no_secret_of_a_sign_in_is_in_a_log_error_debug_or_url() {
    let (log, guard) = listening();
    let mut seen = Seen::default();
    for kind in [
        None,
        Some(FaultKind::Oauth {
            error: "invalid_client".into(),
        }),
        Some(FaultKind::TruncatedJson),
        Some(FaultKind::CutBody { after: 30 }),
        Some(FaultKind::Close),
        Some(FaultKind::Redirect {
            status: 307,
            location: "https://elsewhere.example/oauth/token".into(),
        }),
        Some(FaultKind::Throttled {
            retry_after: Some(1),
        }),
    ] {
        let signing = Signing::with(small(), config(), Some(CLIENT_SECRET)).await;
        whole_way(&signing, kind, &mut seen).await;
    }
    drop(guard);
    seen.secrets.push(CLIENT_SECRET.to_owned());
    seen.secrets.push(VERIFIER.to_owned());
    assert!(seen.secrets.len() > 40, "there was something to look for");
    let log = log.0.lock().unwrap_or_else(PoisonError::into_inner);
    let log = String::from_utf8_lossy(&log);
    assert!(log.contains("/oauth/token"), "the log was written");
    for secret in &seen.secrets {
        assert!(!log.contains(secret), "the log holds {secret}");
        for text in &seen.said {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
