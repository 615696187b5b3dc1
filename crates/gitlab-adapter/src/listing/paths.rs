//! Paths and names of what is marked for deletion.
//!
//! GitLab renames what it will delete: `PATH-deletion_scheduled-ID`, in older versions `PATH-deleted-ID`, path and name alike. The
//! inventory keeps the path that people know, so the ending is taken off again, in the middle of a path too.

/// The text without the ending that the host appended for the thing with this number; `None` if there is no such ending.
pub(crate) fn without_own_ending(text: &str, id: u64) -> Option<&str> {
    let rest = text.strip_suffix(id.to_string().as_str())?;
    ["-deletion_scheduled-", "-deleted-"]
        .iter()
        .find_map(|marker| rest.strip_suffix(marker))
        .filter(|rest| !rest.is_empty())
}

/// The part of a path without the ending, where the number of the group is not known: only the longer ending, which nobody types.
fn without_ending(part: &str) -> Option<&str> {
    let (rest, number) = part.rsplit_once("-deletion_scheduled-")?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && !rest.is_empty()).then_some(rest)
}

/// A path cleaned of the endings of all its parts, and whether there were any.
pub(crate) fn cleaned(path: &str) -> (String, bool) {
    let mut found = false;
    let parts: Vec<&str> = path
        .split('/')
        .map(|part| {
            without_ending(part).map_or(part, |clean| {
                found = true;
                clean
            })
        })
        .collect();
    (parts.join("/"), found)
}

/// Splits a full path into what is above it and its last part.
pub(crate) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// Joins a last part to what is above it.
pub(crate) fn joined(parent: &str, last: &str) -> String {
    if parent.is_empty() {
        last.to_owned()
    } else {
        format!("{parent}/{last}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_own_number_is_an_own_ending() {
        let check =
            |text, id, expected| assert_eq!(without_own_ending(text, id), expected, "{text}");
        check("api-deletion_scheduled-42", 42, Some("api"));
        check("api-deleted-42", 42, Some("api"));
        check("API-deletion_scheduled-42", 42, Some("API"));
        check("api-deletion_scheduled-42", 4, None);
        check("api-deletion_scheduled-42", 2, None);
        check("api-deleted-43", 42, None);
        check("-deleted-42", 42, None);
        check("42", 42, None);
        check("a-deleted-7-deletion_scheduled-7", 7, Some("a-deleted-7"));
    }

    #[test]
    fn parts_in_the_middle_are_cleaned_by_the_longer_ending_alone() {
        let check = |path, expected: &str, found| {
            assert_eq!(cleaned(path), (expected.to_owned(), found), "{path}");
        };
        check("acme/old-deletion_scheduled-9/api", "acme/old/api", true);
        check(
            "acme/what-we-deleted-9/api",
            "acme/what-we-deleted-9/api",
            false,
        );
        check(
            "acme/-deletion_scheduled-9",
            "acme/-deletion_scheduled-9",
            false,
        );
        check(
            "acme/x-deletion_scheduled-",
            "acme/x-deletion_scheduled-",
            false,
        );
        check("acme", "acme", false);
    }

    proptest! {
        #[test]
        fn an_appended_ending_comes_off_and_nothing_else(
            path in "[a-zA-Z0-9][a-zA-Z0-9_.-]{0,20}",
            id in 1_u64..,
            old in any::<bool>(),
        ) {
            let marker = if old { "-deleted-" } else { "-deletion_scheduled-" };
            let marked = format!("{path}{marker}{id}");
            prop_assert_eq!(without_own_ending(&marked, id), Some(path.as_str()));
            if !path.contains("-delet") {
                prop_assert_eq!(without_own_ending(&path, id), None);
                prop_assert_eq!(cleaned(&path), (path.clone(), false));
            }
        }

        #[test]
        fn the_number_of_parts_never_changes(path in "[a-z/_0-9-]{0,60}") {
            let (clean, _) = cleaned(&path);
            prop_assert_eq!(clean.split('/').count(), path.split('/').count());
        }
    }
}
