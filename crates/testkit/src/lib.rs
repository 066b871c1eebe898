//! What the tests of Portcullis share: guards of programs, raw clients, constant load with a judge, backends that record or
//! misbehave, hosts in network namespaces.
//!
//! Everything has a deadline and fails the test by a panic that says what was waited for. The parser in [`strict`]
//! judges our own messages, so it shares no code and no dependency with the product.

#![expect(clippy::panic, reason = "a helper of tests fails the test")]

pub mod accounts;
pub mod backend;
pub mod folder;
pub mod lab;
pub mod load;
pub mod patience;
pub mod port;
pub mod process;
pub mod program;
pub mod raw;
pub mod strict;
pub mod tls;

pub use accounts::without_accounts;
pub use backend::{Answer, Recording, Scripted, Step};
pub use folder::Folder;
pub use patience::{PATIENCE, eventually};
pub use port::free_port;
pub use program::{Finished, Program};
pub use raw::Raw;

#[cfg(test)]
mod tests;
