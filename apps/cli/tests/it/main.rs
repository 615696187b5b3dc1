//! The program `forgehold` from end to end, against a simulated GitLab.

mod bad_input;
mod browser;
mod connect;
mod follow;
mod json;
mod licenses;
mod lists;
mod place;
mod reference;
mod secrets;
mod served;
mod served_sign_ins;
mod shell;
mod sim;
mod sso;
mod sso_life;
mod sso_secrets;
mod terminal;
