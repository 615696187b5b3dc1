//! Defaults, file and environment laid over each other, and what is read from them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Num, Tag, Value};
use figment::{Figment, Metadata, Profile, Provider, Source};

use super::error::{ConfigError, Mistake, Mistakes, Origin};
use super::keys::{self, DATA_DIR, KEYS, Key, PREFIX};
use super::values::{Parsed, Written, WrittenClient};
use super::{ConfigSources, OauthClient, implied_file};

/// The merged settings, and what was found wrong with them so far.
pub(super) struct Layers {
    figment: Figment,
    settings: Dict,
    /// The data directory as it was decided before the file was read, and by what.
    data_dir: (PathBuf, Origin),
    /// The file that was read without being named.
    implied: Option<PathBuf>,
    mistakes: Vec<Mistake>,
}

/// A layer whose values are all texts.
struct Texts {
    name: &'static str,
    settings: Dict,
}

const ENVIRONMENT: &str = "environment";

impl Provider for Texts {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.settings.clone()))
    }
}

impl Layers {
    pub(super) fn read(sources: &ConfigSources) -> Result<Self, ConfigError> {
        let mut mistakes = Vec::new();
        let environment = environment(sources, &mut mistakes);
        let (data_dir, implied) = (first_data_dir(sources), sources.file.is_none());
        let file = match (&sources.file, &data_dir) {
            (Some(file), _) => Some(file.clone()),
            (None, Some((data_dir, _))) => Some(implied_file(data_dir)),
            (None, None) => None,
        };
        let mut figment = Figment::from(Texts {
            name: "defaults",
            settings: defaults(),
        });
        let mut read = None;
        if let Some(file) = file
            && let Some(text) = read_file(&file, implied)?
        {
            figment = figment.merge(NamedToml {
                path: file.clone(),
                text,
            });
            read = Some(file);
        }
        figment = figment.merge(Texts {
            name: ENVIRONMENT,
            settings: environment,
        });
        let settings = figment.data().map_err(|error| ConfigError::Syntax {
            path: read.clone().unwrap_or_default(),
            detail: without_the_line(&error.kind.to_string()),
        })?;
        let settings = settings.get(&Profile::Default).cloned().unwrap_or_default();
        // Named here unless the file does it.
        let data_dir = match data_dir {
            Some(data_dir) => data_dir,
            None if settings.contains_key(DATA_DIR) => (PathBuf::new(), Origin::Default),
            None => return Err(ConfigError::NoDataDirectory),
        };
        let mut layers = Self {
            figment,
            settings,
            data_dir,
            implied: read.filter(|_| implied),
            mistakes,
        };
        layers.refuse_unknown(&layers.settings.clone(), "");
        Ok(layers)
    }

    /// All that was wrong, if anything was.
    pub(super) fn finish(mut self) -> Result<(), ConfigError> {
        if self.mistakes.is_empty() {
            return Ok(());
        }
        self.mistakes.sort();
        self.mistakes.dedup();
        Err(ConfigError::Mistakes(Mistakes(self.mistakes)))
    }

