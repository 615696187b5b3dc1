//! People: who has an account, and what they may do.

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use org_core::accounts::{Role, User};
use org_core::ids::UserId;
use org_core::use_cases::accounts::{self, AccountError, UserDraft};

use super::form::Form;
use super::frame::{Frame, Notice, Noticed, Section, go_with, render, render_with, role};
use super::urls;
use super::view::{Badge, Stamp, Tone};
use crate::api::problem::Problem;
use crate::auth::{Admin, Csrf, CurrentUser};
use crate::state::AppState;

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route(urls::USERS, get(page))
        .route(urls::USERS_ADD, get(add_page).post(add))
        .route("/users/{user}/edit", get(edit_page))
        .route("/users/{user}/role", post(change_role))
        .route("/users/{user}/password", post(reset_password))
        .route("/users/{user}/close", post(close))
        .route("/users/{user}/reopen", post(reopen))
        .route("/users/{user}/remove", post(remove))
}

/// One person in the list.
pub(super) struct UserView {
    pub(super) name: String,
    pub(super) role: &'static str,
    pub(super) badge: Badge,
    pub(super) created: Stamp,
    pub(super) last: Option<Stamp>,
    pub(super) edit: String,
    pub(super) me: bool,
}

impl UserView {
    pub(super) fn of(user: &User, me: UserId) -> Self {
        Self {
            name: user.name.to_string(),
            role: role(user.role),
            badge: match user.disabled_since {
                None => Badge::new(Tone::Good, "circle-check", "Open"),
                Some(_) => Badge::new(Tone::Plain, "ban", "Closed"),
            },
            created: Stamp(user.created_at),
            last: user.last_sign_in.map(Stamp),
            edit: urls::user(user.id, "edit"),
            me: user.id == me,
        }
    }
}

#[derive(Template)]
#[template(path = "users.html")]
pub(super) struct UsersPage {
    pub(super) frame: Frame,
    pub(super) users: Vec<UserView>,
}

#[derive(Template)]
#[template(path = "user_add.html")]
pub(super) struct UserAddPage {
    pub(super) frame: Frame,
    pub(super) form: Form,
}

#[derive(Template)]
#[template(path = "user_edit.html")]
pub(super) struct UserEditPage {
    pub(super) frame: Frame,
    pub(super) user: UserView,
    pub(super) url: String,
    pub(super) open: bool,
    pub(super) form: Form,
}

/// The roles with what each is for.
pub(super) const ROLES: [(&str, &str, &str); 3] = [
    (
        "viewer",
        "Viewer",
        "Looks at everything, and changes nothing",
    ),
    (
        "operator",
        "Operator",
        "Runs the daily business: syncs, decisions, settings, licenses",
    ),
    (
        "administrator",
        "Administrator",
        "Does everything: organizations, secrets, people, seats and the policy",
    ),
];

async fn page(
    State(state): State<AppState>,
    CurrentUser(caller): CurrentUser,
    Query(noticed): Query<Noticed>,
    csrf: Csrf,
) -> Result<Response, Problem> {
    let users = accounts::users(state.accounts()).await?;
    Ok(render(&UsersPage {
        users: users
            .iter()
            .map(|user| UserView::of(user, caller.user.id))
            .collect(),
        frame: Frame::new(Section::Users, "Users", &caller, &csrf).with_notice(&noticed),
    }))
}

fn adding(admin: &Admin, csrf: &Csrf, form: Form) -> UserAddPage {
    UserAddPage {
        frame: Frame::new(Section::Users, "Add a user", &admin.0, csrf),
        form,
    }
}

async fn add_page(admin: Admin, csrf: Csrf) -> Response {
    render(&adding(
        &admin,
        &csrf,
        Form::with(&[("role", Role::Viewer.as_str())]),
    ))
}

