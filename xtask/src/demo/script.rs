//! What is shown, in its order.

use anyhow::Result;
use serde_json::json;

use super::forgehold::Forgehold;
use super::simulator::Simulator;
use crate::ui;

pub(super) fn play(forgehold: &Forgehold, simulator: &Simulator) -> Result<()> {
    ui::heading("Connecting the organization");
    let url = simulator.url();
    let add = [
        "org",
        "add",
        "gitlab",
        "--host",
        &url,
        "--login",
        &simulator.login,
        "--token-stdin",
        "--group",
        "acme",
        "--personal",
        "--protect-groups",
        "--auto-license",
        "--license-existing",
        "matching",
        "--sync-at",
        "06:00,18:00",
        "--zone",
        "Europe/Warsaw",
        "--weekdays",
        "mon,tue,wed,thu,fri",
    ];
    let check: Vec<&str> = add.iter().copied().chain(["--check"]).collect();
    forgehold.run_with_input(&check, &simulator.token)?;
    forgehold.run_with_input(&add, &simulator.token)?;
    show(forgehold)?;

    ui::heading("Somebody changes things at the host");
    simulator.change(
        "a new repository: acme/brand-new",
        &json!({"do": "create_project", "namespace": "acme", "path": "brand-new"}),
    )?;
    forgehold.run(&["org", "sync", "acme"])?;

    ui::heading("What happened, and why");
    show(forgehold)?;
    forgehold.run(&["repo", "why", "acme/brand-new"])?;
    forgehold.run(&["events"])
}

/// The tables.
fn show(forgehold: &Forgehold) -> Result<()> {
    forgehold.run(&["org", "list"])?;
    forgehold.run(&["org", "show", "acme"])?;
    forgehold.run(&["group", "list"])?;
    forgehold.run(&["repo", "list"])?;
    forgehold.run(&["license", "status"])?;
    forgehold.run(&["sync", "list"])
}
