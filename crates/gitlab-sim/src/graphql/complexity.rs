//! What a query costs, counted before it runs, as GitLab counts: each field 1, a resolver one more,
//! searching and sorting more, and a connection one per cent of its children for each row.

use std::cell::Cell;
use std::collections::BTreeMap;

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet,
};
use async_graphql::{Name, Positioned, Value};

/// What one operation of a document costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cost {
    pub(super) complexity: u64,
    pub(super) depth: u64,
}

/// Deeper than this nothing is counted: fragments that contain themselves end here.
const DEEPEST: u64 = 60;
/// Nor beyond so many selections, which fragments inside fragments can multiply to.
const MOST_SELECTIONS: u64 = 100_000;

pub(super) fn of(
    document: &ExecutableDocument,
    operation: Option<&str>,
    variables: &BTreeMap<Name, Value>,
) -> Cost {
    let chosen: Option<&Positioned<OperationDefinition>> = match &document.operations {
        DocumentOperations::Single(single) => Some(single),
        DocumentOperations::Multiple(many) => match operation {
            Some(name) => many.get(name),
            None => many.values().next(),
        },
    };
    let Some(chosen) = chosen else {
        return Cost {
            complexity: 0,
            depth: 0,
        };
    };
    let counter = Counter {
        document,
        variables,
        operation: &chosen.node,
        seen: Cell::new(0),
    };
    let (complexity, depth) = counter.set(&chosen.node.selection_set.node, 1);
    Cost {
        complexity: complexity.ceil_units(),
        depth,
    }
}

/// Hundredths, so that one per cent of one field is a whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Hundredths(u64);

impl Hundredths {
    fn whole(units: u64) -> Self {
        Self(units.saturating_mul(100))
    }

    fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    fn ceil_units(self) -> u64 {
        self.0.div_ceil(100)
    }
}

struct Counter<'a> {
    document: &'a ExecutableDocument,
    variables: &'a BTreeMap<Name, Value>,
    operation: &'a OperationDefinition,
    seen: Cell<u64>,
}

impl Counter<'_> {
    fn set(&self, set: &SelectionSet, depth: u64) -> (Hundredths, u64) {
        if depth > DEEPEST {
            return (Hundredths(0), depth);
        }
        let mut total = Hundredths(0);
        let mut deepest = if set.items.is_empty() {
            depth - 1
        } else {
            depth
        };
        for selection in &set.items {
            self.seen.set(self.seen.get() + 1);
            if self.seen.get() > MOST_SELECTIONS {
                return (Hundredths(u64::MAX), depth);
            }
            let (cost, reached) = match &selection.node {
                Selection::Field(field) => self.field(&field.node, depth),
                Selection::InlineFragment(inline) => {
                    self.set(&inline.node.selection_set.node, depth)
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    match self.document.fragments.get(name) {
                        // A fragment costs no level, so a cycle must be stopped by one.
                        Some(fragment) => self.spread(&fragment.node.selection_set.node, depth),
                        None => (Hundredths(0), depth),
                    }
                }
            };
            total = total.plus(cost);
            deepest = deepest.max(reached);
        }
        (total, deepest)
    }

    fn spread(&self, set: &SelectionSet, depth: u64) -> (Hundredths, u64) {
        let cyclic = set
            .items
            .iter()
            .any(|item| matches!(item.node, Selection::FragmentSpread(_)));
        // A fragment inside a fragment counts as a level here, which real queries do not notice.
        self.set(set, if cyclic { depth + 1 } else { depth })
    }

    fn field(&self, field: &Field, depth: u64) -> (Hundredths, u64) {
        let name = field.name.node.as_str();
        if name.starts_with("__") {
            return (Hundredths(0), depth);
        }
        let (children, reached) = if field.selection_set.node.items.is_empty() {
            (Hundredths(0), depth)
        } else {
            self.set(&field.selection_set.node, depth + 1)
        };
        let mut own = 1;
        // These ask the Git storage of each project.
        if matches!(
            name,
            "repository" | "avatarUrl" | "forksCount" | "languages"
        ) {
            own += 1;
        }
        let connection = matches!(name, "projects" | "groups" | "descendantGroups");
        if connection || matches!(name, "project" | "group" | "namespace" | "currentUser") {
            own += 1;
        }
        if self.argument(field, "sort").is_some() {
            own += 1;
        }
        if self.argument(field, "search").is_some() {
            own += 5;
        }
        let mut cost = Hundredths::whole(own).plus(children);
        if connection {
            if name == "projects" && depth > 1 {
                cost = cost.plus(Hundredths::whole(10));
            }
            let rows = self.rows(field);
            cost = cost.plus(Hundredths(children.0.saturating_mul(rows) / 100));
        }
        (cost, reached)
    }

    fn rows(&self, field: &Field) -> u64 {
        let asked = self
            .argument(field, "first")
            .or_else(|| self.argument(field, "last"));
        let asked = match asked {
            Some(Value::Number(number)) => number.as_u64(),
            _ => None,
        };
        asked.unwrap_or(100).min(100)
    }

    fn argument(&self, field: &Field, name: &str) -> Option<Value> {
        let value = &field.get_argument(name)?.node;
        let resolved = value.clone().into_const_with(|variable| {
            let given = self.variables.get(&variable).cloned();
            let default = || {
                self.operation
                    .variable_definitions
                    .iter()
                    .find(|definition| definition.node.name.node == variable)
                    .and_then(|definition| definition.node.default_value())
                    .cloned()
            };
            given.or_else(default).ok_or(())
        });
        resolved.ok().filter(|value| *value != Value::Null)
    }
}
