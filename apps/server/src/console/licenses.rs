//! Licenses: how many seats there are, who holds them, who waits, and the rules.

use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use org_core::license::LicenseState;
use org_core::license::policy::{Action, LicensePolicy, PolicyError};
use org_core::license::pool::Seats;
use org_core::ports::{SeatHolder, StoreError};
use org_core::use_cases::policy_preview::{PolicyPreview, policy_preview};
use org_core::use_cases::{UseCaseError, licenses};
use serde::Deserialize;

use super::form::Form;
use super::frame::{Frame, Notice, Noticed, Section, go_with, render, render_with};
use super::urls;
use super::view::{Badge, Meter, Stamp, Tone, sentence, thousands};
use crate::api::etag::digest;
use crate::api::problem::Problem;
use crate::auth::{Admin, Csrf, CurrentUser};
use crate::state::AppState;

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route(urls::LICENSES, get(page))
        .route(urls::LICENSES_SEATS, post(seats))
        .route(urls::LICENSES_POLICY, post(policy))
        .route(urls::LICENSES_PREVIEW, post(preview))
}

/// How many holders a page has.
const HOLDERS: u32 = 50;

/// How many repositories a preview looks at, which takes a second for each 100,000, and how many it shows.
const LOOKED_AT: u64 = 1_000_000;
const EXAMPLES: usize = 20;

/// Somebody with a seat, or in the queue.
pub(super) struct HolderView {
    pub(super) url: String,
    pub(super) path: String,
    pub(super) organization: String,
    pub(super) reason: String,
    pub(super) since: Stamp,
    pub(super) created: Stamp,
}

/// The reason of a license as people read it: `existing-matching:include all` is what stores keep.
pub(super) fn because(reason: &str) -> String {
    match reason.split_once(':') {
        Some((word, about)) => sentence(&format!("{}: {about}", word.replace('-', " "))),
        None => sentence(&reason.replace('-', " ")),
    }
}

impl HolderView {
    fn of(holder: &SeatHolder) -> Self {
        Self {
            url: urls::repository(holder.key.organization, holder.key.repository),
            path: holder.full_path.clone(),
            organization: holder.organization_name.to_string(),
            reason: because(&holder.license.reason.to_string()),
            since: Stamp(holder.license.since),
            created: Stamp(holder.created_at),
        }
    }
}

/// What another policy would change. Looking at every repository takes a while: it is done when somebody changes the rules, not for the page.
#[derive(Template)]
#[template(path = "policy_preview.html")]
pub(super) struct PreviewPart {
    pub(super) errors: Vec<String>,
    pub(super) looked_at: String,
    pub(super) more: bool,
    pub(super) included: String,
    pub(super) newly_included: u64,
    pub(super) newly_excluded: u64,
    pub(super) examples: Vec<ExampleView>,
}

/// A repository about which two policies differ.
pub(super) struct ExampleView {
    pub(super) url: String,
    pub(super) path: String,
    pub(super) badge: Badge,
    pub(super) by: String,
}

impl PreviewPart {
    fn refused(mistakes: &[PolicyError]) -> Self {
        let sentences = mistakes
            .iter()
            .map(|mistake| sentence(&mistake.to_string()));
        Self {
            errors: sentences.collect(),
            looked_at: String::new(),
            more: false,
            included: String::new(),
            newly_included: 0,
            newly_excluded: 0,
            examples: Vec::new(),
        }
    }

    fn of(preview: &PolicyPreview) -> Self {
        let example = |change: &org_core::use_cases::policy_preview::PolicyChange| ExampleView {
            url: urls::repository(change.row.organization, change.row.known.repository.id),
            path: change.row.known.repository.full_path.to_string(),
            badge: match change.action {
                Action::Include => Badge::new(Tone::Good, "plus", "Let in"),
                Action::Exclude => Badge::new(Tone::Warn, "x", "Kept out"),
            },
            by: change.by.clone(),
        };
        Self {
            errors: Vec::new(),
            looked_at: thousands(preview.looked_at),
            more: preview.more,
            included: thousands(preview.included),
            newly_included: preview.newly_included,
            newly_excluded: preview.newly_excluded,
            examples: preview.examples.iter().map(example).collect(),
        }
    }
}

