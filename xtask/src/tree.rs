//! The files of the project: what git tracks, and what it would track if one added everything.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::command::Cmd;
use crate::rust_source::RustSource;

/// The text files of the project, sorted by path.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) files: Vec<File>,
}

#[derive(Debug)]
pub(crate) struct File {
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Tree {
    pub(crate) fn load(root: &Path) -> Result<Self> {
        // A checkout may belong to somebody else, as in containers; listing its files is harmless.
        let listing = Cmd::new("git", root)
            .args(["-c", "safe.directory=*", "ls-files", "-z"])
            .args(["--cached", "--others", "--exclude-standard"])
            .read()
            .context("the files of the project are listed by git")?;
        let mut files = Vec::new();
        for path in listing.split('\0').filter(|path| !path.is_empty()) {
            // A deleted file is still listed until the deletion is committed; a binary file is not our matter.
            if let Ok(bytes) = fs::read(root.join(path))
                && let Ok(text) = String::from_utf8(bytes)
            {
                files.push(File {
                    path: path.to_owned(),
                    text,
                });
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { files })
    }

    pub(crate) fn rust_files(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_rust())
    }

    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The files that hold nothing but tests: under `tests/`, or modules declared under `#[cfg(test)]`, with
    /// everything below them.
    pub(crate) fn test_files(&self) -> Vec<&str> {
        let mut modules: Vec<String> = Vec::new();
        for file in self.rust_files() {
            let Ok(source) = RustSource::parse(&file.text) else {
                continue;
            };
            let inside = file.module_dir();
            let marked = source.modules.iter().filter(|module| module.in_test);
            modules.extend(marked.map(|module| format!("{inside}/{}", module.value)));
        }
        self.rust_files()
            .map(|file| file.path.as_str())
            .filter(|path| {
                path.contains("/tests/")
                    || modules.iter().any(|module| {
                        path.strip_prefix(module.as_str())
                            .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
                    })
            })
            .collect()
    }
}

impl File {
    pub(crate) fn is_rust(&self) -> bool {
        Path::new(&self.path)
            .extension()
            .is_some_and(|extension| extension == "rs")
    }

    /// The folder in which the modules lie that this file declares.
    fn module_dir(&self) -> &str {
        let stem = self.path.strip_suffix(".rs").unwrap_or(&self.path);
        match stem.rsplit_once('/') {
            Some((dir, "mod" | "lib" | "main")) => dir,
            _ => stem,
        }
    }
}

#[cfg(test)]
impl Tree {
    /// A tree out of nothing, for the tests of checks.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        };
        Self {
            files: files.iter().map(file).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_modules_are_found_in_their_own_files() {
        let tree = Tree::of(&[
            (
                "crates/a/src/lib.rs",
                "#[cfg(test)] mod tests; mod plan; mod fakes;",
            ),
            ("crates/a/src/tests.rs", ""),
            ("crates/a/src/fakes.rs", ""),
            ("crates/a/src/plan.rs", "#[cfg(test)] mod tests;"),
            ("crates/a/src/plan/tests.rs", "mod deep;"),
            ("crates/a/src/plan/tests/deep.rs", ""),
            ("crates/a/tests/it/main.rs", ""),
        ]);
        insta::assert_snapshot!(tree.test_files().join("\n"), @"
        crates/a/src/tests.rs
        crates/a/src/plan/tests.rs
        crates/a/src/plan/tests/deep.rs
        crates/a/tests/it/main.rs
        ");
    }
}
