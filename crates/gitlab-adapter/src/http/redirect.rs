//! Redirects, followed by hand: a credential goes nowhere but to its own host.

use url::Url;

/// No honest answer needs more of them.
pub(crate) const MOST: u32 = 3;

/// What to do with a redirect.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Redirect {
    /// Ask there; it is the same host.
    Follow(Url),
    /// It leads elsewhere; in words, without path and query.
    Refuse(String),
}

/// Judges the `Location` of an answer to `asked`, below the address `base` of the host.
///
/// GitLab builds the address of a moved project from its own configuration, with a scheme or port that may differ from ours behind a
/// proxy (GitLab docs, REST API, "Redirects"). Only its number is taken, and asked for at our own address.
pub(crate) fn judge(base: &Url, asked: &Url, location: &str) -> Redirect {
    let Ok(target) = asked.join(location) else {
        return Redirect::Refuse("an address that is none".to_owned());
    };
    let clean = target.username().is_empty() && target.password().is_none();
    if clean && target.origin() == asked.origin() {
        return Redirect::Follow(target);
    }
    match moved_project(&target) {
        Some(number) => {
            let mut own = base.clone();
            let prefix = base.path().trim_end_matches('/');
            own.set_path(&format!("{prefix}/api/v4/projects/{number}"));
            own.set_query(asked.query());
            Redirect::Follow(own)
        }
        None => Redirect::Refuse(target.origin().ascii_serialization()),
    }
}

fn moved_project(target: &Url) -> Option<u64> {
    let (_, rest) = target.path().rsplit_once("/api/v4/projects/")?;
    rest.parse().ok().filter(|&number| number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(location: &str, expected: Result<&str, &str>) {
        let base = Url::parse("https://git.example.com:8443/gitlab").expect("a URL");
        let asked = Url::parse("https://git.example.com:8443/gitlab/api/v4/projects/a%2Fb?x=1");
        let judged = judge(&base, &asked.expect("a URL"), location);
        let expected = match expected {
            Ok(url) => Redirect::Follow(Url::parse(url).expect("a URL")),
            Err(origin) => Redirect::Refuse(origin.to_owned()),
        };
        assert_eq!(judged, expected, "{location}");
    }

    #[test]
    fn the_same_host_is_followed() {
        check(
            "/gitlab/api/v4/projects/7",
            Ok("https://git.example.com:8443/gitlab/api/v4/projects/7"),
        );
        check(
            "?page=2",
            Ok("https://git.example.com:8443/gitlab/api/v4/projects/a%2Fb?page=2"),
        );
    }

    #[test]
    fn another_host_scheme_or_port_is_refused() {
        check(
            "https://evil.example/api/v4/user",
            Err("https://evil.example"),
        );
        check("//evil.example/x", Err("https://evil.example"));
        check(
            "http://git.example.com:8443/x",
            Err("http://git.example.com:8443"),
        );
        check("https://git.example.com/x", Err("https://git.example.com"));
        check(
            "https://user@git.example.com:8443/x",
            Err("https://git.example.com:8443"),
        );
        check("https://[", Err("an address that is none"));
        check("data:text/plain,x", Err("null"));
    }

    #[test]
    fn a_moved_project_is_asked_for_at_our_own_address() {
        let own = "https://git.example.com:8443/gitlab/api/v4/projects/81?x=1";
        check("http://git.example.com/api/v4/projects/81", Ok(own));
        check("http://internal/gitlab/api/v4/projects/81", Ok(own));
        check(
            "http://evil.example/api/v4/projects/81/hooks",
            Err("http://evil.example"),
        );
        check(
            "http://evil.example/api/v4/projects/0",
            Err("http://evil.example"),
        );
    }
}
