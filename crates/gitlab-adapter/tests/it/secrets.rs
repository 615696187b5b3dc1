//! A planted token is looked for everywhere.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use gitlab_sim::{Fault, FaultKind, GitlabSim, TokenSpec, World, WorldSpec};
use org_core::ids::RepositoryId;
use org_core::ports::{Probe, VcsIdentity as _, VcsListing as _, VcsProbe as _};
use tracing_subscriber::fmt::MakeWriter;

use crate::harness::{Scene, all, config};

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

#[tokio::test]
async fn the_token_is_in_no_log_error_debug_or_url() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
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
            token: Some(scene.access.token.clone()),
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
