//! A plain client for these tests: it asks what it is told and keeps everything of the answer.

use gitlab_sim::{GitlabSim, World, WorldSpec};
use reqwest::header::HeaderMap;
use serde_json::Value;

/// One answer, read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn rows(&self) -> Vec<Value> {
        match self.json() {
            Value::Array(rows) => rows,
            other => panic!("not a list: {other}"),
        }
    }

    pub(crate) fn ids(&self) -> Vec<u64> {
        self.rows()
            .iter()
            .map(|row| row["id"].as_u64().unwrap())
            .collect()
    }

    /// The address of `rel="next"`.
    pub(crate) fn next(&self) -> Option<String> {
        self.link("next")
    }

    pub(crate) fn link(&self, rel: &str) -> Option<String> {
        self.header("link")?.split(", ").find_map(|link| {
            let (address, kind) = link.split_once(">; rel=")?;
            (kind == format!("\"{rel}\"")).then(|| address.trim_start_matches('<').to_owned())
        })
    }
}

pub(crate) fn http() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap()
}

/// Asks `path` with a token, or with none when it is empty.
pub(crate) async fn get_as(sim: &GitlabSim, token: &str, path: &str) -> Reply {
    let url = if path.starts_with("http") {
        path.to_owned()
    } else {
        format!("{}{path}", sim.url())
    };
    let mut request = http().get(url);
    if !token.is_empty() {
        request = request.bearer_auth(token);
    }
    read(request.send().await.unwrap()).await
}

/// Asks `path` with the first token.
pub(crate) async fn get(sim: &GitlabSim, path: &str) -> Reply {
    get_as(sim, sim.token(), path).await
}

pub(crate) async fn read(response: reqwest::Response) -> Reply {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    Reply {
        status,
        headers,
        text: response.text().await.unwrap(),
    }
}

/// A simulator with such a world and a token of `alice`.
pub(crate) async fn sim(spec: WorldSpec) -> GitlabSim {
    GitlabSim::builder()
        .world(World::generate(&spec))
        .start()
        .await
        .unwrap()
}