#[derive(Template)]
#[template(path = "licenses.html")]
pub(super) struct LicensesPage {
    /// What stands for the policy that the form was made for.
    pub(super) policy_seen: String,
    pub(super) frame: Frame,
    pub(super) seats: String,
    pub(super) limited: bool,
    pub(super) held: String,
    pub(super) free: Option<String>,
    pub(super) waiting: String,
    pub(super) meter: Meter,
    pub(super) by_organization: Vec<(String, String, String)>,
    pub(super) waits: bool,
    pub(super) holders: Vec<HolderView>,
    pub(super) next: Option<String>,
    pub(super) seats_form: Form,
    pub(super) policy_form: Form,
}

#[derive(Debug, Default, Deserialize)]
struct Who {
    #[serde(default)]
    show: String,
    after: Option<String>,
}

struct Forms {
    seats: Form,
    policy: Form,
}

async fn draw(
    state: &AppState,
    frame: Frame,
    who: Who,
    forms: Option<Forms>,
) -> Result<LicensesPage, Problem> {
    let status = licenses::status(state.ports()).await?;
    let configured = state.ports().licenses.configured_seats().await?;
    let waits = who.show == "waiting";
    let wanted = if waits {
        LicenseState::Waiting
    } else {
        LicenseState::Licensed
    };
    let after = who.after.as_deref().filter(|after| !after.is_empty());
    let page = state
        .ports()
        .licenses
        .holders(wanted, after, HOLDERS)
        .await?;
    let (held, whole) = match status.seats {
        Seats::Unlimited => (status.summary.held, status.summary.held.max(1)),
        Seats::Limited(seats) => (status.summary.held, seats.into()),
    };
    let tone = match status.seats {
        Seats::Limited(seats) if held >= seats.into() => Tone::Bad,
        Seats::Limited(seats) if held * 10 >= u64::from(seats) * 9 => Tone::Warn,
        _ => Tone::Plain,
    };
    let forms = forms.unwrap_or_else(|| Forms {
        seats: Form::with(&[("seats", &configured.to_string())]),
        policy: Form::with(&[("policy", &status.policy.to_string())]),
    });
    let show = if waits { "waiting" } else { "licensed" };
    Ok(LicensesPage {
        // Who only mistyped has not seen what others set meanwhile.
        policy_seen: forms
            .policy
            .text("seen")
            .unwrap_or_else(|| digest(&status.policy.to_string())),
        frame,
        seats: match status.seats {
            Seats::Unlimited => "Unlimited".to_owned(),
            Seats::Limited(seats) => thousands(seats.into()),
        },
        limited: status.seats != Seats::Unlimited,
        held: thousands(held),
        free: status.seats.free(held).map(thousands),
        waiting: thousands(status.summary.waiting),
        meter: Meter {
            part: held,
            whole,
            label: format!("{held} of {} seats are taken", status.seats),
            tone,
        },
        by_organization: status
            .summary
            .organizations
            .iter()
            .map(|(name, held, waiting)| (name.to_string(), thousands(*held), thousands(*waiting)))
            .collect(),
        waits,
        holders: page.items.iter().map(HolderView::of).collect(),
        next: page.next.map(|next| {
            format!(
                "{}?show={show}&after={}",
                urls::LICENSES,
                urls::encoded(&next)
            )
        }),
        seats_form: forms.seats,
        policy_form: forms.policy,
    })
}

