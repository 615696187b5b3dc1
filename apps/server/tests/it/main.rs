//! The server as a whole, over real connections, with a simulated GitLab.

mod api;
mod bao;
mod crowded;
mod described;
mod edge;
mod history;
mod installation;
mod oidc;
mod openbao;
mod people;
mod preconditions;
mod program;
mod searching;
mod sign_ins;
mod sign_ins_on_a_page;
mod support;
mod vaults;
mod webhooks;
