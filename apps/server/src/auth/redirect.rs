//! Where a person is sent after signing in: a path of ours, and nowhere else.

/// The path that a request asked to go on to, if it is one of ours; else the start.
///
/// A path begins with one slash and another character than a slash or backslash, since browsers take `//host` and `/\host` for other hosts, and it has
/// no control characters, which browsers leave out.
pub fn local_path(wanted: Option<&str>) -> &str {
    let Some(wanted) = wanted else { return "/" };
    let second = wanted.as_bytes().get(1);
    let local = wanted.starts_with('/')
        && !matches!(second, Some(b'/' | b'\\'))
        && !wanted.contains('\\')
        && wanted.len() <= 2000
        && wanted.bytes().all(|byte| byte.is_ascii_graphic());
    if local { wanted } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::local_path;

    #[track_caller]
    fn check(wanted: &str, expected: &str) {
        assert_eq!(local_path(Some(wanted)), expected);
    }

    #[test]
    fn nobody_is_sent_elsewhere() {
        check("/organizations?page=2#x", "/organizations?page=2#x");
        check("/", "/");
        for elsewhere in [
            "",
            "organizations",
            "https://evil.example/",
            "//evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "/a\\b",
            "javascript:alert(1)",
            " /x",
        ] {
            check(elsewhere, "/");
        }
        assert_eq!(local_path(None), "/");
    }
}
