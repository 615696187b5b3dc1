//! What a failure means for whoever wanted something of the vault, and what to do about it.

use org_core::ports::VaultError;

use super::transport::Failure;

/// What the server says when somebody wrote a newer version (`OpenBao` 2.7, `HashiCorp` Vault 1.2 and later).
const STALE: &str = "check-and-set parameter did not match the current version";

impl Failure {
    /// Whether the version is not the newest any more.
    pub(super) fn is_stale(&self) -> bool {
        matches!(self, Self::Refused { status: 400, errors } if errors.iter().any(|text| text.contains(STALE)))
    }

    /// Whether there is nothing, as far as the caller may know; a path without an engine behind it is another matter.
    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. }) && !self.is_nowhere()
    }

    pub(super) fn is_denied(&self) -> bool {
        matches!(self, Self::Refused { status: 403, .. })
    }

    /// Whether no engine is mounted there, or there is no such namespace.
    fn is_nowhere(&self) -> bool {
        self.says(&[
            "no handler for route",
            "namespace not found",
            "unsupported path",
        ])
    }

    fn says(&self, any: &[&str]) -> bool {
        let Self::Refused { errors, .. } = self else {
            return false;
        };
        errors
            .iter()
            .any(|text| any.iter().any(|part| text.to_lowercase().contains(part)))
    }

    /// The error of the port. `place` is the server's address, `doing` what was tried, on what.
    pub(super) fn sort(self, place: &str, doing: &str) -> VaultError {
        let nowhere = self.is_nowhere();
        let sealed = self.says(&["is sealed"]);
        let stands_by = self.says(&[
            "local node not active",
            "active cluster node not found",
            "standby",
        ]);
        match self {
            Self::Lost(reason) => VaultError::Unavailable {
                detail: format!("no answer from {place} while {doing}: {reason}; see that the server runs and that the network lets this machine reach it"),
            },
            Self::Elsewhere(to) => VaultError::Standby {
                place: place.to_owned(),
                detail: if to.is_empty() {
                    "it sends elsewhere without saying where; give the address of the active server".to_owned()
                } else {
                    format!("it sends to {to}; give the address of the active server, or of what stands before all of them")
                },
            },
            Self::Refused { status, errors } => {
                let said = if errors.is_empty() {
                    format!("status {status}")
                } else {
                    errors.join("; ")
                };
                match status {
                    _ if sealed => VaultError::Sealed {
                        place: place.to_owned(),
                    },
                    _ if stands_by => VaultError::Standby {
                        place: place.to_owned(),
                        detail: format!("{said}; it goes on once a server has become the active one"),
                    },
                    429 | 472 | 473 | 502 | 503 | 504 | 412 | 500 => VaultError::Unavailable {
                        detail: format!("{place} cannot do it now while {doing}: {said}; try again later"),
                    },
                    _ if nowhere => VaultError::WrongMount {
                        detail: format!("{place} has nothing there while {doing}: {said}; check `mount`, `namespace` and the mount of the auth method in the configuration"),
                    },
                    401 | 403 => VaultError::Denied {
                        detail: format!("{place} refuses {doing}: {said}; compare the policy of this role with docs/vault-policy.hcl"),
                    },
                    404 => VaultError::WrongMount {
                        detail: format!("{place} has nothing there while {doing}: {said}"),
                    },
                    _ => VaultError::Other {
                        step: "talking to the server",
                        source: format!("{place} answers with status {status} while {doing}: {said}").into(),
                    },
                }
            }
            Self::Strange(what) => VaultError::Other {
                step: "reading what the server answered",
                source: format!("{place}, while {doing}: {what}; see that the address is the one of an OpenBao or HashiCorp Vault server").into(),
            },
            Self::Unsendable(what) => VaultError::Other {
                step: "asking the server",
                source: format!("{doing}: {what}").into(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, error: &str, expected: &str) {
        let failure = Failure::Refused {
            status,
            errors: vec![error.to_owned()],
        };
        let sorted = failure.sort("https://bao", "reading a secret");
        let kind = format!("{sorted:?}");
        let kind = kind.split([' ', '{']).next().unwrap_or_default();
        assert_eq!(kind, expected, "{status} {error}");
    }

    #[test]
    fn each_refusal_is_an_error_of_its_own() {
        check(503, "Vault is sealed", "Sealed");
        check(503, "error performing seal check", "Unavailable");
        check(
            500,
            "local node not active but active cluster node not found",
            "Standby",
        );
        check(
            429,
            "request path \"secret/data/x\": rate limit quota exceeded",
            "Unavailable",
        );
        check(403, "permission denied", "Denied");
        check(
            404,
            "no handler for route \"x/data/y\". route entry not found.",
            "WrongMount",
        );
        check(404, "namespace not found", "WrongMount");
        check(418, "teapot", "Other");
    }

    #[test]
    fn only_what_is_not_there_is_absent() {
        let refused = |status, errors: &[&str]| Failure::Refused {
            status,
            errors: errors.iter().map(|&text| text.to_owned()).collect(),
        };
        assert!(refused(404, &[]).is_absent());
        assert!(!refused(404, &["no handler for route \"x\". route entry not found."]).is_absent());
        assert!(!refused(403, &[]).is_absent());
        assert!(refused(400, &[STALE]).is_stale());
        assert!(!refused(400, &["other"]).is_stale());
    }
}
