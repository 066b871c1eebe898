//! The running gate over real sockets: what clients and instances see, whatever the other side sends.
//!
//! Every test starts a gate of its own on ports of its own. Instances are strict recorders, scripts or `portcullis
//! hello`; none of them shares the parser under test.

#![expect(clippy::unwrap_used, clippy::panic, reason = "whatever is not there fails the test")]

mod running;

mod announced;
mod bodies;
mod codings;
mod compression;
mod confinement;
mod datagrams;
mod fastcgi;
mod files;
mod handshakes;
mod hostile;
mod http2;
mod identity;
mod instances;
mod limits;
mod load;
mod log;
mod paths;
mod php;
mod reload;
mod servers;
mod service;
mod serving;
mod smuggling;
mod streams;
mod stuck;
mod survival;
mod tunnel;
mod vectors;

#[path = "../../../http1/tests/judgement/table.rs"]
mod table;
