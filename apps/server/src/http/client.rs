//! Who speaks, and how: the peer of the connection, or what a trusted proxy says of whom it speaks for.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::{HOST, USER_AGENT};
use axum::middleware::Next;
use axum::response::Response;
use runtime::config::Network;

use crate::state::AppState;

/// The other end of the connection, put onto each request by the server itself.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// Whether the connection is TLS.
    pub tls: bool,
}

/// Who speaks. Every request has one as an extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The address.
    pub address: IpAddr,
    /// Whether it is https as far as the browser is concerned.
    pub https: bool,
    /// The name that the request is made to, with its port if there is one, in lower case; empty where none was told.
    pub host: String,
    /// What the browser says it is.
    pub agent: String,
    /// Whether the connection comes from a trusted proxy.
    pub proxied: bool,
    /// Where what is said can be read on the way; `None` where it cannot, as far as anybody knows.
    pub in_the_clear: Option<InTheClear>,
}

/// Where what is said can be read on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InTheClear {
    /// Up to here: it comes from another machine, unencrypted, and from no trusted proxy.
    ToTheServer,
    /// Up to the trusted proxy, as that says itself of somebody on another machine.
    ToTheProxy,
}

impl Client {
    /// For use cases.
    pub fn for_history(&self) -> org_core::use_cases::accounts::Client {
        org_core::use_cases::accounts::Client {
            address: self.address.to_string(),
            agent: self.agent.clone(),
        }
    }
}

/// Finds out who speaks.
pub async fn identify(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    let peer = peer.unwrap_or(Peer {
        address: SocketAddr::from(([0, 0, 0, 0], 0)),
        tls: false,
    });
    let authority = request
        .uri()
        .authority()
        .map(|authority| authority.as_str().to_owned());
    let client = client(
        &state.config().server.trusted_proxies,
        peer,
        request.headers(),
        authority.as_deref(),
    );
    request.extensions_mut().insert(client);
    next.run(request).await
}