async fn tried(state: &AppState, text: &str) -> Result<PreviewPart, Problem> {
    Ok(match text.parse::<LicensePolicy>() {
        Ok(policy) => {
            let _place = state.gates().previews.enter().await?;
            PreviewPart::of(&policy_preview(state.ports(), &policy, LOOKED_AT, EXAMPLES).await?)
        }
        Err(mistakes) => PreviewPart::refused(mistakes.all()),
    })
}

async fn page(
    State(state): State<AppState>,
    CurrentUser(caller): CurrentUser,
    Query(noticed): Query<Noticed>,
    Query(who): Query<Who>,
    csrf: Csrf,
) -> Result<Response, Problem> {
    let frame = Frame::new(Section::Licenses, "Licenses", &caller, &csrf).with_notice(&noticed);
    Ok(render(&draw(&state, frame, who, None).await?))
}

/// The page with one of its forms refused.
async fn refused(
    state: &AppState,
    (admin, csrf): (&Admin, &Csrf),
    forms: Forms,
) -> Result<Response, Problem> {
    let frame = Frame::new(Section::Licenses, "Licenses", &admin.0, csrf);
    let page = draw(state, frame, Who::default(), Some(forms)).await?;
    Ok(render_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

async fn seats(
    State(state): State<AppState>,
    admin: Admin,
    csrf: Csrf,
    form: Form,
) -> Result<Response, Problem> {
    let wanted = match form.value("seats").parse::<Seats>() {
        Ok(seats) => licenses::configure_seats(state.ports(), seats, &admin.actor())
            .await
            .map_err(|error| match error.hint() {
                Some(hint) => format!("{error}; {hint}"),
                None => error.to_string(),
            }),
        Err(error) => Err(error.to_string()),
    };
    match wanted {
        Ok(_) => Ok(go_with(urls::LICENSES, Notice::Seats)),
        Err(message) => {
            let policy = state.ports().licenses.policy().await?;
            let forms = Forms {
                seats: form.at("seats", message),
                policy: Form::with(&[("policy", &policy.to_string())]),
            };
            refused(&state, (&admin, &csrf), forms).await
        }
    }
}

async fn policy(
    State(state): State<AppState>,
    admin: Admin,
    csrf: Csrf,
    form: Form,
) -> Result<Response, Problem> {
    let (mut form, mut seen) = (form, true);
    let messages = match form.value("policy").parse::<LicensePolicy>() {
        Ok(policy) if replaced(&state, &admin, &form, &policy).await? => {
            return Ok(go_with(urls::LICENSES, Notice::Policy));
        }
        Ok(_) => {
            seen = false;
            vec![
                "somebody else changed the rules while you did; change anything to see what yours would change of \
                 theirs, or save again to replace theirs"
                    .to_owned(),
            ]
        }
        Err(mistakes) => mistakes.all().iter().map(ToString::to_string).collect(),
    };
    if !seen {
        form = form.without(&["seen"]);
    }
    let seats = state.ports().licenses.configured_seats().await?;
    let forms = Forms {
        seats: Form::with(&[("seats", &seats.to_string())]),
        policy: messages
            .into_iter()
            .fold(form, |form, message| form.at("policy", message)),
    };
    refused(&state, (&admin, &csrf), forms).await
}

/// Sets the policy, unless there is another one by now than the form was made for.
async fn replaced(
    state: &AppState,
    admin: &Admin,
    form: &Form,
    policy: &LicensePolicy,
) -> Result<bool, Problem> {
    let (ports, actor) = (state.ports(), admin.actor());
    let before = ports.licenses.policy().await?;
    if form.value("seen") != digest(&before.to_string()) {
        return Ok(false);
    }
    match licenses::replace_policy(ports, &before, policy, &actor).await {
        Ok(()) => Ok(true),
        Err(UseCaseError::Store(StoreError::Stale { .. })) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn preview(
    State(state): State<AppState>,
    _: CurrentUser,
    form: Form,
) -> Result<Response, Problem> {
    Ok(render(&tried(&state, form.value("policy")).await?))
}
