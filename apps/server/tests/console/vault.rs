//! The password manager: what a secret is, whether its host takes it, and new tokens.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use gitlab_sim::{Fault, FaultKind, World};
use secrecy::ExposeSecret;
use serde_json::json;
use tempfile::TempDir;

use super::bao::{self, Bao};
use super::place::{Place, company};

/// A server that keeps its secrets in its own vault, and knows that of the company too.
pub(crate) async fn with_two_vaults(world: World) -> Option<(Place, Bao, TempDir)> {
    let bao = Bao::start(bao::program()?).await;
    let value = json!({"data": {"token": "glpat-of-the-company", "user": "ci"}});
    bao.put("secret/data/ci/gitlab", value).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    fs::write(&file, bao::ROOT).expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("it is ours");
    let settings = [
        ("FORGEHOLD_OPENBAO__ADDRESS", bao.address.as_str()),
        ("FORGEHOLD_OPENBAO__AUTH", "token"),
        (
            "FORGEHOLD_OPENBAO__TOKEN_FILE",
            file.to_str().expect("a path"),
        ),
    ];
    let place = Place::configured(world, &settings).await;
    Some((place, bao, folder))
}

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
        // A page that was refused already looks like the one that is waited for.
        browser.goto(&format!("{url}/rotate-token")).await;
        browser.fill("#days", mistake).await;
        browser.click("form.stack button.primary").await;
        browser.find("#days[aria-invalid='true']").await;
        assert_eq!(browser.value("#days").await, mistake);
    }
    browser.fill("#days", "30").await;
    browser.click("form.stack button.primary").await;
    browser.sees("The host has replaced the token").await;
    // The same page, as another tab has it that was opened before that.
    browser.goto(&format!("{url}/rotate-token")).await;
    let asked = place.sim().requests().len();
    browser
        .run("document.querySelector('[name=seen]').value = '1'")
        .await;
    browser.click("form.stack button.primary").await;
    browser
        .sees("The organization was changed since this page was opened")
        .await;
    assert_eq!(
        place.sim().requests().len(),
        asked,
        "the host is left alone"
    );
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

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_may_not_rotate_itself_is_told_which_scope_is_missing() {
    let place = Place::open().await;
    let Some(browser) = place.signed_in().await else {
        return;
    };
    let narrow = place.sim().tokens()[3].value.clone();
    browser.goto("/organizations/add").await;
    browser.fill("#host", place.sim().url()).await;
    browser.fill("#name", "acme").await;
    browser.click("#with_token").await;
    browser.fill("#login", "alice").await;
    browser.fill("#token", &narrow).await;
    browser.click("[data-proceed]").await;
    browser.sees("Its first sync has ended").await;
    let organization = place.organization().await;
    let page = format!("/organizations/{}/rotate-token", organization.id);
    browser.goto(&page).await;
    browser.click("form.stack button.primary").await;
    browser.sees("lacks a scope").await;
    browser.sees("self_rotate").await;
    assert!(!browser.is_there("#days[aria-invalid='true']").await);
    browser.is_accessible("a rotation, refused").await;
    // The token that there was is there still.
    let kept = place.ports().vault.get(organization.auth.secret()).await;
    let (_, value) = kept.expect("a vault").expect("the token");
    assert_eq!(value.expose_secret(), narrow);
    browser.is_content(&[]).await;
    browser.close().await;
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_of_the_company_is_linked_and_ours_is_moved_there() {
    let Some((place, bao, _folder)) = with_two_vaults(company(3)).await else {
        return;
    };
    let Some(browser) = place.signed_in().await else {
        return;
    };
    browser.goto("/secrets").await;
    browser.press("Link a secret").await;
    browser.is_accessible("linking a secret").await;
    // Every mistake stands at its field, and what was typed is kept.
    for (field, value, others) in [
        ("path", "../gitlab", [("name", "ci"), ("key", "token")]),
        (
            "name",
            "not a name",
            [("path", "ci/gitlab"), ("key", "token")],
        ),
        ("key", "", [("name", "ci"), ("path", "ci/gitlab")]),
    ] {
        browser.goto("/secrets/link").await;
        browser.fill(&format!("#{field}"), value).await;
        for (name, value) in others {
            browser.fill(&format!("#{name}"), value).await;
        }
        browser.press("Link the secret").await;
        browser
            .find(&format!("#{field}[aria-invalid='true']"))
            .await;
        assert_eq!(browser.value(&format!("#{field}")).await, value);
        browser.is_accessible("linking, refused").await;
    }
    browser.goto("/secrets/link").await;
    browser.fill("#name", "ci").await;
    browser.fill("#path", "ci/gitlab").await;
    browser.fill("#key", "nowhere").await;
    browser.click("#vault option[value='openbao']").await;
    browser.press("Link the secret").await;
    browser.sees("nowhere").await;
    browser.fill("#key", "token").await;
    browser.press("Link the secret").await;
    browser.sees("The secret is linked").await;
    browser.press("ci").await;
    browser.sees("secret/ci/gitlab").await;
    assert!(!browser.is_there("#move-title").await);

    // One of ours goes there, and is used from there on.
    let organization = place.connect(&browser).await;
    let kept = place.ports().vault.look(organization.auth.secret()).await;
    let facts = kept.expect("a vault").expect("the token");
    browser.goto(&format!("/secrets/{}/show", facts.name)).await;
    browser.click("#vault option[value='openbao']").await;
    browser.press("Move it").await;
    browser.sees("moved").await;
    browser.is_accessible("a secret, moved").await;
    let kept = place.ports().vault.look(facts.reference).await;
    let moved = kept.expect("a vault").expect("the token");
    assert_eq!(moved.vault.as_str(), "openbao");
    let url = format!("/organizations/{}", organization.id);
    browser.goto(&url).await;
    browser.press("Sync now").await;
    place.synced(organization.id, 2).await;

    // The company's server is gone: pages say so, and nothing is lost.
    drop(bao);
    browser.goto(&format!("/secrets/{}/show", facts.name)).await;
    browser.sees("The vault openbao is away").await;
    browser.sees("The vault cannot be reached").await;
    browser.is_accessible("a vault that is away").await;
    browser.goto("/secrets").await;
    browser
        .sees("The secrets of the vault openbao are not in this list")
        .await;
    browser.is_accessible("a list without a vault").await;
    browser.goto("/").await;
    browser.sees("Vault openbao").await;
    browser.sees("see that the server runs").await;
    assert!(!browser.has("Nothing needs you").await);
    browser
        .is_accessible("a dashboard with a vault that is away")
        .await;
    browser.goto("/organizations/add").await;
    browser.find("#host").await;
    browser.is_content(&[]).await;
    browser.close().await;
    place.close().await;
}
