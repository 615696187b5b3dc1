//! Under which names the server is reached. A request to another name is refused, so that nobody makes it write links to a name of theirs.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use runtime::config::ServerConfig;
use url::Url;

use super::client::{Client, InTheClear};
use crate::api::problem::Problem;
use crate::state::AppState;

/// Under which names the server is reached.
#[derive(Debug, Clone)]
pub struct Place {
    /// Where people go; without a path.
    base: Url,
    hosts: Vec<String>,
    /// Other names of this machine, whose cookies the base does not get.
    aliases: Vec<String>,
}

impl Place {
    /// The names of the configuration, or those of this machine itself.
    pub fn new(config: &ServerConfig, bound: SocketAddr, tls: bool) -> Self {
        let scheme = if tls { "https" } else { "http" };
        let port = bound.port();
        let base = config.public_url.clone().unwrap_or_else(|| {
            let host = match bound.ip() {
                ip if !ip.is_unspecified() && !ip.is_loopback() => literal(ip),
                // A certificate is for a name. Without one, GitLab is to send people back to an address, since a name could be anybody's.
                _ if tls => "localhost".to_owned(),
                IpAddr::V6(ip) if ip.is_loopback() => literal(IpAddr::V6(ip)),
                _ => "127.0.0.1".to_owned(),
            };
            Url::parse(&format!("{scheme}://{host}:{port}/"))
                .expect("an address and a number are a URL")
        });
        let mut hosts = config.allowed_hosts.clone();
        let mut aliases = Vec::new();
        if let Some(url) = &config.public_url {
            hosts.extend(authorities(url));
        } else {
            for name in ["localhost", "127.0.0.1", "[::1]"] {
                aliases.push(format!("{name}:{port}"));
                if port == 80 || port == 443 {
                    aliases.push(name.to_owned());
                }
            }
            hosts.extend(aliases.iter().cloned());
            let own = authorities(&base);
            aliases.retain(|alias| !own.contains(alias));
            if !bound.ip().is_unspecified() && !bound.ip().is_loopback() {
                hosts.extend(own);
            }
        }
        Self {
            base,
            hosts,
            aliases,
        }
    }

