//! What is found out before an organization is stored: can the host be reached, who is the token, what would be covered.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use secrecy::SecretString;

use crate::draft::{Field, FieldError, TokenSource};
use crate::host::HostUrl;
use crate::ids::OrganizationId;
use crate::inventory::{Lifecycle, Ownership, Repository};
use crate::license::policy::Action;
use crate::listing::{GroupScope, ListingEvent, MissingPart, Scope};
use crate::organization::{ExistingRepositories, Organization, Settings, Status};
use crate::ports::{Credential, HostAccess, HostError, Identity, Ports, Probe};
use crate::secret::{SecretFacts, SecretOwner};
use crate::text::{Login, OrganizationName};
use crate::token::{Capability, Grant};
use crate::use_cases::{Progress, ProgressEvent, UseCaseError};

/// Proves that the host can be reached, step by step.
pub async fn reach(
    ports: &Ports,
    host: &HostUrl,
    credential: Option<&Credential>,
    progress: &dyn Progress,
) -> Result<(), UseCaseError> {
    progress.report(ProgressEvent::Started {
        step: "reach the host",
    });
    let report = ports
        .host
        .probe(&Probe {
            host: host.clone(),
            credential: credential.cloned(),
        })
        .await;
    for step in &report.steps {
        progress.report(ProgressEvent::Reached(step.clone()));
    }
    match report.failure() {
        Some(step) => Err(UseCaseError::Unreachable {
            host: host.to_string(),
            step: step.clone(),
        }),
        None => Ok(()),
    }
}

/// A token, and the secret that it came from if it came from one.
#[derive(Debug, Clone)]
pub struct Token {
    /// The token.
    pub value: SecretString,
    /// The person's secret.
    pub secret: Option<SecretFacts>,
}

/// Gets the token that a person named or typed.
pub async fn token(ports: &Ports, source: &TokenSource) -> Result<Token, UseCaseError> {
    match source {
        TokenSource::Value(value) => Ok(Token {
            value: value.clone(),
            secret: None,
        }),
        TokenSource::Secret(name) => {
            let missing = || UseCaseError::Invalid {
                errors: vec![FieldError::new(
                    Field::Token,
                    format!("there is no secret `{name}` in the password manager; add it first"),
                )],
            };
            let facts = ports.vault.find(name).await?.ok_or_else(missing)?;
            let (_, value) = ports
                .vault
                .get(facts.reference)
                .await?
                .ok_or_else(missing)?;
            Ok(Token {
                value,
                secret: Some(facts),
            })
        }
    }
}

/// Refuses a secret that was made for another organization, or for an attempt: it goes with those. `organization` is the one that it shall be
/// for, if there is one already.
pub(crate) fn may_use(
    token: &Token,
    organization: Option<OrganizationId>,
) -> Result<(), UseCaseError> {
    let Some(facts) = &token.secret else {
        return Ok(());
    };
    let fits = match facts.owner {
        SecretOwner::Person => true,
        SecretOwner::Attempt(_) => false,
        SecretOwner::Organization(id) => Some(id) == organization,
    };
    if fits {
        return Ok(());
    }
    let message = format!(
        "the secret `{}` was made for another organization and is deleted with it; add one of your own",
        facts.name
    );
    Err(UseCaseError::Invalid {
        errors: vec![FieldError {
            field: Field::Token,
            message,
        }],
    })
}

/// Asks the host who the token is; it must belong to `login` and be able to list.
pub async fn authenticate(
    ports: &Ports,
    access: &HostAccess,
    login: &Login,
    progress: &dyn Progress,
) -> Result<Identity, UseCaseError> {
    progress.report(ProgressEvent::Started {
        step: "authenticate",
    });
    let identity = ports.host.identify(access).await?;
    if !identity.account.login.is_same_as(login) {
        return Err(UseCaseError::LoginMismatch {
            given: login.clone(),
            actual: identity.account.login,
        });
    }
    progress.report(ProgressEvent::Started {
        step: "check permissions",
    });
    may_list(&identity)?;
    Ok(identity)
}

/// Whether the token can list; if not, which scope is missing.
pub fn may_list(identity: &Identity) -> Result<(), HostError> {
    match identity.capabilities.grant(Capability::List) {
        Some(Grant::Missing { any_of }) => Err(HostError::ScopeMissing {
            action: "listing groups and repositories".to_owned(),
            any_of: any_of.clone(),
        }),
        _ => Ok(()),
    }
}

