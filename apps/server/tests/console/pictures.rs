//! Pictures of every page, in light, in the dark and as wide as a phone; on the way each page is looked at by axe-core.
//!
//! One sheet for each page is written to the folder that `FORGEHOLD_PICTURES` names; `cargo xtask pictures` names `docs/console`.

use std::path::PathBuf;

use gitlab_sim::{GroupPatch, ProjectPatch};
use serde_json::json;

use super::Browser;
use super::bao::Bao;
use super::place::{PASSWORD, Place, company};
use super::sso::{sign_in_at_host, window};
use super::vault::with_two_vaults;

/// Where pictures are written, if anywhere.
const FOLDER: &str = "FORGEHOLD_PICTURES";

/// How a page is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Light,
    Dark,
    Phone,
}

impl Look {
    const ALL: [Self; 3] = [Self::Light, Self::Dark, Self::Phone];

    const fn word(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
            Self::Phone => "phone",
        }
    }
}

async fn put_on(browser: &Browser, look: Look) {
    let scheme = if look == Look::Dark { "dark" } else { "light" };
    let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
    browser.devtools("Emulation.setEmulatedMedia", media).await;
    let (width, height, mobile) = match look {
        Look::Phone => (390, 844, true),
        _ => (1360, 860, false),
    };
    let metrics =
        json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile });
    browser
        .devtools("Emulation.setDeviceMetricsOverride", metrics)
        .await;
}

/// What a page looks like in each way, as the browser draws it.
struct Pictures {
    name: String,
    each: Vec<String>,
}

/// Looks at the page as it is, in each way.
async fn look(browser: &Browser, name: &str, all: &mut Vec<Pictures>) {
    let mut each = Vec::new();
    for look in Look::ALL {
        put_on(browser, look).await;
        browser
            .run("window.scrollTo(0, 0); document.activeElement?.blur()")
            .await;
        browser
            .is_accessible(&format!("{name}, {}", look.word()))
            .await;
        let wide = browser
            .run("return document.documentElement.scrollWidth - innerWidth")
            .await;
        assert!(
            wide.as_i64().is_some_and(|wide| wide <= 0),
            "{name}, {}: {wide} pixels too wide",
            look.word()
        );
        let picture = browser
            .devtools("Page.captureScreenshot", json!({ "format": "png" }))
            .await;
        each.push(picture["data"].as_str().unwrap_or_default().to_owned());
    }
    put_on(browser, Look::Light).await;
    all.push(Pictures {
        name: name.to_owned(),
        each,
    });
}

/// Writes one sheet for each page, with all ways side by side: the browser itself puts them together.
async fn write(browser: &Browser, all: &[Pictures]) {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    browser
        .client()
        .goto("about:blank")
        .await
        .expect("nothing loads");
    let metrics = json!({ "width": 2016, "height": 560, "deviceScaleFactor": 1, "mobile": false });
    browser
        .devtools("Emulation.setDeviceMetricsOverride", metrics)
        .await;
    for Pictures { name, each } in all {
        const SCRIPT: &str = "const done = arguments[arguments.length - 1]; document.body.replaceChildren(); \
            Object.assign(document.body.style, {margin: '0', display: 'flex', gap: '8px', background: '#8b95a7', padding: '8px'}); \
            const all = arguments[0].map((data) => { const one = new Image(); one.src = 'data:image/png;base64,' + data; one.height = 544; \
            document.body.append(one); return one.decode(); }); Promise.all(all).then(() => requestAnimationFrame(() => done(true)))";
        let arguments = vec![json!(each)];
        let drawn = browser.client().execute_async(SCRIPT, arguments).await;
        drawn.expect("the sheet is drawn");
        let file = folder.join(format!("{name}.png"));
        let picture = browser.client().screenshot().await.expect("a picture");
        std::fs::write(file, picture).expect("the picture can be written");
    }
}

