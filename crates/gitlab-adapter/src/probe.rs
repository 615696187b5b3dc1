//! Whether a host can be reached, step by step, and what to do when it cannot.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::client::proxy::matcher::Matcher;
use org_core::host::HostUrl;
use org_core::ports::{Probe, ProbeReport, ProbeStep, ProbeStepKind};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::config::ProxyChoice;
use crate::failure::Failure;
use crate::http::words::{chain, hint};
use crate::http::{Answer, Call, Transport, Trouble};
use crate::refusal;
use crate::wire::rest::Version;

/// All steps together never take longer.
const ALTOGETHER: Duration = Duration::from_secs(55);
/// The oldest version that this adapter was written for.
const OLDEST: (u32, u32) = (16, 11);

/// Where the connection goes: to the host, or to a proxy in front of it.
struct Way {
    host: String,
    port: u16,
    /// `through the proxy proxy.example.com:3128`.
    proxy: Option<String>,
}

/// Tries step by step; the first that fails is the last.
pub(crate) async fn probe(transport: &Arc<Transport>, probe: &Probe) -> ProbeReport {
    let mut steps = Steps {
        limit: Instant::now() + ALTOGETHER,
        one: transport.config.connect_timeout,
        done: Vec::new(),
    };
    // The steps stop at the first that fails; what was found out so far is the report.
    let _ = try_all(transport, probe, &mut steps).await;
    ProbeReport { steps: steps.done }
}

async fn try_all(transport: &Arc<Transport>, probe: &Probe, steps: &mut Steps) -> Option<()> {
    let way = way(transport, &probe.host);
    let via = |text: String| match &way.proxy {
        Some(proxy) => format!("{text}, {proxy}"),
        None => text,
    };
    let addresses = steps
        .run(ProbeStepKind::Dns, resolve(&way), |addresses| {
            let shown: Vec<String> = addresses
                .iter()
                .take(4)
                .map(|a| a.ip().to_string())
                .collect();
            via(format!("{} is {}", way.host, shown.join(", ")))
        })
        .await?;
    let stream = steps
        .run(ProbeStepKind::Tcp, connect(addresses), |stream| {
            let peer = stream.peer_addr().map(|peer| peer.to_string());
            via(format!(
                "connected to {}",
                peer.unwrap_or_else(|_| way.host.clone())
            ))
        })
        .await?;
    if probe.host.is_encrypted() && way.proxy.is_none() {
        let tls = handshake(transport, &probe.host, stream);
        steps.run(ProbeStepKind::Tls, tls, String::clone).await?;
    }
    let answer = steps
        .run(ProbeStepKind::Http, ask(transport, probe), |answer| {
            via(format!("answered with status {}", answer.status))
        })
        .await;
    // Behind a proxy the handshake is part of the request; what it shows is told with it.
    let answer = answer?;
    steps
        .run(
            ProbeStepKind::Version,
            async { version(&answer, probe.credential.is_some()) },
            String::clone,
        )
        .await?;
    Some(())
}

/// The steps so far, and how long all may take.
struct Steps {
    limit: Instant,
    /// How long a connection may take to open.
    one: Duration,
    done: Vec<ProbeStep>,
}

impl Steps {
    async fn run<T>(
        &mut self,
        kind: ProbeStepKind,
        step: impl Future<Output = Result<T, String>>,
        words: impl FnOnce(&T) -> String,
    ) -> Option<T> {
        let started = Instant::now();
        let limit = match kind {
            ProbeStepKind::Http | ProbeStepKind::Version => self.limit,
            _ => self.limit.min(started + self.one),
        };
        let result = timeout_at(limit, step).await.unwrap_or_else(|_| {
            let seconds = (limit - started).as_secs_f32();
            Err(format!(
                "no answer within {seconds:.0} s; a firewall may drop the packets, or the address is wrong"
            ))
        });
        let (said, value) = match result {
            Ok(value) => (Ok(words(&value)), Some(value)),
            Err(why) => (Err(why), None),
        };
        self.done.push(ProbeStep {
            kind,
            took: started.elapsed(),
            result: said,
        });
        value
    }
}

