//! Finding groups at a host by a part of their path, while a person types.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{Either, select};

use crate::draft::TokenSource;
use crate::host::HostUrl;
use crate::listing::{GroupScope, ListingEvent, PersonalNamespace, Scope};
use crate::organization::Organization;
use crate::ports::{Credential, HostAccess, HostError, Ports};
use crate::use_cases::{UseCaseError, credential, preflight};

/// How many steps of a listing are looked at: whoever has more groups types more of the path, or all of it.
const STEPS: usize = 100;

/// How long a person who types waits. A listing by itself is more patient with its host.
const PATIENCE: Duration = Duration::from_secs(20);

/// The groups whose path has a text in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FoundGroups {
    /// Their paths, in order.
    pub paths: Vec<String>,
    /// Whether there may be more.
    pub more: bool,
}

/// The groups that a typed or saved token sees; as [`groups`].
pub async fn by_token(
    ports: &Ports,
    host: &HostUrl,
    token: &TokenSource,
    text: &str,
    limit: usize,
) -> Result<FoundGroups, UseCaseError> {
    let token = preflight::token(ports, token).await?;
    preflight::may_use(&token, None)?;
    let access = HostAccess::by_token(host.clone(), token.value);
    groups(ports, &access, text, limit).await
}

/// The groups that the credential of an organization sees, the chosen ones and all others; as [`groups`].
///
/// It begins with [`opened`], so this must not be dropped half way; who wants to drop a search calls the two one after the other.
pub async fn by_organization(
    ports: &Ports,
    organization: &Organization,
    text: &str,
    limit: usize,
) -> Result<FoundGroups, UseCaseError> {
    let access = opened(ports, organization).await?;
    groups(ports, &access, text, limit).await
}

/// What opens the host of an organization for one search, which may then be dropped at any time.
///
/// The tokens of a sign-in may be renewed for it, so this must not be dropped half way.
pub async fn opened(
    ports: &Ports,
    organization: &Organization,
) -> Result<HostAccess, UseCaseError> {
    organization.refuse_removed("searched")?;
    let access = credential::access(ports, organization).await?;
    // What is good now is good for a search. The listing may be dropped at any time, so it must not begin a renewal of its own.
    Ok(match access.credential {
        Credential::Oauth(tokens) => HostAccess {
            host: access.host,
            credential: Credential::fresh(tokens.current().await?),
        },
        credential @ Credential::AccessToken(_) => HostAccess {
            host: access.host,
            credential,
        },
    })
}

fn too_slow(access: &HostAccess) -> UseCaseError {
    UseCaseError::Host(HostError::Unavailable {
        host: access.host.to_string(),
        action: "finding groups".to_owned(),
        detail: format!("nothing came within {} s", PATIENCE.as_secs()),
    })
}

/// The groups that a credential sees whose path has `text` in it, without regard to case; at most `limit` of them.
///
/// The listing ends as soon as enough is found, and is never read further than some hundred pages or for longer than 20 seconds.
pub async fn groups(
    ports: &Ports,
    access: &HostAccess,
    text: &str,
    limit: usize,
) -> Result<FoundGroups, UseCaseError> {
    let scope = Scope {
        groups: GroupScope::All,
        personal: PersonalNamespace::Excluded,
    };
    let wanted = text.trim().trim_matches('/').to_lowercase();
    let mut found = FoundGroups::default();
    let mut stream = ports.host.list(access, &scope);
    let mut patience = ports.timer.sleep(PATIENCE);
    let mut finished = false;
    for _ in 0..STEPS {
        let event = match select(stream.next(), &mut patience).await {
            Either::Left((event, _)) => event.transpose()?,
            Either::Right(_) if found.paths.is_empty() => return Err(too_slow(access)),
            Either::Right(_) => break,
        };
        match event {
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
