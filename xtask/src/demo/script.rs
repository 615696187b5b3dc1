//! What is shown, in its order.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::browser::Browser;
use super::forgehold::Forgehold;
use super::simulator::{PASSWORD, Simulator};
use crate::ui;

/// The group that is connected; the simulator's own generated groups are below it.
pub(super) const GROUP: &str = "acme";

/// The group that is connected by a sign-in.
const SIGNED_IN: &str = "globex";

/// The id of the application at the simulator.
const CLIENT: &str = "forgehold-demo";

/// Answers the redirect URI that the host knows Forgehold by at the terminal.
pub(super) fn play(forgehold: Forgehold, simulator: &Simulator) -> Result<String> {
    by_token(&forgehold, simulator)?;
    by_sign_in(forgehold, simulator)
}

fn by_token(forgehold: &Forgehold, simulator: &Simulator) -> Result<()> {
    ui::heading("A corner of the host that we know by name, among a few hundred others");
    apply(simulator, &corner())?;

    ui::heading("What would be covered? Nothing is stored yet");
    let url = simulator.url();
    let add = add_command(url, &simulator.login);
    let check: Vec<&str> = add.iter().copied().chain(["--check"]).collect();
    forgehold.run_with_input(&check, &simulator.token)?;

    ui::heading("Connecting the organization, with every setting");
    forgehold.run_with_input(&add, &simulator.token)?;
    forgehold.run(&["schedule", "preview", "--organization", GROUP])?;
    tables(forgehold)?;

    ui::heading("Somebody works at the host");
    apply(simulator, &a_day_of_work())?;

    ui::heading("Synchronizing again");
    forgehold.run(&["org", "sync", GROUP])?;
    forgehold.run(&["repo", "list", "--path", "shop", "--presence", "any"])?;
    forgehold.run(&["sync", "list"])?;

    ui::heading("What happened, and why each of them has a license or not");
    for repository in [
        "acme/shop/gift-cards",
        "acme/shop/cart",
        "acme/back-office/checkout",
        "acme/shop/legacy-fax",
    ] {
        forgehold.run(&["repo", "show", repository])?;
        forgehold.run(&["repo", "why", repository])?;
    }
    forgehold.run(&["license", "status"])?;
    forgehold.run(&["events", "--limit", "12"])?;

    ui::heading("The host replaces the access token by a new one");
    forgehold.run(&["org", "rotate-token", GROUP, "--days", "90"])
}

/// The host is signed in to by a person with a browser, as long as that lasts; and it hears when that is over.
fn by_sign_in(forgehold: Forgehold, simulator: &Simulator) -> Result<String> {
    ui::heading("Signing in instead: first an application must be registered at the host");
    let mut add = vec!["org", "add", "gitlab", "--host", simulator.url()];
    add.extend(["--group", SIGNED_IN, "--no-personal", "--no-browser"]);
    let told = forgehold.refusal(&add)?;
    let (_, rest) = told
        .split_once("exactly the redirect URI ")
        .context("it does not tell what to register")?;
    let redirect = rest.split(',').next().unwrap_or_default();
    simulator.change(&json!({"do": "add_application", "application": {
        "name": "Forgehold", "client_id": CLIENT, "redirect_uris": [redirect],
        "scopes": ["read_api", "read_user", "read_repository"],
    }}))?;
    let client = format!("{} {CLIENT}", simulator.url());
    ui::say(format_args!(
        "\n$ export FORGEHOLD_OAUTH__CLIENTS='{client}'"
    ));
    let forgehold = forgehold.with_env("FORGEHOLD_OAUTH__CLIENTS", &client);

    ui::heading("A person signs in at the host's own pages and agrees");
    forgehold.run_with_visit(&add, |address| {
        let title = Browser::default().sign_in(address, &simulator.login, PASSWORD)?;
        ui::say(format_args!("  the browser shows: {title}"));
        Ok(())
    })?;
    forgehold.run(&["org", "list"])?;

    ui::heading("Removing it takes back what was granted");
    let before = simulator.revocations()?;
    forgehold.run(&["org", "remove", SIGNED_IN, "--confirm", SIGNED_IN])?;
    let ended = simulator.revocations()? - before;
    ensure!(ended == 1, "the host ended {ended} grants");
    ui::say(format_args!("  the host has ended {ended} grant"));
    Ok(redirect.to_owned())
}

fn add_command<'a>(url: &'a str, login: &'a str) -> Vec<&'a str> {
    let mut command = vec![
        "org",
        "add",
        "gitlab",
        "--host",
        url,
        "--login",
        login,
        "--token-stdin",
    ];
    command.extend(["--group", GROUP, "--no-personal", "--protect-groups"]);
    command.extend(["--auto-license", "--license-existing", "matching"]);
    command.extend(["--sync-at", "06:00,18:00", "--zone", "Europe/Warsaw"]);
    command.extend(["--weekdays", "mon,tue,wed,thu,fri"]);
    command
}

fn tables(forgehold: &Forgehold) -> Result<()> {
    forgehold.run(&["org", "list"])?;
    forgehold.run(&["org", "show", GROUP])?;
    forgehold.run(&["group", "list"])?;
    forgehold.run(&["repo", "list", "--limit", "12"])?;
    forgehold.run(&["repo", "list", "--path", "shop"])?;
    forgehold.run(&["license", "status"])
}

fn corner() -> Vec<(&'static str, Value)> {
    vec![
        (
            "two groups",
            json!({"do": "create_group", "parent": GROUP, "path": "shop"}),
        ),
        (
            "",
            json!({"do": "create_group", "parent": GROUP, "path": "back-office"}),
        ),
        ("three repositories", project("acme/shop", "basket")),
        ("", project("acme/shop", "checkout")),
        ("", project("acme/shop", "legacy-fax")),
    ]
}

fn a_day_of_work() -> Vec<(&'static str, Value)> {
    vec![
        (
            "a new repository: acme/shop/gift-cards",
            project("acme/shop", "gift-cards"),
        ),
        (
            "a rename: acme/shop/basket is now acme/shop/cart",
            json!({"do": "rename_project", "project": "acme/shop/basket", "path": "cart"}),
        ),
        (
            "a transfer: acme/shop/checkout goes to acme/back-office",
            json!({"do": "transfer_project", "project": "acme/shop/checkout", "to": "acme/back-office"}),
        ),
        (
            "a deletion: acme/shop/legacy-fax",
            json!({"do": "delete_project", "project": "acme/shop/legacy-fax"}),
        ),
    ]
}

fn project(namespace: &str, path: &str) -> Value {
    json!({"do": "create_project", "namespace": namespace, "path": path})
}

fn apply(simulator: &Simulator, changes: &[(&str, Value)]) -> Result<()> {
    for (what, change) in changes {
        if !what.is_empty() {
            ui::say(format_args!("  {what}"));
        }
        simulator.change(change)?;
    }
    Ok(())
}