#[expect(
    clippy::too_many_lines,
    reason = "one page after the other, as a person goes through them"
)]
#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_fit_to_be_seen() {
    let place = Place::open_with(company(36), |_| {}).await;
    let Some(browser) = Browser::open(&place).await else {
        return;
    };
    let mut all = Vec::new();
    browser.goto("/first-run").await;
    browser.find("#code").await;
    look(&browser, "first-run", &mut all).await;
    place.set_up(&browser).await;

    browser.goto("/organizations").await;
    browser.sees("No organization yet").await;
    look(&browser, "organizations-empty", &mut all).await;
    browser.goto("/organizations/add").await;
    browser.fill("#host", place.sim().url()).await;
    browser
        .click("button[hx-post='/organizations/add/reach']")
        .await;
    browser.sees("can be reached from this server").await;
    browser
        .run("document.querySelector('.aside .body').scrollTo(0, 0)")
        .await;
    look(&browser, "add", &mut all).await;
    browser.click("#schedule-at").await;
    browser.fill("#zone", "Europe/Warsaw").await;
    browser.sees("06:00 CE").await;
    browser
        .run("document.querySelector('#schedule-fields').scrollIntoView()")
        .await;
    look(&browser, "add-schedule", &mut all).await;

    let organization = place.connect(&browser).await;
    look(&browser, "attempt", &mut all).await;
    // Something happens at the host, so that there is a history.
    place.sim().world().change(|world| {
        world
            .rename_project("acme/many/service-001", "billing")
            .expect("it is there");
        world
            .rename_project("acme/many/service-002", "checkout")
            .expect("it is there");
        let archived = ProjectPatch {
            archived: Some(true),
            ..ProjectPatch::default()
        };
        world
            .edit_project("acme/many/service-003", archived)
            .expect("it is there");
        world
            .create_project("acme/platform", "gateway")
            .expect("a new project");
    });
    let url = format!("/organizations/{}", organization.id);
    browser.goto(&url).await;
    browser.press("Sync now").await;
    place.synced(organization.id, 2).await;

    browser.goto("/secrets/add").await;
    browser.fill("#name", "gitlab-backup").await;
    browser.fill("#token", "glpat-planted7Qx2mVw9Zk4TnB").await;
    browser.press("Add the secret").await;
    browser.sees("The secret is in the password manager").await;
    browser.goto("/licenses").await;
    browser.fill("#seats", "60").await;
    browser.press("Change").await;
    browser.sees("The number of seats is changed").await;
    browser.goto("/users/add").await;
    browser.fill("#name", "grace").await;
    browser.fill("#password", PASSWORD).await;
    browser.click("#role-operator").await;
    browser.press("Add the user").await;
    browser.sees("The account is made").await;

    for (name, path, word) in [
        ("dashboard", "/", "Sync activity"),
        ("organizations", "/organizations", "Connected"),
        ("organization", &*url, "Latest syncs"),
        ("repositories", &*format!("{url}/repositories"), "billing"),
        ("groups", &*format!("{url}/groups"), "platform"),
        ("permissions", &*format!("{url}/permissions"), "Clone code"),
        (
            "settings",
            &*format!("{url}/settings"),
            "Repository list sync",
        ),
        ("licenses", "/licenses", "Policy"),
        ("secrets", "/secrets", "gitlab-backup"),
        ("devices", "/devices", "This server"),
        ("history", "/history", "Repository renamed"),
        ("users", "/users", "grace"),
    ] {
        browser.goto(path).await;
        browser.sees(word).await;
        look(&browser, name, &mut all).await;
    }
    browser.goto(&format!("{url}/repositories?q=billing")).await;
    browser.click("#results a.strong").await;
    browser.sees("Timeline").await;
    look(&browser, "repository", &mut all).await;
    browser.goto("/tokens/add").await;
    browser.fill("#name", "nightly report").await;
    browser.press("Make the token").await;
    browser.sees("Copy it now").await;
    look(&browser, "token", &mut all).await;
    browser.goto("/tokens").await;
    browser.press("Revoke nightly report").await;
    browser.sees("It cannot be brought back").await;
    look(&browser, "token-revoke", &mut all).await;
    browser.goto("/account").await;
    browser.sees("Where you are signed in").await;
    look(&browser, "account", &mut all).await;
    browser.goto("/no/such/page").await;
    look(&browser, "not-found", &mut all).await;
    browser.goto("/account").await;
    browser.click("form[action='/sign-out'] button").await;
    browser.arrives("/sign-in").await;
    look(&browser, "sign-in", &mut all).await;
    browser.is_content(&[]).await;
    write(&browser, &all).await;
    browser.close().await;
    place.close().await;
}

