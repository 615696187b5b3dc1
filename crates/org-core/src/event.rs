//! The history: every change, who made it, before and after, chained by hash so that nothing can be taken out unnoticed.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SubsecRound, Utc};
use sha2::{Digest, Sha256};

use crate::ids::{GroupId, OrganizationId, RepositoryId};

/// Who or what made a change.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A person, by the name that the entry point knows.
    Person(String),
    /// A sync, a schedule, or another rule at work.
    System,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(name) => write!(f, "person:{name}"),
            Self::System => f.write_str("system"),
        }
    }
}

impl FromStr for Actor {
    type Err = EventTextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("person:") {
            Some(name) => Ok(Self::Person(name.to_owned())),
            None if text == "system" => Ok(Self::System),
            None => Err(EventTextError {
                kind: "actor",
                text: text.to_owned(),
            }),
        }
    }
}

crate::text::serde_through_text!(Actor);

/// A stored text that no event can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a valid {kind} of an event")]
pub struct EventTextError {
    /// What was being parsed.
    pub kind: &'static str,
    /// The refused text.
    pub text: String,
}

/// What a change was made on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// The organization itself.
    Organization,
    /// One repository of it.
    Repository(RepositoryId),
    /// One group of it.
    Group(GroupId),
    /// A secret, by its name.
    Secret(String),
    /// A person with an account, by their name.
    User(String),
    /// The license pool.
    LicensePool,
    /// The installation as a whole.
    Installation,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Organization => f.write_str("organization"),
            Self::Repository(id) => write!(f, "repository:{id}"),
            Self::Group(id) => write!(f, "group:{id}"),
            Self::Secret(name) => write!(f, "secret:{name}"),
            Self::User(name) => write!(f, "user:{name}"),
            Self::LicensePool => f.write_str("license-pool"),
            Self::Installation => f.write_str("installation"),
        }
    }
}

impl FromStr for Subject {
    type Err = EventTextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || EventTextError {
            kind: "subject",
            text: text.to_owned(),
        };
        match text.split_once(':') {
            Some(("repository", id)) => id.parse().map(Self::Repository).map_err(|_| refused()),
            Some(("group", id)) => id.parse().map(Self::Group).map_err(|_| refused()),
            Some(("secret", name)) => Ok(Self::Secret(name.to_owned())),
            Some(("user", name)) => Ok(Self::User(name.to_owned())),
            None if text == "organization" => Ok(Self::Organization),
            None if text == "license-pool" => Ok(Self::LicensePool),
            None if text == "installation" => Ok(Self::Installation),
            _ => Err(refused()),
        }
    }
}

crate::text::serde_through_text!(Subject);

/// One field, before and after. Never the value of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FieldChange {
    /// The name of the field.
    pub field: String,
    /// What it was; empty where there was nothing.
    pub before: String,
    /// What it is; empty where there is nothing.
    pub after: String,
}

impl FieldChange {
    /// A change of `field`.
    pub fn new(field: &str, before: &str, after: &str) -> Self {
        Self {
            field: field.to_owned(),
            before: before.to_owned(),
            after: after.to_owned(),
        }
    }
}

impl fmt::Display for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.before.as_str(), self.after.as_str()) {
            ("", after) => write!(f, "{}: {after}", self.field),
            (before, "") => write!(f, "{}: {before} -> (none)", self.field),
            (before, after) => write!(f, "{}: {before} -> {after}", self.field),
        }
    }
}

/// A change that is about to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Event {
    /// When it happened; kept to the microsecond.
    pub at: DateTime<Utc>,
    /// Who or what made it.
    pub actor: Actor,
    /// The organization that it belongs to, if it belongs to one.
    pub organization: Option<OrganizationId>,
    /// What it was made on.
    pub subject: Subject,
    /// What happened, such as `repository.renamed`.
    pub kind: String,
    /// What it says to a person beyond its fields; may be empty.
    pub message: String,
    /// The fields that changed.
    pub changes: Vec<FieldChange>,
}

impl Event {
    /// An event without message and fields; add them with [`Event::with_message`] and [`Event::with_change`].
    pub fn new(at: DateTime<Utc>, actor: Actor, subject: Subject, kind: impl Into<String>) -> Self {
        Self {
            at: at.trunc_subsecs(6),
            actor,
            organization: None,
            subject,
            kind: kind.into(),
            message: String::new(),
            changes: Vec::new(),
        }
    }

    /// The event, belonging to an organization.
    #[must_use]
    pub fn of(mut self, organization: OrganizationId) -> Self {
        self.organization = Some(organization);
        self
    }

    /// The event, with words for a person.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// The event, with one more field.
    #[must_use]
    pub fn with_change(mut self, change: FieldChange) -> Self {
        self.changes.push(change);
        self
    }
}

/// The hash that chains an event to the one before it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChainHash([u8; 32]);

impl ChainHash {
    /// What the first event is chained to.
    pub const GENESIS: Self = Self([0; 32]);

    /// Wraps what a store kept.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes to keep.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The hash of `event` as the successor of the event with this hash.
    ///
    /// SHA-256 over this hash and every field, each with its length before it, so that no two different events have the same encoding.
    #[must_use]
    pub fn next(&self, event: &Event) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"forgehold event 1");
        hasher.update(self.0);
        let mut field = |bytes: &[u8]| {
            hasher.update((bytes.len() as u64).to_be_bytes());
            hasher.update(bytes);
        };
        field(&event.at.timestamp_micros().to_be_bytes());
        field(event.actor.to_string().as_bytes());
        field(
            event
                .organization
                .map(|id| id.to_string())
                .unwrap_or_default()
                .as_bytes(),
        );
        field(event.subject.to_string().as_bytes());
        field(event.kind.as_bytes());
        field(event.message.as_bytes());
        field(&(event.changes.len() as u64).to_be_bytes());
        for change in &event.changes {
            field(change.field.as_bytes());
            field(change.before.as_bytes());
            field(change.after.as_bytes());
        }
        Self(hasher.finalize().into())
    }
}

impl fmt::Display for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChainHash({self})")
    }
}

/// An event as the history keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its place in the history, counted from 1 without gaps.
    pub sequence: u64,
    /// The event.
    pub event: Event,
    /// Its hash, over the hash of the one before it.
    pub hash: ChainHash,
}

/// The first place where a chain does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the history does not hold at event {sequence}: {reason}")]
pub struct BrokenChain {
    /// The event at which it shows.
    pub sequence: u64,
    /// What is wrong there.
    pub reason: &'static str,
}

/// Checks that `events` follow `before` without a gap and without an alteration; answers the last hash and sequence.
pub fn verify_chain(
    before: (u64, ChainHash),
    events: &[StoredEvent],
) -> Result<(u64, ChainHash), BrokenChain> {
    events.iter().try_fold(before, |(sequence, hash), stored| {
        if stored.sequence != sequence + 1 {
            return Err(BrokenChain {
                sequence: sequence + 1,
                reason: "it is missing",
            });
        }
        if hash.next(&stored.event) != stored.hash {
            return Err(BrokenChain {
                sequence: stored.sequence,
                reason: "it was altered",
            });
        }
        Ok((stored.sequence, stored.hash))
    })
}

#[cfg(test)]
mod tests;
