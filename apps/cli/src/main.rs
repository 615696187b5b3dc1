//! The `forgehold` command line.
fn main() {}
