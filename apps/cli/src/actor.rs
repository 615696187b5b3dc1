//! Who runs the program: the one place that asks the operating system.

use std::os::unix::fs::MetadataExt;

use org_core::event::Actor;

/// The person at this terminal, by the name that the system knows. It says who asked and proves nothing: whoever can run the program can read
/// its data directory anyway.
pub(crate) fn current() -> Actor {
    let named = ["USER", "LOGNAME"]
        .into_iter()
        .filter_map(|variable| std::env::var(variable).ok())
        .find(|name| !name.trim().is_empty());
    Actor::Person(named.unwrap_or_else(by_number))
}

fn by_number() -> String {
    match std::fs::metadata("/proc/self") {
        Ok(process) => format!("uid {}", process.uid()),
        Err(_) => "unknown".to_owned(),
    }
}
