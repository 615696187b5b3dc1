//! The simulator held to GitLab's documented behavior, over real connections.

mod client;
mod faults;
mod listing;
