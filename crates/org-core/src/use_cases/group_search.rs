//! Finding groups at a host by a part of their path, while a person types, before anything is stored.

use futures_util::StreamExt;

use crate::draft::TokenSource;
use crate::host::HostUrl;
use crate::listing::{GroupScope, ListingEvent, PersonalNamespace, Scope};
use crate::ports::{HostAccess, Ports};
use crate::use_cases::{UseCaseError, preflight};

/// How many steps of a listing are looked at: whoever has more groups types more of the path, or all of it.
const STEPS: usize = 100;

/// The groups whose path has a text in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FoundGroups {
    /// Their paths, in order.
    pub paths: Vec<String>,
    /// Whether there may be more.
    pub more: bool,
}

/// The groups that a token sees whose path has `text` in it, without regard to case; at most `limit` of them.
///
/// The listing ends as soon as enough is found, and is never read further than some hundred pages.
pub async fn groups(
    ports: &Ports,
    host: &HostUrl,
    token: &TokenSource,
    text: &str,
    limit: usize,
) -> Result<FoundGroups, UseCaseError> {
    let token = preflight::token(ports, token).await?;
    preflight::may_use(&token, None)?;
    let access = HostAccess::by_token(host.clone(), token.value);
    let scope = Scope {
        groups: GroupScope::All,
        personal: PersonalNamespace::Excluded,
    };
    let wanted = text.trim().trim_matches('/').to_lowercase();
    let mut found = FoundGroups::default();
    let mut stream = ports.host.list(&access, &scope);
    let mut finished = false;
    for _ in 0..STEPS {
        match stream.next().await.transpose()? {
            Some(ListingEvent::Groups(page)) => {
                let fitting = page
                    .iter()
                    .map(|group| group.full_path.to_string())
                    .filter(|path| path.to_lowercase().contains(&wanted));
                found.paths.extend(fitting);
            }
            Some(ListingEvent::Repositories(_) | ListingEvent::Waiting(_)) => {}
            Some(ListingEvent::Finished(_)) | None => {
                finished = true;
                break;
            }
        }
        if found.paths.len() > limit {
            break;
        }
    }
    found.paths.sort_by_key(|path| path.to_lowercase());
    found.paths.dedup();
    found.more = !finished || found.paths.len() > limit;
    found.paths.truncate(limit);
    Ok(found)
}