/// What there is to see while the company's vault is away.
async fn look_without_a_vault(browser: &Browser, bao: Bao, all: &mut Vec<Pictures>) {
    drop(bao);
    browser.goto("/secrets/company-gitlab/show").await;
    browser.sees("The vault openbao is away").await;
    look(browser, "secret-away", all).await;
    browser.goto("/").await;
    browser.sees("Vault openbao").await;
    look(browser, "dashboard-away", all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_that_is_seldom_needed_is_fit_to_be_seen() {
    let Some((place, bao, _folder)) = with_two_vaults(company(36)).await else {
        return;
    };
    let Some(browser) = place.signed_in().await else {
        return;
    };
    let mut all = Vec::new();
    let client = browser.client();
    let first = client.window().await.expect("a window");
    browser.goto("/organizations/add").await;
    browser.fill("#host", place.sim().url()).await;
    browser.fill("#name", "acme").await;
    browser.click("#scope-chosen").await;
    browser.click("[data-proceed]").await;
    browser.sees("open in a window of its own").await;
    look(&browser, "sso", &mut all).await;
    let pop = window(&browser, &first).await;
    client.switch_to_window(pop).await.expect("it is there");
    sign_in_at_host(&browser).await;
    browser.press("Authorize").await;
    client.switch_to_window(first).await.expect("it is there");
    browser.sees("Choose what shall be covered").await;
    browser.fill("#group_search", "acme").await;
    browser
        .click("#group-results input[value='acme/platform']")
        .await;
    look(&browser, "sso-groups", &mut all).await;
    browser.press("Cancel").await;
    browser.sees("No organization yet").await;

    let organization = place.connect(&browser).await;
    let url = format!("/organizations/{}", organization.id);
    place.sim().world().change(|world| {
        world
            .rename_project("acme/many/service-001", "billing")
            .expect("it is there");
        world
            .create_project("acme/platform", "gateway")
            .expect("a new project");
    });
    browser.goto(&url).await;
    browser.press("Sync now").await;
    place.synced(organization.id, 2).await;
    browser.goto(&format!("{url}/syncs")).await;
    browser.sees("1 renamed").await;
    look(&browser, "syncs", &mut all).await;
    browser.click("tbody tr:first-child a").await;
    browser.sees("What it saw and changed").await;
    look(&browser, "sync", &mut all).await;
    let hidden = GroupPatch {
        hidden: Some(true),
        ..GroupPatch::default()
    };
    place
        .sim()
        .world()
        .change(|world| world.edit_group("acme/many", hidden))
        .expect("it is there");
    browser.goto(&url).await;
    browser.press("Sync now").await;
    place.synced(organization.id, 3).await;

    browser.goto("/secrets/add").await;
    look(&browser, "secret-add", &mut all).await;
    browser.fill("#name", "gitlab-backup").await;
    browser.fill("#token", place.sim().token()).await;
    browser.press("Add the secret").await;
    browser.sees("The secret is in the password manager").await;
    browser.press("gitlab-backup").await;
    browser.fill("#host", place.sim().url()).await;
    browser.press("Test it").await;
    browser.sees("It belongs to alice").await;
    look(&browser, "secret", &mut all).await;
    browser.goto("/secrets/link").await;
    browser.fill("#name", "company-gitlab").await;
    browser.fill("#path", "ci/gitlab").await;
    browser.fill("#key", "token").await;
    look(&browser, "secret-link", &mut all).await;
    browser.goto("/users/add").await;
    browser.fill("#name", "grace").await;
    browser.fill("#password", PASSWORD).await;
    look(&browser, "user-add", &mut all).await;
    browser.press("Add the user").await;
    browser.sees("The account is made").await;
    browser.press("Manage grace").await;
    browser.sees("Another password").await;
    look(&browser, "user", &mut all).await;

    for (name, part, word) in [
        ("held", "held", "They are really gone"),
        ("reconnect", "reconnect", "Another credential"),
        ("rotate-token", "rotate-token", "Days until the new token"),
        ("remove", "remove", "The history stays"),
    ] {
        browser.goto(&format!("{url}/{part}")).await;
        browser.sees(word).await;
        look(&browser, name, &mut all).await;
    }
    look_without_a_vault(&browser, bao, &mut all).await;
    browser.is_content(&[place.sim().url()]).await;
    write(&browser, &all).await;
    browser.close().await;
    place.close().await;
}
