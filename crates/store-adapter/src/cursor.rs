//! Where a page ended, as an opaque text.

use std::fmt::Write;

use org_core::ports::{Page, StoreError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

/// Writes the place after which the next page of the list `kind` begins.
pub(crate) fn write<K: Serialize>(kind: &str, key: &K) -> String {
    let json = serde_json::to_vec(&(kind, key)).expect("texts and numbers always become JSON");
    json.iter().fold(String::new(), |mut cursor, byte| {
        write!(cursor, "{byte:02x}").expect("a text takes any text");
        cursor
    })
}

/// Reads what [`write`] wrote for the same list.
pub(crate) fn read<K: DeserializeOwned>(
    kind: &'static str,
    cursor: Option<&str>,
) -> Result<Option<K>, StoreError> {
    let Some(cursor) = cursor else {
        return Ok(None);
    };
    let bytes: Option<Vec<u8>> = (cursor.len() % 2 == 0)
        .then(|| {
            cursor
                .as_bytes()
                .chunks_exact(2)
                .map(|pair| {
                    let digits = std::str::from_utf8(pair).ok()?;
                    u8::from_str_radix(digits, 16).ok()
                })
                .collect()
        })
        .flatten();
    match bytes.and_then(|bytes| serde_json::from_slice::<(String, K)>(&bytes).ok()) {
        Some((found, key)) if found == kind => Ok(Some(key)),
        _ => Err(not_ours(kind)),
    }
}

/// Reads a UUID inside a cursor.
pub(crate) fn uuid(kind: &'static str, text: &str) -> Result<Uuid, StoreError> {
    text.parse().map_err(|_| not_ours(kind))
}

/// The cursor is not of this list.
pub(crate) fn not_ours(kind: &'static str) -> StoreError {
    StoreError::NotFound {
        what: format!("page of {kind} that begins there"),
    }
}

/// How many rows to ask for, to know whether there is a next page.
pub(crate) fn one_more(limit: u32) -> i64 {
    i64::from(limit) + 1
}

/// Makes a page of up to `limit` rows and the one beyond that says whether there are more.
pub(crate) fn page<T, K: Serialize>(
    kind: &'static str,
    mut rows: Vec<T>,
    limit: u32,
    key: impl Fn(&T) -> K,
) -> Page<T> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = match rows.last() {
        Some(last) if more => Some(write(kind, &key(last))),
        _ => None,
    };
    Page { items: rows, next }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_by_the_list_that_wrote_it_and_by_no_other() {
        let cursor = write("groups", &("a/ü_%", 7));
        let read_groups = |text: &str| read::<(String, i64)>("groups", Some(text));
        assert_eq!(
            read_groups(&cursor).expect("ours"),
            Some(("a/ü_%".to_owned(), 7))
        );
        assert_eq!(read::<(String, i64)>("groups", None).expect("none"), None);
        assert!(read::<(String, i64)>("syncs", Some(&cursor)).is_err());
        for bad in ["", "0", "zz", "é", "5b5d", "+5+5", &cursor[2..]] {
            assert!(
                matches!(read_groups(bad), Err(StoreError::NotFound { .. })),
                "{bad}"
            );
        }
    }
}
