//! The simulator held to GitLab's documented behavior, over real connections.

mod adversarial;
mod browser;
mod client;
mod data;
mod faults;
mod graphql;
mod listing;
mod oauth;
mod oauth_device;
mod oauth_errors;
mod oauth_pages;
mod oauth_refresh;
mod oauth_secrecy;
mod program;
mod real_clients;
mod rotation;
mod truth;
