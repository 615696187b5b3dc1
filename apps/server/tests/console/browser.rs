//! A browser, as a person uses it: look for something with a deadline, click, type, read.

use std::time::Duration;

use axum::http::Method;
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::driver::Driver;
use super::place::Place;

/// How long a test waits for something that must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How often it looks.
const LOOK: Duration = Duration::from_millis(50);

/// A Chromium with a driver of its own.
pub(crate) struct Browser {
    client: Client,
    base: String,
    _profile: TempDir,
    _driver: Driver,
}

/// What the driver can be asked beyond the standard.
#[derive(Debug)]
enum Extra {
    Log(&'static str),
    DevTools(&'static str, Value),
}

impl WebDriverCompatibleCommand for Extra {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        let session = session.unwrap_or_default();
        let path = match self {
            Self::Log(_) => "se/log",
            Self::DevTools(..) => "goog/cdp/execute",
        };
        base.join(&format!("session/{session}/{path}"))
    }

    fn method_and_body(&self, _: &url::Url) -> (Method, Option<String>) {
        let body = match self {
            Self::Log(kind) => json!({ "type": kind }),
            Self::DevTools(command, params) => json!({ "cmd": command, "params": params }),
        };
        (Method::POST, Some(body.to_string()))
    }
}

impl Browser {
    /// `None` where there is no Chromium.
    pub(crate) async fn open(place: &Place) -> Option<Self> {
        let driver = Driver::start()?;
        let profile = tempfile::tempdir().expect("a folder");
        let client = ClientBuilder::rustls()
            .expect("a client for the driver")
            .capabilities(Driver::wanted(profile.path()))
            .connect(&driver.url)
            .await
            .expect("a browser");
        Some(Self {
            client,
            base: place.url().to_owned(),
            _profile: profile,
            _driver: driver,
        })
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) async fn goto(&self, path: &str) {
        let url = format!("{}{path}", self.base.trim_end_matches('/'));
        self.client.goto(&url).await.expect("the page loads");
    }

    pub(crate) async fn path(&self) -> String {
        let url = self.client.current_url().await.expect("an address");
        match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        }
    }