/// Each chosen group must be there and visible; all that are not are named at once.
pub async fn groups_exist(
    ports: &Ports,
    access: &HostAccess,
    scope: &Scope,
) -> Result<(), UseCaseError> {
    let GroupScope::Chosen(paths) = &scope.groups else {
        return Ok(());
    };
    let mut errors = Vec::new();
    for path in paths {
        if ports.host.find_group(access, path).await?.is_none() {
            let message = format!(
                "there is no group `{path}` at {}, or this account cannot see it; check the path, or ask for access",
                access.host
            );
            errors.push(FieldError {
                field: Field::Groups,
                message,
            });
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(UseCaseError::Invalid { errors })
    }
}

/// Refuses an account that is connected already, unless nothing would be covered twice; answers the generation of the roster that this
/// holds for.
pub async fn not_connected_twice(
    ports: &Ports,
    candidate: &Candidate<'_>,
) -> Result<u64, UseCaseError> {
    let roster = ports.organizations.roster().await?;
    let present = |organization: &&Organization| {
        !matches!(organization.status, Status::Removed { .. })
            && candidate.except != Some(organization.id)
    };
    for organization in roster.organizations.iter().filter(present) {
        if organization.name.key() == candidate.name.key() {
            return Err(UseCaseError::NameTaken {
                name: candidate.name.clone(),
            });
        }
        let same_account = organization.host == *candidate.host
            && candidate.login.is_same_as(&organization.account.login);
        if same_account
            && !organization
                .settings
                .scope
                .is_disjoint_from(candidate.scope)
        {
            return Err(UseCaseError::AlreadyConnected {
                name: organization.name.clone(),
                host: organization.host.to_string(),
                login: organization.account.login.clone(),
                scope: organization.settings.scope.to_string(),
            });
        }
    }
    Ok(roster.generation)
}

/// What an organization would be among the others.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Its name.
    pub name: &'a OrganizationName,
    /// Its host.
    pub host: &'a HostUrl,
    /// Its account.
    pub login: &'a Login,
    /// What it covers.
    pub scope: &'a Scope,
    /// The organization that it is already, if it is one; by its id, since somebody may be giving it another name.
    pub except: Option<OrganizationId>,
}

/// What an organization would cover.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coverage {
    /// Repositories of its own.
    pub repositories: u64,
    /// Repositories that are only shared in.
    pub shared_in: u64,
    /// Repositories that are archived.
    pub archived: u64,
    /// Repositories whose deletion is scheduled.
    pub pending_deletion: u64,
    /// Groups.
    pub groups: u64,
    /// Repositories that would get a license, or wait for one.
    pub would_license: u64,
    /// Repositories of its own by top-level group or personal namespace, in the order of paths.
    pub by_namespace: BTreeMap<String, u64>,
    /// What could not be seen.
    pub missing: Vec<MissingPart>,
}

/// Reads the whole list once and counts; nothing is kept.
pub async fn coverage(
    ports: &Ports,
    access: &HostAccess,
    settings: &Settings,
    progress: &dyn Progress,
) -> Result<Coverage, UseCaseError> {
    progress.report(ProgressEvent::Started { step: "first list" });
    let policy = ports.licenses.policy().await?;
    let mut coverage = Coverage::default();
    // A row may come twice, so ids are remembered: eight bytes each.
    let (mut repositories, mut groups) = (
        std::collections::HashSet::new(),
        std::collections::HashSet::new(),
    );
    let mut stream = ports.host.list(access, &settings.scope);
    while let Some(event) = stream.next().await {
        match event? {
            ListingEvent::Groups(page) => {
                groups.extend(page.iter().map(|group| group.id));
            }
            ListingEvent::Repositories(page) => {
                for repository in page {
                    if repositories.insert(repository.id) {
                        let wanted = match settings.license_existing {
                            ExistingRepositories::None => false,
                            ExistingRepositories::All => true,
                            ExistingRepositories::Matching => {
                                policy.verdict(&repository).0 == Action::Include
                            }
                        };
                        coverage.count(&repository, wanted);
                    }
                }
            }
            ListingEvent::Waiting(wait) => progress.report(ProgressEvent::Waiting(wait)),
            ListingEvent::Finished(report) => {
                coverage.groups = groups.len() as u64;
                coverage.missing = report.missing;
                return Ok(coverage);
            }
        }
        progress.report(ProgressEvent::Listed {
            repositories: repositories.len() as u64,
            groups: groups.len() as u64,
        });
    }
    Err(cut(access))
}

/// The stream ended before its last event.
pub(crate) fn cut(access: &HostAccess) -> UseCaseError {
    UseCaseError::Host(HostError::Unavailable {
        host: access.host.to_string(),
        action: "the listing".to_owned(),
        detail: "the list was cut off before its end".to_owned(),
    })
}

impl Coverage {
    fn count(&mut self, repository: &Repository, wanted: bool) {
        if repository.ownership == Ownership::SharedIn {
            self.shared_in += 1;
            return;
        }
        self.repositories += 1;
        self.would_license += u64::from(wanted);
        match repository.lifecycle {
            Lifecycle::Active => {}
            Lifecycle::Archived => self.archived += 1,
            Lifecycle::PendingDeletion => self.pending_deletion += 1,
        }
        let namespace = repository.full_path.split('/').next().unwrap_or_default();
        match self.by_namespace.get_mut(namespace) {
            Some(count) => *count += 1,
            None => {
                self.by_namespace.insert(namespace.to_owned(), 1);
            }
        }
    }
}
