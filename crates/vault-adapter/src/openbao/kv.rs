//! The engine of keys and values, version 2: what is asked of it, and what it answers.

use std::collections::{BTreeMap, HashMap};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use org_core::ports::VaultError;
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::OpenBaoVault;
use super::transport::{Answer, Failure, Request};

/// How many versions the server keeps of one secret. It drops the oldest beyond that by itself.
pub(super) const MAX_VERSIONS: u64 = 100;
/// How many entries one answer of a list has.
const PAGE: usize = 500;
/// A list that is longer is cut short by an error, and no machine is filled by it.
const MOST_ENTRIES: usize = 200_000;
/// How many entries are read at the same time where the server has no list that tells all about them.
const AT_ONCE: usize = 16;

/// What is kept beside the versions of an entry, for everybody who may read it.
pub(super) type Custom = HashMap<String, String>;

/// An entry without its values.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    pub(super) current_version: u64,
    #[serde(default, rename = "custom_metadata")]
    pub(super) custom: Option<Custom>,
    #[serde(default)]
    pub(super) versions: BTreeMap<String, VersionWire>,
}

/// One version of an entry.
#[derive(Debug, Deserialize)]
pub(super) struct VersionWire {
    #[serde(default)]
    pub(super) created_time: String,
    #[serde(default)]
    pub(super) deletion_time: String,
    #[serde(default)]
    pub(super) destroyed: bool,
}

/// A value with what the server says of it.
#[derive(Deserialize)]
struct ReadWire<T> {
    data: Option<T>,
    metadata: ReadMetadata,
}

#[derive(Deserialize)]
pub(super) struct ReadMetadata {
    pub(super) version: u64,
    #[serde(default)]
    pub(super) custom_metadata: Option<Custom>,
    #[serde(default)]
    pub(super) destroyed: bool,
}

/// What came of reading an entry.
pub(super) enum ReadEntry<T> {
    There {
        data: T,
        metadata: ReadMetadata,
    },
    /// The entry is there, and this version of it was deleted.
    Deleted(ReadMetadata),
    Absent,
}

#[derive(Serialize)]
struct WriteBody<'a, T> {
    options: Cas,
    data: &'a T,
}

#[derive(Serialize)]
struct Cas {
    cas: u64,
}

#[derive(Deserialize)]
struct Written {
    version: u64,
}

#[derive(Serialize)]
struct MetadataBody<'a> {
    max_versions: u64,
    cas_required: bool,
    custom_metadata: &'a Custom,
}

#[derive(Serialize)]
struct PatchBody<'a> {
    custom_metadata: &'a BTreeMap<&'a str, Option<String>>,
}

#[derive(Serialize)]
struct VersionsBody<'a> {
    versions: &'a [u64],
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<String>,
}

#[derive(Deserialize)]
struct DetailedKeys {
    keys: Vec<String>,
    #[serde(default)]
    key_info: HashMap<String, Metadata>,
}

