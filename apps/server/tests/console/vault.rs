//! The password manager: what a secret is, whether its host takes it, and new tokens.

use gitlab_sim::{Fault, FaultKind};
use secrecy::ExposeSecret;

use super::place::Place;

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_tested_and_tells_who_read_it() {
    let place = Place::open().await;
    let Some(browser) = place.signed_in().await else {
        return;
    };
    browser.goto("/secrets/add").await;
    browser.fill("#name", "gitlab-backup").await;
    browser.fill("#token", place.sim().token()).await;
    browser.press("Add the secret").await;
    browser.sees("The secret is in the password manager").await;
    browser.sees("Not known").await;
    browser.press("gitlab-backup").await;
    browser.sees("Nobody has read it").await;
    browser.is_accessible("a secret").await;

    // Nothing uses it, so there is no host to ask.
    browser.press("Test it").await;
    browser.find("#host[aria-invalid='true']").await;
    browser.fill("#host", "not a host").await;
    browser.press("Test it").await;
    browser.find("#host[aria-invalid='true']").await;
    assert_eq!(browser.value("#host").await, "not a host");
    browser.is_accessible("a secret, refused").await;
    browser.fill("#host", place.sim().url()).await;
    browser.press("Test it").await;
    browser.sees("It belongs to alice").await;
    browser.is_accessible("a secret, tested").await;
    browser.goto("/secrets/gitlab%2Dbackup/show").await;
    browser.find("td[data-label='Times']").await;
    let source = browser.client().source().await.expect("a source");
    assert!(!source.contains(place.sim().token()));

    browser.goto("/secrets/nowhere/show").await;
    browser.sees("There is no secret").await;
    browser.is_content(&[]).await;
    browser.close().await;
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_replaces_a_token() {
    let place = Place::open().await;
    let Some(browser) = place.signed_in().await else {
        return;
    };
    let organization = place.connect(&browser).await;
    let url = format!("/organizations/{}", organization.id);
    browser.goto(&format!("{url}/settings")).await;
    browser.press("Rotate the token").await;
    browser.is_accessible("rotating a token").await;
    for mistake in ["soon", "0", "366"] {
        browser.fill("#days", mistake).await;
        browser.click("form.stack button.primary").await;
        browser.find("#days[aria-invalid='true']").await;
        assert_eq!(browser.value("#days").await, mistake);
    }
    browser.fill("#days", "30").await;
    browser.click("form.stack button.primary").await;
    browser.sees("The host has replaced the token").await;
    let reference = organization.auth.secret();
    let kept = place.ports().vault.get(reference).await.expect("a vault");
    let (_, value) = kept.expect("the token");
    assert_ne!(value.expose_secret(), place.sim().token());
    browser.goto("/secrets").await;
    browser.sees("In 30 days").await;
    browser.is_accessible("the secrets").await;
    browser.goto(&url).await;
    browser.press("Sync now").await;
    place.synced(organization.id, 2).await;
    browser.is_content(&[]).await;
    browser.close().await;
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_whose_answer_is_lost_is_told_and_never_repeated() {
    const ROTATE: &str = "/api/v4/personal_access_tokens/self/rotate";
    let place = Place::open().await;
    let Some(browser) = place.signed_in().await else {
        return;
    };
    let organization = place.connect(&browser).await;
    place.sim().fault(Fault::new(FaultKind::Close).path(ROTATE));
    let page = format!("/organizations/{}/rotate-token", organization.id);
    browser.goto(&page).await;
    browser.click("form.stack button.primary").await;
    browser.sees("is unknown").await;
    browser.sees("do not rotate again").await;
    browser.is_accessible("a lost rotation").await;
    place.sim().clear_faults();
    browser.goto(&page).await;
    browser.click("form.stack button.primary").await;
    browser.sees("do not rotate again").await;
    let asked = place.sim().requests();
    let asked = asked.iter().filter(|request| request.path == ROTATE);
    assert_eq!(asked.count(), 1, "the host was asked once");
    browser.is_content(&[]).await;
    browser.close().await;
    place.close().await;
}
