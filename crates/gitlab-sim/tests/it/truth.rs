//! Answers held against GitLab's `OpenAPI` document, its JSON schemas and the samples of its
//! documentation.

use std::collections::BTreeSet;

use gitlab_sim::{Fault, FaultKind, GitlabSim, Role, TokenSpec, World, WorldSpec};
use serde_json::{Map, Value, json};

use crate::client::{get, http, read};
use crate::data::sample;

const OPENAPI: &str = "openapi/gitlab-openapi-v2-subset.json";

async fn rich() -> GitlabSim {
    let spec = WorldSpec::new(11)
        .groups(12)
        .projects(60)
        .personal(3)
        .foreign(5)
        .shared_in(2);
    let mut world = World::generate(&spec);
    world
        .share_group("acme", "globex", Role::Developer)
        .unwrap();
    let first = world.projects().next().unwrap().id;
    world.mark_project_for_deletion(first).unwrap();
    GitlabSim::builder()
        .world(world)
        .token(TokenSpec::user("alice"))
        .start()
        .await
        .unwrap()
}

/// Swagger 2 as JSON schema. GitLab's generator writes `string` where it knows no type, so a bare
/// `string` says nothing; every property may be null; and unknown properties are mistakes.
fn schema_of(document: &Value, schema: &Value, depth: u32) -> Value {
    if depth > 6 {
        return json!({});
    }
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        let name = name.rsplit('/').next().unwrap_or_default();
        return schema_of(document, &document["definitions"][name], depth + 1);
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("array") => {
            let items = schema_of(document, &schema["items"], depth + 1);
            json!({ "type": ["array", "null"], "items": items })
        }
        Some("object") => {
            let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
                return json!({ "type": ["object", "null"] });
            };
            let properties: Map<String, Value> = properties
                .iter()
                .map(|(name, inner)| (name.clone(), schema_of(document, inner, depth + 1)))
                .collect();
            json!({
                "type": ["object", "null"],
                "properties": properties,
                "additionalProperties": false,
            })
        }
        Some("integer") => json!({ "type": ["integer", "null"] }),
        Some("boolean") => json!({ "type": ["boolean", "null"] }),
        _ => match schema.get("format").and_then(Value::as_str) {
            Some("date-time") => json!({ "type": ["string", "null"], "minLength": 20 }),
            _ => json!({}),
        },
    }
}

/// What the `OpenAPI` document says otherwise than the server: `(property, reason)`.
const EXCEPTIONS: &[(&str, &str)] = &[
    // "array of string", but the documentation's own sample has objects.
    (
        "shared_with_groups",
        "objects in the documentation's sample",
    ),
    // A single object in the document where the server sends a list.
    ("projects", "a list in the documentation"),
    ("shared_projects", "a list in the documentation"),
    ("compliance_frameworks", "a list in the documentation"),
    ("repository_storage", "for administrators"),
    ("namespace", "has fields of its own in samples"),
    ("granular_scopes", "newer than the document"),
    ("externalK8sProxyUrl", "newer than the document"),
    (
        "container_expiration_policy",
        "has name_regex_delete in the documentation's sample",
    ),
];

fn relax(schema: &mut Value) {
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        for (property, _) in EXCEPTIONS {
            properties.insert((*property).to_owned(), json!({}));
        }
        for inner in properties.values_mut() {
            relax(inner);
        }
    }
    if let Some(items) = schema.get_mut("items") {
        relax(items);
    }
}

fn check_schema(schema: &Value, value: &Value, what: &str) {
    let validator = jsonschema::validator_for(schema).unwrap();
    let problems: Vec<String> = validator
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(problems.is_empty(), "{what}:\n{}", problems.join("\n"));
}

