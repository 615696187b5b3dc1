//! Connecting by signing in at the host, in a window that the page opens and follows.

use std::sync::Arc;

use chrono::TimeDelta;
use fantoccini::wd::WindowHandle;
use org_core::attempt::AttemptState;
use org_core::testing::ManualClock;

use super::Browser;
use super::place::Place;

async fn proceed(browser: &Browser, place: &Place) {
    browser.goto("/organizations/add").await;
    browser.fill("#host", place.sim().url()).await;
    browser.fill("#name", "acme").await;
    browser.click("[data-proceed]").await;
}

/// The window that was opened beside the first one, once it is there.
pub(crate) async fn window(browser: &Browser, first: &WindowHandle) -> WindowHandle {
    let found = async {
        loop {
            let all = browser.client().windows().await.expect("the windows");
            if let Some(other) = all.into_iter().find(|window| window != first) {
                return other;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(super::browser::PATIENCE, found)
        .await
        .expect("a window opens")
}

/// Waits until the window that was opened beside the first one has closed by itself.
async fn closed(browser: &Browser) {
    let closed = async {
        while browser.client().windows().await.expect("the windows").len() > 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(super::browser::PATIENCE, closed)
        .await
        .expect("the window closes by itself");
}

pub(crate) async fn sign_in_at_host(browser: &Browser) {
    browser.fill("#user_login", "alice").await;
    browser.fill("#user_password", "her password").await;
    browser.click("button.main").await;
    browser.find("form[action*='/oauth/authorize']").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_at_the_host_in_a_window_of_its_own() {
    let place = Place::open().await;
    let Some(browser) = place.signed_in().await else {
        return;
    };
    let first = browser.client().window().await.expect("a window");
    proceed(&browser, &place).await;
    browser.sees("open in a window of its own").await;
    browser.is_accessible("waiting for the sign-in").await;
    let kept = place.ports().vault.list().await.expect("a vault");
    assert_eq!(kept.len(), 1, "what the sign-in needs is kept: {kept:?}");
    let pop = window(&browser, &first).await;
    let client = browser.client();
    client.switch_to_window(pop).await.expect("it is there");
    sign_in_at_host(&browser).await;
    browser.press("Authorize").await;
    client.switch_to_window(first).await.expect("it is there");
    browser.sees("Its first sync has ended").await;
    closed(&browser).await;
    let organization = place.organization().await;
    assert!(organization.auth.is_sso());
    assert_eq!(organization.account.login.as_str(), "alice");
    browser.press("To the list").await;
    browser.sees("SSO").await;
    // Its tokens renew themselves, so nobody is asked to.
    browser.goto("/secrets").await;
    browser.sees("Kept by a sign-in").await;
    assert!(!browser.is_there("a[href$='/rotate']").await);
    browser.is_content(&[place.sim().url()]).await;
    browser.close().await;
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_and_a_closed_window_are_told_apart() {
    let place = Place::open().await;
    let Some(browser) = place.signed_in().await else {
        return;
    };
    let first = browser.client().window().await.expect("a window");
    let client = browser.client();
    proceed(&browser, &place).await;
    let pop = window(&browser, &first).await;
    client.switch_to_window(pop).await.expect("it is there");
    sign_in_at_host(&browser).await;
    browser.press("Deny").await;
    client
        .switch_to_window(first.clone())
        .await
        .expect("it is there");
    browser
        .sees("did not let you in: the sign-in was denied")
        .await;
    browser.sees("Nothing was stored").await;
    browser.is_accessible("a denied sign-in").await;

    proceed(&browser, &place).await;
    browser.sees("open in a window of its own").await;
    let pop = window(&browser, &first).await;
    client.switch_to_window(pop).await.expect("it is there");
    browser.find("form[action*='/oauth/authorize']").await;
    client.close_window().await.expect("it closes");
    client
        .switch_to_window(first.clone())
        .await
        .expect("it is there");
    browser
        .sees("The window was closed before the sign-in was done")
        .await;
    browser.is_accessible("a closed window").await;
    // It can be opened again, and then it goes through.
    browser.press("Open the sign-in page").await;
    let pop = window(&browser, &first).await;
    client.switch_to_window(pop).await.expect("it is there");
    browser
        .find("form[action*='/oauth/authorize'], #user_login")
        .await;
    if browser.is_there("#user_login").await {
        sign_in_at_host(&browser).await;
    }
    browser.press("Authorize").await;
    client.switch_to_window(first).await.expect("it is there");
    browser.sees("Its first sync has ended").await;
    browser.is_content(&[place.sim().url()]).await;
    browser.close().await;
    place.close().await;
}

/// What the console says once the ten minutes are over, and how to go on.
async fn sees_that_it_is_over(browser: &Browser) {
    browser
        .sees("The sign-in took longer than ten minutes")
        .await;
    browser.sees("Start the sign-in again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_waits_for_ten_minutes_says_so_and_begins_again() {
    let clock = Arc::new(ManualClock::default());
    let place = Place::open_at(clock.clone()).await;
    let Some(browser) = place.signed_in().await else {
        return;
    };
    let first = browser.client().window().await.expect("a window");
    let client = browser.client();
    proceed(&browser, &place).await;
    let pop = window(&browser, &first).await;
    client.switch_to_window(pop).await.expect("it is there");
    browser.find("#user_login").await;
    let back = client.switch_to_window(first.clone()).await;
    back.expect("it is there");
    browser.sees("You have ten minutes").await;

    clock.advance(TimeDelta::minutes(10) - TimeDelta::seconds(1));
    // What the page asks for all the time: there is nothing new.
    let asks = "const done = arguments[arguments.length - 1]; \
                fetch(document.querySelector('#steps').getAttribute('hx-get')).then((answer) => done(answer.status))";
    let answered = client.execute_async(asks, Vec::new()).await;
    assert_eq!(answered.expect("the script runs"), 204);
    clock.advance(TimeDelta::seconds(1));
    sees_that_it_is_over(&browser).await;
    browser.sees("Nothing was stored").await;
    assert!(!browser.has("was denied").await);
    assert!(!browser.has("window was closed").await);
    browser.is_accessible("an expired sign-in").await;
    closed(&browser).await;

    // What was typed is still there, and a new sign-in has ten minutes of its own.
    browser.press("Change the settings and try again").await;
    assert_eq!(browser.value("#name").await, "acme");
    browser.click("[data-proceed]").await;
    let pop = window(&browser, &first).await;
    client.switch_to_window(pop).await.expect("it is there");
    sign_in_at_host(&browser).await;
    browser.press("Authorize").await;
    client.switch_to_window(first).await.expect("it is there");
    browser.sees("Its first sync has ended").await;
    let attempts = place.ports().attempts.list(10).await.expect("a list");
    let states: Vec<&AttemptState> = attempts.iter().map(|attempt| &attempt.state).collect();
    let [
        AttemptState::Succeeded { .. },
        AttemptState::Failed { reason, .. },
    ] = states[..]
    else {
        panic!("{states:?}");
    };
    assert!(reason.contains("longer than ten minutes"), "{reason}");
    let secrets = place.ports().vault.list().await.expect("a list");
    assert_eq!(secrets.len(), 1, "{secrets:?}");
    browser.is_content(&[place.sim().url()]).await;
    browser.close().await;
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_agrees_too_late_in_the_same_tab_is_told() {
    let clock = Arc::new(ManualClock::default());
    let place = Place::open_at(clock.clone()).await;
    let Some(browser) = place.signed_in().await else {
        return;
    };
    proceed(&browser, &place).await;
    browser.click("[data-same-tab]").await;
    sign_in_at_host(&browser).await;
    clock.advance(TimeDelta::minutes(10));
    browser.press("Authorize").await;
    browser.arrives("/organizations/attempts/").await;
    sees_that_it_is_over(&browser).await;
    browser.sees("Nothing was stored").await;
    let roster = place.ports().organizations.roster().await;
    assert!(roster.expect("a roster").organizations.is_empty());
    let secrets = place.ports().vault.list().await.expect("a list");
    assert!(secrets.is_empty(), "{secrets:?}");
    browser.is_content(&[place.sim().url()]).await;
    browser.close().await;
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_agrees_too_late_in_a_window_that_was_left_open_is_told() {
    let clock = Arc::new(ManualClock::default());
    let place = Place::open_at(clock.clone()).await;
    let Some(browser) = place.signed_in().await else {
        return;
    };
    let first = browser.client().window().await.expect("a window");
    let client = browser.client();
    proceed(&browser, &place).await;
    let pop = window(&browser, &first).await;
    client
        .switch_to_window(pop.clone())
        .await
        .expect("it is there");
    sign_in_at_host(&browser).await;
    // A page that is loaded again does not know its window any more, and closes none.
    client
        .switch_to_window(first.clone())
        .await
        .expect("it is there");
    client.refresh().await.expect("it loads");
    browser.sees("You have ten minutes").await;
    clock.advance(TimeDelta::minutes(10));
    sees_that_it_is_over(&browser).await;
    client.switch_to_window(pop).await.expect("it is there");
    browser.press("Authorize").await;
    closed(&browser).await;
    client.switch_to_window(first).await.expect("it is there");
    sees_that_it_is_over(&browser).await;
    browser.is_accessible("agreed too late").await;
    let roster = place.ports().organizations.roster().await;
    assert!(roster.expect("a roster").organizations.is_empty());
    let secrets = place.ports().vault.list().await.expect("a list");
    assert!(secrets.is_empty(), "{secrets:?}");
    browser.is_content(&[place.sim().url()]).await;
    browser.close().await;
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_window_is_noticed_and_the_same_tab_does_it_too() {
    let place = Place::open().await;
    let Some(browser) = place.signed_in().await else {
        return;
    };
    // Nobody typed or clicked on this page, so that Chromium's own blocker lets no window open.
    browser.goto("/organizations/add").await;
    let fill = format!(
        "document.querySelector('#host').value = '{}'; document.querySelector('#name').value = 'acme'; \
         return navigator.userActivation.isActive",
        place.sim().url()
    );
    assert_eq!(browser.run(&fill).await, false);
    let submit = "const button = document.querySelector('[data-proceed]'); \
                  setTimeout(() => button.form.requestSubmit(button), 0)";
    browser.run(submit).await;
    browser.sees("The browser blocked the window").await;
    let windows = browser.client().windows().await.expect("the windows");
    assert_eq!(windows.len(), 1);
    browser.is_accessible("a blocked window").await;
    browser.click("[data-same-tab]").await;
    sign_in_at_host(&browser).await;
    browser.press("Authorize").await;
    browser.arrives("/organizations/attempts/").await;
    browser.sees("Its first sync has ended").await;
    browser.is_content(&[place.sim().url()]).await;
    browser.close().await;
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_was_left_is_found_again_and_given_up() {
    let place = Place::open().await;
    let Some(browser) = place.signed_in().await else {
        return;
    };
    proceed(&browser, &place).await;
    browser.sees("open in a window of its own").await;
    browser.click("[data-close]").await;
    browser.sees("waits for you to sign in at the host").await;
    browser.is_accessible("a sign-in that was left").await;
    browser.press("Go on").await;
    // Nothing was blocked here: this page has not tried to open a window.
    browser.sees("with one of the links").await;
    assert!(!browser.has("The browser blocked the window").await);
    browser.press("Cancel the sign-in").await;
    browser.arrives("/organizations").await;
    browser.sees("No organization yet").await;
    assert!(!browser.has("waits for you to sign in").await);
    let attempts = place.ports().attempts.list(10).await.expect("a list");
    assert!(matches!(attempts[0].state, AttemptState::Failed { .. }));
    let secrets = place.ports().vault.list().await.expect("a list");
    assert!(secrets.is_empty(), "{secrets:?}");
    browser.is_content(&[place.sim().url()]).await;
    browser.close().await;
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_chosen_once_a_person_has_signed_in() {
    let place = Place::open().await;
    let Some(browser) = place.signed_in().await else {
        return;
    };
    let first = browser.client().window().await.expect("a window");
    let client = browser.client();
    let begin = async || {
        browser.goto("/organizations/add").await;
        browser.fill("#host", place.sim().url()).await;
        browser.fill("#name", "acme").await;
        browser.click("#scope-chosen").await;
        browser.sees("choose them once you have signed in").await;
        browser.click("#personal").await;
        browser.click("[data-proceed]").await;
        let pop = window(&browser, &first).await;
        client.switch_to_window(pop).await.expect("it is there");
    };
    begin().await;
    sign_in_at_host(&browser).await;
    browser.press("Authorize").await;
    let back = client.switch_to_window(first.clone()).await;
    back.expect("it is there");
    browser.sees("Choose what shall be covered").await;
    browser
        .is_accessible("choosing groups after a sign-in")
        .await;
    // Nobody who gives up leaves a grant behind.
    browser.press("Cancel").await;
    // The list lies below the aside too, so that seeing it says nothing.
    let gone = async {
        while browser.is_there(".aside").await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(super::browser::PATIENCE, gone)
        .await
        .expect("the aside is left");
    browser.sees("No organization yet").await;
    let secrets = place.ports().vault.list().await.expect("a list");
    assert!(secrets.is_empty(), "{secrets:?}");

    begin().await;
    browser.find("form[action*='/oauth/authorize']").await;
    browser.press("Authorize").await;
    client.switch_to_window(first).await.expect("it is there");
    browser.sees("Choose what shall be covered").await;
    // An empty choice is none, and a mistyped path stands at its field; what was chosen stays.
    browser.press("Connect").await;
    browser.find("textarea#group[aria-invalid='true']").await;
    browser.fill("#group_search", "PLAT").await;
    browser
        .click("#group-results input[value='acme/platform']")
        .await;
    browser.fill("textarea#group", "acme/nowhere").await;
    browser.press("Connect").await;
    browser.sees("There is no group “acme/nowhere”").await;
    browser.is_accessible("a choice, refused").await;
    browser
        .find("#group-results input[value='acme/platform']:checked")
        .await;
    // What another organization covers already is told at the choice too: nobody has to sign in again for that.
    place.connect_other("globex").await;
    browser.fill("textarea#group", "globex").await;
    browser.press("Connect").await;
    browser.sees("is already connected as “other”").await;
    browser
        .is_accessible("a choice that another one covers")
        .await;
    assert_eq!(browser.value("textarea#group").await, "globex");
    browser.fill("textarea#group", "").await;
    browser.press("Connect").await;
    browser.sees("Its first sync has ended").await;
    let organization = place.named("acme").await;
    assert_eq!(organization.settings.scope.to_string(), "acme/platform");

    // Later they are found with the tokens of the sign-in.
    let settings = format!("/organizations/{}/settings", organization.id);
    browser.goto(&settings).await;
    browser.fill("#group_search", "many").await;
    browser
        .click("#group-results input[value='acme/many']")
        .await;
    browser.press("Save").await;
    browser.sees("The settings are saved").await;
    let organization = place.named("acme").await;
    assert_eq!(
        organization.settings.scope.to_string(),
        "acme/many, acme/platform"
    );
    browser.is_content(&[place.sim().url()]).await;
    browser.close().await;
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_with_a_token_signs_in_instead() {
    let place = Place::open().await;
    let Some(browser) = place.signed_in().await else {
        return;
    };
    let before = place.connect(&browser).await;
    let held = place.ports().licenses.summary().await.expect("a store");
    let first = browser.client().window().await.expect("a window");
    let client = browser.client();
    browser
        .goto(&format!("/organizations/{}/reconnect", before.id))
        .await;
    browser.click("#with_token").await;
    browser.is_accessible("reconnecting by a sign-in").await;
    browser.press("Reconnect").await;
    let pop = window(&browser, &first).await;
    client.switch_to_window(pop).await.expect("it is there");
    sign_in_at_host(&browser).await;
    browser.press("Authorize").await;
    client.switch_to_window(first).await.expect("it is there");
    browser.sees("The organization stands").await;
    browser.sees("Its first sync has ended").await;
    let after = place.organization().await;
    assert_eq!((after.id, after.name), (before.id, before.name));
    assert!(after.auth.is_sso());
    let same = place.ports().licenses.summary().await.expect("a store");
    assert_eq!(same, held);
    // The token had been made for the organization alone, and nobody needs it any more.
    let secrets = place.ports().vault.list().await.expect("a list");
    assert_eq!(secrets.len(), 1);
    assert_eq!(secrets[0].reference, after.auth.secret());
    browser.is_content(&[place.sim().url()]).await;
    browser.close().await;
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_without_scripts_signs_in_in_the_same_tab() {
    let place = Place::open().await;
    let Some(browser) = place.signed_in().await else {
        return;
    };
    let without = serde_json::json!({ "value": true });
    browser
        .devtools("Emulation.setScriptExecutionDisabled", without)
        .await;
    proceed(&browser, &place).await;
    browser.arrives("/organizations/attempts/").await;
    browser.click("[data-same-tab]").await;
    sign_in_at_host(&browser).await;
    browser.press("Authorize").await;
    browser.sees("Back from the host").await;
    browser.press("Go on").await;
    browser.arrives("/organizations/attempts/").await;
    let ended = async {
        while !browser.has("Its first sync has ended").await {
            if browser.is_there("noscript a").await {
                browser.press("Load this page again").await;
            }
        }
    };
    tokio::time::timeout(super::browser::PATIENCE, ended)
        .await
        .expect("it ends");
    assert!(place.organization().await.auth.is_sso());
    browser.is_content(&[place.sim().url()]).await;
    browser.close().await;
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_does_not_know_us_is_told_with_what_to_register() {
    let place = Place::open().await;
    let Some(browser) = place.signed_in().await else {
        return;
    };
    let nowhere = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        format!("http://{}", listener.local_addr().expect("an address"))
    };
    browser.goto("/organizations/add").await;
    browser.fill("#host", &nowhere).await;
    browser.click("[data-proceed]").await;
    browser
        .sees("No application is configured for signing in")
        .await;
    browser.sees("/callback/").await;
    closed(&browser).await;
    browser.is_content(&[]).await;
    browser.close().await;
    place.close().await;
}
