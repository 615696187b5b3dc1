//! The simulator held to GitLab's documented behavior, over real connections.

mod adversarial;
mod client;
mod data;
mod faults;
mod graphql;
mod listing;
mod program;
mod real_clients;
mod truth;