fn client(trusted: &[Network], peer: Peer, headers: &HeaderMap, authority: Option<&str>) -> Client {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let proxied = is_trusted(peer.address.ip());
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let own_host = authority
        .or_else(|| text(HOST.as_str()))
        .unwrap_or_default();
    let mut client = Client {
        address: peer.address.ip().to_canonical(),
        https: peer.tls,
        host: own_host.to_lowercase(),
        agent: text(USER_AGENT.as_str()).unwrap_or_default().to_owned(),
        proxied,
        in_the_clear: None,
    };
    if !peer.tls && !proxied && !client.address.is_loopback() {
        client.in_the_clear = Some(InTheClear::ToTheServer);
    }
    if !proxied {
        return client;
    }
    // The last address that is not a trusted proxy's own: whatever stands before it, anybody may have written.
    let forwarded = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|address| address.trim().parse::<IpAddr>());
    let mut addresses: Vec<_> = forwarded.collect();
    let mut on_its_machine = false;
    while let Some(Ok(address)) = addresses.pop() {
        client.address = address.to_canonical();
        on_its_machine = client.address.is_loopback();
        if !is_trusted(address) {
            break;
        }
    }
    if let Some(scheme) = text("x-forwarded-proto") {
        client.https = scheme.trim().eq_ignore_ascii_case("https");
        if !client.https && !on_its_machine {
            client.in_the_clear = Some(InTheClear::ToTheProxy);
        }
    }
    if let Some(host) = text("x-forwarded-host") {
        client.host = host.trim().to_lowercase();
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: &str = "10.0.0.1:4000";

    fn seen(peer: &str, headers: &[(&'static str, &'static str)]) -> Client {
        let network = trusted();
        let mut map = HeaderMap::new();
        map.insert(HOST, "forgehold.example.com".parse().expect("a value"));
        for (name, value) in headers {
            map.append(*name, value.parse().expect("a value"));
        }
        let peer = Peer {
            address: peer.parse().expect("an address"),
            tls: false,
        };
        client(&network, peer, &map, None)
    }

    fn trusted() -> Vec<Network> {
        use runtime::config::{Config, ConfigSources};

        let mut sources = ConfigSources {
            data_dir: Some("/nowhere".into()),
            ..ConfigSources::default()
        };
        let variable = "FORGEHOLD_SERVER__TRUSTED_PROXIES".into();
        sources.environment.insert(variable, "10.0.0.0/8".into());
        Config::load(&sources)
            .expect("a configuration")
            .server
            .trusted_proxies
    }

    #[test]
    fn a_stranger_speaks_for_itself_whatever_it_says() {
        let client = seen(
            "192.0.2.7:4000",
            &[
                ("x-forwarded-for", "198.51.100.1"),
                ("x-forwarded-proto", "https"),
                ("x-forwarded-host", "evil.example"),
            ],
        );
        assert_eq!(client.address.to_string(), "192.0.2.7");
        assert!(!client.https && !client.proxied);
        assert_eq!(client.host, "forgehold.example.com");
    }

    #[test]
    fn a_trusted_proxy_is_believed_as_far_as_it_knows() {
        let client = seen(
            PROXY,
            &[
                ("x-forwarded-for", "203.0.113.9, 198.51.100.1"),
                ("x-forwarded-for", "10.0.0.2"),
                ("x-forwarded-proto", "HTTPS"),
                ("x-forwarded-host", "Forgehold.Example.com:8443"),
            ],
        );
        assert_eq!(client.address.to_string(), "198.51.100.1");
        assert!(client.https && client.proxied);
        assert_eq!(client.host, "forgehold.example.com:8443");
        let nonsense = seen(PROXY, &[("x-forwarded-for", "198.51.100.1, unknown")]);
        assert_eq!(nonsense.address.to_string(), "10.0.0.1");
    }

    #[test]
    fn another_machine_is_heard_over_https_or_through_a_trusted_proxy() {
        let check = |address: &str, tls: bool, expected: Option<InTheClear>| {
            let address = address.parse().expect("an address");
            let peer = Peer { address, tls };
            let client = client(&trusted(), peer, &HeaderMap::new(), None);
            assert_eq!(client.in_the_clear, expected, "{address} {tls}");
        };
        check("192.0.2.7:4000", false, Some(InTheClear::ToTheServer));
        check("192.0.2.7:4000", true, None);
        check("10.0.0.1:4000", false, None);
        check("127.0.0.1:4000", false, None);
        check("[::1]:4000", false, None);
        check("[::ffff:127.0.0.1]:4000", false, None);
        check(
            "[::ffff:192.0.2.7]:4000",
            false,
            Some(InTheClear::ToTheServer),
        );
    }

    #[test]
    fn a_proxy_that_is_spoken_to_in_the_clear_is_believed_too() {
        let check = |peer: &str, headers: &[(&'static str, &'static str)], expected| {
            assert_eq!(seen(peer, headers).in_the_clear, expected, "{headers:?}");
        };
        let clear = Some(InTheClear::ToTheProxy);
        let (http, https) = (
            ("x-forwarded-proto", "http"),
            ("x-forwarded-proto", "https"),
        );
        let far = ("x-forwarded-for", "198.51.100.1");
        check(PROXY, &[far, http], clear);
        check(PROXY, &[http], clear);
        check(PROXY, &[far, ("x-forwarded-proto", "https, http")], clear);
        check(PROXY, &[far, https], None);
        // Somebody who tries the proxy out on its own machine, and a proxy that says nothing of it.
        check(PROXY, &[("x-forwarded-for", "127.0.0.1"), http], None);
        check(
            PROXY,
            &[("x-forwarded-for", "198.51.100.1, 127.0.0.1"), http],
            None,
        );
        check(
            PROXY,
            &[("x-forwarded-for", "127.0.0.1, 198.51.100.1"), http],
            clear,
        );
        check(PROXY, &[far], None);
        // Who is no proxy changes nothing by what it says.
        check(
            "192.0.2.7:4000",
            &[far, https],
            Some(InTheClear::ToTheServer),
        );
        check("127.0.0.1:4000", &[far, http], None);
    }
}
