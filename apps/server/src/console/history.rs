//! The history: every change, who made it, and what it was before.

use std::collections::HashMap;

use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::get;
use org_core::event::{Actor, Event, StoredEvent, Subject};
use org_core::ids::{OrganizationId, RepositoryId};
use org_core::license::pool::SeatKey;
use org_core::ports::EventFilter;
use serde::Deserialize;

use super::form::Form;
use super::frame::{Frame, Section, render, role};
use super::licenses::because;
use super::organizations::DeviceNames;
use super::urls;
use super::view::{Icon, Stamp, quoted, sentence};
use crate::api::problem::Problem;
use crate::auth::{Csrf, CurrentUser};
use crate::state::AppState;

pub(super) fn router() -> Router<AppState> {
    Router::new().route(urls::HISTORY, get(page))
}

/// How many events a page has.
const EVENTS: u32 = 100;

/// What people call organizations, the removed ones included, devices, and those repositories that were asked for.
pub(super) struct Names {
    organizations: HashMap<OrganizationId, String>,
    devices: DeviceNames,
    repositories: HashMap<SeatKey, String>,
}

impl Names {
    pub(super) async fn read(state: &AppState) -> Result<Self, Problem> {
        let roster = state.ports().organizations.roster().await?;
        let names = roster.organizations.into_iter();
        Ok(Self {
            organizations: names
                .map(|organization| (organization.id, organization.name.to_string()))
                .collect(),
            devices: DeviceNames::read(state).await?,
            repositories: HashMap::new(),
        })
    }

    /// Asks what the repositories are called whose events do not say it themselves.
    pub(super) async fn learn(
        &mut self,
        state: &AppState,
        events: &[StoredEvent],
    ) -> Result<(), Problem> {
        let mut unknown: HashMap<OrganizationId, Vec<RepositoryId>> = HashMap::new();
        for StoredEvent { event, .. } in events {
            if let (Subject::Repository(repository), Some(organization)) =
                (&event.subject, event.organization)
                && !names_itself(event)
            {
                unknown.entry(organization).or_default().push(*repository);
            }
        }
        // Once for each organization, and not for each event: a page has a hundred of them.
        for (organization, repositories) in unknown {
            let inventory = &state.ports().inventory;
            for (repository, path) in inventory.paths(organization, &repositories).await? {
                let key = SeatKey {
                    organization,
                    repository,
                };
                self.repositories.insert(key, path.into());
            }
        }
        Ok(())
    }

    fn repository(&self, organization: OrganizationId, repository: RepositoryId) -> Option<&str> {
        let key = SeatKey {
            organization,
            repository,
        };
        self.repositories.get(&key).map(String::as_str)
    }

    fn device(&self, id: &str) -> Option<String> {
        Some(self.devices.of(id.parse().ok()?))
    }

    pub(super) fn of(&self, id: OrganizationId) -> String {
        let known = self.organizations.get(&id).cloned();
        known.unwrap_or_else(|| id.to_string())
    }
}

/// One event.
pub(super) struct EventView {
    pub(super) icon: Icon,
    pub(super) title: String,
    pub(super) actor: String,
    pub(super) subject: String,
    pub(super) url: Option<String>,
    pub(super) organization: Option<(String, String)>,
    pub(super) message: String,
    pub(super) changes: Vec<(String, String, String)>,
    pub(super) at: Stamp,
    pub(super) sequence: u64,
    pub(super) hash: String,
}

fn icon(kind: &str) -> &'static str {
    let (what, happened) = kind.split_once('.').unwrap_or((kind, ""));
    match (what, happened) {
        ("license" | "license_pool", _) => "badge-check",
        ("sync", _) => "refresh-cw",
        ("secret" | "token", _) => "lock-keyhole",
        ("user", _) => "user-round",
        ("api_token", _) => "key-round",
        ("attempt", _) => "plug",
        ("organization", "removed") => "trash-2",
        ("organization", _) => "folder-git-2",
        ("repository", "gone" | "vanished") => "ban",
        ("repository", "archived") => "archive",
        ("repository", _) => "git-branch",
        ("group", _) => "folder",
        _ => "info",
    }
}

/// Whether the message of an event is the path of what it is about.
fn names_itself(event: &Event) -> bool {
    let told = !event.message.is_empty();
    match event.subject {
        Subject::Repository(_) => told && event.kind.starts_with("repository."),
        Subject::Group(_) => told && event.kind.starts_with("group."),
        _ => false,
    }
}

/// A value as people read it: names for ids that are known, and plain words for those of the record.
fn value(field: &str, text: &str, names: Option<&Names>) -> String {
    match (field, text) {
        ("method", "sso") => "SSO".to_owned(),
        ("method", "access_token") => "Login and token".to_owned(),
        ("role", word) => word
            .parse()
            .map_or(word.to_owned(), |word| role(word).to_owned()),
        ("default_device", id) => {
            let known = names.and_then(|names| names.device(id));
            known.unwrap_or_else(|| id.to_owned())
        }
        ("status" | "protect_groups" | "auto_license" | "license_existing", word) => {
            word.replace('_', " ")
        }
        ("schedule" | "scope", words) => quoted(words),
        (_, text) => text.to_owned(),
    }
}

impl EventView {
    /// On the page of the very thing that it is about.
    pub(super) fn of_this(stored: &StoredEvent, names: &Names) -> Self {
        let view = Self::of(stored, Some(names));
        Self {
            subject: String::new(),
            url: None,
            organization: None,
            ..view
        }
    }

