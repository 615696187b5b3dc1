//! What a shell has to do with it: colors, help, completions, manual pages.

use crate::place::Place;
use crate::sim::Sim;

const COLOR: &str = "\u{1b}[";

#[test]
fn colors_are_written_where_they_are_wanted() {
    let check = |place: &Place, expected: bool| {
        let table = place.ok(&["license", "status"]);
        let error = place.run(&["org", "show", "nobody"]).stderr;
        let usage = place.run(&["nonsense"]).stderr;
        let help = place.ok(&["--help"]);
        assert!(!table.contains(COLOR), "fields have none: {table:?}");
        assert_eq!(error.contains(COLOR), expected, "{error:?}");
        assert_eq!(usage.contains(COLOR), expected, "{usage:?}");
        assert_eq!(help.contains(COLOR), expected, "{help:?}");
    };
    check(&Place::new(), false);
    check(&Place::new().env("CLICOLOR_FORCE", "1"), true);
    check(
        &Place::new().env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1"),
        false,
    );
    let forced = Place::new().env("CLICOLOR_FORCE", "1");
    forced.run_with(&["secret", "add", "one"], "x").ok();
    assert!(
        forced.ok(&["secret", "list"]).contains(COLOR),
        "headers have one"
    );
    assert!(!forced.ok(&["secret", "list", "--no-color"]).contains(COLOR));
    assert!(
        !forced
            .run(&["nonsense", "--no-color"])
            .stderr
            .contains(COLOR)
    );
    assert!(!forced.ok(&["secret", "list", "-o", "json"]).contains(COLOR));
}

#[test]
fn quiet_says_nothing_beside_the_data() {
    let (place, sim) = (Place::new(), Sim::company());
    assert_eq!(sim.connect(&place, &["--quiet"]).stderr, "");
    assert_eq!(
        place.run(&["org", "attempts", "-q", "--limit", "1"]).stderr,
        ""
    );
}

#[test]
fn verbose_logs_to_standard_error() {
    let (place, sim) = (Place::new(), Sim::company());
    let ran = sim.connect(&place, &["-vvv", "-o", "json"]);
    assert!(
        ran.stderr.contains(" TRACE ") || ran.stderr.contains(" DEBUG "),
        "{}",
        ran.stderr
    );
    ran.json();
}

#[test]
fn the_help_tells_the_exit_codes_and_how_to_sign_in() {
    let place = Place::new();
    let help = place.ok(&["--help"]);
    assert!(
        help.contains("  11  the sync waits for a decision"),
        "{help}"
    );
    let help = place.ok(&["org", "add", "gitlab", "--help"]);
    assert!(
        help.contains("By default you sign in at the host (single sign-on, SSO)"),
        "{help}"
    );
}

#[test]
fn every_shell_gets_completions() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.ok(&["completions", shell]);
        assert!(
            script.contains("forgehold") && script.contains("reconnect"),
            "{shell}"
        );
    }
    assert!(!place.data().exists(), "that needs no installation");
}

#[test]
fn every_command_gets_a_manual_page() {
    let place = Place::new();
    let page = place.ok(&["man"]);
    assert!(page.contains(".TH forgehold 1"), "{page}");
    assert!(page.contains("Exit codes"), "{page}");
    let dir = place.folder().join("man");
    place.ok(&["man", "--dir", dir.to_str().expect("text")]);
    for page in [
        "forgehold.1",
        "forgehold-org-add-gitlab.1",
        "forgehold-license-policy-test.1",
    ] {
        assert!(dir.join(page).exists(), "{page}");
    }
    let file = place.file("a-file", "");
    place.run(&["man", "--dir", &file]).code(5);
}

#[test]
fn a_schedule_is_tried_without_an_installation() {
    let place = Place::new();
    let shown = place.ok(&[
        "schedule",
        "preview",
        "--sync-at",
        "02:30",
        "--zone",
        "Europe/Warsaw",
        "--from",
        "2027-03-27T12:00:00Z",
        "--count",
        "2",
    ]);
    insta::assert_snapshot!(shown, @"
    Schedule:  at 02:30 Europe/Warsaw, every day
    Next runs                  UTC                   Clock change
    Sun 2027-03-28 03:00 CEST  2027-03-28T01:00:00Z  moved from 02:30 past the clock change
    Mon 2027-03-29 02:30 CEST  2027-03-29T00:30:00Z
    ");
    assert!(!place.data().exists());
    let wrong = place.run(&[
        "schedule",
        "preview",
        "--sync-at",
        "25:00",
        "--zone",
        "Mars",
    ]);
    insta::assert_snapshot!(wrong.code(2).stderr, @r#"
    error: 2 values are not right; nothing was changed
      --zone: there is no time zone "Mars"; write an IANA name such as Europe/Warsaw or UTC
      --sync-at: the hour of "25:00" is out of range; hours go from 00 to 23
    "#);
    let manual = place.json(&["schedule", "preview", "--sync-manual"]);
    assert_eq!(manual["runs"], serde_json::json!([]));
}
