//! Repositories and groups of an organization: found by the server, a page at a time.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use org_core::event::Subject;
use org_core::ids::RepositoryId;
use org_core::inventory::{KnownGroup, Lifecycle, Ownership, Presence, Visibility};
use org_core::license::LicenseState;
use org_core::license::pool::SeatKey;
use org_core::organization::Organization;
use org_core::ports::{
    EventFilter, PresenceFilter, RepositoryFilter, RepositoryKey, RepositoryOrder, RepositoryRow,
};
use org_core::use_cases::licenses::{self, Outcome};
use serde::Deserialize;

use super::Named;
use super::show::{Head, Tab, frame};
use crate::api::problem::Problem;
use crate::auth::{Csrf, CurrentUser, Operator};
use crate::console::form::Form;
use crate::console::frame::{Frame, Notice, Noticed, go_with, render};
use crate::console::history::{EventView, Names};
use crate::console::urls;
use crate::console::view::{Badge, Stamp, lifecycle, quoted, thousands, visibility};
use crate::state::AppState;

/// How many rows a page has.
const ROWS: u32 = 50;

/// How many groups a page has.
const GROUPS: u32 = 200;

/// One repository in a list.
pub(in crate::console) struct RepositoryView {
    pub(in crate::console) url: String,
    pub(in crate::console) parent: String,
    pub(in crate::console) path: String,
    pub(in crate::console) visibility: &'static str,
    pub(in crate::console) lifecycle: Option<&'static str>,
    pub(in crate::console) gone: bool,
    pub(in crate::console) shared: bool,
    pub(in crate::console) license: Badge,
    pub(in crate::console) branch: String,
    pub(in crate::console) activity: Option<Stamp>,
    pub(in crate::console) first_seen: Stamp,
}

impl RepositoryView {
    pub(in crate::console) fn of(row: &RepositoryRow) -> Self {
        let repository = &row.known.repository;
        Self {
            url: urls::repository(row.organization, repository.id),
            parent: repository.parent_path().to_owned(),
            path: repository.path().to_owned(),
            visibility: visibility(repository.visibility),
            lifecycle: (repository.lifecycle != Lifecycle::Active)
                .then(|| lifecycle(repository.lifecycle)),
            gone: !row.known.presence.is_present(),
            shared: repository.ownership == Ownership::SharedIn,
            license: Badge::license(row.known.license.state),
            branch: repository
                .default_branch
                .as_deref()
                .unwrap_or_default()
                .to_owned(),
            activity: repository.last_activity_at.map(Stamp),
            first_seen: Stamp(row.known.first_seen),
        }
    }
}

/// What was searched for.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Search {
    #[serde(default)]
    q: String,
    #[serde(default)]
    license: String,
    #[serde(default)]
    lifecycle: String,
    #[serde(default)]
    visibility: String,
    #[serde(default)]
    presence: String,
    #[serde(default)]
    sort: String,
    after: Option<String>,
}

impl Search {
    fn filter(&self, organization: &Organization) -> RepositoryFilter {
        RepositoryFilter {
            organization: Some(organization.id),
            text: Some(self.q.trim().to_owned()).filter(|text| !text.is_empty()),
            // A word that is none is no filter: the address may be somebody's typing.
            license: self.license.parse::<LicenseState>().ok(),
            lifecycle: self.lifecycle.parse::<Lifecycle>().ok(),
            visibility: self.visibility.parse::<Visibility>().ok(),
            presence: match self.presence.as_str() {
                "gone" => PresenceFilter::Gone,
                "any" => PresenceFilter::Any,
                _ => PresenceFilter::Present,
            },
            order: self.order(),
        }
    }

    fn order(&self) -> RepositoryOrder {
        self.sort.parse().unwrap_or_default()
    }