#[tokio::test]
async fn answers_validate_against_the_openapi_document() {
    let Some(document) = sample(OPENAPI, "answers_validate_against_the_openapi_document") else {
        return;
    };
    let sim = rich().await;
    let (project, personal) = sim.world().read(|world| {
        let alice = world.user("alice").unwrap().namespace;
        let personal = world.projects().find(|p| p.namespace == alice).unwrap().id;
        (world.projects().nth(5).unwrap().id, personal)
    });
    let cases = [
        ("/api/v4/version".to_owned(), "/api/v4/version"),
        ("/api/v4/metadata".to_owned(), "/api/v4/metadata"),
        ("/api/v4/groups".to_owned(), "/api/v4/groups"),
        ("/api/v4/groups/acme".to_owned(), "/api/v4/groups/{id}"),
        (
            "/api/v4/groups/acme/subgroups".to_owned(),
            "/api/v4/groups/{id}/subgroups",
        ),
        (
            "/api/v4/groups/acme/descendant_groups".to_owned(),
            "/api/v4/groups/{id}/descendant_groups",
        ),
        (
            "/api/v4/groups/acme/projects?include_subgroups=true&per_page=100".to_owned(),
            "/api/v4/groups/{id}/projects",
        ),
        (
            "/api/v4/groups/acme/projects/shared".to_owned(),
            "/api/v4/groups/{id}/projects/shared",
        ),
        (
            "/api/v4/groups/acme/invited_groups".to_owned(),
            "/api/v4/groups/{id}/invited_groups",
        ),
        (
            "/api/v4/groups/globex/groups/shared".to_owned(),
            "/api/v4/groups/{id}/groups/shared",
        ),
        (
            "/api/v4/groups/acme/members".to_owned(),
            "/api/v4/groups/{id}/members",
        ),
        (
            "/api/v4/projects?simple=true&per_page=100".to_owned(),
            "/api/v4/projects",
        ),
        (
            format!("/api/v4/projects/{project}?statistics=true"),
            "/api/v4/projects/{id}",
        ),
        (
            format!("/api/v4/projects/{personal}"),
            "/api/v4/projects/{id}",
        ),
        (
            format!("/api/v4/projects/{project}/members/all"),
            "/api/v4/projects/{id}/members/all",
        ),
        (
            format!("/api/v4/projects/{project}/groups"),
            "/api/v4/projects/{id}/groups",
        ),
        (
            "/api/v4/users/alice/projects?simple=true".to_owned(),
            "/api/v4/users/{user_id}/projects",
        ),
        ("/api/v4/namespaces".to_owned(), "/api/v4/namespaces"),
        (
            "/api/v4/namespaces/acme".to_owned(),
            "/api/v4/namespaces/{id}",
        ),
        (
            "/api/v4/personal_access_tokens/self".to_owned(),
            "/api/v4/personal_access_tokens/self",
        ),
    ];
    for (path, pattern) in cases {
        let answer = &document["paths"][pattern]["get"]["responses"]["200"]["schema"];
        assert!(answer.is_object(), "the document does not know {pattern}");
        let mut schema = schema_of(&document, answer, 0);
        relax(&mut schema);
        let reply = get(&sim, &path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        let value = reply.json();
        assert!(
            value.as_array().is_none_or(|rows| !rows.is_empty()),
            "{path} shows nothing"
        );
        check_schema(&schema, &value, &path);
    }
}

/// GitLab's own test schemas, without their promise that nothing else is there.
fn loosen(schema: &mut Value) {
    if let Some(object) = schema.as_object_mut() {
        object.remove("additionalProperties");
        object.values_mut().for_each(loosen);
    }
}

#[tokio::test]
async fn answers_validate_against_the_json_schemas_of_gitlab() {
    let test = "answers_validate_against_the_json_schemas_of_gitlab";
    let sim = rich().await;
    let id = sim.world().read(|world| {
        let readable = world
            .projects()
            .find(|p| p.repository_enabled && !p.empty_repo);
        readable.unwrap().id
    });
    for (file, path) in [
        ("metadata", "/api/v4/metadata".to_owned()),
        ("project", format!("/api/v4/projects/{id}")),
        ("project/identity", format!("/api/v4/projects/{id}")),
        ("members", "/api/v4/groups/acme/members".to_owned()),
        ("user/basic", "/api/v4/users/2".to_owned()),
        (
            "branch",
            format!("/api/v4/projects/{id}/repository/branches"),
        ),
    ] {
        let file = format!("json-schemas/gitlab-public-api-v4/{file}.json");
        let Some(mut schema) = sample(&file, test) else {
            return;
        };
        loosen(&mut schema);
        let mut value = get(&sim, &path).await.json();
        if file.ends_with("branch.json") {
            value = value[0].clone();
            // The commit has a schema in another file.
            schema["properties"]["commit"] = json!({ "type": "object" });
        }
        check_schema(&schema, &value, &file);
    }
}

/// Fields that a documentation sample has and this simulator leaves out, each with its reason.
const LEFT_OUT: &[(&str, &str)] = &[
    ("mirror_user_id", "sent only while a pull mirror is set up"),
    (
        "mirror_trigger_builds",
        "sent only while a pull mirror is set up",
    ),
    (
        "only_mirror_protected_branches",
        "sent only while a pull mirror is set up",
    ),
    (
        "mirror_overwrites_diverged_branches",
        "sent only while a pull mirror is set up",
    ),
    (
        "printing_merge_requests_link_enabled",
        "the sample's name; the server says merge_request",
    ),
    ("owner", "sent only for personal projects"),
    ("license", "sent only with license=true"),
    ("license_url", "sent only with license=true"),
    ("statistics", "for groups, sent only to administrators"),
    ("repository_storage", "sent only to administrators"),
    ("ip_restriction_ranges", "sent only for one group"),
];

fn check_fields(sample: &Value, answer: &Value, what: &str) {
    let names = |value: &Value| -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    let have = names(answer);
    let missing: Vec<String> = names(sample)
        .into_iter()
        .filter(|name| !have.contains(name))
        .filter(|name| !LEFT_OUT.iter().any(|(known, _)| known == name))
        .collect();
    assert!(missing.is_empty(), "{what} lacks {missing:?}");
}

#[tokio::test]
async fn answers_have_the_fields_of_the_documentation() {
    let test = "answers_have_the_fields_of_the_documentation";
    let Some(project) = sample("docs-examples/projects/single-with-statistics.json", test) else {
        return;
    };
    let sim = rich().await;
    let id = sim.world().read(|world| {
        let readable = world
            .projects()
            .find(|p| p.repository_enabled && !p.empty_repo);
        readable.unwrap().id
    });
    let row = get(&sim, &format!("/api/v4/projects/{id}?statistics=true"))
        .await
        .json();
    check_fields(&project, &row, "a project");
    check_fields(&project["statistics"], &row["statistics"], "statistics");
    check_fields(&project["_links"], &row["_links"], "_links");
    check_fields(
        &project["container_expiration_policy"],
        &row["container_expiration_policy"],
        "container_expiration_policy",
    );
    let fork = sample("docs-examples/projects/forked-from-project.json", test).unwrap();
    let short = get(
        &sim,
        &format!("/api/v4/groups/acme/projects?simple=true&search={}", "a"),
    )
    .await
    .rows();
    let readable = short
        .iter()
        .find(|row| row.get("default_branch").is_some())
        .unwrap();
    check_fields(&fork, readable, "a simple project");
    check_fields(&fork["namespace"], &readable["namespace"], "a namespace");
    for (file, path) in [
        ("groups/list.json", "/api/v4/groups"),
        ("groups/list-with-statistics.json", "/api/v4/groups"),
        (
            "groups/descendant-groups.json",
            "/api/v4/groups/acme/descendant_groups",
        ),
    ] {
        let sample = sample(&format!("docs-examples/{file}"), test).unwrap();
        let rows = get(&sim, path).await.rows();
        check_fields(&sample[0], &rows[0], file);
    }
    let token = sample("docs-examples/personal-access-tokens/list.json", test).unwrap();
    let own = get(&sim, "/api/v4/personal_access_tokens/self")
        .await
        .json();
    check_fields(&token[0], &own, "a token");
    let associations = sample(
        "docs-examples/personal-access-tokens/self-associations.json",
        test,
    )
    .unwrap();
    let own = get(&sim, "/api/v4/personal_access_tokens/self/associations")
        .await
        .json();
    for part in ["groups", "projects"] {
        check_fields(&associations[part][0], &own[part][0], part);
    }
    check_fields(
        &associations["projects"][0]["access_levels"],
        &own["projects"][0]["access_levels"],
        "access levels",
    );
}

/// Error samples of REST, and the faults that answer with them.
fn error_samples() -> Vec<(&'static str, FaultKind)> {
    let unpaired = "`updated_at` filter and `updated_at` sorting must be paired";
    vec![
        (
            "400-pat-self-with-oauth",
            FaultKind::BadRequest {
                reason: "This endpoint requires token type to be a personal access token".into(),
            },
        ),
        (
            "400-updated-filter-unpaired",
            FaultKind::BadRequest {
                reason: unpaired.into(),
            },
        ),
        ("401-invalid-token-expired", FaultKind::TokenExpired),
        (
            "401-invalid-token-impersonation-disabled",
            FaultKind::ImpersonationDisabled,
        ),
        ("401-invalid-token-not-found", FaultKind::BadAccessToken),
        ("401-invalid-token-revoked", FaultKind::TokenRevoked),
        ("401-unauthorized", FaultKind::Unauthorized),
        (
            "403-insufficient-scope",
            FaultKind::InsufficientScope {
                scope: "sudo".into(),
            },
        ),
        (
            "403-sudo-not-admin",
            FaultKind::Forbidden {
                reason: Some("Must be admin to use sudo".into()),
            },
        ),
        (
            "404-project-not-found",
            FaultKind::NotFound {
                what: "Project".into(),
            },
        ),
        (
            "404-user-not-found",
            FaultKind::NotFound {
                what: "User with ID or username '123'".into(),
            },
        ),
        ("405-keyset-unavailable", FaultKind::KeysetUnavailable),
        ("405-offset-too-deep", FaultKind::OffsetTooDeep),
        ("409-already-exists", FaultKind::AlreadyExists),
        (
            "429-application-limiter",
            FaultKind::EndpointLimit { retry_after: None },
        ),
        (
            "429-rack-attack",
            FaultKind::Throttled {
                retry_after: Some(30),
            },
        ),
        ("500-internal", FaultKind::Internal),
        ("503-service-unavailable", FaultKind::Unavailable),
        ("cloudflare-403-challenge", FaultKind::CloudflareChallenge),
    ]
}

#[tokio::test]
async fn error_answers_are_those_of_gitlab() {
    let test = "error_answers_are_those_of_gitlab";
    let sim = rich().await;
    for (file, kind) in error_samples() {
        let Some(sample) = sample(&format!("docs-examples/errors/{file}.json"), test) else {
            return;
        };
        let id = sim.fault(Fault::new(kind));
        let reply = get(&sim, "/api/v4/projects").await;
        sim.clear_fault(id);
        assert_eq!(
            u64::from(reply.status),
            sample["status"].as_u64().unwrap(),
            "{file}"
        );
        match sample.get("body") {
            Some(body) => assert_eq!(&reply.json(), body, "{file}"),
            None => assert_eq!(reply.text, sample["body_text"].as_str().unwrap(), "{file}"),
        }
        for (name, _) in sample
            .get("headers")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            assert!(reply.header(name).is_some(), "{file} lacks {name}");
        }
    }
    for (file, kind) in [
        ("graphql-401", FaultKind::Unauthorized),
        (
            "graphql-rate-limited-field",
            FaultKind::EndpointLimit { retry_after: None },
        ),
    ] {
        let sample = sample(&format!("docs-examples/errors/{file}.json"), test).unwrap();
        let id = sim.fault(Fault::new(kind));
        let request = http().post(format!("{}/api/graphql", sim.url())).body("{}");
        let reply = read(request.send().await.unwrap()).await;
        sim.clear_fault(id);
        assert_eq!(
            u64::from(reply.status),
            sample["status"].as_u64().unwrap(),
            "{file}"
        );
        assert_eq!(reply.json(), sample["body"], "{file}");
    }
}
