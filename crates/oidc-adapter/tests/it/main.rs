//! The provider, against a small issuer with keys made here.

mod attacks;
mod behaviour;
mod issuer;
