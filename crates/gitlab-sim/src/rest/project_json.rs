//! The JSON of a project, in its short and its full form.

use serde_json::{Value, json};

use super::Ctx;
use super::entities::{extend, namespace_basic, ssh_host, time, user_basic};
use crate::world::{GroupId, Project};

/// The short form of a project (`simple=true`, and what strangers get).
pub(super) fn simple(ctx: &Ctx<'_>, project: &Project) -> Value {
    let full_path = ctx.world.project_full_path(project);
    let namespace_name = ctx.world.namespace_name(project.namespace);
    let base = &ctx.shared.url;
    let host = ssh_host(base);
    let mut value = json!({
        "id": project.id.0,
        "description": project.description,
        "name": project.name,
        "name_with_namespace": format!("{namespace_name} / {}", project.name),
        "path": project.path,
        "path_with_namespace": full_path,
        "created_at": time(project.created_at),
        "tag_list": project.topics,
        "topics": project.topics,
        "ssh_url_to_repo": format!("git@{host}:{full_path}.git"),
        "http_url_to_repo": format!("{base}/{full_path}.git"),
        "web_url": format!("{base}/{full_path}"),
        "avatar_url": null,
        "star_count": project.star_count,
        "last_activity_at": time(project.last_activity_at),
        "visibility": project.visibility.as_str(),
        "namespace": namespace_basic(ctx, project.namespace),
    });
    if ctx.access.reads_code(ctx.world, project) {
        // An empty repository still names its default branch.
        extend(
            &mut value,
            json!({
                "default_branch": project.default_branch,
                "readme_url": (!project.empty_repo).then(|| {
                    format!("{base}/{full_path}/-/blob/{}/README.md", project.default_branch)
                }),
                "forks_count": 0,
            }),
        );
    }
    if ctx.access.admin {
        value["repository_storage"] = "default".into();
    }
    value
}

/// Whether the full form tells the viewer's own access (`permissions`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WithAccess {
    Yes,
    No,
}

/// The full form of a project.
pub(super) fn full(ctx: &Ctx<'_>, project: &Project, with_access: WithAccess) -> Value {
    let mut value = simple(ctx, project);
    let full_path = ctx.world.project_full_path(project);
    let base = &ctx.shared.url;
    let marked = project.marked_for_deletion_on.map(|day| day.to_string());
    let api = format!("{base}/api/v4/projects/{}", project.id);
    extend(
        &mut value,
        json!({
            "container_registry_image_prefix": format!("registry.{}/{full_path}", ssh_host(base)),
            "_links": {
                "self": api,
                "issues": format!("{api}/issues"),
                "merge_requests": format!("{api}/merge_requests"),
                "repo_branches": format!("{api}/repository/branches"),
                "labels": format!("{api}/labels"),
                "events": format!("{api}/events"),
                "members": format!("{api}/members"),
                "cluster_agents": format!("{api}/cluster_agents"),
            },
            "marked_for_deletion_at": marked,
            "marked_for_deletion_on": marked,
            "packages_enabled": true,
            "empty_repo": project.empty_repo,
            "archived": ctx.world.project_archived(project),
            "resolve_outdated_diff_discussions": false,
            "container_expiration_policy": {
                "cadence": "1d", "enabled": false, "keep_n": 10, "older_than": "90d",
                "name_regex": ".*", "name_regex_delete": ".*", "name_regex_keep": null,
                "next_run_at": time(project.created_at),
            },
            "repository_object_format": "sha1",
            "issues_enabled": true,
            "merge_requests_enabled": project.repository_enabled,
            "wiki_enabled": true,
            "jobs_enabled": project.repository_enabled,
            "snippets_enabled": true,
            "container_registry_enabled": true,
            "service_desk_enabled": false,
            "service_desk_address": null,
            "can_create_merge_request_in": project.repository_enabled,
        }),
    );
    extend(&mut value, features(project));
    extend(&mut value, merge_settings());
    value["shared_with_groups"] = shared_with(ctx, project).into();
    if ctx.shared.config.enterprise {
        extend(
            &mut value,
            json!({ "approvals_before_merge": 0, "mirror": false }),
        );
    }
    if let Some(owner) = ctx.world.personal_owner(project.namespace) {
        value["owner"] = user_basic(ctx.shared, owner);
    }
    if let Some(origin) = project
        .forked_from
        .and_then(|id| ctx.world.projects.get(&id))
        && ctx.access.sees_project(ctx.world, origin)
    {
        value["forked_from_project"] = simple(ctx, origin);
    }
    if ctx.access.administers(ctx.world, project) {
        extend(&mut value, ci_settings());
    }
    if with_access == WithAccess::Yes {
        value["permissions"] = permissions(ctx, project);
    }
    value
}

