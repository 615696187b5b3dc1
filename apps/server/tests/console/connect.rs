//! Adding an organization: the whole form, with a token.

use gitlab_sim::{Fault, FaultKind};

use super::place::{Place, company};

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_is_added_with_a_token_step_by_step() {
    let place = Place::open().await;
    let Some(browser) = place.signed_in().await else {
        return;
    };
    browser.goto("/organizations").await;
    browser.sees("No organization yet").await;
    browser.is_accessible("the empty list").await;
    browser.press("Add organization").await;
    browser.arrives("/organizations/add").await;
    browser.is_accessible("the empty form").await;

    // The host is tried before anything is stored.
    browser.fill("#host", place.sim().url()).await;
    browser
        .click("button[hx-post='/organizations/add/reach']")
        .await;
    browser.sees("can be reached from this server").await;
    browser.sees("GitLab version").await;

    // The next runs follow what is typed.
    assert_eq!(
        browser
            .client()
            .find_all(fantoccini::Locator::Css("#preview li"))
            .await
            .expect("a list")
            .len(),
        5
    );
    browser.click("#schedule-at").await;
    browser.fill("#sync-at", "06:00, 25:00").await;
    browser.sees("25:00").await;
    browser.find("#preview .field-error").await;
    browser.fill("#sync-at", "06:15").await;
    browser.fill("#zone", "Europe/Warsaw").await;
    browser.sees("06:15 CE").await;
    browser.click("#schedule-cron").await;
    browser.fill("#sync-cron", "30 4 * * *").await;
    browser.sees("04:30 CE").await;

    browser.click("#with_token").await;
    browser.fill("#login", "alice").await;
    browser.fill("#token", place.sim().token()).await;
    browser.fill("#name", "acme").await;
    browser.click("#protect_groups").await;
    browser.click("#auto_license").await;
    browser.click("#existing-all").await;

    // Groups are found as one types, with the credential that was given.
    browser.click("#scope-chosen").await;
    browser.fill("#group_search", "plat").await;
    browser
        .click("#group-results input[value='acme/platform']")
        .await;
    browser.fill("#group_search", "glob").await;
    browser.click("#group-results input[value='globex']").await;
    browser.click("#personal").await;
    browser.is_accessible("the form, filled in").await;
    browser.click("[data-proceed]").await;

    browser.arrives("/organizations/attempts/").await;
    browser.sees("Its first sync has ended").await;
    for step in [
        "Reach the host",
        "TCP",
        "HTTP",
        "Authenticate",
        "Check permissions",
        "First list",
    ] {
        assert!(browser.has(step).await, "{step}");
    }
    browser.is_accessible("the steps").await;
    let organization = place.organization().await;
    assert_eq!(
        organization.settings.scope.to_string(),
        "acme/platform, globex"
    );
    assert_eq!(
        organization.settings.schedule.to_text(),
        "cron 30 4 * * * @ Europe/Warsaw"
    );
    assert_eq!(organization.settings.auto_license.as_str(), "on");
    assert_eq!(organization.settings.license_existing.as_str(), "all");
    assert_eq!(organization.settings.protect_groups.as_str(), "on");

    browser.press("To the list").await;
    browser.find("tr.fresh").await;
    for text in [
        "acme",
        "Connected",
        "Login and token",
        "2 held",
        "This server",
    ] {
        browser.sees(text).await;
    }
    browser.is_accessible("the list").await;
    // No page ever shows the token.
    for page in ["/organizations", "/secrets", "/history"] {
        browser.goto(page).await;
        let source = browser.client().source().await.expect("a source");
        assert!(!source.contains(place.sim().token()), "{page}");
    }
    browser.is_content(&[]).await;
    browser.close().await;
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mistake_stands_at_its_field_and_keeps_what_was_typed() {
    let place = Place::open().await;
    let Some(browser) = place.signed_in().await else {
        return;
    };
    browser.goto("/organizations/add").await;
    browser.fill("#host", "gitlab.example.com").await;
    browser.fill("#name", &"x".repeat(101)).await;
    browser.click("#with_token").await;
    browser.fill("#login", "not a login").await;
    browser.fill("#token", "with white space").await;
    browser.click("#schedule-at").await;
    browser.fill("#sync-at", "6 o'clock").await;
    browser.fill("#zone", "Europe/Warsow").await;
    browser.click("#scope-chosen").await;
    browser.fill("textarea#group", "acme\nacme/platform").await;
    browser.click("[data-proceed]").await;
    browser.sees("need another look").await;
    for field in ["host", "name", "login", "token", "sync-at", "zone", "group"] {
        let css = format!("#{field}[aria-invalid='true'][aria-describedby~='{field}-error']");
        browser.find(&css).await;
        let error = format!("#{field}-error");
        assert!(!browser.text(&error).await.is_empty(), "{field}");
    }
    assert_eq!(browser.value("#host").await, "gitlab.example.com");
    assert_eq!(browser.value("#login").await, "not a login");
    assert_eq!(browser.value("#sync-at").await, "6 o'clock");
    assert_eq!(browser.value("textarea#group").await, "acme\nacme/platform");
    assert_eq!(browser.value("#token").await, "");
    let focused = browser
        .run("return document.activeElement.getAttribute('role')")
        .await;
    assert_eq!(focused, "alert");
    browser.is_accessible("the form, refused").await;
    // Nothing was attempted, so nothing was asked of anybody.
    assert!(place.sim().requests().is_empty());

    // The other kinds of schedule have mistakes of their own.
    for (kind, field, text) in [
        ("every", "sync-every", "1 minute"),
        ("cron", "sync-cron", "61 * * * *"),
    ] {
        browser.click(&format!("#schedule-{kind}")).await;
        browser.fill(&format!("#{field}"), text).await;
        browser.click("[data-proceed]").await;
        browser
            .find(&format!("#{field}[aria-invalid='true']"))
            .await;
        assert_eq!(browser.value(&format!("#{field}")).await, text);
    }
    browser.is_content(&[]).await;
    browser.close().await;
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_at_the_host_is_told_at_its_step_and_can_be_tried_again() {
    let place = Place::open().await;
    let Some(browser) = place.signed_in().await else {
        return;
    };
    let fill = |host: String, login: &'static str, token: String| {
        let browser = &browser;
        async move {
            browser.goto("/organizations/add").await;
            browser.fill("#host", &host).await;
            browser.fill("#name", "acme").await;
            browser.click("#with_token").await;
            browser.fill("#login", login).await;
            browser.fill("#token", &token).await;
            browser.click("[data-proceed]").await;
            browser.arrives("/organizations/attempts/").await;
            browser.sees("Nothing was stored").await;
        }
    };
    // Nobody listens there.
    let nowhere = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        format!("http://{}", listener.local_addr().expect("an address"))
    };
    fill(nowhere, "alice", "glpat-something".to_owned()).await;
    browser.sees("TCP").await;
    browser.sees("cannot be reached").await;
    browser.is_accessible("an attempt that failed").await;

    let url = place.sim().url().to_owned();
    fill(url.clone(), "alice", "glpat-unknown000000000000".to_owned()).await;
    browser.sees("refuses the access token").await;

    let of_bob = place.sim().tokens()[2].value.clone();
    fill(url.clone(), "alice", of_bob).await;
    browser.sees("belongs to “bob”, not to “alice”").await;

    let narrow = place.sim().tokens()[1].value.clone();
    fill(url.clone(), "alice", narrow).await;
    browser.sees("lacks a scope").await;

    // What was typed is there again, but for the token; with the right one it goes through.
    browser.press("Change the settings and try again").await;
    assert_eq!(browser.value("#host").await, url);
    assert_eq!(browser.value("#login").await, "alice");
    assert_eq!(browser.value("#token").await, "");
    browser.fill("#token", place.sim().token()).await;
    browser.click("[data-proceed]").await;
    browser.sees("Its first sync has ended").await;

    // The same account twice is refused, and the one that has it is named.
    fill(url, "alice", place.sim().token().to_owned()).await;
    browser
        .sees("There is already an organization “acme”")
        .await;
    assert_eq!(place.ports().vault.list().await.expect("a list").len(), 1);
    browser.is_content(&[]).await;
    browser.close().await;
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_steps_are_shown_while_they_happen() {
    let place = Place::open_with(company(300), |_| {}).await;
    let Some(browser) = place.signed_in().await else {
        return;
    };
    // The host takes its time at the list, so that there is something to see.
    place.sim().fault(
        Fault::new(FaultKind::Delay { ms: 3000 })
            .path("/api/graphql")
            .nth(3),
    );
    browser.goto("/organizations/add").await;
    browser.fill("#host", place.sim().url()).await;
    browser.click("#with_token").await;
    browser.fill("#login", "alice").await;
    browser.fill("#token", place.sim().token()).await;
    browser.click("[data-proceed]").await;
    browser.sees("Its first list is being read").await;
    assert!(browser.is_there(".steps .spin").await);
    // The list has the entry already, with how far its first sync is.
    browser.press("To the list").await;
    browser.sees("Syncing").await;
    browser.find("#organizations[hx-get]").await;
    browser.sees("Complete").await;
    browser.find("#organizations:not([hx-get])").await;
    browser.is_content(&[]).await;
    browser.close().await;
    place.close().await;
}
