//! The two queries, and their answers.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use org_core::inventory::Visibility;
use serde::Deserialize;
use serde_json::json;

use super::rest::visibility;

/// Whose projects a query reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum From {
    /// All that the account is a member of.
    Membership,
    /// Those of a group and of everything below it; by its full path.
    Group(Box<str>),
}

/// One page of a query; several travel in one request.
#[derive(Debug, Clone)]
pub(crate) struct PageOf<'a> {
    pub(crate) from: &'a From,
    pub(crate) first: u32,
    pub(crate) after: Option<&'a str>,
}

/// The fields of a page. None of them makes the host ask its git storage, and all of them exist since 16.11; the complexity of one page of
/// 100 is about 60 of the 250 that are allowed (GitLab docs, GraphQL, "Limits").
const FIELDS: &str = "fragment F on ProjectConnection { pageInfo { hasNextPage endCursor } nodes { id name fullPath visibility archived \
    createdAt lastActivityAt isForked topics group { id } } }";

/// The body of a request for these pages, which answers [`Pages`] under the aliases `p0`, `p1` and so on.
pub(crate) fn pages_body(pages: &[PageOf<'_>]) -> String {
    let (mut heads, mut parts) = (String::new(), String::new());
    let mut variables = serde_json::Map::new();
    for (n, page) in pages.iter().enumerate() {
        let separator = if n == 0 { "" } else { ", " };
        // Writing to a string cannot fail.
        let _ = write!(heads, "{separator}$f{n}: Int, $a{n}: String");
        variables.insert(format!("f{n}"), json!(page.first));
        variables.insert(format!("a{n}"), json!(page.after));
        let _ = match page.from {
            From::Membership => write!(
                parts,
                " p{n}: projects(membership: true, first: $f{n}, after: $a{n}) {{ ...F }}"
            ),
            From::Group(path) => {
                let _ = write!(heads, ", $g{n}: ID!");
                variables.insert(format!("g{n}"), json!(path));
                write!(
                    parts,
                    " p{n}: group(fullPath: $g{n}) {{ projects(includeSubgroups: true, first: $f{n}, after: $a{n}) {{ ...F }} }}"
                )
            }
        };
    }
    let query = format!("query Listing({heads}) {{{parts} }} {FIELDS}");
    json!({ "query": query, "variables": variables }).to_string()
}

/// The body of a request that asks which of these projects are there.
pub(crate) fn existing_body(ids: &[u64]) -> String {
    let ids: Vec<String> = ids
        .iter()
        .map(|id| format!("gid://gitlab/Project/{id}"))
        .collect();
    json!({
        "query": "query Existing($ids: [ID!], $n: Int) { projects(ids: $ids, first: $n) { nodes { id fullPath group { id } } } }",
        "variables": { "n": ids.len(), "ids": ids },
    })
    .to_string()
}

/// What comes around every answer.
#[derive(Debug, Deserialize)]
pub(crate) struct Envelope<T> {
    #[serde(default = "none")]
    pub(crate) data: Option<T>,
    #[serde(default)]
    pub(crate) errors: Vec<Complaint>,
}

fn none<T>() -> Option<T> {
    None
}

/// One error of GraphQL.
#[derive(Debug, Deserialize)]
pub(crate) struct Complaint {
    pub(crate) message: String,
}

/// Pages by their alias.
pub(crate) type Pages = BTreeMap<Box<str>, Option<Part>>;

/// What stands under an alias: a connection, or a group with one in it.
#[derive(Debug, Deserialize)]
pub(crate) struct Part {
    #[serde(default)]
    projects: Option<Box<Connection>>,
    #[serde(default, rename = "pageInfo")]
    page_info: Option<PageInfo>,
    #[serde(default)]
    nodes: Option<Vec<Option<Project>>>,
}

impl Part {
    /// The connection, whichever way it came.
    pub(crate) fn connection(self) -> Option<Connection> {
        match (self.projects, self.page_info, self.nodes) {
            (Some(connection), _, _) => Some(*connection),
            (None, Some(page_info), Some(nodes)) => Some(Connection { page_info, nodes }),
            _ => None,
        }
    }
}

/// One page of projects.
#[derive(Debug, Deserialize)]
pub(crate) struct Connection {
    #[serde(rename = "pageInfo")]
    pub(crate) page_info: PageInfo,
    /// `null` stands for one that may not be seen.
    pub(crate) nodes: Vec<Option<Project>>,
}

/// Where a page ends.
#[derive(Debug, Deserialize)]
pub(crate) struct PageInfo {
    #[serde(rename = "hasNextPage")]
    pub(crate) has_next_page: bool,
    #[serde(default, rename = "endCursor")]
    pub(crate) end_cursor: Option<Box<str>>,
}

/// A project.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Project {
    pub(crate) id: Gid,
    pub(crate) name: Box<str>,
    pub(crate) full_path: Box<str>,
    #[serde(default, with = "visibility")]
    pub(crate) visibility: Option<Visibility>,
    #[serde(default)]
    pub(crate) archived: Option<bool>,
    pub(crate) created_at: DateTime<Utc>,
    #[serde(default)]
    pub(crate) last_activity_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub(crate) is_forked: Option<bool>,
    #[serde(default)]
    pub(crate) topics: Option<Vec<Box<str>>>,
    /// `null` in a personal namespace.
    #[serde(default)]
    pub(crate) group: Option<Node>,
}

