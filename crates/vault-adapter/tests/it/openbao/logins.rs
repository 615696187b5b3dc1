//! Every way to say who this program is, against the real methods of a real server.

use std::fs;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use org_core::ports::{SecretVault, VaultError};
use org_core::testing::ManualClock;
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use vault_adapter::{Credential, OpenBaoAuth, OpenBaoVault};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{fresh, open, options, options_by, root_options};
use crate::server::{Part, Server, program};
use crate::support::{Scratch, put_into, secret};

/// A token with the policy of a part.
async fn token(server: &Server, part: &Part, more: Value) -> (String, String) {
    let mut body = json!({"policies": [part.policy], "no_parent": true});
    for (key, value) in more.as_object().into_iter().flatten() {
        body[key] = value.clone();
    }
    let made = server
        .admin(Method::POST, "auth/token/create", Some(body))
        .await;
    let text = |key: &str| made["auth"][key].as_str().unwrap().to_owned();
    (text("client_token"), text("accessor"))
}

fn timed(options: vault_adapter::OpenBaoOptions) -> (Arc<ManualClock>, OpenBaoVault) {
    let clock = Arc::new(ManualClock::default());
    let vault = OpenBaoVault::new(options, clock.clone()).unwrap();
    (clock, vault)
}

async fn lookup(server: &Server, accessor: &str) -> Value {
    let body = json!({"accessor": accessor});
    server
        .admin(Method::POST, "auth/token/lookup-accessor", Some(body))
        .await["data"]
        .clone()
}

/// How many tokens a role has got so far.
async fn tokens_of(server: &Server, part: &Part) -> usize {
    let all = server
        .admin(
            Method::from_bytes(b"LIST").unwrap(),
            "auth/token/accessors",
            None,
        )
        .await;
    let mut count = 0;
    for accessor in all["data"]["keys"].as_array().unwrap() {
        let (status, found) = server
            .ask(
                Method::POST,
                "auth/token/lookup-accessor",
                Some(json!({"accessor": accessor})),
            )
            .await;
        let policies = found["data"]["policies"].as_array();
        let has = policies.is_some_and(|all| all.contains(&json!(part.policy)));
        count += usize::from(status == 200 && has);
    }
    count
}

#[tokio::test]
async fn a_token_from_a_file_is_used_and_renewed() {
    let Some((server, part, _)) = fresh().await else {
        return;
    };
    let more = json!({"ttl": "600s", "renewable": true});
    let (text, accessor) = token(server, &part, more).await;
    let scratch = Scratch::new();
    let file = scratch.write("token", &format!("{text}\n"), 0o600);
    let auth = OpenBaoAuth::Token(Credential::File(file));
    let (clock, vault) = timed(options_by(server, &part.prefix, auth));
    put_into(&vault, 1, "x").await;
    assert_eq!(lookup(server, &accessor).await.get("last_renewal"), None);
    // Before two thirds of its life nothing happens, and after that it is renewed once.
    clock.advance(TimeDelta::seconds(390));
    vault.get(secret(1)).await.unwrap();
    assert_eq!(lookup(server, &accessor).await.get("last_renewal"), None);
    clock.advance(TimeDelta::seconds(20));
    vault.get(secret(1)).await.unwrap();
    let renewed = lookup(server, &accessor).await;
    let at = renewed.get("last_renewal_time").cloned();
    assert!(at.is_some(), "{renewed}");
    vault.get(secret(1)).await.unwrap();
    assert_eq!(
        lookup(server, &accessor)
            .await
            .get("last_renewal_time")
            .cloned(),
        at
    );
}

