//! Who asks: sessions of browsers, API tokens of programs, the code of the first run, and what keeps a browser from being used by others.

pub mod cookie;
pub mod csrf;
pub mod enter;
pub mod extract;
pub mod redirect;
pub mod setup;

pub use csrf::Csrf;
pub use extract::{Admin, CurrentUser, Manager, MaybeUser, Operator, Reader, Writer};