fn way(transport: &Transport, host: &HostUrl) -> Way {
    let matcher = match &transport.config.proxy {
        ProxyChoice::Environment => Some(Matcher::from_system()),
        ProxyChoice::Direct => None,
        ProxyChoice::Through { proxy, except } => Some(
            Matcher::builder()
                .all(proxy.as_str())
                .no(except.as_str())
                .build(),
        ),
    };
    let uri = host.as_url().as_str().parse().ok();
    let proxy = matcher
        .zip(uri)
        .and_then(|(matcher, uri)| matcher.intercept(&uri));
    if let Some(proxy) = proxy
        && let Some(name) = proxy.uri().host()
    {
        let is_encrypted = proxy.uri().scheme_str() == Some("https");
        let port = proxy
            .uri()
            .port_u16()
            .unwrap_or(if is_encrypted { 443 } else { 80 });
        // The user information of the proxy's address is never shown.
        return Way {
            host: bare(name),
            port,
            proxy: Some(format!("through the proxy {name}:{port}")),
        };
    }
    Way {
        host: bare(host.host_name()),
        port: host.as_url().port_or_known_default().unwrap_or(443),
        proxy: None,
    }
}

/// An IPv6 address stands in brackets in a URL, and without them everywhere else.
fn bare(host: &str) -> String {
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned()
}

async fn resolve(way: &Way) -> Result<Vec<SocketAddr>, String> {
    let addresses = tokio::net::lookup_host((way.host.as_str(), way.port)).await;
    let addresses: Vec<SocketAddr> = match addresses {
        Ok(addresses) => addresses.collect(),
        Err(error) => {
            return Err(format!(
                "the name {} is unknown ({error}); check its spelling, and the name server of this machine",
                way.host
            ));
        }
    };
    if addresses.is_empty() {
        return Err(format!("the name {} has no address", way.host));
    }
    Ok(addresses)
}

async fn connect(addresses: Vec<SocketAddr>) -> Result<TcpStream, String> {
    let mut why = String::new();
    let share = u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
    for address in addresses {
        // An address that swallows everything must not use up the time of the others.
        match timeout(Duration::from_secs(20) / share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => {
                let hint = hint(&error)
                    .map(|hint| format!("; {hint}"))
                    .unwrap_or_default();
                why = format!("no connection to {address} ({error}){hint}");
            }
            Err(_) => {
                why =
                    format!("no connection to {address} in time; a firewall may drop the packets");
            }
        }
    }
    Err(why)
}

async fn handshake(
    transport: &Transport,
    host: &HostUrl,
    stream: TcpStream,
) -> Result<String, String> {
    let name = ServerName::try_from(bare(host.host_name()))
        .map_err(|_| "the host's name cannot stand in a certificate".to_owned())?;
    let connector = TlsConnector::from(Arc::clone(&transport.tls));
    let stream = connector.connect(name, stream).await.map_err(|error| {
        let hint = hint(&error)
            .map(|hint| format!("; {hint}"))
            .unwrap_or_default();
        format!("{}{hint}", chain(&error))
    })?;
    let (_, session) = stream.get_ref();
    let version = session
        .protocol_version()
        .and_then(|version| version.as_str().map(str::to_owned))
        .unwrap_or_else(|| "TLS".to_owned());
    Ok(format!("{version}, and the certificate is good"))
}

async fn ask(transport: &Arc<Transport>, probe: &Probe) -> Result<Answer, String> {
    let api = transport.api(&probe.host, probe.credential.as_ref());
    let answer = api.once(&Call::get("/version")).await;
    answer.map_err(|trouble| match trouble {
        Trouble::TimedOut => "the connection stands, but no answer comes".to_owned(),
        Trouble::Lost(why) => {
            let hint = if probe.host.is_encrypted() {
                ""
            } else {
                "; the port may speak TLS only: try https://"
            };
            format!("{why}{hint}")
        }
        Trouble::TooLarge => "an answer without end; this is no GitLab".to_owned(),
        Trouble::Redirected(to) => {
            format!(
                "it sends us on to {to}; if that is the true address of the host, give that one"
            )
        }
        Trouble::Circle => "it sends us in a circle".to_owned(),
    })
}

