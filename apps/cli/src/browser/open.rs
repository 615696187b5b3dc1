//! The person's browser: whether there is one, and opening it.

use std::ffi::OsString;

use webbrowser::{Browser, BrowserOptions};

/// Whether a browser can be opened on this machine so that the person sees it.
pub(crate) fn is_possible() -> bool {
    is_possible_with(|name| std::env::var_os(name))
}

/// `BROWSER` is a person's own wish. Without it a desktop is needed, and over SSH it would be the desktop of another machine than the person's.
fn is_possible_with(variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    if set("BROWSER") {
        return true;
    }
    if ["SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT"]
        .into_iter()
        .any(set)
    {
        return false;
    }
    cfg!(target_os = "macos")
        || ["DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"]
            .into_iter()
            .any(set)
}

/// Opens `address` in the browser. One that runs in the terminal keeps this waiting until it ends, so this is for a thread of its own.
pub(crate) fn open(address: &str) -> std::io::Result<()> {
    let mut options = BrowserOptions::new();
    options.with_suppress_output(true);
    webbrowser::open_browser_with_options(Browser::Default, address, &options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(environment: &[(&str, &str)], expected: bool) {
        let found = is_possible_with(|name| {
            let found = environment.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        });
        assert_eq!(found, expected, "{environment:?}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_browser_needs_a_desktop_at_the_person_s_own_machine_or_a_wish() {
        check(&[], false);
        check(&[("DISPLAY", "")], false);
        check(&[("DISPLAY", ":0")], true);
        check(&[("WAYLAND_DISPLAY", "wayland-0")], true);
        check(
            &[("DISPLAY", "localhost:10.0"), ("SSH_TTY", "/dev/pts/1")],
            false,
        );
        check(
            &[("SSH_CONNECTION", "1 2 3 4"), ("BROWSER", "code --open")],
            true,
        );
    }
}
