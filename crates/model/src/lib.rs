//! The words of Portcullis as types, and the configuration file on its way from text to [`plan::Plan`].
//!
//! Everything here is pure: no sockets, no clock, no runtime. Text, environment variables and file contents come in
//! as values; a plan, or a list of problems that says everything at once, comes out.
//!
//! The way of a file: [`source`] (text) → `raw` (every section with its places) → `lower` (what they mean together)
//! → [`plan`]. [`compile()`] goes all of it.

pub mod edit;
pub mod host;
pub mod path;
pub mod pattern;
pub mod plan;
pub mod printable;
pub mod problem;
pub mod registry;
pub mod routes;
pub mod source;

mod again;
mod compile;
mod log;
mod lower;
mod narrowed;
mod places;
mod raw;

pub use compile::{Compiled, Compiler, compile, compile_text, quick_start};
pub use log::log;
pub use places::{Places, places};
pub use raw::{KeyReference, SectionReference, reference, schema};
