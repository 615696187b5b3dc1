//! What the sources of a layer may not say, whatever their manifest allows.
//!
//! `org-core` has no effects; apps have no SQL and no host knowledge; adapters do not know each other.

use crate::finding::Finding;
use crate::rust_source::{RustSource, Seen};
use crate::tree::{File, Tree};

/// A path that `org-core` may not use, anywhere in a longer path; `except` are the harmless names below it.
struct Effect {
    path: &'static [&'static str],
    except: &'static [&'static str],
    remedy: &'static str,
}

const TIME: &str = "take the time as an argument `now`, or from the `Clock` port in a use case";
const IDS: &str = "take ids from the id port, or as an argument";
const RANDOM: &str = "take randomness as an argument";
const WORLD: &str = "the domain does no I/O: put it behind a port";
const OUTPUT: &str = "the domain does not talk to a terminal: answer a value, or emit an event";

const EFFECTS: &[Effect] = &[
    Effect {
        path: &["std", "fs"],
        except: &[],
        remedy: WORLD,
    },
    // Addresses are values.
    Effect {
        path: &["std", "net"],
        except: &["IpAddr", "Ipv4Addr", "Ipv6Addr"],
        remedy: WORLD,
    },
    Effect {
        path: &["std", "os"],
        except: &[],
        remedy: WORLD,
    },
    Effect {
        path: &["std", "process"],
        except: &[],
        remedy: WORLD,
    },
    Effect {
        path: &["std", "env"],
        except: &[],
        remedy: "settings are arguments: the runtime reads the environment",
    },
    Effect {
        path: &["std", "thread"],
        except: &[],
        remedy: "the domain starts nothing: answer a future and let the caller run it",
    },
    Effect {
        path: &["io", "stdin"],
        except: &[],
        remedy: OUTPUT,
    },
    Effect {
        path: &["io", "stdout"],
        except: &[],
        remedy: OUTPUT,
    },
    Effect {
        path: &["io", "stderr"],
        except: &[],
        remedy: OUTPUT,
    },
    Effect {
        path: &["SystemTime", "now"],
        except: &[],
        remedy: TIME,
    },
    Effect {
        path: &["Instant", "now"],
        except: &[],
        remedy: TIME,
    },
    Effect {
        path: &["Utc", "now"],
        except: &[],
        remedy: TIME,
    },
    Effect {
        path: &["Local"],
        except: &[],
        remedy: "a zone is always named, never the machine's",
    },
    Effect {
        path: &["Uuid", "new_v4"],
        except: &[],
        remedy: IDS,
    },
    Effect {
        path: &["Uuid", "now_v7"],
        except: &[],
        remedy: IDS,
    },
    Effect {
        path: &["Uuid", "now_v1"],
        except: &[],
        remedy: IDS,
    },
    Effect {
        path: &["rand", "rng"],
        except: &[],
        remedy: RANDOM,
    },
    Effect {
        path: &["rand", "random"],
        except: &[],
        remedy: RANDOM,
    },
    Effect {
        path: &["thread_rng"],
        except: &[],
        remedy: RANDOM,
    },
    Effect {
        path: &["OsRng"],
        except: &[],
        remedy: RANDOM,
    },
    Effect {
        path: &["SysRng"],
        except: &[],
        remedy: RANDOM,
    },
    Effect {
        path: &["getrandom"],
        except: &[],
        remedy: RANDOM,
    },
    Effect {
        path: &["RandomState"],
        except: &[],
        remedy: RANDOM,
    },
];

const OUTPUT_MACROS: &[&str] = &["print", "println", "eprint", "eprintln", "dbg"];

/// Crates that an app may not name: whatever they do belongs below the use cases.
const NOT_IN_APPS: &[&str] = &["reqwest", "sqlx"];

/// Marks of the host's API: what only its adapter knows.
const HOST_MARKS: &[&str] = &["/api/v4", "/api/graphql", "private-token"];