#[tokio::test]
async fn a_dead_token_is_replaced_by_what_stands_in_its_file() {
    let Some((server, part, _)) = fresh().await else {
        return;
    };
    let (first, accessor) = token(server, &part, json!({})).await;
    let scratch = Scratch::new();
    let file = scratch.write("token", &first, 0o600);
    let auth = OpenBaoAuth::Token(Credential::File(file.clone()));
    let (clock, vault) = timed(options_by(server, &part.prefix, auth));
    put_into(&vault, 1, "x").await;
    server
        .admin(
            Method::POST,
            "auth/token/revoke-accessor",
            Some(json!({"accessor": accessor})),
        )
        .await;
    clock.advance(TimeDelta::seconds(60));
    let error = vault.get(secret(1)).await.unwrap_err();
    assert!(matches!(error, VaultError::Denied { .. }));
    insta::assert_snapshot!(error.to_string().replace(&server.address(), "<server>"), @"the vault denies access: <server> refuses logging in by a token: permission denied; put a new token into the configured file");
    let (second, _) = token(server, &part, json!({})).await;
    fs::write(&file, second).unwrap();
    clock.advance(TimeDelta::seconds(3));
    assert!(vault.get(secret(1)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_file_of_a_credential_is_looked_at_closely() {
    let Some((server, part, _)) = fresh().await else {
        return;
    };
    let scratch = Scratch::new();
    let told = async |file: std::path::PathBuf| {
        let auth = OpenBaoAuth::Token(Credential::File(file));
        let vault = open(options_by(server, &part.prefix, auth));
        let error = vault.list().await.unwrap_err();
        assert!(matches!(error, VaultError::Locked { .. }));
        crate::support::told(&scratch, &error)
    };
    insta::assert_snapshot!(told(scratch.path("none")).await, @"the vault is locked: the token cannot be read from <data>/none: No such file or directory (os error 2)");
    insta::assert_snapshot!(told(scratch.write("open", "s.x", 0o644)).await, @"the vault is locked: the token cannot be read from <data>/open: everybody may read it (mode 0644); make it yours alone: chmod 600 <data>/open");
    insta::assert_snapshot!(told(scratch.write("empty", " \n", 0o600)).await, @"the vault is locked: the token cannot be read from <data>/empty: there is no text in it");
    insta::assert_snapshot!(told(scratch.path("")).await, @"the vault is locked: the token cannot be read from <data>/: it is no plain file");
    insta::assert_snapshot!(told(scratch.write("long", &"x".repeat(70_000), 0o600)).await, @"the vault is locked: the token cannot be read from <data>/long: it is longer than 65536 bytes");
    // Characters that no header can carry are told, and panic nowhere.
    let auth = OpenBaoAuth::Token(Credential::Value(SecretString::from("a\nb")));
    let vault = open(options_by(server, &part.prefix, auth));
    let error = vault.list().await.unwrap_err();
    insta::assert_snapshot!(crate::support::told(&scratch, &error), @"the vault failed while asking the server: logging in by a token: the token has characters that no token has");
}

#[tokio::test]
async fn many_callers_log_in_once() {
    let Some((server, part, vault)) = fresh().await else {
        return;
    };
    let reads = (0..40).map(|number| vault.get(secret(number)));
    for read in futures_util::future::join_all(reads).await {
        assert!(read.unwrap().is_none());
    }
    assert_eq!(tokens_of(server, &part).await, 1);
}

#[tokio::test]
async fn an_app_role_logs_in_again_once_its_token_is_dead() {
    let Some((server, part, _)) = fresh().await else {
        return;
    };
    let (clock, vault) = timed(options(server, &part));
    put_into(&vault, 1, "x").await;
    assert_eq!(tokens_of(server, &part).await, 1);
    // Revoked by an administrator: many callers notice at once, one logs in.
    revoke_all(server, &part).await;
    assert_eq!(tokens_of(server, &part).await, 0);
    clock.advance(TimeDelta::seconds(60));
    let reads = (0..20).map(|_| vault.get(secret(1)));
    for read in futures_util::future::join_all(reads).await {
        assert!(read.unwrap().is_some());
    }
    assert_eq!(tokens_of(server, &part).await, 1);
    // Ended by the clock: no request is made with the old one.
    clock.advance(TimeDelta::hours(2));
    assert!(vault.get(secret(1)).await.unwrap().is_some());
    assert_eq!(tokens_of(server, &part).await, 2);
}

async fn revoke_all(server: &Server, part: &Part) {
    let all = server
        .admin(
            Method::from_bytes(b"LIST").unwrap(),
            "auth/token/accessors",
            None,
        )
        .await;
    for accessor in all["data"]["keys"].as_array().unwrap() {
        let body = json!({"accessor": accessor});
        let (_, found) = server
            .ask(
                Method::POST,
                "auth/token/lookup-accessor",
                Some(body.clone()),
            )
            .await;
        if found["data"]["policies"]
            .as_array()
            .is_some_and(|all| all.contains(&json!(part.policy)))
        {
            server
                .admin(Method::POST, "auth/token/revoke-accessor", Some(body))
                .await;
        }
    }
}

#[tokio::test]
async fn a_login_that_is_refused_is_told_and_not_repeated_by_the_crowd() {
    let Some((server, mut part, _)) = fresh().await else {
        return;
    };
    part.secret_id = "no-such-secret-id".to_owned();
    let (clock, vault) = timed(options(server, &part));
    let error = vault.get(secret(1)).await.unwrap_err();
    insta::assert_snapshot!(error.to_string().replace(&server.address(), "<server>"), @"the vault denies access: <server> refuses logging in by AppRole: invalid role or secret ID; compare the role id, and put a new secret id into the configured file");
    assert!(!format!("{error:?}").contains("no-such-secret-id"));
    // The same answer for a moment, and a new attempt after it.
    let again = vault.get(secret(1)).await.unwrap_err();
    assert_eq!(again.to_string(), error.to_string());
    clock.advance(TimeDelta::seconds(3));
    assert!(vault.get(secret(1)).await.is_err());
}

#[tokio::test]
async fn a_client_certificate_logs_in() {
    let Some((server, part, _)) = fresh().await else {
        return;
    };
    server
        .admin(
            Method::POST,
            &format!("auth/cert/certs/{}", part.policy),
            Some(json!({
                "certificate": server.ca_pem,
                "allowed_common_names": [part.policy],
                "token_policies": [part.policy],
            })),
        )
        .await;
    let scratch = Scratch::new();
    let (certificate, key) = server.client_certificate(&scratch.path(""), &part.policy);
    let auth = |role: Option<&str>| OpenBaoAuth::Certificate {
        mount: "cert".to_owned(),
        role: role.map(str::to_owned),
        certificate: certificate.clone(),
        key: key.clone(),
    };
    let by_role = open(options_by(server, &part.prefix, auth(Some(&part.policy))));
    put_into(&by_role, 1, "x").await;
    let by_any = open(options_by(server, &part.prefix, auth(None)));
    assert!(by_any.get(secret(1)).await.unwrap().is_some());

    // Another person's certificate.
    let elsewhere = Scratch::new();
    let (certificate, key) = server.client_certificate(&elsewhere.path(""), "somebody-else");
    let other = OpenBaoAuth::Certificate {
        mount: "cert".to_owned(),
        role: Some(part.policy.clone()),
        certificate,
        key,
    };
    let refused = open(options_by(server, &part.prefix, other));
    let error = refused.get(secret(1)).await.unwrap_err();
    assert!(matches!(error, VaultError::Denied { .. }), "{error}");
}

/// A token of a service account as a cluster issues it. Nobody here checks its signature: that is the cluster's part, below.
fn service_account_token(name: &str) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({
        "iss": "kubernetes/serviceaccount",
        "sub": format!("system:serviceaccount:forgehold:{name}"),
        "aud": ["https://kubernetes.default.svc"],
        "exp": 4_000_000_000_u64,
        "iat": 1_700_000_000,
        "kubernetes.io": {
            "namespace": "forgehold",
            "serviceaccount": {"name": name, "uid": "11111111-2222-3333-4444-555555555555"},
        },
    });
    format!(
        "{}.{}.{}",
        part(json!({"alg": "RS256", "typ": "JWT"})),
        part(claims),
        URL_SAFE_NO_PAD.encode(b"a signature that the cluster would check")
    )
}

/// The real method `kubernetes` of the server asks the cluster's API whose token it is. There is no cluster here: its one endpoint for that is
/// stood for, and answers as documented for `TokenReview`.
#[tokio::test]
async fn a_service_account_logs_in() {
    let Some((server, part, _)) = fresh().await else {
        return;
    };
    let cluster = MockServer::start().await;
    let account = format!("account-{}", part.policy);
    let review = json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "status": {
            "authenticated": true,
            "user": {
                "username": format!("system:serviceaccount:forgehold:{account}"),
                "uid": "11111111-2222-3333-4444-555555555555",
                "groups": ["system:serviceaccounts"],
            },
            "audiences": ["https://kubernetes.default.svc"],
        },
    });
    Mock::given(method("POST"))
        .and(path("/apis/authentication.k8s.io/v1/tokenreviews"))
        .respond_with(ResponseTemplate::new(201).set_body_json(review))
        .mount(&cluster)
        .await;
    // Each test has the method at a place of its own.
    let mount = format!("k8s-{}", part.policy);
    server
        .admin(
            Method::POST,
            &format!("sys/auth/{mount}"),
            Some(json!({"type": "kubernetes"})),
        )
        .await;
    server
        .admin(
            Method::POST,
            &format!("auth/{mount}/config"),
            Some(json!({
                "kubernetes_host": cluster.uri(),
                "token_reviewer_jwt": service_account_token("reviewer"),
                "disable_local_ca_jwt": true,
                "kubernetes_ca_cert": server.ca_pem,
            })),
        )
        .await;
    server
        .admin(
            Method::POST,
            &format!("auth/{mount}/role/forgehold"),
            Some(json!({
                "bound_service_account_names": [account],
                "bound_service_account_namespaces": ["forgehold"],
                "token_policies": [part.policy],
                "token_ttl": "20m",
            })),
        )
        .await;
    let scratch = Scratch::new();
    // As a cluster mounts it: for the whole pod.
    let jwt = scratch.write("jwt", &service_account_token(&account), 0o644);
    let auth = |file: std::path::PathBuf| OpenBaoAuth::Kubernetes {
        mount: mount.clone(),
        role: "forgehold".to_owned(),
        jwt: Credential::File(file),
    };
    let vault = open(options_by(server, &part.prefix, auth(jwt)));
    put_into(&vault, 1, "x").await;
    let asked = cluster.received_requests().await.unwrap();
    assert_eq!(asked.len(), 1);

    let stranger = scratch.write("stranger", &service_account_token("stranger"), 0o644);
    let refused = open(options_by(server, &part.prefix, auth(stranger)));
    let error = refused.get(secret(1)).await.unwrap_err();
    assert!(matches!(error, VaultError::Denied { .. }), "{error}");
}

