//! The settings of a provider of `OpenID` Connect, which only make sense together.

use std::path::PathBuf;

use org_core::accounts::{GroupRole, Role};
use org_core::oauth::RedirectUri;
use url::Url;

use super::layers::Layers;
use super::values::{self, Parsed, Written};

/// Where the provider sends browsers back to, below the public address.
const CALLBACK: &str = "sign-in/callback";

/// A provider of `OpenID` Connect that vouches for people.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OidcSettings {
    /// The provider, exactly as it writes itself.
    pub issuer: String,
    /// What this installation is known as there.
    pub client_id: String,
    /// The file with the client secret, for a confidential application.
    pub client_secret_file: Option<PathBuf>,
    /// What the button says behind "Sign in with".
    pub label: String,
    /// What is asked for besides `openid`.
    pub scopes: Vec<String>,
    /// The claim that has the groups.
    pub groups_claim: String,
    /// Which group gets which role.
    pub roles: Vec<GroupRole>,
    /// Whether an account is made at the first sign-in.
    pub create_accounts: bool,
    /// Where the provider sends browsers back to.
    pub redirect: RedirectUri,
}

fn word(text: &Written<'_>) -> Parsed<String> {
    let typed = text.text.trim();
    if typed.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(typed.to_owned())
    } else {
        Err(format!("write {} without a space in it", text.key.takes))
    }
}

fn line(text: &Written<'_>) -> Parsed<String> {
    let typed = text.text.trim();
    if typed.is_empty() || typed.chars().count() > 60 || typed.chars().any(char::is_control) {
        return Err("write 1 to 60 characters on one line".to_owned());
    }
    Ok(typed.to_owned())
}

fn role(text: &Written<'_>) -> Parsed<GroupRole> {
    // The last sign counts: a group may have one in its name.
    let (group, role) = text
        .text
        .rsplit_once('=')
        .ok_or_else(|| format!("`{}` is not GROUP=ROLE", text.text))?;
    let role = role.trim();
    let parsed: Role = role
        .parse()
        .map_err(|_| format!("`{role}` is none of viewer, operator and administrator"))?;
    match group.trim() {
        "" => Err(format!("`{}` names no group", text.text)),
        group => Ok(GroupRole {
            group: group.to_owned(),
            role: parsed,
        }),
    }
}

fn yes_or_no(text: &Written<'_>) -> Parsed<bool> {
    match text.text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(values::one_of(text)),
    }
}

/// Reads all of them; the inner `None` without an issuer, which turns the provider off.
#[expect(
    clippy::option_option,
    reason = "a mistake is one thing, and no provider another, as for every setting here"
)]
pub(super) fn take(layers: &mut Layers, public_url: Option<&Url>) -> Option<Option<OidcSettings>> {
    let issuer = layers.take("server.oidc.issuer", word);
    let client_id = layers.take("server.oidc.client_id", word);
    let client_secret_file = layers.take("server.oidc.client_secret_file", values::optional_path);
    let label = layers.take("server.oidc.label", line);
    let scopes = layers.take_list("server.oidc.scopes", ',', word);
    let groups_claim = layers.take("server.oidc.groups_claim", line);
    let roles = layers.take_list("server.oidc.roles", ',', role);
    let create_accounts = layers.take("server.oidc.create_accounts", yes_or_no);

    let issuer = issuer?;
    if issuer.is_empty() {
        return Some(None);
    }
    if client_id.as_deref() == Some("") {
        let needed = "this is needed for `server.oidc.issuer`";
        layers.refuse("server.oidc.client_id", needed.to_owned());
    }
    if roles.as_ref().is_some_and(Vec::is_empty) {
        let nobody = "without a role for a group nobody gets in; write something like \"admins=administrator\"";
        layers.refuse("server.oidc.roles", nobody.to_owned());
    }
    let redirect = public_url.and_then(|base| {
        let address = base.join(CALLBACK).ok()?;
        address.as_str().parse::<RedirectUri>().ok()
    });
    if redirect.is_none() {
        let needed = "this needs `server.public_url` with https, or with http and 127.0.0.1, where the provider sends browsers back to";
        layers.refuse("server.oidc.issuer", needed.to_owned());
    }
    Some(Some(OidcSettings {
        issuer,
        client_id: client_id?,
        client_secret_file: client_secret_file?,
        label: label?,
        scopes: scopes?,
        groups_claim: groups_claim?,
        roles: roles?,
        create_accounts: create_accounts?,
        redirect: redirect?,
    }))
}
