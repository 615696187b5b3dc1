//! The `Link` header of REST pagination.

use url::Url;

/// The query of the link `rel="next"`, without `?`; `None` at the end of a listing.
///
/// Only the query is taken, never the address: GitLab builds links from the address that it was configured with, which behind a proxy
/// differs from ours, and a credential must not follow a header to another host.
pub(crate) fn next_query(header: &str) -> Option<String> {
    let mut rest = header;
    loop {
        let open = rest.find('<')?;
        let after = rest.get(open + 1..)?;
        let close = after.find('>')?;
        let (target, tail) = (after.get(..close)?, after.get(close + 1..)?);
        // The parameters reach to the next link; commas inside of a target stand within angle brackets.
        let end = tail.find('<').unwrap_or(tail.len());
        let is_next = tail.get(..end)?.split([';', ',']).any(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            name.trim().eq_ignore_ascii_case("rel")
                && value
                    .trim()
                    .trim_matches('"')
                    .split_ascii_whitespace()
                    .any(|rel| rel.eq_ignore_ascii_case("next"))
        });
        if is_next {
            return query_of(target);
        }
        rest = tail;
    }
}

fn query_of(target: &str) -> Option<String> {
    // A relative target is legal too, and joins to any base.
    let base = Url::parse("https://host.invalid/").ok()?;
    let query = base.join(target).ok()?.query()?.to_owned();
    (!query.is_empty()).then_some(query)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(header: &str, expected: Option<&str>) {
        assert_eq!(next_query(header).as_deref(), expected, "{header}");
    }

    #[test]
    fn only_the_query_of_the_next_link_is_taken() {
        check(
            r#"<https://evil.example/api/v4/projects?id_after=42&sort=asc>; rel="next""#,
            Some("id_after=42&sort=asc"),
        );
        check(
            r#"<http://a/x?page=1>; rel="prev", <http://a/x?page=3>; rel="next", <http://a/x?page=1>; rel="first""#,
            Some("page=3"),
        );
        check(r"<http://a/x?page=2>; rel=next", Some("page=2"));
        check(r#"</x?page=2>; title="a"; REL="last Next""#, Some("page=2"));
        check(
            r#"<http://a/x?a[]=1,2&page=2>; rel="next""#,
            Some("a[]=1,2&page=2"),
        );
    }

    #[test]
    fn no_next_link_is_the_end() {
        for header in [
            "",
            "nonsense",
            "<",
            "<>",
            r#"<http://a/x?page=1>; rel="first""#,
            r#"<http://a/x>; rel="next""#,
            r#"<http://a/x?page=1>; rel="nextish""#,
        ] {
            check(header, None);
        }
    }

    proptest! {
        #[test]
        fn any_header_is_survived(header in ".{0,200}") {
            let _ = next_query(&header);
        }

        #[test]
        fn any_query_comes_back(query in "[a-z_]{1,10}=[a-zA-Z0-9,;%20]{1,20}") {
            let header = format!(
                "<https://h.example/p?page=9>; rel=\"last\", <https://h.example/p?{query}>; rel=\"next\""
            );
            prop_assert_eq!(next_query(&header), Some(query));
        }
    }
}
