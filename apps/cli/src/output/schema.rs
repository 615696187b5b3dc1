//! The documented shape of the JSON: made from the structs themselves, and compared with the committed pages.

use std::collections::BTreeSet;
use std::fmt::Write;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::ErrorReport;
use super::attempt::Attempt;
use super::check::Check;
use super::device::Device;
use super::doctor::Examination;
use super::event::Event;
use super::group::Group;
use super::license::{Holder, Policy, Pool, Seats};
use super::organization::{Connected, Organization, Removal};
use super::repository::{Explanation, LicenseChange, Repository, RepositoryDetails, Verdict};
use super::schedule::Preview;
use super::secret::{Access, Relocation, Secret, Tested};
use super::sync::{Decided, SyncRun, Synced};
use super::vault::{Checked, Rotated, Vault};
use crate::docs;

/// How often the type comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Once.
    One,
    /// In `{"items": [...], "next": ...}`.
    List,
    /// One a line, as they come.
    Lines,
}

/// What the commands write, in the order of their names.
struct Answers {
    generator: SchemaGenerator,
    rows: Vec<(&'static str, Shape, String)>,
}

impl Answers {
    fn add<T: JsonSchema>(&mut self, command: &'static str, shape: Shape) {
        self.generator.subschema_for::<T>();
        let name = T::schema_name().into_owned();
        self.rows.push((command, shape, name));
    }

    fn all() -> Self {
        use Shape::{Lines, List, One};

        let mut all = Self {
            generator: SchemaSettings::draft2020_12()
                .for_serialize()
                .into_generator(),
            rows: Vec::new(),
        };
        all.add::<Device>("device list", List);
        all.add::<Examination>("doctor", One);
        all.add::<Event>("events", List);
        all.add::<Event>("events --follow", Lines);
        all.add::<Group>("group list", List);
        all.add::<Holder>("license holders", List);
        all.add::<Policy>("license policy set", One);
        all.add::<Policy>("license policy show", One);
        all.add::<Verdict>("license policy test", List);
        all.add::<Seats>("license seats", One);
        all.add::<Pool>("license status", One);
        all.add::<Holder>("license waiting", List);
        all.add::<Connected>("org add", One);
        all.add::<Check>("org add --check", One);
        all.add::<Decided>("org approve", One);
        all.add::<Attempt>("org attempts", List);
        all.add::<Organization>("org edit", One);
        all.add::<Organization>("org list", List);
        all.add::<Organization>("org pause", One);
        all.add::<Connected>("org reconnect", One);
        all.add::<Decided>("org reject", One);
        all.add::<Removal>("org remove", One);
        all.add::<Organization>("org resume", One);
        all.add::<Organization>("org rotate-token", One);
        all.add::<Organization>("org show", One);
        all.add::<Synced>("org sync", One);
        all.add::<LicenseChange>("repo assign", One);
        all.add::<Repository>("repo list", List);
        all.add::<LicenseChange>("repo release", One);
        all.add::<RepositoryDetails>("repo show", One);
        all.add::<Explanation>("repo why", One);
        all.add::<SyncRun>("run", Lines);
        all.add::<Preview>("schedule preview", One);
        all.add::<Secret>("secret add", One);
        all.add::<Access>("secret history", List);
        all.add::<Secret>("secret link", One);
        all.add::<Secret>("secret list", List);
        all.add::<Relocation>("secret move", List);
        all.add::<Secret>("secret remove", One);
        all.add::<Secret>("secret rotate", One);
        all.add::<Secret>("secret show", One);
        all.add::<Tested>("secret test", One);
        all.add::<SyncRun>("sync list", List);
        all.add::<SyncRun>("sync show", One);
        all.add::<Checked>("vault check", One);
        all.add::<Vault>("vault list", List);
        all.add::<Rotated>("vault recover", One);
        all.add::<Rotated>("vault rotate-key", One);
        all.add::<ErrorReport>("any, on failure, to standard error", One);
        all
    }
}

/// For programs: a schema of each command's answer.
fn schema() -> Value {
    let mut answers = Answers::all();
    let mut definitions = answers.generator.take_definitions(true);
    let mut commands = Map::new();
    for (command, shape, name) in &answers.rows {
        let reference = json!({ "$ref": format!("#/$defs/{name}") });
        let answer = match shape {
            Shape::One | Shape::Lines => reference,
            Shape::List => json!({
                "type": "object",
                "properties": {
                    "items": { "type": "array", "items": reference },
                    "next": { "type": ["string", "null"] }
                },
                "required": ["items", "next"]
            }),
        };
        commands.insert((*command).to_owned(), answer);
    }
    for definition in definitions.values_mut() {
        if let Some(object) = definition.as_object_mut() {
            object.remove("$schema");
        }
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The answers of forgehold with --output json",
        "commands": commands,
        "$defs": definitions,
    })
}

const INTRODUCTION: &str = "\
# JSON of `forgehold`

With `--output json` (or `-o json`) every command writes JSON to standard output, and an error as JSON to standard error; the exit codes are \
on their own page. Progress and notes go to standard error and never mix with it.

