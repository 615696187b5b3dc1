//! Following an organization: repositories, timelines, syncs, and the sync that waits for a decision.

use gitlab_sim::GroupPatch;
use org_core::license::LicenseState;
use org_core::ports::{PresenceFilter, RepositoryFilter};

use super::place::{Place, company};

#[tokio::test(flavor = "multi_thread")]
async fn a_long_name_is_cut_and_moves_no_table_sideways() {
    let place = Place::open().await;
    let Some(browser) = place.signed_in().await else {
        return;
    };
    let organization = place.connect(&browser).await;
    let name = "an-organization-whose-name-is-as-long-as-names-of-organizations-ever-are";
    browser
        .goto(&format!("/organizations/{}/settings", organization.id))
        .await;
    browser.fill("#name", name).await;
    browser.press("Save").await;
    browser.sees("The settings are saved").await;
    let metrics = serde_json::json!({ "width": 1280, "height": 860, "deviceScaleFactor": 1, "mobile": false });
    browser
        .devtools("Emulation.setDeviceMetricsOverride", metrics)
        .await;
    browser.goto("/organizations").await;
    let link = format!("a[title='{name}']");
    browser.find(&link).await;
    let over = "const wrap = document.querySelector('.table-wrap'); return wrap.scrollWidth - wrap.clientWidth";
    assert_eq!(browser.run(over).await, 0, "nothing hangs over");
    // The history says what people call things, and not how they are numbered or recorded.
    browser.goto("/history").await;
    browser.sees("Login and token").await;
    browser.sees("acme/platform/core").await;
    assert!(!browser.has("access_token").await);
    assert!(!browser.has("Repository 1").await);
    browser.is_content(&[]).await;
    browser.close().await;
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repositories_are_searched_filtered_and_turned_over_by_the_server() {
    let place = Place::open_with(company(120), |_| {}).await;
    let Some(browser) = place.signed_in().await else {
        return;
    };
    let organization = place.connect(&browser).await;
    let own = format!("/organizations/{}/repositories", organization.id);
    browser.goto(&own).await;
    browser.sees("125 in all").await;
    let rows = || async {
        let all = browser
            .client()
            .find_all(fantoccini::Locator::Css("#results tbody tr"));
        all.await.expect("a list").len()
    };
    assert_eq!(rows().await, 50);
    browser.press("Next").await;
    browser.sees("service-099").await;
    browser.press("Next").await;
    browser.sees("globex").await;
    assert_eq!(rows().await, 25);
    browser.press("To the beginning").await;
    browser.find("#results a[rel='next']").await;

    // As one types, without leaving the page; the address says what is shown.
    browser.fill("#q", "SERVICE-01").await;
    browser.arrives(&format!("{own}?q=SERVICE-01")).await;
    browser
        .find("#results tbody tr:nth-child(10):last-child")
        .await;
    browser.fill("#q", "no_such%thing").await;
    browser.sees("Nothing fits").await;
    browser.is_accessible("a search that found nothing").await;
    browser
        .goto(&format!("{own}?lifecycle=archived&license=unlicensed"))
        .await;
    browser.find("#results tbody tr:only-child").await;
    browser.sees("Archived").await;

    // Another order, with the search kept, by the head of a column.
    browser.goto(&format!("{own}?q=service")).await;
    browser.find("th[aria-sort='ascending']").await;
    browser.press("Repository").await;
    browser.find("th[aria-sort='descending']").await;
    browser.sees("service-120").await;
    assert_eq!(browser.value("#q").await, "service");
    browser.press("Next").await;
    browser.sees("service-070").await;
    browser.press("Last activity").await;
    browser
        .find("th:nth-child(5)[aria-sort='descending']")
        .await;
    browser.is_accessible("a sorted list").await;
    browser.is_content(&[]).await;
    browser.close().await;
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_tells_its_story_and_why_it_is_licensed() {
    let place = Place::open().await;
    let Some(browser) = place.signed_in().await else {
        return;
    };
    let organization = place.connect(&browser).await;
    place
        .sim()
        .world()
        .change(|world| world.rename_project("acme/api", "gateway"))
        .expect("it is there");
    let url = format!("/organizations/{}", organization.id);
    browser.goto(&url).await;
    browser.press("Sync now").await;
    place.synced(organization.id, 2).await;
    browser.goto(&format!("{url}/repositories?q=gateway")).await;
    browser.click("#results a.strong").await;
    browser
        .sees("of the matching ones that were chosen the rule “include all” lets it in")
        .await;
    browser.sees("Repository renamed").await;
    browser.sees("acme/api").await;
    browser.press("Release the license").await;
    browser.sees("gave its license back").await;
    browser.sees("ada released it").await;
    browser.press("Assign a license").await;
    browser.sees("has a license now").await;
    browser.sees("ada assigned it").await;
    browser.goto(&format!("{url}/syncs")).await;
    browser.sees("1 renamed").await;
    browser.click("tbody tr:first-child a").await;
    browser.sees("What it saw and changed").await;
    browser.sees("Repository renamed").await;
    browser.is_accessible("a sync").await;
    browser.is_content(&[]).await;
    browser.close().await;
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_sync_waits_for_a_person() {
    let place = Place::open().await;
    let Some(browser) = place.signed_in().await else {
        return;
    };
    let organization = place.connect(&browser).await;
    let url = format!("/organizations/{}", organization.id);
    let hide = |hidden: bool| {
        let patch = GroupPatch {
            hidden: Some(hidden),
            ..GroupPatch::default()
        };
        place
            .sim()
            .world()
            .change(|world| world.edit_group("acme/many", patch))
            .expect("it is there");
    };
    let sync = |times| {
        let (browser, place, url) = (&browser, &place, &url);
        async move {
            browser.goto(url).await;
            browser.press("Sync now").await;
            place.synced(organization.id, times).await;
        }
    };
    hide(true);
    sync(2).await;
    browser.goto("/").await;
    browser.sees("which looks like a lost permission").await;
    browser
        .is_accessible("the dashboard with something to do")
        .await;
    browser.goto("/organizations").await;
    browser.sees("Action required").await;
    browser.is_accessible("the list with something to do").await;
    browser.press("Review").await;
    browser.sees("24 of 29 known repositories").await;
    browser.sees("acme/many/service-024").await;
    browser.is_accessible("a held sync").await;
    browser.press("Reject the sync").await;
    browser.sees("Everything stays as it was").await;
    let count = || async {
        let counts = place.ports().inventory.counts(organization.id).await;
        counts.expect("a count").repositories
    };
    assert_eq!(count().await, 29);

    // They come back, and later they are really gone.
    hide(false);
    sync(3).await;
    for number in 1..=24 {
        let path = format!("acme/many/service-{number:03}");
        place
            .sim()
            .world()
            .change(|world| world.delete_project(path.as_str()))
            .expect("it is there");
    }
    sync(4).await;
    browser.goto(&format!("{url}/held")).await;
    browser.press("Approve the sync").await;
    browser.sees("The held sync is approved").await;
    place.synced(organization.id, 5).await;
    assert_eq!(count().await, 5);
    let filter = RepositoryFilter {
        presence: PresenceFilter::Gone,
        license: Some(LicenseState::Licensed),
        ..RepositoryFilter::default()
    };
    let gone = place
        .ports()
        .inventory
        .repositories(&filter, None, 100)
        .await
        .expect("a page");
    assert_eq!(gone.items.len(), 24);
    browser
        .goto(&format!("{url}/repositories?presence=gone"))
        .await;
    browser.sees("Gone").await;
    browser.is_content(&[]).await;
    browser.close().await;
    place.close().await;
}
