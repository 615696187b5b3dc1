//! What another policy would say about the repositories that are there, beside what the present one says: for a person to look at before they save.

use crate::license::policy::{Action, LicensePolicy};
use crate::ports::{Ports, RepositoryRow};
use crate::use_cases::UseCaseError;
use crate::use_cases::licenses::{Trial, try_policy};

/// How many repositories are read at a time.
const PAGE: u32 = 1000;

/// What another policy would change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PolicyPreview {
    /// How many repositories were looked at.
    pub looked_at: u64,
    /// Whether there are more that were not.
    pub more: bool,
    /// How many of them the policy would let have a license.
    pub included: u64,
    /// How many it lets in that the present one keeps out.
    pub newly_included: u64,
    /// How many it keeps out that the present one lets in.
    pub newly_excluded: u64,
    /// Some of those that change, in the order of their paths.
    pub examples: Vec<PolicyChange>,
}

/// A repository about which two policies differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyChange {
    /// The repository.
    pub row: RepositoryRow,
    /// What the other policy says.
    pub action: Action,
    /// The rule that says so.
    pub by: String,
}

/// Compares `policy` with the present one on at most `most` repositories, in the order of their paths, and shows at most `examples` of those that
/// change. Nothing changes: who has a license keeps it, and a policy decides on what is found from now on.
pub async fn policy_preview(
    ports: &Ports,
    policy: &LicensePolicy,
    most: u64,
    examples: usize,
) -> Result<PolicyPreview, UseCaseError> {
    let present = ports.licenses.policy().await?;
    let mut preview = PolicyPreview::default();
    let mut after: Option<String> = None;
    loop {
        let page = try_policy(ports, policy, None, after.as_deref(), PAGE).await?;
        for trial in page.items {
            preview.count(&present, trial, examples);
        }
        after = page.next;
        preview.more = after.is_some();
        if after.is_none() || preview.looked_at >= most {
            return Ok(preview);
        }
    }
}

impl PolicyPreview {
    fn count(&mut self, present: &LicensePolicy, trial: Trial, examples: usize) {
        use crate::inventory::Ownership;

        self.looked_at += 1;
        self.included += u64::from(trial.action == Action::Include);
        // What is only shared in gets a license by no policy.
        if trial.row.known.repository.ownership == Ownership::SharedIn {
            return;
        }
        let (before, _) = present.verdict(&trial.row.known.repository);
        if before == trial.action {
            return;
        }
        match trial.action {
            Action::Include => self.newly_included += 1,
            Action::Exclude => self.newly_excluded += 1,
        }
        if self.examples.len() < examples {
            self.examples.push(PolicyChange {
                row: trial.row,
                action: trial.action,
                by: trial.by,
            });
        }
    }
}