/// A place below the prefix.
#[derive(Clone, Copy)]
pub(super) enum Entry<'a> {
    Secret(&'a str),
    Name(&'a str),
}

/// Somebody wrote a newer version.
pub(super) struct Stale;

impl OpenBaoVault {
    /// The steps to an entry under `kind`, such as `data` or `metadata`.
    fn path<'a>(&'a self, kind: &'a str, entry: Entry<'a>) -> Vec<&'a str> {
        let (folder, last) = match entry {
            Entry::Secret(id) => ("secrets", id),
            Entry::Name(name) => ("names", name),
        };
        let mut path = self.folder(kind, folder);
        path.push(last);
        path
    }

    fn folder<'a>(&'a self, kind: &'a str, folder: &'a str) -> Vec<&'a str> {
        let mut path: Vec<&str> = self.options.mount.iter().collect();
        path.push(kind);
        path.extend(self.options.prefix.iter());
        path.push(folder);
        path
    }

    pub(super) async fn read_entry<T: DeserializeOwned>(
        &self,
        entry: Entry<'_>,
        version: Option<u64>,
        doing: &str,
    ) -> Result<ReadEntry<T>, VaultError> {
        let mut request = Request::get(self.path("data", entry));
        if let Some(version) = version {
            request = request.with("version", &version);
        }
        self.read_data(&request, doing).await
    }

    /// Reads a version wherever it stands.
    pub(super) async fn read_data<T: DeserializeOwned>(
        &self,
        request: &Request<'_>,
        doing: &str,
    ) -> Result<ReadEntry<T>, VaultError> {
        let answer = self.call(request, doing).await?;
        let sort = |failure: Failure| failure.sort(self.place(), doing);
        // A version that was deleted is "not found" with a body that says so.
        if answer.status.as_u16() == 404
            && let Ok(wire) = answer.data::<ReadWire<serde::de::IgnoredAny>>()
        {
            return Ok(ReadEntry::Deleted(wire.metadata));
        }
        match answer.ok() {
            Ok(answer) => {
                let wire: ReadWire<T> = answer.data().map_err(sort)?;
                Ok(match wire.data {
                    Some(data) => ReadEntry::There {
                        data,
                        metadata: wire.metadata,
                    },
                    None => ReadEntry::Deleted(wire.metadata),
                })
            }
            Err(failure) if failure.is_absent() => Ok(ReadEntry::Absent),
            Err(failure) => Err(sort(failure)),
        }
    }

    /// Writes the version after `newest`, where 0 is before the first; only if nobody did meanwhile.
    pub(super) async fn write_entry(
        &self,
        entry: Entry<'_>,
        newest: u64,
        data: &impl Serialize,
        doing: &str,
    ) -> Result<Result<u64, Stale>, VaultError> {
        let body = WriteBody {
            options: Cas { cas: newest },
            data,
        };
        let request = Request::post(self.path("data", entry), &body);
        match self.call(&request, doing).await?.ok() {
            Ok(answer) => {
                let written: Written = answer.data().map_err(|it| it.sort(self.place(), doing))?;
                Ok(Ok(written.version))
            }
            Err(failure) if failure.is_stale() => Ok(Err(Stale)),
            Err(failure) => Err(failure.sort(self.place(), doing)),
        }
    }

    pub(super) async fn metadata(
        &self,
        entry: Entry<'_>,
        doing: &str,
    ) -> Result<Option<Metadata>, VaultError> {
        let request = Request::get(self.path("metadata", entry));
        let answer = self.call(&request, doing).await?;
        self.found(answer, doing)
    }

    fn found<T: DeserializeOwned>(
        &self,
        answer: Answer,
        doing: &str,
    ) -> Result<Option<T>, VaultError> {
        let sort = |failure: Failure| failure.sort(self.place(), doing);
        match answer.ok() {
            Ok(answer) => answer.data().map(Some).map_err(sort),
            Err(failure) if failure.is_absent() => Ok(None),
            Err(failure) => Err(sort(failure)),
        }
    }

    pub(super) async fn set_metadata(
        &self,
        entry: Entry<'_>,
        custom: &Custom,
        doing: &str,
    ) -> Result<(), VaultError> {
        let body = MetadataBody {
            max_versions: MAX_VERSIONS,
            cas_required: true,
            custom_metadata: custom,
        };
        let request = Request::post(self.path("metadata", entry), &body);
        self.done(&request, doing).await
    }

    /// Changes what is named, and takes away what is named without a text.
    pub(super) async fn patch_metadata(
        &self,
        entry: Entry<'_>,
        custom: &BTreeMap<&str, Option<String>>,
        doing: &str,
    ) -> Result<(), VaultError> {
        let body = PatchBody {
            custom_metadata: custom,
        };
        let request = Request::patch(self.path("metadata", entry), &body);
        self.done(&request, doing).await
    }

    /// Deletes an entry with all its versions for good.
    pub(super) async fn delete_entry(
        &self,
        entry: Entry<'_>,
        doing: &str,
    ) -> Result<(), VaultError> {
        let request = Request::new(Method::DELETE, self.path("metadata", entry));
        self.done(&request, doing).await
    }

    /// Deletes the values of some versions for good.
    pub(super) async fn destroy(
        &self,
        entry: Entry<'_>,
        versions: &[u64],
        doing: &str,
    ) -> Result<(), VaultError> {
        let body = VersionsBody { versions };
        let request = Request::post(self.path("destroy", entry), &body);
        self.done(&request, doing).await
    }

    async fn done(&self, request: &Request<'_>, doing: &str) -> Result<(), VaultError> {
        let answer = self.call(request, doing).await?;
        answer
            .ok()
            .map(drop)
            .map_err(|failure| failure.sort(self.place(), doing))
    }

    /// The keys of all secrets.
    pub(super) async fn secret_keys(&self, doing: &str) -> Result<Vec<String>, VaultError> {
        let mut all: Vec<String> = Vec::new();
        loop {
            let page = self.page("metadata", all.last());
            let answer = self.call(&page, doing).await?;
            let Some(Keys { keys }) = self.found(answer, doing)? else {
                return Ok(all);
            };
            if !self.grow(&mut all, keys, |key| key)? {
                return Ok(all);
            }
        }
    }

    /// Every secret without its values.
    ///
    /// `OpenBao` answers many at once; where a server does not, each is asked for, several at a time.
    pub(super) async fn all_metadata(
        &self,
        doing: &str,
    ) -> Result<Vec<(String, Metadata)>, VaultError> {
        let mut all: Vec<(String, Metadata)> = Vec::new();
        loop {
            let page = self.page("detailed-metadata", all.last().map(|(key, _)| key));
            let answer = self.call(&page, doing).await?;
            let answer = match answer.ok() {
                Ok(answer) => answer,
                Err(failure) if all.is_empty() && is_unknown(&failure) => {
                    return self.each_metadata(doing).await;
                }
                Err(failure) if failure.is_absent() => return Ok(all),
                Err(failure) => return Err(failure.sort(self.place(), doing)),
            };
            let DetailedKeys { keys, mut key_info } =
                answer.data().map_err(|it| it.sort(self.place(), doing))?;
            let found = keys
                .into_iter()
                .filter_map(|key| key_info.remove(&key).map(|metadata| (key, metadata)))
                .collect();
            if !self.grow(&mut all, found, |(key, _)| key)? {
                return Ok(all);
            }
        }
    }

    async fn each_metadata(&self, doing: &str) -> Result<Vec<(String, Metadata)>, VaultError> {
        let keys = self.secret_keys(doing).await?;
        let read = |key: String| async move {
            let metadata = self.metadata(Entry::Secret(&key), doing).await?;
            Ok::<_, VaultError>(metadata.map(|metadata| (key, metadata)))
        };
        let all: Vec<Option<_>> = stream::iter(keys)
            .map(read)
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        Ok(all.into_iter().flatten().collect())
    }

    fn page<'a>(&'a self, kind: &'a str, after: Option<&String>) -> Request<'a> {
        let request = Request::get(self.folder(kind, "secrets"))
            .with("list", &true)
            .with("limit", &PAGE);
        match after {
            Some(after) => request.with("after", after),
            None => request,
        }
    }

    /// Adds a page; whether there may be another. A server that knows no pages answers everything at once, and again when asked for more.
    fn grow<T>(
        &self,
        all: &mut Vec<T>,
        page: Vec<T>,
        key: impl Fn(&T) -> &String,
    ) -> Result<bool, VaultError> {
        let more = page.len() == PAGE;
        let last = all.last().map(|last| key(last).clone());
        let new = page
            .into_iter()
            .filter(|one| last.as_ref().is_none_or(|last| key(one) > last));
        let before = all.len();
        all.extend(new);
        if all.len() > MOST_ENTRIES {
            return Err(VaultError::Unsupported {
                detail: format!(
                    "{} has more than {MOST_ENTRIES} entries below the prefix; see that nothing else writes there",
                    self.place()
                ),
            });
        }
        Ok(more && all.len() > before)
    }
}

/// Whether the server does not have such a list, or the policy of an older release does not name it.
fn is_unknown(failure: &Failure) -> bool {
    match failure {
        Failure::Refused { status, errors } => match status {
            403 | 405 => true,
            404 => errors.iter().any(|text| !text.is_empty()),
            _ => false,
        },
        _ => false,
    }
}
