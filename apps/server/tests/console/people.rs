//! People: their role, their account, and what they see of it.

use super::Browser;
use super::place::{PASSWORD, Place};

async fn sign_in(browser: &Browser, name: &str, password: &str) {
    browser.goto("/sign-in").await;
    browser.fill("#name", name).await;
    browser.fill("#password", password).await;
    browser.press("Sign in").await;
}

/// Opens the page of somebody in the list.
async fn open(browser: &Browser, name: &str) {
    browser.goto("/users").await;
    browser.press(&format!("Manage {name}")).await;
    browser.sees("Account").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_made_changed_closed_and_removed() {
    let place = Place::open().await;
    let Some(browser) = place.signed_in().await else {
        return;
    };
    let Some(other) = Browser::open(&place).await else {
        return;
    };
    browser.goto("/users/add").await;
    browser.fill("#name", "not a name").await;
    browser.fill("#password", "short").await;
    browser.press("Add the user").await;
    browser.find("#name[aria-invalid='true']").await;
    browser.find("#password[aria-invalid='true']").await;
    assert_eq!(browser.value("#name").await, "not a name");
    assert_eq!(browser.value("#password").await, "");
    browser.is_accessible("a user, refused").await;
    browser.fill("#name", "grace").await;
    browser.fill("#password", PASSWORD).await;
    browser.press("Add the user").await;
    browser.sees("The account is made").await;

    // A viewer looks, and is told where that ends.
    sign_in(&other, "grace", PASSWORD).await;
    other.sees("Dashboard").await;
    other.goto("/organizations/add").await;
    other.sees("administrator").await;
    other.is_accessible("a page for others").await;

    // Another role signs her out, so that no page of hers stands on the old one.
    open(&browser, "grace").await;
    browser.click("#role-administrator").await;
    browser.press("Change the role").await;
    browser.sees("The account is changed").await;
    other.goto("/organizations/add").await;
    other.arrives("/sign-in").await;
    sign_in(&other, "grace", PASSWORD).await;
    other.sees("Dashboard").await;
    other.goto("/organizations/add").await;
    other.find("#host").await;

    open(&browser, "grace").await;
    browser.press("Close the account").await;
    browser.sees("The account is changed").await;
    sign_in(&other, "grace", PASSWORD).await;
    other.find("[role='alert']").await;
    other.is_accessible("a refused sign-in").await;
    open(&browser, "grace").await;
    browser.press("Open it again").await;
    browser.sees("The account is changed").await;

    open(&browser, "grace").await;
    browser.press("Remove the account").await;
    browser.find("#confirm[aria-invalid='true']").await;
    browser
        .is_accessible("a removal that nobody confirmed")
        .await;
    browser.fill("#confirm", "grace").await;
    browser.press("Remove the account").await;
    browser.sees("The account is removed").await;
    // The address of a form that was refused leads to its page.
    browser.goto("/licenses/policy").await;
    browser.arrives("/licenses").await;
    browser.sees("What it would change").await;

    // The last administrator stays, whatever is pressed.
    for button in ["Close the account", "Remove the account"] {
        open(&browser, "ada").await;
        browser.fill("#confirm", "ada").await;
        browser.press(button).await;
        browser
            .sees("is the only administrator who can sign in")
            .await;
    }
    browser.is_accessible("the last administrator").await;
    browser.goto("/history").await;
    browser.sees("grace").await;
    for browser in [browser, other] {
        browser.is_content(&[]).await;
        browser.close().await;
    }
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_forgot_a_browser_signs_out_of_it_from_another_one() {
    let place = Place::open().await;
    let Some(browser) = place.signed_in().await else {
        return;
    };
    let Some(other) = Browser::open(&place).await else {
        return;
    };
    sign_in(&other, "ada", PASSWORD).await;
    other.sees("Dashboard").await;
    browser.goto("/account").await;
    browser.is_accessible("the own account").await;
    browser.press("Sign out everywhere else").await;
    browser.sees("You are signed in nowhere else").await;
    assert!(!browser.has("Sign out everywhere else").await);
    other.goto("/account").await;
    other.arrives("/sign-in").await;
    browser.is_content(&[]).await;
    browser.close().await;
    other.close().await;
    place.close().await;
}