fn features(project: &Project) -> Value {
    let code = if project.repository_enabled {
        "enabled"
    } else {
        "disabled"
    };
    json!({
        "issues_access_level": "enabled",
        "repository_access_level": code,
        "merge_requests_access_level": code,
        "forking_access_level": code,
        "wiki_access_level": "enabled",
        "builds_access_level": code,
        "snippets_access_level": "enabled",
        "pages_access_level": "private",
        "analytics_access_level": "enabled",
        "container_registry_access_level": "enabled",
        "security_and_compliance_access_level": "private",
        "releases_access_level": "enabled",
        "environments_access_level": "enabled",
        "feature_flags_access_level": "enabled",
        "infrastructure_access_level": "enabled",
        "monitor_access_level": "enabled",
        "model_experiments_access_level": "enabled",
        "model_registry_access_level": "enabled",
        "package_registry_access_level": "enabled",
        "emails_disabled": false,
        "emails_enabled": true,
        "show_diff_preview_in_email": true,
        "shared_runners_enabled": true,
        "lfs_enabled": project.lfs_enabled,
        "creator_id": project.creator.0,
        "mr_default_target_self": false,
        "import_url": null,
        "import_type": null,
        "import_status": project.import_status,
        "import_error": null,
        "open_issues_count": 0,
        "description_html": description_html(project),
        "updated_at": time(project.updated_at),
    })
}

fn merge_settings() -> Value {
    json!({
        "ci_config_path": null,
        "public_jobs": true,
        "only_allow_merge_if_pipeline_succeeds": false,
        "allow_merge_on_skipped_pipeline": null,
        "request_access_enabled": true,
        "only_allow_merge_if_all_discussions_are_resolved": false,
        "remove_source_branch_after_merge": true,
        "printing_merge_request_link_enabled": true,
        "merge_method": "merge",
        "squash_option": "default_off",
        "enforce_auth_checks_on_uploads": true,
        "suggestion_commit_message": null,
        "merge_commit_template": null,
        "squash_commit_template": null,
        "issue_branch_template": null,
        "warn_about_potentially_unwanted_characters": true,
        "autoclose_referenced_issues": true,
        "max_artifacts_size": null,
        "external_authorization_classification_label": null,
        "requirements_enabled": false,
        "requirements_access_level": "enabled",
        "security_and_compliance_enabled": true,
        "compliance_frameworks": [],
    })
}

pub(super) fn statistics(project: &Project) -> Value {
    let size = project.repository_size;
    json!({
        "commit_count": if project.empty_repo { 0 } else { size / 4096 },
        "storage_size": size,
        "repository_size": size,
        "wiki_size": 0,
        "lfs_objects_size": 0,
        "job_artifacts_size": 0,
        "pipeline_artifacts_size": 0,
        "packages_size": 0,
        "snippets_size": 0,
        "uploads_size": 0,
        "container_registry_size": 0,
    })
}

fn ci_settings() -> Value {
    json!({
        "ci_default_git_depth": 20,
        "ci_delete_pipelines_in_seconds": null,
        "ci_forward_deployment_enabled": true,
        "ci_forward_deployment_rollback_allowed": true,
        "ci_job_token_scope_enabled": false,
        "ci_separated_caches": true,
        "ci_allow_fork_pipelines_to_run_in_parent_project": true,
        "ci_id_token_sub_claim_components": ["project_path", "ref_type", "ref"],
        "build_git_strategy": "fetch",
        "keep_latest_artifact": true,
        "restrict_user_defined_variables": true,
        "ci_pipeline_variables_minimum_override_role": "no_one_allowed",
        "ci_restrict_pipeline_cancellation_role": "developer",
        "runner_token_expiration_interval": null,
        "group_runners_enabled": true,
        "resource_group_default_process_mode": "unordered",
        "auto_cancel_pending_pipelines": "enabled",
        "build_timeout": 3600,
        "auto_devops_enabled": false,
        "auto_devops_deploy_strategy": "continuous",
        "ci_push_repository_for_job_token_allowed": false,
        "runners_token": null,
        "allow_pipeline_trigger_approve_deployment": false,
        "secret_push_protection_enabled": false,
        "spp_repository_pipeline_access": false,
    })
}

fn permissions(ctx: &Ctx<'_>, project: &Project) -> Value {
    let access = |level: u8| match level {
        0 => Value::Null,
        level => json!({ "access_level": level, "notification_level": 3 }),
    };
    let own = ctx.access.projects.get(&project.id).copied().unwrap_or(0);
    let by_group = ctx.access.group_role(GroupId(project.namespace.0));
    json!({ "project_access": access(own), "group_access": access(by_group) })
}

fn shared_with(ctx: &Ctx<'_>, project: &Project) -> Vec<Value> {
    let visible = |id: GroupId| {
        ctx.world
            .groups
            .get(&id)
            .filter(|group| ctx.access.sees_group(group))
    };
    project
        .shares
        .iter()
        .filter_map(|share| {
            let group = visible(share.group)?;
            Some(json!({
                "group_id": group.id.0,
                "group_name": group.name,
                "group_full_path": ctx.world.group_full_path(group.id),
                "group_access_level": share.role.level(),
                "expires_at": null,
            }))
        })
        .collect()
}

fn description_html(project: &Project) -> String {
    project
        .description
        .as_ref()
        .map_or_else(String::new, |text| {
            let text = text
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;");
            format!(
                "<p data-sourcepos=\"1:1-1:{}\" dir=\"auto\">{text}</p>",
                text.len()
            )
        })
}
