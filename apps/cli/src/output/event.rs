//! The history.

use org_core::event::{Actor, FieldChange, StoredEvent};
use serde::{Deserialize, Serialize};

use super::{Row, time};

/// An event of the history.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Event {
    /// Its place in the history, counted from 1 without gaps.
    sequence: u64,
    /// When it happened.
    at: String,
    /// Who made it: the name of a person, or null where a rule was at work.
    actor: Option<String>,
    /// The id of the organization that it belongs to.
    organization: Option<String>,
    /// What it was made on, such as `organization`, `repository:42` or `license-pool`.
    subject: String,
    /// What happened, such as `repository.renamed`.
    kind: String,
    /// What it says beyond its fields.
    message: String,
    /// The fields that changed.
    changes: Vec<Change>,
    /// The hash that chains it to the event before it.
    hash: String,
}

/// A field, before and after.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Change {
    /// The name of the field.
    field: String,
    /// What it was; empty where there was nothing.
    before: String,
    /// What it is; empty where there is nothing.
    after: String,
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

impl Event {
    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The message and the changes, in words.
    fn words(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        if !self.message.is_empty() {
            words.push(self.message.clone());
        }
        let change = |change: &Change| {
            FieldChange::new(&change.field, &change.before, &change.after).to_string()
        };
        words.extend(self.changes.iter().map(change));
        words.join("; ")
    }

    /// On one line, for a stream.
    pub(crate) fn line(&self) -> String {
        self.cells().join("  ")
    }
}

impl Row for Event {
    const HEADER: &'static [&'static str] = &["Nr", "When", "Who", "What", "On", "Details"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.sequence.to_string(),
            self.at.clone(),
            self.actor.clone().unwrap_or_else(|| "(system)".to_owned()),
            self.kind.clone(),
            self.subject.clone(),
            self.words(),
        ]
    }
}