    /// On a page of the organization that it happened in.
    pub(super) fn within(stored: &StoredEvent, names: &Names) -> Self {
        let view = Self::of(stored, Some(names));
        Self {
            organization: None,
            ..view
        }
    }

    pub(super) fn of(stored: &StoredEvent, names: Option<&Names>) -> Self {
        let event = &stored.event;
        let (subject, url) = match (&event.subject, event.organization) {
            (Subject::Repository(id), Some(organization)) => (
                names
                    .and_then(|names| names.repository(organization, *id))
                    .map_or_else(|| format!("Repository {id}"), str::to_owned),
                Some(urls::repository(organization, *id)),
            ),
            (Subject::Group(id), _) => (format!("Group {id}"), None),
            (Subject::Secret(name), _) => (format!("Secret {name}"), None),
            (Subject::User(name), _) => (format!("User {name}"), None),
            (Subject::LicensePool, _) => {
                ("License pool".to_owned(), Some(urls::LICENSES.to_owned()))
            }
            _ => (String::new(), None),
        };
        // What is told of a repository or a group is its path, which says more than its number.
        let (subject, message) = if names_itself(event) {
            (event.message.clone(), String::new())
        } else if matches!(event.subject, Subject::Repository(_))
            && event.kind.starts_with("license.")
        {
            (subject, because(&event.message))
        } else {
            (subject, quoted(&event.message))
        };
        // Which sync it was is where it leads, and no value that says anything.
        let sync = event.organization.and_then(|organization| {
            let mut changes = event.changes.iter();
            let id = changes.find(|change| &*change.field == "sync")?;
            Some(urls::sync(organization, id.after.parse().ok()?))
        });
        let (subject, url) = match sync {
            Some(url) if subject.is_empty() => ("The sync".to_owned(), Some(url)),
            _ => (subject, url),
        };
        let shown = event.changes.iter();
        let shown = shown.filter(|change| &*change.field != "sync");
        let changes = shown.map(|change| {
            let value = |text: &str| value(&change.field, text, names);
            let field = match &*change.field {
                "protect_groups" => "Protection of groups".to_owned(),
                "auto_license" => "Licenses for new repositories".to_owned(),
                "license_existing" => "Licenses for those that are there".to_owned(),
                field => sentence(&field.replace('_', " ")),
            };
            (field, value(&change.before), value(&change.after))
        });
        Self {
            icon: Icon::new(icon(&event.kind)),
            title: sentence(&event.kind.replace(['.', '_'], " ")),
            actor: match &event.actor {
                Actor::Person(name) => name.clone(),
                Actor::System => "Forgehold".to_owned(),
            },
            subject,
            url,
            organization: match (names, event.organization) {
                (Some(names), Some(id)) => Some((names.of(id), urls::organization(id))),
                _ => None,
            },
            message,
            changes: changes.collect(),
            at: Stamp(event.at),
            sequence: stored.sequence,
            hash: stored.hash.to_string(),
        }
    }
}

/// What somebody looks for.
#[derive(Debug, Default, Deserialize)]
struct Search {
    #[serde(default)]
    organization: String,
    #[serde(default)]
    kind: String,
    before: Option<u64>,
}

/// The kinds that a person may choose from, by the beginning of their words.
pub(super) const KINDS: [(&str, &str); 9] = [
    ("organization.", "Organizations"),
    ("attempt.", "Connection attempts"),
    ("sync.", "Syncs"),
    ("repository.", "Repositories"),
    ("group.", "Groups"),
    ("license", "Licenses"),
    ("secret.", "Secrets"),
    ("user.", "Users"),
    ("api_token.", "API tokens"),
];

#[derive(Template)]
#[template(path = "history.html")]
pub(super) struct HistoryPage {
    pub(super) frame: Frame,
    pub(super) form: Form,
    pub(super) organizations: Vec<(String, String)>,
    pub(super) events: Vec<EventView>,
    pub(super) filtered: bool,
    pub(super) older: Option<String>,
}

async fn page(
    State(state): State<AppState>,
    CurrentUser(caller): CurrentUser,
    Query(search): Query<Search>,
    csrf: Csrf,
) -> Result<Response, Problem> {
    let filter = EventFilter {
        organization: search.organization.parse().ok(),
        kind: Some(search.kind.clone()).filter(|kind| !kind.is_empty()),
        before: search.before,
        ..EventFilter::default()
    };
    let events = state.ports().events.newest(&filter, EVENTS).await?;
    let mut names = Names::read(&state).await?;
    names.learn(&state, &events).await?;
    let mut organizations: Vec<(String, String)> = names
        .organizations
        .iter()
        .map(|(id, name)| (id.to_string(), name.clone()))
        .collect();
    organizations.sort_by(|a, b| a.1.cmp(&b.1));
    let older = match events.last() {
        Some(last) if events.len() == EVENTS as usize && last.sequence > 1 => {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.append_pair("organization", &search.organization);
            query.append_pair("kind", &search.kind);
            query.append_pair("before", &last.sequence.to_string());
            Some(format!("{}?{}", urls::HISTORY, query.finish()))
        }
        _ => None,
    };
    Ok(render(&HistoryPage {
        frame: Frame::new(Section::History, "History", &caller, &csrf),
        filtered: !search.organization.is_empty() || !search.kind.is_empty(),
        form: Form::with(&[
            ("organization", &search.organization),
            ("kind", &search.kind),
        ]),
        organizations,
        events: events
            .iter()
            .map(|stored| EventView::of(stored, Some(&names)))
            .collect(),
        older,
    }))
}
