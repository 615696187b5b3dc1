//! A simulator with a registered application, and an adapter that knows it.

use gitlab_adapter::GitlabConfig;
use gitlab_sim::{ApplicationSpec, Builder, GitlabSim, World, WorldSpec};
use org_core::host::HostUrl;
use org_core::oauth::{Access, RedirectUri, State, Verifier};
use org_core::ports::{
    AuthorizationRequest, CodeExchange, Credential, Grant, HostAccess, OauthError, VcsOauth as _,
};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::harness::{Scene, config};

pub(crate) const CLIENT: &str = "0f3c-application";

/// As long as a verifier must be.
pub(crate) const VERIFIER: &str = "ks02i3jdikdo2k0dkfodf3m39rjfjsdk0wk349rj3jrhf";

pub(crate) struct Signing {
    pub(crate) scene: Scene,
    pub(crate) host: HostUrl,
    pub(crate) redirect: RedirectUri,
}

pub(crate) fn small() -> Builder {
    let world = World::generate(&WorldSpec::new(4).groups(3).projects(30));
    GitlabSim::builder().world(world)
}

impl Signing {
    /// With an application that is not confidential.
    pub(crate) async fn public() -> Self {
        Self::with(small(), config(), None).await
    }

    pub(crate) async fn with(builder: Builder, config: GitlabConfig, secret: Option<&str>) -> Self {
        let registered = |host: &HostUrl| {
            let client = CLIENT.parse().expect("a client id");
            config.oauth_client(host.clone(), client, secret.map(SecretString::from))
        };
        let scene = Scene::configured(builder, registered).await;
        let host = scene.access.host.clone();
        let registered = RedirectUri::registered_loopback(&host);
        let spec = ApplicationSpec::public("Forgehold", registered.as_str()).client_id(CLIENT);
        let spec = match secret {
            Some(secret) => spec.secret(secret),
            None => spec,
        };
        let added = scene.sim.oauth().add_application(&spec);
        added.expect("a good application");
        // Some port: hosts ignore it.
        let redirect = RedirectUri::loopback(7171, &host);
        Self {
            scene,
            host,
            redirect,
        }
    }

    pub(crate) fn request(&self, access: Access) -> AuthorizationRequest {
        AuthorizationRequest {
            redirect: self.redirect.clone(),
            state: State::received("the-state-of-this-request"),
            verifier: Verifier::kept(VERIFIER.into()),
            access,
        }
    }

    pub(crate) fn address(&self, access: Access) -> String {
        let url = self
            .scene
            .host
            .authorization_url(&self.host, &self.request(access));
        url.expect("an address").expose_secret().to_owned()
    }

    /// A code, as the browser of `alice` brings it.
    pub(crate) fn code(&self, access: Access) -> SecretString {
        let oauth = self.scene.sim.oauth();
        let goal = oauth.approve(&self.address(access), "alice");
        let goal = Url::parse(&goal.expect("she may")).expect("an address");
        let mut pairs = goal.query_pairs();
        let code = pairs.find(|(name, _)| name == "code").expect("a code").1;
        SecretString::from(code.into_owned())
    }

    pub(crate) fn answer(&self, code: SecretString) -> CodeExchange {
        CodeExchange {
            redirect: self.redirect.clone(),
            code,
            verifier: Verifier::kept(VERIFIER.into()),
        }
    }

    pub(crate) async fn exchange(&self, exchange: &CodeExchange) -> Result<Grant, OauthError> {
        let (host, access) = (&self.host, Access::Read);
        self.scene.host.exchange(host, exchange, access).await
    }

    /// A whole sign-in.
    pub(crate) async fn sign_in(&self, access: Access) -> Grant {
        let answer = self.answer(self.code(access));
        let granted = self.scene.host.exchange(&self.host, &answer, access).await;
        granted.expect("it is all right")
    }

    pub(crate) async fn refresh(&self, token: &SecretString) -> Result<Grant, OauthError> {
        let redirect = Some(self.redirect.clone());
        self.scene.host.refresh(&self.host, token, redirect).await
    }

    pub(crate) fn opened_by(&self, token: &SecretString) -> HostAccess {
        HostAccess {
            host: self.host.clone(),
            credential: Credential::fresh(token.clone()),
        }
    }

    /// An error without what differs from run to run.
    pub(crate) fn said(&self, error: &OauthError) -> String {
        said(error, self.scene.sim.url())
    }

    /// How many requests came for a path.
    pub(crate) fn count(&self, path: &str) -> usize {
        let requests = self.scene.sim.requests();
        requests.iter().filter(|asked| asked.path == path).count()
    }
}

/// The name of an error and its words.
pub(crate) fn said(error: &OauthError, url: &str) -> String {
    let shown = format!("{error:?}");
    let name = shown.split(' ').next().expect("a name");
    format!("{name}: {error}").replace(url, "HOST")
}

pub(crate) fn refresh_token(grant: &Grant) -> SecretString {
    grant.refresh_token.clone().expect("there is one")
}
