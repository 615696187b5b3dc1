//! store-adapter.
