//! An examination of an installation: what is well, what needs attention, and what to do about it.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;

use org_core::host::HostUrl;
use org_core::organization::{AuthMethod, Organization, Status};
use org_core::ports::Probe;
use org_core::use_cases::vaults;

use crate::config::Config;
use crate::environment::Environment;
use crate::open::Runtime;
use crate::vaults::EMBEDDED;

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// As it should be.
    Good,
    /// It works, but somebody should look.
    Warning,
    /// It does not work.
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub what: String,
    /// How it is.
    pub state: State,
    /// What was seen.
    pub detail: String,
    /// What to do about it, if something is to be done.
    pub next_step: Option<String>,
}

impl Finding {
    fn new(what: impl Into<String>, state: State, detail: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            state,
            detail: detail.into(),
            next_step: None,
        }
    }

    fn next(mut self, step: impl Into<String>) -> Self {
        self.next_step = Some(step.into());
        self
    }
}

/// Looks at everything, and goes on after what is broken.
pub async fn examine(config: &Config) -> Vec<Finding> {
    examine_in(config, Environment::of_machine()).await
}

/// The same with another time, other waiting or other ids than those of the machine.
pub async fn examine_in(config: &Config, environment: Environment) -> Vec<Finding> {
    let mut findings = vec![data_directory(config)];
    let runtime = match Runtime::open_in(config, environment).await {
        Ok(runtime) => runtime,
        Err(error) => {
            findings.push(
                Finding::new("installation", State::Problem, error.to_string())
                    .next("mend this first; nothing else can be looked at before"),
            );
            return findings;
        }
    };
    findings.extend(of_running(&runtime).await);
    runtime.close().await;
    findings
}

/// The same in a program that has the installation open.
pub async fn examine_running(config: &Config, runtime: &Runtime) -> Vec<Finding> {
    let mut findings = vec![data_directory(config)];
    findings.extend(of_running(runtime).await);
    findings
}

async fn of_running(runtime: &Runtime) -> Vec<Finding> {
    let mut findings = vec![database(runtime).await, vault(runtime).await];
    findings.extend(servers(runtime).await);
    findings.extend(organizations(runtime).await);
    findings
}

fn data_directory(config: &Config) -> Finding {
    let what = "data directory";
    let path = config.data_dir.display();
    match fs::metadata(&config.data_dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if fs::symlink_metadata(&config.data_dir).is_ok() {
                Finding::new(what, State::Problem, format!("{path} is a link to nowhere")).next(
                    "make the directory that it points at, or choose another one with --data-dir",
                )
            } else {
                Finding::new(
                    what,
                    State::Good,
                    format!("{path} is made at the first use"),
                )
            }
        }
        Err(error) => Finding::new(what, State::Problem, format!("{path}: {error}"))
            .next("choose another one with --data-dir or make it yours"),
        Ok(metadata) if !metadata.is_dir() => {
            Finding::new(what, State::Problem, format!("{path} is not a directory"))
                .next("choose another one with --data-dir")
        }
        Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => {
            Finding::new(what, State::Warning, format!("others may look into {path}"))
                .next(format!("chmod 700 {}", word(&path.to_string())))
        }
        Ok(_) => Finding::new(what, State::Good, path.to_string()),
    }
}

async fn database(runtime: &Runtime) -> Finding {
    let what = "database";
    let restore = "stop every program that uses it and restore it from a copy";
    match runtime.store().check().await {
        Ok(report) if report.is_sound() => {
            let detail = format!("version {}, {} events hold", report.version, report.events);
            Finding::new(what, State::Good, detail)
        }
        Ok(report) => {
            let mut damage = report.damage;
            damage.extend(report.broken.map(|broken| broken.to_string()));
            Finding::new(what, State::Problem, damage.join("; ")).next(restore)
        }
        Err(error) => Finding::new(what, State::Problem, error.to_string()).next(restore),
    }
}

async fn vault(runtime: &Runtime) -> Finding {
    let what = "password manager";
    match runtime.vault().check().await {
        Ok(report) if report.is_sound() => {
            let detail = format!(
                "the vault {EMBEDDED} has {} secrets, every one readable",
                report.secrets
            );
            Finding::new(what, State::Good, detail)
        }
        Ok(report) => {
            let damaged: Vec<String> = report
                .damaged
                .iter()
                .map(|damage| damage.reference.to_string())
                .collect();
            let detail = format!("unreadable in the vault {EMBEDDED}: {}", damaged.join(", "));
            Finding::new(what, State::Problem, detail)
                .next("restore the vault from a copy, or reconnect what uses these secrets")
        }
        Err(error) => Finding::new(what, State::Problem, error.to_string())
            .next("look at the key of the vault"),
    }
}

