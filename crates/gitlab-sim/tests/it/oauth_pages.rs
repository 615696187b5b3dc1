//! The pages: they work as plain forms, keep other sites out and let nothing through unescaped.

use gitlab_sim::{ApplicationSpec, GitlabSim};

use crate::browser::{Browser, form, forms};
use crate::client::Reply;
use crate::oauth::{CALLBACK, PASSWORD, PUBLIC, address, builder, query, started};

async fn consent(sim: &GitlabSim, browser: &mut Browser, changes: &[(&str, &str)]) -> Reply {
    browser
        .open_signed_in(&address(sim, changes), "alice", PASSWORD)
        .await
}

#[tokio::test]
async fn a_wrong_password_and_a_blocked_or_missing_person_do_not_get_in() {
    let sim = builder()
        .token(gitlab_sim::TokenSpec::group(
            "acme",
            gitlab_sim::Role::Owner,
        ))
        .start()
        .await
        .unwrap();
    sim.world()
        .change(|world| world.block_user("carol"))
        .unwrap();
    let carol = sim.oauth().password("carol").unwrap();
    let bot = sim.tokens()[0].username.clone();
    assert!(sim.oauth().password(&bot).is_err());
    let mut browser = Browser::of(&sim);
    let page = browser.open("/users/sign_in").await;
    let empty = form(&page, "Sign in");
    for (login, password, words) in [
        ("alice", "wrong", "Invalid login or password."),
        ("alice", "", "Invalid login or password."),
        ("nobody", PASSWORD, "Invalid login or password."),
        (&bot, "", "Invalid login or password."),
        ("carol", carol.expose(), "Your account has been blocked."),
    ] {
        let filled = empty
            .clone()
            .with("user[login]", login)
            .with("user[password]", password);
        let reply = browser.submit(&filled).await;
        assert_eq!(reply.status, 422, "{login}");
        assert!(reply.text.contains(words), "{login}: {}", reply.text);
        assert!(reply.text.contains("role=\"alert\""));
    }
    let filled = empty
        .with("user[login]", "Alice")
        .with("user[password]", PASSWORD);
    let before = browser.cookie.clone();
    assert_eq!(browser.submit(&filled).await.status, 302);
    assert_ne!(browser.cookie, before, "a planted session is worth nothing");
    let welcome = browser.open("/users/sign_in").await;
    assert!(
        welcome
            .text
            .contains("You are signed in as <strong>alice</strong>")
    );
    browser.submit(&form(&welcome, "Sign out")).await;
    assert!(
        browser
            .open("/users/sign_in")
            .await
            .text
            .contains("user_password")
    );
    let mut old = Browser::of(&sim);
    old.cookie = before;
    assert!(
        old.open("/users/sign_in")
            .await
            .text
            .contains("user_password")
    );
}

#[tokio::test]
async fn forms_of_other_sites_are_refused() {
    let sim = started().await;
    let mut alice = Browser::of(&sim);
    let page = consent(&sim, &mut alice, &[]).await;
    let mut mallory = Browser::of(&sim);
    let own = mallory.open("/users/sign_in").await;
    let foreign = form(&own, "Sign in").fields["authenticity_token"].clone();
    let good = form(&page, "Authorize</button>");
    for forged in [
        good.clone().without("authenticity_token"),
        good.clone().with("authenticity_token", ""),
        good.clone().with("authenticity_token", &foreign),
    ] {
        let reply = alice.submit(&forged).await;
        assert_eq!(reply.status, 422);
        assert!(reply.header("location").is_none());
    }
    // With the right token and no cookie it is nobody's.
    assert_eq!(Browser::of(&sim).submit(&good).await.status, 422);
    let sign_in = form(&own, "Sign in")
        .with("user[login]", "alice")
        .with("user[password]", PASSWORD);
    assert_eq!(Browser::of(&sim).submit(&sign_in).await.status, 422);
    assert_eq!(alice.submit(&good).await.status, 302);
}

#[tokio::test]
async fn a_form_that_was_changed_on_its_way_is_checked_again() {
    let sim = started().await;
    let mut browser = Browser::of(&sim);
    let page = consent(&sim, &mut browser, &[]).await;
    let good = form(&page, "Authorize</button>");
    let evil = good.clone().with("redirect_uri", "https://evil.example/");
    let reply = browser.submit(&evil).await;
    assert_eq!(reply.status, 400);
    assert!(reply.header("location").is_none());
    assert!(reply.text.contains("invalid_redirect_uri"));
    let denied = form(&page, "Deny</button>").with("redirect_uri", "https://evil.example/");
    assert!(browser.submit(&denied).await.header("location").is_none());
    let wide = browser.submit(&good.clone().with("scope", "sudo")).await;
    assert_eq!(
        query(wide.header("location").unwrap())["error"],
        "invalid_scope"
    );
    let bare = browser.submit(&good.without("code_challenge")).await;
    assert_eq!(
        query(bare.header("location").unwrap())["error"],
        "invalid_request"
    );
}

