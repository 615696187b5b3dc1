//! The document of `OpenAPI`: made from the handlers themselves, so that it cannot say anything else than they do.

use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref,
    ResponseBuilder,
};
use utoipa::{PartialSchema, ToSchema};

use super::problem::{self, ProblemBody};

/// The name of the way to show who asks.
const TOKEN: &str = "api_token";

/// What stands before the operations.
pub(crate) fn base() -> OpenApi {
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "an API token, made in the console or with `POST /tokens`",
        ))
        .build();
    let mut schemas = Vec::new();
    ProblemBody::schemas(&mut schemas);
    let components = ComponentsBuilder::new()
        .security_scheme(TOKEN, SecurityScheme::Http(token))
        .schema("Problem", ProblemBody::schema())
        .schemas_from_iter(schemas)
        .build();
    let license = LicenseBuilder::new()
        .name("MIT OR Apache-2.0")
        .identifier(Some("MIT OR Apache-2.0"))
        .build();
    let info = InfoBuilder::new()
        .title("Forgehold")
        .version("1")
        .description(Some(
            "Keeps the Git organizations of a company safe. Errors are problems (RFC 9457) with a stable `code`. Lists are pages: give `next` as \
             `after` to get what follows. Writes take an `Idempotency-Key`. \
             Parameters that an operation does not know are refused.",
        ))
        .license(Some(license))
        .build();
    OpenApiBuilder::new()
        .info(info)
        .components(Some(components))
        .security(Some([SecurityRequirement::new::<_, [String; 0], String>(
            TOKEN,
            [],
        )]))
        .build()
}

/// Says of each operation what all of them may answer: a problem.
pub(crate) fn finish(mut document: OpenApi) -> OpenApi {
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();
    let problem = ResponseBuilder::new()
        .description("why it was not done")
        .content(problem::MEDIA_TYPE, content)
        .build();
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            operation.operation_id = Some(id(method, path));
            let responses = &mut operation.responses.responses;
            for status in ["4XX", "5XX"] {
                responses.insert(status.to_owned(), problem.clone().into());
            }
            // An empty description says nothing.
            if operation.description.as_deref() == Some("") {
                operation.description = None;
            }
        }
    }
    document
}

/// The name of an operation, made of its method and its path: the names of the functions are not unique.
fn id(method: &str, path: &str) -> String {
    let parts = path.trim_start_matches("/api/v1/").split('/');
    let parts = parts.map(|part| part.replace('{', "by_").replace('}', ""));
    std::iter::once(method.to_owned())
        .chain(parts)
        .collect::<Vec<_>>()
        .join("_")
}

pub(super) fn operations(
    item: &mut PathItem,
) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    [
        ("get", &mut item.get),
        ("put", &mut item.put),
        ("post", &mut item.post),
        ("delete", &mut item.delete),
        ("patch", &mut item.patch),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}
