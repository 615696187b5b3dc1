//! Reads any plan with other eyes before it is applied.
//!
//! The planner should never make such a plan. The check does not trust it: a plan that contradicts itself is a bug, and is stopped before it
//! does harm.

use std::collections::HashSet;

use crate::sync::plan::{GroupChange, RepositoryChange, SyncPlan};

/// What is wrong with a plan, each in words; empty when it may be applied.
pub fn check_plan(plan: &SyncPlan) -> Vec<String> {
    let mut notes = Vec::new();
    let mut last = None;
    let (mut added, mut vanished) = (HashSet::new(), HashSet::new());
    for change in &plan.repositories {
        let id = match change {
            RepositoryChange::Added { repository, .. } => {
                added.insert(repository.id);
                repository.id
            }
            RepositoryChange::Vanished { repository } => {
                vanished.insert(repository.id);
                repository.id
            }
            RepositoryChange::Updated { before, after }
            | RepositoryChange::Returned { before, after } => {
                if before.id != after.id {
                    notes.push(format!(
                        "repository {} would become {}",
                        before.id, after.id
                    ));
                }
                after.id
            }
        };
        if last >= Some(id) {
            notes.push(format!("repository {id} stands twice or out of order"));
        }
        last = Some(id);
    }
    for id in &plan.left_scope {
        if !vanished.contains(id) {
            notes.push(format!("repository {id} would leave the scope and stay"));
        }
    }
    let mut last = None;
    for change in &plan.groups {
        let id = match change {
            GroupChange::Added(group)
            | GroupChange::Returned(group)
            | GroupChange::Vanished(group)
            | GroupChange::Updated { after: group, .. } => group.id,
        };
        if last >= Some(id) {
            notes.push(format!("group {id} stands twice or out of order"));
        }
        last = Some(id);
    }
    if !plan.missing.is_empty()
        && plan
            .groups
            .iter()
            .any(|change| matches!(change, GroupChange::Vanished(_)))
    {
        notes.push("groups would vanish because of a partial listing".to_owned());
    }
    for request in &plan.seats.request {
        if request.key.organization != plan.organization {
            notes.push(format!(
                "repository {} belongs to another organization",
                request.key.repository
            ));
        } else if !added.contains(&request.key.repository) {
            notes.push(format!(
                "repository {} asks for a license, but is not new",
                request.key.repository
            ));
        }
    }
    let mut released = HashSet::new();
    for release in &plan.seats.release {
        if release.key.organization != plan.organization {
            notes.push(format!(
                "repository {} belongs to another organization",
                release.key.repository
            ));
        }
        if !released.insert(release.key.repository) {
            notes.push(format!(
                "repository {} gives up its license twice",
                release.key.repository
            ));
        }
    }
    notes
}
