//! Chromium's driver, as a program of the test.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Map, Value, json};

/// Name the driver and the browser; without them Debian's own are taken.
const DRIVER: &str = "FORGEHOLD_CHROMEDRIVER";
const CHROMIUM: &str = "FORGEHOLD_CHROMIUM";

/// A driver that runs until it is dropped.
pub(crate) struct Driver {
    child: Child,
    pub(crate) url: String,
}

fn program(variable: &str, usual: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    let found = named.unwrap_or_else(|| PathBuf::from(usual));
    found.is_file().then_some(found)
}

impl Driver {
    /// `None` where there is no Chromium, which only CI takes for a failure.
    #[expect(
        clippy::disallowed_methods,
        clippy::print_stdout,
        reason = "the browser under test is started here, or it is told that there is none"
    )]
    pub(crate) fn start() -> Option<Self> {
        let Some(driver) = program(DRIVER, "/usr/bin/chromedriver") else {
            assert!(
                std::env::var_os("CI").is_none_or(|ci| ci != "true"),
                "there is no chromedriver; install Debian's chromium and chromium-driver, or name it in {DRIVER}"
            );
            println!("left out: there is no chromedriver, and {DRIVER} names none");
            return None;
        };
        let mut child = Command::new(driver)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the driver starts");
        let output = child.stdout.take().expect("its output is piped");
        let port = BufReader::new(output)
            .lines()
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, rest) = line.split_once("started successfully on port ")?;
                rest.trim_end_matches('.').parse::<u16>().ok()
            })
            .expect("the driver says where it listens");
        Some(Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
        })
    }

    /// What the browser shall be: without a window, without traffic of its own, with a profile of its own.
    pub(crate) fn wanted(profile: &Path) -> Map<String, Value> {
        let profile = format!("--user-data-dir={}", profile.display());
        let args = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--no-proxy-server",
            // What slides in is not displayed at first, and WebDriver reads no text of what is not displayed.
            "--force-prefers-reduced-motion",
            "--window-size=1360,900",
            "--lang=en-US",
            &profile,
        ];
        // The driver would switch off what blocks windows that nobody clicked for; people have it on.
        let mut options = json!({ "args": args, "excludeSwitches": ["disable-popup-blocking"] });
        if let Some(chromium) = program(CHROMIUM, "/usr/bin/chromium") {
            options["binary"] = json!(chromium);
        }
        let wanted = json!({
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        });
        match wanted {
            Value::Object(map) => map,
            _ => unreachable!("it is an object"),
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It ends its browsers with itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