    /// The element, once it is there.
    #[track_caller]
    pub(crate) fn find<'a>(&'a self, css: &'a str) -> impl Future<Output = Element> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            match self.look(Locator::Css(css)).await {
                Ok(element) => element,
                Err(error) => panic!("{caller}: no {css}: {error}\n{}", self.page().await),
            }
        }
    }

    /// The driver breaks off a look during which the page goes away, and then the next page is looked at.
    async fn look(&self, locator: Locator<'_>) -> Result<Element, CmdError> {
        loop {
            let wait = self.client.wait().at_most(PATIENCE).every(LOOK);
            match wait.for_element(locator).await {
                Err(CmdError::NotW3C(said)) if said == "aborted by navigation" => {}
                found => return found,
            }
        }
    }

    /// All that a person could read now.
    pub(crate) async fn page(&self) -> String {
        let text = self
            .run("return location.href + '\\n' + document.body.innerText")
            .await;
        text.as_str().unwrap_or_default().to_owned()
    }

    pub(crate) async fn run(&self, script: &str) -> Value {
        self.client
            .execute(script, Vec::new())
            .await
            .expect("the script runs")
    }

    /// Waits until the page says so.
    #[track_caller]
    pub(crate) fn sees<'a>(&'a self, text: &'a str) -> impl Future<Output = ()> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let seen = tokio::time::timeout(PATIENCE, async {
                while !self.has(text).await {
                    tokio::task::yield_now().await;
                }
            });
            let seen = seen.await.is_ok();
            assert!(
                seen,
                "{caller}: never saw {text:?} on\n{}",
                self.page().await
            );
        }
    }

    pub(crate) async fn has(&self, text: &str) -> bool {
        self.page().await.contains(text)
    }

    /// Waits until the address has this path.
    #[track_caller]
    pub(crate) fn arrives<'a>(&'a self, path: &'a str) -> impl Future<Output = ()> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let arrived = tokio::time::timeout(PATIENCE, async {
                while !self.path().await.starts_with(path) {
                    tokio::task::yield_now().await;
                }
            });
            let arrived = arrived.await.is_ok();
            assert!(
                arrived,
                "{caller}: never arrived at {path}, but is at\n{}",
                self.page().await
            );
        }
    }

    pub(crate) async fn click(&self, css: &str) {
        let element = self.find(css).await;
        // Into the middle of the page, where nothing that sticks to its edges lies above it.
        let center = "arguments[0].scrollIntoView({block: 'center'})";
        let argument = serde_json::to_value(&element).expect("an element");
        self.client
            .execute(center, vec![argument])
            .await
            .expect("it scrolls");
        element
            .click()
            .await
            .unwrap_or_else(|error| panic!("{css} cannot be clicked: {error}"));
    }

    /// Clicks what has this text.
    pub(crate) async fn press(&self, text: &str) {
        let path = format!(
            "//*[self::a or self::button or self::summary][contains(normalize-space(.), '{text}')]"
        );
        match self.look(Locator::XPath(&path)).await {
            Ok(element) => element
                .click()
                .await
                .unwrap_or_else(|error| panic!("{text}: {error}")),
            Err(error) => panic!("no {text:?}: {error}\n{}", self.page().await),
        }
    }

    /// Types into a field, in place of what stands there.
    pub(crate) async fn fill(&self, css: &str, text: &str) {
        let field = self.find(css).await;
        field
            .clear()
            .await
            .unwrap_or_else(|error| panic!("{css} cannot be emptied: {error}"));
        field
            .send_keys(text)
            .await
            .unwrap_or_else(|error| panic!("{css} takes no text: {error}"));
    }

    pub(crate) async fn value(&self, css: &str) -> String {
        let field = self.find(css).await;
        field
            .prop("value")
            .await
            .expect("a value")
            .unwrap_or_default()
    }

    pub(crate) async fn text(&self, css: &str) -> String {
        self.find(css).await.text().await.expect("a text")
    }

    /// Whether there is such an element now.
    pub(crate) async fn is_there(&self, css: &str) -> bool {
        let all = self.client.find_all(Locator::Css(css)).await;
        !all.expect("a list").is_empty()
    }

    /// Fails when the browser complained, or when anything was asked of another host than these.
    #[track_caller]
    pub(crate) fn is_content<'a>(&'a self, hosts: &'a [&'a str]) -> impl Future<Output = ()> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let complaints = self.log("browser").await;
            let complaints: Vec<&Value> = complaints
                .iter()
                // A refused form is answered with 4xx on purpose, and the browser notes that.
                .filter(|entry| entry["source"] != "network")
                .filter(|entry| entry["level"] == "SEVERE" || entry["level"] == "WARNING")
                .collect();
            assert!(
                complaints.is_empty(),
                "{caller}: the browser complains: {complaints:#?}"
            );
            let own = url::Url::parse(&self.base).expect("an address");
            let mut allowed = vec![authority(&own)];
            for host in hosts {
                allowed.push(authority(&url::Url::parse(host).expect("an address")));
            }
            for entry in self.log("performance").await {
                let text = entry["message"].as_str().unwrap_or_default();
                let message: Value = serde_json::from_str(text).unwrap_or_default();
                if message["message"]["method"] != "Network.requestWillBeSent" {
                    continue;
                }
                let url = message["message"]["params"]["request"]["url"]
                    .as_str()
                    .unwrap_or_default();
                let Ok(url) = url::Url::parse(url) else {
                    continue;
                };
                if matches!(url.scheme(), "http" | "https" | "ws" | "wss") {
                    assert!(
                        allowed.contains(&authority(&url)),
                        "{caller}: a request to {url}"
                    );
                }
            }
        }
    }

    async fn log(&self, kind: &'static str) -> Vec<Value> {
        let answer = self
            .client
            .issue_cmd(Extra::Log(kind))
            .await
            .expect("a log");
        answer.as_array().cloned().unwrap_or_default()
    }

    /// Asks the browser itself.
    pub(crate) async fn devtools(&self, command: &'static str, params: Value) -> Value {
        let answer = self
            .client
            .issue_cmd(Extra::DevTools(command, params))
            .await;
        answer.expect("an answer of the browser")
    }

    /// Fails on any serious finding of axe-core on the page as it is.
    #[track_caller]
    pub(crate) fn is_accessible<'a>(&'a self, name: &'a str) -> impl Future<Output = ()> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            const AXE: &str = include_str!("../vendor/axe.min.js");
            self.client
                .execute(AXE, Vec::new())
                .await
                .expect("axe loads");
            let script = "const done = arguments[arguments.length - 1]; \
                          axe.run({resultTypes: ['violations']}).then((result) => done(result.violations), (error) => done(String(error)))";
            let found = self
                .client
                .execute_async(script, Vec::new())
                .await
                .expect("axe runs");
            let all = found
                .as_array()
                .unwrap_or_else(|| panic!("{caller}: axe failed on {name}: {found}"));
            let serious: Vec<String> = all
                .iter()
                .filter(|one| matches!(one["impact"].as_str(), Some("serious" | "critical")))
                .map(|one| {
                    let nodes = one["nodes"].as_array().cloned().unwrap_or_default();
                    let nodes: Vec<String> = nodes
                        .iter()
                        .take(5)
                        .map(|node| format!("{} {}", node["html"], node["failureSummary"]))
                        .collect();
                    format!("{}: {}\n  {}", one["id"], one["help"], nodes.join("\n  "))
                })
                .collect();
            assert!(
                serious.is_empty(),
                "{caller}: {name}:\n{}",
                serious.join("\n")
            );
        }
    }

    pub(crate) async fn close(self) {
        let _ = self.client.close().await;
    }
}

fn authority(url: &url::Url) -> String {
    format!(
        "{}:{}",
        url.host_str().unwrap_or_default(),
        url.port_or_known_default().unwrap_or(0)
    )
}
