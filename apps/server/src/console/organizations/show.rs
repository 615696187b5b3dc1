//! One organization: how it is doing, and what its credential allows.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use org_core::organization::{Organization, Status};
use org_core::sync::run::RunState;
use org_core::token::Grant;
use org_core::use_cases::overview;

use super::Named;
use super::device::DeviceNames;
use super::list::{Trouble, method, next_step};
use super::syncs::RunRow;
use crate::api::problem::Problem;
use crate::auth::{Csrf, CurrentUser};
use crate::console::board;
use crate::console::frame::{Frame, Noticed, Section, render};
use crate::console::urls;
use crate::console::view::{Badge, ENDING, Meter, Stamp, Tone, counted, sentence, thousands};
use crate::state::AppState;

/// A part of the pages of an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::console) enum Tab {
    Overview,
    Repositories,
    Groups,
    Syncs,
    Permissions,
    Settings,
}

/// What stands above each page of an organization.
pub(in crate::console) struct Head {
    pub(in crate::console) name: String,
    pub(in crate::console) badge: Badge,
    pub(in crate::console) url: String,
    pub(in crate::console) tab: Tab,
    pub(in crate::console) paused: bool,
    pub(in crate::console) removed: bool,
    /// Whether there is an access token, which its host could replace.
    pub(in crate::console) has_token: bool,
}

impl Head {
    pub(in crate::console) fn new(organization: &Organization, tab: Tab) -> Self {
        Self {
            name: organization.name.to_string(),
            badge: Badge::status(&organization.status),
            url: urls::organization(organization.id),
            tab,
            paused: organization.status == Status::Paused,
            removed: matches!(organization.status, Status::Removed { .. }),
            has_token: !organization.auth.is_sso(),
        }
    }