/// Something of which only the number matters.
#[derive(Debug, Deserialize)]
pub(crate) struct Node {
    pub(crate) id: Gid,
}

/// The answer to [`existing_body`].
#[derive(Debug, Deserialize)]
pub(crate) struct Existing {
    pub(crate) projects: Nodes,
}

/// Nodes without their pages.
#[derive(Debug, Deserialize)]
pub(crate) struct Nodes {
    pub(crate) nodes: Vec<Option<Place>>,
}

/// A project, and where it stands.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Place {
    pub(crate) id: Gid,
    pub(crate) full_path: Box<str>,
    /// `null` in a personal namespace.
    #[serde(default)]
    pub(crate) group: Option<Node>,
}

/// A global id, such as `gid://gitlab/Project/123`: only its number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "std::borrow::Cow<'_, str>")]
pub(crate) struct Gid(pub(crate) u64);

impl TryFrom<std::borrow::Cow<'_, str>> for Gid {
    type Error = &'static str;

    fn try_from(text: std::borrow::Cow<'_, str>) -> Result<Self, Self::Error> {
        let number = text
            .strip_prefix("gid://gitlab/")
            .and_then(|rest| rest.split_once('/'));
        number
            .and_then(|(_, number)| number.parse().ok())
            .map(Self)
            .ok_or("a global id without a number")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn global_ids_keep_their_number() {
        let gid = |text: &str| serde_json::from_str::<Gid>(&format!("{text:?}")).ok();
        assert_eq!(gid("gid://gitlab/Project/123"), Some(Gid(123)));
        assert_eq!(gid("gid://gitlab/Group/7"), Some(Gid(7)));
        for wrong in [
            "",
            "123",
            "gid://gitlab/Project/",
            "gid://gitlab/Project/x",
            "gid://other/Project/1",
        ] {
            assert_eq!(gid(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn several_pages_travel_in_one_request() {
        let group = From::Group("acme".into());
        let page = |from, after| PageOf {
            from,
            first: 100,
            after,
        };
        let body = pages_body(&[page(&From::Membership, None), page(&group, Some("abc"))]);
        let body: serde_json::Value = serde_json::from_str(&body).expect("it is JSON");
        insta::assert_snapshot!(
            body["query"].as_str().expect("a query"),
            @"query Listing($f0: Int, $a0: String, $f1: Int, $a1: String, $g1: ID!) { p0: projects(membership: true, first: $f0, after: $a0) { ...F } p1: group(fullPath: $g1) { projects(includeSubgroups: true, first: $f1, after: $a1) { ...F } } } fragment F on ProjectConnection { pageInfo { hasNextPage endCursor } nodes { id name fullPath visibility archived createdAt lastActivityAt isForked topics group { id } } }"
        );
        assert_eq!(body["variables"]["g1"], "acme");
        assert_eq!(body["variables"]["a0"], serde_json::Value::Null);
    }
}