    /// The value of a setting; `None` after a mistake, which [`Layers::finish`] reports.
    pub(super) fn take<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&Written<'_>) -> Parsed<T>,
    ) -> Option<T> {
        let key = keys::find(name).expect("the table has every setting that is read");
        let value = self.value(name)?;
        let origin = self.origin(name, &value);
        let parsed = scalar(&value).and_then(|text| {
            parse(&Written {
                key,
                text: &text,
                directory: directory(&origin),
            })
        });
        self.note(name, origin, parsed)
    }

    /// The values of a setting that is a list.
    pub(super) fn take_list<T>(
        &mut self,
        name: &str,
        separator: char,
        parse: impl Fn(&Written<'_>) -> Parsed<T>,
    ) -> Option<Vec<T>> {
        let key = keys::find(name).expect("the table has every setting that is read");
        let value = self.value(name)?;
        let origin = self.origin(name, &value);
        let texts: Parsed<Vec<String>> = match &value {
            Value::Array(_, values) => values.iter().map(scalar).collect(),
            other => scalar(other).map(|text| {
                let parts = text.split(separator).filter(|part| !part.is_empty());
                parts.map(str::to_owned).collect()
            }),
        };
        let parsed = texts.and_then(|texts| {
            let parse = |text: &String| {
                parse(&Written {
                    key,
                    text,
                    directory: directory(&origin),
                })
            };
            texts.iter().map(parse).collect()
        });
        self.note(name, origin, parsed)
    }

    /// The applications for signing in. They are tables in a file, since each has names for its parts, and one text in the environment, which has no
    /// tables; the colons of addresses rule out `:` between two.
    pub(super) fn take_clients(&mut self, name: &str) -> Option<Vec<OauthClient>> {
        let key = keys::find(name).expect("the table has every setting that is read");
        let value = self.value(name)?;
        let origin = self.origin(name, &value);
        let (mut clients, mut problems) = (Vec::<OauthClient>::new(), Vec::new());
        for (number, written) in written_clients(&value, &mut problems) {
            let parsed = written.parse(&Written {
                key,
                text: "",
                directory: directory(&origin),
            });
            match parsed {
                Ok(client) if clients.iter().any(|other| other.host == client.host) => {
                    problems.push(format!(
                        "application {number}: {} has one already, and a host has no more than one",
                        client.host
                    ));
                }
                Ok(client) => clients.push(client),
                Err(more) => problems.extend(
                    more.iter()
                        .map(|problem| format!("application {number}: {problem}")),
                ),
            }
        }
        let answer = problems.is_empty().then_some(clients);
        for problem in problems {
            self.note::<()>(name, origin.clone(), Err(problem));
        }
        answer
    }

    /// The data directory: the argument, else the environment, else the file that was named, else the home directory.
    pub(super) fn data_dir(&mut self) -> Option<PathBuf> {
        let (decided, origin) = self.data_dir.clone();
        if origin == Origin::Argument || !self.settings.contains_key(DATA_DIR) {
            return Some(decided);
        }
        let chosen = self.take(DATA_DIR, super::values::path)?;
        let stands_in = self.origin(DATA_DIR, &self.value(DATA_DIR)?);
        match &self.implied {
            Some(file) if stands_in == Origin::File(file.clone()) => {
                let problem = "this file is found by the data directory, so it cannot say where that is; set FORGEHOLD_DATA_DIR";
                self.note::<PathBuf>(DATA_DIR, stands_in, Err(problem.to_owned()))
            }
            _ => Some(chosen),
        }
    }

    /// Puts down what is wrong with a setting in the light of others.
    pub(super) fn refuse(&mut self, name: &str, problem: String) {
        let origin = self
            .value(name)
            .map_or(Origin::Default, |value| self.origin(name, &value));
        self.note::<()>(name, origin, Err(problem));
    }

    fn note<T>(&mut self, key: &str, origin: Origin, parsed: Parsed<T>) -> Option<T> {
        parsed
            .map_err(|problem| {
                self.mistakes.push(Mistake {
                    origin,
                    key: key.to_owned(),
                    problem,
                });
            })
            .ok()
    }

    /// A setting as it was merged. A section that is no section was already refused.
    fn value(&self, name: &str) -> Option<Value> {
        let mut parts = name.split('.');
        let first = self.settings.get(parts.next()?)?;
        parts
            .try_fold(first, |value, part| value.as_dict()?.get(part))
            .cloned()
    }

    fn origin(&self, name: &str, value: &Value) -> Origin {
        match self.figment.get_metadata(innermost_tag(value)) {
            Some(metadata) => match &metadata.source {
                Some(Source::File(path)) => Origin::File(path.clone()),
                _ if metadata.name == ENVIRONMENT => Origin::Variable(variable(name)),
                _ => Origin::Default,
            },
            None => Origin::Default,
        }
    }

    fn refuse_unknown(&mut self, settings: &Dict, above: &str) {
        for (part, value) in settings {
            let name = match above {
                "" => part.clone(),
                above => format!("{above}.{part}"),
            };
            if keys::find(&name).is_some() {
                continue;
            }
            let section = format!("{name}.");
            let is_section = KEYS.iter().any(|key| key.name.starts_with(&section));
            let problem = match value {
                Value::Dict(_, inner) if is_section => {
                    self.refuse_unknown(inner, &name);
                    continue;
                }
                _ if is_section => "this is a section, not a setting".to_owned(),
                Value::Dict(_, inner) if !inner.is_empty() => {
                    self.refuse_unknown(inner, &name);
                    continue;
                }
                _ => unknown(&name),
            };
            let origin = self.origin(&name, value);
            self.note::<()>(&name, origin, Err(problem));
        }
    }
}

