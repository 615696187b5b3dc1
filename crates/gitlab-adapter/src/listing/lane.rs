//! The listings that a scope is made of, and the ways in which each can be read.

use serde::Deserialize;

use crate::failure::Failure;
use crate::http::{Api, Call, Patience};
use crate::wire::graphql::From;

/// One listing of projects.
#[derive(Debug, Clone)]
pub(crate) struct Lane {
    /// What it is, in words.
    pub(crate) what: String,
    pub(crate) kind: Kind,
}

/// Whose projects they are.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// All that the account is a member of, by whatever way.
    Membership,
    /// A group with everything below it.
    Group {
        /// Its number.
        id: u64,
        /// Its path as the host says it now.
        from: From,
    },
    /// A personal namespace, by the number of its owner.
    Personal { user: u64 },
}

impl Lane {
    pub(crate) fn membership() -> Self {
        Self {
            what: "repositories of the account".to_owned(),
            kind: Kind::Membership,
        }
    }

    pub(crate) fn group(id: u64, path: &str) -> Self {
        Self {
            what: format!("repositories of {path}"),
            kind: Kind::Group {
                id,
                from: From::Group(path.into()),
            },
        }
    }

    pub(crate) fn personal(user: u64) -> Self {
        Self {
            what: "repositories of the personal namespace".to_owned(),
            kind: Kind::Personal { user },
        }
    }

    /// Where GraphQL has it.
    pub(crate) fn graphql(&self) -> Option<&From> {
        match &self.kind {
            Kind::Membership => Some(&From::Membership),
            Kind::Group { from, .. } => Some(from),
            Kind::Personal { .. } => None,
        }
    }

    /// Whether REST has it by keyset (GitLab docs, REST API, "Supported resources").
    pub(crate) fn has_keyset(&self) -> bool {
        !matches!(self.kind, Kind::Group { .. })
    }

    /// The REST listing, ordered by id in the given direction, without a page.
    pub(crate) fn rest(&self, sort: &str) -> Call {
        let call = match &self.kind {
            Kind::Membership => Call::get("/projects").with("membership", true),
            Kind::Group { id, .. } => Call::get(format!("/groups/{id}/projects"))
                .with("include_subgroups", true)
                // Without this, projects of strangers that are shared in look owned.
                .with("with_shared", false),
            Kind::Personal { user } => Call::get(format!("/users/{user}/projects")),
        };
        call.with("order_by", "id").with("sort", sort)
    }

    /// How many there are between two ids, both left out, and the least of them. The host does not count beyond 10,000.
    pub(crate) async fn count(
        &self,
        api: &Api,
        between: Option<(u64, u64)>,
    ) -> Result<Count, Failure> {
        let mut call = self.rest("asc").with("per_page", 1).with("simple", true);
        if let Some((after, before)) = between {
            call = call.with("id_after", after).with("id_before", before);
        }
        let (rows, answer) = api.json::<Vec<Numbered>>(&call, Patience::Full).await?;
        Ok(Count {
            rows: answer.number("x-total"),
            lowest: rows.first().map(|row| row.id),
        })
    }
}

#[derive(Deserialize)]
struct Numbered {
    id: u64,
}

/// What a listing holds, as the host counts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Count {
    /// How many, where it says so.
    pub(crate) rows: Option<u64>,
    /// The smallest id.
    pub(crate) lowest: Option<u64>,
}
