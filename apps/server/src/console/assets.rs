//! The files of the console, inside of the program. Their addresses hold a part of their digest, so that a browser keeps them for good and yet never
//! shows an old one.

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};

use crate::api::problem::Problem;
use crate::state::AppState;

/// A file of the console.
#[derive(Debug)]
struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
    url: String,
}

macro_rules! assets {
    ($($name:literal as $kind:literal),+ $(,)?) => {
        [$(($name, $kind, include_bytes!(concat!("../../static/", $name)) as &'static [u8])),+]
    };
}

const CSS: &str = "app.css";
const SCRIPT: &str = "app.js";
const THEME: &str = "theme.js";
const HTMX: &str = "vendor/htmx.min.js";
const ICONS: &str = "icons.svg";
const MARK: &str = "mark.svg";

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let files = assets![
        "app.css" as "text/css; charset=utf-8",
        "app.js" as "text/javascript; charset=utf-8",
        "theme.js" as "text/javascript; charset=utf-8",
        "vendor/htmx.min.js" as "text/javascript; charset=utf-8",
        "icons.svg" as "image/svg+xml",
        "mark.svg" as "image/svg+xml",
    ];
    files
        .into_iter()
        .map(|(name, kind, bytes)| Asset {
            name,
            kind,
            bytes,
            url: format!("/static/{}/{name}", digest(bytes)),
        })
        .collect()
});

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .take(8)
        .fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a text takes any text");
            text
        })
}

fn url(name: &str) -> &'static str {
    let found = ASSETS.iter().find(|asset| asset.name == name);
    &found.expect("each name is in the list above").url
}

/// The addresses that pages name: a value, so that a template has them as a field.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Assets;

#[expect(clippy::unused_self, reason = "templates ask a field, not a type")]
impl Assets {
    pub(crate) fn css(self) -> &'static str {
        url(CSS)
    }

    pub(crate) fn script(self) -> &'static str {
        url(SCRIPT)
    }

    pub(crate) fn theme(self) -> &'static str {
        url(THEME)
    }

    pub(crate) fn htmx(self) -> &'static str {
        url(HTMX)
    }

    pub(crate) fn icons(self) -> &'static str {
        url(ICONS)
    }

    pub(crate) fn mark(self) -> &'static str {
        url(MARK)
    }
}

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/static/{*path}", get(file))
}

async fn file(Path(path): Path<String>) -> Response {
    let wanted = format!("/static/{path}");
    if let Some(asset) = ASSETS.iter().find(|asset| asset.url == wanted) {
        let headers = [
            (CONTENT_TYPE, asset.kind),
            (CACHE_CONTROL, "public, max-age=31536000, immutable"),
        ];
        return (headers, asset.bytes).into_response();
    }

    let message = "there is no such file; load the page again";
    Problem::new(StatusCode::NOT_FOUND, "not_found", message).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is taken from elsewhere is what was looked at: a changed byte is a decision, with a new digest here.
    #[test]
    fn what_is_from_elsewhere_is_unchanged() {
        let file = |name: &str| {
            ASSETS
                .iter()
                .find(|asset| asset.name == name)
                .expect("it is listed")
        };
        let full = Sha256::digest(file(HTMX).bytes)
            .iter()
            .fold(String::new(), |mut text, byte| {
                write!(text, "{byte:02x}").expect("a text takes any text");
                text
            });
        assert_eq!(
            full,
            "5c57d9ce9972c4c0685c16d92310ad7d42c96a55cae6ce0b9012eda48248a8fe"
        );
    }

    #[test]
    fn no_file_names_another_host_to_load_from() {
        for asset in ASSETS.iter() {
            let text = String::from_utf8_lossy(asset.bytes);
            for loading in [
                "@import",
                "url(http",
                "url(//",
                "importScripts",
                "src=\"http",
            ] {
                assert!(!text.contains(loading), "{}: {loading}", asset.name);
            }
        }
    }
}
