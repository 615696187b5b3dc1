//! The project's automation. `cargo xtask help` lists what it does.

mod command;
mod fences;
mod finding;
mod rust_source;
mod tidy;
mod tree;
mod ui;
mod workspace;

fn main() -> anyhow::Result<()> {
    fences::run(&workspace::root())?;
    tidy::run(&workspace::root())
}