async fn add(
    State(state): State<AppState>,
    admin: Admin,
    csrf: Csrf,
    form: Form,
) -> Result<Response, Problem> {
    let draft = UserDraft {
        name: form.value("name").to_owned(),
        password: form.secret("password"),
        role: form.value("role").to_owned(),
    };
    match accounts::add_user(state.accounts(), &draft, &admin.actor()).await {
        Ok(_) => Ok(go_with(urls::USERS, Notice::UserAdded)),
        Err(AccountError::Store(error @ org_core::ports::StoreError::UserExists { .. })) => {
            let page = adding(&admin, &csrf, form.at("name", error.to_string()));
            Ok(render_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(error) => {
            let page = adding(&admin, &csrf, form.refused(&error.into()));
            Ok(render_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}

fn editing(admin: &Admin, csrf: &Csrf, user: &User, form: Form) -> UserEditPage {
    UserEditPage {
        frame: Frame::new(Section::Users, user.name.to_string(), &admin.0, csrf),
        url: format!("{}/{}", urls::USERS, user.id),
        open: user.is_open(),
        user: UserView::of(user, admin.0.user.id),
        form,
    }
}

async fn edit_page(
    State(state): State<AppState>,
    admin: Admin,
    Path(id): Path<String>,
    csrf: Csrf,
) -> Result<Response, Problem> {
    let user = accounts::user(state.accounts(), &id).await?;
    let form = Form::with(&[("role", user.role.as_str())]);
    Ok(render(&editing(&admin, &csrf, &user, form)))
}

/// The list after a change, or the person's page with why there was none.
fn answered(
    (admin, csrf): (&Admin, &Csrf),
    before: &User,
    done: Result<User, AccountError>,
    form: Form,
) -> Response {
    match done {
        Ok(_) => go_with(urls::USERS, Notice::UserChanged),
        Err(error) => {
            let problem = Problem::from(error);
            let status = problem.status;
            render_with(
                status,
                &editing(admin, csrf, before, form.refused(&problem)),
            )
        }
    }
}

macro_rules! changes {
    ($($name:ident: |$state:ident, $user:ident, $form:ident, $actor:ident| $change:expr;)+) => {$(
        async fn $name(
            State($state): State<AppState>,
            admin: Admin,
            Path(id): Path<String>,
            csrf: Csrf,
            $form: Form,
        ) -> Result<Response, Problem> {
            let $user = accounts::user($state.accounts(), &id).await?;
            let $actor = admin.actor();
            let done = $change.await;
            let mut kept = Form::with(&[("role", $user.role.as_str())]);
            if let Some(role) = $form.text("role") {
                kept = Form::with(&[("role", &role)]);
            }
            Ok(answered((&admin, &csrf), &$user, done, kept))
        }
    )+};
}

changes! {
    change_role: |state, user, form, actor| accounts::change_role(state.accounts(), user.id, form.value("role"), &actor);
    reset_password: |state, user, form, actor| accounts::reset_password(state.accounts(), user.id, &form.secret("password"), &actor);
    close: |state, user, form, actor| accounts::close(state.accounts(), user.id, &actor);
    reopen: |state, user, form, actor| accounts::reopen(state.accounts(), user.id, &actor);
}

async fn remove(
    State(state): State<AppState>,
    admin: Admin,
    Path(id): Path<String>,
    csrf: Csrf,
    form: Form,
) -> Result<Response, Problem> {
    let user = accounts::user(state.accounts(), &id).await?;
    if form.value("confirm").trim() != user.name.as_str() {
        let typed = form.value("confirm").to_owned();
        let kept = Form::with(&[("role", user.role.as_str()), ("confirm", &typed)]);
        let message = format!("type the name `{}` to remove the account", user.name);
        let page = editing(&admin, &csrf, &user, kept.at("confirm", message));
        return Ok(render_with(StatusCode::UNPROCESSABLE_ENTITY, &page));
    }
    match accounts::remove_user(state.accounts(), user.id, &admin.actor()).await {
        Ok(_) => Ok(go_with(urls::USERS, Notice::UserRemoved)),
        Err(error) => {
            let form = Form::with(&[("role", user.role.as_str())]);
            Ok(answered((&admin, &csrf), &user, Err(error), form))
        }
    }
}
