//! Several vaults, one of which is away.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;
use server::http::limits::Limits;

use crate::bao::free_port;
use crate::support::House;

#[tokio::test]
async fn a_vault_that_is_away_takes_no_other_along() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    fs::write(&file, "a token").expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("it is ours");
    let address = format!("http://127.0.0.1:{}", free_port());
    let settings = [
        ("FORGEHOLD_OPENBAO__ADDRESS", address.as_str()),
        ("FORGEHOLD_OPENBAO__AUTH", "token"),
        (
            "FORGEHOLD_OPENBAO__TOKEN_FILE",
            file.to_str().expect("a path"),
        ),
    ];
    let house = House::with(&settings, Limits::default()).await;
    let listed = house.get("/secrets").await;
    assert_eq!(listed.status, 200, "{}", listed.text);
    assert_eq!(listed.body["items"], json!([]));
    assert_eq!(listed.body["unanswered"][0]["vault"], "openbao");
    let detail = listed.body["unanswered"][0]["detail"].as_str();
    assert!(
        detail.is_some_and(|detail| detail.starts_with("the vault cannot be reached")),
        "{detail:?}"
    );
    // Whether there is such a secret is known to nobody.
    let shown = house.get("/secrets/gitlab").await;
    assert_eq!(shown.problem(), "503 unavailable");
}
