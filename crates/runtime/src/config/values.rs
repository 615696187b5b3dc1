//! From a text to a value, or to what is wrong with it.

use std::path::PathBuf;
use std::time::Duration;

use org_core::host::HostUrl;
use org_core::oauth::ClientId;
use secrecy::SecretString;
use url::Url;

use super::keys::Key;
use super::{LogFormat, LogLevel, OauthClient, ProxyConfig, VaultKey};

/// A text, with the directory that its relative paths begin at.
pub(super) struct Written<'a> {
    pub(super) key: &'static Key,
    pub(super) text: &'a str,
    /// `None` where relative paths begin where the program was started.
    pub(super) directory: Option<PathBuf>,
}

/// What is wrong, without the setting's name.
pub(super) type Parsed<T> = Result<T, String>;

pub(super) fn path(text: &Written<'_>) -> Parsed<PathBuf> {
    resolve(text, text.text)
}

pub(super) fn vault_key(text: &Written<'_>) -> Parsed<VaultKey> {
    match text.text.split_once(':') {
        None if text.text == "generated-file" => Ok(VaultKey::GeneratedFile),
        Some(("file", path)) => resolve(text, path).map(VaultKey::File),
        Some(("passphrase-file", path)) => resolve(text, path).map(VaultKey::PassphraseFile),
        // Not repeated: somebody may have put the passphrase itself here.
        _ => Err(format!("write {}", text.key.takes)),
    }
}

pub(super) fn proxy(text: &Written<'_>) -> Parsed<ProxyConfig> {
    match text.text {
        "environment" => return Ok(ProxyConfig::Environment),
        "none" => return Ok(ProxyConfig::None),
        _ => {}
    }
    let is_proxy = Url::parse(text.text)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if is_proxy {
        Ok(ProxyConfig::Url(SecretString::from(text.text)))
    } else {
        // Not repeated: it may hold a password.
        Err(format!("write {}", text.key.takes))
    }
}

/// The fields of an application, as written; in the environment there is one text for all of them.
#[derive(Debug, Default)]
pub(super) struct WrittenClient {
    pub(super) host: Option<String>,
    pub(super) client: Option<String>,
    pub(super) secret_file: Option<String>,
    /// What was found wrong with it so far.
    pub(super) problems: Vec<String>,
}

impl WrittenClient {
    /// `HOST CLIENT_ID [file:CLIENT_SECRET_FILE]`. Neither a host nor a client id has a space, so that what follows them is a path with whatever it
    /// has, and no address needs quotes.
    pub(super) fn from_text(text: &str) -> Parsed<Self> {
        let next = |text: &str| -> (Option<String>, String) {
            let text = text.trim();
            let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
            let word = (!word.is_empty()).then(|| word.to_owned());
            (word, rest.trim().to_owned())
        };
        let (host, rest) = next(text);
        let (client, rest) = next(&rest);
        let secret_file = match rest.strip_prefix("file:") {
            Some(path) => Some(path.to_owned()),
            None if rest.is_empty() => None,
            // Not repeated: somebody may have put the secret itself here.
            None => {
                return Err(
                    "behind the client id only `file:CLIENT_SECRET_FILE` is expected".to_owned(),
                );
            }
        };
        Ok(Self {
            host,
            client,
            secret_file,
            problems: Vec::new(),
        })
    }

    /// The application, or all that is wrong with it.
    pub(super) fn parse(&self, text: &Written<'_>) -> Result<OauthClient, Vec<String>> {
        let mut problems = self.problems.clone();
        let missing = |field: &str| format!("its {field} is missing");
        // Whether plain http is allowed is decided where an organization is added; this only names the host.
        let host = self
            .host
            .as_deref()
            .ok_or_else(|| missing("host"))
            .and_then(|host| host.parse::<HostUrl>().map_err(|error| error.to_string()));
        let client = self
            .client
            .as_deref()
            .ok_or_else(|| missing("client id"))
            .and_then(|client| {
                client
                    .parse::<ClientId>()
                    .map_err(|error| error.to_string())
            });
        let host = host.map_err(|problem| problems.push(problem)).ok();
        let client = client.map_err(|problem| problems.push(problem)).ok();
        let secret_file = match &self.secret_file {
            Some(path) => resolve(text, path)
                .map_err(|problem| problems.push(format!("its client secret file: {problem}")))
                .ok(),
            None => None,
        };
        match (host, client) {
            (Some(host), Some(client)) if problems.is_empty() => Ok(OauthClient {
                host,
                client,
                secret_file,
            }),
            _ => Err(problems),
        }
    }
}

pub(super) fn duration(text: &Written<'_>) -> Parsed<Duration> {
    let value = parse_duration(text.text).ok_or_else(|| {
        format!(
            "`{}` is not a duration; write a whole number and its unit, like 500ms, 30s, 5m or 2h",
            text.text
        )
    })?;
    within(text, value, parse_duration)
}

pub(super) fn count(text: &Written<'_>) -> Parsed<u64> {
    let value = text
        .text
        .parse()
        .map_err(|_| format!("`{}` is not a whole number", text.text))?;
    within(text, value, |text| text.parse().ok())
}

pub(super) fn log_level(text: &Written<'_>) -> Parsed<LogLevel> {
    use LogLevel::{Debug, Error, Info, Off, Trace, Warn};
    let levels = [Off, Error, Warn, Info, Debug, Trace];
    let found = levels.into_iter().find(|level| level.word() == text.text);
    found.ok_or_else(|| one_of(text))
}

pub(super) fn log_format(text: &Written<'_>) -> Parsed<LogFormat> {
    match text.text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(one_of(text)),
    }
}

pub(super) fn one_of(text: &Written<'_>) -> String {
    format!("`{}` is none of {}", text.text, text.key.takes)
}

fn resolve(text: &Written<'_>, path: &str) -> Parsed<PathBuf> {
    if path.is_empty() {
        return Err("the path is empty".to_owned());
    }
    if path == "~" || path.starts_with("~/") {
        return Err(format!(
            "`{path}`: `~` is not replaced here; write the whole path"
        ));
    }
    Ok(match &text.directory {
        Some(directory) => directory.join(path),
        None => PathBuf::from(path),
    })
}

fn within<T: PartialOrd>(
    text: &Written<'_>,
    value: T,
    parse: impl Fn(&str) -> Option<T>,
) -> Parsed<T> {
    let Some((least, most)) = text.key.bounds else {
        return Ok(value);
    };
    let fits = parse(least).is_none_or(|least| value >= least)
        && parse(most).is_none_or(|most| value <= most);
    if fits {
        Ok(value)
    } else {
        Err(format!("`{}` is not from {least} to {most}", text.text))
    }
}

fn parse_duration(text: &str) -> Option<Duration> {
    let unit = text.find(|character: char| !character.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit);
    let number: u64 = number.parse().ok()?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        _ => return None,
    };
    Some(Duration::from_millis(number.checked_mul(milliseconds)?))
}