#[tokio::test]
async fn a_namespace_is_a_world_of_its_own() {
    let Some((server, part, _)) = fresh().await else {
        return;
    };
    let namespace = format!("team-{}", part.policy);
    server
        .admin(Method::POST, &format!("sys/namespaces/{namespace}"), None)
        .await;
    let mount = json!({"type": "kv", "options": {"version": "2"}});
    server
        .admin(
            Method::POST,
            &format!("{namespace}/sys/mounts/secret"),
            Some(mount),
        )
        .await;
    server
        .wait_until_kv_answers(&format!("{namespace}/secret"))
        .await;
    let inside = root_options(server, &part.prefix)
        .namespace(&namespace)
        .unwrap();
    let inside = open(inside);
    put_into(&inside, 1, "inside").await;
    let outside = open(root_options(server, &part.prefix));
    assert!(outside.get(secret(1)).await.unwrap().is_none());
    let nowhere = root_options(server, &part.prefix)
        .namespace("no-such")
        .unwrap();
    let error = open(nowhere).list().await.unwrap_err();
    assert!(
        matches!(
            error,
            VaultError::WrongMount { .. } | VaultError::Denied { .. }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_wrong_place_is_told() {
    let Some(program) = program() else { return };
    let server = Server::shared(program).await;
    let part = server.part().await;
    let told = async |options: vault_adapter::OpenBaoOptions| {
        let error = open(options).list().await.unwrap_err();
        assert!(matches!(error, VaultError::WrongMount { .. }), "{error:?}");
        error.to_string().replace(&server.address(), "<server>")
    };
    insta::assert_snapshot!(told(options(server, &part).mount("nowhere").unwrap()).await, @"the vault has no such place: <server> has no `nowhere`, or its policy gives this role nothing in it; compare the mount with what the vault lists, and the policy with docs/vault-policy.hcl");
    insta::assert_snapshot!(told(root_options(server, "x").mount("old").unwrap()).await, @"the vault has no such place: `old` of <server> is kv of version 1, and Forgehold needs kv of version 2; name another mount, or make one: bao secrets enable -path=NAME -version=2 kv");
    insta::assert_snapshot!(told(root_options(server, "x").mount("transit").unwrap()).await, @"the vault has no such place: `transit` of <server> is an engine of type transit, and Forgehold needs kv of version 2; name another mount, or make one: bao secrets enable -path=NAME -version=2 kv");
    let auth = OpenBaoAuth::AppRole {
        mount: "elsewhere".to_owned(),
        role_id: part.role_id.clone(),
        secret_id: Credential::Value(SecretString::from(part.secret_id.as_str())),
    };
    // The server says of a method that is not there what it says of one that refuses.
    let error = open(options_by(server, &part.prefix, auth))
        .list()
        .await
        .unwrap_err();
    insta::assert_snapshot!(error.to_string().replace(&server.address(), "<server>"), @"the vault denies access: <server> refuses logging in by AppRole: permission denied; see that the method is enabled at auth/elsewhere, and compare the role id, and put a new secret id into the configured file");
}
