//! What stands around every page: who is signed in, where they are, and what just happened.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use org_core::accounts::Level;
use org_core::use_cases::accounts::Caller;
use serde::Deserialize;

use super::assets::Assets;
use super::urls;
use super::view::{Icon, Tone};
use crate::api::problem::Problem;
use crate::auth::Csrf;

/// A part of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Dashboard,
    DevOps,
    Licenses,
    Secrets,
    Devices,
    History,
    Users,
    Tokens,
    /// A page that no link of the frame leads to.
    Elsewhere,
}

/// A link of the frame.
pub(super) struct Link {
    pub(super) section: Section,
    pub(super) title: &'static str,
    pub(super) url: &'static str,
    pub(super) icon: Icon,
    /// Whether a line stands above it.
    pub(super) apart: bool,
}

pub(super) const LINKS: [Link; 8] = [
    link(
        Section::Dashboard,
        "Dashboard",
        urls::DASHBOARD,
        "layout-dashboard",
        false,
    ),
    link(
        Section::DevOps,
        "DevOps",
        urls::ORGANIZATIONS,
        "folder-git-2",
        false,
    ),
    link(
        Section::Licenses,
        "Licenses",
        urls::LICENSES,
        "badge-check",
        false,
    ),
    link(
        Section::Secrets,
        "Password manager",
        urls::SECRETS,
        "lock-keyhole",
        false,
    ),
    link(Section::Devices, "Devices", urls::DEVICES, "server", false),
    link(Section::History, "History", urls::HISTORY, "history", true),
    link(Section::Users, "Users", urls::USERS, "users", false),
    link(
        Section::Tokens,
        "API tokens",
        urls::TOKENS,
        "key-round",
        false,
    ),
];

const fn link(
    section: Section,
    title: &'static str,
    url: &'static str,
    icon: &'static str,
    apart: bool,
) -> Link {
    Link {
        section,
        title,
        url,
        icon: Icon::new(icon),
        apart,
    }
}

/// What just happened, told on the page that one comes to afterwards. Only these words: nobody puts words of theirs onto a page of ours.
macro_rules! notices {
    ($($name:ident = $word:literal, $tone:ident, $text:literal;)+) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Notice { $($name),+ }

        impl Notice {
            pub(super) const fn word(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }

            pub(super) const fn text(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            pub(super) const fn tone(self) -> Tone {
                match self { $(Self::$name => Tone::$tone),+ }
            }

            fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$name),)+ _ => None }
            }
        }
    };
}

notices! {
    Welcome = "welcome", Good, "Your account is ready. Connect the first organization to begin.";
    Connected = "connected", Good, "The organization is connected. Its first sync is under way.";
    Reconnected = "reconnected", Good, "The organization has its new credential. A sync is under way.";
    Saved = "saved", Good, "The settings are saved.";
    Paused = "paused", Good, "The organization is paused. No sync starts until it is resumed.";
    Resumed = "resumed", Good, "The organization is followed again. A sync is under way.";
    SyncStarted = "sync-started", Good, "A sync is under way.";
    Approved = "approved", Good, "The held sync is approved. What is really gone leaves the inventory.";
    Rejected = "rejected", Good, "The held sync is rejected. Everything stays as it was.";
    Removed = "removed", Good, "The organization is removed. Its history stays.";
    Assigned = "assigned", Good, "The repository has a license now.";
    Waits = "waits", Warn, "No seat is free: the repository waits for one.";
    Released = "released", Good, "The repository gave its license back.";
    Unchanged = "unchanged", Plain, "It was so before; nothing changed.";
    Seats = "seats", Good, "The number of seats is changed.";
    Policy = "policy", Good, "The policy is saved. It decides on what is found from now on.";
    SecretAdded = "secret-added", Good, "The secret is in the password manager.";
    SecretRotated = "secret-rotated", Good, "The secret has its new value. Whatever uses it uses the new one from now on.";
    SecretMoved = "secret-moved", Good, "The secret lives in the other vault now.";
    SecretLinked = "secret-linked", Good, "The secret is linked. It is read where the company keeps it.";
    TokenRotated = "token-rotated", Good, "The host has replaced the token, and the new one is in the password manager.";
    SecretRemoved = "secret-removed", Good, "The secret is removed.";
    UserAdded = "user-added", Good, "The account is made.";
    UserChanged = "user-changed", Good, "The account is changed.";
    UserRemoved = "user-removed", Good, "The account is removed.";
    PasswordChanged = "password-changed", Good, "The password is changed. Other sessions have ended.";
    SignedOutElsewhere = "signed-out-elsewhere", Good, "You are signed in nowhere else.";
    TokenRevoked = "token-revoked", Good, "The API token is revoked.";
}

/// The query of pages that may begin with a notice.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Noticed {
    #[serde(default)]
    notice: String,
}

impl Noticed {
    pub(super) fn notice(&self) -> Option<Notice> {
        Notice::parse(&self.notice)
    }
}

/// What stands around a page.
pub(super) struct Frame {
    pub(super) section: Section,
    pub(super) title: String,
    pub(super) name: String,
    pub(super) role: &'static str,
    pub(super) level: Level,
    pub(super) csrf: String,
    pub(super) notice: Option<Notice>,
    pub(super) assets: Assets,
}

impl Frame {
    pub(super) fn new(
        section: Section,
        title: impl Into<String>,
        caller: &Caller,
        csrf: &Csrf,
    ) -> Self {
        Self {
            section,
            title: title.into(),
            name: caller.user.name.to_string(),
            role: role(caller.user.role),
            level: caller.level,
            csrf: csrf.token().to_owned(),
            notice: None,
            assets: Assets,
        }
    }

    #[must_use]
    pub(super) fn with_notice(mut self, noticed: &Noticed) -> Self {
        self.notice = noticed.notice();
        self
    }

    /// Whether the reader may do the daily business.
    pub(super) fn can_write(&self) -> bool {
        self.level >= Level::Write
    }

    /// Whether the reader may do everything.
    pub(super) fn can_admin(&self) -> bool {
        self.level >= Level::Admin
    }

    pub(super) fn initial(&self) -> char {
        self.name.chars().next().unwrap_or('?')
    }
}

/// What people read for a role.
pub(super) const fn role(role: org_core::accounts::Role) -> &'static str {
    use org_core::accounts::Role;
    match role {
        Role::Viewer => "Viewer",
        Role::Operator => "Operator",
        Role::Administrator => "Administrator",
    }
}

/// An icon, for templates.
pub(super) fn icon(name: &'static str) -> Icon {
    Icon::new(name)
}

/// A page, or a part of one.
pub(super) fn render(template: &impl Template) -> Response {
    render_with(StatusCode::OK, template)
}

/// A page with its status.
pub(super) fn render_with(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(error) => {
            let message = format!("the page cannot be drawn: {error}");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message).into_response()
        }
    }
}

/// Sends the browser on after something was done.
pub(super) fn go(url: &str) -> Response {
    axum::response::Redirect::to(url).into_response()
}

/// Sends the browser on, where a notice tells what was done.
pub(super) fn go_with(url: &str, notice: Notice) -> Response {
    go(&urls::with_notice(url, notice))
}