    /// The head of a column that the list can be sorted by: by it, or the other way round if it is sorted by it already.
    fn head(&self, own: &str, by: RepositoryKey) -> SortHead {
        let now = self.order();
        let chosen = now.by == by;
        let order = RepositoryOrder {
            by,
            // The latest is what one looks for first.
            descending: if chosen {
                !now.descending
            } else {
                by != RepositoryKey::Path
            },
        };
        let sorted = Self {
            sort: order.to_string(),
            ..self.clone()
        };
        SortHead {
            url: format!("{own}?{}", sorted.query("")),
            sorted: chosen.then_some(if now.descending {
                "descending"
            } else {
                "ascending"
            }),
        }
    }

    fn form(&self) -> Form {
        Form::with(&[
            ("q", &self.q),
            ("license", &self.license),
            ("lifecycle", &self.lifecycle),
            ("visibility", &self.visibility),
            ("presence", &self.presence),
            ("sort", &self.sort),
        ])
    }

    fn is_filtered(&self) -> bool {
        let Self {
            q,
            license,
            lifecycle,
            visibility,
            presence,
            ..
        } = self;
        [q, license, lifecycle, visibility, presence]
            .iter()
            .any(|text| !text.is_empty())
    }

    fn query(&self, after: &str) -> String {
        let pairs = [
            ("q", self.q.as_str()),
            ("license", &self.license),
            ("lifecycle", &self.lifecycle),
            ("visibility", &self.visibility),
            ("presence", &self.presence),
            ("sort", &self.sort),
            ("after", after),
        ];
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(pairs.into_iter().filter(|(_, value)| !value.is_empty()));
        query.finish()
    }
}

/// The head of a column that the list can be sorted by.
pub(in crate::console) struct SortHead {
    pub(in crate::console) url: String,
    /// How the list is sorted by it now, if it is: the word for `aria-sort`.
    pub(in crate::console) sorted: Option<&'static str>,
}

impl SortHead {
    pub(in crate::console) fn icon(&self) -> &'static str {
        match self.sorted {
            Some("descending") => "arrow-down",
            Some(_) => "arrow-up",
            None => "arrow-up-down",
        }
    }
}

/// The heads of the columns that the list can be sorted by.
pub(in crate::console) struct SortHeads {
    pub(in crate::console) path: SortHead,
    pub(in crate::console) activity: SortHead,
    pub(in crate::console) first_seen: SortHead,
}

#[derive(Template)]
#[template(path = "organization_repositories.html", blocks = ["results"])]
pub(in crate::console) struct RepositoriesPage {
    pub(in crate::console) frame: Frame,
    pub(in crate::console) head: Head,
    pub(in crate::console) form: Form,
    pub(in crate::console) filtered: bool,
    pub(in crate::console) total: String,
    pub(in crate::console) sort: SortHeads,
    pub(in crate::console) rows: Vec<RepositoryView>,
    pub(in crate::console) first: Option<String>,
    pub(in crate::console) next: Option<String>,
}

pub(super) async fn page(
    State(state): State<AppState>,
    CurrentUser(caller): CurrentUser,
    Named(organization): Named,
    Query(search): Query<Search>,
    headers: HeaderMap,
    csrf: Csrf,
) -> Result<Response, Problem> {
    let filter = search.filter(&organization);
    let after = search.after.as_deref().filter(|after| !after.is_empty());
    let page = state
        .ports()
        .inventory
        .repositories(&filter, after, ROWS)
        .await?;
    let counts = state.ports().inventory.counts(organization.id).await?;
    let own = urls::organization_part(organization.id, "repositories");
    let shown = format!("{own}?{}", search.query(after.unwrap_or_default()));
    let mut response = render(&RepositoriesPage {
        frame: frame(&organization, &caller, &csrf),
        head: Head::new(&organization, Tab::Repositories),
        form: search.form(),
        filtered: search.is_filtered(),
        total: thousands(counts.repositories),
        sort: SortHeads {
            path: search.head(&own, RepositoryKey::Path),
            activity: search.head(&own, RepositoryKey::Activity),
            first_seen: search.head(&own, RepositoryKey::FirstSeen),
        },
        rows: page.items.iter().map(RepositoryView::of).collect(),
        first: after.map(|_| format!("{own}?{}", search.query(""))),
        next: page
            .next
            .map(|next| format!("{own}?{}", search.query(&next))),
    });
    // The address says what is shown, so that it can be kept and passed on.
    if headers.contains_key("hx-request")
        && let Ok(shown) = HeaderValue::from_str(&shown)
    {
        response.headers_mut().insert("hx-replace-url", shown);
    }
    Ok(response)
}

