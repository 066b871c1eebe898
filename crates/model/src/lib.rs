//! The words of Portcullis as types, and the configuration file on its way from text to [`plan::Plan`].
//!
//! Everything here is pure: no sockets, no clock, no runtime. Text, environment variables and file contents come in
//! as values; a plan, or a list of problems that says everything at once, comes out.

pub mod host;
pub mod pattern;
pub mod plan;
