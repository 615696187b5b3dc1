//! GitLab's own shapes, with the fields that are needed and no others. Nothing of this leaves the crate.

pub(crate) mod graphql;
pub(crate) mod rest;
