//! The first run, signing in and out, errors as pages.

use super::Browser;
use super::place::{NAME, PASSWORD, Place};

#[tokio::test(flavor = "multi_thread")]
async fn the_first_administrator_is_made_with_the_code_and_signs_in_again() {
    let place = Place::open().await;
    let Some(browser) = Browser::open(&place).await else {
        return;
    };
    browser.goto("/organizations").await;
    browser.arrives("/first-run").await;

    // Each mistake stands at its field, and what was typed stays, but for passwords.
    browser.fill("#code", "aaaa-bbbb-cccc-dddd").await;
    browser.fill("#name", NAME).await;
    browser.fill("#password", PASSWORD).await;
    browser.fill("#again", PASSWORD).await;
    browser.click("button.primary").await;
    browser
        .find("#code[aria-invalid='true'][aria-describedby~='code-error']")
        .await;
    assert_eq!(browser.value("#name").await, NAME);
    assert_eq!(browser.value("#password").await, "");
    browser.is_accessible("first run, refused").await;

    // All of them are told at once.
    browser.fill("#name", "not a name").await;
    browser.fill("#password", "short").await;
    browser.fill("#again", "other").await;
    browser.click("button.primary").await;
    browser.sees("4 fields need another look").await;
    for field in ["#code", "#name", "#password", "#again"] {
        let refused = format!("{field}[aria-invalid='true']");
        browser.find(&refused).await;
    }

    let spaced = place.code().to_uppercase().replace('-', "  ");
    browser.fill("#code", &spaced).await;
    browser.fill("#name", NAME).await;
    browser.fill("#password", "short").await;
    browser.fill("#again", "short").await;
    browser.click("button.primary").await;
    browser.sees("1 field needs another look").await;
    browser.find("#password[aria-invalid='true']").await;
    browser.fill("#password", PASSWORD).await;
    browser.fill("#again", "another one entirely").await;
    browser.click("button.primary").await;
    browser.find("#again[aria-invalid='true']").await;

    place.set_up(&browser).await;
    browser.is_accessible("the empty dashboard").await;
    browser.click("form[action='/sign-out'] button").await;
    browser.arrives("/sign-in").await;
    browser.goto("/first-run").await;
    browser.arrives("/sign-in").await;

    browser.goto("/history").await;
    browser.arrives("/sign-in?next=").await;
    browser.fill("#name", NAME).await;
    browser.fill("#password", "not the password").await;
    browser.click("button.primary").await;
    browser.sees("The name or the password is wrong").await;
    assert_eq!(browser.value("#name").await, NAME);
    browser.is_accessible("sign-in, refused").await;
    browser.fill("#password", PASSWORD).await;
    browser.click("button.primary").await;
    browser.arrives("/history").await;
    browser.is_content(&[]).await;
    browser.close().await;
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_pages_that_say_what_to_do() {
    let place = Place::open().await;
    let Some(browser) = place.signed_in().await else {
        return;
    };
    browser.goto("/no/such/page").await;
    browser.sees("Not found").await;
    let id = browser.text("main code").await;
    assert_eq!(id.len(), 32, "{id}");
    browser.is_accessible("404").await;
    browser
        .goto("/organizations/0192f0c1-2345-7000-8000-000000000001")
        .await;
    browser.sees("There is no organization").await;

    // Somebody who may only look is told so, in words.
    browser.goto("/users/add").await;
    browser.fill("#name", "vera").await;
    browser.fill("#password", PASSWORD).await;
    browser.click("button.primary").await;
    browser.sees("The account is made").await;
    browser.click("form[action='/sign-out'] button").await;
    browser.fill("#name", "vera").await;
    browser.fill("#password", PASSWORD).await;
    browser.click("button.primary").await;
    browser.sees("Connect your first organization").await;
    assert!(
        !browser.is_there("a[href='/organizations/add']").await
            || !browser.has("Add organization").await
    );
    browser.goto("/organizations/add").await;
    browser.sees("Not allowed").await;
    browser.is_accessible("403").await;
    browser.close().await;
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_alone_is_enough() {
    use fantoccini::key::Key;

    let place = Place::open().await;
    let Some(browser) = place.signed_in().await else {
        return;
    };
    let press = |key: String| {
        let browser = &browser;
        async move {
            let active = browser
                .client()
                .active_element()
                .await
                .expect("something has the focus");
            active.send_keys(&key).await.expect("it takes keys");
        }
    };
    browser.goto("/organizations").await;
    // The first stop is the link that skips the navigation, and it can be seen.
    press(Key::Tab.to_string()).await;
    let first = browser
        .run("return document.activeElement.textContent")
        .await;
    assert_eq!(first, "Skip to the content");
    let top = browser
        .run("return document.activeElement.getBoundingClientRect().top")
        .await;
    assert_eq!(top.as_f64(), Some(0.0));
    press(Key::Enter.to_string()).await;
    let main = browser.run("return location.hash").await;
    assert_eq!(main, "#content");
    press(Key::Tab.to_string()).await;
    let next = browser
        .run("return document.activeElement.getAttribute('href')")
        .await;
    assert_eq!(next, "/organizations/add");
    press(Key::Enter.to_string()).await;
    browser.arrives("/organizations/add").await;

    // The aside keeps the focus, every stop in it can be seen, and Escape leaves it.
    browser.find(".aside").await;
    for _ in 0..60 {
        press(Key::Tab.to_string()).await;
        let inside = browser
            .run("return !!document.activeElement.closest('.aside')")
            .await;
        assert_eq!(
            inside,
            true,
            "{}",
            browser.run("return document.activeElement.outerHTML").await
        );
    }
    press(Key::Escape.to_string()).await;
    browser.find("#organizations").await;
    let gone = browser.run("return location.pathname").await;
    assert_eq!(gone, "/organizations");
    browser.close().await;
    place.close().await;
}