    /// Where people go, such as `https://forgehold.example.com/`.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// Whether people come by https, so that cookies may demand it.
    pub fn is_https(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// What to do for whoever spoke in the clear.
    fn encrypted(&self, clear: InTheClear) -> String {
        let base = &self.base;
        match (clear, self.is_https()) {
            (InTheClear::ToTheServer, true) => {
                format!("use {base}; if this came through a proxy, name it in `server.trusted_proxies`")
            }
            (InTheClear::ToTheProxy, true) => format!(
                "use {base}; if you did, have the proxy set `X-Forwarded-Proto` to what the browser speaks with it"
            ),
            (InTheClear::ToTheServer, false) => {
                "whoever runs the server gives it a certificate (`server.tls_certificate` and `server.tls_key`) or a proxy that has one \
                 (`server.trusted_proxies`), and sets `server.public_url` to the https address"
                    .to_owned()
            }
            (InTheClear::ToTheProxy, false) => {
                "whoever runs the server gives the proxy a certificate, has it set `X-Forwarded-Proto` to what the browser speaks with it, \
                 and sets `server.public_url` to the https address"
                    .to_owned()
            }
        }
    }

    /// Whether requests may be made to that name.
    pub fn knows(&self, host: &str) -> bool {
        self.hosts.iter().any(|known| known == host)
    }

    /// Where a page is to be looked at that was asked for under another name of this machine. Whoever signed in there would come
    /// back from the sign-in page of a host as a stranger, because cookies belong to one name.
    fn better(&self, host: &str, uri: &Uri) -> Option<String> {
        let is_alias = self.aliases.iter().any(|alias| alias == host);
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let here = self.base.as_str().trim_end_matches('/');
        (is_alias && !NO_PAGE.iter().any(|prefix| path.starts_with(prefix)))
            .then(|| format!("{here}{path}"))
    }
}

/// What programs ask for.
const NO_PAGE: [&str; 4] = ["/api/", "/healthz", "/readyz", "/metrics"];

/// As it stands in a URL.
fn literal(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
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

/// What answers everybody under any name: probes ask by address, and are told no secret.
const PROBES: [&str; 2] = ["/healthz", "/readyz"];

fn is_probe(request: &Request) -> bool {
    PROBES.contains(&request.uri().path())
}

/// Refuses requests that anybody could read on the way and those to a name that is not ours, and leads people to the name that is best.
pub async fn check(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let place = state.place();
    let client = request.extensions().get::<Client>();
    if let Some(clear) = client.and_then(|client| client.in_the_clear)
        && !is_probe(&request)
    {
        let message = "from another machine this server is asked over https alone";
        return Problem::new(StatusCode::FORBIDDEN, "not_encrypted", message)
            .hinted(place.encrypted(clear))
            .into_response();
    }
    let host = client.map(|it| &it.host);
    if let Some(host) = host
        && request.method() == Method::GET
        && let Some(better) = place.better(host, request.uri())
    {
        return Redirect::temporary(&better).into_response();
    }
    let known = host.is_some_and(|host| place.knows(host));
    if known || is_probe(&request) {
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
    fn the_base_is_an_address_that_hosts_send_people_back_to() {
        for (bound, base) in [
            ("127.0.0.1:1", "http://127.0.0.1:1/"),
            ("0.0.0.0:1", "http://127.0.0.1:1/"),
            ("[::1]:1", "http://[::1]:1/"),
            ("[::]:1", "http://127.0.0.1:1/"),
            ("10.0.0.7:1", "http://10.0.0.7:1/"),
            ("[fd00::7]:1", "http://[fd00::7]:1/"),
        ] {
            assert_eq!(place(bound, &[]).base().as_str(), base, "{bound}");
        }
    }

    #[test]
    fn whoever_speaks_in_the_clear_is_sent_to_no_address_that_is_not_encrypted() {
        let hint = |settings: &[(&str, &str)]| {
            place("0.0.0.0:80", settings).encrypted(InTheClear::ToTheServer)
        };
        let public = |url| [("FORGEHOLD_SERVER__PUBLIC_URL", url)];
        insta::assert_snapshot!(hint(&public("https://forgehold.example.com")), @"use https://forgehold.example.com/; if this came through a proxy, name it in `server.trusted_proxies`");
        let configure = "whoever runs the server gives it a certificate (`server.tls_certificate` and `server.tls_key`) or a proxy that has one (`server.trusted_proxies`), and sets `server.public_url` to the https address";
        assert_eq!(hint(&public("http://forgehold.example.com")), configure);
        assert_eq!(hint(&[]), configure);
    }

    #[test]
    fn people_are_led_to_the_name_whose_cookies_come_back() {
        let better = |host: &str, path: &str| {
            let uri = path.parse().expect("a path");
            place("127.0.0.1:8080", &[]).better(host, &uri)
        };
        let there = |path: &str| Some(format!("http://127.0.0.1:8080{path}"));
        assert_eq!(better("localhost:8080", "/a?b=1"), there("/a?b=1"));
        assert_eq!(
            better("[::1]:8080", "//evil.example"),
            there("//evil.example")
        );
        assert_eq!(better("127.0.0.1:8080", "/a"), None);
        assert_eq!(better("localhost:8080", "/api/v1/me"), None);
        assert_eq!(better("evil.example", "/a"), None);
        let public = [("FORGEHOLD_SERVER__PUBLIC_URL", "https://a.example")];
        let uri = "/a".parse().expect("a path");
        assert_eq!(
            place("127.0.0.1:8080", &public).better("localhost:8080", &uri),
            None
        );
    }

    #[test]
    fn only_names_of_ours_are_known() {
        let local = place("127.0.0.1:8080", &[]);
        assert_eq!(local.base().as_str(), "http://127.0.0.1:8080/");
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
