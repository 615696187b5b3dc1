//! The scopes of an instance, in the words of its consent page.

/// What is granted when no scope is asked for.
pub(super) const DEFAULT: &str = "api";

/// Scopes and what they allow (GitLab's `doorkeeper.en.yml`).
pub(super) const ALL: &[(&str, &str)] = &[
    ("api", "Access the API on your behalf"),
    ("read_api", "Read API"),
    ("read_user", "Read your personal information"),
    ("create_runner", "Create runners"),
    ("manage_runner", "Manage runners"),
    ("k8s_proxy", "Perform Kubernetes API calls on your behalf"),
    ("self_rotate", "Rotate this token"),
    (
        "read_repository",
        "Allows read-only access to the repository",
    ),
    (
        "write_repository",
        "Allows read-write access to the repository",
    ),
    ("read_registry", "Read images in the registry"),
    ("write_registry", "Write images to the registry"),
    ("read_virtual_registry", "Read from the virtual registry"),
    ("write_virtual_registry", "Write to the virtual registry"),
    ("ai_features", "Access to API endpoints for AI features"),
    ("sudo", "Perform API actions as any user in the system"),
    (
        "admin_mode",
        "Admin Mode is a functionality designed to limit the access level of administrators",
    ),
    ("read_service_ping", "Read Service Ping payloads"),
    ("openid", "Authenticate using OpenID Connect"),
    (
        "profile",
        "Read-only access to your personal information using OpenID Connect",
    ),
    (
        "email",
        "Read-only access to your primary email address using OpenID Connect",
    ),
];

pub(super) fn is_known(scope: &str) -> bool {
    ALL.iter().any(|(known, _)| *known == scope)
}

pub(super) fn describe(scope: &str) -> &str {
    ALL.iter()
        .find(|(known, _)| *known == scope)
        .map_or(scope, |(_, text)| text)
}

/// The scopes of a parameter, each once, in its order.
pub(super) fn parse(text: &str) -> Vec<String> {
    let mut scopes: Vec<String> = Vec::new();
    for scope in text.split_whitespace() {
        if !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    scopes
}
