//! The history.

use org_core::event::{Actor, FieldChange, StoredEvent};
use serde::Serialize;
use utoipa::ToSchema;

use super::time;

/// An event of the history.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Event {
    /// Its place in the history, counted from 1 without gaps.
    pub sequence: u64,
    /// When it happened.
    pub at: String,
    /// Who made it: the name of a person, or null where a rule was at work.
    pub actor: Option<String>,
    /// The id of the organization that it belongs to.
    pub organization: Option<String>,
    /// What it was made on, such as `organization`, `repository:42` or `license-pool`.
    pub subject: String,
    /// What happened, such as `repository.renamed`.
    pub kind: String,
    /// What it says beyond its fields.
    pub message: String,
    /// The fields that changed.
    pub changes: Vec<Change>,
    /// The hash that chains it to the event before it.
    pub hash: String,
}

/// A field, before and after.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Change {
    /// The name of the field.
    pub field: String,
    /// What it was; empty where there was nothing.
    pub before: String,
    /// What it is; empty where there is nothing.
    pub after: String,
}

impl From<&FieldChange> for Change {
    fn from(change: &FieldChange) -> Self {
        Self {
            field: change.field.clone(),
            before: change.before.clone(),
            after: change.after.clone(),
        }
    }
}

impl From<&StoredEvent> for Event {
    fn from(stored: &StoredEvent) -> Self {
        let event = &stored.event;
        Self {
            sequence: stored.sequence,
            at: time::stamp(event.at),
            actor: match &event.actor {
                Actor::Person(name) => Some(name.clone()),
                Actor::System => None,
            },
            organization: event.organization.map(|id| id.to_string()),
            subject: event.subject.to_string(),
            kind: event.kind.clone(),
            message: event.message.clone(),
            changes: event.changes.iter().map(Change::from).collect(),
            hash: stored.hash.to_string(),
        }
    }
}
