//! Which scope of GitLab allows what (GitLab docs, personal access tokens, "Scopes").

use org_core::oauth::Access;
use org_core::token::Capability;

/// From the least powerful scope to the most powerful one.
const BY_POWER: [&str; 9] = [
    "read_user",
    "read_registry",
    "read_repository",
    "write_repository",
    "read_api",
    "self_rotate",
    "api",
    "admin_mode",
    "sudo",
];

/// The scopes of which any one allows `capability`, the least powerful first.
///
/// `read_api` reads everything of the API, but no code by git; `api` allows both ways of both.
pub(crate) fn scopes_for(capability: Capability) -> &'static [&'static str] {
    match capability {
        Capability::List | Capability::ReadMetadata => &["read_api", "api"],
        Capability::Clone => &["read_repository", "write_repository", "api"],
        Capability::RestoreCode => &["write_repository", "api"],
        Capability::RestoreMetadata | Capability::ManageWebhooks => &["api"],
    }
}

/// What a sign-in asks for. `api` covers all that restoring needs, git included; reading asks for nothing that can write.
pub(crate) fn asked_for(access: Access) -> &'static [&'static str] {
    match access {
        Access::Read => &["read_api", "read_user", "read_repository"],
        Access::Restore => &["api"],
    }
}

/// The scopes of which any one lets a token ask whose it is.
pub(crate) const WHOSE: [&str; 3] = ["read_user", "read_api", "api"];

/// Puts scopes in the order in which a person should consider them; unknown ones come last.
pub(crate) fn least_powerful_first(scopes: &mut [String]) {
    scopes.sort_by_key(|scope| {
        let power = BY_POWER.iter().position(|known| known == scope);
        power.unwrap_or(BY_POWER.len())
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_asks_for_enough_and_not_for_more() {
        let allows = |access: Access, capability: Capability| {
            let asked = asked_for(access);
            scopes_for(capability)
                .iter()
                .any(|scope| asked.contains(scope))
        };
        for &capability in Capability::ALL {
            assert!(allows(Access::Restore, capability), "{capability}");
        }
        let reading: Vec<&str> = Capability::ALL
            .iter()
            .filter(|&&capability| allows(Access::Read, capability))
            .map(|capability| capability.as_str())
            .collect();
        assert_eq!(reading, ["list", "clone", "read_metadata"]);
    }

    #[test]
    fn every_capability_names_the_least_powerful_scope_first() {
        for &capability in Capability::ALL {
            let scopes = scopes_for(capability);
            let mut sorted: Vec<String> = scopes.iter().map(|&scope| scope.to_owned()).collect();
            least_powerful_first(&mut sorted);
            assert_eq!(sorted, scopes, "{capability}");
            assert_eq!(scopes.last(), Some(&"api"), "`api` allows everything");
        }
    }
}