/// TOML from a text, under the name of its file.
struct NamedToml {
    path: PathBuf,
    text: String,
}

impl Provider for NamedToml {
    fn metadata(&self) -> Metadata {
        Metadata::from("configuration file", self.path.as_path())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Toml::string(&self.text).data()
    }
}

fn unknown(name: &str) -> String {
    match keys::nearest(name) {
        Some(near) => format!("there is no such setting; did you mean `{near}`?"),
        None => "there is no such setting; docs/configuration.md lists them all".to_owned(),
    }
}

fn defaults() -> Dict {
    let mut settings = Dict::new();
    for key in KEYS.iter().filter(|key| key.name != DATA_DIR) {
        insert(&mut settings, key.name, key.default);
    }
    settings
}

/// What the environment sets. A variable that begins like ours may be somebody else's: Kubernetes sets `FORGEHOLD_PORT` for a service of
/// that name. It is refused only if it names a section, or almost names a setting.
fn environment(sources: &ConfigSources, mistakes: &mut Vec<Mistake>) -> Dict {
    let mut settings = Dict::new();
    for (variable, value) in &sources.environment {
        let Some(rest) = variable
            .to_str()
            .and_then(|variable| variable.strip_prefix(PREFIX))
        else {
            continue;
        };
        let name = rest.to_lowercase().replace("__", ".");
        let mut refuse = |problem: String| {
            mistakes.push(Mistake {
                origin: Origin::Variable(format!("{PREFIX}{rest}")),
                key: name.clone(),
                problem,
            });
        };
        let exact =
            keys::find(&name).is_some_and(|key| key.variable() == format!("{PREFIX}{rest}"));
        match value.to_str() {
            Some(value) if exact => insert(&mut settings, &name, value),
            None if exact => refuse("the value is no text".to_owned()),
            _ if name.contains('.') || keys::nearest(&name).is_some() => refuse(unknown(&name)),
            _ => {}
        }
    }
    settings
}

