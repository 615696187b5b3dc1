//! The control interface: what other processes drive a simulator by, on an address of its own.
//!
//! It is meant for loopback alone: whoever reaches it can read the world and make tokens.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Json, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Router, serve};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::fault::{Fault, FaultId, Trigger, TriggerData};
use crate::limits::RateLimits;
use crate::server::GitlabSim;
use crate::shared::Shared;
use crate::world::{Mutation, Outcome, World};

/// A running control interface. Dropping it closes it; the simulator goes on.
#[derive(Debug)]
pub struct Control {
    address: SocketAddr,
    task: AbortHandle,
}

impl Control {
    /// Opens the control interface of a simulator.
    pub async fn start(sim: &GitlabSim, address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let world = sim.world();
        let task = tokio::spawn(async move {
            if let Err(error) = serve(listener, router(Arc::clone(&world.0))).await {
                tracing::warn!(%error, "the control interface stopped");
            }
        });
        Ok(Self {
            address,
            task: task.abort_handle(),
        })
    }

    /// Its address, for example `http://127.0.0.1:45678`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Shares = State<Arc<Shared>>;

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/control/mutate", post(mutate))
        .route("/control/fault", post(set_fault).delete(clear_faults))
        .route(
            "/control/fault/{id}",
            get(fault_hits).merge(delete(clear_fault)),
        )
        .route("/control/trigger", post(set_trigger))
        .route("/control/limits", post(set_limits))
        .route("/control/requests", get(requests).delete(reset_requests))
        .route("/control/stats", get(stats))
        .route("/control/oauth", get(oauth))
        .route("/control/projects", get(projects))
        .route("/control/groups", get(groups))
        .with_state(shared)
}

/// One mutation or a list of them.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Mutations {
    One(Box<Mutation>),
    Many(Vec<Mutation>),
}

#[derive(Serialize)]
struct Applied {
    outcomes: Vec<Outcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Applies mutations in their order and stops at the first that is refused.
async fn mutate(State(shared): Shares, Json(mutations): Json<Mutations>) -> Response {
    let mutations = match mutations {
        Mutations::One(mutation) => vec![*mutation],
        Mutations::Many(mutations) => mutations,
    };
    let mut applied = Applied {
        outcomes: Vec::new(),
        error: None,
    };
    shared.change(|world: &mut World| {
        for mutation in &mutations {
            match world.apply(mutation) {
                Ok(outcome) => applied.outcomes.push(outcome),
                Err(error) => {
                    applied.error = Some(error.to_string());
                    break;
                }
            }
        }
    });
    let status = if applied.error.is_some() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    (status, Json(applied)).into_response()
}

async fn set_fault(State(shared): Shares, Json(fault): Json<Fault>) -> Json<Value> {
    let id = shared.board().add_fault(fault);
    Json(json!({ "id": id }))
}

async fn set_trigger(State(shared): Shares, Json(trigger): Json<TriggerData>) -> Json<Value> {
    let id = shared.board().add_trigger(Trigger::of(trigger));
    Json(json!({ "id": id }))
}

async fn fault_hits(State(shared): Shares, Path(id): Path<FaultId>) -> Json<Value> {
    let hits = shared.board().hits(id);
    Json(json!({ "id": id, "hits": hits }))
}

async fn clear_fault(State(shared): Shares, Path(id): Path<FaultId>) -> StatusCode {
    shared.board().remove(id);
    StatusCode::NO_CONTENT
}

async fn clear_faults(State(shared): Shares) -> StatusCode {
    shared.board().clear();
    StatusCode::NO_CONTENT
}

async fn set_limits(State(shared): Shares, Json(limits): Json<RateLimits>) -> StatusCode {
    *shared.limits() = limits;
    StatusCode::NO_CONTENT
}

async fn requests(State(shared): Shares) -> Response {
    Json(shared.log().records()).into_response()
}

async fn reset_requests(State(shared): Shares) -> StatusCode {
    shared.log().reset();
    StatusCode::NO_CONTENT
}

async fn stats(State(shared): Shares) -> Response {
    Json(shared.log().stats()).into_response()
}

/// The authorization server: applications without their secrets, devices that wait, counts.
async fn oauth(State(shared): Shares) -> Response {
    let truth = shared.touch(|world| {
        json!({
            "applications": world.applications().collect::<Vec<_>>(),
            "waiting_devices": world.waiting_devices(),
            "stats": world.oauth_stats(),
        })
    });
    Json(truth).into_response()
}

/// The truth about projects, whoever may see them.
async fn projects(State(shared): Shares) -> Response {
    let world = shared.world();
    let rows: Vec<Value> = world
        .projects()
        .map(|project| {
            json!({
                "id": project.id,
                "full_path": world.project_full_path(project),
                "visibility": project.visibility,
                "archived": world.project_archived(project),
                "marked_for_deletion_on": project.marked_for_deletion_on,
            })
        })
        .collect();
    drop(world);
    Json(rows).into_response()
}

/// The truth about groups, whoever may see them.
async fn groups(State(shared): Shares) -> Response {
    let world = shared.world();
    let rows: Vec<Value> = world
        .groups()
        .map(|group| {
            json!({
                "id": group.id,
                "full_path": world.group_full_path(group.id),
                "visibility": group.visibility,
                "hidden": group.hidden,
            })
        })
        .collect();
    drop(world);
    Json(rows).into_response()
}
