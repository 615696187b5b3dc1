//! The domain of Forgehold: what an organization at a Git host is, and the rules by which it is kept safe.
//!
//! A person connects a GitLab organization once. From then on every group and repository in it is known, each rename, transfer, archive and
//! deletion is followed, and new repositories get a license by rule. This crate holds all of that and nothing of the outside world: no
//! network, no database, no clock, no randomness. What it needs of those comes in through [`ports`], so that the command line, a server, or
//! a product of your own run the very same rules.
//!
//! # The parts
//!
//! - **Types**, parsed once at the edge: [`host`], [`text`], [`ids`], [`organization`], [`inventory`], [`listing`], [`token`], [`secret`].
//!   A form as it was typed is a [`draft`]; all of its mistakes are told at once.
//! - **Rules**, pure and synchronous: [`schedule`] answers when to run next, [`sync`] turns a known inventory and a listing into a plan,
//!   [`license`] says who gets a seat and why, [`event`] chains the history.
//! - **Ports**, what an implementer brings: a host, a vault, stores, a clock. The comment on each trait is its contract; with the feature
//!   `testing`, the module `testing` has in-memory fakes and a contract suite for every port.
//! - **Use cases**, async functions over the ports: [`use_cases::connect`], [`use_cases::follow`] and their neighbors. They read, have a planner
//!   decide, and have a store apply the decision in one transaction with its events.
//!
//! # A rule by itself
//!
//! The rules need no port at all:
//!
//! ```
//! use org_core::ids::OrganizationId;
//! use org_core::schedule::Schedule;
//!
//! let schedule: Schedule = "at 06:00,18:00 Europe/Warsaw mon-fri".parse()?;
//! let organization = OrganizationId::from_uuid(uuid::Uuid::from_u128(1));
//! let now = "2026-11-20T12:00:00Z".parse()?;
//! let next = schedule.next_after(organization, now).expect("it never ends");
//! assert_eq!(next.to_rfc3339(), "2026-11-20T17:00:00+00:00");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Embedding
//!
//! Implement the traits of [`ports`] (or take the fakes of the feature `testing` to begin with), put them into
//! [`Ports`](ports::Ports), and call the use cases. `examples/embed.rs` is a whole product in under 150 lines.
//!
//! # Features
//!
//! - `testing`: in-memory fakes, builders, and a contract suite for every port.
//! - `mock`: mockall mocks of every port, for what a fake cannot say.
//! - `serde`: (de)serialization of the public value types, always through their parsers, so that JSON brings in nothing invalid.

pub mod accounts;
pub mod attempt;
pub mod device;
pub mod draft;
pub mod event;
pub mod host;
pub mod ids;
pub mod inventory;
pub mod license;
pub mod listing;
pub mod oauth;
pub mod organization;
pub mod ports;
pub mod schedule;
pub mod secret;
pub mod sync;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod text;
pub mod token;
pub mod use_cases;
pub mod vaults;
pub mod words;
