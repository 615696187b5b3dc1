//! Cursors and pages of connections: keyset, at most 100 nodes, redacted after the cut.

use async_graphql::SimpleObject;
use serde_json::json;

use crate::cursor;

/// Where a page lies in its connection.
#[derive(SimpleObject, Debug)]
pub(super) struct PageInfo {
    /// Whether rows follow, seen or not.
    has_next_page: bool,
    /// Whether rows came before.
    has_previous_page: bool,
    start_cursor: Option<String>,
    end_cursor: Option<String>,
}

/// The page that was asked for.
pub(super) struct Ask {
    pub(super) first: Option<i32>,
    pub(super) after: Option<String>,
}

impl Ask {
    fn size(&self) -> Result<usize, async_graphql::Error> {
        match self.first {
            None => Ok(100),
            Some(first) => usize::try_from(first)
                .map(|first| first.min(100))
                .map_err(|_| async_graphql::Error::new("`first` must not be negative")),
        }
    }
}

/// A cut page: the rows of the order, before anything is redacted.
pub(super) struct Cut {
    pub(super) ids: Vec<u64>,
    pub(super) page_info: PageInfo,
}

/// Where a row stands in its order: the key of the order, then the id.
pub(super) type Key = (String, u64);

/// Cuts a page out of `rows`, which are ordered by `key` (backwards when `descending`). Without a
/// key of its own, an order goes by id.
pub(super) fn cut(
    rows: &[u64],
    ask: &Ask,
    descending: bool,
    key: impl Fn(u64) -> String,
) -> Result<Cut, async_graphql::Error> {
    let size = ask.size()?;
    let start = match &ask.after {
        None => 0,
        Some(after) => {
            let last = read_cursor(after)
                .ok_or_else(|| async_graphql::Error::new("Please provide a valid cursor"))?;
            rows.partition_point(|id| {
                let here: Key = (key(*id), *id);
                if descending {
                    here >= last
                } else {
                    here <= last
                }
            })
        }
    };
    let rest = rows.get(start..).unwrap_or_default();
    let page = rest.get(..size).unwrap_or(rest);
    let cursor_of = |id: &u64| {
        let key = key(*id);
        let mut value = json!({ "id": id.to_string() });
        if !key.is_empty() {
            value["key"] = key.into();
        }
        cursor::encode(&value)
    };
    Ok(Cut {
        ids: page.to_vec(),
        page_info: PageInfo {
            has_next_page: rest.len() > page.len(),
            has_previous_page: start > 0,
            start_cursor: page.first().map(cursor_of),
            end_cursor: page.last().map(cursor_of),
        },
    })
}

fn read_cursor(text: &str) -> Option<Key> {
    let value = cursor::decode(text)?;
    let id = value.get("id")?.as_str()?.parse().ok()?;
    let key = value
        .get("key")
        .and_then(|key| key.as_str())
        .unwrap_or_default();
    Some((key.to_owned(), id))
}
