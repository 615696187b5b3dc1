//! The authorization server in a test's hand: no browser is needed.

use std::sync::Arc;

use super::authorize::{Refusal, Request};
use super::{Application, ApplicationSpec, OauthStats, OauthTokens, Site};
use crate::secret::Secret;
use crate::shared::Shared;
use crate::world::{World, WorldError};

/// Why an authorization could not be decided.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OauthRefused {
    /// It is no address at all.
    #[error("the authorization address cannot be read")]
    Address(#[from] url::ParseError),
    /// The address is not that of `/oauth/authorize` of this simulator.
    #[error("the address is not this simulator's authorization page")]
    Elsewhere,
    /// The user would be shown an error, and the application would hear nothing.
    #[error("{error}: {description}")]
    Shown {
        /// Such as `invalid_redirect_uri`.
        error: String,
        /// The words on the page.
        description: String,
    },
    /// The world has no such user.
    #[error("the authorization has no user")]
    World(#[from] WorldError),
}

/// The authorization server of a running simulator; see [`crate::GitlabSim::oauth`].
#[derive(Debug, Clone)]
pub struct OauthHandle(pub(crate) Arc<Shared>);

impl OauthHandle {
    /// Registers an application.
    pub fn add_application(&self, spec: &ApplicationSpec) -> Result<Application, WorldError> {
        self.0.touch(|world| world.add_application(spec))
    }

    /// The application with that client id.
    pub fn application(&self, client_id: &str) -> Result<Application, WorldError> {
        self.0.world().application(client_id).cloned()
    }

    /// The password of a person, for the sign-in page.
    pub fn password(&self, username: &str) -> Result<Secret, WorldError> {
        self.0.world().password(username)
    }

    /// Does what a user does who opens `url`, signs in and agrees. Returns where the browser would go:
    /// the redirect URI with `code` and `state`, or with `error` when the request is refused.
    pub fn approve(&self, url: &str, username: &str) -> Result<String, OauthRefused> {
        self.decide(url, |request, world| {
            let user = world.user(username)?.id;
            Ok(request.approve(world, user))
        })
    }

    /// The same for a user who denies.
    pub fn deny(&self, url: &str) -> Result<String, OauthRefused> {
        self.decide(url, |request, _| Ok(request.deny()))
    }

    fn decide(
        &self,
        url: &str,
        decision: impl FnOnce(Request, &mut World) -> Result<Secret, OauthRefused>,
    ) -> Result<String, OauthRefused> {
        let url = url::Url::parse(url)?;
        let shared = &self.0;
        let page = format!("{}/oauth/authorize", shared.config.prefix);
        if url.path() != page {
            return Err(OauthRefused::Elsewhere);
        }
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let field = |name: &str| {
            let found = pairs.iter().rev().find(|(key, _)| key == name);
            found
                .map(|(_, value)| value.as_str())
                .filter(|value| !value.trim().is_empty())
        };
        let site = Site {
            config: shared.config.oauth,
            url: &shared.url,
            prefix: &shared.config.prefix,
        };
        let location = shared.touch(|world| match Request::check(&site, world, field) {
            Ok(request) => decision(request, world),
            Err(Refusal::Sent(location)) => Ok(location),
            Err(Refusal::Shown { error, text }) => Err(OauthRefused::Shown {
                error: error.to_owned(),
                description: text,
            }),
        })?;
        Ok(location.expose().to_owned())
    }

    /// The user codes of devices that wait for a decision.
    pub fn waiting_devices(&self) -> Vec<String> {
        self.0.touch(|world| world.waiting_devices())
    }

    /// Lets a device in.
    pub fn approve_device(&self, user_code: &str, username: &str) -> Result<(), WorldError> {
        self.0
            .touch(|world| world.approve_device(user_code, username))
    }

    /// Refuses a device.
    pub fn deny_device(&self, user_code: &str) -> Result<(), WorldError> {
        self.0.touch(|world| world.deny_device(user_code))
    }

    /// Gives a user's tokens to an application, as after a sign-in.
    pub fn issue(
        &self,
        client_id: &str,
        username: &str,
        scopes: &[&str],
    ) -> Result<OauthTokens, WorldError> {
        self.0
            .touch(|world| world.issue_oauth(client_id, username, scopes))
    }

    /// Lets all access tokens expire at once; refresh tokens live on. Returns how many there were.
    pub fn expire_access_tokens(&self) -> u64 {
        self.0.touch(|world| world.expire_oauth_tokens(None))
    }

    /// A user takes an application's authorization back: every token of theirs dies.
    pub fn revoke_application(&self, client_id: &str, username: &str) -> Result<(), WorldError> {
        self.0
            .touch(|world| world.revoke_application(client_id, username))
    }

    /// Removes an application: its client id is unknown and its tokens are gone from now on.
    pub fn delete_application(&self, client_id: &str) -> Result<(), WorldError> {
        self.0.touch(|world| world.delete_application(client_id))
    }

    /// The next uses of good refresh tokens are refused with `invalid_grant`, as by a replica that
    /// lags behind; the tokens stay good.
    pub fn lag_refresh_tokens(&self, times: u64) {
        self.0.touch(|world| world.lag_refresh_tokens(times));
    }

    /// How often the token endpoint did what.
    pub fn stats(&self) -> OauthStats {
        self.0.world().oauth_stats()
    }
}