/// What makes a string SQL: all parts, in this order, as words.
const SQL: &[&[&str]] = &[
    &["SELECT", "FROM"],
    &["INSERT", "INTO"],
    &["UPDATE", "SET"],
    &["DELETE", "FROM"],
    &["CREATE", "TABLE"],
    &["ALTER", "TABLE"],
    &["DROP", "TABLE"],
    &["PRAGMA"],
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let tests = tree.test_files();
    let product = tree
        .rust_files()
        .filter(|file| !tests.contains(&file.path.as_str()));
    let adapters: Vec<&str> = tree.files.iter().filter_map(adapter_of).collect();
    let mut findings = Vec::new();
    for file in product {
        let in_domain = file.path.starts_with("crates/org-core/src/");
        let in_app = file.path.starts_with("apps/") && file.path.contains("/src/");
        let adapter = adapter_of(file);
        if !in_domain && !in_app && adapter.is_none() {
            continue;
        }
        let source = match RustSource::parse(&file.text) {
            Ok(source) => source,
            Err(error) => {
                findings.push(Finding::new(
                    &file.path,
                    error.to_string(),
                    "make it compile",
                ));
                continue;
            }
        };
        if in_domain {
            findings.extend(domain(file, &source));
        } else if in_app {
            findings.extend(app(file, &source, &adapters));
        } else if let Some(own) = adapter {
            findings.extend(adapter_names(file, &source, &adapters, own));
        }
    }
    findings
}

/// The adapter that a file belongs to, by its folder.
fn adapter_of(file: &File) -> Option<&str> {
    let crate_name = file.path.strip_prefix("crates/")?.split('/').next()?;
    crate_name.ends_with("-adapter").then_some(crate_name)
}

fn domain(file: &File, source: &RustSource) -> Vec<Finding> {
    let mut findings = Vec::new();
    for seen in product_code(&source.paths) {
        for effect in EFFECTS {
            if uses(&seen.value, effect) {
                let what = format!("the domain may not use `{}`", seen.value.join("::"));
                findings.push(Finding::new(place(file, seen.line), what, effect.remedy));
            }
        }
    }
    for seen in product_code(&source.macros) {
        if OUTPUT_MACROS.contains(&seen.value.as_str()) {
            let what = format!("the domain may not use `{}!`", seen.value);
            findings.push(Finding::new(place(file, seen.line), what, OUTPUT));
        }
    }
    findings
}

fn uses(path: &[String], effect: &Effect) -> bool {
    let length = effect.path.len();
    path.windows(length).enumerate().any(|(at, window)| {
        let harmless = path
            .get(at + length)
            .is_some_and(|next| effect.except.iter().any(|except| except == next));
        window.iter().eq(effect.path) && !harmless
    })
}

fn app(file: &File, source: &RustSource, adapters: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for seen in product_code(&source.paths) {
        let first = seen
            .value
            .first()
            .map(|name| name.replace('_', "-"))
            .unwrap_or_default();
        if NOT_IN_APPS.contains(&first.as_str()) || adapters.contains(&first.as_str()) {
            findings.push(Finding::new(
                place(file, seen.line),
                format!("an app may not name `{first}`"),
                "call a use case of org-core, or let the runtime wire it",
            ));
        }
    }
    for seen in product_code(&source.strings) {
        if is_sql(&seen.value) {
            findings.push(Finding::new(
                place(file, seen.line),
                format!("an app may not hold SQL: {}", shortened(&seen.value)),
                "ask a store through a use case",
            ));
        }
        let text = seen.value.to_lowercase();
        if let Some(mark) = HOST_MARKS.iter().find(|mark| text.contains(*mark)) {
            findings.push(Finding::new(
                place(file, seen.line),
                format!("an app may not know the host's API: `{mark}`"),
                "put it into the host's adapter, behind a port",
            ));
        }
    }
    findings
}

fn adapter_names(file: &File, source: &RustSource, adapters: &[&str], own: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for seen in &source.paths {
        let first = seen
            .value
            .first()
            .map(|name| name.replace('_', "-"))
            .unwrap_or_default();
        let other = first != own && adapters.contains(&first.as_str());
        if seen.value.len() > 1 && (other || first == "runtime") {
            findings.push(Finding::new(
                place(file, seen.line),
                format!("`{own}` may not name `{first}`"),
                "adapters meet through ports of org-core, wired by the runtime",
            ));
        }
    }
    findings
}

fn is_sql(literal: &str) -> bool {
    let words: Vec<&str> = literal
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .collect();
    SQL.iter().any(|pattern| {
        let mut rest = words.iter();
        pattern.iter().all(|part| rest.any(|word| word == part))
    })
}

fn product_code<T>(seen: &[Seen<T>]) -> impl Iterator<Item = &Seen<T>> {
    seen.iter().filter(|seen| !seen.in_test)
}

fn place(file: &File, line: usize) -> String {
    format!("{}:{line}", file.path)
}

fn shortened(literal: &str) -> String {
    const LIMIT: usize = 60;
    if literal.chars().count() <= LIMIT {
        return literal.to_owned();
    }
    literal.chars().take(LIMIT).chain("...".chars()).collect()
}