/// Reads the version out of the answer, or what else answered.
fn version(answer: &Answer, has_token: bool) -> Result<String, String> {
    const NO_GITLAB: &str =
        "check the address: a path prefix such as /gitlab may be missing, or it is no GitLab";
    if let Ok(version) = serde_json::from_slice::<Version>(&answer.body)
        && answer.status == 200
    {
        return Ok(describe(&version.version));
    }
    if answer.is_html() {
        let title = refusal::html_title(&answer.body);
        let status = answer.status;
        return Err(match status {
            400 if String::from_utf8_lossy(&answer.body).contains("HTTPS port") => {
                "the port speaks TLS only; write https:// instead of http://".to_owned()
            }
            403 => format!(
                "an HTML page{title} with status 403: something in front of GitLab turns this machine away"
            ),
            502..=504 => format!(
                "an HTML page{title} with status {status}: GitLab is starting, or out of order"
            ),
            _ => {
                format!("an HTML page{title} with status {status} instead of the API; {NO_GITLAB}")
            }
        });
    }
    let refusal = refusal::of_rest(answer);
    match (&refusal, answer.status) {
        // GitLab tells its version only to those who are signed in; that it asks for a token is how it shows itself.
        (Failure::Refused(_) | Failure::Expired, _) if !has_token => Ok(
            "the API of a GitLab answers; it tells its version only with a valid access token"
                .to_owned(),
        ),
        (Failure::Refused(_) | Failure::Expired | Failure::Scope(_) | Failure::Denied(_), _) => {
            Ok(format!(
                "the API of a GitLab answers, but does not tell its version: {}",
                refusal.words()
            ))
        }
        (_, 429) => Ok("the API of a GitLab answers, but limits the rate of requests".to_owned()),
        (_, 200) => Err(format!("the answer is not the one of GitLab; {NO_GITLAB}")),
        (_, status @ 500..) => Err(format!(
            "{}; GitLab, or what stands in front of it, is out of order",
            status_words(answer, status)
        )),
        (_, status) => Err(format!("{}; {NO_GITLAB}", status_words(answer, status))),
    }
}

fn status_words(answer: &Answer, status: u16) -> String {
    let words = refusal::broken_words(answer);
    if words.is_empty() {
        format!("status {status}")
    } else {
        words
    }
}

fn describe(version: &str) -> String {
    let shown = crate::http::words::tame(version);
    let mut parts = version
        .split(['.', '-'])
        .map(|part| part.parse::<u32>().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(major), Some(minor)) if (major, minor) < OLDEST => format!(
            "GitLab {shown}; warning: it is older than {}.{}, the oldest version that is supported, and some things may not work",
            OLDEST.0, OLDEST.1
        ),
        (Some(_), Some(_)) => format!("GitLab {shown}"),
        _ => format!("GitLab of the unusual version `{shown}`"),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

    use super::*;

    #[test]
    fn old_versions_get_a_warning() {
        assert_eq!(describe("18.8.1-ee"), "GitLab 18.8.1-ee");
        assert_eq!(describe("16.11.0"), "GitLab 16.11.0");
        assert_eq!(describe("19.0.0-pre"), "GitLab 19.0.0-pre");
        assert!(describe("16.10.9").contains("warning: it is older than 16.11"));
        assert!(describe("9.5").contains("warning"));
        assert!(describe("nightly").contains("unusual"));
    }

    #[track_caller]
    fn check(status: u16, kind: &'static str, body: &str, expected: Result<&str, &str>) {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        let answer = Answer {
            status,
            headers,
            body: body.as_bytes().to_vec(),
        };
        let said = version(&answer, false);
        let ((Ok(text), Ok(part)) | (Err(text), Err(part))) = (&said, expected) else {
            panic!("{said:?} instead of {expected:?}");
        };
        assert!(text.contains(part), "{text}");
    }

    #[test]
    fn what_answers_is_told_apart() {
        let (json, html) = ("application/json", "text/html; charset=utf-8");
        check(
            200,
            json,
            r#"{"version":"18.8.0","revision":"x"}"#,
            Ok("GitLab 18.8.0"),
        );
        check(
            401,
            json,
            r#"{"message":"401 Unauthorized"}"#,
            Ok("only with a valid access token"),
        );
        check(
            403,
            json,
            r#"{"message":"403 Forbidden"}"#,
            Ok("does not tell its version"),
        );
        check(
            200,
            html,
            "<html><title>Sign in</title>",
            Err("path prefix"),
        );
        check(404, html, "<html>", Err("path prefix"));
        check(
            404,
            json,
            r#"{"error":"404 Not Found"}"#,
            Err("path prefix"),
        );
        check(
            200,
            json,
            r#"{"hello":"world"}"#,
            Err("not the one of GitLab"),
        );
        check(
            400,
            html,
            "<html><title>400 The plain HTTP request was sent to HTTPS port</title>",
            Err("write https://"),
        );
        check(502, html, "<html><title>502</title>", Err("out of order"));
        check(503, "text/plain", "", Err("out of order"));
        check(429, "text/plain", "Retry later", Ok("limits the rate"));
    }
}
