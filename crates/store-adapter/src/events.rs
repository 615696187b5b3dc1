//! The history: one chain, written inside the transaction of the change that it tells of.

use async_trait::async_trait;
use org_core::event::{ChainHash, Event, FieldChange, StoredEvent};
use org_core::ids::OrganizationId;
use org_core::ports::{EventFilter, EventStore, StoreError};
use sqlx::QueryBuilder;
use uuid::Uuid;

use crate::cells::{Cells, micros, signed};
use crate::dialect::{Db, DbConnection, DbRow, rows_per_statement};
use crate::error::During;
use crate::store::Store;
use crate::wire::{ChangeWire, to_json};

const COLUMNS: &str = "sequence, at, actor, organization, subject, kind, message, changes, hash";

const INSERT: &str = "INSERT INTO events (sequence, at, actor, organization, subject, kind, message, changes, hash) ";

/// Adds events to the chain, in their order. They come as an iterator, and are written some hundreds at a time: the first sync of a large
/// organization has as many as there are repositories.
pub(crate) async fn append(
    tx: &mut DbConnection,
    events: impl Iterator<Item = Event> + Send,
) -> Result<(), StoreError> {
    let mut events = events.peekable();
    if events.peek().is_none() {
        return Ok(());
    }
    let (mut sequence, mut hash) = head(tx).await?;
    while events.peek().is_some() {
        let mut insert = QueryBuilder::<Db>::new(INSERT);
        let chunk = events.by_ref().take(rows_per_statement(9));
        let mut rows = 0;
        insert.push_values(chunk, |mut row, event| {
            rows += 1;
            sequence += 1;
            hash = hash.next(&event);
            let changes: Vec<ChangeWire> = event.changes.into_iter().map(Into::into).collect();
            row.push_bind(signed(sequence))
                .push_bind(micros(event.at))
                .push_bind(event.actor.to_string())
                .push_bind(event.organization.map(OrganizationId::as_uuid))
                .push_bind(event.subject.to_string())
                .push_bind(event.kind)
                .push_bind(event.message)
                .push_bind(to_json(&changes))
                .push_bind(hash.as_bytes().to_vec());
        });
        insert
            .build()
            .persistent(rows == rows_per_statement(9))
            .execute(&mut *tx)
            .await
            .during("adding to the history")?;
    }
    Ok(())
}

/// The place and the hash of the newest event.
async fn head(tx: &mut DbConnection) -> Result<(u64, ChainHash), StoreError> {
    let newest = sqlx::query("SELECT sequence, hash FROM events ORDER BY sequence DESC LIMIT 1")
        .fetch_optional(tx)
        .await
        .during("reading the end of the history")?;
    match newest {
        None => Ok((0, ChainHash::GENESIS)),
        Some(row) => {
            let cells = cells(&row);
            Ok((cells.count("sequence")?, chain_hash(&cells)?))
        }
    }
}

const fn cells(row: &DbRow) -> Cells<'_> {
    Cells::new(row, "events", &["sequence"])
}

fn chain_hash(cells: &Cells<'_>) -> Result<ChainHash, StoreError> {
    let bytes: &[u8] = cells.get("hash")?;
    let bytes = bytes
        .try_into()
        .map_err(|error| cells.unreadable("hash", error))?;
    Ok(ChainHash::from_bytes(bytes))
}

fn stored_event(row: &DbRow) -> Result<StoredEvent, StoreError> {
    let cells = cells(row);
    let changes: Vec<ChangeWire> = cells.json("changes")?;
    Ok(StoredEvent {
        sequence: cells.count("sequence")?,
        hash: chain_hash(&cells)?,
        event: Event {
            at: cells.time("at")?,
            actor: cells.parse("actor")?,
            organization: cells
                .get::<Option<Uuid>>("organization")?
                .map(OrganizationId::from_uuid),
            subject: cells.parse("subject")?,
            kind: cells.get("kind")?,
            message: cells.get("message")?,
            changes: changes.into_iter().map(FieldChange::from).collect(),
        },
    })
}

