//! Under which names the server is reached. A request to another name is refused, so that nobody makes it write links to a name of theirs.

use std::net::SocketAddr;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use runtime::config::ServerConfig;
use url::Url;

use super::client::Client;
use crate::api::problem::Problem;
use crate::state::AppState;

/// Under which names the server is reached.
#[derive(Debug, Clone)]
pub struct Place {
    /// Where people go; without a path.
    base: Url,
    hosts: Vec<String>,
}

impl Place {
    /// The names of the configuration, or those of this machine itself.
    pub fn new(config: &ServerConfig, bound: SocketAddr, tls: bool) -> Self {
        let scheme = if tls { "https" } else { "http" };
        let port = bound.port();
        let base = config.public_url.clone().unwrap_or_else(|| {
            let host = if bound.ip().is_unspecified() || bound.ip().is_loopback() {
                "localhost".to_owned()
            } else {
                bound.ip().to_string()
            };
            let text = format!("{scheme}://{host}:{port}/");
            Url::parse(&text).unwrap_or_else(|_| localhost(scheme, port))
        });
        let mut hosts = config.allowed_hosts.clone();
        if let Some(url) = &config.public_url {
            hosts.extend(authorities(url));
        } else {
            for name in ["localhost", "127.0.0.1", "[::1]"] {
                hosts.push(format!("{name}:{port}"));
                if port == 80 || port == 443 {
                    hosts.push(name.to_owned());
                }
            }
            if !bound.ip().is_unspecified() && !bound.ip().is_loopback() {
                hosts.extend(authorities(&base));
            }
        }
        Self { base, hosts }
    }

    /// Where people go, such as `https://forgehold.example.com/`.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// Whether people come by https, so that cookies may demand it.
    pub fn is_https(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// Whether requests may be made to that name.
    pub fn knows(&self, host: &str) -> bool {
        self.hosts.iter().any(|known| known == host)
    }
}

fn localhost(scheme: &str, port: u16) -> Url {
    Url::parse(&format!("{scheme}://localhost:{port}/"))
        .expect("a name and a number are an address")
}

/// How browsers write the host of an address: without the usual port, or with any other.
fn authorities(url: &Url) -> Vec<String> {
    let host = url.host_str().unwrap_or_default().to_lowercase();
    if let Some(port) = url.port() {
        return vec![format!("{host}:{port}")];
    }
    let usual = url.port_or_known_default().unwrap_or(443);
    vec![format!("{host}:{usual}"), host]
}

/// What answers under any name: probes ask by address.
const ANY_NAME: [&str; 2] = ["/healthz", "/readyz"];

/// Refuses requests to a name that is not ours.
pub async fn check(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let known = request
        .extensions()
        .get::<Client>()
        .is_some_and(|client| state.place().knows(&client.host));
    if known || ANY_NAME.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    Problem::new(
        StatusCode::MISDIRECTED_REQUEST,
        "unknown_host",
        "this server does not answer under that name",
    )
    .hinted("use the address of `server.public_url`, or add the name to `server.allowed_hosts`")
    .into_response()
}

#[cfg(test)]
mod tests {
    use runtime::config::{Config, ConfigSources};

    use super::*;

    fn place(bound: &str, settings: &[(&str, &str)]) -> Place {
        let mut sources = ConfigSources {
            data_dir: Some("/nowhere".into()),
            ..ConfigSources::default()
        };
        for (variable, value) in settings {
            sources.environment.insert(variable.into(), value.into());
        }
        let config = Config::load(&sources).expect("a configuration");
        Place::new(&config.server, bound.parse().expect("an address"), false)
    }

    #[track_caller]
    fn check(place: &Place, known: &[&str], unknown: &[&str]) {
        for host in known {
            assert!(place.knows(host), "{host}");
        }
        for host in unknown {
            assert!(!place.knows(host), "{host}");
        }
    }

    #[test]
    fn only_names_of_ours_are_known() {
        let local = place("127.0.0.1:8080", &[]);
        assert_eq!(local.base().as_str(), "http://localhost:8080/");
        check(
            &local,
            &["localhost:8080", "127.0.0.1:8080", "[::1]:8080"],
            &[
                "",
                "localhost",
                "localhost:80",
                "evil.example:8080",
                "localhost:8080.evil.example",
            ],
        );
        let public = place(
            "0.0.0.0:8080",
            &[
                (
                    "FORGEHOLD_SERVER__PUBLIC_URL",
                    "https://Forgehold.example.com",
                ),
                ("FORGEHOLD_SERVER__ALLOWED_HOSTS", "fh.internal:8080,Other"),
            ],
        );
        assert!(public.is_https());
        check(
            &public,
            &[
                "forgehold.example.com",
                "forgehold.example.com:443",
                "fh.internal:8080",
                "other",
            ],
            &[
                "localhost:8080",
                "127.0.0.1:8080",
                "forgehold.example.com:8080",
                "fh.internal",
            ],
        );
    }
}