    pub(in crate::console) fn tabs(&self) -> [(Tab, &'static str, String); 6] {
        let part = |part: &str| format!("{}/{part}", self.url);
        [
            (Tab::Overview, "Overview", self.url.clone()),
            (Tab::Repositories, "Repositories", part("repositories")),
            (Tab::Groups, "Groups", part("groups")),
            (Tab::Syncs, "Syncs", part("syncs")),
            (Tab::Permissions, "Permissions", part("permissions")),
            (Tab::Settings, "Settings", part("settings")),
        ]
    }
}

/// The frame of a page of an organization.
pub(super) fn frame(
    organization: &Organization,
    caller: &org_core::use_cases::accounts::Caller,
    csrf: &Csrf,
) -> Frame {
    Frame::new(Section::DevOps, organization.name.to_string(), caller, csrf)
}

/// How the sync that is under way is doing, brought again until it has ended.
#[derive(Template)]
#[template(path = "sync_progress.html")]
pub(in crate::console) struct SyncProgress {
    pub(in crate::console) url: String,
    pub(in crate::console) line: Option<String>,
    /// Whether it has ended since the page was drawn.
    pub(in crate::console) ended: bool,
}

impl SyncProgress {
    async fn read(
        state: &AppState,
        organization: &Organization,
        asked: bool,
    ) -> Result<Self, Problem> {
        let line = state
            .jobs()
            .progress(organization.id)
            .map(|event| board::line(&event));
        let line = match line {
            None => {
                let newest = state
                    .ports()
                    .syncs
                    .list(Some(organization.id), None, 1)
                    .await?;
                let running = newest
                    .items
                    .iter()
                    .any(|run| run.state == RunState::Running);
                running.then(|| "Under way".to_owned())
            }
            line => line,
        };
        Ok(Self {
            url: urls::organization_part(organization.id, "progress"),
            ended: asked && line.is_none(),
            line,
        })
    }
}

#[derive(Template)]
#[template(path = "organization.html")]
pub(in crate::console) struct OrganizationPage {
    pub(in crate::console) frame: Frame,
    pub(in crate::console) head: Head,
    pub(in crate::console) trouble: Option<Trouble>,
    pub(in crate::console) progress: SyncProgress,
    pub(in crate::console) repositories: String,
    pub(in crate::console) gone: u64,
    pub(in crate::console) groups: String,
    pub(in crate::console) licensed: String,
    pub(in crate::console) waiting: u64,
    pub(in crate::console) coverage: Meter,
    pub(in crate::console) next: Option<Stamp>,
    pub(in crate::console) facts: Facts,
    pub(in crate::console) runs: Vec<RunRow>,
}

/// What is known of an organization.
pub(in crate::console) struct Facts {
    pub(in crate::console) host: String,
    pub(in crate::console) account: String,
    pub(in crate::console) kind: &'static str,
    pub(in crate::console) method: &'static str,
    pub(in crate::console) token: String,
    pub(in crate::console) expiry: Option<(String, Tone)>,
    /// Whether the token ends soon and can still be shown to the host for another.
    pub(in crate::console) ending: bool,
    pub(in crate::console) scope: String,
    pub(in crate::console) groups: &'static str,
    pub(in crate::console) licenses: &'static str,
    pub(in crate::console) schedule: String,
    pub(in crate::console) device: String,
    pub(in crate::console) connected: Stamp,
    pub(in crate::console) id: String,
}

impl Facts {
    fn of(organization: &Organization, days_left: Option<i64>, devices: &DeviceNames) -> Self {
        use org_core::organization::{AutoLicense, GroupProtection};
        use org_core::token::AccountKind;

        let settings = &organization.settings;
        let expiry = days_left.map(|days| {
            let words = match days {
                ..=0 => "The token has expired".to_owned(),
                1 => "Expires within a day".to_owned(),
                _ => format!("Expires in {days} days"),
            };
            (words, Tone::of_days_left(days))
        });
        Self {
            host: organization.host.to_string(),
            account: organization.account.login.to_string(),
            kind: match organization.account.kind {
                AccountKind::Person => "a person",
                AccountKind::GroupBot => "the bot of a group token",
                AccountKind::ProjectBot => "the bot of a project token",
                AccountKind::ServiceAccount => "a service account",
            },
            method: method(organization),
            token: organization.auth.token().name.clone(),
            expiry,
            ending: !organization.auth.is_sso()
                && days_left.is_some_and(|days| (1..=ENDING).contains(&days)),
            scope: sentence(&settings.scope.to_string()),
            groups: match settings.protect_groups {
                GroupProtection::On => "Protected",
                GroupProtection::Off => "Read for paths only",
            },
            licenses: match settings.auto_license {
                AutoLicense::On => "Added by themselves, as the policy says",
                AutoLicense::Off => "Not added by themselves",
            },
            schedule: sentence(&settings.schedule.to_string()),
            device: devices.of(settings.default_device),
            connected: Stamp(organization.created_at),
            id: organization.id.to_string(),
        }
    }
}

pub(super) async fn page(
    State(state): State<AppState>,
    CurrentUser(caller): CurrentUser,
    Named(organization): Named,
    Query(noticed): Query<Noticed>,
    csrf: Csrf,
) -> Result<Response, Problem> {
    let frame = frame(&organization, &caller, &csrf).with_notice(&noticed);
    let overview = overview::of(state.ports(), organization).await?;
    let organization = &overview.organization;
    let counts = overview.counts;
    let runs = state
        .ports()
        .syncs
        .list(Some(organization.id), None, 5)
        .await?;
    let label = format!(
        "{} of {} have a license",
        thousands(counts.licensed),
        counted(counts.repositories, "repository", "repositories")
    );
    Ok(render(&OrganizationPage {
        head: Head::new(organization, Tab::Overview),
        trouble: next_step(organization),
        progress: SyncProgress::read(&state, organization, false).await?,
        repositories: thousands(counts.repositories),
        gone: counts.gone,
        groups: thousands(counts.groups),
        licensed: thousands(counts.licensed),
        waiting: counts.waiting,
        coverage: Meter {
            part: counts.licensed,
            whole: counts.repositories,
            label,
            tone: Tone::Plain,
        },
        next: overview.next_run.map(Stamp),
        facts: Facts::of(
            organization,
            overview.token_days_left,
            &DeviceNames::read(&state).await?,
        ),
        runs: runs.items.iter().map(RunRow::of).collect(),
        frame,
    }))
}

pub(super) async fn progress(
    State(state): State<AppState>,
    _: CurrentUser,
    Named(organization): Named,
) -> Result<Response, Problem> {
    Ok(render(
        &SyncProgress::read(&state, &organization, true).await?,
    ))
}

#[derive(Template)]
#[template(path = "organization_permissions.html")]
pub(in crate::console) struct PermissionsPage {
    pub(in crate::console) frame: Frame,
    pub(in crate::console) head: Head,
    pub(in crate::console) account: String,
    pub(in crate::console) scopes: Vec<String>,
    pub(in crate::console) rows: Vec<(&'static str, Badge, String)>,
}

pub(in crate::console) fn permissions_of(
    organization: &Organization,
) -> Vec<(&'static str, Badge, String)> {
    let row = |(capability, grant): &(org_core::token::Capability, Grant)| {
        let note = match grant {
            Grant::Yes => String::new(),
            Grant::Missing { any_of } => format!("The scope {} is missing", any_of.join(" or ")),
            Grant::Unknown { why } => sentence(why),
        };
        (capability.title(), Badge::grant(grant), note)
    };
    organization.capabilities.0.iter().map(row).collect()
}

pub(super) async fn permissions(
    CurrentUser(caller): CurrentUser,
    Named(organization): Named,
    csrf: Csrf,
) -> Response {
    render(&PermissionsPage {
        frame: frame(&organization, &caller, &csrf),
        head: Head::new(&organization, Tab::Permissions),
        account: organization.account.login.to_string(),
        scopes: organization.auth.token().scopes.iter().cloned().collect(),
        rows: permissions_of(&organization),
    })
}
