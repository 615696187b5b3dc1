//! Pages of repositories and groups. Each begins where the one before ended, by key and not by number, and is read from an index.

use org_core::ids::OrganizationId;
use org_core::inventory::{KnownGroup, KnownRepository};
use org_core::ports::{
    Page, PresenceFilter, RepositoryFilter, RepositoryKey, RepositoryRow, StoreError,
};
use serde::{Deserialize, Serialize};
use sqlx::QueryBuilder;

use super::{ROWS_OF_PAGE, rows};
use crate::cells::{micros, signed};
use crate::cursor;
use crate::dialect::{Db, IN_ORDER_OF_PATH, in_order_within_organization};
use crate::error::During;
use crate::store::Store;

/// What the rows of a page are compared by first, as it stands in a cursor.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum KeyValue {
    Text(String),
    Number(i64),
}

/// The expression that an order begins with; the same text stands in its index.
const fn expression(by: RepositoryKey) -> &'static str {
    match by {
        RepositoryKey::Path => "path_key",
        RepositoryKey::Activity => "coalesce(last_activity_at, 0)",
        RepositoryKey::FirstSeen => "first_seen",
    }
}

/// Where a row stands in that order.
fn key(by: RepositoryKey, known: &KnownRepository) -> KeyValue {
    match by {
        RepositoryKey::Path => KeyValue::Text(known.repository.full_path.to_lowercase()),
        RepositoryKey::Activity => {
            KeyValue::Number(known.repository.last_activity_at.map_or(0, micros))
        }
        RepositoryKey::FirstSeen => KeyValue::Number(micros(known.first_seen)),
    }
}

pub(super) async fn repositories(
    store: &Store,
    filter: &RepositoryFilter,
    after: Option<&str>,
    limit: u32,
) -> Result<Page<RepositoryRow>, StoreError> {
    const KIND: &str = "repositories";
    let order = filter.order;
    let after: Option<(String, KeyValue, String, i64)> = cursor::read(KIND, after)?;
    let expression = expression(order.by);
    let (beyond, direction) = if order.descending {
        ("<", " DESC")
    } else {
        (">", "")
    };
    let mut query =
        QueryBuilder::<Db>::new("WITH page AS (SELECT organization, id FROM repositories");
    if let Some(organization) = filter.organization {
        query.push(in_order_within_organization(order.by));
        query.push(" WHERE organization = ");
        query.push_bind(organization.as_uuid());
    } else if order.by == RepositoryKey::Path {
        query.push(IN_ORDER_OF_PATH);
        query.push(" WHERE path_key >= ''");
    } else {
        // Over all organizations these have no index of their own: what fits is found, and the first of it kept.
        query.push(" WHERE true");
    }
    if let Some((made_for, key, organization, id)) = after {
        if made_for != order.to_string() {
            return Err(cursor::not_ours(KIND));
        }
        query.push(format_args!(
            " AND ({expression}, organization, id) {beyond} ("
        ));
        match key {
            KeyValue::Text(key) => query.push_bind(key),
            KeyValue::Number(key) => query.push_bind(key),
        };
        query.push(", ");
        query.push_bind(cursor::uuid(KIND, &organization)?);
        query.push(", ");
        query.push_bind(id);
        query.push(")");
    }
    push_conditions(&mut query, filter);
    query.push(format_args!(
        " ORDER BY {expression}{direction}, organization{direction}, id{direction} LIMIT "
    ));
    query.push_bind(cursor::one_more(limit));
    query.push(") ");
    query.push(ROWS_OF_PAGE);
    query.push(format_args!(
        " ORDER BY {}{direction}, r.organization{direction}, r.id{direction}",
        of_row(order.by)
    ));
    let rows = query
        .build()
        .fetch_all(store.reader())
        .await
        .during("reading a page of repositories")?;
    let rows = rows
        .iter()
        .map(rows::repository_row)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(cursor::page(KIND, rows, limit, |row| {
        (
            order.to_string(),
            key(order.by, &row.known),
            row.organization.to_string(),
            signed(row.known.repository.id.get()),
        )
    }))
}

/// [`expression`] of the rows that a page is joined with.
const fn of_row(by: RepositoryKey) -> &'static str {
    match by {
        RepositoryKey::Path => "r.path_key",
        RepositoryKey::Activity => "coalesce(r.last_activity_at, 0)",
        RepositoryKey::FirstSeen => "r.first_seen",
    }
}

fn push_conditions(query: &mut QueryBuilder<Db>, filter: &RepositoryFilter) {
    match filter.presence {
        PresenceFilter::Present => query.push(" AND gone_since IS NULL"),
        PresenceFilter::Gone => query.push(" AND gone_since IS NOT NULL"),
        PresenceFilter::Any => query,
    };
    if let Some(license) = filter.license {
        query.push(" AND license_state = ");
        query.push_bind(license.as_str());
    }
    if let Some(lifecycle) = filter.lifecycle {
        query.push(" AND lifecycle = ");
        query.push_bind(lifecycle.as_str());
    }
    if let Some(visibility) = filter.visibility {
        query.push(" AND visibility = ");
        query.push_bind(visibility.as_str());
    }
    if let Some(text) = filter.text.as_deref().filter(|text| !text.is_empty()) {
        query.push(" AND path_key LIKE ");
        query.push_bind(containing(text));
        query.push(" ESCAPE '\\'");
    }
}

/// The pattern for what has `text` in it, in lower case; a person who types `_` or `%` means just that.
fn containing(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for character in text.to_lowercase().chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

pub(super) async fn groups(
    store: &Store,
    organization: OrganizationId,
    after: Option<&str>,
    limit: u32,
) -> Result<Page<KnownGroup>, StoreError> {
    const KIND: &str = "groups";
    let after: Option<(bool, String, i64)> = cursor::read(KIND, after)?;
    let mut query = QueryBuilder::<Db>::new("SELECT * FROM groups WHERE organization = ");
    query.push_bind(organization.as_uuid());
    if let Some((gone, path, id)) = after {
        query.push(" AND (gone, path_key, id) > (");
        query.push_bind(gone);
        query.push(", ");
        query.push_bind(path);
        query.push(", ");
        query.push_bind(id);
        query.push(")");
    }
    query.push(" ORDER BY gone, path_key, id LIMIT ");
    query.push_bind(cursor::one_more(limit));
    let rows = query
        .build()
        .fetch_all(store.reader())
        .await
        .during("reading a page of groups")?;
    let rows = rows
        .iter()
        .map(rows::known_group)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(cursor::page(KIND, rows, limit, |known| {
        (
            !known.presence.is_present(),
            known.group.full_path.to_lowercase(),
            signed(known.group.id.get()),
        )
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_are_plain_characters() {
        assert_eq!(containing(r"A_b%\"), r"%a\_b\%\\%");
    }
}
