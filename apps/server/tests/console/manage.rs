//! Settings, licenses, secrets, tokens, reconnecting and removing.

use super::place::Place;

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_changed_and_refused_at_their_fields() {
    let place = Place::open().await;
    let Some(browser) = place.signed_in().await else {
        return;
    };
    let organization = place.connect(&browser).await;
    let url = format!("/organizations/{}", organization.id);
    browser.goto(&format!("{url}/settings")).await;
    assert_eq!(browser.value("#name").await, "acme");
    assert_eq!(browser.value("#sync-every").await, "6h");
    browser.fill("#sync-every", "1m").await;
    browser.find("#preview .field-error").await;
    browser.press("Save").await;
    browser.find("#sync-every[aria-invalid='true']").await;
    assert_eq!(browser.value("#sync-every").await, "1m");
    browser.click("#scope-chosen").await;
    browser.fill("textarea#group", "acme/nowhere").await;
    browser.fill("#sync-every", "12h").await;
    browser.press("Save").await;
    browser.sees("There is no group “acme/nowhere”").await;
    browser.find("textarea#group[aria-invalid='true']").await;
    browser.is_accessible("settings, refused").await;
    // Groups are found with what the organization has in the password manager.
    browser.fill("textarea#group", "").await;
    browser.fill("#group_search", "acm").await;
    browser.click("#group-results input[value='acme']").await;
    browser.fill("#group_search", "no such thing").await;
    browser
        .find("#group-results input[value='acme']:checked")
        .await;
    browser.fill("#name", "acme corp").await;
    browser.click("#auto_license").await;
    browser.press("Save").await;
    browser.sees("The settings are saved").await;
    let changed = place.organization().await;
    assert_eq!(changed.name.as_str(), "acme corp");
    assert_eq!(changed.settings.schedule.to_text(), "every 43200s");
    assert_eq!(
        changed.settings.scope.to_string(),
        "acme and the personal namespace"
    );

    // The same page, opened before somebody else saved theirs.
    browser.goto(&format!("{url}/settings")).await;
    let patch = org_core::use_cases::manage::SettingsPatch {
        name: Some("acme inc".to_owned()),
        ..Default::default()
    };
    let actor = org_core::event::Actor::Person("bob".to_owned());
    org_core::use_cases::manage::edit(place.ports(), changed, &patch, &actor)
        .await
        .expect("the name is free");
    browser.fill("#sync-every", "24h").await;
    browser.press("Save").await;
    browser
        .sees("Somebody else changed the settings while you did")
        .await;
    browser
        .is_accessible("settings that somebody else changed")
        .await;
    assert_eq!(place.organization().await.name.as_str(), "acme inc");
    assert_eq!(browser.value("#sync-every").await, "24h");
    browser.press("Save").await;
    browser.sees("The settings are saved").await;
    assert_eq!(place.organization().await.name.as_str(), "acme corp");

    browser.press("Pause").await;
    browser.sees("The organization is paused").await;
    assert!(!browser.has("Sync now").await);
    browser.press("Resume").await;
    browser.sees("followed again").await;
    browser.is_content(&[]).await;
    browser.close().await;
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_gets_another_token_and_goes() {
    let place = Place::open().await;
    let Some(browser) = place.signed_in().await else {
        return;
    };
    let organization = place.connect(&browser).await;
    let url = format!("/organizations/{}", organization.id);
    browser.goto(&format!("{url}/permissions")).await;
    browser.sees("Granted").await;
    browser.press("Reconnect").await;
    browser.press("Reconnect").await;
    browser.find("#token[aria-invalid='true']").await;
    browser.is_accessible("reconnecting, refused").await;
    // Bob sees nothing of what is known, so a person has to agree.
    browser.fill("#login", "bob").await;
    let of_bob = place.sim().tokens()[2].value.clone();
    browser.fill("#token", &of_bob).await;
    browser.click("form button.primary").await;
    browser.sees("sees none of the 29 known repositories").await;
    browser.press("Change the settings and try again").await;
    browser.arrives(&format!("{url}/reconnect")).await;
    browser.fill("#token", place.sim().token()).await;
    browser.click("form button.primary").await;
    browser.sees("Its first sync has ended").await;
    let counts = place
        .ports()
        .inventory
        .counts(organization.id)
        .await
        .expect("a count");
    assert_eq!(counts.repositories, 29);

    browser.goto(&format!("{url}/remove")).await;
    browser.fill("#confirm", "acm").await;
    browser.press("Remove the organization").await;
    browser.find("#confirm[aria-invalid='true']").await;
    assert_eq!(browser.value("#confirm").await, "acm");
    browser.is_accessible("removing, refused").await;
    browser.fill("#confirm", "acme").await;
    browser.press("Remove the organization").await;
    browser.sees("Its history stays").await;
    browser.sees("No organization yet").await;
    assert!(place.ports().vault.list().await.expect("a list").is_empty());
    browser.goto("/history").await;
    browser.sees("Organization removed").await;
    browser.is_accessible("the history").await;
    browser.is_content(&[]).await;
    browser.close().await;
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_tried_before_they_are_saved_and_seats_run_short() {
    let place = Place::open().await;
    let Some(browser) = place.signed_in().await else {
        return;
    };
    let organization = place.connect(&browser).await;
    browser.goto("/licenses").await;
    browser.sees("Change a rule").await;
    browser
        .fill(
            "#policy",
            "exclude group acme/platform\nexclude archived\ninclude all",
        )
        .await;
    browser.sees("0 more let in, 1 more kept out").await;
    browser.sees("acme/platform/core").await;
    browser.is_accessible("a policy, tried").await;
    // Each line that is wrong is told.
    browser
        .fill("#policy", "exclude sometimes\ninclude everything")
        .await;
    browser.press("Save the policy").await;
    browser.sees("Line 1:").await;
    browser.sees("Line 2:").await;
    browser.fill("#policy", "include everything").await;
    browser.sees("is not a known condition").await;
    browser.press("Save the policy").await;
    browser.find("#policy[aria-invalid='true']").await;
    assert_eq!(browser.value("#policy").await, "include everything");
    browser
        .fill(
            "#policy",
            "exclude group acme/platform\nexclude archived\ninclude all",
        )
        .await;
    browser.press("Save the policy").await;
    browser.sees("The policy is saved").await;

    // Somebody else changes the rules meanwhile: nothing of theirs is lost unseen.
    browser.goto("/licenses").await;
    let theirs = "exclude fork\ninclude all".parse().expect("rules");
    let actor = org_core::event::Actor::Person("bob".to_owned());
    org_core::use_cases::licenses::set_policy(place.ports(), &theirs, &actor)
        .await
        .expect("they are set");
    browser.fill("#policy", "include all").await;
    browser.press("Save the policy").await;
    browser
        .sees("Somebody else changed the rules while you did")
        .await;
    browser
        .is_accessible("rules that somebody else changed")
        .await;
    assert_eq!(
        place.ports().licenses.policy().await.expect("a store"),
        theirs
    );
    assert_eq!(browser.value("#policy").await, "include all");
    browser
        .fill(
            "#policy",
            "exclude group acme/platform\nexclude archived\ninclude all",
        )
        .await;
    browser.press("Save the policy").await;
    browser.sees("The policy is saved").await;

    browser.fill("#seats", "3").await;
    browser.press("Change").await;
    browser.sees("so the pool cannot shrink to 3").await;
    browser.find("#seats[aria-invalid='true']").await;
    browser.fill("#seats", "28").await;
    browser.press("Change").await;
    browser.sees("The number of seats is changed").await;
    // The archived one asks for a seat, and there is none.
    browser
        .goto(&format!(
            "/organizations/{}/repositories?lifecycle=archived",
            organization.id
        ))
        .await;
    browser.click("#results a.strong").await;
    browser.press("Assign a license").await;
    browser.sees("No seat is free").await;
    browser.goto("/licenses?show=waiting").await;
    browser.sees("acme/old").await;
    browser.is_accessible("who waits").await;
    browser.is_content(&[]).await;
    browser.close().await;
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_go_in_and_tokens_are_shown_once() {
    const SECRET: &str = "glpat-planted7Qx2mVw9Zk4TnB";
    let place = Place::open().await;
    let Some(browser) = place.signed_in().await else {
        return;
    };
    browser.goto("/secrets").await;
    browser.sees("No secret yet").await;
    browser.press("Add a secret").await;
    browser.fill("#name", "not a name").await;
    browser.fill("#token", SECRET).await;
    browser.click("form.stack button.primary").await;
    browser.find("#name[aria-invalid='true']").await;
    assert_eq!(browser.value("#name").await, "not a name");
    assert!(
        !browser
            .client()
            .source()
            .await
            .expect("a source")
            .contains(SECRET)
    );
    browser.fill("#name", "gitlab-backup").await;
    browser.fill("#token", place.sim().token()).await;
    browser.click("form.stack button.primary").await;
    browser.sees("The secret is in the password manager").await;

    // It connects an organization, and then cannot be removed; rotating it is another version.
    browser.goto("/organizations/add").await;
    browser.fill("#host", place.sim().url()).await;
    browser.fill("#name", "acme").await;
    browser.click("#with_token").await;
    browser.fill("#login", "alice").await;
    browser.click("#token-saved").await;
    browser.click("[data-proceed]").await;
    browser.sees("Its first sync has ended").await;
    browser.goto("/secrets").await;
    browser.sees("acme").await;
    assert!(
        !browser
            .is_there("a[href='/secrets/gitlab%2Dbackup/remove']")
            .await
    );
    browser.press("Rotate").await;
    browser.fill("#token", place.sim().token()).await;
    browser.press("Rotate the secret").await;
    browser.sees("The secret has its new value").await;
    browser.is_accessible("the secrets").await;

    browser.goto("/tokens").await;
    browser.press("New API token").await;
    browser.fill("#name", "").await;
    browser.fill("#expires_in_days", "soon").await;
    browser.press("Make the token").await;
    browser.find("#expires_in_days[aria-invalid='true']").await;
    browser.fill("#name", "nightly").await;
    browser.fill("#expires_in_days", "30").await;
    browser.press("Make the token").await;
    browser.sees("Copy it now").await;
    let token = browser.text("#issued").await;
    assert!(token.starts_with("fgh_"), "{token}");
    // Loading the page again sends the form again, which makes no second one.
    browser.client().refresh().await.expect("it loads again");
    browser.sees("This token was made already").await;
    browser.is_accessible("a token that was made already").await;
    browser.press("To the list").await;
    browser.goto("/tokens").await;
    browser.sees("nightly").await;
    assert!(
        !browser
            .client()
            .source()
            .await
            .expect("a source")
            .contains(&token)
    );
    // Nothing goes before somebody confirmed it.
    browser.press("Revoke nightly").await;
    browser.sees("It cannot be brought back").await;
    browser.is_accessible("revoking an API token").await;
    browser.press("Cancel").await;
    browser.press("Revoke nightly").await;
    browser.press("Revoke the token").await;
    browser.sees("The API token is revoked").await;
    browser.is_content(&[]).await;
    browser.close().await;
    place.close().await;
}
