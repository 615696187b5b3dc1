//! Every page with sample values that try to get out of their place: what is hostile stays text, nothing is inline, and every icon is in the sprite.

use askama::Template;
use chrono::{DateTime, Utc};
use org_core::accounts::Level;
use org_core::event::{Actor, ChainHash, Event, FieldChange, StoredEvent, Subject};
use org_core::testing::build;

use super::assets::Assets;
use super::form::Form;
use super::frame::{Frame, Notice, Section};
use super::history::{EventView, HistoryPage};
use super::licenses::{HolderView, LicensesPage, PreviewPart};
use super::secrets::link::LinkPage;
use super::secrets::show::{AccessView, SecretPage, TestedView};
use super::secrets::{
    SecretAwayPage, SecretForm, SecretTask, SecretView, SecretsPage, SilentVault,
};
use super::tokens::{TokenAddPage, TokenMadePage, TokenRevokePage, TokenView, TokensPage};
use super::users::{UserAddPage, UserView, UsersPage};
use super::view::{Badge, Bar, Chart, Icon, Meter, Stamp, Tone};
use super::{account, dashboard, devices, enter, errors};

/// What somebody may have named something.
pub(super) const HOSTILE: &str = "<script>alert('x')</script>\" onload=\"x";

pub(super) fn at() -> Stamp {
    Stamp(
        "2026-11-27T07:46:34Z"
            .parse::<DateTime<Utc>>()
            .expect("a time"),
    )
}

pub(super) fn frame(section: Section) -> Frame {
    Frame {
        section,
        title: HOSTILE.to_owned(),
        name: HOSTILE.to_owned(),
        role: "Administrator",
        level: Level::Admin,
        csrf: "0123".to_owned(),
        notice: Some(Notice::Saved),
        assets: Assets,
    }
}

pub(super) fn device() -> super::organizations::DeviceChoice {
    super::organizations::DeviceChoice {
        id: HOSTILE.to_owned(),
        name: HOSTILE.to_owned(),
        about: "An agent on another machine",
        word: "Offline",
        badge: Badge::new(Tone::Bad, "circle-x", HOSTILE),
        since: Some(at()),
    }
}

pub(super) fn form() -> Form {
    let fields = [
        "name", "code", "login", "host", "next", "policy", "seats", "scope", "role",
    ];
    let pairs: Vec<(&str, &str)> = fields.iter().map(|field| (*field, HOSTILE)).collect();
    Form::with(&pairs).at("name", HOSTILE)
}

fn event() -> EventView {
    let event = Event::new(
        at().0,
        Actor::Person(HOSTILE.to_owned()),
        Subject::Secret(HOSTILE.to_owned()),
        "secret.added",
    )
    .with_message(HOSTILE)
    .with_change(FieldChange::new("name", HOSTILE, HOSTILE))
    .of(build::organization_id(1));
    let hash = ChainHash::GENESIS.next(&event);
    EventView::of(
        &StoredEvent {
            sequence: 1,
            event,
            hash,
        },
        None,
    )
}

/// Markup that a browser would run or style, or that is not closed.
#[track_caller]
pub(super) fn check(page: &impl Template) {
    let text = page.render().expect("the page is drawn");
    for bad in [
        "<script>",
        "onload=\"x",
        "alert('x')",
        " style=",
        " onclick",
        "javascript:",
        "<style",
    ] {
        assert!(!text.contains(bad), "{bad} in\n{text}");
    }
    assert!(
        text.contains("&lt;script&gt;") || text.contains("&#60;script&#62;"),
        "the sample is shown in\n{text}"
    );
    let sprite = include_str!("../../static/icons.svg");
    for part in text.split("icons.svg#").skip(1) {
        let name = part.split('"').next().unwrap_or_default();
        assert!(sprite.contains(&format!("id=\"{name}\"")), "no icon {name}");
    }
    let mut ids: Vec<&str> = text
        .split(" id=\"")
        .skip(1)
        .filter_map(|part| part.split('"').next())
        .collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "an id stands twice in\n{text}");
}