#[tokio::test]
async fn the_way_back_from_the_sign_in_is_always_a_page_of_ours() {
    let sim = started().await;
    for path in [
        "//oauth/authorize?client_id=x",
        "/oauth//authorize?client_id=x",
        "/oauth/authorize?return_to=https://evil.example",
        "/oauth/authorize?user_return_to=//evil.example",
        "/oauth/device?user_code=//evil.example",
    ] {
        let mut browser = Browser::of(&sim);
        let sent = browser.open(path).await;
        assert_eq!(sent.header("location"), Some("/users/sign_in"), "{path}");
        let page = browser
            .open("/users/sign_in?return_to=https://evil.example")
            .await;
        let filled = form(&page, "Sign in")
            .with("user[login]", "alice")
            .with("user[password]", PASSWORD)
            .with("return_to", "https://evil.example");
        let back = browser.submit(&filled).await;
        let goal = back.header("location").unwrap();
        assert!(
            goal.starts_with("/oauth/authorize?") || goal.starts_with("/oauth/device?"),
            "{path}: {goal}"
        );
    }
}

#[tokio::test]
async fn hostile_parameters_and_names_are_escaped() {
    let sim = started().await;
    let hostile = "\"><script>alert(1)</script><b x='";
    let spec = ApplicationSpec::public(hostile, CALLBACK).client_id("hostile");
    sim.oauth().add_application(&spec).unwrap();
    let changes = [
        ("client_id", "hostile"),
        ("state", hostile),
        ("root_namespace_id", hostile),
    ];
    let mut browser = Browser::of(&sim);
    let page = consent(&sim, &mut browser, &changes).await;
    assert_eq!(page.status, 200);
    assert!(!page.text.contains("<script"), "{}", page.text);
    assert!(page.text.contains("&lt;script&gt;"));
    let approved = form(&page, "Authorize</button>");
    assert_eq!(approved.fields["state"], hostile, "it comes through whole");
    let goal = browser.submit(&approved).await;
    assert_eq!(query(goal.header("location").unwrap())["state"], hostile);
    for path in [
        format!("/oauth/authorize?client_id={hostile}"),
        format!("/oauth/device?user_code={hostile}"),
    ] {
        let page = browser
            .open(&path.replace('<', "%3C").replace('"', "%22"))
            .await;
        assert!(!page.text.contains("<script"), "{}", page.text);
    }
    let page = browser.open("/oauth/device").await;
    let echoed = form(&page, "Continue").with("user_code", hostile);
    let page = browser.submit(&echoed).await;
    assert!(page.status == 422 && !page.text.contains("<script"));
}

#[tokio::test]
async fn a_page_is_plain_labelled_and_cannot_be_framed() {
    let sim = builder().prefix("/gitlab").start().await.unwrap();
    let mut browser = Browser::of(&sim);
    let sent = browser.open(&address(&sim, &[])).await;
    assert_eq!(sent.header("location"), Some("/gitlab/users/sign_in"));
    let cookie = sent.header("set-cookie").unwrap();
    assert!(
        cookie.contains("; Path=/gitlab; HttpOnly; SameSite=Lax"),
        "{cookie}"
    );
    let sign_in = browser.open("/gitlab/users/sign_in").await;
    let page = consent(&sim, &mut browser, &[]).await;
    for page in [&sign_in, &page] {
        assert_eq!(page.header("x-frame-options"), Some("DENY"));
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert!(
            page.header("content-security-policy")
                .unwrap()
                .contains("frame-ancestors 'none'")
        );
        assert!(page.text.contains("<html lang=\"en\">") && page.text.contains("<main>"));
        assert!(page.text.contains("<h1>") && !page.text.contains("<script"));
        for form in forms(page) {
            assert!(form.fields.contains_key("authenticity_token"));
            assert!(form.text.contains("type=\"submit\""));
            let shown = form.text.matches("<input type=\"text\"").count()
                + form.text.matches("<input type=\"password\"").count();
            assert_eq!(form.text.matches("<label for=").count(), shown);
        }
    }
    assert!(!page.text.contains("administrator"));
    let root = sim.oauth().password("root").unwrap();
    let mut browser = Browser::of(&sim);
    let page = browser
        .open_signed_in(&address(&sim, &[]), "root", root.expose())
        .await;
    assert!(page.text.contains("You are an administrator"));
}

#[tokio::test]
async fn mistakes_without_a_safe_address_are_shown() {
    let sim = started().await;
    let mut browser = Browser::of(&sim);
    let page = consent(
        &sim,
        &mut browser,
        &[("redirect_uri", "https://evil.example/")],
    )
    .await;
    assert_eq!(page.status, 400);
    assert!(
        page.text
            .contains("doesn&#39;t match the client redirect URI"),
        "{}",
        page.text
    );
    let page = browser
        .open(&address(&sim, &[("client_id", "nobody")]))
        .await;
    assert_eq!(page.status, 401);
    let page = browser.open(&address(&sim, &[("client_id", "")])).await;
    assert!(page.status == 400 && page.text.contains("parameter: client_id."));
    let sent = browser
        .open(&address(&sim, &[("scope", "sudo"), ("client_id", PUBLIC)]))
        .await;
    assert_eq!(
        query(sent.header("location").unwrap())["error"],
        "invalid_scope"
    );
}
