//! This machine observed and acted on, with real sockets in network namespaces that each test makes for itself.

#![expect(clippy::panic, reason = "what was found instead is told")]

mod connections;
mod conntrack;
mod interfaces;
mod listeners;
mod namespace;
mod operator;
