//! The store as the gate sees it: plans, files and a clock go in; handshakes, events and files come out.

mod files;
mod handshake;
mod obtained;
mod own;
mod state;
mod support;