- Fields are added, and never renamed or removed within a major version: ignore what you do not know.
- A field that has no value is `null`, and is there.
- Times are RFC 3339 in UTC.
- A list is `{\"items\": [...], \"next\": ...}`. Where `next` is not `null`, repeat the command with `--after` and its value (`events`: with \
`--before`) to get what follows. `repo list` and `group list` without `--limit` go through everything, in the memory of one page.
- A stream is one JSON value a line, without end.
- `json-output.schema.json` beside this page says the same as a JSON Schema for each command.

";

/// For people: a table of each type.
fn page() -> String {
    let schema = schema();
    let mut text = INTRODUCTION.to_owned();
    text += "## Commands\n\n| command | answer |\n| --- | --- |\n";
    for (command, shape, name) in &Answers::all().rows {
        let answer = match shape {
            Shape::One => format!("[`{name}`](#{})", anchor(name)),
            Shape::List => format!("list of [`{name}`](#{})", anchor(name)),
            Shape::Lines => format!("stream of [`{name}`](#{})", anchor(name)),
        };
        let command = if command.starts_with("any") {
            (*command).to_owned()
        } else {
            format!("`{command}`")
        };
        let _ = writeln!(text, "| {command} | {answer} |");
    }
    text += "\n## Types\n";
    let definitions = schema["$defs"]
        .as_object()
        .expect("a schema has definitions");
    for (name, definition) in definitions {
        let _ = write!(text, "\n### {name}\n\n");
        let _ = writeln!(text, "{}\n", words(definition));
        text += "| field | type | what it is |\n| --- | --- | --- |\n";
        let properties = definition["properties"].as_object().into_iter().flatten();
        for (field, property) in properties {
            let _ = writeln!(
                text,
                "| `{field}` | {} | {} |",
                kind(property),
                words(property)
            );
        }
    }
    text
}

fn anchor(name: &str) -> String {
    name.to_lowercase()
}

fn words(schema: &Value) -> String {
    let text = schema["description"].as_str().unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The type of a field, in words.
fn kind(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return format!("[`{name}`](#{})", anchor(name));
    }
    if let Some(any) = schema["anyOf"].as_array() {
        return any.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    let one = |name: &str| match name {
        "array" => format!("list of {}", kind(&schema["items"])),
        "boolean" => "true or false".to_owned(),
        "integer" => "whole number".to_owned(),
        other => other.to_owned(),
    };
    match &schema["type"] {
        Value::String(name) => one(name),
        Value::Array(names) => names
            .iter()
            .filter_map(Value::as_str)
            .map(one)
            .collect::<Vec<_>>()
            .join(" or "),
        _ => String::new(),
    }
}

#[test]
fn the_page_is_up_to_date() {
    docs::check("json-output.md", &page());
}

#[test]
fn the_schema_is_up_to_date() {
    let text = serde_json::to_string_pretty(&schema()).expect("a schema is JSON");
    docs::check("json-output.schema.json", &(text + "\n"));
}

/// Types of the API that are otherwise on purpose, with the fields that only one side has.
const OTHERWISE: [(&str, &[&str]); 2] = [
    // There a decision may begin a job; here it is waited for.
    ("Decided", &["job", "syncs"]),
    // What `If-Match` names.
    ("Organization", &["version"]),
];

/// A program that reads one of the two reads the other as well.
#[test]
fn the_api_answers_with_the_same_fields() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api/openapi.json");
    let page = std::fs::read_to_string(page).expect("the page is there");
    let api: Value = serde_json::from_str(&page).expect("it is JSON");
    let fields = |schema: &Value| -> BTreeSet<String> {
        let fields = schema["properties"].as_object();
        fields
            .into_iter()
            .flatten()
            .map(|(name, _)| name.clone())
            .collect()
    };
    let mut compared = 0;
    for (name, here) in schema()["$defs"].as_object().expect("definitions") {
        let Some(there) = api["components"]["schemas"].get(name) else {
            continue;
        };
        let (here, there) = (fields(here), fields(there));
        let only: Vec<&String> = here.symmetric_difference(&there).collect();
        let allowed = OTHERWISE.iter().find(|(known, _)| known == name);
        assert_eq!(
            only,
            allowed.map_or(&[][..], |(_, fields)| fields),
            "{name}"
        );
        compared += 1;
    }
    assert!(compared > 25, "only {compared} types have the same name");
}

#[test]
fn every_field_is_described() {
    let schema = schema();
    let definitions = schema["$defs"]
        .as_object()
        .expect("a schema has definitions");
    for (name, definition) in definitions {
        assert_ne!(words(definition), "", "{name}");
        for (field, property) in definition["properties"].as_object().into_iter().flatten() {
            let described = !words(property).is_empty() || property["$ref"].is_string();
            assert!(described, "{name}.{field}");
        }
    }
}

/// Two types of one name would hide each other in the page.
#[test]
fn no_type_is_numbered() {
    let schema = schema();
    let definitions = schema["$defs"]
        .as_object()
        .expect("a schema has definitions");
    for name in definitions.keys() {
        assert!(!name.ends_with(char::is_numeric), "{name}");
    }
}
