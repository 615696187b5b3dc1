//! The settings of `forgehold-server`.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::layers::Layers;
use super::oidc::{self, OidcSettings};
use super::values::{self, Parsed, Written};

/// How the server listens, whom it believes, and how long people stay signed in.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServerConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The address that people type; without one, that of the listener.
    pub public_url: Option<Url>,
    /// Names besides the one of the public address that requests may be made to, in lower case.
    pub allowed_hosts: Vec<String>,
    /// The chain of certificates, as a PEM file.
    pub tls_certificate: Option<PathBuf>,
    /// The key that belongs to it, as a PEM file.
    pub tls_key: Option<PathBuf>,
    /// Who may say in `X-Forwarded-*` for whom a request is.
    pub trusted_proxies: Vec<Network>,
    /// How long a session lasts that is not used.
    pub session_idle: Duration,
    /// How long a session lasts at most.
    pub session_lifetime: Duration,
    /// How long requests and syncs may take to end when the server is told to stop.
    pub drain: Duration,
    /// Who may read `/metrics`.
    pub metrics: MetricsAccess,
    /// A provider of `OpenID` Connect that vouches for people, if there is one.
    pub oidc: Option<OidcSettings>,
}

/// Who may read `/metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsAccess {
    /// Whoever shows an API token.
    Token,
    /// Everybody who can reach the server.
    Open,
}

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether an address lies in it. An IPv4 address inside an IPv6 one is that IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let bits = |address: IpAddr| match address {
            IpAddr::V4(address) => (u128::from(u32::from(address)) << 96, 32),
            IpAddr::V6(address) => (u128::from(address), 128),
        };
        let (ours, length) = bits(self.address.to_canonical());
        let (theirs, other_length) = bits(address.to_canonical());
        let mask = match u32::from(self.prefix) {
            0 => 0,
            prefix => u128::MAX << (128 - prefix.min(128)),
        };
        length == other_length && ours & mask == theirs & mask
    }
}

fn network(text: &Written<'_>) -> Parsed<Network> {
    let refused = || {
        format!(
            "`{}` is neither an address nor a range of them; write something like 127.0.0.1 or 10.0.0.0/8",
            text.text
        )
    };
    let (address, prefix) = match text.text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text.text, None),
    };
    let address: IpAddr = address.trim().parse().map_err(|_| refused())?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        Some(prefix) => prefix.trim().parse().map_err(|_| refused())?,
        None => most,
    };
    if prefix > most {
        return Err(refused());
    }
    Ok(Network { address, prefix })
}

fn listen(text: &Written<'_>) -> Parsed<SocketAddr> {
    text.text.parse().map_err(|_| {
        format!(
            "`{}` is no address with a port; write something like 127.0.0.1:8080 or [::]:443",
            text.text
        )
    })
}

fn public_url(text: &Written<'_>) -> Parsed<Option<Url>> {
    if text.text.is_empty() {
        return Ok(None);
    }
    let refused = |why: &str| {
        Err(format!(
            "`{}` {why}; write something like https://forgehold.example.com",
            text.text
        ))
    };
    match Url::parse(text.text) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") || !url.has_host() => {
            refused("is no http or https address")
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            Err("a user or a password does not belong into it".to_owned())
        }
        Ok(url) if url.path() != "/" || url.query().is_some() || url.fragment().is_some() => {
            refused("has a path, which the server cannot serve below")
        }
        Ok(url) => Ok(Some(url)),
        Err(_) => refused("is no address"),
    }
}

fn optional_path(text: &Written<'_>) -> Parsed<Option<PathBuf>> {
    if text.text.is_empty() {
        return Ok(None);
    }
    values::path(text).map(Some)
}

fn host(text: &Written<'_>) -> Parsed<String> {
    let name = text.text.to_lowercase();
    let plain = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
    if plain {
        Ok(name)
    } else {
        Err(format!(
            "`{}` is no name of a host; write the name alone, with its port only if it is not the usual one",
            text.text
        ))
    }
}

fn metrics_access(text: &Written<'_>) -> Parsed<MetricsAccess> {
    match text.text {
        "token" => Ok(MetricsAccess::Token),
        "open" => Ok(MetricsAccess::Open),
        _ => Err(values::one_of(text)),
    }
}

/// Asks for every setting before it gives up on any.
pub(super) fn assemble(layers: &mut Layers) -> Option<ServerConfig> {
    let listen = layers.take("server.listen", listen);
    let public_url = layers.take("server.public_url", public_url);
    let allowed_hosts = layers.take_list("server.allowed_hosts", ',', host);
    let tls_certificate = layers.take("server.tls_certificate", optional_path);
    let tls_key = layers.take("server.tls_key", optional_path);
    let trusted_proxies = layers.take_list("server.trusted_proxies", ',', network);
    let session_idle = layers.take("server.session_idle", values::duration);
    let session_lifetime = layers.take("server.session_lifetime", values::duration);
    let drain = layers.take("server.drain", values::duration);
    let metrics = layers.take("server.metrics", metrics_access);
    let oidc = oidc::take(layers, public_url.as_ref().and_then(Option::as_ref));
    Some(ServerConfig {
        listen: listen?,
        public_url: public_url?,
        allowed_hosts: allowed_hosts?,
        tls_certificate: tls_certificate?,
        tls_key: tls_key?,
        trusted_proxies: trusted_proxies?,
        session_idle: session_idle?,
        session_lifetime: session_lifetime?,
        drain: drain?,
        metrics: metrics?,
        oidc: oidc?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        let key = super::super::keys::find("server.trusted_proxies").expect("a key");
        super::network(&Written {
            key,
            text,
            directory: None,
        })
        .expect("a network")
    }

    #[track_caller]
    fn check(range: &str, address: &str, expected: bool) {
        let address: IpAddr = address.parse().expect("an address");
        assert_eq!(network(range).contains(address), expected);
    }

    #[test]
    fn a_range_has_the_addresses_that_share_its_prefix() {
        check("10.0.0.0/8", "10.255.1.2", true);
        check("10.0.0.0/8", "11.0.0.1", false);
        check("127.0.0.1", "127.0.0.1", true);
        check("127.0.0.1", "127.0.0.2", false);
        check("127.0.0.1", "::ffff:127.0.0.1", true);
        check("0.0.0.0/0", "192.0.2.1", true);
        check("0.0.0.0/0", "2001:db8::1", false);
        check("2001:db8::/32", "2001:db8:1::1", true);
        check("2001:db8::/32", "2001:db9::1", false);
        check("::/0", "192.0.2.1", false);
    }
}
