//! Pages by the key of the last row, and cursors that are of no use to anybody else.

use std::fmt::Write as _;

use crate::ports::{Page, StoreError};

/// What decides the order of a list and fits into a cursor.
pub(super) trait CursorKey: Ord + Sized {
    /// Which list; a cursor of another list is refused.
    const LIST: &'static str;

    fn to_text(&self) -> String;

    fn from_text(text: &str) -> Option<Self>;
}

fn encode<K: CursorKey>(key: &K) -> String {
    let mut cursor = format!("{}.", K::LIST);
    for byte in key.to_text().bytes() {
        write!(cursor, "{byte:02x}").expect("writing to a string does not fail");
    }
    cursor
}

/// The place that a cursor means; `None` if it is of another list.
pub(super) fn decode<K: CursorKey>(cursor: &str) -> Option<K> {
    let hex = cursor.strip_prefix(K::LIST)?.strip_prefix('.')?;
    let bytes: Option<Vec<u8>> = hex
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    K::from_text(&String::from_utf8(bytes?).ok()?)
}

/// The rows after `after` in the order of their keys, at most `limit` of them.
pub(super) fn page<K: CursorKey, T>(
    mut rows: Vec<(K, T)>,
    after: Option<&str>,
    limit: u32,
) -> Result<Page<T>, StoreError> {
    let after: Option<K> = match after {
        None => None,
        Some(cursor) => Some(decode(cursor).ok_or_else(|| StoreError::NotFound {
            what: format!("place `{cursor}` in the list of {}", K::LIST),
        })?),
    };
    rows.retain(|(key, _)| after.as_ref().is_none_or(|after| key > after));
    rows.sort_by(|(a, _), (b, _)| a.cmp(b));
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| more).map(|(key, _)| encode(key));
    Ok(Page {
        items: rows.into_iter().map(|(_, row)| row).collect(),
        next,
    })
}
