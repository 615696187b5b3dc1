//! The stores of Forgehold on `SQLite`: one file next to the vault, no server.
//!
//! [`Store::open`] answers one value that implements every store port of `org-core`: organizations, attempts, sign-ins, renewals,
//! inventory, syncs, licenses, events, accesses to secrets, accounts, identities at a provider and kept answers.
//!
//! # What it promises
//!
//! - One change is one transaction, its events included. A program that is killed at any moment leaves the state before or after it.
//! - Any number of programs may use one file at a time. Those that write wait for each other; those that read never wait.
//! - After a loss of power the last transactions may be missing, but the file is never damaged (`synchronous=NORMAL` in WAL mode;
//!   `SQLite` docs, PRAGMA synchronous). A sync that is lost this way is made up for by the next one, since the host still has it all. A
//!   decision of a person that was answered in the last moments before a loss of power may have to be made again.
//! - A row that no version of this program wrote is an error that names table, column and row, never a panic and never skipped.
//!
//! # How it is written
//!
//! The SQL text is common to `SQLite` and `PostgreSQL`; what differs is in `dialect`. Rows are read and checked cell by cell in `cells`,
//! and what is a tree is kept as JSON through the private types of `wire`. Rules are not here: a plan says what to write.

mod accesses;
mod accounts;
mod answers;
mod attempts;
mod cells;
mod check;
mod cursor;
mod dialect;
mod error;
mod events;
mod identities;
mod inventory;
mod licenses;
mod migrations;
mod organizations;
mod remembered;
mod renewals;
mod seats;
mod sign_ins;
mod store;
mod syncs;
mod wire;

pub use check::CheckReport;
pub use store::{Store, StoreOptions};
