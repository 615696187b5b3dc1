//! gitlab-adapter.