fn insert(settings: &mut Dict, name: &str, value: &str) {
    match name.split_once('.') {
        None => {
            settings.insert(name.to_owned(), Value::from(value));
        }
        Some((section, rest)) => {
            let inner = settings
                .entry(section.to_owned())
                .or_insert_with(|| Value::from(Dict::new()));
            if let Value::Dict(_, inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

/// The data directory by everything but the file.
fn first_data_dir(sources: &ConfigSources) -> Option<(PathBuf, Origin)> {
    if let Some(path) = &sources.data_dir {
        return Some((path.clone(), Origin::Argument));
    }
    let variable = |name: &str| {
        let value = sources.environment.get(std::ffi::OsStr::new(name))?;
        (!value.is_empty()).then(|| PathBuf::from(value))
    };
    let ours = keys::find(DATA_DIR).map(Key::variable)?;
    if let Some(path) = variable(&ours) {
        return Some((path, Origin::Variable(ours)));
    }
    // The XDG base directory specification: a relative path there is to be ignored.
    let home = || variable("HOME").map(|home| home.join(".local/share"));
    let base = variable("XDG_DATA_HOME")
        .filter(|path| path.is_absolute())
        .or_else(home)?;
    Some((base.join("forgehold"), Origin::Default))
}

/// The text of the file; `None` if one that was not named is not there.
fn read_file(path: &Path, implied: bool) -> Result<Option<String>, ConfigError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        // A data directory that is a file is told when it is opened, with what to do.
        Err(error)
            if implied
                && matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
        {
            Ok(None)
        }
        Err(source) => Err(ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        }),
    }
}

fn scalar(value: &Value) -> Parsed<String> {
    match value {
        Value::String(_, text) => Ok(text.clone()),
        Value::Num(_, number) => match number {
            Num::F32(_) | Num::F64(_) => Err("a whole number or a text is expected".to_owned()),
            whole => Ok(whole.to_u128().map_or_else(
                || whole.to_i128().unwrap_or_default().to_string(),
                |whole| whole.to_string(),
            )),
        },
        Value::Bool(_, value) => Ok(value.to_string()),
        _ => Err("a text or a number is expected".to_owned()),
    }
}

/// What stands where applications belong, field by field, each with its number.
fn written_clients(value: &Value, problems: &mut Vec<String>) -> Vec<(usize, WrittenClient)> {
    let written: Vec<Parsed<WrittenClient>> = match value {
        Value::String(_, text) => text
            .split(';')
            .filter(|part| !part.trim().is_empty())
            .map(WrittenClient::from_text)
            .collect(),
        Value::Array(_, values) => values.iter().map(written_client).collect(),
        _ => vec![Err(NO_TABLE.to_owned())],
    };
    let mut clients = Vec::new();
    for (number, written) in (1..).zip(written) {
        match written {
            Ok(client) => clients.push((number, client)),
            Err(problem) => problems.push(format!("application {number}: {problem}")),
        }
    }
    clients
}

const NO_TABLE: &str = "a table with `host` and `client_id` is expected";

fn written_client(value: &Value) -> Parsed<WrittenClient> {
    let Value::Dict(_, table) = value else {
        return Err(NO_TABLE.to_owned());
    };
    let mut client = WrittenClient::default();
    for (field, value) in table {
        let place = match field.as_str() {
            "host" => &mut client.host,
            "client_id" => &mut client.client,
            "client_secret_file" => &mut client.secret_file,
            "client_secret" => {
                client.problems.push(
                    "`client_secret` would be readable in the configuration; put it into a file of its own and name that with `client_secret_file`"
                        .to_owned(),
                );
                continue;
            }
            other => {
                client.problems.push(format!(
                    "`{other}` is no field of an application; there are `host`, `client_id` and `client_secret_file`"
                ));
                continue;
            }
        };
        match scalar(value) {
            Ok(text) => *place = Some(text),
            Err(problem) => client.problems.push(format!("`{field}`: {problem}")),
        }
    }
    Ok(client)
}

fn innermost_tag(value: &Value) -> Tag {
    match value {
        Value::Dict(_, inner) => inner.values().next().map_or(value.tag(), innermost_tag),
        Value::Array(_, values) => values.first().map_or(value.tag(), innermost_tag),
        _ => value.tag(),
    }
}

fn variable(name: &str) -> String {
    format!("{PREFIX}{}", name.to_uppercase().replace('.', "__"))
}

/// Relative paths in a file begin at the file.
fn directory(origin: &Origin) -> Option<PathBuf> {
    match origin {
        Origin::File(path) => path.parent().map(Path::to_owned),
        _ => None,
    }
}

/// A TOML error shows the line that it is about, and that line may hold a password: only the place and the reason are kept.
fn without_the_line(error: &str) -> String {
    let mut lines = error.trim().lines();
    match (lines.next(), lines.next_back()) {
        (Some(place), Some(reason)) => format!("{place}: {reason}"),
        (place, _) => place.unwrap_or_default().to_owned(),
    }
}
