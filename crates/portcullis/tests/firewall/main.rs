//! The firewall as an operator meets it: the built program in hosts of the lab, judged by real packets.
//!
//! Every test has hosts, a state folder and a file of its own, and nothing leaves its namespaces. They need root, since
//! several of them become other users or run peers; one that lacks the rights fails and says so.

#![expect(clippy::unwrap_used, clippy::panic, reason = "whatever is not there fails the test")]

mod machine;
mod pair;
mod session;
mod sshd;

mod adopt;
mod boot;
mod broken;
mod commands;
mod docker;
mod draining;
mod faults;
mod flows;
mod full_table;
mod gate_user;
mod gateway;
mod hosts;
mod kills;
mod lists;
mod names;
mod proxy;
mod refusals;
mod rights;
mod rules;
mod stops;
mod trial;
mod tutorial;