#[test]
fn pages_for_those_who_are_not_signed_in() {
    check(&enter::FirstRunPage {
        title: "Set up",
        csrf: "0123".to_owned(),
        form: form(),
        assets: Assets,
    });
    check(&enter::SignInPage {
        title: "Sign in",
        csrf: "0123".to_owned(),
        form: form(),
        provider: Some(enter::Provider {
            label: HOSTILE.to_owned(),
            href: HOSTILE.to_owned(),
        }),
        assets: Assets,
    });
    check(&errors::ErrorPage {
        title: HOSTILE.to_owned(),
        status: 500,
        icon: Icon::new("ban"),
        detail: HOSTILE.to_owned(),
        hint: Some(HOSTILE.to_owned()),
        request: HOSTILE.to_owned(),
        assets: Assets,
    });
    check(&errors::ErrorPart {
        detail: HOSTILE.to_owned(),
        hint: Some(HOSTILE.to_owned()),
        request: HOSTILE.to_owned(),
    });
}

#[test]
fn the_dashboard() {
    let todo = dashboard::Todo {
        icon: "triangle-alert",
        tone: Tone::Warn,
        subject: HOSTILE.to_owned(),
        what: HOSTILE.to_owned(),
        step: HOSTILE.to_owned(),
        url: HOSTILE.to_owned(),
        action: "Look",
    };
    let latest = dashboard::Latest {
        organization: HOSTILE.to_owned(),
        url: HOSTILE.to_owned(),
        badge: Badge::new(Tone::Good, "circle-check", HOSTILE),
        at: at(),
        changes: 3,
    };
    let bar = Bar {
        label: HOSTILE.to_owned(),
        complete: 3,
        partial: 1,
        failed: 1,
    };
    check(&dashboard::DashboardPage {
        frame: frame(Section::Dashboard),
        organizations: 1,
        healthy: 0,
        repositories: "1".to_owned(),
        groups: "1".to_owned(),
        licensed: "1".to_owned(),
        share: "100".to_owned(),
        coverage: Meter {
            part: 1,
            whole: 1,
            label: HOSTILE.to_owned(),
            tone: Tone::Plain,
        },
        seats: HOSTILE.to_owned(),
        waiting: 1,
        todos: vec![todo],
        chart: Chart {
            title: HOSTILE.to_owned(),
            bars: vec![bar],
        },
        latest: vec![latest],
        events: vec![event()],
    });
}

#[test]
fn the_history_and_the_licenses() {
    check(&HistoryPage {
        frame: frame(Section::History),
        form: form(),
        organizations: vec![(HOSTILE.to_owned(), HOSTILE.to_owned())],
        events: vec![event()],
        filtered: true,
        older: Some(HOSTILE.to_owned()),
    });
    let holder = HolderView {
        url: HOSTILE.to_owned(),
        path: HOSTILE.to_owned(),
        organization: HOSTILE.to_owned(),
        reason: HOSTILE.to_owned(),
        since: at(),
        created: at(),
    };
    check(&LicensesPage {
        frame: frame(Section::Licenses),
        policy_seen: HOSTILE.to_owned(),
        seats: "1".to_owned(),
        limited: true,
        held: "1".to_owned(),
        free: Some("0".to_owned()),
        waiting: "1".to_owned(),
        meter: Meter {
            part: 1,
            whole: 1,
            label: HOSTILE.to_owned(),
            tone: Tone::Bad,
        },
        by_organization: vec![(HOSTILE.to_owned(), "1".to_owned(), "1".to_owned())],
        waits: false,
        holders: vec![holder],
        next: Some(HOSTILE.to_owned()),
        seats_form: form(),
        policy_form: Form::with(&[("policy", HOSTILE)]),
    });
    check(&PreviewPart {
        errors: vec![HOSTILE.to_owned()],
        looked_at: String::new(),
        more: false,
        included: String::new(),
        newly_included: 0,
        newly_excluded: 0,
        examples: Vec::new(),
    });
}

fn secret() -> SecretView {
    SecretView {
        name: HOSTILE.to_owned(),
        owner: "Made by a person",
        used_by: vec![HOSTILE.to_owned()],
        version: "1".to_owned(),
        age: (HOSTILE.to_owned(), Tone::Warn),
        updated: at(),
        expiry: Some((HOSTILE.to_owned(), Tone::Bad)),
        last_used: Some(at()),
        vault: HOSTILE.to_owned(),
        place: Some(HOSTILE.to_owned()),
        show: HOSTILE.to_owned(),
        rotate: Some(HOSTILE.to_owned()),
        remove: Some(HOSTILE.to_owned()),
    }
}

