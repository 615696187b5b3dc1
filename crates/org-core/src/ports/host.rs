//! The service host: can it be reached, who are we there, and what is there.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use futures_core::stream::BoxStream;

use super::{Credential, HostAccess, VcsOauth, VcsRotation};
use crate::host::HostUrl;
use crate::ids::{GroupId, RepositoryId};
use crate::inventory::Group;
use crate::listing::{ListingEvent, Scope};
use crate::text::GroupPath;
use crate::token::{Account, CapabilityTable, TokenFacts};

/// Why a host did not answer as asked. No message ever holds a credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The credential has expired.
    #[error("{host} says that the access token has expired")]
    TokenExpired {
        /// Which host.
        host: String,
    },
    /// The credential is unknown or was revoked.
    #[error("{host} refuses the access token: {detail}")]
    TokenRefused {
        /// Which host.
        host: String,
        /// What it said.
        detail: String,
    },
    /// The sign-in cannot be renewed any more.
    #[error("the sign-in at {host} has ended: {detail}")]
    SignInEnded {
        /// Which host.
        host: String,
        /// What ended it.
        detail: String,
    },
    /// The credential is good, but may not do this.
    #[error("the access token lacks a scope for {action}: {} would do", any_of.join(" or "))]
    ScopeMissing {
        /// What was tried.
        action: String,
        /// The scopes, the least powerful first.
        any_of: Vec<String>,
    },
    /// The account may not do this.
    #[error("{host} denies {action}: {detail}")]
    Denied {
        /// Which host.
        host: String,
        /// What was tried.
        action: String,
        /// What it said.
        detail: String,
    },
    /// The host asks for patience for longer than a caller should wait.
    #[error("{host} limits the rate of requests; try again in {} s", retry_after.as_secs())]
    RateLimited {
        /// Which host.
        host: String,
        /// How long.
        retry_after: Duration,
    },
    /// The host cannot be reached or is out of order; trying again later may help.
    #[error("{host} cannot be reached for {action}: {detail}")]
    Unavailable {
        /// Which host.
        host: String,
        /// What was tried.
        action: String,
        /// What went wrong.
        detail: String,
    },
    /// The host is too old, or has this switched off.
    #[error("{host} does not support {action}: {detail}")]
    Unsupported {
        /// Which host.
        host: String,
        /// What was tried.
        action: String,
        /// What is missing.
        detail: String,
    },
    /// The answer makes no sense; perhaps it is no such host at all.
    #[error("{host} answered {action} with something unexpected: {detail}")]
    Unexpected {
        /// Which host.
        host: String,
        /// What was tried.
        action: String,
        /// What came instead.
        detail: String,
    },
}

/// The steps of reaching a host, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProbeStepKind {
    /// The name is resolved.
    Dns,
    /// A connection is opened.
    Tcp,
    /// The host proves who it is.
    Tls,
    /// It answers HTTP.
    Http,
    /// It is the expected service, of a supported version.
    Version,
}

impl ProbeStepKind {
    /// The word that tables use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "DNS",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Http => "HTTP",
            Self::Version => "version",
        }
    }
}

/// One step of reaching a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeStep {
    /// Which one.
    pub kind: ProbeStepKind,
    /// How long it took.
    pub took: Duration,
    /// What was found out, in words, such as an address or a version; or what went wrong and what to do.
    pub result: Result<String, String>,
}

/// How reaching a host went: the steps up to the first that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeReport {
    /// The steps. TLS is left out for plain http.
    pub steps: Vec<ProbeStep>,
}

impl ProbeReport {
    /// The step that failed, if one did.
    pub fn failure(&self) -> Option<&ProbeStep> {
        self.steps.iter().find(|step| step.result.is_err())
    }
}

/// What [`VcsProbe`] is asked.
#[derive(Debug, Clone)]
pub struct Probe {
    /// Where.
    pub host: HostUrl,
    /// The credential, where there is one: hosts tell their version only to those who have one.
    pub credential: Option<Credential>,
}

/// Whether a host can be reached.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait VcsProbe: Send + Sync {
    /// Tries step by step, within a minute altogether. Failure is part of the report, never an error.
    ///
    /// A credential that the host refuses is no failure of reaching it: the last step then says that the host keeps its version to itself.
    /// Whether the credential is good is what [`VcsIdentity::identify`] finds out.
    async fn probe(&self, probe: &Probe) -> ProbeReport;
}

/// Who a credential belongs to and what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The account.
    pub account: Account,
    /// The token.
    pub token: TokenFacts,
    /// What it allows.
    pub capabilities: CapabilityTable,
}

/// Who we are at a host.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait VcsIdentity: Send + Sync {
    /// Asks the host who the credential belongs to.
    ///
    /// A token that the host knows but refuses is an error ([`HostError::TokenExpired`], [`HostError::TokenRefused`]); one that is good but
    /// may do too little is an answer, with that in its capabilities. A credential of the other kind than it says it is, such as the token of
    /// a sign-in given as an access token, is refused too, with a word about it.
    async fn identify(&self, access: &HostAccess) -> Result<Identity, HostError>;

    /// The group at `path` as the credential sees it; `None` if there is none or it is hidden, which hosts do not tell apart. The path is
    /// compared as the host does, without regard to case.
    async fn find_group(
        &self,
        access: &HostAccess,
        path: &GroupPath,
    ) -> Result<Option<Group>, HostError>;
}

/// The pages of a listing; see [`VcsListing::list`].
pub type ListingStream = BoxStream<'static, Result<ListingEvent, HostError>>;

/// Whether a repository is still at the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirmation {
    /// It is there, although the listing did not have it.
    Present,
    /// The same, by a host that says where: what was moved out of the scope is told apart from what a listing missed.
    At {
        /// The group that it stands in; `None` in a personal namespace.
        group: Option<GroupId>,
        /// The path that it has now.
        full_path: Box<str>,
    },
    /// The host says that there is no such repository.
    Absent,
    /// The host would not say.
    Unknown {
        /// Why, in words.
        why: String,
    },
}

impl Confirmation {
    /// Whether the host says that it is there.
    pub const fn is_present(&self) -> bool {
        matches!(self, Self::Present | Self::At { .. })
    }
}

/// What is at a host.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait VcsListing: Send + Sync {
    /// Every group and repository of `scope`, page by page, in any order.
    ///
    /// The stream is lazy, bounded (it does not run ahead of its reader by more than some pages) and ends when dropped. Its last event is
    /// [`ListingEvent::Finished`], and only that says whether something is missing; a stream that ends without it was cut. A part that could
    /// not be read is a [`MissingPart`](crate::listing::MissingPart) of the report; an `Err` means that nothing more comes and what came
    /// is worth nothing: the credential failed, or not even the beginning could be read. A row may come twice; a row that existed during
    /// the whole listing and is not in a missing part comes at least once.
    fn list(&self, access: &HostAccess, scope: &Scope) -> ListingStream;

    /// Asks for each of `repositories` by its id whether it is still there. Every id asked for is in the answer.
    ///
    /// While the credential itself is refused this is an error, so that a lost credential never looks like a loss of repositories.
    async fn confirm(
        &self,
        access: &HostAccess,
        repositories: &[RepositoryId],
    ) -> Result<BTreeMap<RepositoryId, Confirmation>, HostError>;
}

/// Everything that connecting and following an organization needs of its host.
pub trait VcsHost: VcsProbe + VcsIdentity + VcsListing + VcsOauth + VcsRotation {}

impl<T: VcsProbe + VcsIdentity + VcsListing + VcsOauth + VcsRotation + ?Sized> VcsHost for T {}