/// The vaults on servers: whether each answers and lets this program in.
async fn servers(runtime: &Runtime) -> Vec<Finding> {
    let mut findings = Vec::new();
    for row in vaults::list(runtime.ports()).await {
        if row.name.as_str() == EMBEDDED {
            continue;
        }
        let what = format!("vault {}", row.name);
        findings.push(match row.health {
            Ok(health) => Finding::new(what, State::Good, health.description),
            Err(error) => Finding::new(what, State::Problem, error.to_string())
                .next("docs/vault.md tells what each of these means; syncs wait meanwhile"),
        });
    }
    findings
}

async fn organizations(runtime: &Runtime) -> Vec<Finding> {
    let ports = runtime.ports();
    let roster = match ports.organizations.roster().await {
        Ok(roster) => roster,
        Err(error) => {
            return vec![Finding::new(
                "organizations",
                State::Problem,
                error.to_string(),
            )];
        }
    };
    let present: Vec<&Organization> = roster
        .organizations
        .iter()
        .filter(|organization| !matches!(organization.status, Status::Removed { .. }))
        .collect();
    let hosts: BTreeSet<&HostUrl> = present
        .iter()
        .map(|organization| &organization.host)
        .collect();
    let mut findings = Vec::new();
    for host in hosts {
        findings.push(reachability(runtime, host).await);
    }
    findings.extend(
        present
            .into_iter()
            .map(|organization| health(runtime, organization)),
    );
    findings
}

async fn reachability(runtime: &Runtime, host: &HostUrl) -> Finding {
    let report = runtime
        .ports()
        .host
        .probe(&Probe {
            host: host.clone(),
            credential: None,
        })
        .await;
    let what = format!("host {host}");
    if let Some(step) = report.failure() {
        let detail = step.result.clone().err().unwrap_or_default();
        let detail = format!("{}: {detail}", step.kind.as_str());
        return Finding::new(what, State::Problem, detail)
            .next("check the address, the network and the host");
    }
    let steps: Vec<String> = report
        .steps
        .iter()
        .map(|step| format!("{} {} ms", step.kind.as_str(), step.took.as_millis()))
        .collect();
    Finding::new(what, State::Good, steps.join(", "))
}

fn health(runtime: &Runtime, organization: &Organization) -> Finding {
    let what = format!("organization {}", organization.name);
    match &organization.status {
        Status::ActionRequired(reason) => {
            Finding::new(what, State::Problem, reason.explain()).next(reason.next_step())
        }
        Status::Paused => Finding::new(what, State::Warning, "paused").next(format!(
            "forgehold org resume {}",
            word(organization.name.as_str())
        )),
        Status::Connected | Status::Removed { .. } => {
            if let Some(finding) = sign_in(runtime, organization, &what) {
                return finding;
            }
            let now = runtime.ports().clock.now();
            let token = organization.auth.token();
            match (token.days_left(now), token.notice_due(now)) {
                (Some(days), Some(_)) => {
                    let detail = match days {
                        0 => "its access token has stopped working".to_owned(),
                        1 => "its access token stops working in 1 day".to_owned(),
                        _ => format!("its access token stops working in {days} days"),
                    };
                    // One that has stopped working cannot be shown to the host for another.
                    let next = match days {
                        0 => "make a new token and reconnect".to_owned(),
                        _ => format!(
                            "forgehold org rotate-token {}, or make a new token and reconnect",
                            word(organization.name.as_str())
                        ),
                    };
                    Finding::new(what, State::Warning, detail).next(next)
                }
                (Some(days), None) => Finding::new(
                    what,
                    State::Good,
                    format!("connected; token good for {days} days"),
                ),
                (None, _) => Finding::new(what, State::Good, "connected; token without expiry"),
            }
        }
    }
}

/// How a sign-in is; nothing where an organization has a token of its own.
fn sign_in(runtime: &Runtime, organization: &Organization, what: &str) -> Option<Finding> {
    let AuthMethod::Sso { client, .. } = &organization.auth else {
        return None;
    };
    let host = &organization.host;
    let configured = runtime.ports().host.client(host);
    Some(if configured.as_ref() == Some(client) {
        let detail = "connected; its sign-in renews itself";
        Finding::new(what, State::Good, detail)
    } else {
        let detail = format!(
            "it signed in to the application {client} of {host}, which the configuration does not name, so its sign-in cannot be renewed"
        );
        let step = "name that application in `oauth.clients`, or sign in again: reconnect";
        Finding::new(what, State::Problem, detail).next(step)
    })
}

/// A text as one word of a command line, to be copied into a shell.
pub fn word(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./@:+,=%".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn commands_can_be_copied() {
        let check = |text: &str, expected: &str| assert_eq!(word(text), expected);
        check("alice@gitlab.com", "alice@gitlab.com");
        check("/var/lib/forgehold", "/var/lib/forgehold");
        check("Acme Inc", "'Acme Inc'");
        check("Ann's", r"'Ann'\''s'");
        check("$(reboot)", "'$(reboot)'");
        check("", "''");
    }
}