/// From which end a query reads.
#[derive(Clone, Copy)]
enum End {
    Newest,
    Oldest,
}

impl End {
    const fn order(self) -> &'static str {
        match self {
            Self::Newest => " ORDER BY sequence DESC LIMIT ",
            Self::Oldest => " ORDER BY sequence LIMIT ",
        }
    }
}

/// The kinds that begin with `prefix`, each found by one look into the index: there are some dozens of kinds, and perhaps millions of events.
async fn kinds(connection: &mut DbConnection, prefix: &str) -> Result<Vec<String>, StoreError> {
    const STEP: &str = "reading the kinds of events";
    let mut kinds: Vec<String> = Vec::new();
    let mut next: Option<String> =
        sqlx::query_scalar("SELECT min(kind) FROM events WHERE kind >= $1")
            .bind(prefix)
            .fetch_one(&mut *connection)
            .await
            .during(STEP)?;
    while let Some(kind) = next.filter(|kind| kind.starts_with(prefix)) {
        next = sqlx::query_scalar("SELECT min(kind) FROM events WHERE kind > $1")
            .bind(&kind)
            .fetch_one(&mut *connection)
            .await
            .during(STEP)?;
        kinds.push(kind);
    }
    Ok(kinds)
}

/// Adds what a filter asks for, besides the kind.
fn push_conditions(query: &mut QueryBuilder<Db>, filter: &EventFilter) {
    query.push(" WHERE sequence > ");
    query.push_bind(filter.after.map_or(0, signed));
    query.push(" AND sequence < ");
    query.push_bind(filter.before.map_or(i64::MAX, signed));
    if let Some(organization) = filter.organization {
        query.push(" AND organization = ");
        query.push_bind(organization.as_uuid());
    }
    if let Some(subject) = &filter.subject {
        query.push(" AND subject = ");
        query.push_bind(subject.to_string());
    }
}

async fn select(
    store: &Store,
    filter: &EventFilter,
    end: End,
    limit: u32,
) -> Result<Vec<StoredEvent>, StoreError> {
    let mut tx = store.begin_read().await?;
    let limit = i64::from(limit);
    let mut query = QueryBuilder::<Db>::new("SELECT ");
    query.push(COLUMNS);
    query.push(" FROM events");
    match &filter.kind {
        None => push_conditions(&mut query, filter),
        Some(prefix) => {
            let kinds = kinds(&mut tx, prefix).await?;
            if kinds.is_empty() {
                return Ok(Vec::new());
            }
            // The first ones of each kind come from the index; the first ones of all kinds are among them.
            query.push(" WHERE sequence IN (");
            for (index, kind) in kinds.into_iter().enumerate() {
                if index > 0 {
                    query.push(" UNION ALL ");
                }
                query.push("SELECT sequence FROM (SELECT sequence FROM events");
                push_conditions(&mut query, filter);
                query.push(" AND kind = ");
                query.push_bind(kind);
                query.push(end.order());
                query.push_bind(limit);
                query.push(") AS of_kind");
            }
            query.push(")");
        }
    }
    query.push(end.order());
    query.push_bind(limit);
    let rows = query
        .build()
        .fetch_all(&mut *tx)
        .await
        .during("reading the history")?;
    rows.iter().map(stored_event).collect()
}

#[async_trait]
impl EventStore for Store {
    async fn append(&self, events: &[Event]) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await?;
        append(&mut tx, events.iter().cloned()).await?;
        tx.commit().await.during("adding to the history")
    }

    async fn newest(
        &self,
        filter: &EventFilter,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        select(self, filter, End::Newest, limit).await
    }

    async fn oldest(
        &self,
        filter: &EventFilter,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        select(self, filter, End::Oldest, limit).await
    }
}