#[test]
fn secrets() {
    check(&SecretsPage {
        frame: frame(Section::Secrets),
        secrets: vec![secret()],
        vault: HOSTILE.to_owned(),
        silent: vec![SilentVault {
            name: HOSTILE.to_owned(),
            why: HOSTILE.to_owned(),
            hint: Some(HOSTILE.to_owned()),
        }],
        links: true,
    });
    check(&SecretPage {
        frame: frame(Section::Secrets),
        secret: secret(),
        url: HOSTILE.to_owned(),
        created: at(),
        accesses: vec![AccessView {
            by: HOSTILE.to_owned(),
            count: HOSTILE.to_owned(),
            first: at(),
            last: at(),
        }],
        tested: vec![TestedView {
            host: HOSTILE.to_owned(),
            organization: HOSTILE.to_owned(),
            badge: Badge::new(Tone::Bad, "circle-x", HOSTILE),
            detail: HOSTILE.to_owned(),
        }],
        others: vec![HOSTILE.to_owned()],
        form: form(),
    });
    check(&SecretAwayPage {
        frame: frame(Section::Secrets),
        silent: vec![SilentVault {
            name: HOSTILE.to_owned(),
            why: HOSTILE.to_owned(),
            hint: Some(HOSTILE.to_owned()),
        }],
        again: HOSTILE.to_owned(),
    });
    check(&LinkPage {
        frame: frame(Section::Secrets),
        form: form(),
        vaults: vec![HOSTILE.to_owned()],
    });
    let (name, used_by) = (HOSTILE.to_owned(), vec![HOSTILE.to_owned()]);
    let rotate = SecretTask::Rotate {
        name: name.clone(),
        used_by,
    };
    for task in [SecretTask::Add, rotate, SecretTask::Remove { name }] {
        check(&SecretForm {
            frame: frame(Section::Secrets),
            form: form(),
            action: HOSTILE.to_owned(),
            task,
        });
    }
}

#[test]
fn devices_people_and_tokens() {
    check(&devices::DevicesPage {
        frame: frame(Section::Devices),
        devices: vec![devices::DeviceView {
            device: device(),
            organizations: vec![(HOSTILE.to_owned(), HOSTILE.to_owned())],
        }],
        form: form(),
        reach: None,
    });
    let user = || UserView {
        name: HOSTILE.to_owned(),
        role: "Viewer",
        badge: Badge::new(Tone::Good, "circle-check", HOSTILE),
        created: at(),
        last: Some(at()),
        edit: HOSTILE.to_owned(),
        me: true,
    };
    let token = || TokenView {
        name: HOSTILE.to_owned(),
        owner: HOSTILE.to_owned(),
        scope: "Look",
        badge: Badge::new(Tone::Good, "circle-check", HOSTILE),
        created: at(),
        expires: Some(at()),
        used: Some(at()),
        revoke: HOSTILE.to_owned(),
    };
    check(&UsersPage {
        frame: frame(Section::Users),
        users: vec![user()],
    });
    check(&UserAddPage {
        frame: frame(Section::Users),
        form: form(),
    });
    check(&super::users::UserEditPage {
        frame: frame(Section::Users),
        user: user(),
        url: HOSTILE.to_owned(),
        open: true,
        form: Form::default(),
    });
    check(&TokensPage {
        frame: frame(Section::Tokens),
        tokens: vec![token()],
        issued: Some((HOSTILE.to_owned(), HOSTILE.to_owned())),
    });
    check(&TokenMadePage {
        frame: frame(Section::Tokens),
    });
    check(&TokenRevokePage {
        frame: frame(Section::Tokens),
        token: token(),
    });
    check(&TokenAddPage {
        frame: frame(Section::Tokens),
        form: form(),
        once: HOSTILE.to_owned(),
        scopes: vec![("read", "Look", "Looks")],
    });
    check(&account::AccountPage {
        frame: frame(Section::Elsewhere),
        form: Form::default(),
        sessions: vec![account::SessionView {
            agent: HOSTILE.to_owned(),
            address: HOSTILE.to_owned(),
            since: at(),
            used: at(),
            here: true,
        }],
    });
}
