//! A real `OpenBao` as a provider of `OpenID` Connect, with people and groups in it.

use std::path::PathBuf;

use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

use crate::bao::{Bao, ROOT};

const PASSWORD: &str = "a password at the provider";

/// A provider. Dropping it ends it.
pub(crate) struct Provider {
    bao: Bao,
    accessor: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
}

impl Provider {
    /// Starts one that knows an application with this redirect URI.
    pub(crate) async fn start(program: PathBuf, redirect: &str) -> Self {
        let mut provider = Self {
            bao: Bao::start(program).await,
            accessor: String::new(),
            client_id: String::new(),
            client_secret: String::new(),
        };
        provider.set_up(redirect).await;
        provider
    }

    async fn set_up(&mut self, redirect: &str) {
        self.bao
            .put("sys/auth/userpass", json!({"type": "userpass"}))
            .await;
        let methods = self.bao.ask(Method::GET, "sys/auth", ROOT, None).await;
        self.accessor = text(&methods["data"]["userpass/"]["accessor"]);
        let key = json!({"allowed_client_ids": "*", "verification_ttl": "1h", "rotation_period": "1h", "algorithm": "ES256"});
        self.bao.put("identity/oidc/key/forgehold", key).await;
        let client = json!({"key": "forgehold", "redirect_uris": [redirect], "assignments": ["allow_all"], "client_type": "confidential", "id_token_ttl": "10m", "access_token_ttl": "10m"});
        self.bao.put("identity/oidc/client/forgehold", client).await;
        let client = self
            .bao
            .ask(Method::GET, "identity/oidc/client/forgehold", ROOT, None)
            .await;
        self.client_id = text(&client["data"]["client_id"]);
        self.client_secret = text(&client["data"]["client_secret"]);
        let groups = json!({"template": r#"{"groups": {{identity.entity.groups.names}}}"#});
        self.bao.put("identity/oidc/scope/groups", groups).await;
        let profile = json!({"template": r#"{"preferred_username": {{identity.entity.name}}}"#});
        self.bao.put("identity/oidc/scope/profile", profile).await;
        let provider = json!({"allowed_client_ids": [self.client_id], "scopes_supported": ["groups", "profile"]});
        self.bao
            .put("identity/oidc/provider/company", provider)
            .await;
    }

    pub(crate) fn issuer(&self) -> String {
        format!("{}/v1/identity/oidc/provider/company", self.bao.address)
    }

    /// Adds a person; answers who they are for groups.
    pub(crate) async fn person(&self, name: &str) -> String {
        let user = json!({"password": PASSWORD, "token_ttl": "1h"});
        self.bao
            .put(&format!("auth/userpass/users/{name}"), user)
            .await;
        let entity = self.bao.put("identity/entity", json!({"name": name})).await;
        let id = text(&entity["data"]["id"]);
        let alias = json!({"name": name, "canonical_id": id, "mount_accessor": self.accessor});
        self.bao.put("identity/entity-alias", alias).await;
        id
    }

    /// Has these people, and no others, be in a group.
    pub(crate) async fn group(&self, name: &str, people: &[&str]) {
        let group = json!({"member_entity_ids": people});
        self.bao
            .put(&format!("identity/group/name/{name}"), group)
            .await;
    }

    /// Does what the page of the provider does when somebody signs in there and agrees: answers the address that the browser is sent back to.
    pub(crate) async fn sign_in(&self, name: &str, question: &str) -> String {
        let login = format!("auth/userpass/login/{name}");
        let login = self
            .bao
            .ask(
                Method::POST,
                &login,
                "",
                Some(json!({"password": PASSWORD})),
            )
            .await;
        let token = text(&login["auth"]["client_token"]);
        let question = Url::parse(question).expect("an address");
        let query = question.query().expect("a question");
        let path = format!("identity/oidc/provider/company/authorize?{query}");
        let answer = self.bao.ask(Method::GET, &path, &token, None).await;
        let find = |wanted: &str| {
            let mut pairs = question.query_pairs();
            let found = pairs.find(|(name, _)| name == wanted);
            found.expect("it is asked for").1.into_owned()
        };
        let mut back = Url::parse(&find("redirect_uri")).expect("an address");
        back.query_pairs_mut()
            .append_pair("code", &text(&answer["code"]))
            .append_pair("state", &text(&answer["state"]));
        back.into()
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
