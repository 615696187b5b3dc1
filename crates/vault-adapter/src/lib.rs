//! vault-adapter.