/// One group, at its depth in the tree.
pub(in crate::console) struct GroupView {
    pub(in crate::console) depth: usize,
    pub(in crate::console) parent: String,
    pub(in crate::console) path: String,
    pub(in crate::console) visibility: &'static str,
    pub(in crate::console) gone: bool,
    pub(in crate::console) repositories: String,
}

impl GroupView {
    fn of(known: &KnownGroup, organization: &Organization) -> Self {
        let group = &known.group;
        let (parent, path) = group
            .full_path
            .rsplit_once('/')
            .unwrap_or(("", &group.full_path));
        let filter = format!("{}/", group.full_path);
        Self {
            depth: group.full_path.matches('/').count().min(5),
            parent: parent.to_owned(),
            path: path.to_owned(),
            visibility: visibility(group.visibility),
            gone: !known.presence.is_present(),
            repositories: format!(
                "{}?q={}",
                urls::organization_part(organization.id, "repositories"),
                urls::encoded(&filter)
            ),
        }
    }
}

#[derive(Template)]
#[template(path = "organization_groups.html")]
pub(in crate::console) struct GroupsPage {
    pub(in crate::console) frame: Frame,
    pub(in crate::console) head: Head,
    pub(in crate::console) protected: bool,
    pub(in crate::console) groups: Vec<GroupView>,
    pub(in crate::console) next: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct After {
    after: Option<String>,
}

pub(super) async fn groups(
    State(state): State<AppState>,
    CurrentUser(caller): CurrentUser,
    Named(organization): Named,
    Query(After { after }): Query<After>,
    csrf: Csrf,
) -> Result<Response, Problem> {
    let inventory = &state.ports().inventory;
    let page = inventory
        .groups(organization.id, after.as_deref(), GROUPS)
        .await?;
    let own = urls::organization_part(organization.id, "groups");
    let on = org_core::organization::GroupProtection::On;
    Ok(render(&GroupsPage {
        frame: frame(&organization, &caller, &csrf),
        head: Head::new(&organization, Tab::Groups),
        protected: organization.settings.protect_groups == on,
        groups: page
            .items
            .iter()
            .map(|known| GroupView::of(known, &organization))
            .collect(),
        next: page
            .next
            .map(|next| format!("{own}?after={}", urls::encoded(&next))),
    }))
}

#[derive(Template)]
#[template(path = "repository.html")]
pub(in crate::console) struct RepositoryPage {
    pub(in crate::console) frame: Frame,
    pub(in crate::console) head: Head,
    pub(in crate::console) url: String,
    pub(in crate::console) path: String,
    pub(in crate::console) license: Badge,
    pub(in crate::console) because: String,
    pub(in crate::console) next_step: Option<String>,
    pub(in crate::console) unlicensed: bool,
    pub(in crate::console) facts: Vec<(&'static str, String)>,
    pub(in crate::console) times: Vec<(&'static str, Stamp)>,
    pub(in crate::console) topics: Vec<String>,
    pub(in crate::console) gone: Option<Stamp>,
    pub(in crate::console) web: String,
    pub(in crate::console) events: Vec<EventView>,
}

/// How many entries of a timeline are shown.
const TIMELINE: u32 = 200;

async fn find(
    state: &AppState,
    organization: &Organization,
    id: &str,
) -> Result<RepositoryRow, Problem> {
    let not_found = || {
        let message = "there is no such repository in this organization";
        Problem::new(StatusCode::NOT_FOUND, "not_found", message)
    };
    let repository: RepositoryId = id.parse().map_err(|_| not_found())?;
    let key = SeatKey {
        organization: organization.id,
        repository,
    };
    state
        .ports()
        .inventory
        .repository(key)
        .await?
        .ok_or_else(not_found)
}

pub(super) async fn one(
    State(state): State<AppState>,
    CurrentUser(caller): CurrentUser,
    Named(organization): Named,
    Path((_, id)): Path<(String, String)>,
    Query(noticed): Query<Noticed>,
    csrf: Csrf,
) -> Result<Response, Problem> {
    let row = find(&state, &organization, &id).await?;
    let why = licenses::why(state.ports(), &row).await?;
    let repository = &row.known.repository;
    let filter = EventFilter {
        organization: Some(organization.id),
        subject: Some(Subject::Repository(repository.id)),
        ..EventFilter::default()
    };
    let events = state.ports().events.newest(&filter, TIMELINE).await?;
    let names = Names::read(&state).await?;
    let fork = match repository.fork {
        Some(true) => "A fork",
        Some(false) => "No fork",
        None => "Not told by the host",
    };
    let ownership = match repository.ownership {
        Ownership::Owned => "Its own",
        Ownership::SharedIn => "Shared in from another organization",
    };
    let mut times = vec![
        ("Made at the host", Stamp(repository.created_at)),
        ("First seen", Stamp(row.known.first_seen)),
    ];
    times.extend(
        repository
            .last_activity_at
            .map(|at| ("Last activity", Stamp(at))),
    );
    let web = format!("{}/{}", organization.host, repository.full_path);
    Ok(render(&RepositoryPage {
        frame: frame(&organization, &caller, &csrf).with_notice(&noticed),
        head: Head::new(&organization, Tab::Repositories),
        url: urls::repository(organization.id, repository.id),
        path: repository.full_path.to_string(),
        license: Badge::license(row.known.license.state),
        because: quoted(&why.because),
        next_step: why.next_step.as_deref().map(quoted),
        unlicensed: row.known.license.state == LicenseState::Unlicensed,
        facts: vec![
            ("Name", repository.name.to_string()),
            ("Visibility", visibility(repository.visibility).to_owned()),
            ("State", lifecycle(repository.lifecycle).to_owned()),
            (
                "Default branch",
                repository
                    .default_branch
                    .as_deref()
                    .unwrap_or("None")
                    .to_owned(),
            ),
            ("Fork", fork.to_owned()),
            ("Belongs to", ownership.to_owned()),
            ("Host id", repository.id.to_string()),
        ],
        times,
        topics: repository.topics.iter().map(ToString::to_string).collect(),
        gone: match row.known.presence {
            Presence::Present => None,
            Presence::Gone { since } => Some(Stamp(since)),
        },
        web,
        events: events
            .iter()
            .map(|stored| EventView::of_this(stored, &names))
            .collect(),
    }))
}

async fn seat(
    state: &AppState,
    operator: &Operator,
    (organization, id): (&Organization, &str),
    wanted: bool,
) -> Result<Response, Problem> {
    let row = find(state, organization, id).await?;
    let actor = operator.actor();
    let outcome = if wanted {
        licenses::assign(state.ports(), &row, &actor).await?
    } else {
        licenses::release(state.ports(), &row, &actor).await?
    };
    let notice = match outcome {
        Outcome::Assigned => Notice::Assigned,
        Outcome::Waits => Notice::Waits,
        Outcome::Released | Outcome::Withdrawn => Notice::Released,
        Outcome::Unchanged => Notice::Unchanged,
    };
    let url = urls::repository(organization.id, row.known.repository.id);
    Ok(go_with(&url, notice))
}

pub(super) async fn assign(
    State(state): State<AppState>,
    operator: Operator,
    Named(organization): Named,
    Path((_, id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    seat(&state, &operator, (&organization, &id), true).await
}

pub(super) async fn release(
    State(state): State<AppState>,
    operator: Operator,
    Named(organization): Named,
    Path((_, id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    seat(&state, &operator, (&organization, &id), false).await
}
