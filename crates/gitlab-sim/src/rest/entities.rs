//! The JSON of REST: which fields GitLab sends, and who gets them.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::Ctx;
use crate::shared::Shared;
use crate::world::{Account, Group, GroupId, NamespaceId, Token, TokenKind, User, Visibility};

/// GitLab writes milliseconds and `Z`.
pub(crate) fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

pub(super) fn metadata(shared: &Shared, all: bool) -> Value {
    let mut value = json!({ "version": shared.config.version, "revision": "51a1bd5a2f8" });
    if all {
        value["kas"] = json!({ "enabled": true, "externalUrl": null, "externalK8sProxyUrl": null, "version": null });
        value["enterprise"] = shared.config.enterprise.into();
    }
    value
}

pub(super) fn user_basic(shared: &Shared, user: &User) -> Value {
    json!({
        "id": user.id.0,
        "username": user.username,
        "public_email": "",
        "name": user.name,
        "state": if user.blocked { "blocked" } else { "active" },
        "locked": false,
        "avatar_url": null,
        "web_url": format!("{}/{}", shared.url, user.username),
    })
}

pub(super) fn user(shared: &Shared, user: &User) -> Value {
    let mut value = user_basic(shared, user);
    extend(
        &mut value,
        json!({
            "created_at": time(user.created_at),
            "bio": "",
            "location": "",
            "linkedin": "",
            "twitter": "",
            "discord": "",
            "website_url": "",
            "github": "",
            "job_title": "",
            "pronouns": null,
            "organization": "",
            "bot": user.is_bot(),
            "work_information": null,
            "local_time": null,
            "followers": 0,
            "following": 0,
            "is_followed": false,
        }),
    );
    value
}

pub(super) fn current_user(shared: &Shared, found: &User) -> Value {
    let mut value = user(shared, found);
    let email = if found.is_bot() {
        format!("{}@noreply.sim.example", found.username)
    } else {
        format!("{}@sim.example", found.username)
    };
    extend(
        &mut value,
        json!({
            "last_sign_in_at": null,
            "confirmed_at": time(found.created_at),
            "last_activity_on": null,
            "email": email,
            "theme_id": 3,
            "color_scheme_id": 1,
            "projects_limit": 100_000,
            "current_sign_in_at": null,
            "identities": [],
            "can_create_group": !found.is_bot(),
            "can_create_project": !found.is_bot(),
            "two_factor_enabled": false,
            "external": false,
            "private_profile": false,
            "commit_email": email,
            "namespace_id": found.namespace.0,
        }),
    );
    if found.account == Account::Admin {
        extend(&mut value, json!({ "is_admin": true, "note": null }));
    }
    value
}

pub(super) fn token(token: &Token, now: DateTime<Utc>) -> Value {
    let mut value = json!({
        "id": token.id.0,
        "name": token.name,
        "revoked": token.revoked,
        "created_at": time(token.created_at),
        "description": token.description,
        "scopes": token.scopes,
        "user_id": token.user.0,
        "last_used_at": token.last_used_at.map(time),
        "active": token.is_active(now),
        "expires_at": token.expires_at.map(|day| day.to_string()),
        "last_used_ips": ["127.0.0.1"],
    });
    if let TokenKind::FineGrained(permissions) = &token.kind {
        value["granular_scopes"] =
            json!([{ "access": "all_memberships", "permissions": permissions }]);
    }
    value
}

/// The namespace inside a project.
pub(super) fn namespace_basic(ctx: &Ctx<'_>, id: NamespaceId) -> Value {
    let full_path = ctx.world.namespace_path(id);
    let (name, path, kind, parent, web_path) = if let Some(owner) = ctx.world.personal_owner(id) {
        (
            owner.name.as_str(),
            owner.username.as_str(),
            "user",
            None,
            full_path.clone(),
        )
    } else {
        let group = ctx.world.groups.get(&GroupId(id.0));
        let (name, path) = group.map_or(("", ""), |group| (&group.name, &group.path));
        let parent = group.and_then(|group| group.parent).map(|id| id.0);
        (name, path, "group", parent, format!("groups/{full_path}"))
    };
    json!({
        "id": id.0,
        "name": name,
        "path": path,
        "kind": kind,
        "full_path": full_path,
        "parent_id": parent,
        "avatar_url": null,
        "web_url": format!("{}/{web_path}", ctx.shared.url),
    })
}

pub(super) fn namespace(ctx: &Ctx<'_>, id: NamespaceId) -> Value {
    let mut value = namespace_basic(ctx, id);
    extend(
        &mut value,
        json!({ "plan": "default", "end_date": null, "trial_ends_on": null, "trial": false }),
    );
    if ctx.world.personal_owner(id).is_none() {
        extend(
            &mut value,
            json!({ "members_count_with_descendants": 1, "projects_count": ctx.world.projects_of(id).count() }),
        );
    }
    value
}

