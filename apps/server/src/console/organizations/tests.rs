//! The pages of organizations with sample values that try to get out of their place.

use super::add::{AddForm, Preview, Reach, ReachStep, RunView};
use super::attempt::{AttemptAside, Done, Failed, StepView, Steps};
use super::change::{RemovePage, SettingsPage};
use super::groups::{ChooseGroups, GroupResults};
use super::reconnect::ReconnectPage;
use super::repositories::{
    GroupView, GroupsPage, RepositoriesPage, RepositoryView, SortHead, SortHeads,
};
use super::rotate::RotatePage;
use super::show::{Head, PermissionsPage, Tab};
use crate::console::form::Form;
use crate::console::frame::{Frame, Section};
use crate::console::tests::{HOSTILE, at, check, device, form, frame as any_frame};
use crate::console::view::{Badge, Icon, Tone};

fn hostile() -> String {
    HOSTILE.to_owned()
}

fn frame() -> Frame {
    any_frame(Section::DevOps)
}

fn head() -> Head {
    Head {
        name: hostile(),
        badge: Badge::new(Tone::Bad, "circle-x", HOSTILE),
        url: hostile(),
        tab: Tab::Settings,
        paused: false,
        removed: false,
        has_token: true,
    }
}

fn preview() -> Preview {
    Preview {
        runs: vec![RunView {
            local: hostile(),
            at: at(),
            offset: 60,
            note: hostile(),
        }],
        manual: false,
        errors: Vec::new(),
    }
}

fn reach() -> ReachStep {
    ReachStep {
        title: "DNS",
        good: false,
        detail: hostile(),
        took: hostile(),
    }
}

/// A form of which groups were chosen.
fn chosen() -> Form {
    let mut form = form();
    for name in ["group", "group_lines", "group_search"] {
        form.push(name, HOSTILE);
    }
    form.at("group", HOSTILE)
}

fn choice() -> ChooseGroups {
    ChooseGroups {
        csrf: "0123".to_owned(),
        url: hostile(),
        groups_url: hostile(),
        form: chosen(),
    }
}

#[test]
fn adding_one() {
    check(&AddForm {
        csrf: "0123".to_owned(),
        form: chosen(),
        secrets: vec![hostile()],
        zones: vec!["UTC"],
        preview: preview(),
        devices: vec![device(), device()],
        reach: Some(Reach {
            host: hostile(),
            steps: vec![reach()],
            error: None,
        }),
    });
    check(&Preview {
        runs: Vec::new(),
        manual: false,
        errors: vec![hostile()],
    });
    check(&GroupResults {
        chosen: vec![hostile()],
        found: vec![hostile()],
        more: true,
        error: None,
        searched: hostile(),
    });
    check(&GroupResults {
        chosen: Vec::new(),
        found: Vec::new(),
        more: false,
        error: None,
        searched: hostile(),
    });
}

#[test]
fn an_attempt() {
    let steps = |failed: Option<Failed>, done: Option<Done>, choice: Option<ChooseGroups>| Steps {
        csrf: hostile(),
        cancel: hostile(),
        url: hostile(),
        all: vec![StepView {
            title: "Reach the host",
            icon: Icon::new("circle-x"),
            word: "failed",
            pending: false,
            detail: hostile(),
            took: Some(hostile()),
            probes: vec![reach()],
        }],
        ended: failed.is_some(),
        failed,
        done,
        sign_in: Some(hostile()),
        choice,
    };
    let failed = Failed {
        detail: hostile(),
        hint: Some(hostile()),
        retry: hostile(),
    };
    let done = Done {
        list: hostile(),
        organization: hostile(),
        listing: true,
    };
    for steps in [
        steps(Some(failed), None, None),
        steps(None, Some(done), None),
        steps(None, None, Some(choice())),
    ] {
        check(&AttemptAside {
            title: hostile(),
            label: hostile(),
            steps,
        });
    }
}

#[test]
fn changing_one() {
    check(&SettingsPage {
        frame: frame(),
        head: head(),
        form: chosen(),
        zones: vec!["UTC"],
        preview: preview(),
        preview_url: hostile(),
        groups_url: hostile(),
        seen: hostile(),
        devices: vec![device()],
    });
    check(&ReconnectPage {
        frame: frame(),
        head: head(),
        form: form(),
        secrets: vec![hostile()],
        host: hostile(),
    });
    check(&RotatePage {
        frame: frame(),
        head: head(),
        form: form(),
        host: hostile(),
        seen: 1,
    });
    check(&RemovePage {
        frame: frame(),
        head: head(),
        form: form(),
        repositories: hostile(),
        licensed: hostile(),
    });
}

#[test]
fn what_it_has() {
    let sort = || SortHead {
        url: hostile(),
        sorted: Some("ascending"),
    };
    check(&RepositoriesPage {
        frame: frame(),
        head: head(),
        form: form(),
        filtered: true,
        total: hostile(),
        sort: SortHeads {
            path: sort(),
            activity: sort(),
            first_seen: sort(),
        },
        rows: vec![RepositoryView {
            url: hostile(),
            parent: hostile(),
            path: hostile(),
            visibility: "Private",
            lifecycle: Some("Archived"),
            gone: true,
            shared: true,
            license: Badge::new(Tone::Good, "circle-check", HOSTILE),
            branch: hostile(),
            activity: Some(at()),
            first_seen: at(),
        }],
        first: Some(hostile()),
        next: Some(hostile()),
    });
    check(&GroupsPage {
        frame: frame(),
        head: head(),
        protected: true,
        groups: vec![GroupView {
            depth: 1,
            parent: hostile(),
            path: hostile(),
            visibility: "Private",
            gone: true,
            repositories: hostile(),
        }],
        next: Some(hostile()),
    });
    check(&PermissionsPage {
        frame: frame(),
        head: head(),
        account: hostile(),
        scopes: vec![hostile()],
        rows: vec![(
            "List",
            Badge::new(Tone::Bad, "circle-x", HOSTILE),
            hostile(),
        )],
    });
}
