//! Licenses: the right to protect a repository, and the pool of seats they come from.
//!
//! [`policy`] says which repositories a rule may license, [`pool`] who gets the seats there are, [`explain`] why a repository stands
//! where it stands.

pub mod explain;
pub mod policy;
pub mod pool;
mod record;

pub use record::{LicenseRecord, LicenseRecordError, LicenseState, Reason};