/// A group in a list.
pub(super) fn group(ctx: &Ctx<'_>, group: &Group) -> Value {
    let full_path = ctx.world.group_full_path(group.id);
    let mut value = json!({
        "id": group.id.0,
        "web_url": format!("{}/groups/{full_path}", ctx.shared.url),
        "name": group.name,
        "path": group.path,
        "description": group.description,
        "visibility": group.visibility.as_str(),
        "share_with_group_lock": false,
        "require_two_factor_authentication": false,
        "two_factor_grace_period": 48,
        "project_creation_level": "developer",
        "auto_devops_enabled": null,
        "subgroup_creation_level": "maintainer",
        "emails_disabled": false,
        "emails_enabled": true,
        "show_diff_preview_in_email": true,
        "mentions_disabled": null,
        "lfs_enabled": true,
        "archived": ctx.world.group_archived(group.id),
        "math_rendering_limits_enabled": true,
        "lock_math_rendering_limits_enabled": false,
        "default_branch": null,
        "default_branch_protection": 2,
        "default_branch_protection_defaults": {
            "allowed_to_push": [{ "access_level": 40 }],
            "allow_force_push": false,
            "allowed_to_merge": [{ "access_level": 40 }],
        },
        "avatar_url": null,
        "request_access_enabled": true,
        "full_name": ctx.world.group_full_name(group.id),
        "full_path": full_path,
        "created_at": time(group.created_at),
        "parent_id": group.parent.map(|id| id.0),
        "organization_id": 1,
        "shared_runners_setting": "enabled",
        "max_artifacts_size": null,
        "marked_for_deletion_on": group.marked_for_deletion_on.map(|day| day.to_string()),
    });
    if ctx.shared.config.enterprise {
        extend(
            &mut value,
            json!({
                "ldap_cn": null,
                "ldap_access": null,
                "file_template_project_id": null,
                "wiki_access_level": "enabled",
                "duo_features_enabled": true,
                "lock_duo_features_enabled": false,
                "duo_core_features_enabled": null,
                "auto_duo_code_review_enabled": null,
                "web_based_commit_signing_enabled": false,
            }),
        );
    }
    if ctx.access.admin {
        value["repository_storage"] = "default".into();
    }
    value
}

/// What of a group stands beside its projects when it is asked for alone.
pub(super) fn group_detail(ctx: &Ctx<'_>, found: &Group) -> Value {
    let mut value = group(ctx, found);
    let shares: Vec<Value> = found
        .shares
        .iter()
        .filter_map(|share| {
            let other = ctx.world.groups.get(&share.group)?;
            Some(json!({
                "group_id": other.id.0,
                "group_name": other.name,
                "group_full_path": ctx.world.group_full_path(other.id),
                "group_access_level": share.role.level(),
                "expires_at": null,
            }))
        })
        .collect();
    extend(
        &mut value,
        json!({
            "shared_with_groups": shares,
            "prevent_sharing_groups_outside_hierarchy": false,
            "shared_runners_minutes_limit": null,
            "extra_shared_runners_minutes_limit": null,
            "prevent_forking_outside_group": false,
            "membership_lock": false,
            "enabled_git_access_protocol": "all",
        }),
    );
    if ctx.shared.config.enterprise {
        extend(
            &mut value,
            json!({ "ip_restriction_ranges": null, "allowed_email_domains_list": null }),
        );
    }
    value
}

/// The few fields of a group in the groups of a project.
pub(super) fn group_public(ctx: &Ctx<'_>, group: &Group) -> Value {
    let full_path = ctx.world.group_full_path(group.id);
    json!({
        "id": group.id.0,
        "web_url": format!("{}/groups/{full_path}", ctx.shared.url),
        "name": group.name,
        "avatar_url": null,
        "full_name": ctx.world.group_full_name(group.id),
        "full_path": full_path,
    })
}

/// A visibility as a parameter.
pub(super) const VISIBILITIES: &[&str] = &["", "private", "internal", "public"];

pub(super) fn visibility(word: &str) -> Option<Visibility> {
    Visibility::parse(word)
}

pub(super) fn extend(value: &mut Value, more: Value) {
    if let (Value::Object(fields), Value::Object(more)) = (value, more) {
        let more: Map<String, Value> = more;
        fields.extend(more);
    }
}

pub(crate) fn ssh_host(base: &str) -> String {
    url::Url::parse(base)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .unwrap_or_else(|| "localhost".to_owned())
}
